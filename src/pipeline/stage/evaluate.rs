//! `evaluate`: facts and predicted relations → the table `metrics`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::ground::manifest::role;
use crate::metrics::{self, Metric, Options, Request, present};
use crate::pipeline::options::settings;
use crate::table::{self, Table};

pub const KIND: Kind = Kind {
    name: "evaluate",
    inputs: &[(role::CORPUS, Needs::One), (role::RELATIONS, Needs::One), ("training", Needs::Optional)],
    outputs: &[role::METRICS],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let corpus = work.input(role::CORPUS)?;
        let split = corpus.file_name().unwrap_or_default().to_string_lossy();
        let evaluation = metrics::evaluate(&Request {
            training_facts: work.optional("training"),
            corpus: work.pipeline,
            split: &split,
            ..Request::new(corpus, work.input(role::RELATIONS)?).with(self)
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
