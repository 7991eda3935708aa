//! A checkpoint and a split → the tables `scores`, `relations`, `traces` and `claims`, in bounded memory whatever the
//! split.
//!
//! `scores` are what the model predicts or nearly does, `relations` what is claimed of it: by the model's own threshold,
//! or by the decision that travels with the checkpoint. Where the scores stand, another decision is taken over them.
//! `traces` are the changes that inference made of predictions, and `claims` what stood between two of them.
//!
//! Of a checkpoint that learnt evidence, `sentence_weights` are what it looked at for a pair, and `evidence` the sentences
//! of these that support what is claimed.
//!
//! A checkpoint's card says what it is for ([`purpose`]): pairs of types that its training left out are not scored, unless
//! that is asked for, and in what else the split differs from what it was trained on, is told when it is scored.
//!
//! A document whose pairs the model cannot hold within a bound is left out and told ([`limit`]); the others go on. The
//! table remembers that it lacks some, so that a run over it tells so again.
//!
//! Inference may begin with another system's relations in place of what the model's base predicts ([`mod@first`]).
//!
//! Documents are scored in parts of some hundred: while one is computed, the next is read and cut, and the one before is
//! written. A finished part is kept in a hidden folder beside the table, under a name that is a hash of the model and of
//! the part's content, so a run that was killed goes on where it stopped, and ends with the same table as one that was
//! not.

mod decided;
mod ended;
mod error;
mod first;
mod limit;
mod parts;
mod purpose;
mod rows;
mod told;

use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use checkpoint::Checkpoint;
use decide::At;
use examples::{Batch, DOCUMENTS_AT_ONCE, Taken, cut_off, examples};
use ground::identity::Identity;
use ground::interrupt;
use ground::observe::{Event, Observer, Progress};
use ground::settings::{Settings, at_least, within};
use ground::workers::{Workers, overlap};
use model::decode::Wanted;
use model::example::Example;
pub use model::predict::USUAL_BYTES;
use model::predict::{Budget, predict_traced};
use model::{MOST, Model};
use nn::device::{Compute, DeviceChoice, Precision};
use pieces::{CutOff, Cutter};
use table::{Ours, Standing, TableError, Text, check_workplace, clear_leftovers};

pub use ended::{Ended, Scored};
pub use error::ScoreError;
pub use purpose::Candidates;

use decided::{Decided, Notes, Tables};
use first::First;
use limit::{lacking, lacks, marked, named, take_out};
use parts::{Part, Parts, work_folder};
use purpose::{Met, Purpose};
use rows::Rows;

/// How far below the threshold class's logit those lie that are kept, unless asked otherwise: a few a pair.
pub const MARGIN: f32 = 5.0;
/// The same at most: all relations of any pair.
const MOST_MARGIN: f32 = 1000.0;
/// Documents of a part on a CUDA device, which is idle where a part ends.
const DOCUMENTS_ON_A_CARD: usize = 2048;

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
}

impl Options {
    /// The threshold that is asked for.
    fn at(&self) -> At {
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
    /// The file of the decision; `None`: that in the checkpoint's folder, if there is one.
    pub decision: Option<&'a Path>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Whether tables of another making are replaced.
    pub force: bool,
}

impl<'a> Request<'a> {
    /// The usual run, of this name.
    pub fn new(checkpoint: &'a Path, split: &'a Path, out: &'a Path, run_id: &'a str, device: DeviceChoice) -> Self {
        let options = Options::default();
        Self { checkpoint, split, out, run_id, options, first_relations: None, decision: None, device, force: false }
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

    /// The same, decided by a file.
    #[must_use]
    pub fn decided_by(self, decision: Option<&'a Path>) -> Self {
        Self { decision, ..self }
    }

    /// The same, which also replaces a table of another making.
    #[must_use]
    pub fn forced(self, force: bool) -> Self {
        Self { force, ..self }
    }
}

/// Scores a split, unless its tables are up to date.
///
/// # Errors
/// Where the checkpoint or a table cannot be used, or the documents do not fit the checkpoint.
pub fn score(request: &Request<'_>, observe: Observer<'_>) -> Result<Ended, ScoreError> {
    decided::restore(request.out)?;
    let compute = request.device.open(request.options.precision)?;
    let checkpoint = load(request)?;
    let standing = Standing::of(request.split)?;
    let purpose = Purpose::of(request)?;
    let first = first(request, &checkpoint, observe)?;
    let fingerprint = fingerprint(request, &standing, &checkpoint, &purpose, &compute)?;
    let fingerprint = match &first {
        Some(first) => {
            Identity::of("scores begun").field("scores", &fingerprint).field("first", &first.identity()).finish()
        }
        None => fingerprint,
    };
    let learnt_evidence = checkpoint.config.model.evidence_weight() > 0.0;
    let decided = Decided::of(request, &fingerprint, learnt_evidence)?;
    clear_leftovers(request.out, Ours::TABLES);
    if let Some(too_large) = lacks(request.out, &fingerprint, learnt_evidence)? {
        parts::remove_leftovers(request.out);
        told::again(request.out)?.into_iter().chain(lacking(too_large)).for_each(observe);
        let ended = decided.over_scores(too_large, observe)?;
        purpose.keep_relations(request)?;
        return Ok(ended);
    }
    let tables = Tables::begin(&decided, &fingerprint)?;
    check_workplace(&work_folder(request.out), &[])?;
    purpose.has_relations(request)?;
    let (model, unused) = checkpoint.model(&compute)?;
    observe(compute.event());
    observe(Event::Detail(format!("reads the checkpoint {}", request.checkpoint.display())));
    observe(Event::Detail(format!("reads the split {}", request.split.display())));
    purpose.unknown(request).into_iter().for_each(observe);
    // The base alone has no place for the rest.
    unused.event().filter(|_| request.options.iterations != Some(0)).into_iter().for_each(observe);
    let (workers, of_checkpoint) = (compute.scorers()?, &checkpoint.fingerprint);
    let scorer = Scorer { workers, model, compute: &compute, request, fingerprint: of_checkpoint, first };
    let rows = Rows { run_id: request.run_id.into(), margin: request.options.margin, config: &checkpoint.config };
    let relations = checkpoint.config.relations();
    let cutter = Cutter::new(checkpoint.tokenizer, checkpoint.config.most_pieces);
    let mut cutter = cutter.marking(&checkpoint.config.markers)?;
    let documents = if compute.device.is_cpu() { DOCUMENTS_AT_ONCE } else { DOCUMENTS_ON_A_CARD };
    let taken =
        Taken { relations: &relations, left_out: &purpose.left_out, passes_over: true, evidence: false, documents };
    let mut parts = Parts::new(request.out);
    overlap(
        || Ok(examples(request.split, &mut cutter, taken)?.map(|batch| Ok(scorer.begin(batch?)))),
        |(part, examples)| scorer.score(part, examples),
        |part| {
            named(&part.too_large, parts.scored.too_large).for_each(observe);
            parts.keep(part, &rows)?;
            observe(Event::Progress(Progress::documents(parts.scored.documents)));
            Ok(())
        },
    )?;
    let making = marked(fingerprint, parts.scored.too_large);
    let told = told::told(&purpose, &parts, checkpoint.config.most_pieces);
    tables.fill(&parts, &making, &Notes { model: &checkpoint.fingerprint, told: &told })?;
    parts.scored.relations = decided.over(&tables, observe)?;
    standing.check()?;
    tables.commit()?;
    purpose.keep_relations(request)?;
    let scored = parts.remove()?;
    told.into_iter().map(Event::Warning).chain(lacking(scored.too_large)).for_each(observe);
    Ok(Ended::Scored(scored))
}

/// The checkpoint, with the iterations that are asked for.
fn load(request: &Request<'_>) -> Result<Checkpoint, ScoreError> {
    let mut checkpoint = Checkpoint::load(request.checkpoint, &Device::Cpu)?;
    if let Some(iterations) = request.options.iterations {
        let model = checkpoint.config.model.with_iterations(iterations);
        checkpoint.config.model = model.ok_or_else(|| ScoreError::Iterations(request.checkpoint.to_path_buf()))?;
        let identity = Identity::of("checkpoint").field("checkpoint", &checkpoint.fingerprint);
        checkpoint.fingerprint = identity.field("iterations", &iterations).finish();
    }
    Ok(checkpoint)
}

/// The relations that inference begins with, where the request names some and the model infers.
fn first(request: &Request<'_>, checkpoint: &Checkpoint, observe: Observer<'_>) -> Result<Option<First>, ScoreError> {
    let Some(path) = request.first_relations else { return Ok(None) };
    if checkpoint.config.model.iterations() == 0 {
        return Err(match request.options.iterations {
            Some(0) => ScoreError::FirstOfNone,
            _ => ScoreError::Iterations(request.checkpoint.to_path_buf()),
        });
    }
    First::read(path, request.split, &checkpoint.config.relations(), observe).map(Some)
}

/// Identifies what the scores are made from.
fn fingerprint(
    request: &Request<'_>,
    split: &Standing,
    checkpoint: &Checkpoint,
    purpose: &Purpose,
    compute: &Compute,
) -> Result<String, TableError> {
    let Options { most_pairs, margin, .. } = &request.options;
    let tables = split.identity(&["documents", "tokens", "mentions", "pairs"])?;
    let identity = Identity::of("scores").field("tables", &tables).field("run_id", request.run_id);
    let identity = identity.field("checkpoint", &checkpoint.fingerprint).field("most_pairs", most_pairs);
    let identity = identity.field("margin", margin).field("left_out", &purpose.left_out);
    Ok(identity.field("precision", &compute.precision.to_string()).finish())
}

/// What turns documents into rows.
struct Scorer<'a> {
    workers: Workers,
    model: Box<dyn Model>,
    compute: &'a Compute,
    request: &'a Request<'a>,
    /// The checkpoint's.
    fingerprint: &'a str,
    /// What inference begins with, where that is not what the base predicts.
    first: Option<First>,
}

impl Scorer<'_> {
    /// How much is computed at a time.
    fn budget(&self) -> Budget {
        Budget::on(&self.compute.device, &*self.model, self.request.options.pieces_at_once)
    }

    /// A part that is not scored yet, with its documents.
    fn begin(&self, batch: Batch) -> (Part, Vec<Example>) {
        let Request { run_id, options: Options { most_pairs, margin, .. }, .. } = self.request;
        let Batch { examples, profile, passed_over: foreign } = batch;
        let (examples, too_large) = take_out(&*self.model, examples, *most_pairs);
        let begun = |example| match &self.first {
            Some(first) => first.begun(example),
            None => example,
        };
        let examples: Vec<Example> = examples.into_iter().map(begun).collect();
        let identity = Identity::of("part").field("checkpoint", self.fingerprint).field("run_id", run_id);
        let identity = identity.field("compute", &self.compute.to_string()).field("budget", &self.budget().pieces);
        let identity = identity.field("margin", margin);
        let key = examples.iter().fold(identity, parts::with_example).finish();
        let mut lost = CutOff::default();
        examples.iter().for_each(|example| lost += cut_off(example));
        let (documents, met) = (examples.len() as u64, Met { profile, foreign });
        (Part { key, documents, cut_off: lost, too_large, met, found: None }, examples)
    }

    /// Scores some documents, unless their part is there.
    fn score(&self, part: Part, examples: Vec<Example>) -> Result<Part, ScoreError> {
        if part.is_kept(&work_folder(self.request.out))? {
            return Ok(part);
        }
        let names: Vec<Text> = examples.iter().map(|example| example.doc_id.clone()).collect();
        let wanted = Wanted::within(self.request.options.margin);
        let predicted = predict_traced(&self.workers, &*self.model, examples, wanted, self.budget());
        if predicted.is_err() {
            interrupt::check()?;
        }
        let found = predicted?;
        Ok(Part { found: Some(names.into_iter().zip(found).collect()), ..part })
    }
}
