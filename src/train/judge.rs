//! A model on the dev split, and whether it is better than its base.

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::Device;

use checkpoint::{BASE, BEST, Card, CheckpointConfig, Figures, OfBase, mean_f1};
use ground::counts::Counts;
use ground::interrupt;
use ground::observe::{Event, Observer};
use ground::workers::Workers;
use model::Model;
use model::decode::Wanted;
use model::example::Example;
use model::predict::{Budget, Size, predict_each};
use nn::Weights;
use nn::device::Compute;
use table::rows::TrainingFigureRow;

use super::TrainError;
use super::config::TrainConfig;
use super::corpora::Corpus;
use super::documents::Documents;
use super::features::{Features, OverFeatures};
use super::part::{Scored, scored};
use super::prepare::Prepared;
use super::present::Trained;

/// What a model does in dev documents: counts of each, corpus by corpus.
#[derive(Debug, Clone)]
pub struct Judged(Vec<Vec<Counts>>);

impl Judged {
    /// The mean of the corpora's F1, which chooses the best checkpoint.
    pub fn f1(&self) -> f64 {
        mean_f1(&self.0)
    }

    /// What is told of it: of several corpora each with its name.
    pub fn told(&self, corpora: &[Corpus]) -> Vec<(Option<String>, Counts)> {
        let of = |(corpus, documents): (&Corpus, &Vec<Counts>)| {
            (corpus.name().map(str::to_owned), documents.iter().copied().sum())
        };
        corpora.iter().zip(&self.0).map(of).collect()
    }

    /// Rows of the table of an epoch's figures.
    pub fn rows(&self, corpora: &[Corpus], stage: u32, epoch: u32) -> Vec<TrainingFigureRow> {
        let row = |(name, counts): (Option<String>, Counts)| TrainingFigureRow {
            epoch,
            corpus: name.unwrap_or_default().into(),
            stage,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
        };
        let mut rows: Vec<TrainingFigureRow> = self.told(corpora).into_iter().map(row).collect();
        rows.sort_by(|one, other| one.corpus.cmp(&other.corpus));
        rows
    }

    /// How it compares with what the base does in the same documents.
    pub fn beside(&self, base: &Self) -> OfBase {
        OfBase::of(&base.0, &self.0)
    }

    /// A card with its figures.
    pub fn on(&self, mut card: Card, stage: u32, epoch: u32) -> Card {
        card.figures = Some(Figures::of(stage, epoch, &self.0));
        for (corpus, documents) in card.corpora.iter_mut().zip(&self.0) {
            corpus.figures = Some(Figures::of(stage, epoch, std::slice::from_ref(documents)));
        }
        card
    }
}

/// Predicts documents as scoring does, and counts in each.
pub fn judge(
    workers: &Workers,
    model: &dyn Model,
    (documents, dev): (&Documents, &[Scored]),
    most_labels: usize,
    device: &Device,
) -> Result<Judged, TrainError> {
    let asked = (Wanted::predicted(most_labels), Budget::on(device, model, None));
    let read = |place| Ok::<_, TrainError>(documents.read(place)?);
    let counts = predict_each(workers, model, dev.to_vec(), asked, read, |example, found| {
        let found = found.predictions.iter().map(|found| (found.head, found.tail, found.relation.class));
        Counts::of(&facts(example), found)
    });
    if counts.is_err() {
        interrupt::check()?;
    }
    let mut corpora = vec![Vec::new(); documents.corpora()];
    for (counts, (_, place)) in counts?.into_iter().zip(dev) {
        if let Some(corpus) = corpora.get_mut(documents.corpus(*place)) {
            corpus.push(counts);
        }
    }
    Ok(Judged(corpora))
}

/// What holds in a document: (head, tail, class).
fn facts(example: &Example) -> BTreeSet<(u32, u32, u32)> {
    let pairs = example.pairs.iter().zip(&example.labels);
    pairs.flat_map(|(&(head, tail), classes)| classes.iter().map(move |&class| (head, tail, class))).collect()
}

/// What the base that a stage stands over does on the dev split, before the stage begins; `None` where the model has
/// none.
///
/// # Errors
/// Where its checkpoint cannot be read, or the device refuses.
pub fn judge_base(
    config: &TrainConfig,
    (out, prepared): (&Path, &Prepared),
    features: Option<&Features>,
    (workers, compute): (&Workers, &Compute),
) -> Result<Option<Judged>, TrainError> {
    let Some(model) = config.model.base() else { return Ok(None) };
    let (weights, _) = prepared.base(out)?;
    let build = |model| -> Result<Box<dyn Model>, TrainError> {
        let weights = Weights::given(weights.clone(), "model.", config.seed, &compute.device);
        let mut weights = weights.computing_in(compute.precision.dtype()).fixed();
        Ok(CheckpointConfig { model, ..prepared.checkpoint.clone() }.build(&mut weights)?)
    };
    let mut base = build(model)?;
    let whole = build(config.model.clone())?;
    let (of_whole, _) = scored(&*whole, &prepared.dev)?;
    let size = |&(_, place): &Scored| Ok((Size::of(&*base, &prepared.dev.read(place)?), place));
    let dev = of_whole.iter().map(size).collect::<Result<Vec<Scored>, TrainError>>()?;
    if let Some(features) = features {
        // Where the module looks at more pairs than are asked about, the features are those of more.
        if dev == of_whole {
            base = Box::new(OverFeatures { model: base, features: features.dev.clone() });
        }
    }
    judge(workers, &*base, (&prepared.dev, &dev), config.most_labels, &compute.device).map(Some)
}

/// What a run has come to beside its base, where it has one. That it is no better is told: what it leaves as its best
/// is the whole all the same, whose traces and iterations those ask for who have trained it.
///
/// # Errors
/// Where the best checkpoint's card cannot be read.
pub fn compared(
    trained: Trained,
    config: &TrainConfig,
    out: &Path,
    observe: Observer<'_>,
) -> Result<Trained, TrainError> {
    let best = out.join(BEST);
    let Some(of_base) = Card::find(&best)?.and_then(|card| card.base) else { return Ok(trained) };
    if !of_base.is_worse() {
        // A stage of a pipeline trains in a folder that goes when it is done.
        let beside = || format!("`{BASE}` beside `{BEST}`, in a pipeline the stage's output `{BASE}`");
        let base = config.base.as_ref().map_or_else(beside, |base| base.display().to_string());
        let [whole, of_base] = [of_base.f1 + of_base.difference, of_base.f1].map(|f1| format!("{:.2}", 100.0 * f1));
        let told = format!("F1 {whole} on dev is not above the {of_base} of its base");
        observe(Event::Note(format!("{told}: as far as dev tells, score with that, {base}")));
    }
    Ok(Trained { base_f1: Some(of_base.f1), ..trained })
}
