//! Edge-oriented-graph files: a document a line, tab-separated, sentences already tokenised and pairs spelt out.
//!
//! The first column is the document's name, the second its sentences joined by `|`, tokens parted by single spaces.
//! Then 17 columns a pair: the label, the direction, whether the pair crosses sentences, the closest two spans, and for
//! each of the two arguments its id, mention names joined by `|`, type, and the mentions' token starts, token ends
//! (exclusive) and sentence ids joined by `:`, tokens counted within the document.
//!
//! A label is `1:RELATION:2` (the first argument is the head), `2:RELATION:1` (the second is), with the relation `NR`
//! where none holds, or `not_include` for a pair kept out of training and scoring. Only the pairs listed are asked
//! about. A `|` next to a space is a token, not a separator.

use std::collections::{BTreeSet, HashMap};

use ground::excerpt::quoted;

use super::lines::line_records;
use crate::cut::CutError;
use crate::document::{Document, Entity, Fact, Mention, Token};
use crate::fault::Fault;
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;

const COLUMNS_OF_PAIR: usize = 17;
const NO_RELATION: &str = "NR";
const LEFT_OUT: &str = "not_include";

/// The reader of edge-oriented-graph files. They are always labelled.
///
/// A document's title is its first sentence. Its entities stand in the order of their first mentions in the text, then
/// of their ids; mentions in the order of the text, named as the source names them.
#[derive(Debug, Clone, Copy, Default)]
pub struct EdgeGraph;

/// The six columns of a pair's argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Argument<'t> {
    id: &'t str,
    names: &'t str,
    kind: &'t str,
    starts: &'t str,
    ends: &'t str,
    sentences: &'t str,
}

/// Where an argument stands.
#[derive(Debug, Clone, Copy)]
struct MentionPlace {
    pair: usize,
    side: &'static str,
}

/// A pair's label, head first.
#[derive(Debug, Clone, Copy)]
struct Pair<'t> {
    head: &'t str,
    tail: &'t str,
    relation: Option<&'t str>,
    left_out: bool,
}

impl Reader for EdgeGraph {
    /// Cuts a file into lines, numbered as they stand in the file.
    fn records(&self, input: Input) -> Result<Records, CutError> {
        line_records(input, |line| {
            let first = String::from_utf8_lossy(line);
            let known = line.contains(&b'\t');
            known.then_some(()).ok_or_else(|| format!("expected columns parted by tabs, got {}", quoted(&first)))
        })
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let unnamed = |error| Reject { name: None, fault: Fault::new("record", format!("expected UTF-8: {error}")) };
        let line = str::from_utf8(&record.bytes).map_err(unnamed)?;
        let columns: Vec<&str> = line.split('\t').collect();
        let name = columns.first().filter(|name| !name.is_empty()).map(|&name| name.into());
        document(&columns).map_err(|fault| Reject { name, fault })
    }
}

impl MentionPlace {
    fn fault(self, column: &str, reason: String) -> Fault {
        Fault::new(format!("pair {}, {} {column}", self.pair, self.side), reason)
    }
}

fn document(columns: &[&str]) -> Result<Document, Fault> {
    check_columns(columns.len())?;
    let [id, text, pairs @ ..] = columns else { return Err(Fault::new("record", "expected two columns")) };
    if id.is_empty() {
        return Err(Fault::new("document", "expected a name, got none"));
    }
    let sentences = sentences(text)?;
    let (arguments, pairs) = read_pairs(pairs)?;
    let (places, entities) = entities(&arguments, &sentences)?;
    let title = text_of(sentences.first().map_or(&[], Vec::as_slice));
    let mut document = Document {
        id: (*id).into(),
        title: title.into(),
        sentences,
        entities,
        facts: Some(Vec::new()),
        asked: Some(BTreeSet::new()),
        ..Document::default()
    };
    for (number, pair) in (1..).zip(&pairs) {
        ask(&mut document, &places, number, pair)?;
    }
    Ok(document)
}

fn check_columns(count: usize) -> Result<(), Fault> {
    if count >= 2 && (count - 2).is_multiple_of(COLUMNS_OF_PAIR) {
        return Ok(());
    }
    Err(Fault::new("columns", format!("expected 2 and {COLUMNS_OF_PAIR} a pair, got {count}")))
}

fn sentences(text: &str) -> Result<Vec<Vec<Token>>, Fault> {
    let sentence = |(place, sentence): (usize, &str)| -> Result<Vec<Token>, Fault> {
        if sentence.is_empty() {
            return Ok(Vec::new());
        }
        let token = |text: &str| match text {
            "" => Err(Fault::new(format!("sentence {place}"), "expected one space between tokens, got several")),
            _ => Ok(Token { text: text.into(), characters: None }),
        };
        sentence.split(' ').map(token).collect()
    };
    split_bars(text).into_iter().enumerate().map(sentence).collect()
}

/// Splits at every `|` that has no space next to it.
fn split_bars(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (place, _) in text.match_indices('|') {
        let (before, after) = (text.get(start..place).unwrap_or_default(), text.get(place + 1..).unwrap_or_default());
        if !text.get(..place).unwrap_or_default().ends_with(' ') && !after.starts_with(' ') {
            parts.push(before);
            start = place + 1;
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// An argument and where it stands, for a fault.
type Placed<'t> = (MentionPlace, Argument<'t>);

/// The distinct arguments in the order in which they stand, each with its place for a fault, and the pairs.
fn read_pairs<'t>(columns: &[&'t str]) -> Result<(Vec<Placed<'t>>, Vec<Pair<'t>>), Fault> {
    let mut arguments: Vec<Placed<'t>> = Vec::new();
    let mut known: HashMap<&str, Argument<'t>> = HashMap::new();
    let mut pairs = Vec::new();
    for (number, columns) in (1..).zip(columns.chunks_exact(COLUMNS_OF_PAIR)) {
        let &[label, _, _, _, _, ref columns @ ..] = columns else { continue };
        let &[a1, a2, a3, a4, a5, a6, b1, b2, b3, b4, b5, b6] = columns else { continue };
        for (side, columns) in [("first", [a1, a2, a3, a4, a5, a6]), ("second", [b1, b2, b3, b4, b5, b6])] {
            let [id, names, kind, starts, ends, sentences] = columns;
            let argument = Argument { id, names, kind, starts, ends, sentences };
            let place = MentionPlace { pair: number, side };
            match known.insert(id, argument) {
                None => arguments.push((place, argument)),
                Some(before) if before == argument => {}
                Some(_) => {
                    return Err(place.fault("id", format!("expected the same columns as before for {}", quoted(id))));
                }
            }
        }
        pairs.push(pair(label, (a1, b1)).map_err(|reason| Fault::new(format!("pair {number}, label"), reason))?);
    }
    Ok((arguments, pairs))
}

fn pair<'t>(label: &'t str, (first, second): (&'t str, &'t str)) -> Result<Pair<'t>, String> {
    let left_out = label == LEFT_OUT;
    let (head, relation, tail) = if left_out {
        (first, NO_RELATION, second)
    } else if let Some(relation) = label.strip_prefix("1:").and_then(|label| label.strip_suffix(":2")) {
        (first, relation, second)
    } else if let Some(relation) = label.strip_prefix("2:").and_then(|label| label.strip_suffix(":1")) {
        (second, relation, first)
    } else {
        return Err(format!("expected `1:RELATION:2`, `2:RELATION:1` or `{LEFT_OUT}`, got {}", quoted(label)));
    };
    if relation.is_empty() {
        return Err(format!("expected a relation, got {}", quoted(label)));
    }
    Ok(Pair { head, tail, relation: (relation != NO_RELATION).then_some(relation), left_out })
}

/// The entities, and the place of each by its id.
fn entities<'t>(
    arguments: &[(MentionPlace, Argument<'t>)],
    sentences: &[Vec<Token>],
) -> Result<(HashMap<&'t str, u32>, Vec<Entity>), Fault> {
    let ends: Vec<u32> = sentences
        .iter()
        .scan(0, |end: &mut u32, sentence| {
            *end = end.saturating_add(ground::whole(sentence.len()));
            Some(*end)
        })
        .collect();
    let mut entities = Vec::with_capacity(arguments.len());
    for (place, argument) in arguments {
        let mentions = mentions(argument, &ends).map_err(|(column, reason)| place.fault(column, reason))?;
        entities.push((argument.id, Entity { kb_id: Some(argument.id.into()), mentions }));
    }
    entities.sort_by_key(|(id, entity)| (entity.mentions.first().map(|mention| mention.start), *id));
    let places = (0..).zip(&entities).map(|(place, (id, _))| (*id, place)).collect();
    Ok((places, entities.into_iter().map(|(_, entity)| entity).collect()))
}

/// An argument's mentions in the order of the text, or the column at fault and the reason.
fn mentions(argument: &Argument, sentence_ends: &[u32]) -> Result<Vec<Mention>, (&'static str, String)> {
    if argument.id.is_empty() || argument.id == "-1" {
        return Err(("id", format!("expected an id, got {}", quoted(argument.id))));
    }
    let starts = numbers(argument.starts).map_err(|reason| ("token starts", reason))?;
    let ends = numbers(argument.ends).map_err(|reason| ("token ends", reason))?;
    let sentences = numbers(argument.sentences).map_err(|reason| ("sentence ids", reason))?;
    let names = split_bars(argument.names);
    let counts = [("token ends", ends.len()), ("sentence ids", sentences.len()), ("names", names.len())];
    if let Some((column, count)) = counts.into_iter().find(|(_, count)| *count != starts.len()) {
        return Err((column, format!("expected as many as the {} token starts, got {count}", starts.len())));
    }
    let mut mentions = Vec::with_capacity(starts.len());
    for (((&start, &end), &sentence), name) in starts.iter().zip(&ends).zip(&sentences).zip(names) {
        check_place(start, end, sentence, sentence_ends)?;
        mentions.push(Mention { name: name.into(), kind: argument.kind.into(), sentence, start, end });
    }
    mentions.sort_by_key(|mention| (mention.start, mention.end));
    Ok(mentions)
}

/// Checks that the tokens `start..end` stand in the sentence, given one past the last token of each sentence.
fn check_place(start: u32, end: u32, sentence: u32, sentence_ends: &[u32]) -> Result<(), (&'static str, String)> {
    let place = sentence as usize;
    let Some(&last) = sentence_ends.get(place) else {
        return Err(("sentence ids", format!("expected one below {}, got {sentence}", sentence_ends.len())));
    };
    let first = place.checked_sub(1).and_then(|before| sentence_ends.get(before)).copied().unwrap_or(0);
    if start < first || start >= end {
        return Err(("token starts", format!("expected one from {first} and before its end {end}, got {start}")));
    }
    if end > last {
        return Err(("token ends", format!("expected one of at most {last} in sentence {sentence}, got {end}")));
    }
    Ok(())
}

fn numbers(column: &str) -> Result<Vec<u32>, String> {
    let number = |part: &str| part.parse().map_err(|_| format!("expected whole numbers, got {}", quoted(part)));
    column.split(':').map(number).collect()
}

fn ask(document: &mut Document, places: &HashMap<&str, u32>, number: usize, pair: &Pair) -> Result<(), Fault> {
    let (Some(&head), Some(&tail)) = (places.get(pair.head), places.get(pair.tail)) else {
        return Err(Fault::new(format!("pair {number}"), "expected arguments with mentions, got none"));
    };
    if !document.asked.get_or_insert_default().insert((head, tail)) {
        let twice = format!("{} to {}", quoted(pair.head), quoted(pair.tail));
        return Err(Fault::new(format!("pair {number}"), format!("expected each pair once, got {twice} again")));
    }
    if pair.left_out {
        document.left_out.insert((head, tail));
    }
    if let Some(relation) = pair.relation {
        let fact = Fact { head, tail, relation: relation.into(), ..Fact::default() };
        document.facts.get_or_insert_default().push(fact);
    }
    Ok(())
}

fn text_of(sentence: &[Token]) -> String {
    let words: Vec<&str> = sentence.iter().map(|token| &*token.text).collect();
    words.join(" ")
}
