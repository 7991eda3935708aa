//! DocRED's JSON, also Re-DocRED's, JacRED's and DWIE's, and what is laid out after it: an array of documents, the same
//! objects one a line or one after another, or rows of Parquet; read and written.
//!
//! A document is `{"title", "sents": [[token]], "vertexSet": [[{"name", "type", "sent_id", "pos": [start, end]}]],
//! "labels"?: [{"r", "h", "t", "evidence"?}]}` (Yao et al. 2019). Its title is its identity: predictions name it.
//! Without `labels` a document is unlabelled, which is told. Keys beyond these are left aside, but for `kb_id` in a
//! mention and `attributes` in a label, by which corpora with these survive the way out and back. The other layouts,
//! told by their keys:
//!
//! - Hugging Face's: an object of lists for a list of objects; `head`, `tail`, `relation_id` in a label.
//! - Linked-DocRED's (Genest et al. 2023): `entities` of `{"id", "type", "mentions", "entity_linking"}` and `relations`
//!   that name entities by `id`; an entity's `wikidata_resource` is its identity.
//! - HacRED's (Cheng et al. 2021): `sents_char`, `vertex_char`, `labels_char`, or the same by words where these are
//!   missing; a document's `id` is its name.

mod layout;
mod submit;
mod write;

use table::Text;

use self::layout::{Ends, Layout};
use super::attributes;
use super::json::{Field, Json};
use super::objects;
use crate::cut::CutError;
use crate::document::{Document, Entity, Fact, Mention, NO_RELATIONS, Token, sentence_spans};
use crate::fault::{Fault, Loss, Part, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;

pub use submit::SubmissionWriter;
pub use write::DocRedWriter;

/// Reads DocRED's JSON.
#[derive(Debug, Clone, Copy)]
pub struct DocRed {
    /// Bytes of a record that may be held; of a longer one not much more is.
    pub most_bytes: u64,
}

impl Reader for DocRed {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        objects::records(input, self.most_bytes, "")
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let mut json = Json::parse(&record.bytes).map_err(|fault| Reject { name: None, fault })?;
        let layout = Layout::of(&json.root()).map_err(|fault| Reject { name: None, fault })?;
        let turned = layout.turn(&mut json);
        let root = json.root();
        let name = layout.name(&root).map_err(|fault| Reject { name: None, fault })?;
        let document = turned.and_then(|losses| document(&root, layout, name.clone(), losses));
        document.map_err(|fault| Reject { name: Some(name), fault })
    }
}

fn document(root: &Field, layout: &Layout, name: Text, losses: Vec<Loss>) -> Result<Document, Fault> {
    let mut document = Document { id: name.clone(), title: name, losses, ..Document::default() };
    for sentence in root.key(layout.sentences)?.items()? {
        let tokens = sentence.items()?.map(|token| Ok(Token { text: token.text()?.into(), characters: None }));
        document.sentences.push(tokens.collect::<Result<_, Fault>>()?);
    }
    let places = sentence_spans(&document.sentences);
    let entities = root.key(layout.entities)?;
    for entity in entities.items()? {
        let entity = self::entity(&entity, &places, &mut document);
        document.entities.push(entity);
    }
    let ends = Ends::of(&entities, &mut document)?;
    match root.optional(layout.facts)? {
        Some(labels) => {
            document.facts = Some(Vec::with_capacity(labels.items()?.len()));
            for label in labels.items()? {
                read_fact(&label, &ends, &mut document);
            }
        }
        None => document.remarks.push(layout.unlabelled(root, &document.losses)),
    }
    Ok(document)
}

/// An entity of the mentions that are sound; one that has none left is taken out later, and told then.
fn entity(field: &Field, sentences: &[(u32, u32)], document: &mut Document) -> Entity {
    let mut entity = Entity { kb_id: None, mentions: Vec::new() };
    if let Err(fault) = read_entity(field, sentences, document, &mut entity) {
        document.lose(Part::Mention, fault);
    }
    entity
}

fn read_entity(
    field: &Field,
    sentences: &[(u32, u32)],
    document: &mut Document,
    entity: &mut Entity,
) -> Result<(), Fault> {
    let linked = if matches!(field.value(), Json::Object(_)) { Some(field.key("mentions")?) } else { None };
    let kind = if linked.is_some() { field.optional("type")?.map(|kind| kind.text()).transpose()? } else { None };
    for mention in linked.as_ref().unwrap_or(field).items()? {
        match read_mention(&mention, kind, sentences, entity) {
            Ok(mention) => entity.mentions.push(mention),
            Err(fault) => document.lose(Part::Mention, fault),
        }
    }
    if linked.is_some() {
        entity.kb_id = layout::wikidata(field)?.map(Into::into);
    }
    Ok(())
}

fn read_mention(
    field: &Field,
    kind: Option<&str>,
    sentences: &[(u32, u32)],
    entity: &mut Entity,
) -> Result<Mention, Fault> {
    if let Some(kb_id) = field.optional("kb_id")? {
        entity.kb_id = Some((*kb_id.identifier()?).into());
    }
    let sent_id = field.key("sent_id")?;
    let sentence = sent_id.number_u32()?;
    let Some(&(offset, n_tokens)) = sentences.get(sentence as usize) else {
        return Err(sent_id.fault(format!("expected a sentence below {}, got {sentence}", sentences.len())));
    };
    let pos = field.key("pos")?;
    let (start, end) = pos.bounds()?;
    if start >= end || end > n_tokens {
        return Err(pos.fault(format!(
            "expected a span of at least one token within the {n_tokens} of sentence {sentence}, got [{start}, {end}]"
        )));
    }
    let kind = match field.optional("type")? {
        Some(kind) => kind.text()?,
        None => kind.ok_or_else(|| field.key("type").err().unwrap_or_else(|| field.fault("expected a type")))?,
    };
    let name = field.key("name")?.text()?.into();
    Ok(Mention { name, kind: kind.into(), sentence, start: offset + start, end: offset + end })
}

/// Reads a label into the document, unless something is wrong with it.
fn read_fact(label: &Field, ends: &Ends, document: &mut Document) {
    match fact(label, ends, document) {
        Ok(fact) if fact.is_none() => {
            document.remarks.push(Remark { what: NO_RELATIONS, example: format!("{label}: `{}`", fact.relation) });
        }
        Ok(fact) => document.facts.get_or_insert_default().push(fact),
        Err(fault) => document.lose(Part::Relation, fault),
    }
}

fn fact(label: &Field, ends: &Ends, document: &mut Document) -> Result<Fact, Fault> {
    let head = ends.find(&either(label, &["h", "head"])?)?;
    let tail = ends.find(&either(label, &["t", "tail"])?)?;
    let relation = either(label, &["r", "relation_id", "relation_text"])?.text()?.into();
    let (evidence, attributes) = (evidence(label, document), attributes::read(label, document)?);
    Ok(Fact { head, tail, relation, evidence, attributes })
}

/// The member of the first of some names that there is; where there is none, the first is missing.
fn either<'s, 'v>(label: &'s Field<'_, 'v>, names: &[&'static str]) -> Result<Field<'s, 'v>, Fault> {
    for name in names {
        if let Some(found) = label.optional(name)? {
            return Ok(found);
        }
    }
    label.key(names.first().copied().unwrap_or_default())
}

/// The sentences that a label names and there are; what else it has for them is lost.
fn evidence(label: &Field, document: &mut Document) -> Vec<u32> {
    let n_sentences = document.sentences.len();
    let mut found = Vec::new();
    let listed = label.optional("evidence").and_then(|list| {
        let Some(list) = list else { return Ok(()) };
        for sentence in list.items()? {
            match sentence.number_u32() {
                Ok(number) if (number as usize) < n_sentences => found.push(number),
                Ok(number) => document.lose(
                    Part::Evidence,
                    sentence.fault(format!("{number} is out of range, the document has {n_sentences} sentences")),
                ),
                Err(fault) => document.lose(Part::Evidence, fault),
            }
        }
        Ok(())
    });
    if let Err(fault) = listed {
        document.lose(Part::Evidence, fault);
    }
    found
}
