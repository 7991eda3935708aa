//! Files cut into lines, and lines into blocks, one line or block in memory at a time.

use std::io::{self, BufRead, Read};
use std::iter::Peekable;
use std::path::Path;

use memchr::memchr;

use crate::cut::{BYTE_ORDER_MARK, CutError, Unreadable};
use crate::reader::{Record, Records};
use crate::source::unfold::peek;
use crate::source::{Input, Stream};

/// A longer line is damage: without this, a file without line ends would fill the memory.
const LONGEST_LINE: usize = 256 << 20;
/// For a longer one there is room at once.
const LONG_LINE: usize = 16 << 20;

/// The lines of a file without their ends (`\n` or `\r\n`; `\r` in a file that has no other within its first 16 MiB)
/// and without a byte order mark at the start of the file.
///
/// After an error nothing more comes.
pub struct Lines {
    source: Option<Stream>,
    number: u64,
    /// What ends a line; `None` before the first.
    end: Option<u8>,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Input::at(path).stream()?))
    }

    /// Those of a stream.
    pub fn new(source: Stream) -> Self {
        Self { source: Some(source), number: 0, end: None }
    }

    fn read(&mut self) -> io::Result<Option<Record>> {
        let mut bytes = Vec::new();
        let end = match self.end {
            Some(end) => end,
            None => self.find_end()?,
        };
        let Some(source) = &mut self.source else { return Ok(None) };
        let mut read = source.take(LONG_LINE as u64).read_until(end, &mut bytes)?;
        if read == LONG_LINE && bytes.last() != Some(&end) {
            // At once, as a list that grows by itself takes three times as much at the end.
            bytes.reserve_exact(LONGEST_LINE + 1 - LONG_LINE);
            read += source.take((LONGEST_LINE + 1 - LONG_LINE) as u64).read_until(end, &mut bytes)?;
        }
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if read > LONGEST_LINE {
            return Err(Unreadable::damaged(format!("line {} is longer than 256 MiB", self.number)));
        }
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(Record { number: self.number, bytes }))
    }

    /// Looks for what ends the lines: as far as the first `\n`, or where there could be one.
    fn find_end(&mut self) -> io::Result<u8> {
        let Some(source) = self.source.take() else { return Ok(b'\n') };
        let (start, source, _) = peek(source, |source, start| source.take(LONG_LINE as u64).read_until(b'\n', start))?;
        self.source = Some(source);
        Ok(*self.end.insert(line_end(&start)))
    }
}

/// What ends the lines of a file that starts so.
fn line_end(start: &[u8]) -> u8 {
    let has_lone_return = memchr(b'\r', start).is_some_and(|place| place + 1 < start.len());
    if has_lone_return && memchr(b'\n', start).is_none() { b'\r' } else { b'\n' }
}

impl Iterator for Lines {
    /// A line, numbered from 1.
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.read().transpose();
        if !matches!(line, Some(Ok(_))) {
            self.source = None;
        }
        line
    }
}

/// The lines of a source that are not blank, a record a line, numbered as lines.
///
/// # Errors
/// [`CutError::Format`] with the reason that `check` gives for the first of them.
pub fn line_records(input: Input, check: fn(&[u8]) -> Result<(), String>) -> Result<Records, CutError> {
    records(Lines::new(input.stream()?), check)
}

/// The same of lines that are open.
///
/// # Errors
/// As there.
pub fn records(lines: Lines, check: fn(&[u8]) -> Result<(), String>) -> Result<Records, CutError> {
    let mut lines = lines.peekable();
    check_first(&mut lines, check)?;
    Ok(Box::new(lines.filter(|line| !is_blank(line)).map(|line| line.map_err(CutError::from))))
}

/// Blocks of lines with blank lines between them, a record a block, its lines joined by `\n`.
pub struct Blocks {
    lines: Peekable<Lines>,
    number: u64,
}

impl Blocks {
    /// Those of a source.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn of(input: Input) -> io::Result<Self> {
        Ok(Self { lines: Lines::new(input.stream()?).peekable(), number: 0 })
    }

    fn continues(&mut self) -> bool {
        match self.lines.peek() {
            Some(Ok(line)) => !line.bytes.trim_ascii().is_empty(),
            Some(Err(_)) => true,
            None => false,
        }
    }
}

impl Iterator for Blocks {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        skip_blank(&mut self.lines);
        let mut bytes = match self.lines.next()? {
            Ok(line) => line.bytes,
            Err(error) => return Some(Err(error.into())),
        };
        while self.continues() {
            match self.lines.next() {
                Some(Ok(line)) => {
                    bytes.push(b'\n');
                    bytes.extend(line.bytes);
                }
                Some(Err(error)) => return Some(Err(error.into())),
                None => break,
            }
        }
        self.number += 1;
        Some(Ok(Record { number: self.number, bytes }))
    }
}

fn check_first(lines: &mut Peekable<Lines>, check: fn(&[u8]) -> Result<(), String>) -> Result<(), CutError> {
    skip_blank(lines);
    match lines.peek() {
        Some(Ok(line)) => check(&line.bytes).map_err(CutError::Format),
        _ => Ok(()),
    }
}

fn skip_blank(lines: &mut Peekable<Lines>) {
    while lines.next_if(is_blank).is_some() {}
}

fn is_blank(line: &io::Result<Record>) -> bool {
    line.as_ref().is_ok_and(|line| line.bytes.trim_ascii().is_empty())
}
