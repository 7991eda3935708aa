//! Labelled pairs → checkpoints: one loop over epochs and steps.
//!
//! Nothing random has a state that must be kept: the order of an epoch's documents depends on the seed and the epoch,
//! the masks of a step on the seed and the step, and what its threads share on these alone. So a run that goes on from
//! its last whole epoch comes to the same weights as one that was never stopped.
//!
//! A model with a base takes two stages ([`plan`]): the second begins with the best checkpoint of the first, read back
//! from its folder, or with one that was trained before, and with a fresh optimizer.

mod batches;
mod card;
pub mod config;
mod error;
mod part;
mod prepare;
mod present;
mod schedule;
mod plan;
mod state;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle_core::backprop::GradStore;
use candle_core::{Result as TensorResult, Tensor};

use checkpoint::{Card, CheckpointConfig, Figures};
use examples::cut_off;
use ground::counts::Counts;
use ground::identity::Identity;
use ground::interrupt;
use ground::observe::{Event, Observer, Progress};
use ground::present;
use ground::random::Random;
use ground::settings::Settings;
use ground::workers::Workers;
use model::decode::Wanted;
use model::example::Example;
use model::predict::{Budget, predict};
use model::{Lesson, Model};
use nn::Weights;
use nn::device::{Compute, DeviceChoice};
use nn::optimizer::{AdamOptions, AdamW};
use pieces::CutOff;
use table::rows::TrainingLogRow;
use table::{Lock, Ours, Staging, TableError, clear_leftovers};

pub use checkpoint::{BASE, BEST};
pub use config::TrainConfig;
pub use error::TrainError;
pub use state::LAST;

use part::Bound;
use plan::{Stage, stages};
use prepare::Prepared;
use schedule::Schedule;
use state::{Saved, State};

/// Sets the stream of masks apart from that of orders.
const MASKS: u64 = 0x6D61_736B;
/// Sets the stream of what the parts of a step share apart from both.
const SHARED: u64 = 0x7368_6172;
/// Likewise the streams by which a step draws entities.
const PARTS: u64 = 0x7061_7274;

/// An epoch that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Epoch {
    /// Its stage, where the run has several.
    pub stage: Option<u32>,
    /// Its number, from 1.
    pub number: u32,
    /// The mean loss of its steps.
    pub loss: f64,
    /// Documents that it trained on, a second.
    pub documents_per_second: f64,
    /// What the model then did on the dev split.
    pub dev: Counts,
    /// Whether no epoch before it was as good.
    pub is_best: bool,
}

/// A run that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trained {
    /// Its last stage.
    pub stage: u32,
    /// The epoch whose checkpoint is the best of the last stage.
    pub best_epoch: u32,
    /// Its F1 on the dev split.
    pub best_f1: f64,
    /// Epochs in all.
    pub epochs: u32,
}

/// Trains a model into the folder `out`: `best` and `last` are checkpoints, and `base`, where a first stage trains the
/// model's base; `training_log` is a table. With `resume` a run that was stopped goes on from its last whole epoch, and
/// comes to the same weights if the device is the same.
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
    config.check().map_err(TrainError::Config)?;
    let lock = Lock::inside(out)?;
    clear_leftovers(out, checkpoint::OURS);
    clear_leftovers(out, Ours::TABLES);
    state::recover(out)?;
    let state = State::read(out)?;
    if state.is_some() && !resume {
        return Err(TrainError::Exists(out.to_path_buf()));
    }
    if state.is_none() {
        state::check_places(out)?;
    }
    let compute = device.open(config.precision)?;
    observe(compute.event());
    let prepared = Prepared::read(config, &compute)?;
    prepared.sources(config).into_iter().map(Event::Detail).for_each(observe);
    let mut lost = CutOff::default();
    prepared.examples().for_each(|example| lost += cut_off(example));
    lost.event(config.most_pieces).into_iter().for_each(observe);
    let identity = identity(config, &prepared);
    if state.as_ref().is_some_and(|state| state.run != identity) {
        return Err(TrainError::OtherRun(out.to_path_buf()));
    }
    let reached = state.as_ref().map_or(1, |state| state.stage);
    let stages = stages(config);
    if state.is_some() {
        state::check(out, stages.iter().filter(|stage| stage.number <= reached).map(|stage| stage.best))?;
    } else if [BASE, BEST].iter().any(|checkpoint| out.join(checkpoint).exists()) {
        // Its last checkpoint was taken away, or it was killed before there was one.
        if table::fingerprint(out, "training_log")?.is_some_and(|made| made != identity) {
            return Err(TrainError::OtherRun(out.to_path_buf()));
        }
        observe(Event::Note(present::ANEW.to_owned()));
    }
    let mut trained = Trained::default();
    for stage in stages.iter().filter(|stage| stage.number >= reached) {
        let saved = State::read(out)?.map(|state| state.load(out)).transpose()?;
        let mut run = Run::new(config, stage, out, &prepared, identity.clone(), &compute, saved)?;
        run.weights.unused().event().filter(|_| stage.number == 1).into_iter().for_each(observe);
        run.large().into_iter().for_each(observe);
        while !run.is_over() {
            run.epoch(&lock, observe)?;
        }
        let (best_epoch, best_f1) = run.best().unwrap_or_default();
        run.check_saved()?;
        trained = Trained { stage: stage.number, best_epoch, best_f1, epochs: run.epochs };
    }
    Ok(trained)
}

/// Identifies settings, corpus and checkpoints, wherever these are.
fn identity(config: &TrainConfig, prepared: &Prepared) -> String {
    let (corpus, nowhere) = (PathBuf::new(), String::new());
    let settings =
        TrainConfig { corpus, train: nowhere.clone(), dev: nowhere, base: None, teacher: None, ..config.clone() };
    Identity::of("train").field("settings", &settings).field("prepared", &prepared.fingerprint).finish()
}

/// One stage of a run under way.
struct Run<'a> {
    workers: Workers,
    compute: &'a Compute,
    config: &'a TrainConfig,
    stage: &'a Stage,
    out: &'a Path,
    prepared: &'a Prepared,
    /// The documents that choose the best checkpoint, but for those that are too large.
    dev: Vec<Example>,
    identity: String,
    /// What its checkpoints say of themselves.
    checkpoint: CheckpointConfig,
    model: Box<dyn Model>,
    /// The same variables, without gradients.
    judge: Box<dyn Model>,
    weights: Weights,
    adam: AdamW,
    schedule: Schedule,
    /// Steps of the stage in all.
    steps: u64,
    /// Epochs done before the stage.
    before: u32,
    /// Epochs done.
    epochs: u32,
    log: Vec<TrainingLogRow>,
}

/// The losses of some of a step's documents, as shares of the mean over the step's pairs.
#[derive(Debug, Clone, Copy)]
struct Losses {
    threshold: f64,
    auxiliary: Option<f64>,
}

impl Losses {
    fn total(self) -> f64 {
        self.threshold + self.auxiliary.unwrap_or_default()
    }

    fn and(self, other: Self) -> Self {
        let auxiliary = self.auxiliary.zip(other.auxiliary).map(|(one, other)| one + other);
        Self { threshold: self.threshold + other.threshold, auxiliary }
    }
}

impl<'a> Run<'a> {
    fn new(
        config: &'a TrainConfig,
        stage: &'a Stage,
        out: &'a Path,
        prepared: &'a Prepared,
        identity: String,
        compute: &'a Compute,
        saved: Option<Saved>,
    ) -> Result<Self, TrainError> {
        let checkpoint = CheckpointConfig { model: stage.model.clone(), ..prepared.checkpoint.clone() };
        let given = |tensors, prefix| Weights::given(tensors, prefix, config.seed, &compute.device);
        let weights = match &saved {
            Some(saved) if saved.state.stage == stage.number => given(saved.weights.clone(), ""),
            // What the stage adds to the model begins at random.
            Some(_) => given(state::weights(out, BASE)?, "model."),
            None => prepared.weights(config.seed, &compute.device)?,
        };
        let mut weights = weights.computing_in(compute.precision.dtype()).learning(stage.rates.learning());
        let model = checkpoint.build(&mut weights)?;
        let mut weights = weights.detached();
        let judge = checkpoint.build(&mut weights)?;
        let options = AdamOptions { clip: Some(config.clip), ..AdamOptions::default() };
        let group = |name: &str| stage.rates.group(name, config.weight_decay);
        let mut adam = AdamW::new(weights.variables(), group, options)?;
        let (mut epochs, mut log) = (0, Vec::new());
        if let Some(saved) = saved {
            if saved.state.stage == stage.number {
                adam.restore(&saved.moments, saved.state.steps)?;
            }
            (epochs, log) = (saved.state.epochs, saved.log);
        }
        let earlier = log.iter().filter(|row: &&TrainingLogRow| row.stage < stage.number);
        let before = earlier.map(|row| row.epoch).max().unwrap_or_default();
        let batches = prepared.train.len().div_ceil(config.batch);
        let steps = batches.div_ceil(config.accumulation) as u64 * u64::from(stage.epochs);
        let schedule = Schedule::new(steps, config.warm_up);
        let workers = compute.workers()?;
        let (dev, _) = part::scored(&*judge, &prepared.dev);
        Ok(Self {
            workers,
            compute,
            config,
            stage,
            out,
            prepared,
            dev,
            identity,
            checkpoint,
            model,
            judge,
            weights,
            adam,
            schedule,
            steps,
            before,
            epochs,
            log,
        })
    }

    /// The stage's best epoch and its F1; of equals the first.
    fn best(&self) -> Option<(u32, f64)> {
        Trained::of_stage(&self.log, self.stage.number).map(|trained| (trained.best_epoch, trained.best_f1))
    }

    fn is_over(&self) -> bool {
        let waited = self.epochs - self.best().map_or(self.before, |(epoch, _)| epoch);
        let done = self.epochs - self.before;
        done >= self.stage.epochs || self.config.patience.is_some_and(|patience| waited >= patience)
    }

    fn epoch(&mut self, lock: &Lock, observe: Observer<'_>) -> Result<(), TrainError> {
        let (epoch, begun, start) = (self.epochs + 1, Instant::now(), self.log.len());
        let lengths: Vec<usize> = self.prepared.train.iter().map(|example| example.ids.len()).collect();
        let mut random = Random::stream(self.config.seed, u64::from(epoch));
        let order = batches::batches(&lengths, self.config.batch, &mut random);
        for batches in order.chunks(self.config.accumulation) {
            interrupt::check()?;
            self.step(epoch, batches)?;
            observe(Event::Progress(Progress::step(self.adam.steps(), self.steps)));
        }
        let documents_per_second = lengths.len() as f64 / begun.elapsed().as_secs_f64();
        let losses: Vec<f64> = self.log.iter().skip(start).map(|row| row.loss).collect();
        let (judged, before, mean_weights) = (self.evaluate()?, self.best(), self.judge.mean_weights()?);
        let dev: Counts = judged.iter().copied().sum();
        if let Some(row) = self.log.last_mut() {
            row.dev_f1 = Some(dev.f1());
            [row.feature_weight, row.relation_weight] = mean_weights.map_or([None; 2], |means| means.map(Some));
        }
        self.epochs = epoch;
        let is_best = before.is_none_or(|(_, f1)| dev.f1() > f1);
        // Before, lest it be made anew with half of the run in it; behind, lest the run end well without it.
        lock.check()?;
        self.save(is_best, &judged)?;
        lock.check()?;
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        let stage = (stages(self.config).len() > 1).then_some(self.stage.number);
        let ended = Epoch { stage, number: epoch, loss, documents_per_second, dev, is_best };
        observe(Event::Line(ended.to_string()));
        Ok(())
    }

    /// One step on some batches. Threads share them, and what they find is added up in the batches' order.
    fn step(&mut self, epoch: u32, batches: &[Vec<usize>]) -> Result<(), TrainError> {
        let (begun, taken) = (Instant::now(), self.adam.steps());
        let step = self.log.last().map_or(0, |row| row.step) + 1;
        let fault = |source| TrainError::Step { step, source };
        let shards = batches::shards(batches, self.workers.count());
        let shards: Vec<Vec<Example>> = shards.iter().map(|shard| self.examples(shard)).collect();
        let shards = self.bound().parts(&*self.model, shards, &mut Random::stream(self.config.seed ^ PARTS, step));
        let counts = shards.iter().map(|shard| self.counts(shard));
        let all = counts.fold([0, 0], |[judged, pairs], more| [judged + more[0], pairs + more[1]]);
        let parts = self.workers.run((0u64..).zip(&shards).collect(), |(place, batch)| {
            let mut random = Random::stream(self.config.seed ^ MASKS, (step << 16) + place);
            let shared = Random::stream(self.config.seed ^ SHARED, step);
            let (losses, grads) = self.gradients(batch, (all, shared), &mut random).map_err(fault)?;
            if losses.total().is_finite() { Ok((losses, grads)) } else { Err(diverged(step, losses, batch)) }
        });
        let mut parts = parts?.into_iter();
        let Some((mut losses, mut grads)) = parts.next() else { return Ok(()) };
        for (others, more) in parts {
            losses = losses.and(others);
            grads.extend(more).map_err(fault)?;
        }
        let factor = self.schedule.factor(taken);
        let gradient_norm = self.adam.step(&grads, factor).map_err(fault)?;
        self.model.follow().map_err(fault)?;
        let n_documents = shards.iter().map(Vec::len).sum::<usize>();
        let [encoder_rate, head_rate] = self.stage.rates.told(&self.stage.model).map(|rate| rate * factor);
        self.log.push(TrainingLogRow {
            step,
            epoch,
            stage: self.stage.number,
            loss: losses.total(),
            threshold_loss: losses.threshold,
            auxiliary_loss: losses.auxiliary,
            encoder_rate,
            head_rate,
            gradient_norm,
            documents_per_second: n_documents as f64 / begun.elapsed().as_secs_f64(),
            feature_weight: None,
            relation_weight: None,
            dev_f1: None,
        });
        Ok(())
    }

    fn bound(&self) -> Bound {
        Bound { most_pairs: self.config.most_pairs }
    }

    /// What is said of documents that are too large to be learnt from, or scored, as a whole.
    fn large(&self) -> Vec<Event> {
        let (_, told) = part::scored(&*self.judge, &self.prepared.dev);
        self.bound().told(&*self.model, &self.prepared.train).into_iter().chain(told).collect()
    }

    fn examples(&self, places: &[usize]) -> Vec<Example> {
        places.iter().filter_map(|&place| self.prepared.train.get(place).cloned()).collect()
    }

    /// Of how many pairs the threshold losses of some documents are means, and of how many all else that is learnt is.
    fn counts(&self, examples: &[Example]) -> [usize; 2] {
        [self.model.n_judged(examples), examples.iter().map(|example| example.pairs.len()).sum()]
    }

    /// A batch's share of the mean losses over the step's pairs, which are counted, and the gradients of their sum.
    fn gradients(
        &self,
        batch: &[Example],
        (all, shared): ([usize; 2], Random),
        random: &mut Random,
    ) -> TensorResult<(Losses, GradStore)> {
        let progress = self.adam.steps() as f64 / self.steps as f64;
        let teacher = self.prepared.teacher.as_ref().map(|teacher| teacher.score(batch)).transpose()?.flatten();
        let lesson = Lesson { examples: batch, progress, teacher: teacher.map(|scores| scores.logits), shared };
        let Some(loss) = self.model.loss(&lesson, random)? else {
            candle_core::bail!("expected pairs in every batch, found none");
        };
        let [judged, pairs] = self.counts(batch);
        let shares = [judged as f64 / all[0] as f64, pairs as f64 / all[1] as f64];
        let number = |loss: &Tensor, share| Ok::<_, candle_core::Error>(f64::from(loss.to_scalar::<f32>()?) * share);
        // Before they are read, which waits for the device.
        let grads = loss.shared(shares)?.backward()?;
        let auxiliary = loss.auxiliary.as_ref().map(|loss| number(loss, shares[1])).transpose()?;
        Ok((Losses { threshold: number(&loss.threshold, shares[0])?, auxiliary }, grads))
    }

    /// Predicts the dev split as scoring does, and counts in each document.
    fn evaluate(&self) -> Result<Vec<Counts>, TrainError> {
        let dev = self.dev.clone();
        let wanted = Wanted::predicted(self.config.most_labels);
        let budget = Budget::on(&self.compute.device, &*self.judge, None);
        let predicted = predict(&self.workers, &*self.judge, dev, wanted, budget);
        if predicted.is_err() {
            interrupt::check()?;
        }
        let documents = self.dev.iter().zip(predicted.map_err(TrainError::Model)?);
        Ok(documents
            .map(|(example, predicted)| {
                let found = predicted.iter().map(|found| (found.head, found.tail, found.relation.class));
                Counts::of(&facts(example), found)
            })
            .collect())
    }

    /// Refuses to end where a checkpoint of the stage is not there any more.
    fn check_saved(&self) -> Result<(), TrainError> {
        for checkpoint in [self.stage.best, LAST] {
            let path = self.out.join(checkpoint);
            let found = present(fs::metadata(&path));
            let found = found.map_err(|source| TableError::Io { path: path.clone(), action: "look at it", source })?;
            if found.is_none() {
                return Err(TableError::Gone { path }.into());
            }
        }
        Ok(())
    }

    /// The best checkpoint goes first and the state last: killed in between, the run does the epoch again and writes
    /// the same.
    fn save(&self, is_best: bool, judged: &[Counts]) -> Result<(), TrainError> {
        let (checkpoint, tokenizer) = (&self.checkpoint, &self.prepared.tokenizer);
        let figures = Figures::of(self.stage.number, self.epochs, judged);
        let card = Card { figures: Some(figures), ..self.prepared.card.clone() };
        if is_best {
            let staging = Staging::begin_over(&self.out.join(self.stage.best), checkpoint::OURS)?;
            checkpoint.save(staging.folder(), tokenizer, self.weights.variables())?;
            card.save(staging.folder())?;
            staging.commit()?;
        }
        table::write(self.out, &self.identity, self.log.clone())?;
        let staging = Staging::begin_over(&self.out.join(LAST), checkpoint::OURS)?;
        checkpoint.save(staging.folder(), tokenizer, self.weights.variables())?;
        card.save(staging.folder())?;
        let (stage, steps) = (self.stage.number, self.adam.steps());
        let state = State { run: self.identity.clone(), stage, epochs: self.epochs, steps };
        state.save(staging.folder(), &self.adam)?;
        Ok(staging.commit()?)
    }
}

/// What holds in a document: (head, tail, class).
fn facts(example: &Example) -> BTreeSet<(u32, u32, u32)> {
    let pairs = example.pairs.iter().zip(&example.labels);
    pairs.flat_map(|(&(head, tail), classes)| classes.iter().map(move |&class| (head, tail, class))).collect()
}

fn diverged(step: u64, losses: Losses, batch: &[Example]) -> TrainError {
    let loss = losses.total() as f32;
    let document = batch.first().map(|example| example.doc_id.to_string()).unwrap_or_default();
    TrainError::Diverged { step, loss, document }
}
