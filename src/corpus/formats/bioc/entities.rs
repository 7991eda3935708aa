//! The entities that annotations mention, and which of them the end of a relation means.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ground::curie::curie;

use super::super::dialect::Bars;
use super::super::ids::{Thing, things};
use super::model::{Annotation, Infons};
use crate::document::{Entity, Mention};

/// The infon by which docre tells which entity of the document an annotation mentions.
pub(super) const LOCAL: &str = "docre:entity";
/// Keys of identifiers, and the knowledge base that some of them name.
const IDENTIFIERS: [(&str, &str); 15] = [
    ("identifier", ""),
    ("mesh", "MESH"),
    ("ncbi gene", "NCBIGene"),
    ("ncbi_gene", "NCBIGene"),
    ("ncbi taxonomy", "NCBITaxon"),
    ("ncbi homologene", "homologene"),
    ("omim", "OMIM"),
    ("dbsnp", "dbSNP"),
    ("chebi", "CHEBI"),
    ("cellosaurus", "Cellosaurus"),
    ("umls", "UMLS"),
    ("cui", ""),
    ("normalized_id", ""),
    ("concept_id", ""),
    ("kb_id", ""),
];

/// Types that are tried for an id that nothing mentions as it is written.
const MOST_KINDS: usize = 32;

/// An annotation's type and what it says that it is.
#[derive(Debug, Clone)]
pub(super) struct Said<'a> {
    /// Its type.
    pub(super) kind: &'a str,
    /// The things that it names, but for those that stand for nothing.
    pub(super) things: Vec<Thing<'a>>,
    /// What docre calls the entity within the document.
    pub(super) local: Option<&'a str>,
    /// Whether it has a place for identifiers.
    pub(super) has_identifier: bool,
}

impl<'a> Said<'a> {
    /// What an annotation says of itself; `None` where it has no type.
    pub(super) fn of(annotation: &'a Annotation<'a>, bars: Bars) -> Option<Self> {
        let kind = annotation.infons.get(&["type"]).filter(|kind| !kind.is_empty())?;
        let found = identifier(&annotation.infons);
        let (mut named, mut seen) = (Vec::new(), HashSet::new());
        if let Some((ids, base)) = found {
            let is_one = annotation.infons.get(&[LOCAL]).is_some();
            let own = ids.strip_prefix(kind).and_then(|rest| rest.strip_prefix('|')).unwrap_or(ids);
            let listed = if is_one { vec![vec![Cow::Borrowed(ids)]] } else { things(own, bars) };
            for thing in listed {
                let thing: Thing = thing.into_iter().map(|id| with_base(id, base)).collect();
                let is_known = thing.first().is_some_and(|id| curie(id, kind).is_some());
                if is_known && seen.insert(thing.clone()) {
                    named.push(thing);
                }
            }
        }
        let local = annotation.infons.get(&[LOCAL]);
        Some(Self { kind, things: named, local, has_identifier: found.is_some() })
    }
}

/// The identifiers of an annotation, and the knowledge base that their key names.
fn identifier<'a>(infons: &'a Infons<'a>) -> Option<(&'a str, &'static str)> {
    IDENTIFIERS.iter().find_map(|&(key, base)| Some((infons.get(&[key])?, base)))
}

/// An id with the knowledge base before it, where it does not name one.
fn with_base<'a>(id: Cow<'a, str>, base: &str) -> Cow<'a, str> {
    let is_whole = base.is_empty() || id.contains([':', '_']) || curie(&id, "").is_none();
    if is_whole { id } else { Cow::Owned(format!("{base}:{id}")) }
}

/// The end of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// The thing of an identifier, and its type where that is said.
    Known(Cow<'a, str>, Option<&'a str>),
    /// What an annotation mentions, by its place in the document.
    Mentioned(usize),
    /// What docre calls an entity within the document.
    Local(&'a str),
}

/// The entities of a document under way.
#[derive(Debug, Default)]
pub(super) struct Entities<'a> {
    /// In the order of their first mentions.
    pub(super) known: Vec<Entity>,
    /// Mentions of none.
    pub(super) loose: Vec<Mention>,
    /// By CURIE.
    places: HashMap<String, u32>,
    /// By an id as it is written, and type.
    written: HashMap<(Cow<'a, str>, &'a str), u32>,
    /// By an id alone: the first of that id.
    by_id: HashMap<Cow<'a, str>, u32>,
    /// The first types of those entities.
    kinds: Vec<&'a str>,
    by_local: HashMap<&'a str, u32>,
    by_annotation: HashMap<usize, u32>,
}

impl<'a> Entities<'a> {
    /// Takes up a mention; `alone`: one without identity is an entity of its own.
    pub(super) fn add(&mut self, annotation: usize, said: &Said<'a>, mention: Mention, alone: bool) {
        if let Some(local) = said.local {
            let place = *self.by_local.entry(local).or_insert(ground::whole(self.known.len()));
            let kb_id = said.things.first().and_then(|thing| thing.first());
            self.push(place, kb_id, mention);
            self.by_annotation.insert(annotation, place);
            return;
        }
        for thing in &said.things {
            let Some(place) = self.place(thing, said.kind) else { continue };
            self.push(place, thing.first(), mention.clone());
        }
        if !said.things.is_empty() {
            return;
        }
        if alone && !said.has_identifier {
            let place = ground::whole(self.known.len());
            self.by_annotation.insert(annotation, place);
            self.push(place, None, mention);
        } else {
            self.loose.push(mention);
        }
    }

    fn push(&mut self, place: u32, kb_id: Option<&Cow<'a, str>>, mention: Mention) {
        match self.known.get_mut(place as usize) {
            Some(entity) => entity.mentions.push(mention),
            None => self.known.push(Entity { kb_id: kb_id.map(|id| (&**id).into()), mentions: vec![mention] }),
        }
    }

    /// The place of a thing, which may be the next that is free.
    fn place(&mut self, thing: &Thing<'a>, kind: &'a str) -> Option<u32> {
        let first = thing.first()?;
        if let Some(&place) = self.written.get(&(first.clone(), kind)) {
            return Some(place);
        }
        let next = ground::whole(self.known.len());
        let place = *self.places.entry(curie(first, kind)?).or_insert(next);
        if self.kinds.len() < MOST_KINDS && !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        for name in thing {
            self.written.entry((name.clone(), kind)).or_insert(place);
            self.by_id.entry(name.clone()).or_insert(place);
        }
        Some(place)
    }

    /// Which entity an end means.
    pub(super) fn find(&self, end: &End<'a>) -> Option<u32> {
        match end {
            End::Local(local) => self.by_local.get(local).copied(),
            End::Mentioned(annotation) => self.by_annotation.get(annotation).copied(),
            End::Known(id, kind) => {
                let typed = kind.and_then(|kind| {
                    let written = self.written.get(&(id.clone(), kind)).copied();
                    written.or_else(|| self.places.get(&curie(id, kind)?).copied())
                });
                typed.or_else(|| self.by_id.get(id).copied()).or_else(|| self.by_curie(id))
            }
        }
    }

    /// The first entity that an id means by the entity's own type: `D003000` is `MESH:D003000` of a disease.
    fn by_curie(&self, id: &str) -> Option<u32> {
        self.kinds.iter().filter_map(|kind| self.places.get(&curie(id, kind)?).copied()).min()
    }

    /// Puts the entities in the order of what docre calls them, where it does so for all.
    pub(super) fn in_order(mut self) -> Self {
        let mut numbers = vec![None; self.known.len()];
        for (local, &place) in &self.by_local {
            if let Some(number) = numbers.get_mut(place as usize) {
                *number = local.parse::<u32>().ok();
            }
        }
        let Some(numbers) = numbers.into_iter().collect::<Option<Vec<u32>>>() else { return self };
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by_key(|&place| numbers.get(place));
        let mut moved = vec![0; order.len()];
        for (new, &old) in (0..).zip(&order) {
            if let Some(place) = moved.get_mut(old) {
                *place = new;
            }
        }
        let places = self.by_local.values_mut().chain(self.by_annotation.values_mut());
        places.for_each(|place| *place = moved.get(*place as usize).copied().unwrap_or(*place));
        let mut known: Vec<Option<Entity>> = self.known.into_iter().map(Some).collect();
        self.known = order.iter().filter_map(|&old| known.get_mut(old)?.take()).collect();
        self
    }
}
