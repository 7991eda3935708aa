//! What becomes of a document between its source and the tables.

use std::collections::BTreeMap;

use ground::excerpt::quoted;
use ground::parsed::TypePair;
use table::Text;

use crate::document::{Document, Fault};
use crate::identity::identify;
use crate::mesh::MeshTree;
use crate::pairs::{MOST_PAIRS, Pairs};
use crate::tables::Accepted;

/// By which rules documents are taken.
pub struct Acceptance<'r> {
    /// Types of the pairs that are asked about; none: every ordered pair, or what the source says.
    pub candidates: &'r [TypePair],
    /// For the hypernym filter.
    pub mesh: Option<&'r MeshTree>,
    /// The relations that there may be; `None`: any.
    pub relations: Option<&'r BTreeMap<Text, Text>>,
    /// Whether nothing is known of the relations, whatever the source says.
    pub unlabelled: bool,
    /// Pairs of a document at most.
    pub most_pairs: u64,
}

impl Default for Acceptance<'_> {
    fn default() -> Self {
        Self { candidates: &[], mesh: None, relations: None, unlabelled: false, most_pairs: MOST_PAIRS }
    }
}

impl Acceptance<'_> {
    /// A document as the tables take it.
    ///
    /// # Errors
    /// The first fault: one of [`Document::check`], a relation that is not known, or more pairs than there may be. Pairs
    /// are counted before any is made.
    pub fn accept(&self, document: Document, source: Text) -> Result<Accepted, Fault> {
        let mut document = identify(document.check()?);
        if self.unlabelled {
            document.facts = None;
        }
        if let Some(relations) = self.relations {
            check_relations(&document, relations)?;
        }
        let asked = Pairs::asked(&document, self.candidates);
        asked.check(self.most_pairs)?;
        if let Some(mesh) = self.mesh {
            mesh.filter(&mut document, asked.iter());
        }
        let pairs = asked.with_facts(&mut document);
        pairs.check(self.most_pairs)?;
        Ok(Accepted { document, source, pairs, implied: Vec::new() })
    }
}

fn check_relations(document: &Document, labels: &BTreeMap<Text, Text>) -> Result<(), Fault> {
    match document.facts.iter().flatten().find(|fact| !labels.contains_key(&fact.relation)) {
        None => Ok(()),
        Some(fact) => {
            let column = format!("fact ({}, {})", fact.head, fact.tail);
            let reason = format!("relation {} is not in the list of relations", quoted(&fact.relation));
            Err(Fault::new(column, reason))
        }
    }
}
