//! `manifest.json` of a run folder: what made each output, out of what, and how long it took.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fingerprint;
use crate::table::write_file;

/// The file's name in the run folder.
pub const MANIFEST: &str = "manifest.json";

/// All that the content of a stage's outputs depends on. Equal recipes make equal outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The version of docre.
    pub docre: String,
    /// The kind of the stage.
    pub kind: String,
    /// Its options, as the pipeline file has them.
    pub options: BTreeMap<String, Value>,
    /// What it reads, by role.
    pub inputs: BTreeMap<String, Vec<Artefact>>,
}

impl Recipe {
    /// Its identity.
    pub fn fingerprint(&self) -> anyhow::Result<String> {
        Ok(fingerprint::short(blake3::hash(&serde_json::to_vec(self)?)))
    }

    /// In what a later recipe differs from it.
    pub fn difference(&self, new: &Self) -> Option<String> {
        if self.docre != new.docre {
            return Some(format!("docre {} made it, this is {}", self.docre, new.docre));
        }
        if self.kind != new.kind {
            return Some(format!("kind changed from `{}` to `{}`", self.kind, new.kind));
        }
        let keys: BTreeSet<&String> = self.options.keys().chain(new.options.keys()).collect();
        if let Some(key) = keys.into_iter().find(|key| self.options.get(*key) != new.options.get(*key)) {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), ToString::to_string);
            let (before, now) = (shown(self.options.get(key)), shown(new.options.get(key)));
            return Some(format!("option `{key}` changed from {before} to {now}"));
        }
        let roles: BTreeSet<&String> = self.inputs.keys().chain(new.inputs.keys()).collect();
        let role = roles.into_iter().find(|role| self.inputs.get(*role) != new.inputs.get(*role))?;
        Some(format!("input `{role}` changed"))
    }
}

/// A file or folder with the content that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// A source's path, or an output's in the run folder.
    pub path: String,
    /// The hash of its content: the first half of BLAKE3, in hexadecimal.
    pub hash: String,
}

/// A stage that was run to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The stage's name.
    pub stage: String,
    /// What it was made of.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// What it made, by role.
    pub outputs: BTreeMap<String, Artefact>,
    /// Records that it did not take over.
    pub rejected: u64,
    /// What is said each time that the stage is up to date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What it computed on, where it computes with tensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// When it began, in seconds since 1970 (UTC).
    pub started: u64,
    /// How long it took; of a stage that went on from a killed run, what was left to do.
    pub seconds: f64,
}

/// The stages that were run to their end, in the order of the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stages.
    pub stages: Vec<Entry>,
}

impl Manifest {
    /// Reads that of a run folder; an empty one where there is none.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(anyhow!(error).context(format!("{}: cannot read", path.display()))),
        };
        serde_json::from_slice(&text)
            .with_context(|| format!("{}: expected a manifest; remove it to run every stage again", path.display()))
    }

    /// Writes it into a run folder, whole or not at all.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        write_file(&folder.join(MANIFEST), true, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            Ok(file.write_all(b"\n")?)
        })
    }

    /// What is known of a stage.
    pub fn entry(&self, stage: &str) -> Option<&Entry> {
        self.stages.iter().find(|entry| entry.stage == stage)
    }
}
