//! doccano's JSON lines for relation extraction, read and written: a text, its entities and relations by ids.
//!
//! ```json
//! {"id": 7, "text": "Alphazine eased cough.",
//!  "entities": [{"id": 1, "label": "Drug", "start_offset": 0, "end_offset": 9},
//!               {"id": 2, "label": "Disease", "start_offset": 16, "end_offset": 21}],
//!  "relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "treats"}]}
//! ```
//!
//! (in one line; an array of them is read too.) In place of `entities` there may be `label` or `labels`, a list of
//! `[start, end, label]`, as projects without relations have it. Offsets count Unicode scalar values. doccano calls
//! entities what are mentions: see [`super::marked`]. Without `relations` a document is unlabelled; one without `id` is
//! called as its number in the file. Further keys are left aside, and told, but for those of our own by which what we write
//! survives the way out and back: `title`, also in `meta`, `kb_id` of an entity, `attributes` and `probability` of a
//! relation.

use std::borrow::Cow;
use std::io::{self, Write};

use ground::by_digits;
use serde_json::{Value, json};

use super::dialect::Dialect;
use super::json::{self, Field, Json};
use super::marked::{Arrow, Marked, Marking, attributes, parse};
use super::objects;
use super::strays::Strays;
use super::tied::{self, COREFERENCE, Tied, arrows, ties};
use crate::cut::CutError;
use crate::document::Document;
use crate::fault::{Fault, Part, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;
use crate::writer::{Claim, Writer, Written};

const TITLE: &str = "title";
const LABELS_OF_TEXTS: &str = "labels of whole texts: left aside";
/// The keys of a document that are read.
const KEYS: [&str; 10] =
    ["id", "text", "data", "entities", "label", "labels", "annotations", "relations", TITLE, "meta"];

/// Reads doccano's exports.
#[derive(Debug, Clone, Default)]
pub struct Doccano {
    /// Which relations stand for coreference.
    pub dialect: Dialect,
}

impl Reader for Doccano {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        objects::records(input, self.dialect.most_bytes, "")
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        parse(record, name, |root, name| document(root, name, &self.dialect))
    }
}

fn name<'v>(root: &Field<'_, 'v>) -> Result<Option<Cow<'v, str>>, Fault> {
    root.optional("id")?.map(|id| id.identifier()).transpose()
}

fn document(root: &Field, name: &str, dialect: &Dialect) -> Result<Document, Fault> {
    // The name of the text within doccano, which some exports have.
    let text = match root.optional("data")? {
        Some(text) if root.optional("text")?.is_none() => text.text()?,
        _ => root.key("text")?.text()?,
    };
    let mut marked = Marked::default();
    marked.title = title(root, &mut marked.remarks)?;
    // doccano writes some of its own with nothing in them.
    let says_something =
        |value: &Json| !matches!(value.scalar().as_deref(), Some("")) && *value != Json::List(Vec::new());
    let mut strays = Strays::default();
    for (key, meant) in root.strays(&[], &KEYS)? {
        if root.optional(key)?.is_some_and(|member| says_something(member.value())) {
            strays.note("", (key, meant));
        }
    }
    marked.remarks.extend(strays.remark());
    for key in ["entities", "label", "labels", "annotations"] {
        let Some(list) = root.optional(key)? else { continue };
        for entity in list.items()? {
            match mention(&entity) {
                Ok(Some(mention)) => marked.mentions.push(mention),
                Ok(None) => marked.remark(LABELS_OF_TEXTS, entity.to_string()),
                Err(fault) => marked.lose(Part::Mention, fault),
            }
        }
    }
    if let Some(list) = root.optional("relations")? {
        marked.labelled = true;
        for relation in list.items()? {
            match arrow(&relation) {
                Ok(arrow) => marked.arrows.push(arrow),
                Err(fault) => marked.lose(Part::Relation, fault),
            }
        }
    }
    marked.document(name, text, dialect.coreference.as_deref())
}

/// The title, which doccano keeps among what it knows of a text beside it, and some versions give back there.
fn title<'v>(root: &Field<'_, 'v>, remarks: &mut Vec<Remark>) -> Result<&'v str, Fault> {
    let own = json::title(root, remarks)?;
    let meta = root.optional("meta")?.filter(|meta| matches!(meta.value(), Json::Object(_)));
    match meta {
        Some(meta) if own.is_empty() => json::title(&meta, remarks),
        _ => Ok(own),
    }
}

/// A mention; `None` for the label of a whole text, which has no place.
fn mention<'v>(field: &Field<'_, 'v>) -> Result<Option<Marking<'v>>, Fault> {
    let place = field.to_string();
    match field.value() {
        Json::Text(_) => Ok(None),
        Json::List(_) => {
            let parts: Vec<Field> = field.items()?.collect();
            let [start, end, kind] = parts.as_slice() else { return Err(field.expected("`[start, end, label]`")) };
            let span = (start.number_u32()?, end.number_u32()?);
            Ok(Some(Marking { kind: kind.identifier()?, span, place, ..Marking::default() }))
        }
        _ => {
            let kb_ids = field.optional("kb_id")?.map(|kb_id| kb_id.identifier()).transpose()?;
            Ok(Some(Marking {
                id: field.optional("id")?.map(|found| found.identifier()).transpose()?.unwrap_or_default(),
                kind: field.key("label")?.identifier()?,
                span: (field.key("start_offset")?.number_u32()?, field.key("end_offset")?.number_u32()?),
                name: None,
                kb_ids: kb_ids.into_iter().collect(),
                place,
            }))
        }
    }
}

fn arrow<'v>(field: &Field<'_, 'v>) -> Result<Arrow<'v>, Fault> {
    Ok(Arrow {
        ends: [field.key("from_id")?.identifier()?, field.key("to_id")?.identifier()?],
        relation: field.key("type")?.identifier()?,
        attributes: attributes(field)?,
        place: field.to_string(),
    })
}

/// Writes doccano's JSON lines. The mentions of an entity are tied by the relation `coreference`, a relation stands
/// between those mentions of its entities that are closest. What doccano has no place for is not written: evidence, and
/// that a text without relations is unlabelled once it has several mentions of an entity. Entities of one identity and type
/// come back as one, a mention without identity as an entity, which is told.
#[derive(Debug, Clone, Copy)]
pub struct DoccanoWriter;

impl Writer for DoccanoWriter {
    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *output, &task(written))?;
        output.write_all(b"\n")
    }

    fn remarks(&self, written: &Written<'_>) -> Vec<Remark> {
        tied::remarks(written)
    }
}

fn task(written: &Written) -> Value {
    let mentions = Tied::of(written);
    let entity = |(number, tied): (usize, &Tied)| {
        let (kind, span) = (&*tied.mention.kind, &tied.span);
        let mut entity = json!({"id": number, "label": kind, "start_offset": span.start, "end_offset": span.end});
        if let Some(kb_id) = tied.kb_id {
            entity["kb_id"] = kb_id.into();
        }
        entity
    };
    let entities: Vec<Value> = (1..).zip(&mentions).map(entity).collect();
    let mut relations: Vec<Value> = Vec::new();
    let mut relate = |from: usize, to: usize, name: &str, claim: Option<&Claim>| {
        let mut relation = json!({"id": relations.len() + 1, "from_id": from + 1, "to_id": to + 1, "type": name});
        if let Some(claim) = claim.filter(|claim| !claim.attributes.is_empty()) {
            relation["attributes"] = claim.attributes.iter().map(|attribute| &**attribute).collect();
        }
        if let Some(probability) = claim.and_then(|claim| claim.probability) {
            relation["probability"] = by_digits(probability).into();
        }
        relations.push(relation);
    };
    for (from, to) in ties(&mentions) {
        relate(from, to, COREFERENCE, None);
    }
    for (claim, from, to) in arrows(written, &mentions) {
        relate(from, to, &claim.relation, Some(claim));
    }
    let document = written.document;
    let mut task = json!({"id": &*document.id, "text": written.text_by_lines(), "entities": entities});
    if !document.title.is_empty() {
        task[TITLE] = (&*document.title).into();
    }
    if written.claims.is_some() || !relations.is_empty() {
        task["relations"] = relations.into();
    }
    task
}
