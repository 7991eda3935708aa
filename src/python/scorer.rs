//! A scorer that stays loaded.

use std::path::PathBuf;

use anyhow::Context;
use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use docre::checkpoint::{Card, decision_in, fingerprint, read_config};
use docre::ground::choice::Choice;
use docre::ground::identity::Identity;
use docre::ground::observe::Event;
use docre::nn::device::{DeviceChoice, Precision};
use docre::score::{Grouping, Options, Outcome, ScoreError, Scorer as Loaded, Setup, not_scored};
use pyo3::prelude::*;

use crate::arrow::{Batches, batches_in};
use crate::failure::{raised, raised_as, wrong};
use crate::tables::Table;
use crate::work::work;

/// A model that stays loaded.
#[pyclass(frozen, module = "docre._docre")]
pub struct Scorer(Loaded);

/// Tables, documents that are too large with what is said of each, and what is odd.
type Outgoing = (Tables, Vec<(String, String)>, Vec<String>);

/// Relations, their evidence, scores, the weights of sentences, claims, traces.
type Tables = (Table, Table, Table, Table, Table, Table);

/// How a scorer scores, as Python says it.
#[derive(FromPyObject)]
struct Said {
    checkpoint: PathBuf,
    device: String,
    threads: Option<usize>,
    decision: Option<PathBuf>,
    run_id: Option<String>,
    iterations: Option<usize>,
    margin: Option<f32>,
    candidates: Option<String>,
    at_precision: Option<f64>,
    at_recall: Option<f64>,
    precision: Option<String>,
    most_pairs: Option<u64>,
    pieces_at_once: Option<usize>,
    together: Option<bool>,
    like: Option<String>,
}

impl Said {
    fn options(&self) -> Result<Options, String> {
        let usual = Options::default();
        Ok(Options {
            run_id: self.run_id.clone(),
            iterations: self.iterations,
            pieces_at_once: self.pieces_at_once,
            most_pairs: self.most_pairs,
            margin: self.margin.unwrap_or(usual.margin),
            candidates: named(self.candidates.as_deref(), "candidates")?.unwrap_or(usual.candidates),
            at_precision: self.at_precision,
            at_recall: self.at_recall,
            precision: named::<Precision>(self.precision.as_deref(), "precision")?,
            like: self.like.clone(),
        })
    }

    fn device(&self) -> Result<DeviceChoice, String> {
        self.device.parse().map_err(|reason| format!("`device`: {reason}"))
    }

    fn load(&self, options: Options, device: DeviceChoice, told: &mut Vec<String>) -> Result<Loaded, ScoreError> {
        let run_id = docre::ground::folder_name(&self.checkpoint);
        let usual = Setup::new(&self.checkpoint, &run_id, device);
        let grouping = self.together.map(|together| if together { Grouping::Together } else { Grouping::Alone });
        let (decision, threads) = (self.decision.as_deref(), self.threads);
        let told = std::cell::RefCell::new(told);
        let observe = |event: Event| {
            if !matches!(event, Event::Detail(_) | Event::Progress(_)) {
                told.borrow_mut().push(event.to_string());
            }
        };
        Loaded::load(&Setup { options, grouping, decision, threads, ..usual }, &observe)
    }
}

/// One of some names.
fn named<C: Choice>(name: Option<&str>, setting: &str) -> Result<Option<C>, String> {
    name.map(|name| C::named(name).map_err(|reason| format!("`{setting}`: {reason}"))).transpose()
}

#[pymethods]
impl Scorer {
    /// Loads one, as the attributes of an object say; and what is worth knowing of the checkpoint.
    #[staticmethod]
    fn load(py: Python<'_>, said: &Bound<'_, PyAny>) -> PyResult<(Self, Vec<String>)> {
        let said: Said = said.extract()?;
        let checked = || Ok((said.options()?, said.device()?));
        let (options, device) = checked().map_err(|reason: String| wrong(py, &reason))?;
        let mut told = Vec::new();
        let loaded = work(py, || said.load(options, device, &mut told))?;
        let loaded = loaded.map_err(|error| match error {
            ScoreError::Options(reason) => wrong(py, &reason),
            error => raised(py, &error.into()),
        })?;
        Ok((Self(loaded), told))
    }

    /// The relations that it tells apart.
    #[getter]
    fn relations(&self) -> Vec<String> {
        self.0.relations().iter().map(ToString::to_string).collect()
    }

    /// Where it computes, and in which type.
    #[getter]
    fn device(&self) -> String {
        self.0.device()
    }

    /// Documents with which a batch keeps all threads, or the card, at work.
    #[getter]
    fn documents_at_once(&self) -> usize {
        self.0.documents_at_once()
    }

    /// Scores rows: tables, documents that are too large, and what is odd about them.
    fn score(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<Outgoing> {
        let batches = batches_in(rows)?;
        let batch = work(py, || whole(batches))?.map_err(|error| raised_as(py, "InputError", &error.into()))?;
        let outcome = work(py, || self.0.score(&batch))?;
        let outcome = outcome.map_err(|error| match error {
            error @ (ScoreError::Corpus(_) | ScoreError::Table(_)) => raised_as(py, "InputError", &error.into()),
            error => raised(py, &error.into()),
        })?;
        let warnings = self.0.warnings(&outcome.seen);
        let Outcome { relations, evidence, scores, sentence_weights, claims, traces, too_large, .. } = outcome;
        let table = |batch: RecordBatch| Table::of_batches(batch.schema(), vec![batch]);
        let (relations, evidence, scores) = (table(relations), table(evidence), table(scores));
        let tables = (relations, evidence, scores, table(sentence_weights), table(claims), table(traces));
        let too_large = too_large.iter().map(|left| (left.document.to_string(), not_scored(left))).collect();
        Ok((tables, too_large, warnings))
    }
}

/// Identifies what relations are made of: by a checkpoint with its card, which says what pairs are scored and what the
/// relations of a corpus are called, a decision in a file or beside it, and `options` in a text.
#[pyfunction]
#[pyo3(signature = (checkpoint, decision, options))]
pub fn making(py: Python<'_>, checkpoint: PathBuf, decision: Option<PathBuf>, options: &str) -> PyResult<String> {
    let identified = || -> anyhow::Result<String> {
        read_config(&checkpoint)?;
        let identity = Identity::of("relations").bytes("options", options.as_bytes());
        let identity =
            identity.field("checkpoint", &fingerprint(&checkpoint)?).field("card", &Card::find(&checkpoint)?);
        // A link that leads nowhere is there, and refused.
        let beside = || Some(decision_in(&checkpoint)).filter(|path| path.symlink_metadata().is_ok());
        let Some(decision) = decision.or_else(beside) else { return Ok(identity.finish()) };
        Ok(identity.file("decision", &decision).with_context(|| decision.display().to_string())?.finish())
    };
    work(py, identified)?.map_err(|error| raised(py, &error))
}

/// All rows as one batch: names must differ over all of them.
fn whole(batches: Batches) -> Result<RecordBatch, arrow::error::ArrowError> {
    let schema = batches.schema();
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    match <[RecordBatch; 1]>::try_from(batches) {
        Ok([batch]) => Ok(batch),
        Err(batches) => concat_batches(&schema, &batches),
    }
}
