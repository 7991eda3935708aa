//! Labelled pairs → checkpoints: one loop over epochs and steps.
//!
//! Nothing random has a state that must be kept: the order of an epoch's documents depends on the seed and the epoch,
//! the masks of a step on the seed and the step, and what its threads share on these alone. So a run that goes on from
//! its last whole epoch, on as many threads, comes to the same weights as one that was never stopped.
//!
//! Documents do not lie in memory ([`documents`]): each step reads its own, by place. They may be of several corpora
//! ([`corpora`]), each with a share of an epoch ([`mixture`]).
//!
//! A run may begin with what another has learnt ([`begin`]), as one over clean labels does after one over many noisy
//! ones. A model with a base takes two stages ([`plan`]): the second begins with the best checkpoint of the first, read back
//! from its folder, or with one that was trained before, and with a fresh optimizer. Of a base that stays as it is,
//! [`features`] are made once; with folds, by bases that have not seen the documents, each trained in a stage of its
//! own between the two. In the end the whole is compared with its base ([`mod@judge`]).

mod batches;
mod begin;
mod card;
pub mod config;
mod corpora;
mod corpus_config;
mod mixture;
mod error;
mod documents;
mod over;
mod part;
mod prepare;
mod record;
mod present;
mod schedule;
mod plan;
mod features;
mod losses;
mod judge;
mod run;
mod state;

use std::path::Path;

use ground::identity::{Contents, Identity};
use ground::observe::{Event, Observer};
use ground::settings::Settings;
use nn::device::{Compute, DeviceChoice};
use table::{Lock, Ours, clear_leftovers};

pub use checkpoint::{BASE, BEST};
pub use config::TrainConfig;
pub use corpus_config::CorpusConfig;
pub use error::TrainError;
pub use present::Trained;
pub use state::LAST;

use features::Frozen;
use judge::{compared, judge_base};
use plan::{Stage, stages};
use prepare::Prepared;
use run::Run;
use state::State;

/// What is said where two branches differ by what is dropped, and nothing is.
const EQUAL_BRANCHES: &str = "`distillation` is `r-drop` and nothing is dropped: both branches are the same, and neither \
                              learns from the other; expected an encoder with dropout";

/// Trains a model into the folder `out`: `best` and `last` are checkpoints, and `base`, where a first stage trains the
/// model's base; `training_log` is a table. With `resume` a run that was stopped goes on from its last whole epoch, and
/// comes to the same weights if the device is the same, and on a CPU the number of threads.
///
/// # Errors
/// Where settings, corpus or encoder cannot be used, the folder holds a run that is not to be resumed, or training
/// diverges. Checkpoints that were there stay.
pub fn train(
    config: &TrainConfig,
    out: &Path,
    resume: bool,
    device: DeviceChoice,
    observe: Observer<'_>,
) -> Result<Trained, TrainError> {
    train_knowing(&Contents::default(), config, out, resume, device, observe)
}

/// As [`train`]; an encoder whose content is known is not read once more to identify it.
///
/// # Errors
/// As there.
pub fn train_knowing(
    contents: &Contents,
    config: &TrainConfig,
    out: &Path,
    resume: bool,
    device: DeviceChoice,
    observe: Observer<'_>,
) -> Result<Trained, TrainError> {
    config.check().map_err(TrainError::Config)?;
    let lock = Lock::inside(out)?;
    clear_leftovers(out, checkpoint::OURS);
    clear_leftovers(out, Ours::TABLES);
    clear_leftovers(out, features::OURS);
    let stages = stages(config);
    state::recover(out, &stages)?;
    let state = State::read(out)?;
    if state.is_some() && !resume {
        return Err(TrainError::Exists(out.to_path_buf()));
    }
    if state.is_none() {
        state::check_places(out, &stages)?;
    }
    let compute = device.open(config.precision)?;
    observe(compute.event());
    let prepared = Prepared::read(config, out, &compute, contents)?;
    prepared.sources(config).into_iter().map(Event::Detail).for_each(observe);
    prepared.told().for_each(observe);
    prepared.cut_off().event(config.most_pieces).into_iter().for_each(observe);
    config.unused().map(|told| Event::Note(told.to_owned())).into_iter().for_each(observe);
    let encoder = &prepared.checkpoint.encoder;
    if config.has_equal_branches([encoder.hidden_dropout_prob, encoder.attention_probs_dropout_prob]) {
        observe(Event::Warning(EQUAL_BRANCHES.to_owned()));
    }
    let identity = identity(config, &prepared);
    if state.as_ref().is_some_and(|state| state.run != identity) {
        return Err(TrainError::OtherRun(out.to_path_buf()));
    }
    let mut to_come: Vec<&Stage> = stages.iter().collect();
    if let Some(state) = &state {
        let reached = stages.iter().filter(|stage| stage.number <= state.stage);
        state::check(out, reached.filter(|stage| stage.is_left_in(out)).map(|stage| &*stage.best))?;
        let log = state.log(out)?;
        let has_ended = stages.last().is_some_and(|stage| stage.is_over(&log, config.patience));
        // Bases of folds that a run did without are trained where the features that it found are gone.
        to_come.retain(|stage| stage.number >= state.stage || !has_ended && !stage.is_left_in(out));
    } else if state::is_begun(out, &identity)? {
        observe(Event::Note(present::ANEW.to_owned()));
    }
    let trained = take(&to_come, (config, out, &lock), (&prepared, &compute, identity), observe)?;
    compared(trained, config, out, observe)
}

/// Takes the stages that are to come.
fn take(
    stages: &[&Stage],
    (config, out, lock): (&TrainConfig, &Path, &Lock),
    (prepared, compute, identity): (&Prepared, &Compute, String),
    observe: Observer<'_>,
) -> Result<Trained, TrainError> {
    let (mut trained, mut features) = (Trained::default(), None);
    for stage in stages {
        let frozen = || Frozen::new(config, prepared, out, compute);
        if stage.needs_features() && features.is_none() {
            features = frozen()?.find(observe)?;
        }
        if stage.fold.is_some() && features.is_some() {
            continue;
        }
        let mut saved = State::read(out)?.map(|state| state.load(out, prepared.corpora.len())).transpose()?;
        if let Some(later) = saved.take_if(|saved| saved.state.stage > stage.number) {
            observe(Event::Note(present::went_back(stage.number)));
            saved = Some(later.before(stage.number));
        }
        let mut run = Run::new(config, stage, out, prepared, identity.clone(), compute, saved)?;
        if stage.is_over_a_base() && !run.is_over() {
            if stage.needs_features() && features.is_none() {
                features = Some(frozen()?.make(&run.workers, observe)?);
            }
            let of_base = judge_base(config, (out, prepared), features.as_ref(), (&run.workers, compute))?;
            run = run.over(of_base, features.take());
        }
        run.weights.unused().event().filter(|_| stage.number == 1).into_iter().for_each(observe);
        run.large()?.into_iter().for_each(observe);
        while !run.is_over() {
            run.epoch(lock, observe)?;
        }
        run.check_saved()?;
        trained = run.trained();
    }
    Ok(trained)
}

/// Identifies settings, corpus, encoder and checkpoints, wherever these are.
fn identity(config: &TrainConfig, prepared: &Prepared) -> String {
    let settings = config.without_places();
    Identity::of("train").field("settings", &settings).field("prepared", &prepared.fingerprint).finish()
}
