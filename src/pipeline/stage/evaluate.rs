//! `evaluate`: facts, and predicted relations or scores or both → the table `metrics`; of scores, their curve and how
//! reliable their probabilities are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use anyhow::ensure;
use serde::Serialize;
use toml::Table as Toml;

use super::kind::{Action, Kind, Needs};
use super::work::{self, Made, Work};
use crate::decide::Decision;
use crate::ground::folder_name;
use crate::ground::manifest::role;
use crate::metrics::{self, Metric, Options, Request, Scored, ScoresRequest, present};
use crate::pipeline::options::{keys_of, settings};
use crate::table::rows::PrecisionRecallRow;
use crate::table::{self, Row, Table};

pub const KIND: Kind = Kind {
    name: "evaluate",
    inputs: &[
        (role::CORPUS, Needs::One),
        (role::RELATIONS, Needs::Optional),
        (role::EVIDENCE, Needs::Optional),
        (role::SCORES, Needs::Optional),
        (TRAINING, Needs::Optional),
        (DECISION, Needs::Optional),
    ],
    outputs: &[role::METRICS],
    optional_outputs: &[role::PRECISION_RECALL, role::RELIABILITY],
    options: keys_of::<Options>,
    parse,
    ..Kind::PLAIN
};

const TRAINING: &str = "training";
const DECISION: &str = "decision";

/// Options, and what is evaluated.
struct Evaluate {
    options: Options,
    scores: bool,
}

fn parse(options: Toml, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    let options = settings(options)?;
    let given = |role: &str| inputs.iter().any(|input| input == role);
    let (relations, scores) = (given(role::RELATIONS), given(role::SCORES));
    ensure!(relations || scores, "expected an input `{}` or `{}`, got neither", role::RELATIONS, role::SCORES);
    let of_relations = [TRAINING, role::EVIDENCE].map(|beside| (beside, role::RELATIONS, relations));
    for (beside, input, there) in of_relations.into_iter().chain([(DECISION, role::SCORES, scores)]) {
        ensure!(there || !given(beside), "input `{beside}`: expected it beside `{input}`, got it alone");
    }
    Ok(Box::new(Evaluate { options, scores }))
}

impl Evaluate {
    fn of_scores(&self, work: &Work<'_>, split: &str, scores: &Path) -> anyhow::Result<Scored> {
        let scores = scores.to_path_buf();
        let decision = work.optional(DECISION).map(Decision::read).transpose()?.unwrap_or_default();
        let Options { run_id, resamples, seed } = &self.options;
        Ok(metrics::evaluate_scores(&ScoresRequest {
            tables: work.input(role::CORPUS)?,
            scores: from_ref(&scores),
            decision: &decision,
            corpus: work.pipeline,
            split,
            run_id: run_id.as_deref(),
            resamples: *resamples,
            seed: *seed,
        })?)
    }
}

impl Action for Evaluate {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let corpus = work.input(role::CORPUS)?;
        let split = folder_name(corpus);
        let (mut rows, mut warnings) = (Vec::new(), Vec::new());
        if let Some(relations) = work.optional(role::RELATIONS) {
            let request = Request::new(corpus, relations).with(&self.options);
            let (training_facts, evidence) = (work.optional(TRAINING), work.optional(role::EVIDENCE));
            let evaluation = metrics::evaluate(&Request {
                training_facts,
                evidence,
                corpus: work.pipeline,
                split: &split,
                ..request
            })?;
            warnings.extend(evaluation.notes.warnings());
            // Rows would name their documents, and be refused.
            warnings.extend(Some(evaluation.notes.rows).filter(|rows| *rows == 0).and_then(|_| made_of_another(work)));
            rows.extend(evaluation.metrics);
        }
        let mut outputs = BTreeMap::new();
        if let Some(scores) = work.optional(role::SCORES) {
            let scored = self.of_scores(work, &split, scores)?;
            // Of documents without labels both may speak.
            let new: Vec<String> = scored.warnings().into_iter().filter(|told| !warnings.contains(told)).collect();
            warnings.extend(new);
            outputs.insert(role::PRECISION_RECALL, written(work.folder, scored.curve)?);
            outputs.insert(role::RELIABILITY, written(work.folder, scored.reliability)?);
            rows.extend(scored.metrics);
        }
        metrics::sort(&mut rows);
        outputs.insert(role::METRICS, written(work.folder, rows)?);
        Ok(Made { outputs, warnings: work::warnings(warnings), ..Made::default() })
    }

    fn lacks(&self, role: &str) -> Option<&'static str> {
        let of_scores = [role::PRECISION_RECALL, role::RELIABILITY].contains(&role);
        (of_scores && !self.scores).then_some("without the input `scores` there is none")
    }

    fn summary(&self, _place: &str, outputs: &BTreeMap<&str, PathBuf>) -> anyhow::Result<Option<String>> {
        let Some(metrics) = outputs.get(role::METRICS) else { return Ok(None) };
        let rows = Table::<Metric>::require_at(metrics)?.all()?;
        let curve = outputs.get(role::PRECISION_RECALL);
        let curve = curve.map(|curve| Table::<PrecisionRecallRow>::require_at(curve)?.all()).transpose()?;
        Ok(Some(present::table(&rows, curve.as_deref().unwrap_or_default(), false)))
    }
}

/// What is said where the predictions were made of another split than they are judged on, as the stages before tell.
fn made_of_another(work: &Work<'_>) -> Option<String> {
    let content = |role: &str| work.contents.known(work.optional(role)?);
    let split = work.before.corpus_of(content(role::RELATIONS)?)?;
    let differs = split.hash != content(role::CORPUS)?;
    differs.then(|| {
        format!("the predictions were made of `{}`, which is not the split that they are judged on", split.path)
    })
}

/// Writes a table into a folder, and says where it is.
pub fn written<R: Row + Serialize>(folder: &Path, rows: Vec<R>) -> anyhow::Result<PathBuf> {
    table::write(folder, &metrics::fingerprint(&rows), rows)?;
    Ok(folder.join(&R::schema().name))
}
