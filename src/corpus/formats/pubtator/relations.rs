//! The facts of a document: its relation lines, whose ids are those of its entities.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ground::curie::{curie, folds_to};
use ground::excerpt::quoted;
use table::Text;

use crate::document::{Entity, Fact};
use crate::fault::{Fault, Remark};
use crate::formats::dialect::Bars;

use super::article::RelationLine;
use super::entities::Known;
use super::ids::{plain, things};

const SHARED: &str = "relations whose id several entities share: taken for each";

/// The facts under way, and the entities by what lines call them.
pub(super) struct Facts<'k, 't> {
    bars: Bars,
    entities: &'k [Entity],
    /// By ids as mentions have them, and by identities.
    by_name: HashMap<Cow<'k, str>, BTreeSet<u32>>,
    /// By ids without prefix: `MESH:D000001` may be `D000001` elsewhere.
    by_plain: HashMap<&'k str, BTreeSet<u32>>,
    facts: Vec<Fact>,
    places: HashMap<(u32, u32, &'t str), usize>,
    pub remarks: Vec<Remark>,
}

/// What ids of one end come to.
#[derive(Default)]
struct Found<'t> {
    entities: BTreeSet<u32>,
    missing: Vec<Cow<'t, str>>,
    is_shared: bool,
}

impl<'k, 't> Facts<'k, 't> {
    /// None yet.
    pub(super) fn of(known: &'k Known<'_>) -> Self {
        let mut by_name = HashMap::<Cow<str>, BTreeSet<u32>>::new();
        let mut by_plain = HashMap::<&str, BTreeSet<u32>>::new();
        for (name, entity) in &known.names {
            by_name.entry((&**name).into()).or_default().insert(*entity);
            by_plain.entry(plain(name)).or_default().insert(*entity);
        }
        for (place, entity) in (0..).zip(&known.entities) {
            if let Some(identity) = entity.kb_id.as_deref().and_then(|id| curie(id, &entity.kind())) {
                by_name.entry(identity.into()).or_insert_with(|| BTreeSet::from([place]));
            }
        }
        Self {
            bars: known.bars,
            entities: &known.entities,
            by_name,
            by_plain,
            facts: Vec::new(),
            places: HashMap::new(),
            remarks: Vec::new(),
        }
    }

    /// The facts, each once, in the order of their lines.
    pub(super) fn finish(self) -> (Vec<Fact>, Vec<Remark>) {
        (self.facts, self.remarks)
    }

    /// Adds a fact for each head and tail of a line. What is wrong with it comes back.
    pub(super) fn add(&mut self, line: &RelationLine<'t>) -> Vec<Fault> {
        let (heads, tails) = (self.find(line.heads), self.find(line.tails));
        // One is enough: the line is one relation to whoever counts.
        let missing = |column, end: &Found| end.missing.first().map(|id| (column, quoted(id)));
        let missing = missing("head", &heads).or_else(|| missing("tail", &tails));
        let fault = |(column, id)| line.fault(column, format!("expected the id of a mention, got {id}"));
        let mut faults: Vec<Fault> = missing.map(fault).into_iter().collect();
        for &head in &heads.entities {
            for &tail in &tails.entities {
                match head == tail {
                    true => faults.push(line.fault("tail", "expected another entity than the head, got the same")),
                    false => self.fact(line, head, tail),
                }
            }
        }
        if heads.is_shared || tails.is_shared {
            let example = format!("`{}` of `{}` and `{}`", line.relation, line.heads.trim(), line.tails.trim());
            self.remarks.push(Remark { what: SHARED, example });
        }
        faults
    }

    fn fact(&mut self, line: &RelationLine<'t>, head: u32, tail: u32) {
        let place = *self.places.entry((head, tail, line.relation)).or_insert(self.facts.len());
        if place == self.facts.len() {
            self.facts.push(Fact { head, tail, relation: line.relation.into(), ..Fact::default() });
        }
        if let Some(fact) = self.facts.get_mut(place) {
            fact.attributes.extend(attributes(line.said));
            fact.attributes.sort_unstable();
            fact.attributes.dedup();
        }
    }

    /// The entities of ids, which may have their type before them: `Gene|672`.
    fn find(&self, ids: &'t str) -> Found<'t> {
        let ids = ids.trim();
        if let Some(entities) = self.by_name.get(ids) {
            return Found { entities: entities.clone(), is_shared: entities.len() > 1, ..Found::default() };
        }
        if let Some((kind, rest)) = ids.split_once('|')
            && is_type(kind)
            && self.named(kind).is_none()
        {
            let mut found = self.list(rest);
            if found.missing.is_empty() {
                self.keep_type(&mut found, kind);
                return found;
            }
        }
        self.list(ids)
    }

    fn list(&self, ids: &'t str) -> Found<'t> {
        let mut found = Found::default();
        for thing in things(ids, self.bars) {
            let named: Vec<_> = thing.iter().filter_map(|name| self.named(name)).collect();
            found.is_shared |= named.iter().any(|entities| entities.len() > 1);
            found.entities.extend(named.iter().copied().flatten());
            if named.is_empty() {
                found.missing.extend(thing.into_iter().next());
            }
        }
        found
    }

    fn named(&self, name: &str) -> Option<&BTreeSet<u32>> {
        self.by_name.get(name).or_else(|| self.by_plain.get(plain(name)))
    }

    /// Leaves out entities of other types, where any is of this one.
    fn keep_type(&self, found: &mut Found, kind: &str) {
        let is_of = |entity: &u32| {
            let mentions = self.entities.get(*entity as usize).map(|entity| &*entity.mentions).unwrap_or_default();
            mentions.iter().any(|mention| folds_to(&mention.kind, kind))
        };
        if found.entities.iter().any(is_of) {
            found.entities.retain(is_of);
            found.is_shared &= found.entities.len() > 1;
        }
    }
}

/// Whether a text can be the name of a type.
fn is_type(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '))
}

/// What a fifth column says of a relation, as attributes.
fn attributes(said: &str) -> impl Iterator<Item = Text> + '_ {
    said.split(';').map(str::trim).filter(|said| !said.is_empty()).map(|said| match said {
        named if named.contains('=') => named.into(),
        number if number.parse::<f64>().is_ok() => format!("score={number}").into(),
        novelty if ["Novel", "No"].iter().any(|word| word.eq_ignore_ascii_case(novelty)) => {
            format!("novelty={novelty}").into()
        }
        other => format!("note={other}").into(),
    })
}
