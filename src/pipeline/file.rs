//! A pipeline file, read and checked as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::optional::{Without, leave_out};
use super::options::{check_keys, check_keys_among, keys, typed};
use super::settings::{self, Top};
use super::sources::{OneOrMore, Source};
use super::stage::kind::{Action, Kind};
use super::stage::registry;
use super::wiring::{Producers, check_output, check_roles};
use crate::ground::parsed::FolderName;
use crate::ground::suggest::unknown;

/// Stages in order, and the sources that they start from. Everything was checked but whether the sources are there.
#[derive(Debug)]
pub struct Pipeline {
    /// The name of the file without its ending; also that of the run folder.
    pub name: String,
    /// The stages in the order in which they run.
    pub stages: Vec<Stage>,
    /// What settings have done beside what they say, a line each.
    pub notes: Vec<String>,
    /// The optional stages of the file that are not among the stages.
    pub without: Without,
}

/// A stage: what to do, to what, towards what.
pub struct Stage {
    /// Its name, once in the pipeline.
    pub name: String,
    /// What sort of work it does.
    pub kind: &'static Kind,
    /// Its options as they were written.
    pub options: Table,
    /// The work, its options read.
    pub action: Box<dyn Action>,
    /// What it reads, by role.
    pub inputs: BTreeMap<String, Vec<Input>>,
    /// Paths in the run folder that it makes, by role.
    pub outputs: BTreeMap<String, String>,
    /// Whether the pipeline does without it where its sources are not there.
    pub optional: bool,
}

/// What a stage reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// What was there before.
    Source(Source),
    /// The output of a stage above: a path in the run folder.
    Made(String),
}

impl Input {
    /// Where it is.
    ///
    /// # Errors
    /// Where it is a source that is not there.
    pub fn path(&self, run_folder: &Path) -> anyhow::Result<PathBuf> {
        match self {
            Self::Source(source) => source.path().ok_or_else(|| anyhow!("source `{source}` is not there")),
            Self::Made(name) => Ok(run_folder.join(name)),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => source.fmt(f),
            Self::Made(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What every stage has.
#[derive(Deserialize)]
struct Common {
    name: FolderName,
    kind: String,
    #[serde(default)]
    inputs: BTreeMap<String, OneOrMore>,
    outputs: BTreeMap<String, String>,
    #[serde(default)]
    optional: bool,
}

impl Pipeline {
    /// Reads and checks a file. Each of `settings` replaces a value of it: `STAGE.KEY=VALUE` or `sources.NAME=PATH`.
    /// A key reaches into tables by `.`, as `train.model.kind`; the value is one of TOML, or else bare text. STAGE may
    /// be left out where one stage alone has the key's table. Another kind of model takes those keys of the file that it
    /// knows.
    ///
    /// # Errors
    /// What is wrong with the file or a setting, and where.
    pub fn read(file: &Path, settings: &[String]) -> anyhow::Result<Self> {
        Self::read_here(file, settings).with_context(|| file.display().to_string())
    }

    fn read_here(file: &Path, settings: &[String]) -> anyhow::Result<Self> {
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        name.parse::<FolderName>().map_err(|reason| anyhow!("name: {reason}"))?;
        let text = fs::read_to_string(file).context("cannot read")?;
        let table: Table = text.parse().map_err(|error| located(&error, &text))?;
        check_keys(&table, keys::<Top>())?;
        let mut top: Top = typed(table)?;
        let notes = settings::apply(&mut top, settings)?;
        let (stages, without) = leave_out(stages(top)?)?;
        Ok(Self { name: name.to_owned(), stages, notes, without })
    }

    /// The place of a stage.
    pub fn position(&self, stage: &str) -> anyhow::Result<usize> {
        let names: Vec<&str> = self.stages.iter().map(|stage| stage.name.as_str()).collect();
        let position = names.iter().position(|name| *name == stage);
        if self.without.stages.iter().any(|name| name == stage) {
            bail!("{}: stage `{stage}`: the run is {}", self.name, self.without);
        }
        position.ok_or_else(|| anyhow!("{}: {}", self.name, unknown("stage", stage, &names)))
    }
}

fn stages(top: Top) -> anyhow::Result<Vec<Stage>> {
    ensure!(!top.stage.is_empty(), "expected a `[[stage]]`, got none");
    let mut halves: Vec<(Common, Table)> = Vec::new();
    for (number, table) in (1..).zip(top.stage) {
        let half = halve(table, number)?;
        ensure!(halves.iter().all(|(head, _)| head.name != half.0.name), "two stages are named `{}`", half.0.name);
        halves.push(half);
    }
    let mut producers = Producers::default();
    for name in top.sources.keys() {
        producers.add(name, "the sources".to_owned())?;
    }
    let made = |(head, _): &(Common, Table)| {
        head.outputs.values().map(|output| (output.clone(), head.name.to_string())).collect::<Vec<_>>()
    };
    let later: BTreeMap<String, String> = halves.iter().flat_map(made).collect();
    let mut stages = Vec::new();
    for (head, options) in halves {
        let place = format!("stage `{}`", head.name);
        stages.push(checked(head, options, &top.sources, &mut producers, &later).context(place)?);
    }
    Ok(stages)
}

/// Parts what every stage has from the options of its kind.
fn halve(mut table: Table, number: usize) -> anyhow::Result<(Common, Table)> {
    let place = match table.get("name") {
        Some(Value::String(name)) => format!("stage `{name}`"),
        _ => format!("stage {number}"),
    };
    let common = keys::<Common>();
    let head: Table = common.iter().filter_map(|&key| table.remove_entry(key)).collect();
    // A misspelt key is told as such, not as the one that is missing for it.
    let kind = head.get("kind").and_then(Value::as_str).and_then(|kind| registry::named(kind).ok());
    let check =
        kind.map_or(Ok(()), |kind| check_keys_among(&table, &[(kind.options)(), common.to_vec()].concat(), &place));
    check?;
    let head: Common = typed(head).context(place)?;
    Ok((head, table))
}

fn checked(
    head: Common,
    options: Table,
    sources: &BTreeMap<String, Source>,
    producers: &mut Producers,
    later: &BTreeMap<String, String>,
) -> anyhow::Result<Stage> {
    let kind = registry::named(&head.kind)?;
    let names: BTreeMap<String, Vec<String>> =
        head.inputs.into_iter().map(|(role, names)| (role, names.into())).collect();
    check_roles(kind, &names, &head.outputs)?;
    let roles: Vec<String> = names.keys().cloned().collect();
    for name in names.values().flatten() {
        producers.check(name, later)?;
    }
    for output in head.outputs.values() {
        check_output(output)?;
        producers.add(output, format!("stage `{}`", head.name))?;
    }
    let input =
        |name: String| sources.get(&name).map_or(Input::Made(name.clone()), |source| Input::Source(source.clone()));
    let inputs = names.into_iter().map(|(role, names)| (role, names.into_iter().map(input).collect())).collect();
    let action = (kind.parse)(options.clone(), &roles)?;
    for role in head.outputs.keys() {
        if let Some(reason) = action.lacks(role) {
            bail!("output `{role}`: expected none, as {reason}");
        }
    }
    Ok(Stage { name: head.name.into(), kind, options, action, inputs, outputs: head.outputs, optional: head.optional })
}

/// What is wrong with TOML, with its line and column, both from 1.
fn located(error: &toml::de::Error, text: &str) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    anyhow!("line {line}, column {column}: {}", error.message())
}
