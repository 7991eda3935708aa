//! The relations of a document in JSON lines.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::document::{Document, Fact};
use crate::fault::{Fault, Part};
use crate::formats::attributes;
use crate::formats::json::{Field, Json};
use crate::formats::strays::Strays;

/// What relations call entities: their places, and their ids as texts and as numbers.
pub struct Ends<'v> {
    n_entities: usize,
    /// By id: the entities that have it, and whether it stands there as a number.
    by_id: HashMap<Cow<'v, str>, Called>,
}

/// Who has an id.
#[derive(Clone, Copy)]
struct Called {
    place: u32,
    is_shared: bool,
    is_number: bool,
}

impl<'v> Ends<'v> {
    /// Those of the entities of a document. What cannot be an id is none: its entity is told already.
    pub fn of(entities: &Field<'_, 'v>) -> Result<Self, Fault> {
        let mut by_id: HashMap<Cow<'v, str>, Called> = HashMap::new();
        for (place, entity) in (0..).zip(entities.items()?) {
            let Ok(Some(field)) = entity.optional("id") else { continue };
            let Ok(id) = field.identifier() else { continue };
            let is_number = matches!(field.value(), Json::Whole(_));
            let called = by_id.entry(id).or_insert(Called { place, is_shared: false, is_number });
            called.is_shared |= called.place != place;
        }
        Ok(Self { n_entities: entities.items()?.len(), by_id })
    }

    fn find(&self, end: &Field) -> Result<u32, Fault> {
        let called = self.by_id.get(&*end.identifier()?);
        match (end.value(), called) {
            (Json::Text(_), Some(Called { is_shared: true, .. })) => Err(end.expected("the id of one entity alone")),
            (Json::Text(_), Some(called)) => Ok(called.place),
            (Json::Text(_), None) => Err(end.expected("the id of an entity")),
            (_, called) => self.find_number(end, called.filter(|called| called.is_number)),
        }
    }

    /// The entity that a number names: by its place, or where that is not meant, by a number that is its id.
    fn find_number(&self, end: &Field, called: Option<&Called>) -> Result<u32, Fault> {
        let place = end.number_u32().ok().filter(|place| (*place as usize) < self.n_entities);
        match (place, called) {
            (Some(place), None) => Ok(place),
            (Some(place), Some(called)) if called.place == place && !called.is_shared => Ok(place),
            (Some(place), Some(called)) => Err(end.expected(&format!(
                "a place or an id, and this is the place of entity {place} and the id of entity {} (an id can be a text)",
                called.place
            ))),
            (None, Some(Called { is_shared: true, .. })) => Err(end.expected("the id of one entity alone")),
            (None, Some(called)) => Ok(called.place),
            (None, None) => {
                Err(end.expected(&format!("the place of one of {} entities or an id", self.n_entities)))
            }
        }
    }
}

/// Reads the relations; what is wrong with one goes to the document's losses.
///
/// # Errors
/// Where they are no list.
pub fn read<'v>(
    relations: &Field<'_, 'v>,
    ends: &Ends,
    strays: &mut Strays<'v>,
    document: &mut Document,
) -> Result<Vec<Fact>, Fault> {
    let mut facts = Vec::with_capacity(relations.items()?.len());
    for relation in relations.items()? {
        match fact(&relation, ends, strays, document) {
            Ok(fact) => facts.push(fact),
            Err(fault) => document.lose(Part::Relation, fault),
        }
    }
    Ok(facts)
}

fn fact<'v>(
    relation: &Field<'_, 'v>,
    ends: &Ends,
    strays: &mut Strays<'v>,
    document: &mut Document,
) -> Result<Fact, Fault> {
    strays.check(relation, "relations[].", &[], &["head", "tail", "type", "evidence", "attributes"])?;
    let (head, tail) = (ends.find(&relation.key("head")?)?, ends.find(&relation.key("tail")?)?);
    let kind = relation.key("type")?.text()?.into();
    let attributes = attributes::read(relation, document)?;
    Ok(Fact { head, tail, relation: kind, evidence: evidence(relation, document)?, attributes })
}

fn evidence(relation: &Field, document: &mut Document) -> Result<Vec<u32>, Fault> {
    let Some(listed) = relation.optional("evidence")? else { return Ok(Vec::new()) };
    let Json::List(_) = listed.value() else {
        document.lose(Part::Evidence, listed.expected("a list"));
        return Ok(Vec::new());
    };
    let mut evidence = Vec::new();
    for sentence in listed.items()? {
        match sentence.number_u32() {
            Ok(sentence) => evidence.push(sentence),
            Err(fault) => document.lose(Part::Evidence, fault),
        }
    }
    evidence.sort_unstable();
    evidence.dedup();
    Ok(evidence)
}
