//! The lines of an article: passages, mentions and relations, each as it stands.

use std::collections::HashSet;

use ground::excerpt::quoted;
use memchr::memchr;

use crate::fault::{Fault, Loss, Part};

/// Longest name of a kind of passage.
const LONGEST_KIND: usize = 20;

/// An article, taken apart. What is wrong with a line by itself is lost.
#[derive(Debug, Default)]
pub(super) struct Article<'t> {
    pub id: &'t str,
    pub passages: Vec<Passage<'t>>,
    pub mentions: Vec<MentionLine<'t>>,
    pub relations: Vec<RelationLine<'t>>,
    pub losses: Vec<Loss>,
}

/// A passage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passage<'t> {
    pub text: &'t str,
    pub is_title: bool,
    /// The number of its group: passages with nothing but passages between them, then annotations.
    pub group: usize,
}

/// The line of a mention.
#[derive(Debug, Clone, Copy)]
pub(super) struct MentionLine<'t> {
    pub line: usize,
    /// The group of passages before it.
    pub group: usize,
    pub span: (u32, u32),
    pub name: &'t str,
    pub kind: &'t str,
    /// Empty where the line has none.
    pub ids: &'t str,
}

/// The line of a relation.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelationLine<'t> {
    pub line: usize,
    /// Whether it stands in a file beside.
    pub is_beside: bool,
    pub relation: &'t str,
    pub heads: &'t str,
    pub tails: &'t str,
    /// What a fifth column and those behind it say of it.
    pub said: &'t str,
}

impl Passage<'_> {
    /// The kind of a passage line, `ID|KIND|TEXT`; `None` of any other line.
    pub(super) fn kind_of(line: &[u8]) -> Option<&[u8]> {
        let id = memchr(b'|', line)?;
        let after = line.get(id + 1..)?;
        let kind = after.get(..memchr(b'|', after.get(..=LONGEST_KIND).unwrap_or(after))?)?;
        let is_word = !kind.is_empty() && kind.iter().all(u8::is_ascii_alphanumeric);
        (is_word && memchr(b'\t', line.get(..id)?).is_none()).then_some(kind)
    }

    /// Whether a kind is that of titles.
    pub(super) fn is_title(kind: &[u8]) -> bool {
        kind == b"t" || kind.eq_ignore_ascii_case(b"title")
    }
}

/// What stands before the first of `ends`.
pub(super) fn column<'l>(line: &'l [u8], ends: &[u8]) -> &'l [u8] {
    line.split(|byte| ends.contains(byte)).next().unwrap_or_default()
}

impl<'t> Article<'t> {
    /// Takes the lines of one article apart.
    ///
    /// # Errors
    /// Where they begin with no passage, or a passage or the article has no or another id.
    pub(super) fn read(source: &'t str) -> Result<Self, Fault> {
        let mut article = Self::default();
        let (mut seen, mut group, mut is_open) = (HashSet::new(), 0, true);
        for (number, line) in (1..).zip(source.lines()) {
            if line.trim().is_empty() {
                is_open = false;
            } else if let Some(kind) = Passage::kind_of(line.as_bytes()) {
                if !is_open && !article.passages.is_empty() {
                    group += 1;
                    // Where offsets begin anew, the same line is another mention.
                    seen.clear();
                }
                is_open = true;
                article.add_passage(number, line, kind, group)?;
            } else if article.passages.is_empty() {
                let reason = format!("expected a passage, such as a title `ID|t|TEXT`, got {}", quoted(line));
                return Err(Fault::new(format!("line {number}"), reason));
            } else {
                is_open = false;
                if seen.insert(line) {
                    article.add_annotation(number, line, group);
                }
            }
        }
        if article.passages.is_empty() {
            return Err(Fault::new("line 1", "expected a passage, such as a title `ID|t|TEXT`, got nothing"));
        }
        Ok(article)
    }

    fn add_passage(&mut self, number: usize, line: &'t str, kind: &[u8], group: usize) -> Result<(), Fault> {
        let mut parts = line.splitn(3, '|');
        let (id, text) = (parts.next().unwrap_or_default().trim(), parts.nth(1).unwrap_or_default());
        if id.is_empty() {
            return Err(fault(number, "id", "expected an id, got none"));
        }
        if self.passages.is_empty() {
            self.id = id;
        }
        check_id(id, self.id, number)?;
        self.passages.push(Passage { text, is_title: Passage::is_title(kind), group });
        Ok(())
    }

    fn add_annotation(&mut self, number: usize, line: &'t str, group: usize) {
        let columns: Vec<&str> = line.splitn(8, '\t').collect();
        let is_number = |place: usize| columns.get(place).is_some_and(|column| column.trim().parse::<i64>().is_ok());
        let is_word = columns.get(1).is_some_and(|column| is_word(column));
        // Relations have a word there; a mention of which one number is spoilt still has the other.
        let is_mention = is_number(1) || (columns.len() > 5 && is_number(2) && !is_word);
        let id = columns.first().copied().unwrap_or_default().trim();
        let added = check_id(id, self.id, number).and_then(|()| {
            if is_mention {
                MentionLine::of(&columns, number, group).map(|mention| self.mentions.push(mention))
            } else {
                RelationLine::of(line, number).map(|relation| self.relations.push(relation))
            }
        });
        if let Err(fault) = added {
            let part = if is_mention { Part::Mention } else { Part::Relation };
            self.losses.push(Loss::new(part, fault));
        }
    }
}

impl<'t> MentionLine<'t> {
    fn of(columns: &[&'t str], line: usize, group: usize) -> Result<Self, Fault> {
        let [_, start, end, name, kind, rest @ ..] = columns else {
            let reason = format!("expected a mention of at least 5 columns, got {}", columns.len());
            return Err(Fault::new(format!("line {line}"), reason));
        };
        let span = (number(start, line, "start")?, number(end, line, "end")?);
        Ok(Self { line, group, span, name, kind, ids: rest.first().unwrap_or(&"") })
    }
}

impl<'t> RelationLine<'t> {
    /// A relation of a line whose first column is the article's id.
    pub(super) fn of(source: &'t str, line: usize) -> Result<Self, Fault> {
        let columns: Vec<&str> = source.splitn(5, '\t').collect();
        let [_, relation, heads, tails, rest @ ..] = columns.as_slice() else {
            let expected = "expected a mention (5 columns or more) or a relation (4 or more)";
            return Err(Fault::new(format!("line {line}"), format!("{expected}, got {}", quoted(source))));
        };
        if relation.trim().is_empty() {
            return Err(fault(line, "relation", "expected a name, got none"));
        }
        let said = rest.first().map_or("", |said| said.trim());
        Ok(Self { line, is_beside: false, relation: relation.trim(), heads, tails, said })
    }

    /// A fault of one of its columns.
    pub(super) fn fault(&self, column: &str, reason: impl Into<String>) -> Fault {
        let source = if self.is_beside { "relations, " } else { "" };
        Fault::new(format!("{source}line {}, {column}", self.line), reason)
    }
}

/// Whether a column is a word, as names of relations are: a number that is spoilt hardly has three letters in a row.
fn is_word(column: &str) -> bool {
    column.as_bytes().windows(3).any(|letters| letters.iter().all(u8::is_ascii_alphabetic))
}

fn check_id(got: &str, expected: &str, line: usize) -> Result<(), Fault> {
    if got == expected {
        return Ok(());
    }
    Err(fault(line, "id", format!("expected {}, got {}", quoted(expected), quoted(got))))
}

fn number(text: &str, line: usize, column: &str) -> Result<u32, Fault> {
    text.trim().parse().map_err(|_| fault(line, column, format!("expected a whole number, got {}", quoted(text))))
}

/// A fault of a column of a line.
pub(super) fn fault(line: usize, column: &str, reason: impl Into<String>) -> Fault {
    Fault::new(format!("line {line}, {column}"), reason)
}
