//! The types of entities that each relation joins in a split.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ground::parsed::TypePair;
use table::rows::{EntityRow, FactRow};
use table::{Text, Walk, undirected_relations};

use crate::claims::Types;
use crate::error::DecideError;

/// Those of a split's facts; of an undirected relation in both directions.
///
/// # Errors
/// Where a table cannot be read, or a type cannot be named by a setting.
pub fn types_seen(split: &Path) -> Result<BTreeMap<Text, BTreeSet<TypePair>>, DecideError> {
    let undirected = undirected_relations(split)?;
    let mut seen: BTreeMap<Text, BTreeSet<TypePair>> = BTreeMap::new();
    for document in Walk::<(EntityRow, FactRow)>::open(split)? {
        let (document, (entities, facts)) = document?;
        let types = Types::new(entities);
        for fact in facts {
            let [head, tail] = [fact.head, fact.tail].map(|entity| types.of(&document.doc_id, entity));
            let (head, tail) = (head?, tail?);
            let both = undirected.contains(&fact.relation).then_some((tail, head));
            for (head, tail) in [Some((head, tail)), both].into_iter().flatten() {
                let pair = format!("{head}:{tail}").parse().map_err(DecideError::Types)?;
                seen.entry(fact.relation.clone()).or_default().insert(pair);
            }
        }
    }
    Ok(seen)
}
