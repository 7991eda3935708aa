//! `graph`: facts of a split → a graph in a folder.

use std::collections::BTreeMap;

use super::{Action, Kind, Made, Needs, Work};
use crate::graph::{self, Options, Request};
use crate::pipeline::file::typed;
use crate::pipeline::keys;

pub const KIND: Kind = Kind {
    name: "graph",
    inputs: &[("corpus", Needs::One), ("relations", Needs::One), ("aliases", Needs::Optional)],
    further_inputs: false,
    outputs: &["graph"],
    options: keys::of::<Options>,
    parse: |options| Ok(Box::new(typed::<Options>(options)?)),
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
            &|_, number| (work.progress)(0, number),
        )?;
        let notes = totals.map(|totals| [vec![totals.to_string()], totals.warnings()].concat());
        Ok(Made { outputs: BTreeMap::from([("graph", out)]), notes: notes.unwrap_or_default(), rejected: 0 })
    }
}
