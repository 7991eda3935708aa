//! The settings of one of several corpora that a model learns from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use table::Text;

/// One of several corpora that a model learns from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorpusConfig {
    /// What it is called: in messages, in the card, and by who scores a split like one of it.
    pub name: String,
    /// The folder of its training split, as seen from that of all corpora; absent: `NAME/train`, the latter as all have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<String>,
    /// The same of the split that chooses the best checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// What the model calls its relations, of those that are not called as the corpus does. Those of one name are one.
    #[serde(default)]
    pub relations: BTreeMap<Text, Text>,
    /// Its relations that the model does not learn.
    #[serde(default)]
    pub leave_out: BTreeSet<Text>,
    /// Whether its relations are others than those of the same name in other corpora: `NAME:RELATION`, but for those
    /// that `relations` names.
    #[serde(default)]
    pub apart: bool,
    /// Which share of an epoch's documents is of it; absent: what others leave, by how many documents it has.
    #[serde(default)]
    pub share: Option<f64>,
}

impl CorpusConfig {
    /// What cannot be of it.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if name.is_empty() || name.contains(['/', '\n']) {
            return Err(format!("`corpora`: expected a `name` without `/`, got `{name}`"));
        }
        let place = |what: &str| format!("`corpora`: `{name}`: {what}");
        if let Some(relation) = self.relations.keys().find(|relation| self.leave_out.contains(*relation)) {
            return Err(place(&format!("`{relation}`: expected it in `relations` or in `leave_out`, got it in both")));
        }
        if let Some((relation, _)) = self.relations.iter().find(|(_, name)| name.is_empty()) {
            return Err(place(&format!(
                "`relations`: `{relation}`: expected a name; `leave_out` has what is left out"
            )));
        }
        match self.share {
            Some(share) if !(share > 0.0 && share <= 1.0) => {
                Err(place(&format!("`share`: expected above 0 and at most 1, got {share}")))
            }
            _ => Ok(()),
        }
    }

    /// Its splits, to be set, with its name.
    pub(super) fn places(&mut self, of_all: [&str; 2]) -> [(String, &mut String); 2] {
        let [train, dev] = of_all.map(|split| format!("{}/{split}", self.name));
        let name = self.name.clone();
        [(name.clone(), self.train.get_or_insert(train)), (name, self.dev.get_or_insert(dev))]
    }

    /// What the model calls a relation of it; nothing, where it is left out.
    pub(super) fn called(&self, relation: &Text) -> Option<Text> {
        if self.leave_out.contains(relation) {
            return None;
        }
        let usual = || if self.apart { format!("{}:{relation}", self.name).into() } else { relation.clone() };
        Some(self.relations.get(relation).cloned().unwrap_or_else(usual))
    }
}
