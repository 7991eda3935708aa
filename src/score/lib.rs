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
//! Documents may be scored a second time on what a run before found to be evidence in them, and nothing else
//! ([`mod@on_evidence`]): scores that a decision fuses with those of the documents.
//!
//! A [`Scorer`] does the same in memory, for who holds documents as rows of `annotated`: it is loaded once, and knows no
//! files but its checkpoint's. Both have one core ([`mod@loaded`]).
//!
//! Documents are scored in parts of some hundred: while one is computed, the next is read and cut, and the one before is
//! written. A finished part is kept in a hidden folder beside the table, under a name that is a hash of the model and of
//! the part's content, so a run that was killed goes on where it stopped, and ends with the same table as one that was
//! not. Several jobs may make the parts of one run, a share of the documents each ([`Shard`]), and another puts them
//! together ([`join()`]).

mod decided;
mod ended;
mod error;
mod first;
mod like;
mod limit;
mod loaded;
mod on_evidence;
mod parts;
mod purpose;
mod resident;
mod rows;
mod shard;
mod told;

use std::ops::Range;
use std::path::Path;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use checkpoint::Checkpoint;
use decide::{At, model_on_evidence};
use examples::{Taken, examples_within};
use ground::identity::Identity;
use ground::observe::{Event, Observer, Progress};
use ground::settings::{Settings, at_least, within};
use ground::workers::overlap;
use model::MOST;
use model::example::Relations;
pub use model::predict::USUAL_BYTES;
use nn::device::{Compute, DeviceChoice, Precision};
use pieces::Cutter;
use table::{Ours, Standing, TableError, check_workplace, clear_leftovers};

pub use ended::{Ended, Scored};
pub use error::ScoreError;
pub use limit::{TooLarge, not_scored};
pub use purpose::Candidates;
pub use resident::{Grouping, Outcome, Scorer, Seen, Setup};
pub use shard::{Shard, join};

use decided::{Decided, Notes, Tables};
use first::First;
use limit::{lacking, lacks, marked, named};
use loaded::{Core, Documents};
use on_evidence::OnEvidence;
use parts::{Part, Parts, work_folder};
use purpose::Purpose;

/// How far below the threshold class's logit those lie that are kept, unless asked otherwise: a few a pair.
pub const MARGIN: f32 = 5.0;
/// The same at most: all relations of any pair.
const MOST_MARGIN: f32 = 1000.0;

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

    /// The same of a share of the documents, which leaves parts for [`join()`].
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

/// Scores a split, unless its tables are up to date.
///
/// # Errors
/// Where the checkpoint or a table cannot be used, or the documents do not fit the checkpoint.
pub fn score(request: &Request<'_>, observe: Observer<'_>) -> Result<Ended, ScoreError> {
    decided::restore(request.out)?;
    let compute = request.device.open(request.options.precision)?;
    let basis = Basis::of(request, observe)?;
    let fingerprint = basis.fingerprint(compute.precision)?;
    let decided = basis.decided(&fingerprint)?;
    clear_leftovers(request.out, Ours::TABLES);
    if let Some(ended) = basis.standing(&fingerprint, &decided, observe)? {
        return Ok(ended);
    }
    if let Some(shard) = request.shard {
        return shard::score(&basis, shard, compute, (&fingerprint, &decided), observe);
    }
    let tables = Tables::begin(&decided, &fingerprint)?;
    check_workplace(&work_folder(request.out), &shard::FURTHER)?;
    basis.purpose.has_relations(request)?;
    let core = basis.core(compute, observe)?;
    let parts = basis.parts((&core, &fingerprint), 0..usize::MAX, observe)?;
    basis.end((fingerprint, &decided), tables, parts, observe)
}

/// What a request scores with and what: all but the model in memory.
struct Basis<'a> {
    request: &'a Request<'a>,
    checkpoint: Checkpoint,
    /// Its relations as the documents call them.
    relations: Relations,
    standing: Standing,
    purpose: Purpose,
    /// What inference begins with, where that is not what the base predicts.
    first: Option<First>,
    /// What is evidence, where that alone is scored.
    evidence: Option<OnEvidence>,
}

impl<'a> Basis<'a> {
    fn of(request: &'a Request<'a>, observe: Observer<'_>) -> Result<Self, ScoreError> {
        let (checkpoint, relations) = load(request.checkpoint, &request.options)?;
        let standing = Standing::of(request.split)?;
        let purpose = Purpose::of(request.checkpoint, &request.options)?;
        let first = first(request, (&checkpoint, &relations), observe)?;
        let evidence = on_evidence(request)?;
        Ok(Self { request, checkpoint, relations, standing, purpose, first, evidence })
    }

    /// Whether the model tells what is evidence: it learnt that, and sees whole documents.
    fn tells_evidence(&self) -> bool {
        self.checkpoint.config.model.taught().is_any() && self.evidence.is_none()
    }

    /// Refuses documents or weights that were put in the place of those that it was to score.
    fn check(&self) -> Result<(), TableError> {
        self.standing.check()?;
        self.evidence.as_ref().map_or(Ok(()), OnEvidence::check)
    }

    /// Identifies the model, and what it sees of documents: a decision that was fitted on scores of whole ones is not for
    /// those of evidence.
    fn model(&self) -> String {
        let of_checkpoint = &self.checkpoint.fingerprint;
        if self.evidence.is_some() { model_on_evidence(of_checkpoint) } else { of_checkpoint.clone() }
    }

    /// What is decided of the scores that a fingerprint identifies.
    fn decided(&self, fingerprint: &str) -> Result<Decided<'a>, ScoreError> {
        let decided = Decided::of(self.request, fingerprint, self.tells_evidence())?;
        decided.check_outdated()?;
        Ok(decided)
    }

    /// Identifies what the scores are made from.
    fn fingerprint(&self, precision: Precision) -> Result<String, ScoreError> {
        let Options { most_pairs, margin, .. } = &self.request.options;
        // Of entities the types: by these pairs are left out, and oddities told.
        let tables = self.standing.identity(&["documents", "tokens", "mentions", "entities", "pairs"])?;
        let identity = Identity::of("scores").field("tables", &tables).field("run_id", self.request.run_id);
        let identity = identity.field("checkpoint", &self.checkpoint.fingerprint).field("most_pairs", most_pairs);
        let identity = identity.field("margin", margin).field("left_out", &self.purpose.left_out);
        let scores = identity.field("precision", &precision.to_string()).finish();
        if let Some(evidence) = &self.evidence {
            return evidence.identity(&scores);
        }
        let Some(first) = &self.first else { return Ok(scores) };
        Ok(Identity::of("scores begun").field("scores", &scores).field("first", &first.identity()).finish())
    }

    /// How the run ends where the scores stand: only something else may have to be decided of them.
    fn standing(
        &self,
        fingerprint: &str,
        decided: &Decided<'_>,
        observe: Observer<'_>,
    ) -> Result<Option<Ended>, ScoreError> {
        let request = self.request;
        let Some(too_large) = lacks(request.out, fingerprint, self.tells_evidence())? else { return Ok(None) };
        parts::remove_leftovers(request.out, fingerprint);
        told::again(request.out)?.into_iter().chain(lacking(too_large)).for_each(observe);
        decided.remove_outdated()?;
        let ended = decided.over_scores(too_large, observe)?;
        self.purpose.keep_relations(request)?;
        Ok(Some(ended))
    }

    /// The model, loaded.
    fn core(&self, compute: Compute, observe: Observer<'_>) -> Result<Core, ScoreError> {
        let request = self.request;
        let (core, unused) = Core::load(&self.checkpoint, compute, request.run_id, &request.options)?;
        observe(core.compute.event());
        observe(Event::Detail(format!("reads the checkpoint {}", request.checkpoint.display())));
        observe(Event::Detail(format!("reads the split {}", request.split.display())));
        self.purpose.unknown(request.checkpoint).into_iter().for_each(observe);
        // The base alone has no place for the rest.
        unused.event().filter(|_| request.options.iterations != Some(0)).into_iter().for_each(observe);
        Ok(core)
    }

    /// The parts of the documents at these places, finished, of the run that a fingerprint identifies.
    fn parts(
        &self,
        (core, fingerprint): (&Core, &str),
        places: Range<usize>,
        observe: Observer<'_>,
    ) -> Result<Parts, ScoreError> {
        let request = self.request;
        let (rows, relations, work) = (core.rows(), &self.relations, work_folder(request.out));
        let cutter = Cutter::new(self.checkpoint.tokenizer.clone(), core.config.most_pieces);
        let mut cutter = cutter.marking(&core.config.markers)?;
        let (left_out, documents) = (&self.purpose.left_out, core.documents_at_once());
        let taken = Taken { relations, left_out, passes_over: true, evidence: false, documents };
        let mut parts = Parts::new(request.out, fingerprint, self.tells_evidence());
        overlap(
            || {
                let stretch = (places.start, places.end == usize::MAX);
                let batches = examples_within(request.split, &mut cutter, taken, places)?.map(|batch| Ok(batch?));
                let Some(evidence) = &self.evidence else {
                    let begun = batches.map(|batch| Ok(core.begin(batch?, self.first.as_ref())));
                    return Ok(Box::new(begun) as Begun<'_>);
                };
                let begun = evidence.beside(request.split, stretch, batches)?.map(|batch| {
                    let (batch, shares) = batch?;
                    core.begin_on_evidence(batch, (evidence, &shares))
                });
                Ok(Box::new(begun) as Begun<'_>)
            },
            |(part, documents)| core.finish(part, documents, (&work, self.tells_evidence())),
            |part| {
                named(&part.too_large, parts.scored.too_large).for_each(observe);
                parts.keep(part, &rows)?;
                observe(Event::Progress(Progress::documents(parts.scored.documents)));
                Ok(())
            },
        )?;
        Ok(parts)
    }

    /// Makes the tables of all parts. `decided` is over what the fingerprint identifies.
    fn end(
        &self,
        (fingerprint, decided): (String, &Decided<'_>),
        tables: Tables,
        mut parts: Parts,
        observe: Observer<'_>,
    ) -> Result<Ended, ScoreError> {
        let making = marked(fingerprint.clone(), parts.scored.too_large);
        let told = told::told(&self.purpose, &parts.met, parts.scored.cut_off, self.checkpoint.config.most_pieces);
        let evidence_only = self.evidence.as_ref().map(|evidence| evidence.threshold);
        tables.fill(&parts, &making, &Notes { model: &self.model(), evidence_only, told: &told })?;
        parts.scored.relations = decided.over(&tables, observe)?;
        self.check()?;
        decided.remove_outdated()?;
        tables.commit()?;
        self.purpose.keep_relations(self.request)?;
        let scored = parts.remove(shard::parts_of_others(self.request.out, &fingerprint)?.as_ref())?;
        told.into_iter().map(Event::Warning).chain(lacking(scored.too_large)).for_each(observe);
        Ok(Ended::Scored(scored))
    }
}

/// Parts that are not scored yet, with their documents.
type Begun<'b> = Box<dyn Iterator<Item = Result<(Part, Documents), ScoreError>> + 'b>;

/// The checkpoint of a folder, with the iterations that are asked for, and its relations; both as documents call them.
fn load(folder: &Path, options: &Options) -> Result<(Checkpoint, Relations), ScoreError> {
    let mut checkpoint = Checkpoint::load(folder, &Device::Cpu)?;
    let relations = match &options.like {
        Some(corpus) => like::called(&mut checkpoint, folder, corpus)?,
        None => checkpoint.config.relations(),
    };
    if let Some(iterations) = options.iterations {
        let model = checkpoint.config.model.with_iterations(iterations);
        checkpoint.config.model = model.ok_or_else(|| ScoreError::Iterations(folder.to_path_buf()))?;
        let identity = Identity::of("checkpoint").field("checkpoint", &checkpoint.fingerprint);
        checkpoint.fingerprint = identity.field("iterations", &iterations).finish();
    }
    Ok((checkpoint, relations))
}

/// What is evidence, where the request asks for that alone: by the threshold of its decision.
fn on_evidence(request: &Request<'_>) -> Result<Option<OnEvidence>, ScoreError> {
    let Some(weights) = request.evidence_only else { return Ok(None) };
    if request.first_relations.is_some() {
        return Err(ScoreError::FirstOnEvidence);
    }
    let decision = decided::decision(request.checkpoint, request.decision, &request.options)?;
    OnEvidence::of(weights, request.out, decision.evidence_threshold()).map(Some)
}

/// The relations that inference begins with, where the request names some and the model infers.
fn first(
    request: &Request<'_>,
    (checkpoint, relations): (&Checkpoint, &Relations),
    observe: Observer<'_>,
) -> Result<Option<First>, ScoreError> {
    let Some(path) = request.first_relations else { return Ok(None) };
    if checkpoint.config.model.iterations() == 0 {
        return Err(match request.options.iterations {
            Some(0) => ScoreError::FirstOfNone,
            _ => ScoreError::Iterations(request.checkpoint.to_path_buf()),
        });
    }
    First::read(path, request.split, relations, observe).map(Some)
}
