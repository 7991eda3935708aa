//! How a graph is made.

use ground::settings::{Settings, within};
use serde::{Deserialize, Serialize};

use crate::format::name::Format;
use crate::identifier::Base;
use crate::merging::Merge;

/// How a graph is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// By what entities merge.
    pub merge: Merge,
    /// Below which IRI things lie that no knowledge base names.
    pub base: Base,
    /// What the run is called, where the predictions do not say; by default, as their file.
    pub run_id: Option<String>,
    /// Facts less likely than this are left out, and those without a probability.
    pub min_probability: Option<f32>,
    /// Edges with fewer documents are left out.
    pub min_support: u32,
    /// Relations to keep; none: all.
    #[serde(alias = "relation")]
    pub relations: Vec<String>,
    /// Types of nodes to keep; none: all.
    #[serde(alias = "type")]
    pub types: Vec<String>,
    /// Whether nodes without an edge are left out. `merges` names them all the same.
    pub connected: bool,
    /// What to write besides the tables.
    #[serde(alias = "format")]
    pub formats: Vec<Format>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            merge: Merge::default(),
            base: Base::default(),
            run_id: None,
            min_probability: None,
            min_support: 1,
            relations: Vec::new(),
            types: Vec::new(),
            connected: false,
            formats: Vec::new(),
        }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        self.min_probability.map_or(Ok(()), |least| within("min_probability", least, 0.0, 1.0))
    }
}
