//! Documents in JSON lines, with their text.

use std::io::{self, Write};

use ground::by_digits;
use serde_json::{Value, json};

use crate::document::{Entity, Mention};
use crate::formats::attributes;
use crate::writer::{Claim, Writer, Written};

/// Writes a document a line. Where its tokens have no places in a source's text they are parted by blanks. Which
/// pairs are candidates is not written.
#[derive(Debug, Clone, Copy)]
pub struct JsonLinesWriter;

impl Writer for JsonLinesWriter {
    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *output, &json(written))?;
        output.write_all(b"\n")
    }
}

fn json(written: &Written<'_>) -> Value {
    let document = written.document;
    let mut json = json!({ "id": &*document.id });
    if !document.title.is_empty() {
        json["title"] = Value::from(&*document.title);
    }
    json["text"] = Value::from(written.exact_by_lines());
    json["sentences"] = sentences(written);
    json["entities"] = document.entities.iter().map(|entity| entity_json(written, entity)).collect();
    if !document.loose_mentions.is_empty() {
        json["mentions"] = document.loose_mentions.iter().filter_map(|mention| loose_json(written, mention)).collect();
    }
    if let Some(claims) = &written.claims {
        json["relations"] = claims.iter().map(relation_json).collect();
    }
    json
}

/// The characters of each sentence, without which reading could cut others than evidence means. One without tokens is
/// empty, so that those after it keep their numbers.
fn sentences(written: &Written<'_>) -> Value {
    let mut past = 0;
    let bounds = (0..ground::whole(written.document.sentences.len())).map(|sentence| {
        let (start, end) = written.sentence(sentence).unwrap_or((past, past));
        past = end;
        json!([start, end])
    });
    bounds.collect()
}

fn loose_json(written: &Written<'_>, mention: &Mention) -> Option<Value> {
    let (start, end) = written.span(mention)?;
    Some(json!({ "type": &*mention.kind, "start": start, "end": end }))
}

fn entity_json(written: &Written<'_>, entity: &Entity) -> Value {
    let kind = entity.kind();
    let mention = |mention: &Mention| {
        let (start, end) = written.span(mention)?;
        let mut json = json!({ "start": start, "end": end });
        if mention.kind != kind {
            json["type"] = Value::from(&*mention.kind);
        }
        Some(json)
    };
    let mentions: Vec<Value> = entity.mentions.iter().filter_map(mention).collect();
    let mut json = json!({ "type": &*kind, "mentions": mentions });
    if let Some(kb_id) = &entity.kb_id {
        json["kb_id"] = Value::from(&**kb_id);
    }
    json
}

/// A relation; how sure a prediction is stands among its attributes.
fn relation_json(claim: &Claim) -> Value {
    let mut json = json!({ "head": claim.head, "tail": claim.tail, "type": &*claim.relation });
    if !claim.evidence.is_empty() {
        json["evidence"] = Value::from(claim.evidence.clone());
    }
    let mut attributes = attributes::written(claim);
    if let Some(probability) = claim.probability {
        // One that somebody has called so stays beside it.
        attributes::put(&mut attributes, "probability", Value::from(by_digits(probability)));
    }
    if !attributes.is_empty() {
        json["attributes"] = Value::Object(attributes);
    }
    json
}
