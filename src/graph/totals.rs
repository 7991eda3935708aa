//! What a graph was made of.

use std::fmt;

use ground::excerpt::quoted;
use serde::{Deserialize, Serialize};

/// What a graph was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Documents with entities.
    pub documents: u64,
    /// Entities of these.
    pub entities: u64,
    /// Facts that were read.
    pub predictions: u64,
    /// Strays: facts that name a document or an entity that the split lacks.
    #[serde(alias = "unknown")]
    pub strays: u64,
    /// Facts that join an entity to itself.
    #[serde(default)]
    pub of_itself: u64,
    /// Facts that came again: their evidence and attributes are put together.
    pub repeated: u64,
    /// Sentences that facts name as evidence and their documents lack.
    #[serde(default)]
    pub stray_evidence: u64,
    /// Facts that did not pass a filter.
    pub filtered: u64,
    /// Facts behind the edges.
    pub facts: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Nodes of one identity whose entities are of types that exclude each other.
    #[serde(default)]
    pub clashing_types: Clashes,
    /// Nodes of one identity whose entities have names with nothing in common.
    #[serde(default)]
    pub clashing_names: Clashes,
}

/// Nodes whose entities may not be one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clashes {
    /// How many.
    pub nodes: u64,
    /// The first of them, in words.
    pub first: Option<String>,
}

impl Clashes {
    /// One more.
    pub(super) fn add(&mut self, node_id: &str, one: &str, other: &str) {
        self.nodes += 1;
        self.first.get_or_insert_with(|| format!("`{node_id}` is {} and {}", quoted(one), quoted(other)));
    }

    fn warning(&self, what: &str) -> Option<String> {
        let first = self.first.as_deref()?;
        let nodes = if self.nodes == 1 { "node" } else { "nodes" };
        Some(format!("{} {nodes} of one identifier {what}: {first}", self.nodes))
    }
}

impl Totals {
    /// What people should know of the facts that did not come in.
    pub fn warnings(&self) -> Vec<String> {
        let Self { strays, of_itself, filtered, predictions, .. } = self;
        // Each counts once, however often it comes.
        let of = predictions.saturating_sub(self.repeated);
        let mut warnings = Vec::new();
        if *strays > 0 {
            warnings
                .push(format!("{strays} of {of} facts name a document or an entity that the split lacks: left out"));
        }
        if *of_itself > 0 {
            warnings.push(format!("{of_itself} of {of} facts join an entity to itself: left out"));
        }
        if self.stray_evidence > 0 {
            let sentences = self.stray_evidence;
            warnings.push(format!("{sentences} sentences of evidence are not in their documents: left out"));
        }
        if *predictions == 0 {
            warnings.push("there are no facts".to_owned());
        }
        if *filtered > 0 && self.facts == 0 {
            warnings.push(format!("no fact passed the filters, of {predictions}"));
        }
        warnings.extend(self.clashing_types.warning("with types that exclude each other"));
        warnings.extend(self.clashing_names.warning("with names that have nothing in common, synonyms or mistakes"));
        warnings
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, entities, facts, nodes, edges, .. } = self;
        write!(formatter, "{nodes} nodes of {entities} entities, {edges} edges of {facts} facts, {documents} documents")
    }
}
