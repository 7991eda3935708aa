//! Documents → `PubTator`.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};
use std::io::{self, Write};
use std::iter;

use ground::curie::{LOCAL, curie};
use ground::excerpt::quoted;

use super::super::dialect::Bars;
use super::ids::things;
use super::relations::attributes as attributes_of;
use crate::document::{Document, Entity, Mention};
use crate::fault::Remark;
use crate::text::segment;
use crate::writer::{self, Claim, Writer, Written};

const UNLABELLED: &str = "documents that are not labelled, which PubTator cannot say: to be read with `--unlabelled`";
const BEFORE: &str = "documents whose text does not begin with their title, before which PubTator has it as a sentence";
const WITHIN: &str =
    "documents whose title ends within a sentence of their text, which PubTator would part, written without";
const CHANGED: &str = "attributes of relations with `;`, tabs or line ends, which PubTator reads as others";
const ALIKE: &str = "entities of the identity of another, which PubTator has as one with it";
const LISTS: &str = "entities whose identifiers PubTator has as lists of several, written without";
/// Times that a text is cut anew before each sentence becomes a passage.
const MOST_ROUNDS: u32 = 4;

/// Writes articles of a title, an abstract, mentions and relations. A title with which the text does not begin is put
/// before it, and one that ends within a sentence left out, which is told; where the rest would be cut into other
/// sentences than it has, it is parted into several passages. Two names of documents never become one: a name that is
/// changed gets a hash.
///
/// A mention has a line for each of its entities, in the order of the text as far as the order of entities allows. An
/// entity without identity is called `local:DOCUMENT_NUMBER`, which is read as none, and so is one whose identifier would be
/// read as a list of several, which is told; a mention without, `-`. Entities of one identity are one there, which is told.
/// A prediction's probability is the fifth column, and so is what is said of a relation beside: its novelty, or its score.
#[derive(Debug, Clone, Copy)]
pub struct PubTatorWriter;

/// A document's text as passages, and where its characters are in it.
struct Passages {
    title: Option<String>,
    /// The passages behind the title.
    body: Vec<String>,
    /// What is to be added to a character's place.
    shift: u32,
    /// All the text, without a title that is no part of it.
    text: Vec<char>,
}

/// The line of a mention in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    start: u32,
    end: u32,
    /// Its entity; loose mentions come last.
    owner: usize,
    /// Its place among the mentions of its entity.
    place: usize,
}

impl Writer for PubTatorWriter {
    fn write(&self, written: &Written<'_>, output: &mut dyn Write) -> io::Result<()> {
        let document = written.document;
        let id = own_name(&document.id);
        let passages = Passages::of(written);
        if let Some(title) = &passages.title {
            writeln!(output, "{id}|t|{}", on_one_line(title))?;
        }
        for passage in &passages.body {
            writeln!(output, "{id}|a|{passage}")?;
        }
        let names = Name::of_all(document, &id);
        for line in lines(written) {
            let Some(mention) = mention(document, line) else { continue };
            let named = names.get(line.owner).map_or("-".into(), |name| name.in_line_of(&mention.kind));
            let (start, end) = (line.start + passages.shift, line.end + passages.shift);
            let (text, kind) = (passages.covered(line), on_one_line(&mention.kind));
            writeln!(output, "{id}\t{start}\t{end}\t{text}\t{kind}\t{named}")?;
        }
        for claim in written.claims.iter().flatten() {
            let name = |entity: u32| names.get(entity as usize).map_or("-", |name| name.in_relations());
            write!(output, "{id}\t{}\t{}\t{}", on_one_line(&claim.relation), name(claim.head), name(claim.tail))?;
            writeln!(output, "{}", said_of(claim))?;
        }
        writeln!(output)
    }

    fn remarks(&self, written: &Written<'_>) -> Vec<Remark> {
        let (id, name) = (&written.document.id, own_name(&written.document.id));
        let renamed = (name != **id).then(|| Remark {
            what: "documents whose names PubTator cannot have, written with others",
            example: format!("written as `{name}`"),
        });
        let unlabelled = written.unlabelled(UNLABELLED);
        let what = match Title::of(written, &overlaid(written)) {
            Title::Before => Some(BEFORE),
            Title::Within => Some(WITHIN),
            Title::None | Title::First => None,
        };
        let before = what.map(|what| Remark { what, example: quoted(&written.document.title) });
        let lists = written.document.entities.iter().filter(|entity| is_list(entity));
        let lists = lists.filter_map(|entity| Some(Remark { what: LISTS, example: quoted(entity.kb_id.as_deref()?) }));
        let mut known = HashSet::new();
        let names = Name::of_all(written.document, &name);
        let alike = names.iter().filter(|name| name.curie.as_ref().is_some_and(|identity| !known.insert(identity)));
        let alike = alike.map(|name| Remark { what: ALIKE, example: quoted(&name.id) });
        let attributes = written.claims.iter().flatten().flat_map(|claim| &claim.attributes);
        let changed = attributes.filter(|said| attributes_of(&plain(said)).ne([(*said).clone()]));
        let changed = changed.map(|said| Remark { what: CHANGED, example: quoted(said) });
        renamed.into_iter().chain(unlabelled).chain(before).chain(lists).chain(alike).chain(changed).collect()
    }
}

impl Passages {
    fn of(written: &Written<'_>) -> Self {
        let (text, title) = (overlaid(written), &written.document.title);
        let (place, length) = (Title::of(written, &text), title.chars().count());
        let begins = place == Title::First;
        let breaks = if begins { vec![ground::whole(length)] } else { Vec::new() };
        let starts = sentence_starts(written, &text, &breaks);
        let body = match (begins, text.len() > length) {
            (true, false) => Vec::new(),
            (true, true) => parted(&text, length + 1, &starts),
            (false, _) => parted(&text, 0, &starts),
        };
        let shift = if place == Title::Before { ground::whole(length + 1) } else { 0 };
        let title = matches!(place, Title::First | Title::Before).then(|| title.to_string());
        Self { title, body, shift, text }
    }

    /// What the text has at a mention, which its name need not be.
    fn covered(&self, line: Line) -> String {
        self.text.get(line.start as usize..line.end as usize).unwrap_or_default().iter().collect()
    }
}

/// Where a document's title stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Title {
    /// Nowhere: there is none.
    None,
    /// It is the text's first passage: a sentence ends with it, unless a mention goes across.
    First,
    /// The text begins with it, and goes on in the same sentence.
    Within,
    /// The text does not begin with it.
    Before,
}

impl Title {
    fn of(written: &Written<'_>, text: &[char]) -> Self {
        let title: Vec<char> = written.document.title.chars().collect();
        if title.is_empty() {
            return Self::None;
        }
        let there = text.iter().chain(iter::repeat(&' '));
        let is_same =
            title.iter().zip(there).all(|(one, two)| one == two || one.is_whitespace() && two.is_whitespace());
        if !is_same {
            return Self::Before;
        }
        let after = text.get(title.len()..).unwrap_or_default();
        let Some(next) = after.iter().position(|character| !character.is_whitespace()) else { return Self::First };
        let (end, next) = (ground::whole(title.len()), ground::whole(title.len() + next));
        let starts_there = || own_starts(written).any(|start| start == next);
        let is_crossed = || spans(written).any(|(start, past)| start < end && end < past);
        if next > end && (starts_there() || is_crossed()) { Self::First } else { Self::Within }
    }
}

/// The text from a character on, parted before each of some others, the blank there left out.
fn parted(text: &[char], from: usize, starts: &BTreeSet<usize>) -> Vec<String> {
    let mut parts = Vec::new();
    let mut first = from;
    for &start in starts.range(from + 1..) {
        if let Some(part) = text.get(first..start - 1) {
            parts.push(part.iter().collect());
            first = start;
        }
    }
    parts.push(text.get(first..).unwrap_or_default().iter().collect());
    parts
}

/// The text on one line, its mentions as the source wrote them: what stood between tokens is not known elsewhere.
fn overlaid(written: &Written<'_>) -> Vec<char> {
    let mut text: Vec<char> = on_one_line(&written.text).chars().collect();
    for mention in mentions(written.document) {
        let Some((start, end)) = written.span(mention) else { continue };
        let Some(there) = text.get_mut(start as usize..end as usize) else { continue };
        if mention.name.chars().count() == there.len() {
            for (there, name) in there.iter_mut().zip(on_one_line(&mention.name).chars()) {
                if there.is_whitespace() && name.is_whitespace() {
                    *there = name;
                }
            }
        }
    }
    text
}

/// The sentences that would not begin where they do if the text were cut anew, unless a passage begins there. One more
/// passage can change what follows, so that several rounds are needed.
fn sentence_starts(written: &Written<'_>, text: &[char], breaks: &[u32]) -> BTreeSet<usize> {
    let whole: String = text.iter().collect();
    let spans: Vec<(u32, u32)> = spans(written).collect();
    let is_blank =
        |place: Option<u32>| place.and_then(|place| text.get(place as usize)).is_some_and(|it| it.is_whitespace());
    let own: BTreeSet<u32> = own_starts(written).filter(|start| is_blank(start.checked_sub(1))).collect();
    let mut parted = BTreeSet::new();
    for _ in 0..MOST_ROUNDS {
        let breaks: Vec<u32> = breaks.iter().chain(&parted).copied().collect();
        let Ok(anew) = segment(&whole, &breaks, &spans) else { break };
        let firsts = anew.sentences.iter().filter_map(|sentence| sentence.first()?.characters);
        let anew: BTreeSet<u32> = firsts.map(|(start, _)| start).collect();
        let missing: Vec<u32> = own.difference(&anew).filter(|start| !parted.contains(*start)).copied().collect();
        if missing.is_empty() {
            return parted.into_iter().map(|start| start as usize).collect();
        }
        parted.extend(missing);
    }
    own.into_iter().map(|start| start as usize).collect()
}

fn own_starts(written: &Written<'_>) -> impl Iterator<Item = u32> {
    let n_sentences = ground::whole(written.document.sentences.len());
    (0..n_sentences).filter_map(|sentence| written.sentence(sentence)).map(|(start, _)| start)
}

fn mentions(document: &Document) -> impl Iterator<Item = &Mention> {
    document.entities.iter().flat_map(|entity| &entity.mentions).chain(&document.loose_mentions)
}

fn spans(written: &Written<'_>) -> impl Iterator<Item = (u32, u32)> {
    mentions(written.document).filter_map(|mention| written.span(mention))
}

/// The lines of all mentions: each entity's in its order, the entities in theirs, else as they stand in the text.
fn lines(written: &Written<'_>) -> Vec<Line> {
    let document = written.document;
    let line = |owner: usize, place: usize| {
        let mention = mention(document, Line { start: 0, end: 0, owner, place })?;
        let (start, end) = written.span(mention)?;
        Some(Line { start, end, owner, place })
    };
    let loose = document.entities.len();
    // The next line of each entity that is open, and of the one that may be opened next.
    let first = line(0, 0).filter(|_| loose > 0);
    let mut next: BinaryHeap<Reverse<Line>> = line(loose, 0).into_iter().chain(first).map(Reverse).collect();
    let mut lines = Vec::new();
    while let Some(Reverse(taken)) = next.pop() {
        lines.push(taken);
        next.extend(line(taken.owner, taken.place + 1).map(Reverse));
        if taken.place == 0 && taken.owner + 1 < loose {
            next.extend(line(taken.owner + 1, 0).map(Reverse));
        }
    }
    lines
}

fn mention(document: &Document, line: Line) -> Option<&Mention> {
    let mentions = document.entities.get(line.owner).map_or(&document.loose_mentions, |entity| &entity.mentions);
    mentions.get(line.place)
}

/// What lines call an entity.
struct Name {
    id: String,
    /// The identity that this stands for.
    curie: Option<String>,
    /// Whether another entity has the same id, as a gene and a species can.
    is_shared: bool,
}

impl Name {
    fn of_all(document: &Document, doc_id: &str) -> Vec<Self> {
        let mut names: Vec<Self> =
            (0..document.entities.len()).map(|entity| Self::of(document, entity, doc_id)).collect();
        let mut counts = HashMap::<String, u32>::new();
        names.iter().for_each(|name| *counts.entry(name.id.clone()).or_default() += 1);
        names.iter_mut().for_each(|name| name.is_shared = counts.get(&name.id).is_some_and(|&count| count > 1));
        names
    }

    fn of(document: &Document, entity: usize, doc_id: &str) -> Self {
        let named = document.entities.get(entity).filter(|entity| !is_list(entity)).and_then(|entity| {
            let kb_id = entity.kb_id.as_deref()?;
            Some(Self { id: on_one_line(kb_id), curie: Some(curie(kb_id, &entity.kind())?), is_shared: false })
        });
        let local = || format!("{LOCAL}:{}_{entity}", doc_id.replace([',', ';'], "_"));
        named.unwrap_or_else(|| Self { id: local(), curie: None, is_shared: false })
    }

    /// The name in the line of a mention of this type: where the id would stand for something else there, the identity.
    fn in_line_of(&self, kind: &str) -> Cow<'_, str> {
        match &self.curie {
            Some(identity) if curie(&self.id, kind).as_ref() != Some(identity) => identity.into(),
            _ => (&*self.id).into(),
        }
    }

    /// The name in relations: where another entity has the same, the identity.
    fn in_relations(&self) -> &str {
        self.curie.as_deref().filter(|_| self.is_shared).unwrap_or(&self.id)
    }
}

/// Whether reading would find several things in an entity's identifier.
fn is_list(entity: &Entity) -> bool {
    entity.kb_id.as_deref().is_some_and(|kb_id| things(&on_one_line(kb_id), Bars::Entities).len() > 1)
}

/// The fifth column of a relation, with the tab before it.
fn said_of(claim: &Claim) -> String {
    let probability = claim.probability.map(|probability| probability.to_string());
    let said: Vec<String> = probability.into_iter().chain(claim.attributes.iter().map(|said| plain(said))).collect();
    if said.is_empty() { String::new() } else { format!("\t{}", said.join(";")) }
}

/// An attribute as the fifth column has it.
fn plain(said: &str) -> String {
    match said.split_once('=') {
        Some(("novelty", word @ ("Novel" | "No"))) => word.to_owned(),
        Some(("score", number)) if number.parse::<f64>().is_ok() => number.to_owned(),
        _ => on_one_line(said),
    }
}

/// A text without what ends lines and columns.
fn on_one_line(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// A document's name without what ends a name in a line.
fn own_name(name: &str) -> Cow<'_, str> {
    writer::own_name(name, on_one_line(name).replace('|', "_").trim().to_owned())
}
