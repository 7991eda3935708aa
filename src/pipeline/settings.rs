//! Values of a pipeline file that the command line replaces.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::sources::Source;
use crate::ground::suggest::unknown;
use crate::model::ModelConfig;

/// The option whose table holds what one of its keys, [`KIND`], has a use for.
const MODEL: &str = "model";
const KIND: &str = "kind";
/// The form of a setting.
const FORM: &str = "expected STAGE.KEY=VALUE or sources.NAME=PATH";

/// The file's top level.
#[derive(Deserialize)]
pub struct Top {
    /// What was there before, by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// The stages as they were written.
    #[serde(default)]
    pub stage: Vec<Table>,
}

/// Applies settings to a file: each is `STAGE.KEY=VALUE`, `KEY=VALUE` with a KEY whose table one stage alone has, or
/// `sources.NAME=PATH`. Returns what is to be said of them, a line each.
///
/// Kinds of models come first: the keys that they have no use for are those of the file, not of another setting.
///
/// # Errors
/// What is wrong with a setting.
pub fn apply(top: &mut Top, settings: &[String]) -> anyhow::Result<Vec<String>> {
    let (kinds, others): (Vec<&String>, Vec<&String>) = settings.iter().partition(|setting| sets_kind(setting));
    let mut notes = Vec::new();
    for setting in kinds.into_iter().chain(others) {
        let note = set(top, setting).with_context(|| format!("--set {setting}"))?;
        notes.extend(note.map(|note| format!("--set {setting}: {note}")));
    }
    Ok(notes)
}

/// A setting as it was given, where it has the form of one.
///
/// # Errors
/// The form that it should have.
pub fn setting(text: &str) -> Result<String, String> {
    parts(text).map(|_| text.to_owned()).ok_or_else(|| FORM.to_owned())
}

/// A setting's key, the same in two at its first dot, and its value.
fn parts(setting: &str) -> Option<(&str, (&str, &str), &str)> {
    setting.split_once('=').and_then(|(key, value)| Some((key, key.split_once('.')?, value)))
}

/// Whether a setting is that of a model's kind.
fn sets_kind(setting: &str) -> bool {
    let mut steps = setting.split('=').next().unwrap_or_default().rsplit('.');
    steps.next() == Some(KIND) && steps.next() == Some(MODEL)
}

fn set(top: &mut Top, setting: &str) -> anyhow::Result<Option<String>> {
    let Some((path, (place, key), value)) = parts(setting) else { bail!(FORM) };
    if place == "sources" {
        let known: Vec<&str> = top.sources.keys().map(String::as_str).collect();
        ensure!(known.contains(&key), "{}", unknown("source", key, &known));
        top.sources.insert(key.to_owned(), value.into());
        return Ok(None);
    }
    let parsed = format!("value = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let (stage, key) = if let Some(stage) = top.stage.iter_mut().find(|stage| name(stage) == place) {
        ensure!(!["name", "kind"].contains(&key), "`{key}` of a stage cannot be set");
        (stage, key)
    } else {
        (sole_holder(&mut top.stage, place)?, path)
    };
    set_in(stage, key, value)?;
    let model = stage.get_mut(MODEL).and_then(Value::as_table_mut).filter(|_| sets_kind(setting));
    Ok(model.and_then(leave_out))
}

fn name(stage: &Table) -> &str {
    stage.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The one stage with a table of this key.
fn sole_holder<'t>(stages: &'t mut [Table], key: &str) -> anyhow::Result<&'t mut Table> {
    let names: Vec<String> = stages.iter().map(|stage| name(stage).to_owned()).collect();
    let mut holders = stages.iter_mut().filter(|stage| stage.get(key).is_some_and(Value::is_table));
    let Some(holder) = holders.next() else {
        bail!("{}", unknown("stage", key, &names.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    match holders.next() {
        None => Ok(holder),
        Some(other) => bail!("expected a stage before `{key}`, both `{}` and `{}` have it", name(holder), name(other)),
    }
}

/// Replaces a value of a table, or of one inside it: each `.` of the key goes one table down.
fn set_in(table: &mut Table, key: &str, value: Value) -> anyhow::Result<()> {
    let Some((outer, inner)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return Ok(());
    };
    match table.entry(outer).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(below) => set_in(below, inner, value),
        other => bail!("`{outer}`: expected a table with the key `{inner}`, got {}", other.type_str()),
    }
}

/// Leaves out what the kind of a model has no use for but another kind has, and says so.
fn leave_out(model: &mut Table) -> Option<String> {
    let kinds = usual_models();
    let usual = kinds.iter().find(|usual| usual.get(KIND) == model.get(KIND))?;
    let is_foreign = |key: &&String| !usual.contains_key(*key) && kinds.iter().any(|other| other.contains_key(*key));
    let foreign: Vec<String> = model.keys().filter(is_foreign).cloned().collect();
    for key in &foreign {
        model.remove(key);
    }
    (!foreign.is_empty()).then(|| format!("leaves out the file's `{}`: this kind has none", foreign.join("`, `")))
}

/// A model of each kind as a table, with every key that the kind has.
fn usual_models() -> Vec<Table> {
    ModelConfig::every_kind().iter().filter_map(|model| Table::try_from(model).ok()).collect()
}
