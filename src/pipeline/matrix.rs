//! What a pipeline file repeats: variants and seeds, and which of their runs share what.
//!
//! A cell is a variant with a seed. It has its own form of every stage: with the variant's settings, with the seed, with
//! its own outputs for inputs. Cells whose forms of a stage are the same share one [`Instance`] of it, which runs once:
//! what no setting and no seed bears on is shared by all, and nobody lists what is shared. One that is not has its
//! outputs below `VARIANT/seed-N`, of the first variant that it is of, and is called so.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow, bail, ensure};
use toml::{Table, Value};

use super::cells::Cells;
use super::gather;
use super::options::typed;
use super::settings;
use super::sources::Source;
use super::stage::kind::{AmongRuns, Kind};
use super::written::{self, Matrix, Top, Variant, kind, names_mut};
use crate::ground::suggest::unknown;

/// The option that seeds replace.
const SEED: &str = "seed";

/// A stage as it runs: for one cell, or for several.
pub struct Instance {
    /// What it is called: as in the file, below variant and seed where it is not of all cells.
    pub name: String,
    /// The stage, its inputs and outputs those of the instance.
    pub table: Table,
    /// Its place among the stages of the file.
    pub place: usize,
    /// The cells that it is of.
    pub cells: BTreeSet<usize>,
    /// Whether it comes after all cells, as it is made of them together.
    is_late: bool,
}

impl Instance {
    /// The stages of a file as they are written.
    pub fn as_written(stages: &[Table]) -> Vec<Self> {
        let one = |(place, table): (usize, &Table)| Self {
            name: written::name(table).to_owned(),
            table: table.clone(),
            place,
            cells: BTreeSet::from([0]),
            is_late: false,
        };
        stages.iter().enumerate().map(one).collect()
    }
}

/// A file's stages as they run.
pub struct Expanded {
    /// In the order in which they run: cell by cell, and then what gathers them.
    pub instances: Vec<Instance>,
    /// Those of the file, and those that a variant has of its own.
    pub sources: BTreeMap<String, Source>,
    /// What is repeated.
    pub cells: Cells,
    /// What is to be said of it, a line each.
    pub notes: Vec<String>,
}

/// What the stages of one cell are.
struct Form {
    stages: Vec<Table>,
    /// Its names of sources and outputs → what they are called among all cells.
    names: BTreeMap<String, Origin>,
}

/// Where an input comes from.
#[derive(Debug, Clone, Default, PartialEq)]
struct Origin {
    name: String,
    /// Whether it depends on the seed.
    is_seeded: bool,
    /// Whether it is made of all cells.
    is_late: bool,
}

/// The stages of a file as they run, where settings were `set` in it; `None` where nothing is repeated.
///
/// # Errors
/// What is wrong with the matrix, or with a variant.
pub fn expand(top: &Top, pipeline: &str, set: &[String]) -> anyhow::Result<Option<Expanded>> {
    if top.matrix.is_none() && top.variant.is_empty() {
        return Ok(None);
    }
    let matrix: Matrix = typed(top.matrix.clone().unwrap_or_default()).context("`matrix`")?;
    let cells = Cells::read(top, &matrix, pipeline)?;
    let seeded = if cells.seed(0).is_none() { BTreeSet::new() } else { seeded(top, matrix.seed_of.as_deref())? };
    let sets_seed = |setting: &&String| setting.split_once('=').is_some_and(|(key, _)| is_seed(key, &seeded));
    if let Some(setting) = set.iter().find(sets_seed) {
        bail!("--set {setting}: expected it in `matrix.seeds`, as in `--set 'matrix.seeds=[1, 2]'`");
    }
    let mut notes = replaced(top, set)?;
    let (tops, more) = varied(top, &seeded)?;
    notes.extend(more);
    notes.extend(alike(&tops, &cells));
    let mut sources = top.sources.clone();
    let mut forms: Vec<Form> = (0..cells.count())
        .map(|cell| {
            let varied = tops.get(cell % tops.len()).ok_or_else(|| anyhow!("a cell has no variant"))?;
            form(top, varied, (cells.variant(cell), cells.seed(cell)), &seeded, &mut sources)
        })
        .collect::<anyhow::Result<_>>()?;
    let mut instances = Vec::new();
    for (place, stage) in top.stage.iter().enumerate() {
        instances.extend(instances_of((place, stage), &mut forms, &cells, &seeded)?);
    }
    // Cell by cell: what a cell is the first to need runs with it.
    instances.sort_by_key(|instance| (instance.is_late, instance.cells.first().copied(), instance.place));
    Ok(Some(Expanded { instances, sources, cells, notes }))
}

/// Which variants say otherwise than what was `set`, a line each.
///
/// # Errors
/// A setting that each of them replaces: it would do nothing.
fn replaced(top: &Top, set: &[String]) -> anyhow::Result<Vec<String>> {
    let stages = || top.stage.iter().map(written::name);
    // The name of a stage may be left out.
    let whole = |key: &str| stages().map(|stage| format!("{stage}.{key}")).chain([key.to_owned()]).collect::<Vec<_>>();
    let holds =
        |table: &str, key: &str| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let mut notes = Vec::new();
    for setting in set {
        let Some((key, _)) = setting.split_once('=') else { continue };
        let keys = whole(key);
        let any = |variant: &Variant, is_it: &dyn Fn(&str, &str) -> bool| {
            let mut paths = variant.set.keys().chain(&variant.unset).flat_map(|path| whole(path));
            paths.any(|path| keys.iter().any(|key| is_it(&path, key)))
        };
        let (mut names, mut is_whole) = (Vec::new(), true);
        for variant in &top.variant {
            let (all, some) = (any(variant, &holds), any(variant, &|path, key| holds(key, path)));
            is_whole &= all;
            names.extend((all || some).then(|| format!("`{}`", variant.name)));
        }
        ensure!(
            top.variant.is_empty() || !is_whole,
            "--set {setting}: expected a key that not every variant sets, got one that {} set",
            names.join(", ")
        );
        let (noun, says) = if names.len() == 1 { ("variant", "says") } else { ("variants", "say") };
        let told = || format!("--set {setting}: the {noun} {} {says} otherwise", names.join(", "));
        notes.extend((!names.is_empty()).then(told));
    }
    Ok(notes)
}

/// The names of the stages whose seed the matrix says.
fn seeded(top: &Top, named: Option<&[String]>) -> anyhow::Result<BTreeSet<String>> {
    let names: Vec<&str> = top.stage.iter().map(written::name).collect();
    let Some(named) = named else {
        let learns = |stage: &&Table| kind(stage).is_some_and(|kind| kind.among_runs == AmongRuns::Learns);
        let found: BTreeSet<String> =
            top.stage.iter().filter(learns).map(|stage| written::name(stage).to_owned()).collect();
        ensure!(!found.is_empty(), "`matrix.seeds`: expected a stage that learns, or `seed_of`, got neither");
        return Ok(found);
    };
    ensure!(!named.is_empty(), "`matrix.seed_of`: expected a stage at least, got none");
    if let Some(name) = named.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("`matrix.seed_of`: {}", unknown("stage", name, &names));
    }
    let gathers = |stage: &&Table| kind(stage).is_some_and(Kind::gathers);
    let is_named = |stage: &&Table| named.iter().any(|name| name == written::name(stage));
    if let Some(stage) = top.stage.iter().filter(is_named).find(gathers) {
        let name = written::name(stage);
        bail!("`matrix.seed_of`: expected stages of one run each, got `{name}`, which takes all together");
    }
    Ok(named.iter().cloned().collect())
}

/// The file with each variant's settings, and what is to be said of them.
fn varied(top: &Top, seeded: &BTreeSet<String>) -> anyhow::Result<(Vec<Top>, Vec<String>)> {
    if top.variant.is_empty() {
        return Ok((vec![top.clone()], Vec::new()));
    }
    let (mut tops, mut notes) = (Vec::new(), Vec::new());
    for variant in &top.variant {
        let place = || format!("variant `{}`", variant.name);
        if let Some(key) = variant.set.keys().chain(&variant.unset).find(|key| is_seed(key, seeded)) {
            bail!("{}: `{key}`: expected it in `matrix.seeds` alone, got it here too", place());
        }
        let mut changed = top.clone();
        let told = settings::vary(&mut changed, &variant.set, &variant.unset).with_context(place)?;
        notes.extend(told.into_iter().map(|note| format!("{}: {note}", place())));
        tops.push(changed);
    }
    Ok((tops, notes))
}

/// Whether a key is that of a seed which the matrix says.
fn is_seed(key: &str, seeded: &BTreeSet<String>) -> bool {
    key.split_once('.').is_some_and(|(stage, option)| option == SEED && seeded.contains(stage))
}

/// Which variants are the same, a line each.
fn alike(tops: &[Top], cells: &Cells) -> Vec<String> {
    let same = |place: usize| {
        let (of, before) = (tops.get(place)?, tops.get(..place)?);
        let first = before.iter().position(|other| other.stage == of.stage && other.sources == of.sources)?;
        let (one, other) = (cells.variant(first), cells.variant(place));
        Some(format!("variants `{one}` and `{other}` have the same settings: they share their runs"))
    };
    (0..tops.len()).filter_map(same).collect()
}

/// The stages of a cell; sources of its variant's own are added to `sources`.
fn form(
    top: &Top,
    varied: &Top,
    (variant, seed): (&str, Option<u64>),
    seeded: &BTreeSet<String>,
    sources: &mut BTreeMap<String, Source>,
) -> anyhow::Result<Form> {
    let mut stages = varied.stage.clone();
    if let Some(seed) = seed {
        for stage in stages.iter_mut().filter(|stage| seeded.contains(written::name(stage))) {
            stage.insert(SEED.to_owned(), Value::Integer(i64::try_from(seed)?));
        }
    }
    let mut names = BTreeMap::new();
    for (name, source) in varied.sources.iter().filter(|(name, source)| top.sources.get(*name) != Some(source)) {
        // Another variant may have the same in its place.
        let is_same = |(own, other): &(&String, &Source)| *other == source && own.ends_with(&format!("/{name}"));
        let own = sources.iter().find(is_same).map_or_else(|| format!("{variant}/{name}"), |(own, _)| own.clone());
        sources.insert(own.clone(), source.clone());
        names.insert(name.clone(), Origin { name: own, ..Origin::default() });
    }
    Ok(Form { stages, names })
}

/// The instances of the stage at a place, which the file has so; what they make becomes the cells' own.
fn instances_of(
    (place, written): (usize, &Table),
    forms: &mut [Form],
    cells: &Cells,
    seeded: &BTreeSet<String>,
) -> anyhow::Result<Vec<Instance>> {
    let of_cells: Vec<&Table> = forms.iter().filter_map(|form| form.stages.get(place)).collect();
    let name = written::name(written).to_owned();
    let found: Vec<(Table, Origin)> =
        forms.iter().filter_map(|form| Some(resolved(form.stages.get(place)?, form))).collect();
    let mut groups: Vec<(Table, Origin, BTreeSet<usize>)> = Vec::new();
    if kind(written).is_some_and(Kind::gathers) {
        let own: Vec<Table> = found.into_iter().map(|(table, _)| table).collect();
        let table = gather::gathered(written, &of_cells, &own, cells).with_context(|| format!("stage `{name}`"))?;
        groups.push((table, Origin { is_late: true, ..Origin::default() }, (0..cells.count()).collect()));
    } else {
        for (cell, (table, mut origin)) in found.into_iter().enumerate() {
            origin.is_seeded |= seeded.contains(&name);
            let is_same = |(other, _, of): &&mut (Table, Origin, BTreeSet<usize>)| {
                *other == table && (!origin.is_seeded || of.first().and_then(|of| cells.seed(*of)) == cells.seed(cell))
            };
            match groups.iter_mut().find(is_same) {
                Some((.., of)) => {
                    of.insert(cell);
                }
                None => groups.push((table, origin, BTreeSet::from([cell]))),
            }
        }
    }
    Ok(groups.into_iter().map(|group| instance(&name, place, group, forms, cells)).collect())
}

/// A stage of a cell with what its inputs are called, and what is known of these together.
fn resolved(stage: &Table, form: &Form) -> (Table, Origin) {
    let (mut stage, mut of) = (stage.clone(), Origin::default());
    let inputs = stage.get_mut("inputs").and_then(Value::as_table_mut);
    for name in inputs.into_iter().flat_map(names_mut) {
        if let Some(origin) = form.names.get(name) {
            name.clone_from(&origin.name);
            of.is_seeded |= origin.is_seeded;
            of.is_late |= origin.is_late;
        }
    }
    (stage, of)
}

/// The instance of a stage for some cells, whose outputs are theirs from here on.
fn instance(
    name: &str,
    place: usize,
    (mut table, origin, of): (Table, Origin, BTreeSet<usize>),
    forms: &mut [Form],
    cells: &Cells,
) -> Instance {
    let prefix = cells.prefix(&of, origin.is_seeded);
    let below = |name: &str| prefix.as_ref().map_or_else(|| name.to_owned(), |prefix| format!("{prefix}/{name}"));
    let outputs = table.get_mut("outputs").and_then(Value::as_table_mut);
    for output in outputs.into_iter().flat_map(names_mut) {
        let made = Origin { name: below(output), ..origin.clone() };
        for (_, form) in forms.iter_mut().enumerate().filter(|(cell, _)| of.contains(cell)) {
            form.names.insert(output.clone(), made.clone());
        }
        *output = made.name;
    }
    Instance { name: below(name), table, place, cells: of, is_late: origin.is_late }
}
