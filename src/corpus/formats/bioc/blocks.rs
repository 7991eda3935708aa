//! The text of a document in blocks, each a passage or a sentence of one, and where annotations lie in it.
//!
//! Offsets are to count characters (Unicode scalar values) from the start of the document. Some corpora count bytes or
//! UTF-16's units, or from the start of the passage: where annotations do not fit, what fits most of them is taken.

use std::cell::OnceCell;
use std::ops::Range;

use ground::excerpt::quoted;

use super::super::pubtator::RESPELT;
use super::super::pubtator::spelling::alike;
use super::model::{Annotation, Article, Passage};
use crate::text::{Characters, LONGEST_SPAN};

/// A piece of text.
pub(super) struct Block<'a> {
    /// The text.
    pub(super) text: &'a str,
    /// Where its first character stands in the document, as docre counts.
    pub(super) start: u32,
    /// Its passage.
    pub(super) passage: usize,
    /// Where it begins, as the source counts.
    offset: u32,
    length: u32,
    characters: Characters<'a>,
    /// Where each character begins, and the last ends, in bytes and in UTF-16's units.
    measured: [OnceCell<Vec<u32>>; 2],
}

/// How a source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counting {
    unit: Counted,
    from_passage: bool,
    /// What is said of it, where it is not the usual one.
    pub(super) remark: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Characters,
    Utf16,
    Bytes,
}

/// The ways of counting, the right one first.
const COUNTINGS: [Counting; 6] = [
    counting(Counted::Characters, false, None),
    counting(Counted::Utf16, false, Some("documents whose offsets count UTF-16 units")),
    counting(Counted::Bytes, false, Some("documents whose offsets count bytes")),
    counting(Counted::Characters, true, Some("documents whose offsets count from the passage")),
    counting(Counted::Utf16, true, Some("documents whose offsets count UTF-16 units from the passage")),
    counting(Counted::Bytes, true, Some("documents whose offsets count bytes from the passage")),
];

const fn counting(unit: Counted, from_passage: bool, remark: Option<&'static str>) -> Counting {
    Counting { unit, from_passage, remark }
}

/// Where an annotation lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its block.
    pub(super) block: usize,
    /// Its characters in the block.
    pub(super) span: (u32, u32),
    /// What is not as it is written.
    pub(super) remark: Option<&'static str>,
}

/// The blocks of a document.
pub(super) struct Blocks<'a> {
    /// In order.
    pub(super) list: Vec<Block<'a>>,
    /// How offsets are counted.
    pub(super) counting: Counting,
    /// Whether they stand in the order of their offsets.
    is_sorted: bool,
    /// Of each passage, which are its.
    of_passage: Vec<Range<usize>>,
}

/// An annotation and the passage that it stands in.
pub(super) type Homed<'a> = (&'a Annotation<'a>, Option<usize>);

impl<'a> Blocks<'a> {
    /// Those of a document, and where each of its annotations lies, or why nowhere.
    pub(super) fn of(article: &'a Article<'a>, annotations: &[Homed<'a>]) -> (Self, Vec<Result<Placed, String>>) {
        let mut blocks = Self { list: Vec::new(), counting: COUNTINGS[0], is_sorted: true, of_passage: Vec::new() };
        for (number, passage) in article.passages.iter().enumerate() {
            let first = blocks.list.len();
            if passage.text.is_empty() {
                passage.sentences.iter().for_each(|sentence| blocks.push(sentence, number));
            } else {
                blocks.push(passage, number);
            }
            blocks.of_passage.push(first..blocks.list.len());
        }
        blocks.is_sorted = blocks.list.is_sorted_by_key(|block| block.offset);
        let placed = blocks.place_all(annotations);
        blocks.settle();
        (blocks, placed)
    }

    fn push(&mut self, passage: &'a Passage<'a>, number: usize) {
        let text = &*passage.text;
        let length = ground::whole(text.chars().count());
        let next = self.list.last().map_or(0, |last| last.offset.saturating_add(last.length).saturating_add(1));
        self.list.push(Block {
            text,
            start: 0,
            passage: number,
            offset: passage.offset.unwrap_or(next),
            length,
            characters: Characters::new(text),
            measured: [OnceCell::new(), OnceCell::new()],
        });
    }

    fn place_all(&mut self, annotations: &[Homed<'a>]) -> Vec<Result<Placed, String>> {
        let all = |counting| -> Vec<Result<Placed, String>> {
            annotations.iter().map(|&homed| self.place(homed, counting)).collect()
        };
        let fitting = |placed: &[Result<Placed, String>]| placed.iter().filter(|one| one.is_ok()).count();
        let mut best = all(COUNTINGS[0]);
        let mut found = COUNTINGS[0];
        if fitting(&best) < annotations.len() {
            for counting in &COUNTINGS[1..] {
                let other = all(*counting);
                if fitting(&other) > fitting(&best) {
                    (best, found) = (other, *counting);
                }
            }
        }
        self.counting = found;
        best
    }

    /// Gives each block its place: where the source has it, where that is counted in characters and free.
    fn settle(&mut self) {
        let is_usual = self.counting.unit == Counted::Characters;
        let mut end: Option<u32> = None;
        for block in &mut self.list {
            block.start = match end {
                _ if is_usual && block.offset >= end.unwrap_or_default() => block.offset,
                Some(end) => end.saturating_add(1),
                None => 0,
            };
            end = Some(block.start.saturating_add(block.length));
        }
    }

    fn place(&self, (annotation, home): Homed<'a>, counting: Counting) -> Result<Placed, String> {
        let mut pieces = annotation.locations.iter().map(|&location| self.piece(location, home, counting));
        let Some(first) = pieces.next() else { return Err("expected a location, got none".to_owned()) };
        let (block, first) = first?;
        let mut hull = first;
        for piece in pieces {
            let (other, (start, end)) = piece?;
            if other != block {
                return Err("expected pieces in one passage, got several passages".to_owned());
            }
            hull = (hull.0.min(start), hull.1.max(end));
        }
        let is_one = annotation.locations.len() == 1;
        let is_too_long = hull.1 - hull.0 > LONGEST_SPAN;
        let span = if is_too_long && !is_one { first } else { hull };
        let text = self.list.get(block).and_then(|block| block.characters.slice(span)).unwrap_or_default();
        if span.1 - span.0 > LONGEST_SPAN {
            return Err(format!("expected at most {LONGEST_SPAN} characters, got {}", span.1 - span.0));
        }
        if text.trim().is_empty() {
            return Err("expected a mention, got nothing but whitespace".to_owned());
        }
        let remark = if is_one {
            difference(&annotation.text, text)?
        } else if is_too_long {
            Some("mentions in pieces far apart, taken as the first of them")
        } else {
            self.check_pieces(annotation, block, home, counting)?;
            Some("mentions in several pieces, taken from the first to the last")
        };
        Ok(Placed { block, span: trimmed(span, text), remark })
    }

    /// The block and the characters of a location.
    fn piece(
        &self,
        (offset, length): (u32, u32),
        home: Option<usize>,
        counting: Counting,
    ) -> Result<(usize, (u32, u32)), String> {
        if length == 0 {
            return Err("expected a length of at least 1, got 0".to_owned());
        }
        let home = home.and_then(|passage| self.of_passage.get(passage)).cloned().unwrap_or_default();
        let elsewhere = self.is_sorted && !counting.from_passage;
        let elsewhere = elsewhere.then(|| self.list.partition_point(|block| block.offset <= offset).checked_sub(1));
        let mut places = home.chain(elsewhere.flatten());
        let found = places.find_map(|place| Some((place, self.list.get(place)?.span(offset, length, counting)?)));
        let past = u64::from(offset) + u64::from(length);
        found.ok_or_else(|| format!("expected a span within the text of a passage, got {offset} to {past}"))
    }

    /// Compares the text of a mention in pieces with these.
    fn check_pieces(
        &self,
        annotation: &Annotation,
        block: usize,
        home: Option<usize>,
        counting: Counting,
    ) -> Result<(), String> {
        let mut pieces: Vec<(u32, u32)> = Vec::with_capacity(annotation.locations.len());
        for &location in &annotation.locations {
            pieces.push(self.piece(location, home, counting)?.1);
        }
        pieces.sort_unstable();
        let Some(block) = self.list.get(block) else { return Ok(()) };
        let hull = (pieces.first().map_or(0, |piece| piece.0), pieces.last().map_or(0, |piece| piece.1));
        let joined: String = pieces.iter().filter_map(|&piece| block.characters.slice(piece)).collect();
        let hull = block.characters.slice(hull).unwrap_or_default();
        let is_same = |text: &str| words(text).eq(words(&annotation.text));
        if annotation.text.is_empty() || is_same(&joined) || is_same(hull) {
            return Ok(());
        }
        Err(format!("expected the text {}, got {}", quoted(&joined), quoted(&annotation.text)))
    }
}

impl Block<'_> {
    /// The characters of a location; `None` where it is not within the block.
    fn span(&self, offset: u32, length: u32, counting: Counting) -> Option<(u32, u32)> {
        let start = if counting.from_passage { offset } else { offset.checked_sub(self.offset)? };
        let end = start.checked_add(length)?;
        Some((self.character(start, counting.unit)?, self.character(end, counting.unit)?))
    }

    /// The character that begins so far into the block.
    fn character(&self, place: u32, unit: Counted) -> Option<u32> {
        let (measured, width): (_, fn(char) -> usize) = match unit {
            Counted::Characters => return (place <= self.length).then_some(place),
            Counted::Utf16 => (&self.measured[0], char::len_utf16),
            Counted::Bytes => (&self.measured[1], char::len_utf8),
        };
        let starts = measured.get_or_init(|| {
            let before = |sum: &mut usize, character| {
                let start = *sum;
                *sum += width(character);
                Some(start)
            };
            // One more than there are characters: the end.
            self.text.chars().chain(['\0']).scan(0, before).map(ground::whole).collect()
        });
        starts.binary_search(&place).ok().map(ground::whole)
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: (u32, u32)) -> &str {
        self.characters.slice(span).unwrap_or_default()
    }
}

/// A span without the white space at the ends of its text.
fn trimmed((start, end): (u32, u32), text: &str) -> (u32, u32) {
    let before = text.chars().take_while(|character| character.is_whitespace()).count();
    let behind = text.chars().rev().take_while(|character| character.is_whitespace()).count();
    (start + ground::whole(before), end - ground::whole(behind))
}

/// What is to be said of a mention that is written as `name` where `text` stands.
fn difference(name: &str, text: &str) -> Result<Option<&'static str>, String> {
    if name.is_empty() || name == text {
        return Ok(None);
    }
    if alike(name, text) {
        return Ok(Some(RESPELT));
    }
    Err(format!("expected the text {}, got {}", quoted(text), quoted(name)))
}

/// The letters and digits of a text, without regard to case.
fn words(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase)
}
