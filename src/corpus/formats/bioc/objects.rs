//! `BioC` JSON cut into its documents without parsing it: the elements of `documents`, of an array, or the objects one
//! behind the other.
//!
//! A collection is told from a document by its first key that says so; until then its bytes are held, as those of a
//! document are, up to what a document may have.

use std::io::BufRead;

use super::super::scan::{Scan, skip_blanks, truncated};
use crate::cut::CutError;
use crate::reader::Record;
use crate::source::Stream;

/// Keys under which collections have their documents: that of `BioC`, and of `PubTator` 3's wrapper.
const COLLECTIONS: [&[u8]; 2] = [b"documents", b"PubTator3"];
/// Arrays inside each other at most.
const MOST_LEVELS: usize = 16;

/// The documents of a stream.
pub(super) struct Objects {
    input: Stream,
    most_bytes: usize,
    number: u64,
    levels: Vec<Level>,
    is_done: bool,
}

/// What the cut stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// An array of documents or collections.
    Array,
    /// A collection, behind its documents.
    Rest,
}

impl Objects {
    /// Those of a stream that stands at its first bracket.
    pub(super) fn new(input: Stream, most_bytes: u64) -> Self {
        let most_bytes = usize::try_from(most_bytes).unwrap_or(usize::MAX);
        Self { input, most_bytes, number: 0, levels: Vec::new(), is_done: false }
    }

    fn record(&mut self) -> Result<Option<Record>, CutError> {
        while !self.is_done {
            skip_blanks(&mut self.input)?;
            let bytes = match (self.levels.last().copied(), self.peek()?) {
                (None, None) => return Ok(None),
                (Some(_), None) => return Err(truncated(&Scan::default(), "the array of documents")),
                (Some(Level::Rest), Some(_)) => self.rest()?,
                (_, Some(b'{')) => self.object()?,
                (_, Some(b'[')) => self.open()?,
                (Some(Level::Array), Some(b']')) => self.close()?,
                (Some(Level::Array), Some(b',')) => self.pass()?,
                (Some(Level::Array), Some(b'}')) | (None, Some(_)) => return Err(self.stray()),
                // No object, and no document: it is refused when it is parsed.
                (Some(Level::Array), Some(_)) => {
                    let mut held = Vec::new();
                    self.value(&mut held)?;
                    Some(held)
                }
            };
            if let Some(bytes) = bytes {
                self.number += 1;
                return Ok(Some(Record { number: self.number, bytes }));
            }
        }
        Ok(None)
    }

    /// Passes over what stands behind the documents of a collection.
    fn rest(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        self.value(&mut Vec::new())?;
        if self.peek()? == Some(b'}') { self.close() } else { self.pass() }
    }

    fn close(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        self.levels.pop();
        self.pass()
    }

    fn pass(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        self.input.fill_buf()?;
        self.input.consume(1);
        Ok(None)
    }

    fn stray(&mut self) -> CutError {
        let found = self.peek().ok().flatten().map(char::from).unwrap_or_default();
        CutError::Damaged(format!("expected a document or the end, found {found:?}"))
    }

    fn open(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        if self.levels.len() >= MOST_LEVELS {
            return Err(CutError::Damaged(format!("expected arrays nested at most {MOST_LEVELS} deep, got more")));
        }
        self.levels.push(Level::Array);
        self.pass()
    }

    /// The bytes of the object that begins here; `None` where it is a collection, which is then open at its documents.
    fn object(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        let mut held = Vec::new();
        self.hold(1, &mut held)?;
        loop {
            self.blanks(&mut held)?;
            match self.peek()? {
                None => return Err(truncated(&Scan::default(), "a document")),
                Some(b'}') => {
                    self.hold(1, &mut held)?;
                    return Ok(Some(held));
                }
                // A bracket that closes nothing: it is refused when it is parsed.
                Some(b',' | b']') => {
                    self.hold(1, &mut held)?;
                    continue;
                }
                Some(b'"') => {}
                Some(_) => {
                    self.value(&mut held)?;
                    continue;
                }
            }
            let key = self.key(&mut held)?;
            self.blanks(&mut held)?;
            if self.peek()? == Some(b':') {
                self.hold(1, &mut held)?;
                self.blanks(&mut held)?;
            }
            if COLLECTIONS.contains(&key.as_slice()) && self.peek()? == Some(b'[') {
                self.levels.push(Level::Rest);
                return self.open();
            }
            self.value(&mut held)?;
        }
    }

    /// Reads a value up to the comma or bracket behind it.
    fn value(&mut self, held: &mut Vec<u8>) -> Result<(), CutError> {
        let mut scan = Scan::default();
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(truncated(&scan, "a document"));
            }
            let (taken, is_complete) = scan.advance(buffer);
            self.hold(taken, held)?;
            if is_complete {
                return Ok(());
            }
        }
    }

    /// Reads a string, the quotes around it included, and hands on as much of it as a known key has.
    fn key(&mut self, held: &mut Vec<u8>) -> Result<Vec<u8>, CutError> {
        let (mut key, mut is_escaped) = (Vec::new(), false);
        self.hold(1, held)?;
        loop {
            let Some(byte) = self.peek()? else { return Err(truncated(&Scan::default(), "a document")) };
            self.hold(1, held)?;
            match byte {
                b'"' if !is_escaped => return Ok(key),
                _ if key.len() < 16 => key.push(byte),
                _ => {}
            }
            is_escaped = byte == b'\\' && !is_escaped;
        }
    }

    fn blanks(&mut self, held: &mut Vec<u8>) -> Result<(), CutError> {
        loop {
            let blanks = self.input.fill_buf()?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            if blanks == 0 {
                return Ok(());
            }
            self.hold(blanks, held)?;
        }
    }

    /// Takes bytes of the input; of a document one more than may be, which says that it is too long.
    fn hold(&mut self, taken: usize, held: &mut Vec<u8>) -> Result<(), CutError> {
        let rest = self.most_bytes.saturating_add(1).saturating_sub(held.len());
        let buffer = self.input.fill_buf()?;
        held.extend_from_slice(buffer.get(..taken.min(rest)).unwrap_or_default());
        self.input.consume(taken);
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, CutError> {
        Ok(self.input.fill_buf()?.first().copied())
    }
}

impl Iterator for Objects {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.record().transpose();
        self.is_done |= matches!(record, Some(Err(_)));
        record
    }
}
