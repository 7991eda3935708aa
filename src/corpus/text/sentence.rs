//! Where sentences end, decided on tokens: what stands before a stop, and what follows it.

use super::{Gap, Piece, is_mark, lower};

/// Closing quotes and brackets that a sentence takes along, and opening ones it may begin with: no more than this many.
const MOST_WRAPPERS: usize = 3;

/// Small words that stand before a person's initial (`by`, `from`) have no more letters than this.
const LONGEST_LINK: usize = 4;

/// Abbreviations that never end a sentence.
const TITLES_AND_LINKS: &[&str] =
    &["al", "approx", "ca", "cf", "dr", "eg", "etc", "ie", "mr", "mrs", "ms", "prof", "resp", "st", "viz", "vs"];

/// Abbreviations that do not end a sentence before a number: months too.
const COUNTERS: &[&str] = &[
    "ch", "eq", "eqs", "fig", "figs", "no", "nos", "p", "pp", "ref", "refs", "sec", "tab", "vol", //
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];

/// What a stop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The full stop, which stands in numbers and abbreviations too.
    Point,
    /// Ends a sentence before a space and what may begin the next.
    Mark,
    /// Ends a sentence wherever it stands.
    Full,
    /// The full stop of East Asia's width: ends a sentence wherever it stands, but in a number.
    WidePoint,
}

/// One past the last token of each sentence. A sentence must begin at a token where `walls` holds, and must not where
/// `held` does, which is the stronger.
pub(super) fn ends(pieces: &[Piece], walls: &[bool], held: &[bool]) -> Vec<usize> {
    let enclosed = enclosed(pieces, walls);
    let mut ends = Vec::new();
    let mut first = 0;
    for (place, ((&wall, &held), &enclosed)) in walls.iter().zip(held).zip(&enclosed).enumerate().skip(1) {
        let (before, rest) = pieces.split_at_checked(place).unwrap_or_default();
        let sentence = before.get(first..).unwrap_or_default();
        if !held && (wall || (!enclosed && ends_between(sentence, rest))) {
            ends.push(place);
            first = place;
        }
    }
    if !pieces.is_empty() {
        ends.push(pieces.len());
    }
    ends
}

/// Whether a sentence that begins with `sentence` ends before `rest`.
fn ends_between(sentence: &[Piece], rest: &[Piece]) -> bool {
    let Some(next) = rest.first() else { return false };
    let Some((stop, before)) = without_closers(sentence).split_last() else { return false };
    let parted = next.gap != Gap::Nothing;
    let goes_on = || is_closer(next) || Stop::of(next).is_some();
    match Stop::of(stop) {
        None => false,
        Some(Stop::Point) => parted && begins_sentence(rest) && !abbreviates(before, stop, next),
        Some(Stop::Mark) => parted && begins_sentence(rest),
        Some(Stop::Full) => parted || !goes_on(),
        Some(Stop::WidePoint) => parted || !(goes_on() || begins_with_digit(next)),
    }
}

/// The tokens without the quotes and brackets that close right after the last of them.
fn without_closers<'a, 't>(sentence: &'a [Piece<'t>]) -> &'a [Piece<'t>] {
    let mut inner = sentence;
    for _ in 0..MOST_WRAPPERS {
        match inner {
            [rest @ .., last] if closes(last) => inner = rest,
            _ => break,
        }
    }
    inner
}

/// Whether a token closes what a stop has ended, as quotes do in one of many ways: `”`, `“` after `„`, and French `»`
/// after a space.
fn closes(piece: &Piece) -> bool {
    match piece.text {
        "»" => piece.gap != Gap::BlankLine,
        "“" | "‘" | "«" => piece.gap == Gap::Nothing,
        _ => piece.gap == Gap::Nothing && is_closer(piece),
    }
}

/// Whether a sentence may begin so: with a capital, a digit, a letter that has no case, or a word of mixed case such as
/// `mRNA` or `p53`; opening quotes and brackets aside.
fn begins_sentence(rest: &[Piece]) -> bool {
    let wrappers = rest.iter().take(MOST_WRAPPERS).take_while(|piece| is_opener(piece)).count();
    let Some(first) = rest.get(wrappers) else { return false };
    first.text.starts_with(char::is_alphanumeric) && !letters(first).all(char::is_lowercase)
}

/// Whether `.` belongs to an abbreviation or an initial before it, or to the number of a list item.
fn abbreviates(before: &[Piece], stop: &Piece, next: &Piece) -> bool {
    if stop.gap != Gap::Nothing {
        return false;
    }
    match before {
        [only] if is_number(only) || is_letter(only) => true,
        [.., earlier, dot, last] if dot.text == "." && is_letter(earlier) && is_letter(last) && last.gap == dot.gap => {
            is_capital(last) || matches!((earlier.text, last.text), ("e", "g") | ("i", "e")) || !is_titlecase(next)
        }
        [.., earlier, last] if is_letter(last) => is_capital(last) && !names_a_kind(earlier, last),
        [.., last] => {
            let word = lower(last.text);
            TITLES_AND_LINKS.contains(&&*word) || (begins_with_digit(next) && COUNTERS.contains(&&*word))
        }
        [] => false,
    }
}

/// Whether a capital goes with what stands before it, and is no initial of a person: `hepatitis C`, `mol/L`, `COX-I`.
fn names_a_kind(before: &Piece, capital: &Piece) -> bool {
    match capital.gap {
        Gap::Nothing => matches!(before.text, "-" | "/"),
        _ => before.text.len() > LONGEST_LINK && letters(before).all(char::is_lowercase),
    }
}

/// For each token whether the place before it lies inside a pair of brackets. A bracket without its partner encloses
/// nothing, and none encloses the beginning of a paragraph.
fn enclosed(pieces: &[Piece], walls: &[bool]) -> Vec<bool> {
    let mut open: [Vec<usize>; 5] = Default::default();
    let mut steps = vec![0_i64; pieces.len() + 1];
    for (place, (piece, &wall)) in pieces.iter().zip(walls).enumerate() {
        if wall {
            open.iter_mut().for_each(Vec::clear);
        }
        let Some((kind, opens)) = bracket(piece) else { continue };
        let Some(partners) = open.get_mut(kind) else { continue };
        if opens {
            partners.push(place);
        } else if let Some(partner) = partners.pop() {
            for (at, step) in [(partner + 1, 1), (place + 1, -1)] {
                if let Some(sum) = steps.get_mut(at) {
                    *sum += step;
                }
            }
        }
    }
    let mut depth = 0;
    steps
        .iter()
        .take(pieces.len())
        .map(|step| {
            depth += step;
            depth > 0
        })
        .collect()
}

/// Which pair of brackets this is, and whether it opens.
fn bracket(piece: &Piece) -> Option<(usize, bool)> {
    match piece.text {
        "(" => Some((0, true)),
        ")" => Some((0, false)),
        "[" => Some((1, true)),
        "]" => Some((1, false)),
        "{" => Some((2, true)),
        "}" => Some((2, false)),
        "（" => Some((3, true)),
        "）" => Some((3, false)),
        "「" => Some((4, true)),
        "」" => Some((4, false)),
        _ => None,
    }
}

impl Stop {
    /// That of a token; those beyond ASCII are Unicode's (property `Sentence_Terminal`), of scripts that are in use.
    fn of(piece: &Piece) -> Option<Self> {
        let mut characters = piece.text.chars();
        let (Some(only), None) = (characters.next(), characters.next()) else { return None };
        Some(match only {
            '.' => Self::Point,
            '!' | '?' | '…' | '\u{203C}' | '\u{203D}' | '\u{2047}'..='\u{2049}' => Self::Mark,
            '\u{FF0E}' => Self::WidePoint,
            // Armenian, Arabic, Syriac, NKo, Devanagari and its kin.
            '\u{589}' | '\u{61E}' | '\u{61F}' | '\u{6D4}' | '\u{700}'..='\u{702}' | '\u{7F9}' | '\u{964}' | '\u{965}'
            // Myanmar, Ethiopic, Canadian syllabics, Khmer, Mongolian, Limbu, Lepcha, Ol Chiki.
            | '\u{104B}' | '\u{1362}' | '\u{1367}' | '\u{1368}' | '\u{166E}' | '\u{17D4}' | '\u{17D5}' | '\u{1803}'
            | '\u{1809}' | '\u{1944}' | '\u{1945}' | '\u{1C3B}' | '\u{1C3C}' | '\u{1C7E}' | '\u{1C7F}'
            // East Asia; Lisu, Vai, Bamum, Meetei Mayek.
            | '\u{3002}' | '\u{FF01}' | '\u{FF1F}' | '\u{FF61}' | '\u{A4FF}' | '\u{A60E}' | '\u{A60F}' | '\u{A6F3}'
            | '\u{A6F7}' | '\u{ABEB}' => Self::Full,
            _ => return None,
        })
    }
}

fn is_closer(piece: &Piece) -> bool {
    matches!(piece.text, "\"" | "'" | "”" | "’" | "»" | "」" | "』") || bracket(piece).is_some_and(|(_, opens)| !opens)
}

fn is_opener(piece: &Piece) -> bool {
    matches!(piece.text, "\"" | "'" | "“" | "‘" | "«" | "„" | "‚" | "‹" | "「" | "『" | "¿" | "¡")
        || bracket(piece).is_some_and(|(_, opens)| opens)
}

/// Its characters without the marks on them, which have no case.
fn letters(piece: &Piece) -> impl Iterator<Item = char> {
    piece.text.chars().filter(|character| !is_mark(*character))
}

fn is_number(piece: &Piece) -> bool {
    piece.text.chars().all(char::is_numeric)
}

/// Such as `3` and `3rd`.
fn begins_with_digit(piece: &Piece) -> bool {
    piece.text.starts_with(char::is_numeric)
}

fn is_letter(piece: &Piece) -> bool {
    let mut letters = letters(piece);
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

/// A capital with small letters after it.
fn is_titlecase(piece: &Piece) -> bool {
    let mut letters = letters(piece);
    let (first, mut rest) = (letters.next(), letters.peekable());
    first.is_some_and(char::is_uppercase) && rest.peek().is_some() && rest.all(char::is_lowercase)
}

fn is_capital(piece: &Piece) -> bool {
    letters(piece).all(char::is_uppercase)
}
