//! The kinds of stages, a file each: their options, and how a library function is called with them.

mod convert;
mod evaluate;
mod graph;
mod query;
mod synthesize;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use toml::Table;

use super::keys;
use crate::corpus::convert::{Progress, Summary};
use crate::corpus::reject_line;

/// Every kind.
static KINDS: [Kind; 5] = [synthesize::KIND, convert::KIND, query::KIND, evaluate::KIND, graph::KIND];

/// A sort of stage, as a pipeline file calls for it.
pub struct Kind {
    /// What `kind = "…"` says.
    pub name: &'static str,
    /// The roles of what it reads.
    pub inputs: &'static [(&'static str, Needs)],
    /// Whether it takes inputs in any other role too, one each.
    pub further_inputs: bool,
    /// The roles of what it makes; every one is needed.
    pub outputs: &'static [&'static str],
    /// The keys of its options.
    pub options: fn() -> &'static [&'static str],
    /// Reads its options.
    pub parse: fn(Table) -> anyhow::Result<Box<dyn Action>>,
}

/// How often an input is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Once or more, in order.
    Several,
}

impl Kind {
    /// The kind of this name.
    pub fn named(name: &str) -> anyhow::Result<&'static Self> {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let kind = KINDS.iter().find(|kind| kind.name == name);
        kind.ok_or_else(|| anyhow!("{}", keys::unknown("kind", name, &names)))
    }
}

/// The work of a stage, its options read.
pub trait Action {
    /// Does it. The same options and inputs make the same bytes.
    ///
    /// # Errors
    /// Whatever keeps it from being done; then the outputs stay as they were.
    fn run(&self, work: &Work<'_>) -> anyhow::Result<Made>;

    /// What people want to see of the outputs, by role, once the run is over.
    ///
    /// # Errors
    /// Where an output cannot be read.
    fn summary(&self, _outputs: &BTreeMap<&str, PathBuf>) -> anyhow::Result<Option<String>> {
        Ok(None)
    }
}

/// What an action works on.
pub struct Work<'w> {
    /// The pipeline's name.
    pub pipeline: &'w str,
    /// Where its inputs are, by role.
    pub inputs: BTreeMap<&'w str, Vec<PathBuf>>,
    /// Its own folder. What a killed run of the same recipe left in it is still there: to go on from, or to write over.
    pub folder: &'w Path,
    /// Told now and then: bytes read and documents done so far.
    pub progress: Progress<'w>,
}

impl Work<'_> {
    /// The input in a role that takes one, where there is one.
    pub fn optional(&self, role: &str) -> Option<&Path> {
        self.inputs.get(role)?.first().map(PathBuf::as_path)
    }

    /// The input in a role that needs one.
    ///
    /// # Errors
    /// Never for a pipeline that was checked.
    pub fn input(&self, role: &str) -> anyhow::Result<&Path> {
        self.optional(role).ok_or_else(|| anyhow!("expected an input `{role}`, got none"))
    }
}

/// What an action made.
#[derive(Default)]
pub struct Made {
    /// Each output, by role: where it is now. The runner moves it to its place.
    pub outputs: BTreeMap<&'static str, PathBuf>,
    /// What is to be said of it, a line each.
    pub notes: Vec<String>,
    /// Records that were not taken over.
    pub rejected: u64,
}

/// The tables of a corpus, as an output `tables`.
fn corpus(summary: Summary) -> Made {
    let mut notes: Vec<String> = summary.totals.iter().map(ToString::to_string).collect();
    if summary.n_rejects > 0 {
        notes.push(format!("{} records were rejected, see the table `rejects`:", summary.n_rejects));
        notes.extend(summary.rejects.iter().map(|reject| format!("  {}", reject_line(reject))));
    }
    Made { outputs: BTreeMap::from([("tables", summary.folder)]), notes, rejected: summary.n_rejects }
}
