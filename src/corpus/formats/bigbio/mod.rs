//! `bigbio_kb`, the schema in which Hugging Face's collection of biomedical corpora has them: an array of documents, one
//! a line, or rows of Parquet.
//!
//! A document is `{"document_id", "passages": [{"type", "text": [text], "offsets": [[start, end]]}], "entities": [{"id",
//! "type", "text", "offsets", "normalized": [{"db_name", "db_id"}]}], "coreferences": [{"entity_ids"}], "relations":
//! [{"type", "arg1_id", "arg2_id"}], "events"}` (Fries et al. 2022). What it calls entities are mentions: those with one
//! id in a database are one entity, and so are those of one coreference. Several ids in one database are several
//! entities, ids in several databases are names of one. Where a document has ids at all, a mention without one that
//! nothing refers to has no identity; else it is an entity by itself. Events are left aside, and told.

mod merge;
mod passages;

use std::collections::{BTreeMap, BTreeSet};

use table::Text;

use self::merge::{Merged, Named, Raw};
use self::passages::Passages;
use super::json::{Field, Json};
use super::objects;
use super::spans::{Likeness, Source, likeness};
use crate::cut::CutError;
use crate::document::{Document, Entity, Fact, Mention};
use crate::fault::{Fault, Loss, Part, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::{Segmented, segment};

/// Lists that Hugging Face's libraries may have laid out as objects of lists, without which there is no document.
const LISTS: [&str; 3] = ["passages", "entities", "coreferences"];

/// Reads `bigbio_kb`.
#[derive(Debug, Clone, Copy)]
pub struct BigBio {
    /// Bytes of a record that may be held; of a longer one not much more is.
    pub most_bytes: u64,
}

impl Reader for BigBio {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        objects::records(input, self.most_bytes, "")
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let mut json = Json::parse(&record.bytes).map_err(|fault| Reject { name: None, fault })?;
        let mut losses = Vec::new();
        let turned = turn(&mut json, &mut losses);
        let root = json.root();
        let name = name(&root).map_err(|fault| Reject { name: None, fault })?;
        let document = turned.and_then(|()| document(&root, name.clone(), losses));
        document.map_err(|fault| Reject { name: Some(name), fault })
    }
}

fn turn(root: &mut Json, losses: &mut Vec<Loss>) -> Result<(), Fault> {
    for relations in root.members_mut("relations") {
        losses.extend(relations.turn_or_lose(Part::Relation, "relations", Json::Null));
    }
    for name in LISTS {
        for list in root.members_mut(name) {
            list.turn().map_err(|reason| Fault::new(name, reason))?;
            for item in list.items_mut() {
                let inner = item.members_mut("normalized").try_for_each(Json::turn);
                inner.map_err(|reason| Fault::new(format!("{name}.normalized"), reason))?;
            }
        }
    }
    Ok(())
}

fn name(root: &Field) -> Result<Text, Fault> {
    let id = match root.optional("document_id")? {
        Some(id) => id.identifier()?,
        None => root.key("id")?.identifier()?,
    };
    Ok((*id).into())
}

fn document(root: &Field, name: Text, losses: Vec<Loss>) -> Result<Document, Fault> {
    let mut document = Document { id: name, losses, ..Document::default() };
    let (passages, entities) = (root.key("passages")?, root.key("entities")?);
    let passages = Passages::read(&passages, &expected(&entities)?)?;
    document.title = passages.title.as_str().into();
    let source = Source::new(&passages.text);
    let (mut raw, referred) = (Vec::new(), referred(root)?);
    for entity in entities.items()? {
        match read_mention(&entity, &source, &mut document) {
            Ok(mention) => raw.push(mention),
            Err(fault) => document.lose(Part::Mention, fault),
        }
    }
    let spans: Vec<(u32, u32)> = raw.iter().map(|mention| mention.span).collect();
    let segmented = segment(&passages.text, &passages.starts, &spans);
    let segmented = segmented.map_err(|unfit| Fault::new("passages", unfit.reason))?;
    let named = Named::of(&raw);
    let coreferences = coreferences(root, &named, &mut document)?;
    let merged = Merged::of(&raw, named, &coreferences, &referred);
    put_entities(&raw, &merged, &source, &segmented, &mut document);
    (document.sentences, document.uneven) = (segmented.sentences, segmented.uneven);
    if let Some(relations) = root.optional("relations")? {
        document.facts = Some(facts(&relations, &merged, &mut document)?);
    }
    if let Some(events) = root.optional("events")?.filter(|events| *events.value() != Json::List(Vec::new())) {
        let example = events.items().map_or_else(|fault| fault.to_string(), |items| format!("{} events", items.len()));
        document.remarks.push(Remark { what: "documents with events, which are left aside", example });
    }
    Ok(document)
}

/// A span, and what it is said to cover.
type Covered<'v> = ((u32, u32), &'v str);

/// The spans of all mentions that can be read.
fn expected<'v>(entities: &Field<'_, 'v>) -> Result<Vec<Covered<'v>>, Fault> {
    let mut found = Vec::new();
    for entity in entities.items()? {
        let Ok(offsets) = entity.key("offsets").and_then(|offsets| spans(&offsets)) else { continue };
        let Ok(Some(texts)) = entity.optional("text") else { continue };
        let Ok(texts) = passages::texts(&texts) else { continue };
        found.extend(offsets.into_iter().zip(texts));
    }
    Ok(found)
}

/// A list of `[start, end]`.
fn spans(offsets: &Field) -> Result<Vec<(u32, u32)>, Fault> {
    let mut found = Vec::new();
    for pair in offsets.items()? {
        let bounds: Vec<u32> = pair.items()?.map(|bound| bound.number_u32()).collect::<Result<_, _>>()?;
        let [start, end] = bounds[..] else {
            return Err(pair.fault(format!("expected [start, end], got {} numbers", bounds.len())));
        };
        found.push((start, end));
    }
    if found.is_empty() { Err(offsets.fault("expected at least one [start, end], got none")) } else { Ok(found) }
}

fn read_mention<'v>(entity: &Field<'_, 'v>, source: &Source, document: &mut Document) -> Result<Raw<'v>, Fault> {
    let id = entity.key("id")?.identifier()?;
    let offsets = entity.key("offsets")?;
    let parts = spans(&offsets)?;
    let texts = entity.optional("text")?.map(|texts| passages::texts(&texts)).transpose()?.unwrap_or_default();
    for (&part, given) in parts.iter().zip(texts) {
        let covered = source.covered(part).map_err(|reason| offsets.fault(reason))?;
        match likeness(given, covered) {
            Likeness::Same => {}
            Likeness::Alike => {
                let what = "mentions whose text is not the span's by white space or case: the span's is taken";
                document.remarks.push(Remark { what, example: format!("{offsets}: `{given}`") });
            }
            Likeness::Other => {
                let quoted = ground::excerpt::quoted;
                let reason = format!("expected the text of the span, {}, got {}", quoted(covered), quoted(given));
                return Err(offsets.fault(reason));
            }
        }
    }
    if parts.len() > 1 {
        let what = "mentions in several parts, taken as the span from the first to the last";
        document.remarks.push(Remark { what, example: offsets.to_string() });
    }
    let start = parts.iter().map(|part| part.0).min().unwrap_or_default();
    let span = (start, parts.iter().map(|part| part.1).max().unwrap_or_default());
    source.covered(span).map_err(|reason| offsets.fault(reason))?;
    Ok(Raw { id, kind: entity.key("type")?.text()?, span, identities: identities(entity)? })
}

/// The ids of a mention: all of the first database's, as `DATABASE:ID`.
fn identities(entity: &Field) -> Result<Vec<String>, Fault> {
    let Some(normalized) = entity.optional("normalized")? else { return Ok(Vec::new()) };
    let (mut found, mut first): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut seen = BTreeSet::new();
    for link in normalized.items()? {
        let Some(id) = link.optional("db_id")? else { continue };
        let id = id.identifier()?;
        let database = link.optional("db_name")?.map_or(Ok(""), |name| name.text())?.trim();
        if matches!(id.trim(), "" | "-" | "-1") || first.as_deref().is_some_and(|first| first != database) {
            continue;
        }
        first.get_or_insert_with(|| database.to_owned());
        let identity = if database.is_empty() || id.contains(':') {
            id.trim().to_owned()
        } else {
            format!("{}:{}", database.replace(char::is_whitespace, "_"), id.trim())
        };
        if seen.insert(identity.clone()) {
            found.push(identity);
        }
    }
    Ok(found)
}

/// The ids of mentions that relations and coreferences name.
fn referred<'v>(root: &Field<'_, 'v>) -> Result<BTreeSet<std::borrow::Cow<'v, str>>, Fault> {
    let mut referred = BTreeSet::new();
    let Some(relations) = root.optional("relations")? else { return Ok(referred) };
    for relation in relations.items()? {
        for end in ["arg1_id", "arg2_id"] {
            referred.extend(relation.key(end).and_then(|end| end.identifier()).ok());
        }
    }
    Ok(referred)
}

/// Which mentions are of one thing, by their places. An id that names none, or several, is lost alone.
fn coreferences(root: &Field, named: &Named, document: &mut Document) -> Result<Vec<Vec<usize>>, Fault> {
    let Some(listed) = root.optional("coreferences")? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for coreference in listed.items()? {
        let places = || -> Result<Vec<Result<usize, Fault>>, Fault> {
            let place =
                |id: Field| Ok(named.only(&id.identifier()?).ok_or_else(|| id.expected("the id of one mention")));
            coreference.key("entity_ids")?.items()?.map(place).collect()
        };
        match places() {
            Ok(places) => {
                let mut of_one = Vec::new();
                for place in places {
                    match place {
                        Ok(place) => of_one.push(place),
                        Err(fault) => document.lose(Part::Relation, fault),
                    }
                }
                found.push(of_one);
            }
            Err(fault) => {
                let what = "coreferences that cannot be read, left out";
                document.remarks.push(Remark { what, example: fault.to_string() });
            }
        }
    }
    Ok(found)
}

fn put_entities(raw: &[Raw], merged: &Merged, source: &Source, segmented: &Segmented, document: &mut Document) {
    document.entities = merged
        .identities
        .iter()
        .map(|kb_id| Entity { kb_id: kb_id.as_deref().map(Into::into), mentions: Vec::new() })
        .collect();
    for (mention, of) in raw.iter().zip(&merged.of) {
        let Some(place) = segmented.locate(mention.span) else { continue };
        let name = source.covered(mention.span).unwrap_or_default().trim().into();
        let kind = mention.kind.into();
        let mention = Mention { name, kind, sentence: place.sentence, start: place.start, end: place.end };
        for entity in of {
            if let Some(entity) = document.entities.get_mut(*entity as usize) {
                entity.mentions.push(mention.clone());
            }
        }
        if of.is_empty() {
            document.loose_mentions.push(mention);
        }
    }
}

/// The facts. A mention of several entities speaks for all of them, unless another relation of the kind says of which.
fn facts(relations: &Field, merged: &Merged, document: &mut Document) -> Result<Vec<Fact>, Fault> {
    let (mut facts, mut several, mut counts) = (Vec::new(), Vec::new(), BTreeMap::<Text, u64>::new());
    for relation in relations.items()? {
        let read = || -> Result<_, Fault> {
            let end = |name| {
                let end = relation.key(name)?;
                merged.find(&end.identifier()?).ok_or_else(|| end.expected("the id of one entity that was read"))
            };
            Ok((end("arg1_id")?, end("arg2_id")?, Text::from(relation.key("type")?.text()?)))
        };
        match read() {
            Ok(([head], [tail], kind)) => {
                *counts.entry(kind.clone()).or_default() += 1;
                facts.push(Fact { head: *head, tail: *tail, relation: kind, ..Fact::default() });
            }
            Ok(found) => several.push((relation.to_string(), found)),
            Err(fault) => document.lose(Part::Relation, fault),
        }
    }
    let known: BTreeSet<(u32, u32, Text)> =
        facts.iter().map(|fact: &Fact| (fact.head, fact.tail, fact.relation.clone())).collect();
    // What is said again is not spelt out again: a mention can be of thousands of entities.
    let mut spelt = BTreeSet::new();
    for (place, (heads, tails, kind)) in several {
        let all = || heads.iter().flat_map(|head| tails.iter().map(move |tail| (*head, *tail)));
        let pairs = || all().filter(|(head, tail)| head != tail);
        if pairs().next().is_none() {
            document.lose(Part::Relation, Fault::new(place, "expected two entities, got one and the same"));
            continue;
        }
        *counts.entry(kind.clone()).or_default() += 1;
        if pairs().any(|(head, tail)| known.contains(&(head, tail, kind.clone()))) {
            continue;
        }
        let what = "relations of mentions of several entities, taken to hold for each";
        document.remarks.push(Remark { what, example: place });
        if spelt.insert((heads, tails, kind.clone())) {
            facts.extend(pairs().map(|(head, tail)| Fact { head, tail, relation: kind.clone(), ..Fact::default() }));
        }
    }
    document.n_relations = Some(counts);
    Ok(facts)
}
