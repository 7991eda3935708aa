//! What a run's manifest says: what made each output, out of what, and how long it took.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ReportError;

/// The stages of a run, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Lineage {
    /// The pipeline's name.
    pub pipeline: String,
    /// Its stages, but for those that make pages: a page says the same, whoever makes it.
    pub stages: Vec<Stage>,
}

/// What a page needs to know of a stage; it shows the rest as it stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stage {
    kind: String,
    #[serde(default)]
    inputs: BTreeMap<String, Vec<Artefact>>,
    #[serde(default)]
    outputs: BTreeMap<String, Artefact>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Artefact {
    path: String,
    hash: String,
}

impl Lineage {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Where it cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let bytes = fs::read(path).map_err(|source| ReportError::Read { path: path.to_path_buf(), source })?;
        let mut lineage: Self = serde_json::from_slice(&bytes)
            .map_err(|source| ReportError::Manifest { path: path.to_path_buf(), source })?;
        lineage.stages.retain(|stage| stage.kind != "report");
        Ok(lineage)
    }

    /// Where the relations are that a stage judged or, if none did, that one made; and the split that they are of.
    pub(super) fn judged(&self) -> (Option<&str>, Option<&str>) {
        let judges = |stage: &&Stage| ["relations", "corpus"].iter().all(|role| stage.inputs.contains_key(*role));
        let makes = |stage: &&Stage| stage.outputs.contains_key("relations");
        let stage = self.stages.iter().find(judges).or_else(|| self.stages.iter().find(makes));
        let Some(stage) = stage else { return (None, None) };
        let read = |role: &str| stage.inputs.get(role).and_then(|all| all.first());
        let relations = read("relations").or_else(|| stage.outputs.get("relations"));
        (relations.map(|one| one.path.as_str()), read("corpus").map(|one| one.path.as_str()))
    }

    /// Where the first output in a role is.
    pub(super) fn output(&self, role: &str) -> Option<&str> {
        self.stages.iter().find_map(|stage| stage.outputs.get(role)).map(|one| one.path.as_str())
    }
}
