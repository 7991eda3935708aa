//! The ids of a mention or of one end of a relation: which things they name, and by which names.
//!
//! Ids are joined by `,`, `;` and `|`. An id of a variant has `|` and `,` in it (`c|DEL|13025-13033,14417-14425|`), and
//! what follows it behind `;` is said of it: `rs2066865;Disease:D020246,D009203`. Variants are known by their form: every
//! corpus calls their type otherwise.

use std::borrow::Cow;

use ground::variant::CHANGES;
use memchr::memchr;

use crate::formats::dialect::Bars;

/// What joins ids.
const JOINTS: [char; 3] = [',', ';', '|'];
/// Bytes that a prefix or the name of a change has at most.
const LONGEST_WORD: usize = 32;

/// A thing, by all its names in the list; the first is its identity.
pub(in crate::formats) type Thing<'t> = Vec<Cow<'t, str>>;

/// The things that ids name.
pub(in crate::formats) fn things(ids: &str, bars: Bars) -> Vec<Thing<'_>> {
    let mut things: Vec<Thing> = Vec::new();
    let items = Items { rest: Some(ids), is_behind_bar: false };
    for (is_behind_bar, id) in items {
        let id = with_prefix(id, things.last().and_then(|thing| thing.last()));
        match things.last_mut() {
            Some(thing) if is_behind_bar && bars == Bars::Names => thing.push(id),
            _ => things.push(vec![id]),
        }
    }
    things
}

/// The ids of a list, each with whether a bar stands before it.
struct Items<'t> {
    rest: Option<&'t str>,
    is_behind_bar: bool,
}

impl<'t> Iterator for Items<'t> {
    type Item = (bool, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?.trim_start();
        let end = if is_variant(rest) { end_of_variant(rest) } else { rest.find(JOINTS).unwrap_or(rest.len()) };
        let (id, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let item = (self.is_behind_bar, id.trim());
        self.is_behind_bar = after.starts_with('|');
        self.rest = after.get(1..);
        Some(item)
    }
}

/// Whether a list begins with the id of a variant: of a change of a sequence, or of dbSNP.
pub(super) fn is_variant(ids: &str) -> bool {
    let id = without_prefix(ids);
    is_change(id) || is_reference(id)
}

/// Whether a list begins with a change of a sequence: `p|SUB|V|600|E`, `c|DEL888|C`, `|INS|118_119|A`.
fn is_change(ids: &str) -> bool {
    let (has_sequence, rest) = match ids.as_bytes() {
        [b'|', rest @ ..] => (false, rest),
        [letter, b'|', rest @ ..] if letter.is_ascii_alphabetic() => (true, rest),
        _ => return false,
    };
    let start = rest.get(..LONGEST_WORD).unwrap_or(rest);
    let Some(change) = memchr(b'|', start).and_then(|end| start.get(..end)) else { return false };
    match change {
        [first, second, ..] if has_sequence => first.is_ascii_uppercase() && second.is_ascii_alphabetic(),
        // It does not name the sequence.
        _ => CHANGES.iter().any(|known| known.as_bytes() == change),
    }
}

/// Whether a list begins with a number of dbSNP: `rs113488022`.
fn is_reference(ids: &str) -> bool {
    let Some(number) = ids.strip_prefix("rs") else { return false };
    let after = number.trim_start_matches(|digit: char| digit.is_ascii_digit());
    after.len() < number.len() && (after.trim_start().is_empty() || after.trim_start().starts_with(JOINTS))
}

/// Where the variant ends with which a list begins: before the next one, else at the end of what is said of it.
fn end_of_variant(ids: &str) -> usize {
    let has_joints = is_change(without_prefix(ids));
    let mut is_said = false;
    for (place, joint) in ids.match_indices(JOINTS) {
        let is_next = || ids.get(place + 1..).is_some_and(|next| is_variant(next.trim_start()));
        let is_end = match joint {
            ";" => is_next(),
            "," if !is_said => !has_joints || is_next(),
            _ => !is_said && !has_joints,
        };
        if is_end {
            return place;
        }
        is_said |= joint == ";";
    }
    ids.len()
}

/// An id with the prefix of the one before it, where it has none of its own and the form of the other: `MESH:D1,D2`.
fn with_prefix<'t>(id: &'t str, before: Option<&Cow<'t, str>>) -> Cow<'t, str> {
    let of_before = before.filter(|_| !id.contains(':')).and_then(|before| before.split_once(':'));
    match of_before {
        Some((prefix, local)) if shape(local).is_some() && shape(local) == shape(id) => format!("{prefix}:{id}").into(),
        _ => id.into(),
    }
}

/// Whether a number stands behind a capital letter; `None` for what is no number.
fn shape(id: &str) -> Option<bool> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_letter = id.starts_with(|letter: char| letter.is_ascii_uppercase());
    is_number(if has_letter { id.get(1..)? } else { id }).then_some(has_letter)
}

/// An id without its prefix.
fn without_prefix(id: &str) -> &str {
    // Lists can be long: they are not searched as a whole for each id.
    let start = id.as_bytes().get(..LONGEST_WORD).unwrap_or(id.as_bytes());
    let end = start.iter().position(|byte| !byte.is_ascii_alphanumeric()).filter(|&end| end > 0);
    match end.and_then(|end| id.get(end..)?.strip_prefix(':')) {
        Some(local) => local.trim_start(),
        None => id,
    }
}

/// The id by which relations may name a thing too: without prefix, without what is said of a variant, and without a
/// gene's species (`83817(Tax:10116)`).
pub(super) fn plain(id: &str) -> &str {
    let local = without_prefix(id);
    let end = if is_variant(id) { local.find(';') } else { local.find("(Tax:") };
    end.and_then(|end| local.get(..end)).unwrap_or(local).trim()
}
