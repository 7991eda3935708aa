//! Values of a pipeline file that the command line replaces.

use anyhow::{Context, anyhow, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

use super::sources::Source;
use super::written::{Top, name};
use crate::ground::suggest::unknown;
use crate::model::ModelConfig;

/// The option whose table holds what one of its keys, [`KIND`], has a use for.
const MODEL: &str = "model";
const KIND: &str = "kind";
/// The key of whose choice settings are, and a recipe that every kind has which has any.
const RECIPE: (&str, &str) = ("recipe", "docre");
/// The form of a setting.
const FORM: &str = "expected STAGE.KEY=VALUE, sources.NAME=PATH or matrix.KEY=VALUE";

/// The key of the file under which seeds stand.
const MATRIX: &str = "matrix";

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
        return put_source(top, key, value.into());
    }
    let value = value_of(value)?;
    if place == MATRIX && top.stage.iter().all(|stage| name(stage) != MATRIX) {
        top.matrix.get_or_insert_default().insert(key.to_owned(), value);
        return Ok(None);
    }
    put(top, path, value)
}

/// A value of TOML, or else bare text.
///
/// # Errors
/// What is wrong with a text that begins as no bare text does.
fn value_of(text: &str) -> anyhow::Result<Value> {
    let error = match format!("value = {text}").parse::<Table>() {
        Ok(mut table) => return table.remove("value").context("expected one value"),
        Err(error) => error,
    };
    // Within a list, the number that it was.
    let mut numbers = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "+-_.".contains(letter)));
    if let Some(reason) = numbers.find_map(too_great) {
        bail!(reason);
    }
    if text.trim_start().starts_with(['[', '{', '"', '\'']) {
        bail!("expected a value of TOML, or text: {}", error.message());
    }
    Ok(Value::String(text.to_owned()))
}

/// What is wrong with a whole number that TOML has no room for.
pub fn too_great(text: &str) -> Option<String> {
    let digits = text.trim().replace('_', "");
    let is_whole =
        !digits.is_empty() && digits.trim_start_matches(['+', '-']).bytes().all(|digit| digit.is_ascii_digit());
    let fits = digits.parse::<i64>().is_ok() || digits.trim_start_matches(['+', '-']).is_empty();
    (is_whole && !fits).then(|| format!("expected a whole number below 2^63, got {digits}"))
}

/// Applies what a variant leaves out, and then what it sets. Returns what is to be said of it, a line each.
///
/// # Errors
/// What is wrong with one of them.
pub fn vary(top: &mut Top, set: &Table, unset: &[String]) -> anyhow::Result<Vec<String>> {
    for path in unset {
        remove(top, path).with_context(|| format!("`unset`: `{path}`"))?;
    }
    let (kinds, others): (Vec<_>, Vec<_>) = set.iter().partition(|(path, _)| sets_kind(path));
    let mut notes = Vec::new();
    for (path, value) in kinds.into_iter().chain(others) {
        let place = || format!("`{path}`");
        let note = match path.split_once('.') {
            Some(("sources", key)) => {
                let source = Source::deserialize(value.clone()).map_err(|error| anyhow!("{}", error.message()));
                source.and_then(|source| put_source(top, key, source))
            }
            Some(_) => put(top, path, value.clone()),
            None => Err(anyhow!("expected \"STAGE.KEY\" or \"sources.NAME\", with the quotes")),
        };
        notes.extend(note.with_context(place)?.map(|note| format!("`{path}` {note}")));
    }
    Ok(notes)
}

fn put_source(top: &mut Top, key: &str, source: Source) -> anyhow::Result<Option<String>> {
    let known: Vec<&str> = top.sources.keys().map(String::as_str).collect();
    ensure!(known.contains(&key), "{}", unknown("source", key, &known));
    top.sources.insert(key.to_owned(), source);
    Ok(None)
}

/// Puts a value where a path leads: the name of a stage and a key, or a key whose table one stage alone has.
fn put(top: &mut Top, path: &str, value: Value) -> anyhow::Result<Option<String>> {
    let (stage, key) = led_to(top, path)?;
    set_in(stage, key, value)?;
    let model = stage.get_mut(MODEL).and_then(Value::as_table_mut).filter(|_| sets_kind(path));
    Ok(model.and_then(leave_out))
}

/// The stage to which a path leads, and the key in it.
fn led_to<'t, 'p>(top: &'t mut Top, path: &'p str) -> anyhow::Result<(&'t mut Table, &'p str)> {
    let Some((place, key)) = path.split_once('.') else { bail!(FORM) };
    if top.stage.iter().any(|stage| name(stage) == place) {
        ensure!(!["name", "kind"].contains(&key), "`{key}` of a stage cannot be set");
        let stage = top.stage.iter_mut().find(|stage| name(stage) == place);
        return Ok((stage.with_context(|| place.to_owned())?, key));
    }
    Ok((sole_holder(&mut top.stage, place)?, path))
}

/// Removes what stands where a path leads.
fn remove(top: &mut Top, path: &str) -> anyhow::Result<()> {
    let (stage, key) = led_to(top, path)?;
    let mut steps: Vec<&str> = key.split('.').collect();
    let last = steps.pop().unwrap_or_default();
    let mut table = Some(stage);
    for step in steps {
        table = table.and_then(|table| table.get_mut(step)?.as_table_mut());
    }
    let removed = table.and_then(|table| table.remove(last));
    ensure!(removed.is_some(), "expected a setting of the file, which has none there");
    Ok(())
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

/// Whether no key of a stage should stand in its model's table.
///
/// # Errors
/// The first that should.
pub fn check_within_model(stage: &Table, known: &[&str]) -> anyhow::Result<()> {
    let kinds = usual_models();
    let is_of_model =
        |key: &&String| !known.contains(&key.as_str()) && kinds.iter().any(|kind| kind.contains_key(*key));
    match stage.keys().find(is_of_model).filter(|_| known.contains(&MODEL)) {
        Some(key) => bail!("unknown key `{key}`, it is one of `{MODEL}`: {MODEL} = {{ {key} = … }}"),
        None => Ok(()),
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

/// A model of each kind as a table, with every key that the kind has; a recipe, which gives others, where it has any.
fn usual_models() -> Vec<Table> {
    let usual = |model: &ModelConfig| {
        let mut table = Table::try_from(model).ok()?;
        let kind = (KIND.to_owned(), table.get(KIND)?.clone());
        let recipe = (RECIPE.0.to_owned(), Value::from(RECIPE.1));
        let by_recipe: Table = [kind, recipe.clone()].into_iter().collect();
        if by_recipe.try_into::<ModelConfig>().is_ok() {
            table.extend([recipe]);
        }
        Some(table)
    };
    ModelConfig::every_kind().iter().filter_map(usual).collect()
}
