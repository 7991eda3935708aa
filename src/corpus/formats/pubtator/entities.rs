//! The entities of an article: its mentions put together by identity.
//!
//! Two ids are one identity where they come to one CURIE, by the type of the mention: a gene and a species of one number
//! are two. A variant without gene is that of its name with a gene, where there is but one, and the same holds for its
//! number in dbSNP.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;

use ground::curie::within_document;
use ground::variant::Variant;

use crate::document::{Entity, Mention};
use crate::formats::dialect::Bars;
use crate::formats::sets::Sets;

use super::ids::{Thing, is_variant, plain, things};

/// What the identities of dbSNP begin with: they need no gene.
const DBSNP: &str = "dbSNP:rs";

/// The entities under way.
#[derive(Default)]
pub(in crate::formats) struct Gathered<'t> {
    bars: Bars,
    /// What ids have named so far, by slots; several can turn out to be one.
    sets: Sets,
    /// The id of each slot.
    ids: Vec<Cow<'t, str>>,
    by_key: HashMap<String, usize>,
    /// The slots of a type and ids as they stand in lines, as a part of `listed`.
    by_line: HashMap<(&'t str, &'t str), Range<usize>>,
    listed: Vec<usize>,
    /// The variants of each name.
    variants: HashMap<String, Vec<Named>>,
    names: Vec<(Cow<'t, str>, usize)>,
    mentions: Vec<(usize, Mention)>,
    loose: Vec<Mention>,
}

/// A variant of some name, and what is said of it.
struct Named {
    slot: usize,
    /// Its genes; empty where none is named.
    genes: String,
    /// Its number in dbSNP.
    number: Option<String>,
}

/// The entities of a document, by what its relations call them.
pub(in crate::formats) struct Known<'t> {
    pub bars: Bars,
    pub entities: Vec<Entity>,
    pub loose: Vec<Mention>,
    /// Each name with its entity.
    pub names: Vec<(Cow<'t, str>, u32)>,
}

impl<'t> Gathered<'t> {
    pub(in crate::formats) fn new(bars: Bars) -> Self {
        Self { bars, ..Self::default() }
    }

    /// Adds a mention of what the ids name, of a type.
    pub(in crate::formats) fn add(&mut self, ids: &'t str, kind: &'t str, mention: Mention) {
        let slots = if let Some(slots) = self.by_line.get(&(kind, ids)) {
            slots.clone()
        } else {
            let slots = self.list(ids, kind);
            self.by_line.insert((kind, ids), slots.clone());
            slots
        };
        match self.listed.get(slots).unwrap_or_default() {
            [] => self.loose.push(mention),
            [slots @ .., last] => {
                self.mentions.extend(slots.iter().map(|&slot| (slot, mention.clone())));
                self.mentions.push((*last, mention));
            }
        }
    }

    /// Lists the slots of ids that were not met before.
    fn list(&mut self, ids: &'t str, kind: &str) -> Range<usize> {
        let start = self.listed.len();
        let mut things = things(ids, self.bars);
        things.sort_unstable();
        things.dedup();
        let mut seen = HashSet::new();
        for thing in things {
            if let Some(slot) = self.slot(thing, kind)
                && seen.insert(slot)
            {
                self.listed.push(slot);
            }
        }
        start..self.listed.len()
    }

    /// The slot of a thing; `None` where none of its names stands for anything.
    fn slot(&mut self, thing: Thing<'t>, kind: &str) -> Option<usize> {
        let mut slot = None;
        for name in thing {
            let Some(key) = within_document(&name, kind) else { continue };
            let own = match slot {
                Some(slot) => slot,
                None => self.new_slot(name.clone()),
            };
            slot = Some(if is_variant(&name) { self.variant(&name, key, own) } else { self.unite(key, own) });
            self.names.push((name, own));
        }
        slot.map(|slot| self.sets.root(slot))
    }

    fn new_slot(&mut self, id: Cow<'t, str>) -> usize {
        self.ids.push(id);
        self.sets.push()
    }

    /// Notes a variant, whose key may be shared by that of another gene.
    fn variant(&mut self, id: &str, key: String, slot: usize) -> usize {
        let (name, variant) = (plain(id), Variant::of(id));
        let genes = variant.genes.iter().copied().collect::<Vec<_>>().join(",");
        let number = variant.number.map(str::to_owned);
        let said = if genes.is_empty() { number.as_deref().unwrap_or_default() } else { &genes };
        let mut slot = self.unite(format!("{name};{said}"), slot);
        if key.starts_with(DBSNP) {
            slot = self.unite(key, slot);
        }
        self.variants.entry(name.to_owned()).or_default().push(Named { slot, genes, number });
        slot
    }

    /// Makes the slot one with that of a key.
    fn unite(&mut self, key: String, slot: usize) -> usize {
        if let Some(other) = self.by_key.get(&key).copied() {
            return self.join(other, slot);
        }
        self.by_key.insert(key, slot);
        slot
    }

    /// Makes one of two slots. Of a variant, the id is kept that says most of what it is.
    fn join(&mut self, one: usize, other: usize) -> usize {
        let (first, joined) = self.sets.join(one, other);
        let id = joined.and_then(|joined| self.ids.get(joined).cloned());
        if let (Some(id), Some(kept)) = (id, self.ids.get_mut(first))
            && is_variant(kept)
            && Variant::of(kept).weight() < Variant::of(&id).weight()
        {
            *kept = id;
        }
        first
    }

    /// The entities in the order of their first mentions.
    pub(in crate::formats) fn finish(mut self) -> Known<'t> {
        self.settle_variants();
        let mut places: Vec<Option<u32>> = vec![None; self.sets.len()];
        let mut entities: Vec<Entity> = Vec::new();
        // Lines with different ids can come to one mention of one entity.
        let mut seen = HashSet::new();
        for (slot, mention) in mem::take(&mut self.mentions) {
            let root = self.sets.root(slot);
            let (Some(place), Some(id)) = (places.get_mut(root), self.ids.get(root)) else { continue };
            let place = *place.get_or_insert_with(|| {
                entities.push(Entity { kb_id: Some((&**id).into()), mentions: Vec::new() });
                ground::whole(entities.len() - 1)
            });
            if let Some(Entity { mentions, .. }) = entities.get_mut(place as usize)
                && seen.insert((place, mention.start, mention.end, mention.kind.clone()))
            {
                mentions.push(mention);
            }
        }
        let names = mem::take(&mut self.names);
        let placed = |(name, slot)| Some((name, (*places.get(self.sets.root(slot))?)?));
        let names = names.into_iter().filter_map(placed).collect();
        let mut loose = mem::take(&mut self.loose);
        let mut seen = HashSet::new();
        loose.retain(|mention| seen.insert((mention.start, mention.end, mention.kind.clone())));
        Known { bars: self.bars, entities, loose, names }
    }

    /// Makes variants of one name one where at most one gene and one number are named with it, and those of which nothing
    /// is said one with the others where these are one.
    fn settle_variants(&mut self) {
        let mut variants: Vec<Vec<Named>> = mem::take(&mut self.variants).into_values().collect();
        variants.sort_unstable_by_key(|named| named.first().map(|first| first.slot));
        for named in variants {
            let roots: Vec<usize> = named.iter().map(|one| self.sets.root(one.slot)).collect();
            let said: Vec<usize> =
                named.iter().zip(&roots).filter(|(one, _)| one.says_something()).map(|(_, root)| *root).collect();
            if Named::are_one(&named) || said.iter().all(|root| Some(root) == said.first()) {
                roots.windows(2).for_each(|pair| {
                    self.join(pair[0], pair[1]);
                });
            }
        }
    }
}

impl Named {
    fn says_something(&self) -> bool {
        !self.genes.is_empty() || self.number.is_some()
    }

    /// Whether no two of these name different genes or numbers.
    fn are_one(named: &[Self]) -> bool {
        fn are_same<'n>(mut said: impl Iterator<Item = &'n str>) -> bool {
            let first = said.next();
            said.all(|other| Some(other) == first)
        }
        are_same(named.iter().map(|one| &*one.genes).filter(|genes| !genes.is_empty()))
            && are_same(named.iter().filter_map(|one| one.number.as_deref()))
    }
}
