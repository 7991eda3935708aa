//! The entities of an article: its mentions put together by identity.
//!
//! Two ids are one identity where they come to one CURIE, by the type of the mention: a gene and a species of one number
//! are two. A variant without gene is that of its name with a gene, where there is but one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::mem;
use std::ops::Range;

use ground::curie::curie;

use crate::document::{Entity, Mention};
use crate::formats::dialect::Bars;
use crate::formats::sets::Sets;

use super::ids::{Thing, is_variant, plain, said_of_variant, things};

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
    variants: HashMap<String, Variants>,
    names: Vec<(Cow<'t, str>, usize)>,
    mentions: Vec<(usize, Mention)>,
    loose: Vec<Mention>,
}

/// The slots of variants of one name.
#[derive(Default)]
struct Variants {
    bare: Option<usize>,
    known: Vec<usize>,
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
            let Some(key) = curie(&name, kind) else { continue };
            let own = match slot {
                Some(slot) => slot,
                None => self.new_slot(name.clone()),
            };
            let is_apart = is_variant(&name) && !key.starts_with(DBSNP) || said_of_variant(&name).is_some();
            slot = Some(if is_apart { self.variant(&name, key, own) } else { self.unite(key, own) });
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
        let name = plain(id);
        let said = said_of_variant(id);
        let mut slot = match said {
            Some(said) => self.unite(format!("{name};{said}"), slot),
            None => self.unite(format!("{name};"), slot),
        };
        if key.starts_with(DBSNP) {
            slot = self.unite(key, slot);
        }
        let of_name = self.variants.entry(name.to_owned()).or_default();
        match said {
            Some(_) => of_name.known.push(slot),
            None => of_name.bare = Some(slot),
        }
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

    /// Makes one of two slots. Of a variant, an id with its gene is kept before one without.
    fn join(&mut self, one: usize, other: usize) -> usize {
        let (first, joined) = self.sets.join(one, other);
        let id = joined.and_then(|joined| self.ids.get(joined).cloned());
        if let (Some(id), Some(kept)) = (id, self.ids.get_mut(first))
            && is_variant(kept)
            && said_of_variant(kept).is_none()
            && said_of_variant(&id).is_some()
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

    /// Makes variants without gene one with the only one of their name that has one.
    fn settle_variants(&mut self) {
        let mut variants: Vec<Variants> = mem::take(&mut self.variants).into_values().collect();
        variants.sort_unstable_by_key(|variants| variants.bare);
        for Variants { bare, known } in variants {
            let (Some(bare), Some(&first)) = (bare, known.first()) else { continue };
            let root = self.sets.root(first);
            if known.iter().all(|&slot| self.sets.root(slot) == root) {
                self.join(bare, root);
            }
        }
    }
}
