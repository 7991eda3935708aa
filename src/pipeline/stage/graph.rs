//! `graph`: facts of a split → a graph in a folder.

use std::collections::BTreeMap;

use super::kind::{Action, Kind, Made, Needs, Work, keys_of};
use crate::graph::{self, Options, Request};
use crate::pipeline::options::settings;
use crate::pipeline::progress::Progress;

pub const KIND: Kind = Kind {
    name: "graph",
    inputs: &[("corpus", Needs::One), ("relations", Needs::One), ("aliases", Needs::Optional)],
    further_inputs: false,
    outputs: &["graph"],
    optional_outputs: &[],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let out = work.folder.join("graph");
        let totals = graph::build(
            &Request {
                relations: work.input("relations")?,
                split: work.input("corpus")?,
                aliases: work.optional("aliases"),
                out: &out,
                options: self,
            },
            &|_, number| (work.progress)(Progress::documents(number)),
        )?;
        Ok(Made {
            outputs: BTreeMap::from([("graph", out)]),
            notes: totals.iter().map(ToString::to_string).collect(),
            warnings: totals.map(|totals| totals.warnings()).unwrap_or_default(),
            ..Made::default()
        })
    }
}
