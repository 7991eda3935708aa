//! Documents → `BioC` JSON, as annotation tools take it and [`super::BioC`] reads it back.
//!
//! A passage ends where a sentence does that reading would not find again. Evidence names the sentences that reading finds
//! where those of the document stand: of one that it parts, each part. Each mention of an entity is an annotation, and
//! `docre:entity` in it the entity's number, by which entities without identifier survive; their ids have the order of an
//! entity's mentions, the first of which is its name. A document without labels has the infon `docre:labelled`. A relation
//! has nodes for its head and tail, and `entity1` and `entity2` where both have identifiers. A predicted one has its
//! probability as `score`. An attribute's second value has the key `docre:2:NAME`, and so on.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};
use std::ops::Range;

use ground::excerpt::quoted;
use serde_json::{Map, Value, json};

use super::super::tied::Tied;
use super::entities::{LABELLED, LOCAL};
use super::relations::{EVIDENCE, ROLES, comes_back, key_of};
use crate::fault::Remark;
use crate::text::segment;
use crate::writer::{Claim, Frame, Writer, Written, own_name};

/// Writes `BioC` JSON, one document a line.
#[derive(Debug, Clone, Copy)]
pub struct BioCJsonWriter;

impl Writer for BioCJsonWriter {
    fn frame(&self) -> Frame {
        Frame {
            opening: "{\"source\":\"docre\",\"date\":\"\",\"key\":\"\",\"infons\":{},\"documents\":[\n",
            between: ",\n",
            closing: "\n]}\n",
            empty: "{\"source\":\"docre\",\"date\":\"\",\"key\":\"\",\"infons\":{},\"documents\":[]}\n",
        }
    }

    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(output, &document(written)).map_err(io::Error::from)
    }

    fn remarks(&self, written: &Written<'_>) -> Vec<Remark> {
        let claims = || written.claims.iter().flatten();
        let is_lost = |claim: &&Claim| claim.evidence.iter().any(|&sentence| written.sentence(sentence).is_none());
        let what = "relations whose evidence is a sentence without words, for which BioC has no place";
        let wordless = claims().filter(is_lost).map(|claim| Remark { what, example: quoted(&claim.relation) });
        let attributes = claims().flat_map(|claim| &claim.attributes);
        let lost = attributes.filter(|attribute| !comes_back(attribute));
        let what = "attributes of relations that are too long, blank or without value, not read back as they are";
        let lost = lost.map(|attribute| Remark { what, example: quoted(attribute) });
        let (id, name) = (&*written.document.id, name_of(&written.document.id));
        let what = "documents whose names begin or end with blanks, written with others";
        let renamed = (name != id).then(|| Remark { what, example: format!("written as `{name}`") });
        renamed.into_iter().chain(lost).chain(wordless).collect()
    }
}

/// Sentences that are one passage, and the characters that they cover.
struct Passage {
    kind: &'static str,
    sentences: (usize, usize),
    span: (u32, u32),
}

fn document(written: &Written<'_>) -> Value {
    let mentions = Tied::of(written);
    let layout = Layout::new(written, &mentions);
    let passages = layout.passages();
    let characters: Vec<char> = written.text.chars().collect();
    let mut by_sentence: Vec<Vec<(usize, &Tied)>> = vec![Vec::new(); written.document.sentences.len()];
    for (id, tied) in mentions.iter().enumerate() {
        if let Some(sentence) = by_sentence.get_mut(tied.mention.sentence as usize) {
            sentence.push((id, tied));
        }
    }
    let passage = |passage: &Passage| {
        let (start, end) = passage.span;
        let text: String = characters.get(start as usize..end as usize).unwrap_or_default().iter().collect();
        let own = by_sentence.get(passage.sentences.0..passage.sentences.1).unwrap_or_default();
        let annotations: Vec<Value> =
            own.iter().flatten().map(|&(id, tied)| annotation(id, tied, &characters)).collect();
        json!({
            "offset": start, "infons": { "type": passage.kind }, "text": text, "sentences": [],
            "annotations": annotations, "relations": [],
        })
    };
    let has_title = passages.first().is_some_and(|passage| passage.kind == "title");
    let mut infons = Map::new();
    if !has_title && !written.document.title.is_empty() {
        infons.insert("title".to_owned(), Value::from(&*written.document.title));
    }
    if written.claims.is_none() {
        infons.insert(LABELLED.to_owned(), Value::from("false"));
    }
    // Sentences are looked for where something is said of them.
    let begins = LazyCell::new(|| layout.begins_in(&passages));
    let evidence = |claim: &Claim| -> BTreeSet<usize> {
        claim.evidence.iter().flat_map(|&sentence| found(written.sentence(sentence), &begins)).collect()
    };
    let relation = |(number, claim)| relation(number, claim, &evidence(claim), written, &mentions);
    let relations: Vec<Value> = written.claims.iter().flatten().enumerate().filter_map(relation).collect();
    json!({
        "id": name_of(&written.document.id), "infons": infons, "passages": passages.iter().map(passage).collect::<Vec<_>>(),
        "annotations": [], "relations": relations,
    })
}

/// A document's name without blanks at its ends, which are no part of one in BioC.
fn name_of(id: &str) -> Cow<'_, str> {
    own_name(id, id.trim().to_owned())
}

/// An annotation; its text is that of the span, which a mention's name need not be.
fn annotation(id: usize, tied: &Tied, characters: &[char]) -> Value {
    let mut infons = Map::new();
    infons.insert("type".to_owned(), Value::from(&*tied.mention.kind));
    if let Some(number) = tied.entity {
        infons.extend(tied.kb_id.map(|id| ("identifier".to_owned(), Value::from(id))));
        infons.insert(LOCAL.to_owned(), Value::from(number.to_string()));
    }
    let Range { start, end } = tied.span;
    let text: String = characters.get(start as usize..end as usize).unwrap_or_default().iter().collect();
    json!({
        "id": id.to_string(), "infons": infons, "text": text,
        "locations": [{ "offset": start, "length": end - start }],
    })
}

/// A relation; `None` where an end has no mention.
fn relation(
    number: usize,
    claim: &Claim,
    evidence: &BTreeSet<usize>,
    written: &Written<'_>,
    mentions: &[Tied],
) -> Option<Value> {
    let node = |entity: u32, role: &str| {
        let id = mentions.partition_point(|tied| tied.entity.is_some_and(|number| number < entity as usize));
        mentions.get(id).filter(|tied| tied.entity == Some(entity as usize))?;
        Some(json!({ "refid": id.to_string(), "role": role }))
    };
    let nodes = [node(claim.head, ROLES[0])?, node(claim.tail, ROLES[1])?];
    let mut infons = Map::new();
    infons.insert("type".to_owned(), Value::from(&*claim.relation));
    let kb_id = |entity: u32| written.document.entities.get(entity as usize)?.kb_id.as_deref();
    if let (Some(head), Some(tail)) = (kb_id(claim.head), kb_id(claim.tail)) {
        infons.insert("entity1".to_owned(), Value::from(head));
        infons.insert("entity2".to_owned(), Value::from(tail));
    }
    let mut counts = HashMap::<&str, u32>::new();
    let probability = claim.probability.map(|probability| probability.to_string());
    let attributes = claim.attributes.iter().filter_map(|attribute| attribute.split_once('='));
    for (name, value) in probability.iter().map(|probability| ("score", &**probability)).chain(attributes) {
        let count = counts.entry(name).or_default();
        *count += 1;
        infons.insert(key_of(name, *count), Value::from(value));
    }
    if !evidence.is_empty() {
        let sentences: Vec<String> = evidence.iter().map(usize::to_string).collect();
        infons.insert(EVIDENCE.to_owned(), Value::from(sentences.join(",")));
    }
    Some(json!({ "id": format!("R{number}"), "infons": infons, "nodes": nodes }))
}

/// The sentences, of those that begin at these characters, in which characters stand.
fn found(span: Option<(u32, u32)>, begins: &[u32]) -> Range<usize> {
    let Some((start, end)) = span else { return 0..0 };
    let first = begins.partition_point(|&begin| begin <= start).saturating_sub(1);
    first..begins.partition_point(|&begin| begin < end)
}

/// How the sentences of a document become passages.
struct Layout<'w, 'd> {
    written: &'w Written<'d>,
    /// The characters of each sentence; none for one without tokens.
    sentences: Vec<Option<(u32, u32)>>,
    /// Those of mentions, in order.
    spans: Vec<(u32, u32)>,
    /// The first byte of each character, and the end.
    bytes: Vec<usize>,
}

impl<'w, 'd> Layout<'w, 'd> {
    fn new(written: &'w Written<'d>, mentions: &[Tied]) -> Self {
        let n_sentences = written.document.sentences.len();
        let sentences = (0..n_sentences).map(|sentence| written.sentence(ground::whole(sentence))).collect();
        let mut spans: Vec<(u32, u32)> = mentions.iter().map(|tied| (tied.span.start, tied.span.end)).collect();
        spans.sort_unstable();
        let text = &written.text;
        let bytes = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
        Self { written, sentences, spans, bytes }
    }

    fn passages(&self) -> Vec<Passage> {
        let after_title = self.title();
        let mut passages: Vec<Passage> = self.passage("title", 0, after_title).into_iter().collect();
        let mut rest = Vec::new();
        self.divide(after_title, self.sentences.len(), &mut rest);
        for (first, past) in rest {
            let kind = if passages.len() == 1 && after_title > 0 { "abstract" } else { "paragraph" };
            passages.extend(self.passage(kind, first, past));
        }
        passages
    }

    fn passage(&self, kind: &'static str, first: usize, past: usize) -> Option<Passage> {
        self.span(first, past).map(|span| Passage { kind, sentences: (first, past), span })
    }

    fn span(&self, first: usize, past: usize) -> Option<(u32, u32)> {
        let mut spans = self.sentences.get(first..past)?.iter().flatten();
        let (start, end) = *spans.next()?;
        Some((start, spans.last().map_or(end, |last| last.1)))
    }

    /// The sentences that are the title.
    fn title(&self) -> usize {
        let title = self.written.document.title.trim();
        let length = ground::whole(title.chars().count());
        if title.is_empty() || !self.written.text.starts_with(title) {
            return 0;
        }
        let last = self.sentences.iter().position(|sentence| sentence.is_some_and(|(_, end)| end == length));
        last.map_or(0, |last| last + 1)
    }

    /// Divides sentences so that reading finds each again. Where one begins can depend on what stands before it, so
    /// what was divided is looked at anew.
    fn divide(&self, first: usize, past: usize, into: &mut Vec<(usize, usize)>) {
        let mut open = vec![(first, past)];
        while let Some((first, past)) = open.pop() {
            let mut cuts = self.cuts(first, past);
            if cuts.is_empty() {
                into.push((first, past));
                continue;
            }
            cuts.push(past);
            let mut parts: Vec<(usize, usize)> = Vec::with_capacity(cuts.len());
            for cut in cuts {
                parts.push((parts.last().map_or(first, |part| part.1), cut));
            }
            open.extend(parts.into_iter().rev());
        }
    }

    /// Where `first..past` are to be divided: at sentences whose beginning reading these as one passage would miss, and
    /// around those in which it would find another beginning, but not if they stood alone.
    fn cuts(&self, first: usize, past: usize) -> Vec<usize> {
        let begins = self.begins(first, past);
        let mut cuts = BTreeSet::new();
        for sentence in first..past {
            let Some((start, end)) = self.sentences.get(sentence).copied().flatten() else { continue };
            if !begins.contains(&start) {
                cuts.insert(sentence);
            }
            let is_parted = begins.range(start + 1..end).next().is_some();
            if is_parted && past - first > 1 && self.begins(sentence, sentence + 1).len() == 1 {
                cuts.extend([sentence, sentence + 1]);
            }
        }
        cuts.into_iter().filter(|cut| (first + 1..past).contains(cut)).collect()
    }

    /// Where reading the document has sentences begin.
    fn begins_in(&self, passages: &[Passage]) -> Vec<u32> {
        passages.iter().flat_map(|passage| self.begins(passage.sentences.0, passage.sentences.1)).collect()
    }

    /// Where reading these sentences as one passage has sentences begin.
    fn begins(&self, first: usize, past: usize) -> BTreeSet<u32> {
        let Some((start, end)) = self.span(first, past) else { return BTreeSet::new() };
        let byte = |character: u32| self.bytes.get(character as usize).copied().unwrap_or_default();
        let text = self.written.text.get(byte(start)..byte(end)).unwrap_or_default();
        let own = self.spans.partition_point(|span| span.0 < start)..self.spans.partition_point(|span| span.0 < end);
        let spans: Vec<(u32, u32)> =
            self.spans.get(own).unwrap_or_default().iter().map(|span| (span.0 - start, span.1 - start)).collect();
        let sentences = segment(text, &[], &spans).map(|segmented| segmented.sentences).unwrap_or_default();
        let begins = sentences.iter().filter_map(|sentence| sentence.first()?.characters);
        begins.map(|(begin, _)| begin + start).collect()
    }
}
