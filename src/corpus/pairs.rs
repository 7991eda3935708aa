//! The ordered pairs of a document, which are up to the square of its entities: made as they are walked, never held.

use std::collections::{BTreeMap, BTreeSet};

use ground::parsed::TypePair;
use table::Text;

use crate::document::{Document, Entity};
use crate::fault::Fault;

/// Pairs of a document at most, unless asked otherwise: those of 3,000 entities, which are written within a few hundred
/// megabytes.
pub const MOST_PAIRS: u64 = 10_000_000;

/// The pairs that have a row: what the source or the options ask about, and those of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    /// Entities that are tails, ascending: one list for each set of heads of one type.
    tails: Vec<Vec<u32>>,
    /// For each entity the list of its tails.
    of_head: Vec<usize>,
    /// Whether only tails behind their heads count.
    one_way: bool,
    /// Pairs beside these, ascending.
    further: Vec<(u32, u32)>,
}

impl Pairs {
    /// What the document's source or the options ask about: `candidates` are types of head and tail, none for all.
    pub fn asked(document: &Document, candidates: &[TypePair]) -> Self {
        Self::of(document, candidates, false)
    }

    /// The same where every relation holds both ways: each two entities once, the smaller number as the head, if their
    /// types fit in either order. Pairs that the source lists are taken as they are, turned before.
    pub fn undirected(document: &Document, candidates: &[TypePair]) -> Self {
        Self::of(document, candidates, true)
    }

    fn of(document: &Document, candidates: &[TypePair], one_way: bool) -> Self {
        let kinds: Vec<Text> = document.entities.iter().map(Entity::kind).collect();
        let fits = |head: &Text, tail: &Text| {
            let either = |pair: &TypePair| pair.fits(head, tail) || one_way && pair.fits(tail, head);
            candidates.is_empty() || candidates.iter().any(either)
        };
        if let Some(listed) = &document.asked {
            let kind = |entity: u32| kinds.get(entity as usize);
            let fits = |&&(head, tail): &&(u32, u32)| {
                head != tail && kind(head).zip(kind(tail)).is_some_and(|(head, tail)| fits(head, tail))
            };
            let further = listed.iter().filter(fits).copied().collect();
            return Self { tails: Vec::new(), of_head: Vec::new(), one_way, further };
        }
        let (mut tails, mut lists) = (Vec::new(), BTreeMap::new());
        let list = |kind: &Text| {
            // Without candidates all heads have the same tails.
            let key = if candidates.is_empty() { None } else { Some(kind.clone()) };
            *lists.entry(key).or_insert_with(|| {
                tails.push((0..).zip(&kinds).filter(|(_, tail)| fits(kind, tail)).map(|(tail, _)| tail).collect());
                tails.len() - 1
            })
        };
        let of_head = kinds.iter().map(list).collect();
        Self { tails, of_head, one_way, further: Vec::new() }
    }

    /// Adds the pairs of facts that nobody asked about: a fact has a row in `pairs`, though it is no candidate.
    #[must_use]
    pub fn with_facts(mut self, document: &mut Document) -> Self {
        let facts = document.facts.iter().flatten().map(|fact| (fact.head, fact.tail));
        let unasked: BTreeSet<(u32, u32)> = facts.filter(|&pair| !self.contains(pair)).collect();
        document.left_out.extend(&unasked);
        self.further.extend(unasked);
        self.further.sort_unstable();
        self
    }

    /// Refuses more than `most`.
    ///
    /// # Errors
    /// Where there are more.
    pub fn check(&self, most: u64) -> Result<(), Fault> {
        let (n_pairs, n_entities) = (self.len(), self.of_head.len());
        if n_pairs <= most {
            return Ok(());
        }
        let reason =
            format!("expected at most {most} pairs (`--most-pairs`, `most_pairs` in a pipeline), got {n_pairs}");
        let of = if n_entities > 0 { format!(" of {n_entities} entities") } else { String::new() };
        Err(Fault::new("pairs", reason + &of))
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        let tails = |(head, list): (u32, &usize)| {
            let tails = self.tails.get(*list).map_or(&[][..], Vec::as_slice);
            let behind = tails.partition_point(|&tail| tail <= head);
            let passed = if self.one_way { behind } else { usize::from(tails.binary_search(&head).is_ok()) };
            (tails.len() - passed) as u64
        };
        (0..).zip(&self.of_head).map(tails).sum::<u64>() + self.further.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a pair is one of them.
    pub fn contains(&self, pair: (u32, u32)) -> bool {
        let tails = self.of_head.get(pair.0 as usize).and_then(|&list| self.tails.get(list));
        let is_pair = if self.one_way { pair.0 < pair.1 } else { pair.0 != pair.1 };
        let is_asked = is_pair && tails.is_some_and(|tails| tails.binary_search(&pair.1).is_ok());
        is_asked || self.further.binary_search(&pair).is_ok()
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let tails = |(head, list): (u32, &usize)| {
            let tails = self.tails.get(*list).into_iter().flatten().copied();
            let one_way = self.one_way;
            tails.filter(move |&tail| if one_way { tail > head } else { tail != head }).map(move |tail| (head, tail))
        };
        let mut asked = (0..).zip(&self.of_head).flat_map(tails).peekable();
        let mut further = self.further.iter().copied().peekable();
        std::iter::from_fn(move || match (asked.peek(), further.peek()) {
            (Some(one), Some(other)) if other < one => further.next(),
            (None, _) => further.next(),
            _ => asked.next(),
        })
    }
}
