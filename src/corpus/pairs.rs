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
    /// The tails of each set of heads of one type.
    tails: Vec<Tails>,
    /// For each entity those of its type.
    of_head: Vec<usize>,
    /// Pairs beside these, ascending.
    further: Vec<(u32, u32)>,
}

/// The tails of heads of one type, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tails {
    /// Those of whichever heads but themselves.
    all: Vec<u32>,
    /// Those of the heads before them alone.
    behind: Vec<u32>,
}

impl Tails {
    /// Those of one head, in order.
    fn of(&self, head: u32) -> impl Iterator<Item = u32> + '_ {
        let all = self.all.iter().copied().filter(move |&tail| tail != head);
        let first = self.behind.partition_point(|&tail| tail <= head);
        merged(all, self.behind.get(first..).unwrap_or_default().iter().copied())
    }

    fn count_of(&self, head: u32) -> usize {
        let all = self.all.len() - usize::from(self.all.binary_search(&head).is_ok());
        all + self.behind.len() - self.behind.partition_point(|&tail| tail <= head)
    }

    fn contain(&self, (head, tail): (u32, u32)) -> bool {
        head != tail && self.all.binary_search(&tail).is_ok() || head < tail && self.behind.binary_search(&tail).is_ok()
    }
}

/// The items of two ascending lists, ascending.
fn merged<T: PartialOrd>(one: impl Iterator<Item = T>, other: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second < first => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    })
}

/// Which relations of a document hold both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BothWays {
    /// None.
    None,
    /// Some.
    Some,
    /// Every one.
    All,
}

impl Pairs {
    /// What the document's source or the options ask about: `candidates` are types of head and tail, none for all.
    ///
    /// A relation that holds both ways is asked about from the entity of the smaller number, if the types fit in either
    /// order. Where every relation is such, so is each two entities, once; pairs that the source lists are turned before.
    pub fn asked(document: &Document, candidates: &[TypePair], both_ways: BothWays) -> Self {
        let kinds: Vec<Text> = document.entities.iter().map(Entity::kind).collect();
        let fits =
            |head: &Text, tail: &Text| candidates.is_empty() || candidates.iter().any(|pair| pair.fits(head, tail));
        if let Some(listed) = &document.asked {
            let kind = |entity: u32| kinds.get(entity as usize);
            let is_asked = |&&(head, tail): &&(u32, u32)| {
                let turns = both_ways == BothWays::All || both_ways == BothWays::Some && head < tail;
                let of = kind(head).zip(kind(tail));
                head != tail && of.is_some_and(|(head, tail)| fits(head, tail) || turns && fits(tail, head))
            };
            let further = listed.iter().filter(is_asked).copied().collect();
            return Self { tails: Vec::new(), of_head: Vec::new(), further };
        }
        let (mut tails, mut lists) = (Vec::new(), BTreeMap::new());
        let list = |kind: &Text| {
            // Without candidates all heads have the same tails.
            let key = if candidates.is_empty() { None } else { Some(kind.clone()) };
            *lists.entry(key).or_insert_with(|| {
                let mut of_kind = Tails::default();
                for (number, tail) in (0..).zip(&kinds) {
                    match (fits(kind, tail), both_ways) {
                        (true, BothWays::None | BothWays::Some) => of_kind.all.push(number),
                        (true, BothWays::All) => of_kind.behind.push(number),
                        (false, BothWays::Some | BothWays::All) if fits(tail, kind) => of_kind.behind.push(number),
                        (false, _) => {}
                    }
                }
                tails.push(of_kind);
                tails.len() - 1
            })
        };
        let of_head = kinds.iter().map(list).collect();
        Self { tails, of_head, further: Vec::new() }
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
        let tails = |(head, list): (u32, &usize)| self.tails.get(*list).map_or(0, |tails| tails.count_of(head)) as u64;
        (0..).zip(&self.of_head).map(tails).sum::<u64>() + self.further.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a pair is one of them.
    pub fn contains(&self, pair: (u32, u32)) -> bool {
        let tails = self.of_head.get(pair.0 as usize).and_then(|&list| self.tails.get(list));
        let is_asked = tails.is_some_and(|tails| tails.contain(pair));
        is_asked || self.further.binary_search(&pair).is_ok()
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let tails = |(head, list): (u32, &usize)| {
            let tails = self.tails.get(*list).into_iter().flat_map(move |tails| tails.of(head));
            tails.map(move |tail| (head, tail))
        };
        merged((0..).zip(&self.of_head).flat_map(tails), self.further.iter().copied())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use proptest::prelude::*;

    use crate::document::Mention;

    use super::*;

    /// A document with entities of these types.
    fn of_kinds(kinds: &[usize]) -> Document {
        let kind = |kind: &usize| Text::from(["A", "B", "C"][*kind]);
        let mention = |of| Mention { name: "m".into(), kind: kind(of), sentence: 0, start: 0, end: 1 };
        let entity = |kind| Entity { kb_id: None, mentions: vec![mention(kind)] };
        Document { entities: kinds.iter().map(entity).collect(), ..Document::default() }
    }

    proptest! {
        #[test]
        fn pairs_are_those_that_their_types_ask_for(
            kinds in proptest::collection::vec(0..3_usize, 0..7),
            types in proptest::collection::vec((0..3_usize, 0..3_usize), 0..4),
            ways in 0..3_usize,
            lists in any::<bool>(),
        ) {
            let both_ways = [BothWays::None, BothWays::Some, BothWays::All][ways];
            let names = ["A", "B", "C"];
            let candidates: Vec<TypePair> =
                types.iter().map(|&(head, tail)| format!("{}:{}", names[head], names[tail]).parse().unwrap()).collect();
            let fits = |head: usize, tail: usize| types.is_empty() || types.contains(&(kinds[head], kinds[tail]));
            let all = (0..kinds.len()).flat_map(|head| (0..kinds.len()).map(move |tail| (head, tail)));
            let all: Vec<(usize, usize)> = all.filter(|(head, tail)| head != tail).collect();
            let expected: Vec<(u32, u32)> = all
                .iter()
                .filter(|&&(head, tail)| match both_ways {
                    BothWays::None => fits(head, tail),
                    BothWays::Some => fits(head, tail) || head < tail && fits(tail, head),
                    BothWays::All => head < tail && (fits(head, tail) || fits(tail, head)),
                })
                .map(|&(head, tail)| (head as u32, tail as u32))
                .collect();
            let mut document = of_kinds(&kinds);
            if lists {
                let is_turned = |(head, tail): &&(usize, usize)| both_ways != BothWays::All || head < tail;
                let listed = all.iter().filter(is_turned).map(|&(head, tail)| (head as u32, tail as u32));
                document.asked = Some(listed.collect());
            }
            let pairs = Pairs::asked(&document, &candidates, both_ways);
            prop_assert_eq!(pairs.iter().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(pairs.len(), expected.len() as u64);
            for (head, tail) in all {
                let pair = (head as u32, tail as u32);
                prop_assert_eq!(pairs.contains(pair), expected.contains(&pair), "{:?}", pair);
            }
        }
    }
}
