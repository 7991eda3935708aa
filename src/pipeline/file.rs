//! A pipeline file, read and checked as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::cells::Cells;
use super::gather;
use super::matrix::{Expanded, Instance, expand};
use super::optional::{Without, leave_out};
use super::options::{check_keys, check_keys_among, keys, typed};
use super::order::ordered;
use super::settings;
use super::sources::{OneOrMore, Source};
use super::stage::kind::{Before, Input, Stage};
use super::stage::{registry, scorings};
use super::wiring::{Producers, check_output, check_roles};
use super::written::{self, Top};
use crate::ground::parsed::FolderName;
use crate::ground::suggest::unknown;

/// Files that extend one another, at most.
const DEEPEST: usize = 8;

/// Stages in order, and the sources that they start from. Everything was checked but whether the sources are there.
#[derive(Debug)]
pub struct Pipeline {
    /// The name of the file without its ending; also that of the run folder.
    pub name: String,
    /// The stages in the order in which they run.
    pub stages: Vec<Stage>,
    /// The names of the stages as the file has them, in its order.
    pub names: Vec<String>,
    /// The variants and seeds for which it repeats them.
    pub cells: Cells,
    /// What settings have done beside what they say, a line each.
    pub notes: Vec<String>,
    /// The optional stages of the file that are not among the stages.
    pub without: Without,
}

/// What every stage has.
#[derive(Deserialize)]
struct Common {
    /// That of the stage as it is written; what runs may be called otherwise.
    name: FolderName,
    kind: String,
    #[serde(default)]
    inputs: BTreeMap<String, OneOrMore>,
    outputs: BTreeMap<String, String>,
    #[serde(default)]
    optional: bool,
}

impl Pipeline {
    /// Reads and checks a file. Each of `settings` replaces a value of it: `STAGE.KEY=VALUE`, `sources.NAME=PATH` or
    /// `matrix.KEY=VALUE`. A key reaches into tables by `.`, as `train.model.kind`; the value is one of TOML, or else bare
    /// text. STAGE may be left out where one stage alone has the key's table. Another kind of model takes those keys of
    /// the file that it knows.
    ///
    /// # Errors
    /// What is wrong with the file or a setting, and where.
    pub fn read(file: &Path, settings: &[String]) -> anyhow::Result<Self> {
        Self::read_here(file, settings).with_context(|| file.display().to_string())
    }

    fn read_here(file: &Path, settings: &[String]) -> anyhow::Result<Self> {
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        name.parse::<FolderName>().map_err(|reason| anyhow!("name: {reason}"))?;
        let mut notes = Vec::new();
        let mut top = read_top(file, &[], &mut notes)?;
        notes.extend(settings::apply(&mut top, settings)?);
        ensure!(!top.stage.is_empty(), "expected a `[[stage]]`, got none");
        top.stage = ordered(top.stage)?;
        let names = top.stage.iter().map(|stage| written::name(stage).to_owned()).collect();
        let whole = |stages, cells, notes| {
            let (stages, without) = leave_out(stages)?;
            Ok(Self { name: name.to_owned(), stages, names, cells, notes, without })
        };
        let repeats = top.matrix.is_some() || !top.variant.is_empty();
        // First without what is repeated: a fault is then told of the stage as it is written.
        let written = stages(Instance::as_written(&gather::alone(&top.stage, repeats)), &top.sources)?;
        let Some(Expanded { instances, sources, cells, notes: more }) = expand(&top, name, settings)? else {
            return whole(written, Cells::single(name), notes);
        };
        notes.extend(more);
        whole(stages(instances, &sources)?, cells, notes)
    }

    /// The place of a stage among those of the file.
    pub fn position(&self, stage: &str) -> anyhow::Result<usize> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let position = names.iter().position(|name| *name == stage);
        if self.without.stages.iter().any(|name| name.rsplit('/').next() == Some(stage)) {
            bail!("{}: stage `{stage}`: the run is {}", self.name, self.without);
        }
        position.ok_or_else(|| anyhow!("{}: {}", self.name, unknown("stage", stage, &names)))
    }

    /// Whether a stage is of all variants and seeds.
    pub fn shares(&self, stage: &Stage) -> bool {
        stage.cells.len() == self.cells.count()
    }
}

/// A file over the one that it extends, if it does, and that over its own; `above` are those that extend it. What is to
/// be said of it goes to `notes`, a line each.
fn read_top(file: &Path, above: &[&Path], notes: &mut Vec<String>) -> anyhow::Result<Top> {
    let text = fs::read_to_string(file).context("cannot read")?;
    let table: Table = text.parse().map_err(|error| located(&error, &text))?;
    check_keys(&table, keys::<Top>())?;
    let mut top: Top = typed(table)?;
    // Before they take the places of others': the later one would take the earlier one's, too.
    let mut names = BTreeSet::new();
    // One without a name is told where stages are read.
    for name in top.stage.iter().map(written::name).filter(|name| !name.is_empty()) {
        ensure!(names.insert(name), "two stages are named `{name}`");
    }
    let Some(other) = top.extends.take() else { return Ok(top) };
    let place = || format!("`extends`: {}", other.display());
    let above = [above, &[file]].concat();
    check_chain(&above, &other).context("`extends`")?;
    let below = read_top(&other, &above, notes).with_context(place)?;
    let (top, note) = top.over(below);
    notes.extend(note.map(|note| format!("{}: {note}", place())));
    Ok(top)
}

/// Whether files, each extending the next and the last of them `other`, come to an end.
fn check_chain(files: &[&Path], other: &Path) -> anyhow::Result<()> {
    let other_file = fs::canonicalize(other).ok();
    let is_other = |file: &&Path| other_file.is_some() && fs::canonicalize(file).ok() == other_file;
    if let Some(first) = files.iter().position(is_other) {
        let circle = files.iter().skip(first).chain([&other]).map(|file| format!("`{}`", file.display()));
        let circle = circle.collect::<Vec<_>>().join(", which extends ");
        bail!("expected files that extend one another in no circle, got {circle}");
    }
    ensure!(files.len() <= DEEPEST, "expected at most {DEEPEST} files that extend one another, got more");
    Ok(())
}

fn stages(instances: Vec<Instance>, sources: &BTreeMap<String, Source>) -> anyhow::Result<Vec<Stage>> {
    let halves: Vec<Half> = instances.into_iter().map(halve).collect::<anyhow::Result<_>>()?;
    let mut producers = Producers::default();
    for name in sources.keys() {
        producers.add(name, "the sources".to_owned())?;
    }
    let made =
        |half: &Half| half.head.outputs.values().map(|output| (output.clone(), half.name.clone())).collect::<Vec<_>>();
    let later: BTreeMap<String, String> = halves.iter().flat_map(made).collect();
    let mut stages = Vec::new();
    for half in halves {
        let place = format!("stage `{}`", half.name);
        stages.push(checked(half, sources, &mut producers, &later).context(place)?);
    }
    for stage in &stages {
        let before = Before { stage, stages: &stages };
        let fits = scorings::check_made(&before).and_then(|()| stage.action.check(&before));
        fits.with_context(|| format!("stage `{}`", stage.name))?;
    }
    Ok(stages)
}

/// A stage whose keys were read.
struct Half {
    name: String,
    place: usize,
    cells: BTreeSet<usize>,
    head: Common,
    options: Table,
}

/// Parts what every stage has from the options of its kind.
fn halve(Instance { name, mut table, place, cells, .. }: Instance) -> anyhow::Result<Half> {
    let told = if name.is_empty() { format!("stage {}", place + 1) } else { format!("stage `{name}`") };
    let common = keys::<Common>();
    let head: Table = common.iter().filter_map(|&key| table.remove_entry(key)).collect();
    // A misspelt key is told as such, not as the one that is missing for it.
    let kind = head.get("kind").and_then(Value::as_str).and_then(|kind| registry::named(kind).ok());
    if let Some(kind) = kind {
        let known = [(kind.options)(), common.to_vec()].concat();
        settings::check_within_model(&table, &known).with_context(|| told.clone())?;
        check_keys_among(&table, &known, &told)?;
    }
    let head: Common = typed(head).context(told)?;
    debug_assert!(name.ends_with(&*head.name), "`{name}` is no run of `{}`", head.name);
    Ok(Half { name, place, cells, head, options: table })
}

fn checked(
    Half { name, place, cells, head, options }: Half,
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
        producers.add(output, format!("stage `{name}`"))?;
    }
    let input =
        |name: String| sources.get(&name).map_or(Input::Made(name.clone()), |source| Input::Source(source.clone()));
    let mut inputs: BTreeMap<String, Vec<Input>> =
        names.into_iter().map(|(role, names)| (role, names.into_iter().map(input).collect())).collect();
    let action = (kind.parse)(options.clone(), &roles)?;
    inputs.extend(action.reads().map(|(role, source)| (role.to_owned(), vec![Input::Source(source)])));
    for role in head.outputs.keys() {
        if let Some(reason) = action.lacks(role) {
            bail!("output `{role}`: expected none, as {reason}");
        }
    }
    let (outputs, optional) = (head.outputs, head.optional);
    Ok(Stage { name, place, cells, kind, options, action, inputs, outputs, optional })
}

/// What is wrong with TOML, with its line and column, both from 1.
fn located(error: &toml::de::Error, text: &str) -> anyhow::Error {
    let span = error.span().unwrap_or_default();
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let too_great = text.get(span).and_then(settings::too_great).map(|reason| format!("`{}`: {reason}", key(before)));
    anyhow!("line {line}, column {column}: {}", too_great.as_deref().unwrap_or(error.message()))
}

/// The key of the value that begins behind a text.
fn key(before: &str) -> &str {
    let before = before.rsplit_once('=').map_or("", |(before, _)| before.trim_end());
    before.rsplit(|letter: char| letter.is_whitespace() || "{,".contains(letter)).next().unwrap_or_default()
}
