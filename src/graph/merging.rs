//! Which entities of different documents are one node.

use std::path::Path;

use ground::choice;
use ground::curie::curie;
use ground::variant::says_which;
use table::rows::EntityRow;

use super::GraphError;
use super::aliases::{Aliases, fold};
use super::identifier::{of_curie, of_entity, of_name};

/// By what entities merge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Merge {
    /// The identifier in a knowledge base where there is one, else name and type. A change of a sequence whose gene is not
    /// known is nobody beyond its document.
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
    /// The CURIE, where it has one and does not merge by name.
    pub curie: Option<String>,
}

impl NodeIdentity {
    fn without_curie(node_id: String, rule: &'static str) -> Self {
        Self { node_id, rule, curie: None }
    }
}

/// Tells which node an entity becomes.
#[derive(Debug, Default)]
pub struct Merger {
    merge: Merge,
    aliases: Aliases,
}

impl Merger {
    /// A merger, with a file of [`Aliases`] where there is one.
    ///
    /// # Errors
    /// As [`Aliases::read`].
    pub fn new(merge: Merge, aliases: Option<&Path>) -> Result<Self, GraphError> {
        Ok(Self { merge, aliases: aliases.map(Aliases::read).transpose()?.unwrap_or_default() })
    }

    /// The node of an entity.
    pub fn identify(&self, entity: &EntityRow) -> NodeIdentity {
        // A table by another program may have ids in any spelling.
        let curie = entity.kb_id.as_deref().and_then(|id| curie(id, &entity.r#type));
        match (self.merge, curie) {
            (Merge::Kb, Some(curie)) if says_which(&curie) => {
                NodeIdentity { node_id: of_curie(&curie), rule: "kb_id", curie: Some(curie) }
            }
            // Nor does its name say which of those so called it is.
            (Merge::Kb, Some(curie)) => {
                let node_id = of_entity(&entity.doc_id, entity.entity_id);
                NodeIdentity { node_id, rule: "itself", curie: Some(curie) }
            }
            (Merge::Kb | Merge::Name, _) => self.by_name(entity),
            (Merge::None, _) => NodeIdentity::without_curie(of_entity(&entity.doc_id, entity.entity_id), "itself"),
        }
    }

    fn by_name(&self, entity: &EntityRow) -> NodeIdentity {
        let name = fold(&entity.name);
        let alias = self.aliases.name_of(&name, &fold(&entity.r#type));
        let rule = if alias.is_some() { "alias" } else { "name" };
        NodeIdentity::without_curie(of_name(&entity.r#type, alias.unwrap_or(&name)), rule)
    }
}

/// Whether two names have nothing in common: no three letters in a row, nor the first.
pub fn are_foreign(name: &str, other: &str) -> bool {
    let (name, other) = (fold(name), fold(other));
    let letters: Vec<(usize, char)> = name.char_indices().collect();
    let ends = letters.iter().skip(3).map(|(end, _)| *end).chain([name.len()]);
    let mut parts = letters.iter().zip(ends).filter_map(|((start, _), end)| name.get(*start..end));
    name.chars().next() != other.chars().next() && !parts.any(|part| other.contains(part))
}

#[cfg(test)]
mod tests {
    use super::are_foreign;

    #[test]
    fn names_are_foreign_that_share_neither_letters_nor_the_first() {
        for (one, other) in
            [("tumour", "Tumor"), ("breast cancer", "BRCA"), ("cancer of the breast", "breast cancer"), ("", "")]
        {
            assert!(!are_foreign(one, other), "{one}");
        }
        for (one, other) in [("Norway", "Oslo"), ("ab", "b"), ("", "x"), ("É", "x")] {
            assert!(are_foreign(one, other), "{one}");
        }
    }
}
