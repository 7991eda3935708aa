//! `PubTator` files: a title line, an abstract line, then tab-separated annotations; a blank line ends a document.
//!
//! ```text
//! ID|t|TITLE
//! ID|a|ABSTRACT
//! ID  START  END  NAME  TYPE  KB_ID  [COMPONENTS]     a mention
//! ID  RELATION  HEAD_KB_ID  TAIL_KB_ID                 a relation
//! ```
//!
//! Offsets count Unicode scalar values in the title, one space and the abstract. Ids joined by `|` are alternatives or
//! the parts of a composite mention: each is an entity of its own and has the mention. The id `-1` and the empty id
//! stand for no identity. Lines that repeat an earlier one exactly count once.

use std::collections::{BTreeSet, HashMap, HashSet};

use ground::excerpt::quoted;

use super::dialect::Dialect;
use super::lines::Blocks;
use crate::document::{Document, Entity, Fact, Mention};
use crate::fault::Fault;
use crate::reader::{CutError, Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::{Characters, Segmented, Unfit, segment};

/// The reader of `PubTator` files.
///
/// Entities stand in the order of their first mention lines and have their ids as `kb_id`. A record is the lines of
/// one document, and a fault's column is the line within the record and the field: `line 7, start`.
#[derive(Debug, Clone)]
pub struct PubTator {
    /// Whether the relations are given. A labelled document without relation lines has no facts; an unlabelled one is
    /// not asked, and its relation lines are checked and dropped.
    pub labelled: bool,
    /// How lists of ids are meant.
    pub dialect: Dialect,
}

/// A passage line, taken apart.
#[derive(Debug, Clone, Copy)]
struct Passage<'t> {
    id: &'t str,
    text: &'t str,
}

/// The annotation lines of a document.
#[derive(Debug, Default)]
struct Annotations<'t> {
    mentions: Vec<MentionLine<'t>>,
    relations: Vec<RelationLine<'t>>,
}

#[derive(Debug)]
struct MentionLine<'t> {
    line: usize,
    span: (u32, u32),
    name: &'t str,
    kind: &'t str,
    ids: &'t str,
}

#[derive(Debug)]
struct RelationLine<'t> {
    line: usize,
    relation: &'t str,
    heads: &'t str,
    tails: &'t str,
}

/// The entities under way, and the place of each by its id.
#[derive(Debug, Default)]
struct Entities<'t> {
    places: HashMap<&'t str, u32>,
    known: Vec<Entity>,
    loose: Vec<Mention>,
}

impl Default for PubTator {
    fn default() -> Self {
        Self { labelled: true, dialect: Dialect::default() }
    }
}

impl Reader for PubTator {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        Ok(Box::new(Blocks::of(input, is_title_line, |line| {
            let count = |separator: u8| line.iter().filter(|&&byte| byte == separator).count();
            // A title, or at least some line of the format: the damage is then that of the first document alone.
            let known = count(b'|') >= 2 || count(b'\t') >= 3;
            let first = String::from_utf8_lossy(line);
            known.then_some(()).ok_or_else(|| format!("expected a line `ID|t|TITLE`, got {}", quoted(&first)))
        })?))
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let unnamed = |error| Reject { name: None, fault: Fault::new("record", format!("expected UTF-8: {error}")) };
        let source = str::from_utf8(&record.bytes).map_err(unnamed)?;
        let name = source.split(['|', '\t', '\n']).next().filter(|name| !name.is_empty()).map(Into::into);
        document(source, self.labelled).map_err(|fault| Reject { name, fault })
    }
}

fn is_title_line(line: &[u8]) -> bool {
    let mut parts = line.splitn(3, |&byte| byte == b'|');
    let id = parts.next().unwrap_or_default();
    !id.contains(&b'\t') && parts.next() == Some(b"t") && parts.next().is_some()
}

fn document(source: &str, labelled: bool) -> Result<Document, Fault> {
    let mut lines = (1..).zip(source.lines());
    let title = passage(lines.next(), 1, "t")?;
    let body = passage(lines.next(), 2, "a")?;
    if title.id.is_empty() {
        return Err(Fault::new("line 1, id", "expected an id, got none"));
    }
    check_id(body.id, title.id, 2)?;
    let annotations = Annotations::read(lines, title.id)?;
    let text = format!("{} {}", title.text, body.text);
    let title_length = ground::whole(title.text.chars().count());
    let segmented = annotations.segment(&text, title_length)?;
    let characters = Characters::new(&text);
    let mut entities = Entities::default();
    for line in &annotations.mentions {
        entities.add(line.ids, line.mention(&characters, &segmented)?);
    }
    let facts = entities.facts(&annotations.relations)?;
    Ok(Document {
        id: title.id.into(),
        title: title.text.into(),
        sentences: segmented.sentences,
        entities: entities.known,
        loose_mentions: entities.loose,
        facts: labelled.then_some(facts),
        ..Document::default()
    })
}

fn passage<'t>(line: Option<(usize, &'t str)>, number: usize, kind: &str) -> Result<Passage<'t>, Fault> {
    let line = line.map_or("", |(_, line)| line);
    let mut parts = line.splitn(3, '|');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(found), Some(text)) if found == kind => Ok(Passage { id, text }),
        _ => {
            let passage = if kind == "t" { "title `ID|t|TEXT`" } else { "abstract `ID|a|TEXT`" };
            let got = if line.is_empty() { "nothing".to_owned() } else { quoted(line) };
            Err(Fault::new(format!("line {number}"), format!("expected the {passage}, got {got}")))
        }
    }
}

impl<'t> Annotations<'t> {
    fn read(lines: impl Iterator<Item = (usize, &'t str)>, id: &str) -> Result<Self, Fault> {
        let mut annotations = Self::default();
        let mut seen = HashSet::new();
        for (number, line) in lines {
            if !line.trim().is_empty() && seen.insert(line) {
                annotations.add(number, line, id)?;
            }
        }
        Ok(annotations)
    }

    fn add(&mut self, line: usize, source: &'t str, document: &str) -> Result<(), Fault> {
        // One more than a line may have: the rest of a longer one is not looked at.
        let columns: Vec<&str> = source.splitn(8, '\t').collect();
        match *columns.as_slice() {
            [id, start, end, name, kind, ids] | [id, start, end, name, kind, ids, _] => {
                check_id(id, document, line)?;
                let span = (number(start, line, "start")?, number(end, line, "end")?);
                self.mentions.push(MentionLine { line, span, name, kind, ids });
            }
            [id, relation, heads, tails] if relation.parse::<u32>().is_err() => {
                check_id(id, document, line)?;
                if relation.is_empty() {
                    return Err(fault(line, "relation", "expected a name, got none"));
                }
                self.relations.push(RelationLine { line, relation, heads, tails });
            }
            _ => {
                let expected = "expected a mention (6 or 7 columns) or a relation (4 columns)";
                return Err(Fault::new(format!("line {line}"), format!("{expected}, got {}", quoted(source))));
            }
        }
        Ok(())
    }

    fn segment(&self, text: &str, title_length: u32) -> Result<Segmented, Fault> {
        let spans: Vec<(u32, u32)> = self.mentions.iter().map(|mention| mention.span).collect();
        segment(text, &[title_length], &spans).map_err(|Unfit { span, reason }| {
            match span.and_then(|span| self.mentions.get(span)) {
                Some(mention) => fault(mention.line, "end", reason),
                None => Fault::new("text", reason),
            }
        })
    }
}

impl MentionLine<'_> {
    fn mention(&self, characters: &Characters, segmented: &Segmented) -> Result<Mention, Fault> {
        let there = characters.slice(self.span).unwrap_or_default();
        if there != self.name {
            let reason = format!("expected the text {}, got {}", quoted(there), quoted(self.name));
            return Err(fault(self.line, "name", reason));
        }
        let place = segmented.locate(self.span).ok_or_else(|| fault(self.line, "start", "expected a mention"))?;
        Ok(Mention {
            name: self.name.into(),
            kind: self.kind.into(),
            sentence: place.sentence,
            start: place.start,
            end: place.end,
        })
    }
}

impl<'t> Entities<'t> {
    fn add(&mut self, ids: &'t str, mention: Mention) {
        let mut ids: Vec<&str> = identities(ids).collect();
        ids.sort_unstable();
        ids.dedup();
        for &id in &ids {
            let next = ground::whole(self.known.len());
            let place = *self.places.entry(id).or_insert(next);
            match self.known.get_mut(place as usize) {
                Some(entity) => entity.mentions.push(mention.clone()),
                None => self.known.push(Entity { kb_id: Some(id.into()), mentions: vec![mention.clone()] }),
            }
        }
        if ids.is_empty() {
            self.loose.push(mention);
        }
    }

    /// A fact for each combination of head and tail, each once.
    fn facts(&self, lines: &[RelationLine<'t>]) -> Result<Vec<Fact>, Fault> {
        let mut facts = Vec::new();
        let mut seen = HashSet::new();
        for line in lines {
            let tails = self.find(line.tails, line.line, "tail")?;
            for head in self.find(line.heads, line.line, "head")? {
                let new = tails.iter().filter(|&&tail| seen.insert((head, tail, line.relation)));
                let fact = |&tail| Fact { head, tail, relation: line.relation.into(), ..Fact::default() };
                facts.extend(new.map(fact));
            }
        }
        Ok(facts)
    }

    fn find(&self, ids: &str, line: usize, column: &str) -> Result<BTreeSet<u32>, Fault> {
        let find = |id: &str| match self.places.get(id) {
            Some(&place) => Ok(place),
            None => Err(fault(line, column, format!("expected the id of a mention, got {}", quoted(id)))),
        };
        ids.split('|').map(find).collect()
    }
}

/// The ids in a mention's column that stand for something.
fn identities(ids: &str) -> impl Iterator<Item = &str> {
    ids.split('|').map(str::trim).filter(|id| !matches!(*id, "" | "-1"))
}

fn check_id(got: &str, expected: &str, line: usize) -> Result<(), Fault> {
    if got == expected {
        return Ok(());
    }
    Err(fault(line, "id", format!("expected {}, got {}", quoted(expected), quoted(got))))
}

fn number(text: &str, line: usize, column: &str) -> Result<u32, Fault> {
    text.parse().map_err(|_| fault(line, column, format!("expected a whole number, got {}", quoted(text))))
}

fn fault(line: usize, column: &str, reason: impl Into<String>) -> Fault {
    Fault::new(format!("line {line}, {column}"), reason)
}
