//! Mentions → entities: by their ids in databases, and by coreference.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ground::curie::within_document;

use crate::formats::sets::Sets;
use crate::formats::variants::{says_more, settle};

/// A mention as the source has it.
#[derive(Debug)]
pub struct Raw<'v> {
    /// Its id within the document.
    pub id: Cow<'v, str>,
    /// Its type.
    pub kind: &'v str,
    /// Its characters.
    pub span: (u32, u32),
    /// Whom it is of, by database.
    pub identities: Vec<String>,
}

/// The places of mentions by their ids.
#[derive(Debug, Default)]
pub struct Named(HashMap<String, Vec<usize>>);

impl Named {
    /// Those of some mentions.
    pub fn of(raw: &[Raw]) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, mention) in raw.iter().enumerate() {
            places.entry(mention.id.to_string()).or_default().push(place);
        }
        Self(places)
    }

    /// The mention that an id names; `None` where it names none or several.
    pub fn only(&self, id: &str) -> Option<usize> {
        let [place] = self.0.get(id)?[..] else { return None };
        Some(place)
    }
}

/// Entities, and the mentions of each.
#[derive(Debug, Default)]
pub struct Merged {
    /// The identity of each entity, in the order of their first mentions.
    pub identities: Vec<Option<String>>,
    /// The entities that each mention is of; none: it has no identity.
    pub of: Vec<Vec<u32>>,
    /// The mentions of each id: several may have one.
    named: Named,
}

/// Each identity of each mention, by the mention's place; one without has none once.
fn keys(raw: &[Raw]) -> Vec<(usize, Option<String>)> {
    let mut keys = Vec::with_capacity(raw.len());
    for (place, mention) in raw.iter().enumerate() {
        let before = keys.len();
        let curies = mention.identities.iter().filter_map(|id| within_document(id, mention.kind));
        keys.extend(curies.map(|curie| (place, Some(curie))));
        if keys.len() == before {
            keys.push((place, None));
        }
    }
    keys
}

impl Merged {
    /// The entities of some mentions. `referred` are the ids of those that relations name.
    pub fn of(raw: &[Raw], named: Named, coreferences: &[Vec<usize>], referred: &BTreeSet<Cow<'_, str>>) -> Self {
        let mut merged = Self { named, of: vec![Vec::new(); raw.len()], ..Self::default() };
        let keys = keys(raw);
        let mut sets = Sets::of(keys.len());
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (set, (_, identity)) in keys.iter().enumerate() {
            if let Some(identity) = identity {
                sets.join(*first.entry(identity).or_insert(set), set);
            }
        }
        settle(first.iter().map(|(identity, set)| (*set, *identity, "")), &mut sets);
        let coreferring = join_coreferences(&keys, coreferences, &mut sets);
        let has_identities = keys.iter().any(|(_, identity)| identity.is_some());
        let is_named = |place: usize| {
            coreferring.contains(&place) || raw.get(place).is_some_and(|mention| referred.contains(&mention.id))
        };
        let mut entity_of: HashMap<usize, u32> = HashMap::new();
        for (set, (place, identity)) in keys.into_iter().enumerate() {
            if identity.is_none() && has_identities && !is_named(place) {
                continue;
            }
            let next = ground::whole(merged.identities.len());
            let entity = *entity_of.entry(sets.root(set)).or_insert(next);
            merged.put(entity, place, identity);
        }
        merged
    }

    /// Gives an entity, known or the next, a mention, and an identity where it has none yet, or one that says less.
    fn put(&mut self, entity: u32, mention: usize, identity: Option<String>) {
        match self.identities.get_mut(entity as usize) {
            Some(known) => {
                let is_better = |identity: &String| known.as_ref().is_none_or(|known| says_more(identity, known));
                if let Some(identity) = identity.filter(is_better) {
                    *known = Some(identity);
                }
            }
            None => self.identities.push(identity),
        }
        if let Some(of) = self.of.get_mut(mention).filter(|of| !of.contains(&entity)) {
            of.push(entity);
        }
    }

    /// The entities of the mention that an id names; `None` where it names none, or those of several things.
    pub fn find(&self, id: &str) -> Option<&[u32]> {
        let mut of = self.named.0.get(id)?.iter().filter_map(|place| self.of.get(*place));
        let first = of.next().filter(|first| !first.is_empty())?;
        of.all(|of| of == first).then_some(first)
    }
}

/// Joins what corefers; the places of these mentions. A mention of several entities corefers as the first.
fn join_coreferences(
    keys: &[(usize, Option<String>)],
    coreferences: &[Vec<usize>],
    sets: &mut Sets,
) -> BTreeSet<usize> {
    let mut first_set: HashMap<usize, usize> = HashMap::new();
    for (set, (place, _)) in keys.iter().enumerate() {
        first_set.entry(*place).or_insert(set);
    }
    let mut coreferring = BTreeSet::new();
    for places in coreferences {
        coreferring.extend(places.iter().copied());
        let mut found = places.iter().filter_map(|place| first_set.get(place).copied());
        let Some(one) = found.next() else { continue };
        for other in found {
            sets.join(one, other);
        }
    }
    coreferring
}
