//! Stages that take the outputs of all variants and seeds together: their form in the file → what they read, and what is
//! left of that where some runs failed or were not asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::slice::from_ref;

use anyhow::{anyhow, ensure};
use toml::{Table, Value};

use super::file::{Input, Stage};
use super::matrix::Cells;
use super::stage::kind::Kind;
use super::stage::registry;

/// Between the steps of an instance's name where it is that of one folder.
pub const BETWEEN: char = '@';

/// Options that a matrix fills in: the variant of each run, and with which each variant is compared.
const VARIANTS: &str = "variants";
const AGAINST: &str = "against";

/// The kind of a stage, where it is one.
pub fn kind(stage: &Table) -> Option<&'static Kind> {
    stage.get("kind").and_then(Value::as_str).and_then(|kind| registry::named(kind).ok())
}

/// The names in a table of roles.
pub fn names_mut(roles: &mut Table) -> Vec<&mut String> {
    let mut names = Vec::new();
    for (_, value) in roles {
        match value {
            Value::String(name) => names.push(name),
            Value::Array(several) => names.extend(several.iter_mut().filter_map(|value| match value {
                Value::String(name) => Some(name),
                _ => None,
            })),
            _ => {}
        }
    }
    names
}

/// The names in a table of roles, as they are.
pub fn names_in(roles: &Table) -> Vec<&str> {
    let each = roles.values().flat_map(|value| value.as_array().map_or(from_ref(value), Vec::as_slice));
    each.filter_map(Value::as_str).collect()
}

/// The stages of a file as they would be without what it repeats.
pub fn alone(stages: &[Table], repeats: bool) -> Vec<Table> {
    let mut stages = stages.to_vec();
    let gathers = |stage: &&mut Table| repeats && kind(stage).is_some_and(Kind::gathers);
    for stage in stages.iter_mut().filter(gathers) {
        let one = || Value::Array(vec![Value::String(String::new())]);
        stage.entry(VARIANTS).or_insert_with(one);
    }
    stages
}

/// The stage of the file over all cells, which have it as `written`, and with inputs of their own as `own`.
///
/// # Errors
/// A variant sets something of the stage, or an input that all must share differs.
pub fn gathered(first: &Table, written: &[&Table], own: &[Table], cells: &Cells) -> anyhow::Result<Table> {
    let Some(mut table) = own.first().cloned() else {
        return Err(anyhow!("expected variants or seeds, got neither"));
    };
    if let Some((cell, _)) = (0..).zip(written).find(|(_, other)| **other != first) {
        let variant = cells.variant(cell);
        return Err(anyhow!("variant `{variant}`: expected no setting of a stage that takes all variants together"));
    }
    let kind = kind(first).ok_or_else(|| anyhow!("expected a kind, got none"))?;
    if let Some(key) = [VARIANTS, AGAINST].into_iter().find(|key| first.contains_key(*key)) {
        return Err(anyhow!("`{key}`: expected none, as the variants of the file say it"));
    }
    let each = |role: &str| own.iter().map(|table| table.get("inputs")?.get(role).cloned()).collect::<Vec<_>>();
    let roles: Vec<String> =
        first.get("inputs").and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned().collect();
    let mut inputs = Table::new();
    for role in roles {
        inputs.insert(role.clone(), together(kind, &role, each(&role))?);
    }
    table.insert("inputs".to_owned(), Value::Table(inputs));
    let variants = (0..cells.count()).map(|cell| Value::String(cells.variant(cell).to_owned()));
    table.insert(VARIANTS.to_owned(), Value::Array(variants.collect()));
    let against = cells.against.iter().map(|(variant, other)| (variant.clone(), Value::String(other.clone())));
    table.insert(AGAINST.to_owned(), Value::Table(against.collect()));
    Ok(table)
}

/// An input of all cells: a list of theirs where the role takes several, else the one that all have.
fn together(kind: &Kind, role: &str, each: Vec<Option<Value>>) -> anyhow::Result<Value> {
    let each: Vec<Value> = each.into_iter().flatten().collect();
    let takes_several = kind.inputs.iter().any(|(known, needs)| *known == role && needs.takes_several());
    let Some(first) = each.first().cloned() else { return Err(anyhow!("input `{role}`: expected a name, got none")) };
    if takes_several {
        ensure!(first.is_str(), "input `{role}`: expected the name of one output, of which each run has its own");
        return Ok(Value::Array(each));
    }
    ensure!(each.iter().all(|other| *other == first), "input `{role}`: expected one that all variants and seeds share");
    Ok(first)
}

/// What of a stage can run where some outputs will not be there.
pub enum Reach {
    /// All of it.
    Whole,
    /// It takes runs together, and some are left.
    Part(Box<Stage>),
    /// Nothing: this input will not be there.
    Nothing(String),
}

/// Outputs that will not be there.
#[derive(Debug, Default)]
pub struct Absent {
    /// Those of variants that are not asked for.
    pub aside: BTreeSet<String>,
    /// Those that were to be made and could not.
    pub unmade: BTreeSet<String>,
    /// Those that no run has made and that are not to be made now: of several, a stage goes without them.
    pub wanting: BTreeSet<String>,
}

impl Absent {
    /// What a stage reads of that which no run has made.
    pub fn wanting_of<'s>(&'s self, stage: &'s Stage) -> impl Iterator<Item = &'s Input> {
        let inputs = stage.inputs.values().flatten();
        inputs.filter(|input| matches!(input, Input::Made(name) if self.wanting.contains(name)))
    }
}

/// What of a stage can run where some outputs will not be there. Of several it is left out for want of one that was to be
/// made. Where it is for want of none of its run, it is whole: that what it reads is not there is then told by itself.
///
/// # Errors
/// Never for a stage that was checked.
pub fn reach(stage: &Stage, absent: &Absent) -> anyhow::Result<Reach> {
    let is_of = |of: &BTreeSet<String>, input: &Input| matches!(input, Input::Made(name) if of.contains(name));
    let is_absent = |input: &Input| [&absent.aside, &absent.unmade, &absent.wanting].iter().any(|of| is_of(of, input));
    let first = |of| stage.inputs.values().flatten().find(|input| is_of(of, input));
    let lost = first(&absent.unmade).or_else(|| first(&absent.aside));
    let nothing = || lost.map_or(Reach::Whole, |lost| Reach::Nothing(lost.to_string()));
    let runs = stage.options.get(VARIANTS).and_then(Value::as_array).filter(|_| stage.kind.gathers());
    let Some(runs) = runs else { return Ok(nothing()) };
    let is_list = |inputs: &Vec<Input>| inputs.len() == runs.len();
    let is_left = |run: &usize| {
        stage
            .inputs
            .values()
            .filter(|inputs| is_list(inputs))
            .all(|inputs| inputs.get(*run).is_some_and(|one| !is_absent(one)))
    };
    let left: Vec<usize> = (0..runs.len()).filter(is_left).collect();
    if left.is_empty() {
        return Ok(nothing());
    }
    if left.len() == runs.len() && lost.is_none() {
        return Ok(Reach::Whole);
    }
    let mut options = stage.options.clone();
    let variants: Vec<Value> = left.iter().filter_map(|&run| runs.get(run).cloned()).collect();
    if let Some(Value::Table(against)) = options.get_mut(AGAINST) {
        let is_left = |name: &str| variants.iter().any(|variant| variant.as_str() == Some(name));
        against.retain(|variant, other| is_left(variant) && other.as_str().is_some_and(is_left));
    }
    options.insert(VARIANTS.to_owned(), Value::Array(variants));
    let part = |(role, inputs): (&String, &Vec<Input>)| {
        let some = || left.iter().filter_map(|&run| inputs.get(run).cloned()).collect();
        (role.clone(), if is_list(inputs) { some() } else { inputs.clone() })
    };
    let inputs: BTreeMap<String, Vec<Input>> = stage.inputs.iter().map(part).collect();
    Ok(Reach::Part(Box::new(stage.with(options, inputs)?)))
}
