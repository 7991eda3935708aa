//! Predictions and facts → figures: lazy polars queries that count, one division each at the end.
//!
//! A split's facts and a run's predictions are sets of (document, head, tail, relation). One query makes their union
//! ([`marked_facts`]), with a mark for every question asked of a fact: is it gold, was it predicted, do its entities
//! share a sentence, is its pair part of a triangle, did training show it? Everything else is a sum of marks ([`tally`]):
//! by document, so that the bootstrap can resample documents, by relation, by pattern. What the figures are called and
//! in which order people read them, [`ground::figure`] says. A new scope is a line in [`ground::scope`], and an arm of
//! `members` in [`tally`], which says by marks what is in it.
//! The order of rows, duplicates among them and the number of threads change nothing; nor does the direction of a
//! prediction whose relation holds both ways (`relation_types.undirected`): its two directions are one.
//!
//! | metric | scope | counts |
//! | --- | --- | --- |
//! | F1 | all | every fact; a prediction about a document or entity that the split lacks is a wrong one |
//! | F1 | intra, inter | facts and predictions whose entities share a sentence, or not |
//! | F1 | infer | facts engaged in a triangle of facts, predictions engaged in one of predictions |
//! | F1 | infer gold | facts engaged in a triangle of facts, and every prediction |
//! | F1 | stated, implied | in a synthetic corpus, facts that a sentence states or none does; predictions less the other kind's facts |
//! | F1 | frequent, long tail | the 10 relations with most facts (ties by name), and all others |
//! | F1, a relation | all | that relation's |
//! | macro F1 | all | the mean F1 of the relations that have a fact in the split, whatever was predicted |
//! | IgnF1 | all | correct predictions that training showed leave precision; recall keeps them |
//! | Infer-Ac | a pattern, any | facts that a pattern concludes from facts; recall is the accuracy |
//! | coverage | all | facts; recall is the share that a pattern concludes from facts |
//! | evidence F1 | all | sentences of evidence of each fact; duplicates of a prediction put theirs together |
//!
//! Scores are counted otherwise ([`evaluate_scores`]): what holds of them `decide` says, a document at a time; they are
//! ranked, and walked from the best down ([`ranking`]), and their probabilities are binned ([`reliability`]).
//!
//! | metric | scope | of the scores that a decision may claim |
//! | --- | --- | --- |
//! | AP | all | the sum over thresholds of precision by the gain of recall; a fact without a score is missed |
//! | best F1 | all | F1 at the threshold where it is greatest |
//! | Brier | all | the mean of (probability - 1)² of those that are facts, and of probability² of the others |
//! | ECE | all | the mean over ten bins of their probability's distance from the share of facts, by the scores in each |
//!
//! Pairs that are no candidates are neither gold nor predicted, and documents without labels do not count at all.

mod error;
mod split;
mod predictions;
mod closed;
mod marked_facts;
mod tally;
mod strays;
mod bootstrap;
mod evaluation;
mod comparison;
mod summary;
mod ranking;
mod reliability;
mod scores;
pub mod present;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use serde::{Deserialize, Serialize};

pub use comparison::compare;
pub use error::Error;
pub use evaluation::{Evaluation, fingerprint, sort};
pub use ground::counts::Counts;
pub use scores::{Scored, ScoresRequest, evaluate_scores};
pub use strays::Notes;
pub use summary::{Variant, summary};
pub use table::rows::{ComparisonRow as Comparison, MetricRow as Metric, SummaryRow as Summary};

use ground::resample::RESAMPLES;
use ground::settings::{Settings, within};

use bootstrap::Tallies;
use evaluation::{Counted, Run};
use predictions::Predictions;
use split::{Split, collect};
use strays::Strays;
use table::{Snapshot, Standing};
use tally::Knowledge;

/// How predictions are evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The run's name; absent: the predictions' own, or their file's name.
    pub run_id: Option<String>,
    /// Bootstrap resamples; 0 leaves the intervals out.
    pub resamples: u64,
    /// The seed of the resamples.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { run_id: None, resamples: RESAMPLES, seed: 0 }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        within("resamples", self.resamples, 0, 1_000_000)
    }
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The folder of the split's tables: `documents`, `facts`, `pairs`, and for IgnF1 `mentions`.
    pub tables: &'a Path,
    /// A `relations` table, a folder that holds one, or a submission in DocRED's JSON, whose titles are `doc_id`s.
    pub predictions: &'a Path,
    /// The table `evidence` of the predictions, where they do not say it of themselves.
    pub evidence: Option<&'a Path>,
    /// Training facts for IgnF1: the folder of a split's tables, or a `.fact` file.
    pub training_facts: Option<&'a Path>,
    /// The corpus's name.
    pub corpus: &'a str,
    /// The split's name.
    pub split: &'a str,
    /// The run's name; `None`: the predictions' own, or their file's name.
    pub run_id: Option<&'a str>,
    /// Bootstrap resamples; 0 leaves the intervals out.
    pub resamples: u64,
    /// The seed of the resamples.
    pub seed: u64,
}

impl<'a> Request<'a> {
    /// The usual evaluation, without training facts.
    pub fn new(tables: &'a Path, predictions: &'a Path) -> Self {
        let Options { run_id: _, resamples, seed } = Options::default();
        let (evidence, training_facts, corpus, split, run_id) = (None, None, "", "", None);
        Self { tables, predictions, evidence, training_facts, corpus, split, run_id, resamples, seed }
    }

    /// The same with other options.
    #[must_use]
    pub fn with(self, options: &'a Options) -> Self {
        Self { run_id: options.run_id.as_deref(), resamples: options.resamples, seed: options.seed, ..self }
    }
}

/// Scores a run's predictions against a split's facts.
///
/// # Errors
/// A missing or misshapen table or file, a split without labels, or one too large to number; predictions of several runs.
pub fn evaluate(request: &Request<'_>) -> Result<Evaluation, Error> {
    let Request { predictions, tables, run_id, evidence, .. } = *request;
    let (judge, predictions) =
        rayon::join(|| Judge::open(request), || Predictions::open(predictions, evidence, tables, run_id));
    judge?.evaluation(predictions?)
}

/// Refuses predictions that are there twice, by whatever paths: they would count as two runs.
///
/// # Errors
/// Where they are, or the system refuses to look.
pub fn check_once(paths: &[PathBuf]) -> Result<(), Error> {
    let mut met = BTreeSet::new();
    for path in paths {
        if !met.insert(predictions::place(path)?) {
            return Err(Error::Twice(path.clone()));
        }
    }
    Ok(())
}

/// The same of several runs, at one path or several, in place of the request's, with the evidence that lies beside
/// each: a table may be of several. Those that share a name are numbered; the request's name is for a path with one
/// run.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_each(request: &Request<'_>, paths: &[PathBuf]) -> Result<Vec<Evaluation>, Error> {
    let judge = Judge::open(request)?;
    let mut runs = Vec::new();
    for path in paths {
        for predictions in Predictions::open_each(path, request.tables, request.run_id)? {
            runs.push(judge.evaluation(predictions)?);
        }
    }
    comparison::name_apart(&mut runs);
    Ok(runs)
}

/// By what predictions are judged.
struct Judge<'a> {
    request: &'a Request<'a>,
    split: Split,
    /// What training showed, and the tables that say so.
    training: Option<LazyFrame>,
    of_training: Option<Standing>,
}

impl<'a> Judge<'a> {
    fn open(request: &'a Request<'a>) -> Result<Self, Error> {
        let (split, training) = rayon::join(
            || Split::open(request.tables),
            || request.training_facts.map(predictions::training_facts).transpose(),
        );
        let (split, training) = (split?, training?);
        let (training, of_training) = training.map(|training| (training.facts, training.standing)).unzip();
        let training = training.map(|names| split.both_ways(names)).transpose()?;
        Ok(Self { request, split, training, of_training: of_training.flatten() })
    }

    fn evaluation(&self, predictions: Predictions) -> Result<Evaluation, Error> {
        let Self { request, split, training, of_training } = self;
        let predictions = predictions.directed(split);
        let counted = split.standing.confirm(count(split, &predictions, training.clone()))?;
        of_training.as_ref().map_or(Ok(()), Standing::check)?;
        predictions.snapshots.iter().try_for_each(Snapshot::check)?;
        let run = Run {
            name: predictions.run_id,
            corpus: request.corpus.to_owned(),
            split: request.split.to_owned(),
            tables: request.tables.to_path_buf(),
            resamples: request.resamples,
            seed: request.seed,
        };
        Ok(run.evaluation(counted))
    }
}

fn count(split: &Split, predictions: &Predictions, training: Option<LazyFrame>) -> Result<Counted, Error> {
    let numbering = split.numbering(&[split.facts()?, predictions.facts.clone()])?;
    let union = marked_facts::union(predictions, split, &numbering)?;
    let inside = collect(union.clone().lazy().filter(col("fact").is_not_null()), "facts inside the split")?;
    let strays = if inside.height() < union.height() { Strays::find(predictions, split)? } else { Strays::default() };
    if let Some(document) = strays.all_elsewhere(&inside, predictions, split)? {
        let (path, split, rows) = (predictions.path.clone(), split.folder().to_path_buf(), predictions.rows);
        return Err(Error::Elsewhere { predictions: path, split, rows, document });
    }
    let knowledge = Knowledge { training: training.is_some(), implied: split.has_implied()? };
    let facts = marked_facts::marked_facts(&inside, split, &numbering, training)?;
    let mut documents = tally::by_document(&facts, split, knowledge)?;
    strays.add_to(&mut documents);
    let mut relations = tally::by_relation(&facts, &numbering)?;
    for (relation, count) in &strays.relations {
        relations.entry(relation.clone()).or_default().predicted += count;
    }
    let unused_relations = relations.values().filter(|counts| counts.gold == 0).map(|counts| counts.predicted).sum();
    let evidence = predictions.evidence.clone().map(|rows| tally::evidence(rows, &facts, split, &numbering));
    Ok(Counted {
        tallies: Tallies { documents, strays: strays.tally() },
        relations,
        patterns: tally::by_pattern(&facts)?,
        evidence: evidence.transpose()?,
        notes: Notes::take(split, predictions, &strays, &inside, &facts, &numbering, unused_relations)?,
        knowledge,
    })
}
