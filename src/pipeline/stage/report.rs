//! `report`: a run's tables → a page. Beside them it shows what the manifest says of the stages before, their times too.

use std::collections::BTreeMap;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::pipeline::manifest::MANIFEST;
use crate::pipeline::options::settings;
use crate::report::{self, Options, Sources};

pub const KIND: Kind = Kind {
    name: "report",
    inputs: &[
        ("corpus", Needs::One),
        ("relations", Needs::Optional),
        ("metrics", Needs::Optional),
        ("comparisons", Needs::Optional),
        ("log", Needs::Optional),
        ("graph", Needs::Optional),
    ],
    further_inputs: false,
    outputs: &["page"],
    optional_outputs: &[],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let path = |role: &str| work.optional(role).map(std::path::Path::to_path_buf);
        let sources = Sources {
            name: work.pipeline.to_owned(),
            manifest: Some(work.run.join(MANIFEST)).filter(|path| path.is_file()),
            corpus: path("corpus"),
            relations: path("relations"),
            metrics: path("metrics"),
            comparisons: path("comparisons"),
            training_log: path("log"),
            graph: path("graph"),
        };
        let page = work.folder.join("report.html");
        let written = report::write(&sources, self, &page, true)?;
        Ok(Made { outputs: BTreeMap::from([("page", page)]), notes: vec![written.to_string()], ..Made::default() })
    }
}
