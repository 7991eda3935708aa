//! A checkpoint and a split → the table `relations`, in bounded memory whatever the split.
//!
//! A document whose pairs the model cannot hold within a bound is left out and told ([`TooLarge`]); the others go on. The
//! table remembers that it lacks some, so that a run over it tells so again.
//!
//! Documents are scored in parts of some hundred: while one is computed, the next is read and cut, and the one before is
//! written. A finished part is kept in a hidden folder beside the table, under a name that is a hash of the model and of
//! the part's content, so a run that was killed goes on where it stopped, and ends with the same table as one that was
//! not.

mod limit;
mod parts;

use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::Device;

use checkpoint::{Checkpoint, CheckpointConfig, CheckpointError};
use examples::{ExamplesError, examples};
use ground::workers::{Workers, overlap};
use model::Model;
use model::example::Example;
use model::predict::{Prediction, predict, probability};
use nn::Unused;
use nn::device::{Compute, DeviceChoice, DeviceError, Precision};
use pieces::{Cutter, PiecesError};
use table::rows::RelationRow;
use table::{Row, Staging, TableError, TableWriter, Text};

pub use limit::{TooLarge, USUAL_BYTES, lacking};
pub use model::predict::PIECES_AT_ONCE;

use limit::{lacks, marked, take_out};
use parts::{Part, Parts, work_folder};

/// Why a split cannot be scored. Finished parts are kept.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The documents cannot be cut.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// The split cannot be read as the checkpoint wants it.
    #[error(transparent)]
    Examples(#[from] ExamplesError),
    /// A table cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model does not iterate.
    #[error("{}: expected a model that infers, `docre-ii` with `K` above 0", .0.display())]
    Iterations(PathBuf),
    /// The system gives no threads.
    #[error("threads")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// The computation fails.
    #[error("model")]
    Model(#[from] candle_core::Error),
    /// What a dead run has left cannot be removed.
    #[error("{}: cannot remove", path.display())]
    Remove {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// What to score, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The folder of the checkpoint.
    pub checkpoint: &'a Path,
    /// The folder of the split.
    pub split: &'a Path,
    /// The folder into which the table goes.
    pub out: &'a Path,
    /// What the run is called.
    pub run_id: &'a str,
    /// How often the model infers, where not as often as it says; 0: its base alone.
    pub iterations: Option<usize>,
    /// Pieces of a batch, unless a document alone has more. Does not change what is predicted.
    pub budget: usize,
    /// Pairs of a document at most that a model looks at; one that has more is not scored, and told. `None`: as many as
    /// the model holds in [`USUAL_BYTES`].
    pub most_pairs: Option<u64>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// The type in which matrix products are computed; `None`: `bf16` on a CUDA device, `f32` on the CPU.
    pub precision: Option<Precision>,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The device is open.
    Device(&'a Compute),
    /// Weights of the checkpoint will not be used.
    Unused(&'a Unused),
    /// A document is left out.
    TooLarge(&'a TooLarge),
    /// The table is up to date, and lacks so many documents that are too large.
    UpToDateWithout(u64),
    /// So many documents are scored and kept.
    Documents(u64),
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scored {
    /// Documents, those of kept parts included.
    pub documents: u64,
    /// Documents of parts that an earlier run had finished.
    pub kept: u64,
    /// Predicted facts.
    pub relations: u64,
    /// Documents that lost pieces at their end.
    pub truncated: u64,
    /// Documents beside these that are too large and were not scored.
    pub too_large: u64,
}

impl Scored {
    /// What is not as one may think.
    pub fn warning(&self) -> Option<String> {
        let told =
            || format!("warning: {} documents are longer than the model takes, and were cut off", self.truncated);
        (self.truncated > 0).then(told)
    }

    /// The same, and what it lacks.
    pub fn warnings(&self) -> impl Iterator<Item = String> + use<> {
        self.warning().into_iter().chain(lacking(self.too_large))
    }
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, kept, relations, too_large, .. } = self;
        let kept = if *kept > 0 { format!(" ({kept} were there already)") } else { String::new() };
        write!(f, "{documents} documents{kept}, {relations} relations")?;
        if *too_large > 0 { write!(f, "; {too_large} too large, not scored") } else { Ok(()) }
    }
}

/// Scores a split; `None` where the table is up to date.
///
/// # Errors
/// Where the checkpoint or a table cannot be used, or the documents do not fit the checkpoint.
pub fn score(request: &Request<'_>, observe: &dyn Fn(Event)) -> Result<Option<Scored>, ScoreError> {
    let compute = request.device.open(request.precision)?;
    let checkpoint = load(request)?;
    let fingerprint = fingerprint(request, &checkpoint, &compute);
    if let Some(lacks) = lacks(request.out, fingerprint.as_deref()) {
        observe(Event::UpToDateWithout(lacks));
        return Ok(None);
    }
    let staging = Staging::begin(&request.out.join(&RelationRow::schema().name))?;
    let (model, unused) = checkpoint.model(&compute)?;
    observe(Event::Device(&compute));
    // The base alone has no place for the rest.
    if !unused.is_empty() && request.iterations != Some(0) {
        observe(Event::Unused(&unused));
    }
    let scorer = Scorer {
        workers: compute.workers()?,
        model,
        compute: &compute,
        request,
        run_id: request.run_id.into(),
        config: &checkpoint.config,
        fingerprint: &checkpoint.fingerprint,
    };
    let relations = checkpoint.config.relations();
    let mut cutter = Cutter::new(checkpoint.tokenizer, checkpoint.config.most_pieces);
    let mut parts = Parts::new(request.out);
    overlap(
        || Ok(examples(request.split, &mut cutter, &relations)?.map(|part| Ok(scorer.begin(part?)))),
        |(part, examples)| scorer.score(part, examples),
        |part| {
            part.too_large.iter().for_each(|document| observe(Event::TooLarge(document)));
            parts.keep(part, |name, prediction| scorer.row(name, prediction))?;
            observe(Event::Documents(parts.scored.documents));
            Ok(())
        },
    )?;
    let writer = TableWriter::inside(staging.folder().to_path_buf(), &marked(fingerprint, parts.scored.too_large));
    parts.join(writer)?;
    staging.commit()?;
    parts.remove().map(Some)
}

/// The checkpoint, with the iterations that are asked for.
fn load(request: &Request<'_>) -> Result<Checkpoint, ScoreError> {
    let mut checkpoint = Checkpoint::load(request.checkpoint, &Device::Cpu)?;
    if let Some(iterations) = request.iterations {
        let model = checkpoint.config.model.with_iterations(iterations);
        checkpoint.config.model = model.ok_or_else(|| ScoreError::Iterations(request.checkpoint.to_path_buf()))?;
        checkpoint.fingerprint = hash(&format!("{} {iterations}", checkpoint.fingerprint));
    }
    Ok(checkpoint)
}

/// Identifies what the table is made from; `None` where the documents bear no fingerprint.
fn fingerprint(request: &Request<'_>, checkpoint: &Checkpoint, compute: &Compute) -> Option<String> {
    let documents = table::fingerprint(request.split, "documents")?;
    let (version, model, precision) = (env!("CARGO_PKG_VERSION"), &checkpoint.fingerprint, compute.precision);
    Some(hash(&format!(
        "relations {version} {documents} {model} {precision} {} {:?}",
        request.run_id, request.most_pairs
    )))
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// What turns documents into rows.
struct Scorer<'a> {
    workers: Workers,
    model: Box<dyn Model>,
    compute: &'a Compute,
    request: &'a Request<'a>,
    run_id: Text,
    config: &'a CheckpointConfig,
    /// The checkpoint's.
    fingerprint: &'a str,
}

impl Scorer<'_> {
    /// A part that is not scored yet, with its documents.
    fn begin(&self, examples: Vec<Example>) -> (Part, Vec<Example>) {
        let Request { run_id, budget, most_pairs, .. } = self.request;
        let (examples, too_large) = take_out(&*self.model, examples, *most_pairs);
        let key = hash(&format!("{} {} {run_id} {budget} {examples:?}", self.fingerprint, self.compute));
        let truncated = examples.iter().filter(|example| example.truncated > 0).count() as u64;
        (Part { key, documents: examples.len() as u64, truncated, too_large, predictions: None }, examples)
    }

    /// Scores some documents, unless their part is there.
    fn score(&self, part: Part, examples: Vec<Example>) -> Result<Part, ScoreError> {
        if part.is_kept(&work_folder(self.request.out)) {
            return Ok(part);
        }
        let names: Vec<Text> = examples.iter().map(|example| example.doc_id.clone()).collect();
        let most_labels = self.config.most_labels;
        let predictions = predict(&self.workers, &*self.model, examples, most_labels, self.request.budget)?;
        Ok(Part { predictions: Some(names.into_iter().zip(predictions).collect()), ..part })
    }

    fn row(&self, doc_id: &Text, prediction: &Prediction) -> RelationRow {
        let Prediction { head, tail, relation, threshold, base_probability, iteration } = *prediction;
        let name = (relation.class as usize).checked_sub(1).and_then(|place| self.config.relations.get(place));
        RelationRow {
            run_id: self.run_id.clone(),
            doc_id: doc_id.clone(),
            head,
            tail,
            relation: name.cloned().unwrap_or_default(),
            logit: relation.logit,
            threshold_logit: threshold,
            probability: probability(relation.logit, threshold),
            rank: relation.rank + 1,
            base_probability,
            iteration,
        }
    }
}
