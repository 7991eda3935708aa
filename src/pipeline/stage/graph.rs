//! `graph`: facts of a split → a graph in a folder.

use std::collections::BTreeMap;

use super::kind::{Action, Kind, Needs};
use super::work::{Made, Work};
use crate::graph::{self, Options, Request};
use crate::ground::manifest::role;
use crate::pipeline::options::{keys_of, settings};

pub const KIND: Kind = Kind {
    name: "graph",
    inputs: &[
        (role::CORPUS, Needs::One),
        (role::RELATIONS, Needs::One),
        (role::MODEL_RELATIONS, Needs::Optional),
        (role::EVIDENCE, Needs::Optional),
        ("aliases", Needs::Optional),
    ],
    outputs: &[role::GRAPH],
    options: keys_of::<Options>,
    parse: |options, _| Ok(Box::new(settings::<Options>(options)?)),
    ..Kind::PLAIN
};

impl Action for Options {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let out = work.folder.join("graph");
        let totals = graph::build(
            &Request {
                relations: work.input(role::RELATIONS)?,
                split: work.input(role::CORPUS)?,
                model_relations: work.optional(role::MODEL_RELATIONS),
                evidence: work.optional(role::EVIDENCE),
                aliases: work.optional("aliases"),
                out: &out,
                options: self,
                force: true,
            },
            work.observe,
        )?;
        Ok(Made {
            outputs: BTreeMap::from([(role::GRAPH, out)]),
            notes: totals.iter().map(ToString::to_string).collect(),
            ..Made::default()
        })
    }
}
