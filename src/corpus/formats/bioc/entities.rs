//! The entities that annotations mention, and which of them the end of a relation means.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ground::curie::curie;
use table::Text;

use super::super::dialect::Bars;
use super::super::pubtator::entities::{Gathered, Known};
use super::super::pubtator::ids::things;
use super::super::pubtator::reach::Key;
use super::super::pubtator::relations::{Facts, keys_of};
use super::model::Annotation;
use crate::document::{Entity, Mention};

/// The infon by which docre tells which entity of the document an annotation mentions.
pub(super) const LOCAL: &str = "docre:entity";
/// The infon of a document by which docre tells that nobody annotated its relations, where it is `false`.
pub(super) const LABELLED: &str = "docre:labelled";
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

/// Whether an id has the look of one that stands for none: `-`, `-1`, `none`. Most are known to stand for something
/// without making their CURIE.
fn is_suspect(id: &str) -> bool {
    id.len() <= 10 && (id == "-1" || !id.bytes().any(|byte| byte.is_ascii_digit()))
}

/// An annotation's type and what it says that it is.
#[derive(Debug, Clone)]
pub(super) struct Said<'a> {
    /// Its type.
    pub(super) kind: &'a str,
    /// The ids of what it mentions; empty where there are none.
    pub(super) ids: Cow<'a, str>,
    /// What docre calls the entity within the document.
    pub(super) local: Option<&'a str>,
    /// Its place among the mentions, where docre has numbered them.
    pub(super) place: Option<u64>,
    /// Whether it has a place for identifiers.
    pub(super) has_identifier: bool,
}

impl<'a> Said<'a> {
    /// What an annotation says of itself; `None` where it has no type.
    pub(super) fn of(annotation: &'a Annotation<'a>) -> Option<Self> {
        let kind = annotation.infons.get(&["type"]).filter(|kind| !kind.is_empty())?;
        let found = IDENTIFIERS.iter().find_map(|&(key, base)| Some((annotation.infons.get(&[key])?, base)));
        let ids = found.map_or(Cow::Borrowed(""), |(ids, base)| {
            let own = ids.strip_prefix(kind).and_then(|rest| rest.strip_prefix('|')).unwrap_or(ids);
            let is_none = is_suspect(own) && curie(own, kind).is_none();
            if is_none { Cow::Borrowed("") } else { with_base(own, base) }
        });
        let local = annotation.infons.get(&[LOCAL]);
        let place = local.and_then(|_| annotation.id.parse().ok());
        Some(Self { kind, ids, local, place, has_identifier: found.is_some() })
    }
}

/// Ids with the knowledge base before each that does not name one.
fn with_base<'a>(ids: &'a str, base: &str) -> Cow<'a, str> {
    if base.is_empty() {
        return Cow::Borrowed(ids);
    }
    let whole = |id: Cow<'a, str>| {
        let is_whole = id.contains([':', '_']) || curie(&id, "").is_none();
        if is_whole { id } else { Cow::Owned(format!("{base}:{id}")) }
    };
    Cow::Owned(things(ids, Bars::Entities).into_iter().flatten().map(whole).collect::<Vec<_>>().join(";"))
}

/// An end of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End<'s> {
    /// The things of ids, which may have their type before them: `Gene|672`.
    Known(&'s str),
    /// What an annotation mentions that has ids: its type and those.
    Typed(&'s str, &'s str),
    /// What an annotation mentions that has none, by its place in the document.
    Alone(usize),
    /// What docre calls an entity within the document.
    Local(&'s str),
}

impl<'s> End<'s> {
    /// The keys by which it is found.
    pub(super) fn keys(self, bars: Bars) -> Vec<Key<'s>> {
        match self {
            Self::Known(ids) | Self::Typed(_, ids) => keys_of(ids, bars),
            Self::Alone(annotation) => vec![Key::Alone(annotation)],
            Self::Local(local) => vec![Key::Local(local)],
        }
    }
}

/// The entities of a document under way.
pub(super) struct Entities<'s> {
    gathered: Gathered<'s>,
    /// Those that are known within the document alone.
    own: Vec<Own>,
    by_local: HashMap<&'s str, usize>,
    by_annotation: HashMap<usize, usize>,
    loose: Vec<Mention>,
}

/// An entity that is known within the document alone, its mentions each with the place that docre gave it.
struct Own {
    kb_id: Option<Text>,
    mentions: Vec<(Option<u64>, Mention)>,
}

impl Own {
    /// The entity. Where docre has numbered its mentions they have that order: its name is that of the first.
    fn entity(mut self) -> Entity {
        if self.mentions.iter().all(|(place, _)| place.is_some()) {
            self.mentions.sort_by_key(|(place, _)| *place);
        }
        Entity { kb_id: self.kb_id, mentions: self.mentions.into_iter().map(|(_, mention)| mention).collect() }
    }
}

/// The entities of a document.
pub(super) struct Settled<'s> {
    /// Those that have identities, then those that are known within the document alone.
    pub(super) known: Known<'s>,
    by_local: HashMap<&'s str, u32>,
    by_annotation: HashMap<usize, u32>,
}

impl<'s> Entities<'s> {
    /// None yet.
    pub(super) fn new(bars: Bars) -> Self {
        Self {
            gathered: Gathered::new(bars),
            own: Vec::new(),
            by_local: HashMap::new(),
            by_annotation: HashMap::new(),
            loose: Vec::new(),
        }
    }

    /// Takes up a mention; `alone`: one without identity is an entity of its own.
    pub(super) fn add(&mut self, annotation: usize, said: &'s Said<'_>, mention: Mention, alone: bool) {
        let next = self.own.len();
        let place = match said.local {
            Some(local) => *self.by_local.entry(local).or_insert(next),
            None if alone && !said.has_identifier => *self.by_annotation.entry(annotation).or_insert(next),
            None if said.ids.is_empty() => return self.loose.push(mention),
            None => return self.gathered.add(&said.ids, said.kind, mention),
        };
        if let Some(entity) = self.own.get_mut(place) {
            entity.mentions.push((said.place, mention));
        } else {
            let kb_id = Some(&*said.ids).filter(|ids| !ids.is_empty()).map(Into::into);
            self.own.push(Own { kb_id, mentions: vec![(said.place, mention)] });
        }
    }

    /// All of them. Where docre numbers them they have that order.
    pub(super) fn settle(self) -> Settled<'s> {
        let mut known = self.gathered.finish();
        let n_known = known.entities.len();
        known.loose.extend(self.loose);
        let mut order: Vec<(u32, usize)> = Vec::with_capacity(self.own.len());
        for (local, &place) in &self.by_local {
            order.extend(local.parse().ok().map(|number: u32| (number, place)));
        }
        let is_ordered = order.len() == self.own.len();
        order.sort_unstable();
        let mut moved: Vec<u32> = (0..self.own.len()).map(|place| ground::whole(n_known + place)).collect();
        let mut own: Vec<Option<Entity>> = self.own.into_iter().map(|own| Some(own.entity())).collect();
        if is_ordered {
            for (new, &(_, old)) in order.iter().enumerate() {
                if let Some(place) = moved.get_mut(old) {
                    *place = ground::whole(n_known + new);
                }
            }
            known.entities.extend(order.iter().filter_map(|&(_, old)| own.get_mut(old)?.take()));
        } else {
            known.entities.extend(own.into_iter().flatten());
        }
        let at = |place: usize| moved.get(place).copied().unwrap_or_default();
        Settled {
            known,
            by_local: self.by_local.into_iter().map(|(local, place)| (local, at(place))).collect(),
            by_annotation: self.by_annotation.into_iter().map(|(annotation, place)| (annotation, at(place))).collect(),
        }
    }
}

/// What an end comes to in a document.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// Its entities.
    pub(super) entities: BTreeSet<u32>,
    /// Ids that nothing there has.
    pub(super) missing: Vec<String>,
    /// Whether several entities share an id.
    pub(super) is_shared: bool,
}

impl<'s> Settled<'s> {
    /// The keys of its entities.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key<'s>> {
        let locals = self.by_local.keys().map(|local| Key::Local(local));
        self.known.keys().chain(locals).chain(self.by_annotation.keys().map(|annotation| Key::Alone(*annotation)))
    }

    /// Which entities an end means; `names` are those of this document.
    pub(super) fn find(&self, end: End, names: &Facts) -> Ends {
        let found = match end {
            End::Known(ids) => names.find(ids),
            End::Typed(kind, ids) => names.find_typed(kind, ids),
            End::Alone(annotation) => return Ends::of(self.by_annotation.get(&annotation)),
            End::Local(local) => return Ends::of(self.by_local.get(local)),
        };
        let missing = found.missing.into_iter().map(Cow::into_owned).collect();
        Ends { entities: found.entities, missing, is_shared: found.is_shared }
    }
}

impl Ends {
    fn of(place: Option<&u32>) -> Self {
        let entities = place.copied().into_iter().collect();
        let missing = if place.is_none() { vec!["-".to_owned()] } else { Vec::new() };
        Self { entities, missing, is_shared: false }
    }
}
