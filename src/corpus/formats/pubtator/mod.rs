//! `PubTator` files: the passages of an article, then tab-separated annotations; a blank line ends an article.
//!
//! ```text
//! ID|t|TITLE
//! ID|a|ABSTRACT
//! ID  START  END  NAME  TYPE  [KB_ID]  [COMPONENTS]     a mention
//! ID  RELATION  HEAD_KB_ID  TAIL_KB_ID  [NOVELTY] …      a relation
//! ```
//!
//! [`cut`] finds the articles, [`article`] takes their lines apart, [`layout`] says where mentions lie, [`ids`] what
//! they name, [`entities`] and [`relations`] what comes of that, by their [`names`]; [`beside`] has relations of a file
//! of their own, [`mod@write`] the way back.
//!
//! Offsets count Unicode scalar values over all passages, one between two, or anew where annotations follow each passage
//! of a full text. A mention without id, or with one that stands for none (`-`, `-1`), has no identity. Ids joined by `,`
//! and `;` are an entity each, and so are those joined by `|`, unless [`Bars`](super::dialect::Bars) says that they are
//! names of one. Lines that repeat an earlier one exactly count once. Where a name is written otherwise than in the text,
//! the text is taken; a mention whose offsets miss the text is lost, and its article only where most miss it.

mod cut;
mod article;
mod layout;
pub(super) mod spelling;
pub(super) mod ids;
pub(super) mod entities;
mod names;
pub(super) mod reach;
pub(super) mod room;
pub(super) mod relations;
pub(crate) mod beside;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use ground::excerpt::quoted;
use table::Text;

use super::dialect::{Dialect, Unit};
use super::lines::Lines;
use crate::cut::CutError;
use crate::document::{Document, Fact, Mention};
use crate::fault::{Fault, Loss, Part, Remark};
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::Input;
use crate::text::{Characters, Segmented, segment};

use article::{Article, MentionLine, RelationLine, fault};
use beside::Beside;
use cut::Articles;
use entities::{Gathered, Known};
use layout::{Laid, Standing};
use reach::Reach;
use relations::{Facts, keys_of};
use room::Room;

pub(crate) use write::PubTatorWriter;

pub(super) const RESPELT: &str = "names that differ from the text, and are taken as it has them";

/// The reader of `PubTator` files.
///
/// Entities stand in the order of their first mention lines and have their first ids as `kb_id`. A record is the lines of
/// one article, and a fault's column is the line within the record and the field: `line 7, start`. A section or passage
/// that is a document of its own is called by its article and its number there, `7#2`.
#[derive(Debug, Clone)]
pub struct PubTator {
    /// Whether the relations are given. A labelled document without relation lines has no facts; an unlabelled one is
    /// not asked, and its relation lines are dropped.
    pub labelled: bool,
    /// How lists of ids are meant, and what a document is.
    pub dialect: Dialect,
    /// The relations of another file.
    pub beside: Option<Arc<Beside>>,
}

impl Default for PubTator {
    fn default() -> Self {
        Self { labelled: true, dialect: Dialect { most_bytes: u64::MAX, ..Dialect::default() }, beside: None }
    }
}

impl Reader for PubTator {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        let mut articles = Articles::of(Lines::new(input.stream()?), self.dialect.most_bytes);
        if let Some(line) = articles.first() {
            let count = |separator: u8| line.iter().filter(|&&byte| byte == separator).count();
            // A title, or at least some line of the format: the damage is then that of the first document alone.
            let is_known = count(b'|') >= 2 || count(b'\t') >= 3;
            if !is_known {
                let first = quoted(&String::from_utf8_lossy(line));
                return Err(CutError::Format(format!("expected a line `ID|t|TITLE`, got {first}")));
            }
        }
        Ok(Box::new(articles))
    }

    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let fault = || Fault::new("record", "expected a document, got none");
        self.parse_all(record).into_iter().next().unwrap_or_else(|| Err(Reject { name: None, fault: fault() }))
    }

    fn parse_those(&self, record: &Record, asked: &dyn Fn(&str) -> bool) -> Vec<Result<Document, Reject>> {
        let source = match str::from_utf8(&record.bytes) {
            Ok(source) => source,
            Err(error) => {
                let fault = Fault::new("record", format!("expected UTF-8: {error}"));
                return vec![Err(Reject { name: None, fault })];
            }
        };
        match self.documents(source, asked) {
            Ok(documents) => documents.into_iter().map(Ok).collect(),
            Err(fault) => {
                let name = source.split(['|', '\t', '\n']).next().map(str::trim).filter(|name| !name.is_empty());
                vec![Err(Reject { name: name.map(Into::into), fault })]
            }
        }
    }
}

impl PubTator {
    /// The documents of an article that are asked for. What is in none of all of them is lost in the first.
    fn documents(&self, source: &str, asked: &dyn Fn(&str) -> bool) -> Result<Vec<Document>, Fault> {
        let mut article = Article::read(source)?;
        if let Some(beside) = &self.beside {
            let (relations, losses) = beside.of(article.id);
            article.relations.extend(relations);
            article.losses.extend(losses);
        }
        let laid = Laid::of(&article)?;
        let units = Laid::units(&article, self.dialect.unit);
        if units.is_empty() {
            return Err(Fault::new("line 1", "expected a passage with text, got none"));
        }
        let mut making = Making::new(self, &article, &laid);
        let made = units.iter().map(|unit| making.document(unit)).collect::<Result<Vec<_>, _>>()?;
        let mut losses = making.losses();
        let mut documents = self.related(made, &article.relations, asked, &mut losses);
        losses.append(&mut article.losses);
        documents.first_mut().into_iter().for_each(|first| first.losses.append(&mut losses));
        Ok(documents)
    }

    /// Those of the documents that are asked for, each with the relations whose ends it has. A relation that none of all
    /// has is lost.
    fn related(
        &self,
        made: Vec<Made>,
        lines: &[RelationLine],
        asked: &dyn Fn(&str) -> bool,
        losses: &mut Vec<Loss>,
    ) -> Vec<Document> {
        let reach = Reach::of(made.iter().map(|made| made.known.keys()));
        let room = Rc::new(Room::default());
        let mut under_way: Vec<Facts> = made.iter().map(|made| Facts::of(&made.known, Rc::clone(&room))).collect();
        let are_asked: Vec<bool> = made.iter().map(|made| asked(&made.document.id)).collect();
        let mut n_relations = vec![BTreeMap::<Text, u64>::new(); made.len()];
        for line in lines.iter().filter(|_| self.labelled) {
            let [heads, tails] = [line.heads, line.tails].map(|ids| keys_of(ids, self.dialect.bars));
            let (mut placed, mut fault) = (Vec::new(), None);
            for place in reach.both([&heads, &tails]) {
                match under_way.get_mut(place).and_then(|facts| facts.add(line)) {
                    None => placed.push(place),
                    wrong => fault = wrong,
                }
            }
            let counting = placed.iter().find(|place| are_asked.get(**place) == Some(&true));
            if let Some(counts) = counting.and_then(|place| n_relations.get_mut(*place)) {
                *counts.entry(line.relation.into()).or_default() += 1;
            }
            if placed.is_empty() {
                // What is out of the reach of all, any says.
                let fault = fault.or_else(|| under_way.last_mut()?.add(line));
                losses.extend(fault.map(|fault| Loss::new(Part::Relation, fault)));
            }
        }
        let found: Vec<_> = under_way.into_iter().map(Facts::finish).collect();
        let related = made.into_iter().zip(found).zip(n_relations).zip(are_asked);
        let related = related.filter(|(_, is_asked)| *is_asked).map(|(related, _)| related);
        related.map(|((made, found), n_relations)| made.with(found, n_relations, self.labelled)).collect()
    }
}

/// A document without its relations.
struct Made<'t> {
    document: Document,
    known: Known<'t>,
}

impl Made<'_> {
    fn with(
        self,
        (facts, remarks): (Vec<Fact>, Vec<Remark>),
        n_relations: BTreeMap<Text, u64>,
        labelled: bool,
    ) -> Document {
        let Self { mut document, known } = self;
        document.remarks.extend(remarks);
        Document {
            entities: known.entities,
            loose_mentions: known.loose,
            facts: labelled.then_some(facts),
            n_relations: Some(n_relations),
            ..document
        }
    }
}

/// The documents of an article in the making.
struct Making<'m, 't> {
    reader: &'m PubTator,
    article: &'m Article<'t>,
    laid: &'m Laid,
    characters: Characters<'m>,
    /// Where mention lines begin in the text, and their places, ascending.
    starts: Vec<(u32, usize)>,
    /// Whether each mention line is in a document.
    placed: Vec<bool>,
}

impl<'m, 't> Making<'m, 't> {
    fn new(reader: &'m PubTator, article: &'m Article<'t>, laid: &'m Laid) -> Self {
        let standing =
            laid.mentions.iter().enumerate().filter_map(|(place, mention)| Some((place, mention.as_ref().ok()?)));
        let mut starts: Vec<(u32, usize)> = standing.map(|(place, standing)| (standing.span.0, place)).collect();
        starts.sort_unstable();
        let placed = vec![false; article.mentions.len()];
        Self { reader, article, laid, characters: Characters::new(&laid.text), starts, placed }
    }

    /// The document of some passages.
    fn document(&mut self, (number, passages): &(usize, Range<usize>)) -> Result<Made<'t>, Fault> {
        let (whole, ends) = (self.reader.dialect.unit == Unit::Document, self.ends(passages));
        let text = if whole { &self.laid.text } else { self.characters.slice(ends).unwrap_or_default() };
        let mentions = self.mentions(ends);
        let segmented = self.segment(text, passages, ends.0, &mentions)?;
        let (mut gathered, mut remarks) = (Gathered::new(self.reader.dialect.bars), Vec::new());
        for (line, standing) in mentions {
            let mention = mention(line, standing, ends.0, &segmented)?;
            if let Some(there) = &standing.respelt {
                remarks.push(Remark { what: RESPELT, example: format!("{} for {}", quoted(there), quoted(line.name)) });
            }
            gathered.add(line.ids, line.kind, mention);
        }
        let first = self.article.passages.get(passages.start).filter(|passage| passage.is_title);
        let id = self.article.id;
        let document = Document {
            id: if whole { id.into() } else { format!("{id}#{number}").into() },
            title: first.map_or("", |passage| passage.text).into(),
            sentences: segmented.sentences,
            uneven: segmented.uneven,
            remarks,
            ..Document::default()
        };
        Ok(Made { document, known: gathered.finish() })
    }

    /// First and one past the last character of passages.
    fn ends(&self, passages: &Range<usize>) -> (u32, u32) {
        let passages = self.laid.passages.get(passages.clone()).unwrap_or_default();
        (passages.first().map_or(0, |ends| ends.0), passages.last().map_or(0, |ends| ends.1))
    }

    /// The mentions that stand between two characters, in the order of their lines.
    fn mentions(&mut self, (start, end): (u32, u32)) -> Vec<(&'m MentionLine<'t>, &'m Standing)> {
        let first = self.starts.partition_point(|(other, _)| *other < start);
        let behind = self.starts.get(first..).unwrap_or_default().iter();
        let mut places: Vec<usize> = behind.take_while(|(start, _)| *start < end).map(|(_, place)| *place).collect();
        places.sort_unstable();
        let within = places.into_iter().filter_map(|place| {
            let standing = self.laid.mentions.get(place)?.as_ref().ok().filter(|standing| standing.span.1 <= end)?;
            *self.placed.get_mut(place)? = true;
            Some((self.article.mentions.get(place)?, standing))
        });
        within.collect()
    }

    fn segment(
        &self,
        text: &str,
        passages: &Range<usize>,
        start: u32,
        mentions: &[(&MentionLine, &Standing)],
    ) -> Result<Segmented, Fault> {
        let spans: Vec<(u32, u32)> = mentions.iter().map(|(_, standing)| moved(standing.span, start)).collect();
        let inner = self.laid.passages.get(passages.start..passages.end.saturating_sub(1)).unwrap_or_default();
        let breaks: Vec<u32> = inner.iter().map(|(_, end)| end - start).collect();
        segment(text, &breaks, &spans).map_err(|unfit| Fault::new("text", unfit.reason))
    }

    /// The mentions that are in none of the documents.
    fn losses(self) -> Vec<Loss> {
        let mut losses = Vec::new();
        for ((line, standing), is_placed) in self.article.mentions.iter().zip(&self.laid.mentions).zip(self.placed) {
            let across = || fault(line.line, "end", "expected an end within one passage, got one in another");
            let fault = standing.as_ref().err().cloned().or_else(|| (!is_placed).then(across));
            losses.extend(fault.map(|fault| Loss::new(Part::Mention, fault)));
        }
        losses
    }
}

fn mention(line: &MentionLine, standing: &Standing, start: u32, segmented: &Segmented) -> Result<Mention, Fault> {
    let place = segmented.locate(moved(standing.span, start));
    let place = place.ok_or_else(|| fault(line.line, "start", "expected a mention"))?;
    Ok(Mention {
        name: standing.respelt.as_deref().unwrap_or(line.name.trim()).into(),
        kind: line.kind.trim().into(),
        sentence: place.sentence,
        start: place.start,
        end: place.end,
    })
}

fn moved((first, past): (u32, u32), by: u32) -> (u32, u32) {
    (first - by, past - by)
}
