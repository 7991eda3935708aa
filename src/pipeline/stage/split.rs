//! `split`: the tables of a split → those of several, by documents. The new splits' names are the roles of the outputs
//! and, where lists name the documents, of the lists.

use std::collections::BTreeMap;

use anyhow::ensure;
use toml::Table;

use super::kind::{Action, Kind, Needs};
use super::work::{Made, Work};
use crate::corpus::split::{Division, Options};
use crate::ground::manifest::role;
use crate::ground::parsed::FolderName;
use crate::pipeline::options::{keys_of, settings};

pub const KIND: Kind = Kind {
    name: "split",
    inputs: &[(role::CORPUS, Needs::One)],
    further_inputs: true,
    further_outputs: true,
    options: keys_of::<Options>,
    parse,
    ..Kind::PLAIN
};

struct Split {
    options: Options,
    /// The splits whose documents are listed.
    listed: Vec<FolderName>,
}

fn parse(options: Table, inputs: &[String]) -> anyhow::Result<Box<dyn Action>> {
    let options = settings::<Options>(options)?;
    let lists = inputs.iter().filter(|input| *input != role::CORPUS);
    let listed: Vec<FolderName> =
        lists.map(|input| input.parse()).collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    let got = if listed.is_empty() { "neither" } else { "both" };
    ensure!(options.shares.is_empty() != listed.is_empty(), "expected `shares` or inputs that are lists, got {got}");
    Ok(Box::new(Split { options, listed }))
}

impl Action for Split {
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made> {
        let lists = self.listed.iter().map(|name| Ok((name.clone(), work.input(name)?.to_path_buf())));
        let division = Division {
            options: self.options.clone(),
            source: work.input(role::CORPUS)?.to_path_buf(),
            lists: lists.collect::<anyhow::Result<_>>()?,
        };
        let summaries = division.run_knowing(work.contents, work.folder, true, work.observe)?;
        let names = self.options.shares.keys().chain(&self.listed);
        let further_outputs = names.map(|name| (name.to_string(), work.folder.join(name))).collect::<BTreeMap<_, _>>();
        let told = summaries.iter().zip(further_outputs.keys());
        let notes = told.filter_map(|(summary, name)| Some(format!("{name}: {}", summary.totals?))).collect();
        Ok(Made { further_outputs, notes, ..Made::default() })
    }

    fn lacks(&self, role: &str) -> Option<&'static str> {
        let is_made = self.options.shares.keys().chain(&self.listed).any(|name| **name == *role);
        (!is_made).then_some("neither a share nor a list is for it")
    }
}
