//! What becomes of a document between its source and the tables.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use ground::excerpt::quoted;
use ground::parsed::TypePair;
use table::Text;

use crate::document::{Document, Fact};
use crate::fault::{Fault, Part};
use crate::identity::identify;
use crate::mesh::MeshTree;
use crate::pairs::{BothWays, MOST_PAIRS, Pairs};
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
        self.turn(&mut document);
        document.n_relations = Some(document.relations());
        let mut document = identify(document.sound()?);
        if let Some(relations) = self.relations {
            drop_unknown(&mut document, relations);
        }
        let both_ways = match self.undirected {
            [] => BothWays::None,
            _ if self.holds_both_ways(EVERY) => BothWays::All,
            _ => BothWays::Some,
        };
        let asked = Pairs::asked(&document, self.candidates, both_ways);
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

    /// Gives facts of undirected relations their one direction, from the entity of the smaller number, and so the pairs
    /// that the source asks about: all where every relation is such, else those of these facts beside their own. A pair
    /// is left out where it is in each direction that is asked about.
    fn turn(&self, document: &mut Document) {
        let Document { facts, asked, left_out, .. } = document;
        for fact in facts.iter_mut().flatten().filter(|fact| self.holds_both_ways(&fact.relation)) {
            let pair = (fact.head, fact.tail);
            (fact.head, fact.tail) = turned(pair);
            if let Some(asked) = asked.as_mut().filter(|asked| asked.contains(&pair) && !left_out.contains(&pair)) {
                asked.insert(turned(pair));
                left_out.remove(&turned(pair));
            }
        }
        if !self.holds_both_ways(EVERY) {
            return;
        }
        let kept: BTreeSet<(u32, u32)> =
            asked.iter().flatten().filter(|pair| !left_out.contains(*pair)).copied().map(turned).collect();
        *left_out = left_out.iter().copied().map(turned).filter(|pair| !kept.contains(pair)).collect();
        if let Some(asked) = asked {
            *asked = mem::take(asked).into_iter().map(turned).collect();
        }
    }
}

/// A pair from the entity of the smaller number.
fn turned((head, tail): (u32, u32)) -> (u32, u32) {
    (head.min(tail), head.max(tail))
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
