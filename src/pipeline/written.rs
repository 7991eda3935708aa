//! A pipeline file as it is written: its keys, and stages as tables.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::slice::from_ref;

use serde::Deserialize;
use toml::{Table, Value};

use super::sources::Source;
use super::stage::kind::Kind;
use super::stage::registry;

/// The key of the matrix for the variant that the others are compared with.
const AGAINST: &str = "against";

/// The file's top level.
#[derive(Clone, Deserialize)]
pub struct Top {
    /// Another pipeline file, of which this one changes some.
    #[serde(default)]
    pub extends: Option<PathBuf>,
    /// What was there before, by name.
    #[serde(default)]
    pub sources: BTreeMap<String, Source>,
    /// The stages as they were written.
    #[serde(default)]
    pub stage: Vec<Table>,
    /// What is repeated, as it was written.
    #[serde(default)]
    pub matrix: Option<Table>,
    /// Variants of the stages.
    #[serde(default)]
    pub variant: Vec<Variant>,
}

impl Top {
    /// The same over what another file says: its stages take the place of those of their names, and so do its sources and
    /// keys of the matrix; others are added. Its variants, where it has any, take the place of all, and of the one that the
    /// others are compared with, where none of them is called so: that is to be said.
    #[must_use]
    pub fn over(self, mut below: Self) -> (Self, Option<String>) {
        let mut note = None;
        below.sources.extend(self.sources);
        for stage in self.stage {
            match below.stage.iter_mut().find(|other| name(other) == name(&stage)) {
                Some(other) => *other = stage,
                None => below.stage.push(stage),
            }
        }
        if !self.variant.is_empty() {
            below.variant = self.variant;
            let against = below.matrix.as_ref().and_then(|matrix| matrix.get(AGAINST)).and_then(Value::as_str);
            let gone = against.filter(|name| below.variant.iter().all(|variant| variant.name != *name));
            if let (Some(name), Some(matrix)) = (gone.map(str::to_owned), &mut below.matrix) {
                matrix.remove(AGAINST);
                let has_own = self.matrix.as_ref().is_some_and(|own| own.contains_key(AGAINST));
                note = (!has_own)
                    .then(|| format!("leaves out its `matrix.{AGAINST}`: no variant here is called `{name}`"));
            }
        }
        if let Some(matrix) = self.matrix {
            below.matrix.get_or_insert_default().extend(matrix);
        }
        (below, note)
    }
}

/// What `[matrix]` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matrix {
    /// Each variant runs with each of them.
    pub seeds: Option<Vec<u64>>,
    /// The stages whose `seed` they are; absent: those whose kind learns.
    pub seed_of: Option<Vec<String>>,
    /// The variant that the others are compared with; absent: the first.
    pub against: Option<String>,
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

/// The name of a stage as it was written.
pub fn name(stage: &Table) -> &str {
    stage.get("name").and_then(Value::as_str).unwrap_or_default()
}

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
