//! `evaluate`: facts and predicted relations → the table `metrics`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::ground::manifest::role;
use crate::metrics::{self, Metric, Request, present};
use crate::pipeline::options::typed;
use crate::table::{self, Table};

pub const KIND: Kind = Kind {
    name: "evaluate",
    inputs: &[(role::CORPUS, Needs::One), (role::RELATIONS, Needs::One), ("training", Needs::Optional)],
    further_inputs: false,
    outputs: &[role::METRICS],
    optional_outputs: &[],
    options: keys_of::<Evaluate>,
    parse: |options, _| Ok(Box::new(typed::<Evaluate>(options)?)),
};

#[derive(Deserialize)]
struct Evaluate {
    #[serde(default = "usual_resamples")]
    resamples: u64,
    #[serde(default)]
    seed: u64,
    run_id: Option<String>,
}

fn usual_resamples() -> u64 {
    Request::new(Path::new(""), Path::new("")).resamples
}

impl Action for Evaluate {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let corpus = work.input(role::CORPUS)?;
        let split = corpus.file_name().unwrap_or_default().to_string_lossy();
        let evaluation = metrics::evaluate(&Request {
            training_facts: work.optional("training"),
            corpus: work.pipeline,
            split: &split,
            run_id: self.run_id.as_deref(),
            resamples: self.resamples,
            seed: self.seed,
            ..Request::new(corpus, work.input(role::RELATIONS)?)
        })?;
        let warnings = evaluation.notes.warnings().into_iter().map(|warning| format!("warning: {warning}")).collect();
        table::write(work.folder, &evaluation.fingerprint(), evaluation.metrics)?;
        let outputs = BTreeMap::from([(role::METRICS, work.folder.join("metrics"))]);
        Ok(Made { outputs, warnings, ..Made::default() })
    }

    fn summary(&self, _place: &str, outputs: &BTreeMap<&str, PathBuf>) -> anyhow::Result<Option<String>> {
        let Some(metrics) = outputs.get(role::METRICS) else { return Ok(None) };
        let rows = Table::<Metric>::require_at(metrics)?.all()?;
        Ok(Some(present::table(&rows, false)))
    }
}
