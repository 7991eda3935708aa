//! The facts of a document: its relation lines, whose ids are those of its entities.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use ground::curie::{curie, folds_to};
use ground::excerpt::quoted;
use ground::variant::Variant;
use table::Text;

use crate::document::{CONTRADICTED, Entity, Fact};
use crate::fault::{Fault, Remark};
use crate::formats::dialect::Bars;

use super::article::RelationLine;
use super::entities::Known;
use super::ids::{is_variant, plain, things};
use super::names::{Names, Variants, of_number};
use super::reach::Key;
use super::room::Room;

pub(in crate::formats) const SHARED: &str = "relations whose id several entities share, taken for each";
pub(in crate::formats) const LISTED: &str = "relations of several things, a fact for each pair";

/// The facts under way, and the entities by what lines call them.
pub(in crate::formats) struct Facts<'k, 't> {
    known: &'k Known<'k>,
    by_name: Names<&'k str>,
    /// By identities, and by ids without prefix: `MESH:D000001` may be `D000001` elsewhere. Few documents need them.
    by_identity: OnceCell<Names<String>>,
    by_plain: OnceCell<Names<&'k str>>,
    variants: OnceCell<Variants<'k>>,
    room: Rc<Room>,
    found: Vec<Fact>,
    places: HashMap<(u32, u32, &'t str), usize>,
    remarks: Vec<Remark>,
}

/// The keys of ids at one end of a relation: [`Facts::find`] finds nothing but by one of them.
pub(in crate::formats) fn keys_of(ids: &str, bars: Bars) -> Vec<Key<'_>> {
    let ids = ids.trim();
    let rest = ids.split_once('|').filter(|(kind, _)| is_type(kind)).map(|(_, rest)| rest);
    let listed = [Some(ids), rest].into_iter().flatten().flat_map(|ids| things(ids, bars)).flatten();
    let mut keys: Vec<Key> =
        listed.flat_map(|name| forms(&name).map(|form| Key::Name(form.into())).collect::<Vec<_>>()).collect();
    keys.push(Key::Name(ids.into()));
    keys
}

/// The forms of a name by which another can stand for the same.
fn forms(name: &str) -> impl Iterator<Item = String> {
    let variant = Variant::of(name);
    let behind_prefix = name.split_once(':').map(|(_, rest)| rest.trim());
    let texts = [name, plain(name)].into_iter().chain(behind_prefix).chain(variant.others);
    let forms: Vec<String> = texts.map(str::to_owned).chain(variant.number.map(of_number)).collect();
    forms.into_iter()
}

impl Known<'_> {
    /// The keys of its entities.
    pub(in crate::formats) fn keys<'k>(&self) -> impl Iterator<Item = Key<'k>> {
        let identities = self.entities.iter().filter_map(identity);
        let names = self.names.iter().flat_map(|(name, _)| forms(name));
        identities.chain(names).map(|form| Key::Name(form.into()))
    }
}

/// What ids of one end come to.
#[derive(Default)]
pub(in crate::formats) struct Found<'t> {
    pub entities: BTreeSet<u32>,
    pub missing: Vec<Cow<'t, str>>,
    pub is_shared: bool,
}

impl<'k, 't> Facts<'k, 't> {
    /// None yet. What one line multiplies takes `room`, which documents of one article share.
    pub(in crate::formats) fn of(known: &'k Known<'k>, room: Rc<Room>) -> Self {
        Self {
            known,
            by_name: Names::of(known.names.iter().map(|(name, entity)| (&**name, *entity))),
            by_identity: OnceCell::new(),
            by_plain: OnceCell::new(),
            variants: OnceCell::new(),
            room,
            found: Vec::new(),
            places: HashMap::new(),
            remarks: Vec::new(),
        }
    }

    /// The facts, each once, in the order of their lines.
    pub(super) fn finish(self) -> (Vec<Fact>, Vec<Remark>) {
        (self.found, self.remarks)
    }

    /// Adds a fact for each head and tail of a line. What is wrong with it comes back, one thing: the line is one relation
    /// to whoever counts.
    pub(super) fn add(&mut self, line: &RelationLine<'t>) -> Option<Fault> {
        let (heads, tails) = (self.find(line.heads), self.find(line.tails));
        let (heads_of, tails_of) = (&heads.entities, &tails.entities);
        if let Err(reason) = self.room.take(heads_of.len() * tails_of.len()) {
            return Some(line.fault("tail", reason));
        }
        let missing = |column, end: &Found| end.missing.first().map(|id| (column, quoted(id)));
        let missing = missing("head", &heads).or_else(|| missing("tail", &tails));
        let mut fault =
            missing.map(|(column, id)| line.fault(column, format!("expected the id of a mention, got {id}")));
        for (&head, &tail) in heads_of.iter().flat_map(|head| tails_of.iter().map(move |tail| (head, tail))) {
            if head == tail {
                fault.get_or_insert_with(|| line.fault("tail", "expected another entity than the head, got the same"));
            } else {
                self.fact(line, head, tail);
            }
        }
        let example = || format!("`{}` of `{}` and `{}`", line.relation, line.heads.trim(), line.tails.trim());
        if heads.is_shared || tails.is_shared {
            self.remarks.push(Remark { what: SHARED, example: example() });
        } else if heads_of.len().max(tails_of.len()) > 1 {
            self.remarks.push(Remark { what: LISTED, example: example() });
        }
        fault
    }

    fn fact(&mut self, line: &RelationLine<'t>, head: u32, tail: u32) {
        let place = *self.places.entry((head, tail, line.relation)).or_insert(self.found.len());
        if place == self.found.len() {
            self.found.push(Fact { head, tail, relation: line.relation.into(), ..Fact::default() });
        }
        let other = self.found.get_mut(place).and_then(|fact| fact.say_also(attributes(line.said).collect()));
        self.remarks.extend(other.map(|example| Remark { what: CONTRADICTED, example }));
    }

    /// The entities of ids, which may have their type before them: `Gene|672`.
    pub(in crate::formats) fn find<'i>(&self, ids: &'i str) -> Found<'i> {
        let ids = ids.trim();
        let exact = self.by_name.find(ids, self.room.most());
        if !exact.is_empty() {
            return Found { is_shared: exact.len() > 1, entities: exact, ..Found::default() };
        }
        if let Some((kind, rest)) = ids.split_once('|')
            && is_type(kind)
            && self.named(kind).is_empty()
        {
            let found = self.find_typed(kind, rest);
            if found.missing.is_empty() {
                return found;
            }
        }
        self.list(ids)
    }

    /// The entities of ids, of a type where any is.
    pub(in crate::formats) fn find_typed<'i>(&self, kind: &str, ids: &'i str) -> Found<'i> {
        let mut found = self.list(ids);
        self.keep_type(&mut found, kind);
        found
    }

    fn list<'i>(&self, ids: &'i str) -> Found<'i> {
        let mut found = Found::default();
        for thing in things(ids, self.known.bars) {
            let named: Vec<BTreeSet<u32>> = thing.iter().map(|name| self.named(name)).collect();
            found.is_shared |= named.iter().any(|entities| entities.len() > 1);
            if named.iter().all(BTreeSet::is_empty) {
                found.missing.extend(thing.into_iter().next());
            }
            found.entities.extend(named.into_iter().flatten());
            // More are not asked for: they are refused.
            if found.entities.len() >= self.room.most() {
                break;
            }
        }
        found
    }

    /// The entities of one name, not many more than there is room for.
    fn named(&self, name: &str) -> BTreeSet<u32> {
        let most = self.room.most();
        let mut found = self.by_name.find(name, most);
        if found.is_empty() {
            found = self.by_identity.get_or_init(|| self.identities()).find(name, most);
        }
        if found.is_empty() {
            found = self.variants.get_or_init(|| Variants::of(&self.known.names)).find(name, most);
        }
        if found.is_empty() && !is_variant(name) {
            let plains = || Names::of(self.known.names.iter().map(|(name, entity)| (plain(name), *entity)));
            found = self.by_plain.get_or_init(plains).find(plain(name), most);
        }
        found
    }

    fn identities(&self) -> Names<String> {
        let places = (0..).zip(&self.known.entities);
        Names::of(places.filter_map(|(place, entity)| Some((identity(entity)?, place))))
    }

    /// Leaves out entities of other types, where any is of this one.
    fn keep_type(&self, found: &mut Found, kind: &str) {
        let is_of = |entity: &u32| {
            let mentions =
                self.known.entities.get(*entity as usize).map(|entity| &*entity.mentions).unwrap_or_default();
            mentions.iter().any(|mention| folds_to(&mention.kind, kind))
        };
        if found.entities.iter().any(is_of) {
            found.entities.retain(is_of);
            found.is_shared &= found.entities.len() > 1;
        }
    }
}

fn identity(entity: &Entity) -> Option<String> {
    entity.kb_id.as_deref().and_then(|id| curie(id, &entity.kind()))
}

/// Whether a text can be the name of a type.
fn is_type(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b' '))
}

/// What a fifth column and those behind it say of a relation, as attributes.
pub(super) fn attributes(said: &str) -> impl Iterator<Item = Text> + '_ {
    said.split([';', '\t']).map(str::trim).filter(|said| !said.is_empty()).map(|said| match said {
        named if named.contains('=') => named.into(),
        number if number.parse::<f64>().is_ok() => format!("score={number}").into(),
        novelty if ["Novel", "No"].iter().any(|word| word.eq_ignore_ascii_case(novelty)) => {
            format!("novelty={novelty}").into()
        }
        other => format!("note={other}").into(),
    })
}
