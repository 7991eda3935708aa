//! Scoring in memory: a model that is loaded once, and rows of `annotated` that come in batches, from another program or a
//! pipe.
//!
//! What comes out are the rows that the tables of a run would have. Whether the last bits of a logit hang on the company
//! in which a document is computed, is a matter of [`Grouping`].

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use checkpoint::Checkpoint;
use corpus::annotated::{Names, Taken};
use decide::{Decider, FittedRun};
use examples::{Batch, Beside};
use ground::interrupt;
use ground::observe::{Event, Observer, unheard};
use ground::settings::Settings;
use model::example::Relations;
use model::predict::Found;
use nn::device::DeviceChoice;
use pieces::{Cutter, MarkedDocument, Tokenizer, marked};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use table::rows::{AnnotatedRow, ClaimRow, EntityRow, EvidenceRow, RelationRow, ScoreRow, SentenceWeightRow, TraceRow};
use table::stream::batch_of;
use table::{RecordBatch, Text, rows_of};

use super::decided::decision;
use super::error::ScoreError;
use super::limit::TooLarge;
use super::load;
use super::loaded::Core;
use super::purpose::Purpose;
use super::request::Options;

mod seen;

pub use seen::Seen;

/// What a batch is called in messages.
const BATCH: &str = "annotated";

/// Which documents are computed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// None: each is computed by itself, and every bit of what is said of it is the same, in whatever batches documents
    /// come. As `docre score --pieces-at-once 1`.
    Alone,
    /// Those of like length, as `docre score` does it: up to a fifth faster on the CPU where documents are short, and many
    /// times on a card. The last bits of a logit may hang on which these are. Batches of as many documents as a part of
    /// `docre score` has come to its bits.
    Together,
}

/// What a scorer is loaded from, and how it scores.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The folder of the checkpoint.
    pub checkpoint: &'a Path,
    /// What the run is called, which all rows bear; a name in the options goes before it.
    pub run_id: &'a str,
    /// How.
    pub options: Options,
    /// Which documents are computed together; `None`: on the CPU none, on a card those of like length. Where the options
    /// say how many pieces are computed at once, that counts.
    pub grouping: Option<Grouping>,
    /// The file of the decision; `None`: that in the checkpoint's folder, if there is one.
    pub decision: Option<&'a Path>,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Threads of its own; `None`: those of rayon's global pool.
    pub threads: Option<usize>,
}

impl<'a> Setup<'a> {
    /// The usual one.
    pub fn new(checkpoint: &'a Path, run_id: &'a str, device: DeviceChoice) -> Self {
        let options = Options::default();
        Self { checkpoint, run_id, options, grouping: None, decision: None, device, threads: None }
    }
}

/// What is said of the documents of a batch: the rows of a run's tables, in the order of the documents. The schemas'
/// metadata name the tables, as in a stream.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What is claimed.
    pub relations: RecordBatch,
    /// The sentences that support it, where the model learnt what is evidence.
    pub evidence: RecordBatch,
    /// What lies near the threshold or above it.
    pub scores: RecordBatch,
    /// How much each sentence counts for that, where the model learnt what is evidence.
    pub sentence_weights: RecordBatch,
    /// What was predicted at each iteration of a model that infers.
    pub claims: RecordBatch,
    /// Where inference changed that.
    pub traces: RecordBatch,
    /// Documents that were not scored.
    pub too_large: Vec<TooLarge>,
    /// What was met in the batch, of which [`Scorer::warnings`] tells.
    pub seen: Seen,
}

/// A model that stays loaded, and scores rows of `annotated` in memory.
///
/// Several threads may use one at the same time: they share its threads. A batch that is refused leaves no trace, and the
/// next is scored as if there had been none.
pub struct Scorer {
    core: Core,
    purpose: Purpose,
    decider: Decider,
    relations: Relations,
    tokenizer: Tokenizer,
    /// Cutters that nobody uses at the moment. None is locked while it cuts.
    cutters: Mutex<Vec<Cutter>>,
    /// Threads of its own.
    pool: Option<ThreadPool>,
    checkpoint: PathBuf,
}

impl Scorer {
    /// Loads one. What is worth knowing of the checkpoint is told once, here.
    ///
    /// # Errors
    /// Where the checkpoint, the decision or the device cannot be used, or an option is out of range.
    pub fn load(setup: &Setup<'_>, observe: Observer<'_>) -> Result<Self, ScoreError> {
        setup.options.check().map_err(ScoreError::Options)?;
        let decision = decision(setup.checkpoint, setup.decision, &setup.options)?;
        let purpose = Purpose::of(setup.checkpoint, &setup.options)?;
        let (checkpoint, relations) = load(setup.checkpoint, &setup.options)?;
        let threads = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = setup.threads.map(threads).transpose()?;
        let run_id = setup.options.run_id.as_deref().unwrap_or(setup.run_id);
        let run = FittedRun {
            run_id: run_id.into(),
            model: Some(checkpoint.fingerprint.as_str().into()),
            evidence_only: None,
        };
        let load = || Self::core(setup, &checkpoint, run_id);
        let (core, told) = pool.as_ref().map_or_else(load, |pool| pool.install(load))?;
        told.into_iter().chain(purpose.unknown(setup.checkpoint)).for_each(observe);
        Ok(Self {
            relations,
            core,
            purpose,
            decider: Decider::new(decision, run, setup.options.margin),
            tokenizer: checkpoint.tokenizer,
            cutters: Mutex::new(Vec::new()),
            pool,
            checkpoint: setup.checkpoint.to_path_buf(),
        })
    }

    /// The same without a word.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn quietly(setup: &Setup<'_>) -> Result<Self, ScoreError> {
        Self::load(setup, &unheard)
    }

    fn core(setup: &Setup<'_>, checkpoint: &Checkpoint, run_id: &str) -> Result<(Core, Vec<Event>), ScoreError> {
        let compute = setup.device.open(setup.options.precision)?;
        let usual = if compute.device.is_cpu() { Grouping::Alone } else { Grouping::Together };
        let alone = setup.grouping.unwrap_or(usual) == Grouping::Alone;
        let pieces_at_once = setup.options.pieces_at_once.or(alone.then_some(1));
        let options = Options { pieces_at_once, ..setup.options.clone() };
        let (core, unused) = Core::load(checkpoint, compute, run_id, &options)?;
        let unused = unused.event().filter(|_| options.iterations != Some(0));
        let told = [core.compute.event()].into_iter().chain(unused).collect();
        Ok((core, told))
    }

    /// The folder of its checkpoint.
    pub fn checkpoint(&self) -> &Path {
        &self.checkpoint
    }

    /// The relations that it tells apart.
    pub fn relations(&self) -> &[Text] {
        self.relations.names()
    }

    /// Where it computes, and in which type: `cpu, f32`.
    pub fn device(&self) -> String {
        self.core.compute.to_string()
    }

    /// Documents with which a batch keeps all threads, or the card, at work.
    pub fn documents_at_once(&self) -> usize {
        self.core.documents_at_once()
    }

    /// Scores the documents of a batch of `annotated`: one row each, columns in any order and of any type that can stand
    /// for the schema's; others are passed over.
    ///
    /// # Errors
    /// Where a column is missing or of another type, a row is wrong, or two have one name: with the document and the field.
    /// And where the program is told to stop.
    pub fn score(&self, batch: &RecordBatch) -> Result<Outcome, ScoreError> {
        let source = Path::new(BATCH);
        self.score_rows(rows_of(batch, source)?, source)
    }

    /// The same of rows of a source, which messages name.
    ///
    /// # Errors
    /// As [`Self::score`].
    pub fn score_rows(&self, rows: Vec<AnnotatedRow>, source: &Path) -> Result<Outcome, ScoreError> {
        let score = || self.scored(rows, source)?.outcome();
        match &self.pool {
            Some(pool) => pool.install(score),
            None => score(),
        }
    }

    /// What is to be said of documents, a line each, by what was seen in them: what `docre score` tells at the end of a run.
    pub fn warnings(&self, seen: &Seen) -> Vec<String> {
        seen.warnings(&self.purpose, &self.decider, self.core.config.most_pieces)
    }

    fn scored(&self, rows: Vec<AnnotatedRow>, source: &Path) -> Result<Tables, ScoreError> {
        interrupt::check()?;
        let mut names = Names::of(source);
        rows.iter().try_for_each(|row| names.add(&row.doc_id))?;
        // All of a batch are looked at before one of them is scored.
        let documents: Vec<Taken> = rows.into_par_iter().map(|row| Taken::of(row, source)).collect::<Result<_, _>>()?;
        let (mut tables, mut documents) = (Tables::default(), documents.into_iter());
        while documents.len() > 0 {
            interrupt::check()?;
            let some: Vec<Taken> = documents.by_ref().take(self.documents_at_once()).collect();
            self.add(&some, &mut tables)?;
        }
        Ok(tables)
    }

    /// Scores some documents.
    fn add(&self, documents: &[Taken], tables: &mut Tables) -> Result<(), ScoreError> {
        let marked = |document: &Taken| {
            let counted = (document.doc_id(), document.n_entities(), document.n_sentences());
            marked(counted, document.tokens(), &document.mentions())
        };
        let words: Vec<MarkedDocument> = documents.par_iter().map(marked).collect::<Result<_, _>>()?;
        let pieces = self.cutting(|cutter| Ok(cutter.cut(&words)?))?;
        drop(words);
        let (left_out, documents_at_once) = (&self.purpose.left_out, self.documents_at_once());
        let taken = examples::Taken {
            relations: &self.relations,
            left_out,
            passes_over: true,
            evidence: false,
            documents: documents_at_once,
        };
        let unknown = self.tokenizer.unknown();
        let mut batch = Batch::default();
        for (document, pieces) in documents.iter().zip(pieces) {
            let (pairs, tokens) = (document.pairs().map(Ok), document.tokens().into_iter().map(Ok));
            let beside = Beside { entities: document.entities(), facts: Vec::new(), pairs, tokens };
            batch.add(&pieces, beside, &taken, unknown, Path::new(BATCH))?;
            if batch.is_full(documents_at_once) {
                self.predict(std::mem::take(&mut batch), documents, tables)?;
            }
        }
        self.predict(batch, documents, tables)
    }

    fn predict(&self, batch: Batch, documents: &[Taken], tables: &mut Tables) -> Result<(), ScoreError> {
        if batch.examples.is_empty() {
            return Ok(());
        }
        let (part, documents_of_part) = self.core.begin(batch, None);
        let found = self.core.predict(documents_of_part)?;
        tables.seen.add(&part);
        tables.too_large.extend(part.too_large);
        let mut documents = documents.iter();
        for (document, found) in &found {
            // In their order, without those that are too large.
            let mut entities = || documents.find(|taken| taken.doc_id() == document).map(Taken::entities);
            let entities = if self.decider.asks_types() { entities() } else { None };
            self.write(document, found, entities, tables)?;
        }
        Ok(())
    }

    /// Adds the rows of a document.
    fn write(
        &self,
        document: &Text,
        found: &Found,
        entities: Option<Vec<EntityRow>>,
        tables: &mut Tables,
    ) -> Result<(), ScoreError> {
        let rows = self.core.rows();
        let scores: Vec<ScoreRow> = rows.scores(document, found).collect::<Result<_, _>>()?;
        tables.scores.extend(scores.iter().cloned());
        let weights: Vec<SentenceWeightRow> = rows.sentences(document, found).collect::<Result<_, _>>()?;
        let claimed = self.decider.claim(document, scores, entities, &mut tables.seen.tally)?;
        tables.evidence.extend(self.decider.evidence(&weights, &claimed));
        tables.relations.extend(claimed);
        tables.sentence_weights.extend(weights);
        for claim in rows.claims(document, found) {
            tables.claims.push(claim?);
        }
        for trace in rows.traces(document, found) {
            tables.traces.push(trace?);
        }
        Ok(())
    }

    /// Does something with a cutter that nobody else uses meanwhile. A lock that is held while threads share out work would
    /// wait for itself where one of them takes up the next batch.
    fn cutting<T>(&self, work: impl FnOnce(&mut Cutter) -> Result<T, ScoreError>) -> Result<T, ScoreError> {
        let idle = || self.cutters.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut cutter = match taken {
            Some(cutter) => cutter,
            None => {
                Cutter::new(self.tokenizer.clone(), self.core.config.most_pieces).marking(&self.core.config.markers)?
            }
        };
        let done = work(&mut cutter);
        idle().push(cutter);
        done
    }
}

/// The rows of an outcome.
#[derive(Default)]
struct Tables {
    relations: Vec<RelationRow>,
    evidence: Vec<EvidenceRow>,
    sentence_weights: Vec<SentenceWeightRow>,
    scores: Vec<ScoreRow>,
    claims: Vec<ClaimRow>,
    traces: Vec<TraceRow>,
    too_large: Vec<TooLarge>,
    seen: Seen,
}

impl Tables {
    fn outcome(self) -> Result<Outcome, ScoreError> {
        let Self { relations, evidence, scores, sentence_weights, claims, traces, too_large, seen } = self;
        Ok(Outcome {
            relations: batch_of(relations)?,
            evidence: batch_of(evidence)?,
            sentence_weights: batch_of(sentence_weights)?,
            scores: batch_of(scores)?,
            claims: batch_of(claims)?,
            traces: batch_of(traces)?,
            too_large,
            seen,
        })
    }
}
