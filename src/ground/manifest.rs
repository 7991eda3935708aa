//! `manifest.json` of a run folder: what made each output, out of what, and how long it took.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::identity::Identity;
use crate::present;

/// The file's name in the run folder.
pub const MANIFEST: &str = "manifest.json";
/// The kind of the stages that make pages of a run.
pub const REPORT: &str = "report";
/// The role of the stages before, in the recipe of a stage that shows them.
const BEFORE: &str = "manifest";

/// What an input or an output is to its stage, where another room asks for it.
pub mod role {
    /// The tables of a split.
    pub const CORPUS: &str = "corpus";
    /// What a model thinks of pairs.
    pub const SCORES: &str = "scores";
    /// Which of them are claimed.
    pub const DECISION: &str = "decision";
    /// Predicted facts with which inference begins.
    pub const FIRST_RELATIONS: &str = "first_relations";
    /// Where inference changed what a model predicts.
    pub const TRACES: &str = "traces";
    /// What a model claims at each iteration.
    pub const CLAIMS: &str = "claims";
    /// How much of what a model looks at for a pair each sentence has.
    pub const SENTENCE_WEIGHTS: &str = "sentence_weights";
    /// The sentences that support predicted facts.
    pub const EVIDENCE: &str = "evidence";
    /// Predicted facts.
    pub const RELATIONS: &str = "relations";
    /// What a model's checkpoint says of its relations.
    pub const MODEL_RELATIONS: &str = "model_relations";
    /// Figures.
    pub const METRICS: &str = "metrics";
    /// Precision by recall, over thresholds of scores.
    pub const PRECISION_RECALL: &str = "precision_recall";
    /// How often what is said to be so probable holds.
    pub const RELIABILITY: &str = "reliability";
    /// Differences to another run.
    pub const COMPARISONS: &str = "comparisons";
    /// Figures of variants, over their runs.
    pub const SUMMARY: &str = "summary";
    /// How a model learned.
    pub const LOG: &str = "log";
    /// A graph.
    pub const GRAPH: &str = "graph";
}

/// All that the content of a stage's outputs depends on. Equal recipes make equal outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The version of docre.
    pub docre: String,
    /// Its build.
    #[serde(default)]
    pub build: String,
    /// The kind of the stage.
    pub kind: String,
    /// Its options, as the pipeline file has them.
    pub options: BTreeMap<String, Value>,
    /// What it reads, by role.
    pub inputs: BTreeMap<String, Vec<Artefact>>,
}

impl Recipe {
    /// Its identity.
    pub fn identity(&self) -> String {
        Identity::of("stage").field("recipe", self).finish()
    }

    /// Takes in the stages before, for a stage that shows them: all that is said of them, times included.
    pub fn show(&mut self, before: &Manifest) {
        let hash = Identity::of("stages before").field("manifest", before).finish();
        self.inputs.insert(BEFORE.to_owned(), vec![Artefact { path: MANIFEST.to_owned(), hash }]);
    }

    /// In what a later recipe differs from it.
    pub fn difference(&self, new: &Self) -> Option<String> {
        if self.docre != new.docre {
            return Some(format!("docre {} made it, this is {}", self.docre, new.docre));
        }
        if self.build != new.build {
            return Some("another build of docre made it".to_owned());
        }
        if self.kind != new.kind {
            return Some(format!("kind changed from `{}` to `{}`", self.kind, new.kind));
        }
        if let Some(key) = differing(&self.options, &new.options) {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), ToString::to_string);
            let (before, now) = (shown(self.options.get(key)), shown(new.options.get(key)));
            return Some(format!("option `{key}` changed from {before} to {now}"));
        }
        let role = differing(&self.inputs, &new.inputs)?;
        Some(if role == BEFORE {
            "a stage before it has run since".to_owned()
        } else {
            format!("input `{role}` changed")
        })
    }
}

/// The first key whose values differ.
fn differing<'m, V: PartialEq>(one: &'m BTreeMap<String, V>, other: &'m BTreeMap<String, V>) -> Option<&'m String> {
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    keys.into_iter().find(|key| one.get(*key) != other.get(*key))
}

/// A file or folder with the content that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// A source's path, or an output's in the run folder.
    pub path: String,
    /// The digest of its content: the first half of BLAKE3, in hexadecimal.
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
    /// What stands in each output that is a folder, by its role: paths of files and folders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, Vec<String>>,
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

/// Why there is no manifest to read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{}: cannot read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is none.
    #[error("{}: expected a manifest, as `docre run` writes it; without the file every stage runs again", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the JSON library says.
        source: serde_json::Error,
    },
}

impl Manifest {
    /// Reads that of a run folder; `None` where there is none.
    ///
    /// # Errors
    /// Where the file cannot be read or is none.
    pub fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        let path = folder.join(MANIFEST);
        let text = present(fs::read(&path)).map_err(|source| ManifestError::Read { path: path.clone(), source })?;
        let manifest = text.map(|text| serde_json::from_slice(&text)).transpose();
        manifest.map_err(|source| ManifestError::Format { path, source })
    }

    /// Writes it as text.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn write(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut out, self)?;
        out.write_all(b"\n")
    }

    /// What is known of a stage.
    pub fn entry(&self, stage: &str) -> Option<&Entry> {
        self.stages.iter().find(|entry| entry.stage == stage)
    }

    /// The split that an output of this content is about, as far as the stages say: the one that the stage which made it
    /// reads, or that which made its scores.
    pub fn corpus_of(&self, hash: &str) -> Option<&Artefact> {
        corpus_of(&self.stages, hash)
    }

    /// Where the first output in a role is.
    pub fn output(&self, role: &str) -> Option<&str> {
        self.stages.iter().find_map(|stage| stage.outputs.get(role)).map(|one| one.path.as_str())
    }
}

fn corpus_of<'m>(stages: &'m [Entry], hash: &str) -> Option<&'m Artefact> {
    let makes = |entry: &Entry| entry.outputs.values().any(|output| output.hash == hash);
    let place = stages.iter().position(makes)?;
    let (before, maker) = stages.split_at(place);
    let inputs = &maker.first()?.recipe.inputs;
    let input = |role: &str| inputs.get(role).and_then(|artefacts| artefacts.first());
    input(role::CORPUS).or_else(|| corpus_of(before, &input(role::SCORES)?.hash))
}
