//! Spans that a source marks in its running text: whether they can be mentions, and whether they are what it says they
//! are.

use crate::fault::Fault;
use crate::text::{Characters, check_span};

/// A text in which spans are marked.
pub struct Source<'t> {
    /// The text.
    pub text: &'t str,
    characters: Characters<'t>,
    length: u32,
}

/// How what a source says of a span compares with the text there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The same.
    Same,
    /// The same but for white space and case.
    Alike,
    /// Something else.
    Other,
}

/// What offsets may count instead of Unicode scalar values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Utf16,
    /// An end of a line, `\r\n`, as one.
    Lines,
}

impl<'t> Source<'t> {
    /// Prepares a text.
    pub fn new(text: &'t str) -> Self {
        let length = if text.is_ascii() { text.len() } else { text.chars().count() };
        Self { text, characters: Characters::new(text), length: ground::whole(length) }
    }

    /// What a span covers.
    ///
    /// # Errors
    /// Expected, then got, where it cannot be a mention.
    pub fn covered(&self, span: (u32, u32)) -> Result<&'t str, String> {
        check_span(span, self.length)?;
        let covered = self.characters.slice(span).unwrap_or_default();
        if covered.trim().is_empty() {
            return Err("expected a mention, got nothing but whitespace".to_owned());
        }
        Ok(covered)
    }

    /// Where the title ends, where it is the text's first line.
    pub fn title_end(&self, title: &str) -> Option<u32> {
        let rest = self.text.strip_prefix(title)?;
        if rest.starts_with(['\n', '\r']) { u32::try_from(title.chars().count()).ok() } else { None }
    }

    /// What characters are; `None` where they are not all in the text.
    pub fn slice(&self, span: (u32, u32)) -> Option<&'t str> {
        self.characters.slice(span)
    }

    /// The text's end, in characters.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Whether an end of a span stands inside a word.
    pub fn cuts_word(&self, (start, end): (u32, u32)) -> bool {
        let bytes = self.characters.byte(start).zip(self.characters.byte(end));
        bytes.is_some_and(|(start, end)| cuts_word(self.text, start, end))
    }

    /// What to say of spans that do not fit, where all would if their offsets counted something else.
    pub fn counted_otherwise(&self, spans: &[((u32, u32), Option<&str>)]) -> &'static str {
        let all_fit = |unit| !spans.is_empty() && self.all_fit(unit, spans);
        if self.text.contains("\r\n") && all_fit(Unit::Lines) {
            "; with each `\\r\\n` counted once, all mentions of the document would fit: offsets are to count both characters"
        } else if self.text.is_ascii() {
            ""
        } else if all_fit(Unit::Bytes) {
            "; counted in bytes, all mentions of the document would fit: offsets are to count Unicode scalar values"
        } else if all_fit(Unit::Utf16) {
            "; counted in UTF-16 units, all mentions of the document would fit: offsets are to count Unicode scalar values"
        } else {
            ""
        }
    }

    fn all_fit(&self, unit: Unit, spans: &[((u32, u32), Option<&str>)]) -> bool {
        let places = match unit {
            Unit::Bytes => Vec::new(),
            Unit::Utf16 => utf16_places(self.text),
            Unit::Lines => line_places(self.text),
        };
        let byte = |offset: u32| match unit {
            Unit::Bytes => Some(offset as usize),
            Unit::Utf16 | Unit::Lines => places.get(offset as usize).copied().flatten(),
        };
        let is_elsewhere = |offset: u32| byte(offset) != self.characters.byte(offset);
        // Where they count the same, there is nothing that would be otherwise.
        let differs = spans.iter().any(|&((start, end), _)| is_elsewhere(start) || is_elsewhere(end));
        differs
            && spans.iter().all(|&((start, end), given)| {
                let Some((start, end)) = byte(start).zip(byte(end)) else { return false };
                let Some(covered) = self.text.get(start..end).filter(|covered| !covered.trim().is_empty()) else {
                    return false;
                };
                match given {
                    Some(given) => likeness(given, covered) != Likeness::Other,
                    None => !cuts_word(self.text, start, end),
                }
            })
    }
}

/// The byte at which each UTF-16 unit begins; `None` for the second of a pair.
fn utf16_places(text: &str) -> Vec<Option<usize>> {
    let units = text
        .char_indices()
        .flat_map(|(byte, character)| std::iter::once(Some(byte)).chain((1..character.len_utf16()).map(|_| None)));
    units.chain([Some(text.len())]).collect()
}

/// The byte at which each character begins, where `\r\n` is one.
fn line_places(text: &str) -> Vec<Option<usize>> {
    let ends_line = |byte: usize| byte > 0 && text.as_bytes().get(byte - 1..=byte) == Some(b"\r\n");
    let places = text.char_indices().filter(|&(byte, _)| !ends_line(byte)).map(|(byte, _)| Some(byte));
    places.chain([Some(text.len())]).collect()
}

fn cuts_word(text: &str, start: usize, end: usize) -> bool {
    let edge = |place: usize| {
        let before = text.get(..place).and_then(|text| text.chars().next_back());
        let behind = text.get(place..).and_then(|text| text.chars().next());
        before.zip(behind).is_some_and(|(before, behind)| are_one_word(before, behind))
    };
    edge(start) || edge(end)
}

/// Whether no word ends between two characters: both are letters, or both digits, of a script with spaces, or the one
/// behind is a mark upon the letter before.
fn are_one_word(before: char, behind: char) -> bool {
    let is_spaced_letter = |character: char| character.is_alphabetic() && !is_unspaced(character);
    let is_of_letter = is_spaced_letter(behind) || is_combining(behind);
    let is_letter = is_spaced_letter(before) || (is_combining(before) && is_spaced_letter(behind));
    (is_letter && is_of_letter) || (before.is_numeric() && behind.is_numeric())
}

/// The blocks of combining marks: accents as characters of their own.
fn is_combining(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36F}'
            | '\u{1AB0}'..='\u{1AFF}'
            | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}'
            | '\u{FE20}'..='\u{FE2F}'
    )
}

/// Scripts without spaces between words: Thai to Burmese, Khmer, kana, ideographs. Hangul has particles behind names.
fn is_unspaced(character: char) -> bool {
    matches!(
        character,
        '\u{E00}'..='\u{EFF}'
            | '\u{1000}'..='\u{109F}'
            | '\u{1780}'..='\u{17FF}'
            | '\u{2E80}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7AF}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

/// Mentions from which on most of them must fit the text. Of fewer one must, and a lone one may be wrong by itself.
const FEWEST: usize = 4;

/// Refuses a text that so many of so many mentions do not fit that offsets count something else; the first says where and
/// why.
///
/// # Errors
/// A fault of the mentions.
pub fn check_misfits(n_misfits: usize, n_mentions: usize, first: impl FnOnce() -> String) -> Result<(), Fault> {
    let most_misfit = if n_mentions < FEWEST { n_misfits == n_mentions } else { 2 * n_misfits > n_mentions };
    if n_mentions < 2 || !most_misfit {
        return Ok(());
    }
    let got = format!("got {n_misfits} of {n_mentions} that do not, the first in {}", first());
    Err(Fault::new("mentions", format!("expected mentions that fit the text, {got}")))
}

/// Compares what is said of a span with what it covers.
pub fn likeness(given: &str, covered: &str) -> Likeness {
    if given == covered {
        return Likeness::Same;
    }
    let plain = |text: &str| -> String {
        text.chars().filter(|character| !character.is_whitespace()).flat_map(char::to_lowercase).collect()
    };
    if plain(given) == plain(covered) { Likeness::Alike } else { Likeness::Other }
}
