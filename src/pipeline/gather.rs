//! Stages that take the outputs of all variants and seeds together: their form in the file → what they read.

use anyhow::{anyhow, ensure};
use toml::{Table, Value};

use super::cells::Cells;
use super::stage::kind::Kind;
use super::written::kind;

/// Options that a matrix fills in: the variant of each run, and with which each variant is compared.
pub const VARIANTS: &str = "variants";
pub const AGAINST: &str = "against";

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
