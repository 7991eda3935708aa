//! What a pipeline file repeats: variants and seeds, and which of their runs share what.
//!
//! A cell is a variant with a seed. It has its own form of every stage: with the variant's settings, with the seed, with
//! its own outputs for inputs. Cells whose forms of a stage are the same share one [`Instance`] of it, which runs once:
//! what no setting and no seed bears on is shared by all, and nobody lists what is shared. One that is not has its
//! outputs below `VARIANT/seed-N`, of the first variant that it is of, and is called so.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::gather;
use super::options::typed;
use super::settings::{self, Top};
use super::sources::Source;
use super::stage::kind::{AmongRuns, Kind};
use crate::ground::parsed::FolderName;
use crate::ground::suggest::unknown;
use crate::query;

/// The option that seeds replace.
const SEED: &str = "seed";
/// Bytes of a variant's name at most: it becomes a part of the names of folders.
const LONGEST: usize = 100;

/// What `[matrix]` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Matrix {
    /// Each variant runs with each of them.
    seeds: Option<Vec<u64>>,
    /// The stages whose `seed` they are; absent: those whose kind learns.
    seed_of: Option<Vec<String>>,
    /// The variant that the others are compared with; absent: the first.
    against: Option<String>,
}

/// What a `[[variant]]` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What it sets, as `--set` does: by `STAGE.KEY` or `sources.NAME`.
    #[serde(default)]
    pub set: Table,
    /// What of the file it leaves out, by `STAGE.KEY`.
    #[serde(default)]
    pub unset: Vec<String>,
    /// The variant that it is compared with; absent: that of the matrix.
    pub against: Option<String>,
}

/// The cells: seed by seed, each with every variant.
#[derive(Debug)]
pub struct Cells {
    /// The variants' names; that of the pipeline where there are seeds alone.
    pub variants: Vec<String>,
    /// With which variant each is compared.
    pub against: BTreeMap<String, String>,
    seeds: Vec<u64>,
    are_named: bool,
}

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
            name: settings::name(table).to_owned(),
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

impl Cells {
    /// Of a file without a matrix.
    pub fn single(pipeline: &str) -> Self {
        Self { variants: vec![pipeline.to_owned()], against: BTreeMap::new(), seeds: Vec::new(), are_named: false }
    }

    fn read(top: &Top, matrix: &Matrix, pipeline: &str) -> anyhow::Result<Self> {
        let seeds = matrix.seeds.clone().unwrap_or_default();
        ensure!(matrix.seeds.is_none() || !seeds.is_empty(), "`matrix.seeds`: expected a seed or several, got none");
        let twice = (1..).zip(&seeds).find_map(|(next, seed)| seeds.get(next..)?.contains(seed).then_some(*seed));
        if let Some(seed) = twice {
            bail!("`matrix.seeds`: expected each once, got {seed} twice");
        }
        ensure!(
            !seeds.is_empty() || !top.variant.is_empty(),
            "`matrix`: expected `seeds`, or a `[[variant]]` beside it, got neither"
        );
        check_names(&top.variant)?;
        let names: Vec<String> = top.variant.iter().map(|variant| variant.name.clone()).collect();
        let against = references(&top.variant, &names, matrix.against.as_deref())?;
        let are_named = !names.is_empty();
        Ok(Self { variants: if are_named { names } else { vec![pipeline.to_owned()] }, against, seeds, are_named })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.variants.len() * self.seeds.len().max(1)
    }

    /// Those of variants of these names and of what they are compared with; of none: all.
    ///
    /// # Errors
    /// A name that no variant bears.
    pub fn of(&self, names: &[String]) -> anyhow::Result<BTreeSet<usize>> {
        let known: Vec<&str> = self.variants.iter().filter(|_| self.are_named).map(String::as_str).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("{}", unknown("variant", name, &known));
        }
        let is_asked = |name: &str| names.iter().any(|asked| asked == name || self.reference(asked) == Some(name));
        Ok((0..self.count()).filter(|&cell| names.is_empty() || is_asked(self.variant(cell))).collect())
    }

    /// The variant of a cell.
    pub fn variant(&self, cell: usize) -> &str {
        self.variants.get(cell % self.variants.len()).map_or("", String::as_str)
    }

    fn reference(&self, variant: &str) -> Option<&str> {
        self.against.get(variant).map(String::as_str)
    }

    fn seed(&self, cell: usize) -> Option<u64> {
        self.seeds.get(cell / self.variants.len()).copied()
    }

    /// What stands before the names of an instance that is of these cells; `None` where it is of all.
    fn prefix(&self, cells: &BTreeSet<usize>, is_seeded: bool) -> Option<String> {
        let first = *cells.first()?;
        let all = if is_seeded { self.variants.len() } else { self.count() };
        let variant = (cells.len() < all).then(|| self.variant(first).to_owned());
        let seed = self.seed(first).filter(|_| is_seeded).map(|seed| format!("seed-{seed}"));
        let steps: Vec<String> = variant.into_iter().chain(seed).collect();
        (!steps.is_empty()).then(|| steps.join("/"))
    }
}

/// With which variant each is compared: what it says, or else the matrix, or else the first.
fn references(variants: &[Variant], names: &[String], usual: Option<&str>) -> anyhow::Result<BTreeMap<String, String>> {
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let check = |name: &str| {
        ensure!(known.contains(&name), "`against`: {}", unknown("variant", name, &known));
        Ok(name.to_owned())
    };
    let usual = usual.or(known.first().copied()).map(check).transpose().context("`matrix`")?;
    let mut against = BTreeMap::new();
    for variant in variants {
        let own = variant.against.as_deref().map(check).transpose();
        let reference = own.with_context(|| format!("variant `{}`", variant.name))?.or_else(|| usual.clone());
        against.extend(reference.filter(|name| *name != variant.name).map(|name| (variant.name.clone(), name)));
    }
    Ok(against)
}

/// Whether names can be those of folders, and of tables in queries.
fn check_names(variants: &[Variant]) -> anyhow::Result<()> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for Variant { name, .. } in variants {
        name.parse::<FolderName>().map_err(|reason| anyhow!("`variant.name`: {reason}"))?;
        let is_plain = !name.contains(|letter: char| letter.is_control() || letter == gather::BETWEEN);
        ensure!(
            is_plain && name.trim() == name && name.len() <= LONGEST,
            "`variant.name`: expected at most {LONGEST} bytes, no `{}`, no control character and no space at an end, \
             got `{}`",
            gather::BETWEEN,
            name.escape_debug()
        );
        match seen.insert(query::identifier(&name.to_lowercase()), name) {
            Some(other) if other == name => bail!("two variants are named `{name}`"),
            Some(other) => bail!("variants `{other}` and `{name}` would bear one name in queries"),
            None => {}
        }
    }
    Ok(())
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
    let seeded = if cells.seeds.is_empty() { BTreeSet::new() } else { seeded(top, matrix.seed_of.as_deref())? };
    let sets_seed = |setting: &&String| setting.split_once('=').is_some_and(|(key, _)| is_seed(key, &seeded));
    if let Some(setting) = set.iter().find(sets_seed) {
        bail!("--set {setting}: expected it in `matrix.seeds`, as in `--set 'matrix.seeds=[1, 2]'`");
    }
    let (tops, mut notes) = varied(top, &seeded)?;
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

/// The names of the stages whose seed the matrix says.
fn seeded(top: &Top, named: Option<&[String]>) -> anyhow::Result<BTreeSet<String>> {
    let names: Vec<&str> = top.stage.iter().map(settings::name).collect();
    let Some(named) = named else {
        let learns = |stage: &&Table| gather::kind(stage).is_some_and(|kind| kind.among_runs == AmongRuns::Learns);
        let found: BTreeSet<String> =
            top.stage.iter().filter(learns).map(|stage| settings::name(stage).to_owned()).collect();
        ensure!(!found.is_empty(), "`matrix.seeds`: expected a stage that learns, or `seed_of`, got neither");
        return Ok(found);
    };
    ensure!(!named.is_empty(), "`matrix.seed_of`: expected a stage at least, got none");
    if let Some(name) = named.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("`matrix.seed_of`: {}", unknown("stage", name, &names));
    }
    let gathers = |stage: &&Table| gather::kind(stage).is_some_and(Kind::gathers);
    let is_named = |stage: &&Table| named.iter().any(|name| name == settings::name(stage));
    if let Some(stage) = top.stage.iter().filter(is_named).find(gathers) {
        let name = settings::name(stage);
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
        for stage in stages.iter_mut().filter(|stage| seeded.contains(settings::name(stage))) {
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
    let name = settings::name(written).to_owned();
    let found: Vec<(Table, Origin)> =
        forms.iter().filter_map(|form| Some(resolved(form.stages.get(place)?, form))).collect();
    let mut groups: Vec<(Table, Origin, BTreeSet<usize>)> = Vec::new();
    if gather::kind(written).is_some_and(Kind::gathers) {
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
    for name in inputs.into_iter().flat_map(gather::names_mut) {
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
    for output in outputs.into_iter().flat_map(gather::names_mut) {
        let made = Origin { name: below(output), ..origin.clone() };
        for (_, form) in forms.iter_mut().enumerate().filter(|(cell, _)| of.contains(cell)) {
            form.names.insert(output.clone(), made.clone());
        }
        *output = made.name;
    }
    Instance { name: below(name), table, place, cells: of, is_late: origin.is_late }
}
