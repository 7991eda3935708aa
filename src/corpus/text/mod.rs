//! Running text → sentences of tokens that keep their character offsets.
//!
//! A token is a run of letters and digits, or one other character that is not whitespace; ideographs and kana stand
//! alone, combining marks stay with what they mark. A sentence ends at a stop (`.`, `!`, `?` and their kin, closing
//! quotes and brackets included) that is followed by whitespace and by something that may begin a sentence, unless it
//! belongs to an abbreviation or stands inside brackets; at a stop of a script that has one for nothing else (`。`, `।`,
//! `؟`), whatever follows; and always at a blank line. Made for biomedical abstracts,
//! at home in other prose. Time and memory are linear in the text, whatever it is.
//!
//! Offsets count Unicode scalar values; ranges are half-open.

mod sentence;

use std::borrow::Cow;
use std::collections::BTreeMap;

use ground::spacing::LONGEST_GAP;
use table::Text;
use unicode_normalization::char::is_combining_mark;

use crate::document::Token;

/// The longest span, in characters, that can be a mention.
pub const LONGEST_SPAN: u32 = 1_000;

/// Characters at most, all together, between what a source says to stand somewhere in a text: no text has so many beside its
/// words, and a short record could ask for gigabytes of blanks.
pub const MOST_BLANKS: u32 = 1 << 20;

/// A text cut into sentences and tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Segmented {
    /// The sentences in order, none of them empty but where [`segment_as`] is given such.
    pub sentences: Vec<Vec<Token>>,
    /// As [`Document::uneven`](crate::document::Document::uneven).
    pub uneven: BTreeMap<u32, Text>,
    /// One past the last token of each sentence.
    sentence_ends: Vec<usize>,
    /// The characters of each token.
    token_ranges: Vec<(u32, u32)>,
}

/// Where a span lies, in tokens of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its sentence.
    pub sentence: u32,
    /// Its first token.
    pub start: u32,
    /// One past its last token.
    pub end: u32,
}

/// Why a text cannot be segmented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The span at fault, by its place in the list; `None`: the text.
    pub span: Option<usize>,
    /// Expected, then got.
    pub reason: String,
}

/// A text that is sliced by character offsets.
#[derive(Debug, Clone)]
pub struct Characters<'t> {
    text: &'t str,
    /// The first byte of each character and the end; `None` in ASCII, where both are one.
    offsets: Option<Vec<usize>>,
}

/// A token in the making.
#[derive(Debug, Clone, Copy)]
struct Piece<'t> {
    text: &'t str,
    first_byte: usize,
    start: u32,
    end: u32,
    gap: Gap,
}

/// What stands before a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    Space,
    BlankLine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Word,
    Mark,
    Alone,
}

/// Cuts `text` into sentences and tokens.
///
/// A sentence ends at each of `breaks`. None ends inside one of `spans`, not even at a break, and a token boundary
/// stands at both ends of each, so that its tokens cover exactly its characters but for whitespace at its ends.
///
/// # Errors
/// Where a span is empty, nothing but whitespace, longer than 1,000 characters or beyond the text, or the text has
/// 2^32 characters or more.
pub fn segment(text: &str, breaks: &[u32], spans: &[(u32, u32)]) -> Result<Segmented, Unfit> {
    let length = text_length(text)?;
    for (place, &span) in spans.iter().enumerate() {
        check_span(span, length).map_err(|reason| Unfit { span: Some(place), reason })?;
    }
    let pieces = cut_tokens(text, &cut_places(length, breaks, spans));
    let mut walls: Vec<bool> = pieces.iter().map(|piece| piece.gap == Gap::BlankLine).collect();
    for &place in breaks {
        if let Some(wall) = walls.get_mut(pieces.partition_point(|piece| piece.start < place)) {
            *wall = true;
        }
    }
    let held = held_together(&pieces, spans)?;
    let ends = sentence::ends(&pieces, &walls, &held);
    Ok(Segmented::new(text, &pieces, ends))
}

/// Cuts `text` into tokens as [`segment`] does, and into sentences of these characters, in order and apart from each
/// other; one may be empty. A span may go beyond its sentence, and what stands in none is lost.
///
/// # Errors
/// Those of [`segment`].
pub fn segment_as(text: &str, sentences: &[(u32, u32)], spans: &[(u32, u32)]) -> Result<Segmented, Unfit> {
    let length = text_length(text)?;
    for (place, &span) in spans.iter().enumerate() {
        check_span(span, length).map_err(|reason| Unfit { span: Some(place), reason })?;
    }
    let bounds: Vec<u32> = sentences.iter().flat_map(|&(start, end)| [start, end]).collect();
    let pieces = cut_tokens(text, &cut_places(length, &bounds, spans));
    let ends = sentences.iter().map(|&(_, end)| pieces.partition_point(|piece| piece.end <= end)).collect();
    Ok(Segmented::new(text, &pieces, ends))
}

impl Segmented {
    fn new(text: &str, pieces: &[Piece], sentence_ends: Vec<usize>) -> Self {
        let uneven = uneven(text, pieces, &sentence_ends);
        let mut tokens =
            pieces.iter().map(|piece| Token { text: piece.text.into(), characters: Some((piece.start, piece.end)) });
        let mut start = 0;
        let sentences = sentence_ends
            .iter()
            .map(|&end| {
                let sentence = tokens.by_ref().take(end - start).collect();
                start = end;
                sentence
            })
            .collect();
        let token_ranges = pieces.iter().map(|piece| (piece.start, piece.end)).collect();
        Self { sentences, uneven, sentence_ends, token_ranges }
    }

    /// The tokens that lie wholly within the characters `start..end`; `None` where there are none or they belong to
    /// several sentences, which no span given to [`segment`] does.
    pub fn locate(&self, (start, end): (u32, u32)) -> Option<Place> {
        let first = self.token_ranges.partition_point(|range| range.0 < start);
        let past = self.token_ranges.partition_point(|range| range.1 <= end);
        let sentence = self.sentence_ends.partition_point(|&end| end <= first);
        if first >= past || *self.sentence_ends.get(sentence)? < past {
            return None;
        }
        Some(Place {
            sentence: u32::try_from(sentence).ok()?,
            start: u32::try_from(first).ok()?,
            end: u32::try_from(past).ok()?,
        })
    }
}

impl Piece<'_> {
    /// One past its last byte.
    fn past_byte(&self) -> usize {
        self.first_byte + self.text.len()
    }
}

/// The sentences between whose tokens something else than blanks stands, as they are written.
fn uneven(text: &str, pieces: &[Piece], sentence_ends: &[usize]) -> BTreeMap<u32, Text> {
    let starts = std::iter::once(0).chain(sentence_ends.iter().copied());
    let sentences =
        (0..).zip(starts.zip(sentence_ends).map(|(start, &end)| pieces.get(start..end).unwrap_or_default()));
    let is_uneven = |pair: &[Piece]| {
        let [one, next] = pair else { return false };
        let gap = text.as_bytes().get(one.past_byte()..next.first_byte).unwrap_or_default();
        gap.len() > LONGEST_GAP as usize || gap.iter().any(|&byte| byte != b' ')
    };
    let written = |pieces: &[Piece]| {
        let span = pieces.first()?.first_byte..pieces.last()?.past_byte();
        text.get(span).filter(|_| pieces.windows(2).any(is_uneven)).map(Text::from)
    };
    sentences.filter_map(|(place, pieces)| Some((place, written(pieces)?))).collect()
}

impl<'t> Characters<'t> {
    /// Prepares `text` for slicing.
    pub fn new(text: &'t str) -> Self {
        let offsets = || text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
        Self { text, offsets: (!text.is_ascii()).then(offsets) }
    }

    /// The characters `start..end`; `None` where they are not all in the text.
    pub fn slice(&self, (start, end): (u32, u32)) -> Option<&'t str> {
        self.text.get(self.byte(start)?..self.byte(end)?)
    }

    /// The byte at which a character begins, or the text ends; `None` beyond that, but in ASCII.
    pub fn byte(&self, character: u32) -> Option<usize> {
        let place = usize::try_from(character).ok()?;
        match &self.offsets {
            Some(offsets) => offsets.get(place).copied(),
            None => Some(place),
        }
    }
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => Self::Word,
            ' ' => Self::Space,
            _ if character.is_ascii_graphic() => Self::Alone,
            _ if character.is_whitespace() => Self::Space,
            _ if is_unspaced(character) => Self::Alone,
            _ if is_mark(character) => Self::Mark,
            _ if character.is_alphanumeric() => Self::Word,
            _ => Self::Alone,
        }
    }

    /// Whether such a character goes on with the token before it.
    fn continues(self, before: Self) -> bool {
        match self {
            Self::Mark => before != Self::Space,
            Self::Word => matches!(before, Self::Word | Self::Mark),
            Self::Space | Self::Alone => false,
        }
    }
}

/// Kana and ideographs: scripts without spaces between words.
fn is_unspaced(character: char) -> bool {
    // The voicing marks stand among the kana.
    !matches!(character, '\u{3099}' | '\u{309A}')
        && matches!(
            character,
            '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'
        )
}

/// What belongs to the character before it: marks of any script (vowel signs, viramas, tones, points, accents, variation
/// selectors), joiners, skin tones.
fn is_mark(character: char) -> bool {
    match character {
        '\u{0}'..'\u{300}' => false,
        '\u{200C}' | '\u{200D}' | '\u{1F3FB}'..='\u{1F3FF}' => true,
        _ => is_combining_mark(character),
    }
}

fn text_length(text: &str) -> Result<u32, Unfit> {
    let count = text.chars().count();
    let reason = || format!("expected less than 2^32 characters, got {count}");
    u32::try_from(count).map_err(|_| Unfit { span: None, reason: reason() })
}

/// Refuses a span that cannot be a mention in a text of so many characters.
///
/// # Errors
/// Expected, then got.
pub fn check_span((start, end): (u32, u32), length: u32) -> Result<(), String> {
    if start >= end {
        Err(format!("expected an end after the start {start}, got {end}"))
    } else if end > length {
        Err(format!("expected an end within the text's {length} characters, got {end}"))
    } else if end - start > LONGEST_SPAN {
        Err(format!("expected a mention of at most {LONGEST_SPAN} characters, got {}", end - start))
    } else {
        Ok(())
    }
}

/// For each character whether a token boundary must stand before it.
fn cut_places(length: u32, breaks: &[u32], spans: &[(u32, u32)]) -> Vec<bool> {
    let mut cuts = vec![false; length as usize];
    for place in spans.iter().flat_map(|&(start, end)| [start, end]).chain(breaks.iter().copied()) {
        if let Some(cut) = cuts.get_mut(place as usize) {
            *cut = true;
        }
    }
    cuts
}

fn cut_tokens<'t>(text: &'t str, cuts: &[bool]) -> Vec<Piece<'t>> {
    let mut pieces: Vec<Piece<'t>> = Vec::with_capacity(text.len() / 5);
    let mut before = Class::Space;
    let mut newlines = 0;
    for ((place, (byte, character)), &cut) in (0..).zip(text.char_indices()).zip(cuts) {
        let class = Class::of(character);
        let past = byte + character.len_utf8();
        let slice = |from: usize| text.get(from..past).unwrap_or_default();
        match pieces.last_mut() {
            _ if class == Class::Space => newlines += u32::from(character == '\n'),
            Some(piece) if class.continues(before) && !cut => {
                piece.text = slice(piece.first_byte);
                piece.end = place + 1;
            }
            _ => {
                let gap = Gap::of(before, newlines);
                pieces.push(Piece { text: slice(byte), first_byte: byte, start: place, end: place + 1, gap });
                newlines = 0;
            }
        }
        before = class;
    }
    pieces
}

impl Gap {
    fn of(before: Class, newlines: u32) -> Self {
        match (before, newlines) {
            (Class::Space, 0 | 1) => Self::Space,
            (Class::Space, _) => Self::BlankLine,
            _ => Self::Nothing,
        }
    }
}

/// For each token whether a span holds it together with the token before it.
fn held_together(pieces: &[Piece], spans: &[(u32, u32)]) -> Result<Vec<bool>, Unfit> {
    let mut steps = vec![0_i64; pieces.len() + 1];
    for (place, &(start, end)) in spans.iter().enumerate() {
        let first = pieces.partition_point(|piece| piece.start < start);
        let past = pieces.partition_point(|piece| piece.end <= end);
        if first >= past {
            let reason = "expected a mention, got nothing but whitespace".to_owned();
            return Err(Unfit { span: Some(place), reason });
        }
        for (at, step) in [(first + 1, 1), (past, -1)] {
            if let Some(sum) = steps.get_mut(at) {
                *sum += step;
            }
        }
    }
    let open = steps.iter().scan(0, |open, step| {
        *open += step;
        Some(*open > 0)
    });
    Ok(open.take(pieces.len()).collect())
}

/// `text` in lower case, borrowed where it already is.
fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
}
