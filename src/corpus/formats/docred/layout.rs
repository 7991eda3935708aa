//! The layouts of DocRED's kind: which keys they have, and how labels name entities.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use table::Text;

use crate::document::Document;
use crate::fault::{Fault, Loss, Part, Remark};
use crate::formats::json::{Field, Json, is_slip};

/// The keys of a layout.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    /// A document's name.
    name: &'static str,
    /// Its sentences.
    pub sentences: &'static str,
    /// Its entities, by which the layout is known.
    pub entities: &'static str,
    /// Its relations.
    pub facts: &'static str,
}

const DOCRED: Layout = Layout { name: "title", sentences: "sents", entities: "vertexSet", facts: "labels" };
const LINKED: Layout = Layout { name: "title", sentences: "sents", entities: "entities", facts: "relations" };
const BY_CHARACTER: Layout =
    Layout { name: "id", sentences: "sents_char", entities: "vertex_char", facts: "labels_char" };
const BY_WORD: Layout = Layout { name: "id", sentences: "sents_word", entities: "vertex_word", facts: "labels_word" };

const LAYOUTS: [&Layout; 4] = [&DOCRED, &LINKED, &BY_CHARACTER, &BY_WORD];

impl Layout {
    /// The layout of a document: DocRED's where none is recognised.
    ///
    /// # Errors
    /// A fault where several are. HacRED has two by itself, of which that by characters is taken.
    pub fn of(root: &Field) -> Result<&'static Self, Fault> {
        let mut found = None;
        for layout in LAYOUTS {
            if root.optional(layout.entities)?.is_none() {
                continue;
            }
            match found {
                None => found = Some(layout),
                Some(before) if before == &BY_CHARACTER && layout == &BY_WORD => {}
                Some(before) => {
                    let (one, other) = (before.entities, layout.entities);
                    return Err(root.fault(format!("expected the entities under one key, got `{one}` and `{other}`")));
                }
            }
        }
        Ok(found.unwrap_or(&DOCRED))
    }

    /// The document's name.
    pub fn name(&self, root: &Field) -> Result<Text, Fault> {
        Ok((*root.key(self.name)?.identifier()?).into())
    }

    /// Makes lists of objects of objects of lists, wherever Hugging Face's libraries may have made these. What is lost by
    /// that: where it is the relations, nothing is known of them.
    ///
    /// # Errors
    /// Where the entities cannot be told apart.
    pub fn turn(&self, root: &mut Json) -> Result<Vec<Loss>, Fault> {
        let mut losses = Vec::new();
        for facts in root.members_mut(self.facts) {
            losses.extend(facts.turn_or_lose(Part::Relation, self.facts, Json::Null));
        }
        for entities in root.members_mut(self.entities) {
            if self == &LINKED {
                entities.turn().map_err(|reason| Fault::new(self.entities, reason))?;
            }
            for (place, entity) in entities.items_mut().iter_mut().enumerate() {
                let column = format!("{}[{place}]", self.entities);
                let none = || Json::List(Vec::new());
                if self == &LINKED {
                    for mentions in entity.members_mut("mentions") {
                        losses.extend(mentions.turn_or_lose(Part::Mention, &column, none()));
                    }
                } else {
                    losses.extend(entity.turn_or_lose(Part::Mention, &column, none()));
                }
            }
        }
        Ok(losses)
    }

    /// What is to be told of a document without relations, of which these losses are known.
    pub fn unlabelled(&self, root: &Field, losses: &[Loss]) -> Remark {
        let what = "documents that are taken as unlabelled: nothing is known of their relations";
        if let Some(lost) = losses.iter().find(|loss| loss.part == Part::Relation) {
            return Remark { what, example: lost.fault.to_string() };
        }
        let others = LAYOUTS.iter().map(|layout| layout.facts);
        let is_other = |key: &str| key != self.facts && others.clone().any(|other| key == other);
        let is_meant = |key: &&str| is_slip(key, self.facts) || is_other(key);
        let example = match root.names().find(is_meant) {
            Some(key) => format!("expected the key `{}`, for which `{key}` may be meant", self.facts),
            None => format!("no key `{}`", self.facts),
        };
        Remark { what, example }
    }
}

/// The identity that Linked-DocRED gives an entity.
pub fn wikidata<'v>(entity: &Field<'_, 'v>) -> Result<Option<&'v str>, Fault> {
    let Some(linking) = entity.optional("entity_linking")? else { return Ok(None) };
    let Some(resource) = linking.optional("wikidata_resource")? else { return Ok(None) };
    Ok(Some(resource.text()?))
}

/// What labels call entities.
pub enum Ends<'v> {
    /// Their places, of so many.
    Places(usize),
    /// Ids; one that several entities have names none.
    Ids(HashMap<Cow<'v, str>, Option<u32>>),
}

impl<'v> Ends<'v> {
    /// Those of a document: ids where its first entity has one.
    pub fn of(entities: &Field<'_, 'v>, document: &mut Document) -> Result<Self, Fault> {
        let items = entities.items()?;
        let n_entities = items.len();
        let mut ids: HashMap<Cow<'v, str>, Option<u32>> = HashMap::new();
        for (place, entity) in (0..).zip(items) {
            let id = if matches!(entity.value(), Json::Object(_)) { entity.optional("id")? } else { None };
            match id {
                None if place == 0 => return Ok(Self::Places(n_entities)),
                // No relation can name it.
                None => {}
                Some(id) => match ids.entry(id.identifier()?) {
                    Entry::Vacant(vacant) => _ = vacant.insert(Some(place)),
                    Entry::Occupied(mut twice) => {
                        let what = "ids that several entities of a document have, so that no relation can name these";
                        document.remarks.push(Remark { what, example: format!("{id}: `{}`", twice.key()) });
                        twice.insert(None);
                    }
                },
            }
        }
        Ok(if ids.is_empty() { Self::Places(n_entities) } else { Self::Ids(ids) })
    }

    /// The place of the entity that an end of a label names.
    pub fn find(&self, end: &Field) -> Result<u32, Fault> {
        match self {
            Self::Places(n_entities) => {
                let number = end.number_u32()?;
                if number as usize >= *n_entities {
                    return Err(end.fault(format!("{number} is out of range, the document has {n_entities} entities")));
                }
                Ok(number)
            }
            Self::Ids(ids) => match ids.get(&*end.identifier()?) {
                Some(Some(place)) => Ok(*place),
                Some(None) => Err(end.expected("the id of one entity alone")),
                None => Err(end.expected("the id of an entity")),
            },
        }
    }
}
