//! The lines of an annotation file.

use std::collections::{HashMap, HashSet};

use ground::excerpt::quoted;

use super::super::marked::{Arrow, Marked, Marking};
use crate::fault::{Fault, Part};
use crate::text::Characters;

/// Characters from the first to the last piece of a mention, up to which that is the mention.
const LONGEST_HULL: u32 = 200;

/// Words of a type that are numbers, at most.
const MOST_NUMBERS: usize = 8;

const EVENTS: &str = "events, which are no relations of pairs: left aside";
const TRIGGERS: &str = "mentions that name an event, and nothing else: left aside";
const NOTES: &str = "notes: left aside";
const ATTRIBUTES: &str = "attributes of mentions and events: left aside";
const UNKNOWN: &str = "lines of annotations of no known kind: left aside";
const IN_PIECES: &str = "mentions in pieces: taken from the first piece to the last";
const FAR_PIECES: &str = "mentions in pieces far apart: the first piece is taken";

/// What an annotation file says.
#[derive(Debug, Default)]
pub struct Read<'t> {
    /// All of it; where a mention is in pieces, its span is that of the first.
    pub marked: Marked<'t>,
    /// The pieces of such mentions, by the mention's place.
    pub pieces: Vec<(usize, Vec<(u32, u32)>)>,
}

/// Lines that say something of others, which may come later.
#[derive(Default)]
struct Pending<'t> {
    /// Mention, identifier.
    identifiers: Vec<(&'t str, &'t str)>,
    /// What is said, of what, and the value.
    attributes: Vec<[&'t str; 3]>,
    /// Mentions that name events.
    triggers: HashSet<&'t str>,
    /// Those that something else names too.
    named: HashSet<&'t str>,
}

/// Reads the lines of a file.
pub fn read(source: &str) -> Read<'_> {
    let (mut found, mut pending) = (Read::default(), Pending::default());
    for (number, line) in (1_usize..).zip(source.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let mut columns = line.splitn(3, '\t');
        let (id, body) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        match id.bytes().next() {
            Some(b'T') => found.mention(id, body, columns.next()),
            Some(b'R') => found.relation(id, body, &mut pending),
            Some(b'*') => found.equivalence(number, body, &mut pending),
            Some(b'N') => found.normalisation(id, body, &mut pending),
            Some(b'A' | b'M') => {
                let (name, rest) = word(body);
                let (target, value) = word(rest);
                pending.attributes.push([name, target, value]);
            }
            Some(b'E') => {
                found.marked.remark(EVENTS, quoted(line));
                pending.triggers.extend(word(body).0.rsplit_once(':').map(|(_, trigger)| trigger));
            }
            Some(b'#') => found.marked.remark(NOTES, quoted(line)),
            _ => found.marked.remark(UNKNOWN, format!("line {number}: {}", quoted(line))),
        }
    }
    found.complete(&pending);
    found
}

impl<'t> Read<'t> {
    fn mention(&mut self, id: &'t str, body: &'t str, name: Option<&'t str>) {
        let Some((kind, pieces)) = kind_and_pieces(body) else {
            let reason = format!("expected a type and offsets, `Chemical 0 9`, got {}", quoted(body));
            return self.marked.lose(Part::Mention, Fault::new(id, reason));
        };
        let Some(&first) = pieces.first() else { return };
        let place = self.marked.mentions.len();
        if pieces.len() > 1 {
            self.pieces.push((place, pieces));
        }
        self.marked.mentions.push(Marking {
            id: id.into(),
            kind: kind.into(),
            span: first,
            name,
            kb_ids: Vec::new(),
            place: id.to_owned(),
        });
    }

    fn relation(&mut self, id: &'t str, body: &'t str, pending: &mut Pending<'t>) {
        let (name, arguments) = starts(body).find(|(_, rest)| word(rest).0.contains(':')).unwrap_or((body, ""));
        let arguments: Vec<(&str, &str)> = arguments.split_whitespace().filter_map(|one| one.split_once(':')).collect();
        let (&[(one, head), (other, tail)], false) = (arguments.as_slice(), name.is_empty()) else {
            let reason = format!("expected a relation of two mentions, `Treats Arg1:T1 Arg2:T2`, got {}", quoted(body));
            return self.marked.lose(Part::Relation, Fault::new(id, reason));
        };
        let ends = if is_turned(one, other) { [tail, head] } else { [head, tail] };
        pending.named.extend(ends);
        self.marked.arrows.push(Arrow {
            ends: ends.map(Into::into),
            relation: name.into(),
            attributes: Vec::new(),
            place: id.to_owned(),
        });
    }

    fn equivalence(&mut self, number: usize, body: &'t str, pending: &mut Pending<'t>) {
        let (name, members) = word(body);
        if !name.eq_ignore_ascii_case("equiv") {
            return self.marked.remark(UNKNOWN, format!("line {number}: {}", quoted(body)));
        }
        let members: Vec<&str> = members.split_whitespace().collect();
        pending.named.extend(&members);
        for pair in members.windows(2) {
            let &[one, other] = pair else { continue };
            let (ends, place) = ([one.into(), other.into()], format!("line {number}"));
            self.marked.same.push(Arrow { ends, relation: name.into(), attributes: Vec::new(), place });
        }
    }

    fn normalisation(&mut self, id: &'t str, body: &'t str, pending: &mut Pending<'t>) {
        let (_, rest) = word(body);
        let (target, identifier) = word(rest);
        if identifier.is_empty() {
            return self.marked.remark(UNKNOWN, format!("{id}: {}", quoted(body)));
        }
        pending.named.insert(target);
        pending.identifiers.push((target, identifier.strip_prefix(super::write::NO_BASE).unwrap_or(identifier)));
    }

    /// Gives lines what others say of them.
    fn complete(&mut self, pending: &Pending<'t>) {
        let marked = &mut self.marked;
        let mentions = marked.mentions.iter().enumerate().map(|(place, mention)| (mention.id.clone(), place));
        let mentions: HashMap<_, usize> = mentions.collect();
        for &(target, identifier) in &pending.identifiers {
            match mentions.get(target).and_then(|&place| marked.mentions.get_mut(place)) {
                Some(mention) => mention.kb_ids.push(identifier.into()),
                None => marked.remark(UNKNOWN, format!("an identifier of {}", quoted(target))),
            }
        }
        let relations = marked.arrows.iter().enumerate().map(|(place, arrow)| (arrow.place.clone(), place));
        let relations: HashMap<String, usize> = relations.collect();
        for [name, target, value] in &pending.attributes {
            let value = if value.is_empty() { "true" } else { value };
            match relations.get(*target).and_then(|&place| marked.arrows.get_mut(place)) {
                Some(arrow) => arrow.attributes.push(format!("{name}={value}").into()),
                None => marked.remark(ATTRIBUTES, format!("`{name}` of {}", quoted(target))),
            }
        }
        self.drop_triggers(pending);
    }

    /// Takes out mentions that do nothing but name events.
    fn drop_triggers(&mut self, pending: &Pending) {
        let is_trigger =
            |mention: &Marking| pending.triggers.contains(&*mention.id) && !pending.named.contains(&*mention.id);
        let mut kept = Vec::with_capacity(self.marked.mentions.len());
        for mention in std::mem::take(&mut self.marked.mentions) {
            if is_trigger(&mention) {
                self.marked.remark(TRIGGERS, mention.place);
                kept.push(None);
            } else {
                kept.push(Some(self.marked.mentions.len()));
                self.marked.mentions.push(mention);
            }
        }
        let moved = |(place, pieces): (usize, _)| Some((kept.get(place).copied().flatten()?, pieces));
        self.pieces = std::mem::take(&mut self.pieces).into_iter().filter_map(moved).collect();
    }
}

/// Makes one span of each mention in pieces.
pub fn join_pieces(marked: &mut Marked<'_>, pieces: &[(usize, Vec<(u32, u32)>)], text: &Characters) {
    for (place, pieces) in pieces {
        let (start, end) =
            pieces.iter().fold((u32::MAX, 0), |(start, end), &(from, to)| (start.min(from), end.max(to)));
        let Some(mention) = marked.mentions.get_mut(*place) else { continue };
        // brat parts a mention at the end of a line: nothing is left out between such pieces.
        let is_blank = |pair: &[(u32, u32)]| match pair {
            &[(_, end), (start, _)] => text.slice((end, start)).is_some_and(|gap| gap.trim().is_empty()),
            _ => true,
        };
        if pieces.windows(2).all(is_blank) {
            mention.span = (start, end);
            continue;
        }
        mention.name = None;
        let (what, example) = if end.saturating_sub(start) <= LONGEST_HULL {
            mention.span = (start, end);
            (IN_PIECES, text.slice((start, end)).unwrap_or_default())
        } else {
            (FAR_PIECES, text.slice(mention.span).unwrap_or_default())
        };
        let example = format!("{}: {}", mention.place, quoted(example));
        marked.remark(what, example);
    }
}

/// What stands before a word and from it on, for each but the first.
fn starts(body: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut before = None;
    body.char_indices().filter_map(move |(place, character)| {
        let begins = before == Some(' ') && character != ' ';
        before = Some(character);
        begins.then(|| (body.get(..place).unwrap_or_default().trim(), body.get(place..).unwrap_or_default()))
    })
}

/// A type and what follows it. A type should have no blanks; where it has, its end is where numbers begin.
fn kind_and_pieces(body: &str) -> Option<(&str, Vec<(u32, u32)>)> {
    let numbers = starts(body).filter(|(_, rest)| rest.starts_with(|first: char| first.is_ascii_digit()));
    numbers.take(MOST_NUMBERS).find_map(|(kind, rest)| Some((kind, spans(rest)?)))
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

/// Offsets of pieces: `0 5;16 23`.
fn spans(text: &str) -> Option<Vec<(u32, u32)>> {
    let span = |piece: &str| {
        let (start, end) = piece.trim().split_once(' ')?;
        Some((start.parse().ok()?, end.trim().parse().ok()?))
    };
    text.split(';').map(span).collect()
}

/// Whether roles that are numbered stand the other way round: `Arg2:T1 Arg1:T2`.
fn is_turned(one: &str, other: &str) -> bool {
    one.strip_suffix('2').is_some_and(|stem| other.strip_suffix('1') == Some(stem))
}
