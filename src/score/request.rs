//! What is to be scored, and how.

use std::path::Path;

use serde::{Deserialize, Serialize};

use decide::At;
use ground::choice;
use ground::settings::{Settings, at_least, within};
use model::MOST;
#[cfg(doc)]
use model::predict::USUAL_BYTES;
use nn::device::{DeviceChoice, Precision};

use super::shard::Shard;

/// How far below the threshold class's logit those lie that are kept, unless asked otherwise: a few a pair.
pub const MARGIN: f32 = 5.0;
/// The same at most: all relations of any pair.
const MOST_MARGIN: f32 = 1000.0;

/// Which pairs are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Candidates {
    /// The corpus' candidates, but for those of types that the model's training left out.
    #[default]
    Model,
    /// The corpus' candidates.
    Corpus,
}

choice!(Candidates, "candidates", { Model => "model", Corpus => "corpus" });

/// How a split is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What the run is called; absent: as whoever scores calls it.
    pub run_id: Option<String>,
    /// How often the model infers; 0: its base alone; absent: as often as it says.
    pub iterations: Option<usize>,
    /// Pieces of a batch, unless a document alone has more; absent: as many as suit the device. Does not change what is
    /// predicted.
    pub pieces_at_once: Option<usize>,
    /// Pairs of a document at most that a model looks at; one that has more is not scored, and told. Absent: as many as
    /// the model holds in [`USUAL_BYTES`].
    pub most_pairs: Option<u64>,
    /// How far below the threshold class's logit a relation's may lie to be among the scores. Does not change what is
    /// predicted.
    pub margin: f32,
    /// Which pairs are scored.
    pub candidates: Candidates,
    /// The precision that the decision's threshold came to where it was fitted, in place of its own threshold.
    pub at_precision: Option<f64>,
    /// The recall that it came to, likewise.
    pub at_recall: Option<f64>,
    /// The type in which matrix products are computed; absent: `bf16` on a CUDA device, `f32` on the CPU.
    pub precision: Option<Precision>,
    /// The one of the corpora that the model was trained on together as whose documents these are scored: what that does not
    /// annotate is not claimed, relations are called as there, and its candidates are scored. Absent: as none of them.
    pub like: Option<String>,
}

impl Options {
    /// The threshold that is asked for.
    pub(crate) fn at(&self) -> At {
        At { precision: self.at_precision, recall: self.at_recall }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            run_id: None,
            iterations: None,
            pieces_at_once: None,
            most_pairs: None,
            margin: MARGIN,
            candidates: Candidates::default(),
            at_precision: None,
            at_recall: None,
            precision: None,
            like: None,
        }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        within("iterations", self.iterations.unwrap_or_default(), 0, MOST)?;
        within("margin", self.margin, 0.0, MOST_MARGIN)?;
        self.at().check()?;
        at_least("most_pairs", self.most_pairs.unwrap_or(1), 1)?;
        at_least("pieces_at_once", self.pieces_at_once.unwrap_or(1), 1)
    }
}

/// What to score, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The folder of the checkpoint.
    pub checkpoint: &'a Path,
    /// The folder of the split.
    pub split: &'a Path,
    /// The folder into which the tables go.
    pub out: &'a Path,
    /// What the run is called.
    pub run_id: &'a str,
    /// How. A name that these give the run is `run_id` already.
    pub options: Options,
    /// Predictions with which inference begins, a table or a submission; `None`: those of the model's base.
    pub first_relations: Option<&'a Path>,
    /// The weights of sentences of a run over the split, a folder with the table or the table: then each pair is scored on
    /// what they make its evidence alone. `None`: on its document.
    pub evidence_only: Option<&'a Path>,
    /// The file of the decision; `None`: that in the checkpoint's folder, if there is one.
    pub decision: Option<&'a Path>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Whether tables of another making are replaced.
    pub force: bool,
    /// The share of the documents that is scored; `None`: all.
    pub shard: Option<Shard>,
}

impl<'a> Request<'a> {
    /// The usual run, of this name.
    pub fn new(checkpoint: &'a Path, split: &'a Path, out: &'a Path, run_id: &'a str, device: DeviceChoice) -> Self {
        let (options, force, shard) = (Options::default(), false, None);
        let (first_relations, evidence_only, decision) = (None, None, None);
        Self { checkpoint, split, out, run_id, options, first_relations, evidence_only, decision, device, force, shard }
    }

    /// The same with other options.
    #[must_use]
    pub fn with(self, options: &'a Options) -> Self {
        let run_id = options.run_id.as_deref().unwrap_or(self.run_id);
        Self { run_id, options: options.clone(), ..self }
    }

    /// The same, where inference begins with these relations.
    #[must_use]
    pub fn begun_with(self, first_relations: Option<&'a Path>) -> Self {
        Self { first_relations, ..self }
    }

    /// The same of what these weights make evidence alone.
    #[must_use]
    pub fn on_evidence(self, weights: Option<&'a Path>) -> Self {
        Self { evidence_only: weights, ..self }
    }

    /// The same, decided by a file.
    #[must_use]
    pub fn decided_by(self, decision: Option<&'a Path>) -> Self {
        Self { decision, ..self }
    }

    /// The same of a share of the documents, which leaves parts for [`join()`](super::join).
    #[must_use]
    pub fn of_shard(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// The same, which also replaces a table of another making.
    #[must_use]
    pub fn forced(self, force: bool) -> Self {
        Self { force, ..self }
    }
}
