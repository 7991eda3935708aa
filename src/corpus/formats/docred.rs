//! DocRED's JSON, also Re-DocRED's: an array of documents, or the same objects one a line; read and written.
//!
//! A document is `{"title", "sents": [[token]], "vertexSet": [[{"name", "type", "sent_id", "pos": [start, end]}]],
//! "labels"?: [{"r", "h", "t", "evidence"?}]}` (Yao et al. 2019). Its title is its identity: predictions name it.
//! Without `labels` a document is unlabelled. Keys beyond these are left aside, but for `kb_id` in a mention, by which
//! corpora with identifiers survive the way out and back.

use std::io::{self, BufRead, Write};
use std::mem;

use serde_json::{Value, json};

use table::Text;

use super::json::{Field, Json};
use super::lines::{self, Lines};
use crate::document::offset_of;
use crate::document::{Document, Entity, Fact, Mention, Token};
use crate::fault::Fault;
use crate::reader::{CutError, Reader, Record, Records, Reject};
use crate::source::Input;
use crate::writer::{Claim, Frame, Writer, Written};

/// A record longer than this is damage: a quote or bracket that never closes.
const LONGEST_RECORD: usize = 256 << 20;

/// Reads DocRED's JSON.
#[derive(Debug, Default)]
pub struct DocRed;

impl Reader for DocRed {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        let mut input = input.stream()?;
        if input.fill_buf()?.starts_with(lines::BYTE_ORDER_MARK) {
            input.consume(lines::BYTE_ORDER_MARK.len());
        }
        skip_blanks(&mut input)?;
        match input.fill_buf()?.first() {
            None => Err(CutError::Format("the file is empty".to_owned())),
            Some(b'[') => {
                input.consume(1);
                Ok(Box::new(Elements { input, number: 0, place: InArray::First }))
            }
            Some(b'{') => lines::records(Lines::new(input), |_| Ok(())),
            Some(&byte) => Err(CutError::Format(format!(
                "expected a JSON array (`[`) or one JSON object a line (`{{`), found {:?}",
                char::from(byte)
            ))),
        }
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let json = Json::parse(&record.bytes).map_err(|fault| Reject { name: None, fault })?;
        let root = json.root();
        let title = match root.key("title").and_then(|title| title.text()) {
            Ok(title) => Text::from(title),
            Err(fault) => return Err(Reject { name: None, fault }),
        };
        document(&root, title.clone()).map_err(|fault| Reject { name: Some(title), fault })
    }
}

fn document(root: &Field, title: Text) -> Result<Document, Fault> {
    let mut sentences: Vec<Vec<Token>> = Vec::new();
    for sentence in root.key("sents")?.items()? {
        let tokens = sentence.items()?.map(|token| Ok(Token { text: token.text()?.into(), characters: None }));
        sentences.push(tokens.collect::<Result<_, Fault>>()?);
    }
    let mut entities = Vec::new();
    for entity in root.key("vertexSet")?.items()? {
        entities.push(self::entity(&entity, &sentences)?);
    }
    let facts = match root.optional("labels")? {
        Some(labels) => {
            let facts = labels.items()?.map(|label| fact(&label, entities.len(), sentences.len()));
            Some(facts.collect::<Result<_, _>>()?)
        }
        None => None,
    };
    Ok(Document { id: title.clone(), title, sentences, entities, facts, ..Document::default() })
}

fn entity(field: &Field, sentences: &[Vec<Token>]) -> Result<Entity, Fault> {
    let mut entity = Entity { kb_id: None, mentions: Vec::new() };
    for mention in field.items()? {
        if let Some(kb_id) = mention.optional("kb_id")? {
            entity.kb_id = Some(kb_id.text()?.into());
        }
        entity.mentions.push(self::mention(&mention, sentences)?);
    }
    if entity.mentions.is_empty() {
        return Err(field.fault("expected at least one mention, got none"));
    }
    Ok(entity)
}

fn mention(field: &Field, sentences: &[Vec<Token>]) -> Result<Mention, Fault> {
    let sent_id = field.key("sent_id")?;
    let sentence = sent_id.number_u32()?;
    let Some(tokens) = sentences.get(sentence as usize) else {
        return Err(sent_id.fault(format!("expected a sentence below {}, got {sentence}", sentences.len())));
    };
    let pos = field.key("pos")?;
    let bounds: Vec<u32> = pos.items()?.map(|bound| bound.number_u32()).collect::<Result<_, _>>()?;
    let [start, end] = bounds[..] else {
        return Err(pos.fault(format!("expected [start, end], got {} numbers", bounds.len())));
    };
    if start >= end || end as usize > tokens.len() {
        return Err(pos.fault(format!(
            "expected a span of at least one token within the {} of sentence {sentence}, got [{start}, {end}]",
            tokens.len()
        )));
    }
    let offset = offset_of(sentences, sentence);
    Ok(Mention {
        name: field.key("name")?.text()?.into(),
        kind: field.key("type")?.text()?.into(),
        sentence,
        start: offset + start,
        end: offset + end,
    })
}

fn fact(field: &Field, n_entities: usize, n_sentences: usize) -> Result<Fact, Fault> {
    let end = |name: &'static str| {
        let end = field.key(name)?;
        let number = end.number_u32()?;
        if number as usize >= n_entities {
            return Err(end.fault(format!("{number} is out of range, the document has {n_entities} entities")));
        }
        Ok(number)
    };
    let mut evidence = Vec::new();
    if let Some(list) = field.optional("evidence")? {
        for sentence in list.items()? {
            let number = sentence.number_u32()?;
            if number as usize >= n_sentences {
                return Err(
                    sentence.fault(format!("{number} is out of range, the document has {n_sentences} sentences"))
                );
            }
            evidence.push(number);
        }
    }
    Ok(Fact { head: end("h")?, tail: end("t")?, relation: field.key("r")?.text()?.into(), evidence, ..Fact::default() })
}

/// The elements of a JSON array, cut by bracket depth without parsing them.
struct Elements<R> {
    input: R,
    number: u64,
    place: InArray,
}

/// Where the next element is to be looked for.
enum InArray {
    /// Behind the opening bracket: there may be none.
    First,
    /// Behind a comma.
    Next,
    /// Behind the closing bracket.
    Closed,
    /// Nowhere.
    Done,
}

/// Where a scan stands in an element.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// How many of `bytes` belong to the element, and whether it ends there. Brackets are counted, not matched: an
    /// element that is not JSON is cut all the same, and refused when it is parsed.
    fn advance(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut place = 0;
        while let Some(&byte) = bytes.get(place) {
            if self.escaped {
                self.escaped = false;
            } else if self.in_text {
                let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[place..]) else { return (bytes.len(), false) };
                place += next;
                if bytes[place] == b'"' {
                    self.in_text = false;
                } else {
                    self.escaped = true;
                }
            } else {
                match byte {
                    b'"' => self.in_text = true,
                    b'[' | b'{' => self.depth += 1,
                    b',' | b']' | b'}' if self.depth == 0 => return (place, true),
                    b']' | b'}' => self.depth -= 1,
                    _ => {}
                }
            }
            place += 1;
        }
        (bytes.len(), false)
    }
}

impl<R: BufRead> Elements<R> {
    /// The next element, and sets the place for the one after.
    fn element(&mut self) -> Result<Option<Record>, CutError> {
        skip_blanks(&mut self.input)?;
        let place = mem::replace(&mut self.place, InArray::Done);
        let next = self.input.fill_buf()?.first().copied();
        match (place, next) {
            (InArray::Done, _) | (InArray::Closed, None) => return Ok(None),
            (InArray::Closed, Some(_)) => {
                return Err(CutError::Damaged("something follows the end of the array".to_owned()));
            }
            (InArray::First, Some(b']')) => {
                self.input.consume(1);
                self.place = InArray::Closed;
                return self.element();
            }
            (InArray::First | InArray::Next, _) => {}
        }
        self.number += 1;
        let bytes = self.bytes()?;
        self.place = if self.input.fill_buf()?.first() == Some(&b',') { InArray::Next } else { InArray::Closed };
        self.input.consume(1);
        Ok(Some(Record { number: self.number, bytes }))
    }

    /// The bytes of an element, up to the comma or bracket behind it.
    fn bytes(&mut self) -> Result<Vec<u8>, CutError> {
        let (mut bytes, mut scan) = (Vec::new(), Scan::default());
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                let place = if scan.in_text { ", inside a string" } else { "" };
                return Err(CutError::Damaged(format!("the file ends inside the array{place}: it is truncated there")));
            }
            let (taken, complete) = scan.advance(buffer);
            bytes.extend_from_slice(&buffer[..taken]);
            self.input.consume(taken);
            if complete {
                return Ok(bytes);
            }
            if bytes.len() > LONGEST_RECORD {
                let reason = "longer than 256 MiB: a quote or bracket in it never closes";
                return Err(CutError::Damaged(reason.to_owned()));
            }
        }
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.element().transpose()
    }
}

/// Skips JSON's white space.
fn skip_blanks(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let blanks = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blanks == 0 {
            return Ok(());
        }
        input.consume(blanks);
    }
}

/// Writes an array in DocRED's JSON, one document a line.
///
/// A document's name becomes its title, since that is what predictions name. What DocRED's JSON has no place for is not
/// written: mentions without identity, character offsets, attributes, and which pairs are candidates.
#[derive(Debug, Clone, Copy)]
pub struct DocRedWriter;

impl Writer for DocRedWriter {
    fn frame(&self) -> Frame {
        Frame { opening: "[\n", between: ",\n", closing: "\n]\n", empty: "[]\n" }
    }

    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(output, &json(written)).map_err(io::Error::from)
    }
}

fn json(written: &Written<'_>) -> Value {
    let document = written.document;
    let sentences: Vec<Vec<&str>> =
        document.sentences.iter().map(|tokens| tokens.iter().map(|token| &*token.text).collect()).collect();
    let entities: Vec<Vec<Value>> = document
        .entities
        .iter()
        .map(|entity| entity.mentions.iter().map(|mention| mention_json(document, entity, mention)).collect())
        .collect();
    let mut json = json!({ "title": &*document.id, "sents": sentences, "vertexSet": entities });
    if let Some(claims) = &written.claims {
        json["labels"] = claims.iter().map(label_json).collect();
    }
    json
}

fn label_json(claim: &Claim) -> Value {
    let mut json = json!({ "h": claim.head, "t": claim.tail, "r": &*claim.relation, "evidence": claim.evidence });
    if let Some(probability) = claim.probability {
        json["score"] = Value::from(probability);
    }
    json
}

fn mention_json(document: &Document, entity: &Entity, mention: &Mention) -> Value {
    let offset = offset_of(&document.sentences, mention.sentence);
    let mut json = json!({
        "name": &*mention.name,
        "type": &*mention.kind,
        "sent_id": mention.sentence,
        "pos": [mention.start.saturating_sub(offset), mention.end.saturating_sub(offset)],
    });
    if let Some(kb_id) = &entity.kb_id {
        json["kb_id"] = Value::from(&**kb_id);
    }
    json
}
