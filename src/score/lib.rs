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
mod request;
mod resident;
mod rows;
mod shard;
mod shards;
mod told;

use std::ops::Range;
use std::path::Path;

use candle_core::Device;
use checkpoint::Checkpoint;
use decide::model_on_evidence;
use examples::{Taken, examples_within};
use ground::identity::Identity;
use ground::observe::{Event, Observer, Progress};
use ground::workers::overlap;
use model::example::Relations;
pub use model::predict::USUAL_BYTES;
use nn::device::{Compute, Precision};
use pieces::Cutter;
use table::{Ours, Standing, TableError, check_workplace, clear_leftovers};

pub use ended::{Ended, Scored};
pub use error::ScoreError;
pub use limit::{TooLarge, not_scored};
pub use request::{Candidates, MARGIN, Options, Request};
pub use resident::{Grouping, Outcome, Scorer, Seen, Setup};
pub use shard::Shard;
pub use shards::join;

use decided::{Decided, Notes, Tables};
use first::First;
use limit::{lacking, lacks, marked, named};
use loaded::{Core, Documents};
use on_evidence::OnEvidence;
use parts::{Part, Parts, work_folder};
use purpose::Purpose;

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
        return shards::score(&basis, shard, compute, (&fingerprint, &decided), observe);
    }
    let tables = Tables::begin(&decided, &fingerprint)?;
    check_workplace(&work_folder(request.out), &shards::FURTHER)?;
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
        if let Some(corpus) = &request.options.like {
            like::joined(request.checkpoint, corpus)?.into_iter().map(Event::Warning).for_each(observe);
        }
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
        let scored = parts.remove(shards::parts_of_others(self.request.out, &fingerprint)?.as_ref())?;
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
