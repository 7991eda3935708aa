//! Documents in DocRED's JSON.

use std::io::{self, Write};

use ground::by_digits;
use ground::excerpt::quoted;
use serde_json::{Value, json};

use crate::document::{Entity, Mention};
use crate::fault::Remark;
use crate::formats::attributes;
use crate::writer::{Claim, Frame, Writer, Written};

/// Writes an array in DocRED's JSON, one document a line.
///
/// A document's name becomes its title, since that is what predictions name. What DocRED's JSON has no place for is not
/// written: mentions without identity and titles that do not begin the text, which is told, character offsets, and which pairs are candidates. A label has
/// docre's key `attributes`, an object, where there are any.
#[derive(Debug, Clone, Copy)]
pub struct DocRedWriter;

impl Writer for DocRedWriter {
    fn frame(&self) -> Frame {
        Frame { opening: "[\n", between: ",\n", closing: "\n]\n", empty: "[]\n" }
    }

    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(output, &json(written)).map_err(io::Error::from)
    }

    fn remarks(&self, written: &Written<'_>) -> Vec<Remark> {
        let what = "mentions without identity, for which DocRED's JSON has no place, not written";
        let remark = |mention: &Mention| Remark { what, example: quoted(&mention.name) };
        let untitled = "titles with which no text begins, for which DocRED's JSON has no place, not written";
        written.document.loose_mentions.iter().map(remark).chain(written.untitled(untitled)).collect()
    }
}

fn json(written: &Written<'_>) -> Value {
    let document = written.document;
    let sentences: Vec<Vec<&str>> =
        document.sentences.iter().map(|tokens| tokens.iter().map(|token| &*token.text).collect()).collect();
    let entities: Vec<Vec<Value>> = document
        .entities
        .iter()
        .map(|entity| entity.mentions.iter().map(|mention| mention_json(written, entity, mention)).collect())
        .collect();
    let mut json = json!({ "title": &*document.id, "sents": sentences, "vertexSet": entities });
    if let Some(claims) = &written.claims {
        json["labels"] = claims.iter().map(label_json).collect();
    }
    json
}

fn label_json(claim: &Claim) -> Value {
    let mut json = json!({ "h": claim.head, "t": claim.tail, "r": &*claim.relation, "evidence": claim.evidence });
    let attributes = attributes::written(claim);
    if !attributes.is_empty() {
        json["attributes"] = Value::Object(attributes);
    }
    if let Some(probability) = claim.probability {
        json["score"] = Value::from(by_digits(probability));
    }
    json
}

fn mention_json(written: &Written<'_>, entity: &Entity, mention: &Mention) -> Value {
    let (start, end) = written.tokens_in_sentence(mention);
    let mut json = json!({
        "name": &*mention.name,
        "type": &*mention.kind,
        "sent_id": mention.sentence,
        "pos": [start, end],
    });
    if let Some(kb_id) = &entity.kb_id {
        json["kb_id"] = Value::from(&**kb_id);
    }
    json
}
