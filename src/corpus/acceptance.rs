//! What becomes of a document between its source and the tables.

use std::collections::BTreeMap;
use std::mem;

use ground::excerpt::quoted;
use ground::parsed::TypePair;
use table::Text;

use crate::document::{Document, Fact};
use crate::fault::{Fault, Part};
use crate::identity::identify;
use crate::mesh::MeshTree;
use crate::pairs::{MOST_PAIRS, Pairs};
use crate::tables::Accepted;

/// What stands for every relation.
pub(crate) const EVERY: &str = table::EVERY_RELATION;

/// By which rules documents are taken.
pub struct Acceptance<'r> {
    /// Types of the pairs that are asked about; none: every ordered pair, or what the source says.
    pub candidates: &'r [TypePair],
    /// For the hypernym filter.
    pub mesh: Option<&'r MeshTree>,
    /// The relations that there may be; `None`: any.
    pub relations: Option<&'r BTreeMap<Text, Text>>,
    /// Relations that hold both ways; `*` stands for all.
    pub undirected: &'r [Text],
    /// Whether nothing is known of the relations, whatever the source says.
    pub unlabelled: bool,
    /// Pairs of a document at most.
    pub most_pairs: u64,
}

impl Default for Acceptance<'_> {
    fn default() -> Self {
        Self {
            candidates: &[],
            mesh: None,
            relations: None,
            undirected: &[],
            unlabelled: false,
            most_pairs: MOST_PAIRS,
        }
    }
}

impl Acceptance<'_> {
    /// A document as the tables take it.
    ///
    /// # Errors
    /// That of [`Document::sound`], or more pairs than there may be. Pairs are counted before any is made.
    pub fn accept(&self, mut document: Document, source: Text) -> Result<Accepted, Fault> {
        if self.unlabelled {
            document.facts = None;
        }
        document.facts.iter_mut().flatten().for_each(|fact| self.turn(fact));
        document.n_relations = Some(document.relations());
        let mut document = identify(document.sound()?);
        if let Some(relations) = self.relations {
            drop_unknown(&mut document, relations);
        }
        let pairs = if self.holds_both_ways(EVERY) { Pairs::undirected } else { Pairs::asked };
        let asked = pairs(&document, self.candidates);
        asked.check(self.most_pairs)?;
        if let Some(mesh) = self.mesh {
            mesh.filter(&mut document, asked.iter());
        }
        let pairs = asked.with_facts(&mut document);
        pairs.check(self.most_pairs)?;
        Ok(Accepted { document, source, pairs, implied: Vec::new() })
    }

    /// Whether a relation is undirected.
    pub fn holds_both_ways(&self, relation: &str) -> bool {
        self.undirected.iter().any(|name| &**name == EVERY || &**name == relation)
    }

    /// Gives a fact of an undirected relation its one direction: from the entity of the smaller number.
    fn turn(&self, fact: &mut Fact) {
        if fact.head > fact.tail && self.holds_both_ways(&fact.relation) {
            mem::swap(&mut fact.head, &mut fact.tail);
        }
    }
}

/// Takes out the facts whose relation is not in the list of relations. What is lost is as many relations as the source
/// has, each with one of its facts: one of lists is several facts, several that are the same are one.
fn drop_unknown(document: &mut Document, labels: &BTreeMap<Text, Text>) {
    let Some(facts) = &mut document.facts else { return };
    let mut unknown = BTreeMap::<Text, Vec<Fact>>::new();
    for fact in facts.extract_if(.., |fact| !labels.contains_key(&fact.relation)) {
        unknown.entry(fact.relation.clone()).or_default().push(fact);
    }
    for (relation, facts) in unknown {
        let count = document.n_relations.as_mut().and_then(|relations| relations.remove(&relation));
        let reason = format!("relation {} is not in the list of relations", quoted(&relation));
        for fact in facts.iter().cycle().take(count.unwrap_or_default() as usize) {
            let column = format!("fact ({}, {})", fact.head, fact.tail);
            document.lose(Part::Relation, Fault::new(column, &*reason));
        }
    }
}
