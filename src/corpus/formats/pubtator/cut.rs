//! A `PubTator` file cut into articles.

use std::io;
use std::iter::Peekable;

use crate::cut::CutError;
use crate::formats::lines::Lines;
use crate::reader::Record;

use super::article::{Passage, column};

/// The articles of a file, a record each: the lines of one id, blank lines between them as one.
///
/// A title line of another id begins the next article, even where no blank line stands before it, and so does any
/// passage line of another id behind a blank line. So does one of the same id behind the first passages, but in a full
/// text of passages that are a title line and an empty abstract each: two articles of one id are not one. Annotations
/// stay with the article before them, whatever their id: it says what it does not take.
pub(super) struct Articles {
    lines: Peekable<Lines>,
    number: u64,
    most_bytes: usize,
}

/// What an article has beside titles.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    None,
    /// Passages, but no text among the first lines: further titles may be passages of a full text.
    Passages,
    /// Text among the first lines: another title begins another article.
    Text,
}

/// An article under way.
struct Open {
    id: Vec<u8>,
    bytes: Vec<u8>,
    first_line: Vec<u8>,
    /// Whether its first lines are passages alone so far.
    is_head: bool,
    body: Body,
    /// Whether the last line was a passage.
    goes_on: bool,
}

impl Articles {
    /// Those of the lines of a file. Of an article of more than so many bytes, only so many are held and one more.
    pub(super) fn of(lines: Lines, most_bytes: u64) -> Self {
        let most_bytes = usize::try_from(most_bytes).unwrap_or(usize::MAX);
        Self { lines: lines.peekable(), number: 0, most_bytes }
    }

    /// The first line that is not blank.
    pub(super) fn first(&mut self) -> Option<&[u8]> {
        self.skip_blank();
        self.lines.peek().and_then(|line| line.as_ref().ok()).map(|line| &*line.bytes)
    }

    /// Whether there were blank lines.
    fn skip_blank(&mut self) -> bool {
        let mut any = false;
        let is_blank = |line: &io::Result<Record>| line.as_ref().is_ok_and(|line| line.bytes.trim_ascii().is_empty());
        while self.lines.next_if(is_blank).is_some() {
            any = true;
        }
        any
    }
}

impl Iterator for Articles {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blank();
        let first = match self.lines.next()? {
            Ok(line) => line.bytes,
            Err(error) => return Some(Err(error.into())),
        };
        let mut article = Open::new(first, self.most_bytes);
        loop {
            let is_behind_blank = self.skip_blank();
            let continues = |line: &io::Result<Record>| match line {
                Ok(line) => article.continues(&line.bytes, is_behind_blank),
                Err(_) => true,
            };
            match self.lines.next_if(continues) {
                Some(Ok(line)) => article.push(&line.bytes, is_behind_blank, self.most_bytes),
                Some(Err(error)) => return Some(Err(error.into())),
                None => break,
            }
        }
        self.number += 1;
        Some(Ok(Record { number: self.number, bytes: article.bytes }))
    }
}

impl Body {
    /// The same with a further line.
    fn with(self, line: &[u8], is_head: bool) -> Self {
        match (self, Passage::kind_of(line)) {
            (Self::Text, _) => Self::Text,
            (_, Some(kind)) if !Passage::is_title(kind) => {
                if is_head && !line.ends_with(b"|") {
                    Self::Text
                } else {
                    Self::Passages
                }
            }
            _ => self,
        }
    }
}

impl Open {
    fn new(mut first: Vec<u8>, most_bytes: usize) -> Self {
        first.truncate(most_bytes.saturating_add(1));
        let body = Body::None.with(&first, true);
        Self { id: id_of(&first).to_vec(), bytes: first.clone(), is_head: true, first_line: first, body, goes_on: true }
    }

    fn continues(&self, line: &[u8], is_behind_blank: bool) -> bool {
        match Passage::kind_of(line) {
            None => true,
            Some(kind) if id_of(line) == self.id => {
                let is_apart = is_behind_blank || !self.goes_on;
                let is_other = is_apart && Passage::is_title(kind) && !line.ends_with(b"|");
                let is_again = self.body == Body::Text && line == self.first_line;
                !is_again && (self.body == Body::Passages || !is_other)
            }
            Some(kind) => !is_behind_blank && !Passage::is_title(kind),
        }
    }

    fn push(&mut self, line: &[u8], is_behind_blank: bool, most_bytes: usize) {
        let kind = Passage::kind_of(line);
        self.goes_on = kind.is_some();
        self.is_head &= kind.is_some() && !is_behind_blank;
        self.body = self.body.with(line, self.is_head);
        let room = most_bytes.saturating_add(1).saturating_sub(self.bytes.len());
        let breaks: &[u8] = if is_behind_blank { b"\n\n" } else { b"\n" };
        self.bytes.extend(breaks.iter().chain(line).take(room));
    }
}

/// The id with which a line of any kind begins.
fn id_of(line: &[u8]) -> &[u8] {
    column(line, b"|\t").trim_ascii()
}
