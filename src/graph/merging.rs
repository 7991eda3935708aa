//! Which entities of different documents are one node.

use std::collections::HashMap;
use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use ground::choice;
use table::rows::EntityRow;

use super::GraphError;
use super::identifier::{knowledge_base, step};

/// By what entities merge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Merge {
    /// The identifier in a knowledge base where there is one, else name and type.
    #[default]
    Kb,
    /// Name and type, whatever identifiers there are.
    Name,
    /// Nothing: each entity of each document stays a node of its own.
    None,
}

choice!(Merge, "way to merge", { Kb => "kb", Name => "name", None => "none" });

/// What makes an entity the node that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The node.
    pub node_id: String,
    /// The rule, as the table `merges` calls it.
    pub rule: &'static str,
}

/// Tells which node an entity becomes.
#[derive(Debug, Default)]
pub struct Merger {
    merge: Merge,
    /// Folded alias and, where the file gives one, folded type → name.
    aliases: HashMap<(String, Option<String>), String>,
}

impl Merger {
    /// A merger, with a file of aliases where there is one: lines of `alias`, `name` and perhaps `type`, separated by
    /// tabs. A line with a type is for entities of that type alone.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn new(merge: Merge, aliases: Option<&Path>) -> Result<Self, GraphError> {
        Ok(Self { merge, aliases: aliases.map(read_aliases).transpose()?.unwrap_or_default() })
    }

    /// The node of an entity.
    pub fn identify(&self, entity: &EntityRow) -> NodeIdentity {
        match (self.merge, &entity.kb_id) {
            (Merge::Kb, Some(id)) => NodeIdentity { node_id: knowledge_base(id, &entity.r#type), rule: "kb_id" },
            (Merge::Kb | Merge::Name, _) => self.by_name(entity),
            (Merge::None, _) => NodeIdentity {
                node_id: format!("entity:{}/{}", step(&entity.doc_id), entity.entity_id),
                rule: "itself",
            },
        }
    }

    fn by_name(&self, entity: &EntityRow) -> NodeIdentity {
        let (name, kind) = (fold(&entity.name), fold(&entity.r#type));
        let node = |name: &str| format!("name:{}/{}", step(&entity.r#type), step(name));
        let of_type = (name, Some(kind));
        let alias = self.aliases.get(&of_type).or_else(|| self.aliases.get(&(of_type.0.clone(), None)));
        match alias {
            Some(alias) => NodeIdentity { node_id: node(alias), rule: "alias" },
            None => NodeIdentity { node_id: node(&of_type.0), rule: "name" },
        }
    }
}

/// A name without what its writers chose freely: upper and lower case, the composition of accents, white space.
///
/// Lower, upper and lower case again comes to Unicode's full case folding (`ẞ`, `ß` and `SS` are one), and takes `ı` for
/// `i` besides.
pub fn fold(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let composed: String = words.join(" ").nfc().collect();
    composed.to_lowercase().to_uppercase().to_lowercase().nfc().collect()
}

fn read_aliases(path: &Path) -> Result<HashMap<(String, Option<String>), String>, GraphError> {
    let fault = |source| GraphError::Aliases { path: path.to_path_buf(), source };
    let mut options = csv::ReaderBuilder::new();
    let reader = options.delimiter(b'\t').quoting(false).has_headers(false).flexible(true);
    let mut reader = reader.from_path(path).map_err(fault)?;
    let mut aliases = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(fault)?;
        let line = record.position().map_or(0, csv::Position::line);
        let columns: Vec<&str> = record.iter().map(|text| text.trim_start_matches('\u{feff}')).collect();
        let (alias, name, kind) = match columns.as_slice() {
            [alias, name] => (alias, name, None),
            [alias, name, kind] => (alias, name, Some(fold(kind))),
            other => return Err(GraphError::Alias { path: path.to_path_buf(), line, found: other.len() }),
        };
        aliases.insert((fold(alias), kind), fold(name));
    }
    Ok(aliases)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn names_fold_as_unicode_has_it() {
        for (one, other) in
            [("STRASSE", "Straße"), ("ẞ", "ss"), ("ΟΔΟΣ", "οδος"), ("İ", "i\u{307}"), ("a\u{a0}b", " A  b ")]
        {
            assert_eq!(fold(one), fold(other), "{one}");
        }
        assert_ne!(fold("resume"), fold("résumé"));
    }
}
