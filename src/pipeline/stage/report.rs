//! `report`: a run's tables → a page. Beside them it shows what the manifest says of the stages before, their times too.

use std::collections::BTreeMap;

use anyhow::ensure;
use toml::Table;

use super::kind::{Action, Kind, Needs};
use super::work::{Made, Work};
use crate::ground::manifest::{REPORT, role};
use crate::pipeline::options::{keys_of, settings};
use crate::report::{self, Options, Sources};

/// Another run's relations, shown beside these.
const AGAINST: &str = "against";

pub const KIND: Kind = Kind {
    name: REPORT,
    inputs: &[
        (role::CORPUS, Needs::One),
        (role::RELATIONS, Needs::Optional),
        (role::EVIDENCE, Needs::Optional),
        (role::SENTENCE_WEIGHTS, Needs::Optional),
        (AGAINST, Needs::Optional),
        (role::MODEL_RELATIONS, Needs::Optional),
        (role::TRACES, Needs::Optional),
        (role::METRICS, Needs::Optional),
        (role::COMPARISONS, Needs::Optional),
        (role::PRECISION_RECALL, Needs::Optional),
        (role::RELIABILITY, Needs::Optional),
        (role::LOG, Needs::Optional),
        (role::GRAPH, Needs::Optional),
    ],
    outputs: &["page"],
    options: keys_of::<Options>,
    parse,
    ..Kind::PLAIN
};

fn parse(options: Table, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    let given = |role: &str| inputs.iter().any(|input| input == role);
    let (evidence, relations) = (role::EVIDENCE, role::RELATIONS);
    ensure!(given(relations) || !given(evidence), "input `{evidence}`: expected it beside `{relations}`, got it alone");
    Ok(Box::new(settings::<Options>(options)?))
}

impl Action for Options {
    fn shows_stages_before(&self) -> bool {
        true
    }

    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let path = |role: &str| work.optional(role).map(std::path::Path::to_path_buf);
        let sources = Sources {
            name: work.pipeline.to_owned(),
            lineage: Some(work.before.clone()),
            corpus: path(role::CORPUS),
            relations: path(role::RELATIONS),
            evidence: path(role::EVIDENCE),
            sentence_weights: path(role::SENTENCE_WEIGHTS),
            against: path(AGAINST),
            model_relations: path(role::MODEL_RELATIONS),
            traces: path(role::TRACES),
            metrics: path(role::METRICS),
            comparisons: path(role::COMPARISONS),
            precision_recall: path(role::PRECISION_RECALL),
            reliability: path(role::RELIABILITY),
            training_log: path(role::LOG),
            graph: path(role::GRAPH),
        };
        let page = work.folder.join("report.html");
        let written = report::write(&sources, self, &page, true, work.observe)?;
        Ok(Made { outputs: BTreeMap::from([("page", page)]), notes: vec![written.to_string()], ..Made::default() })
    }
}
