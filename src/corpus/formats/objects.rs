//! JSON documents cut out of a source without parsing them, one in memory at a time: the elements of an array, objects
//! one a line, objects over several lines one after another, or the rows of a Parquet file.

use std::fs::File;
use std::io::{self, BufRead, Cursor, Read};
use std::mem;
use std::path::Path;

use ground::excerpt::quoted;

use super::scan::{Scan, skip_blanks, truncated};
use crate::cut::BYTE_ORDER_MARK;
use crate::cut::CutError;
use crate::reader::{Record, Records};
use crate::source::{Input, Stream};

/// What every Parquet file begins with.
const PARQUET: &[u8] = b"PAR1";

/// What is kept of a record, where its bytes may be as many as this: one more, so that it is seen to be too long.
#[derive(Debug, Clone, Copy)]
struct Most(usize);

impl Most {
    fn keep(self, bytes: &mut Vec<u8>, more: &[u8]) {
        let room = self.0.saturating_add(1).saturating_sub(bytes.len());
        bytes.extend_from_slice(&more[..more.len().min(room)]);
    }
}

/// The documents of a source, of each no more than a byte beyond `most_bytes`.
///
/// # Errors
/// Where the source begins otherwise. `hint` is said then.
pub fn records(input: Input, most_bytes: u64, hint: &str) -> Result<Records, CutError> {
    let most = Most(usize::try_from(most_bytes).unwrap_or(usize::MAX));
    let path = input.path().to_path_buf();
    let mut stream = input.stream()?;
    if stream.fill_buf()?.starts_with(PARQUET) {
        return rows(&path);
    }
    if stream.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        stream.consume(BYTE_ORDER_MARK.len());
    }
    let n_lines = skip_blanks(&mut stream)?;
    match stream.fill_buf()?.first() {
        None => Err(CutError::Format("the file is empty".to_owned())),
        Some(b'[') => {
            stream.consume(1);
            Ok(Box::new(Elements { input: stream, most, number: 0, place: InArray::First }))
        }
        Some(b'{') => objects(stream, most, n_lines),
        Some(_) => {
            let mut line = Vec::new();
            stream.take(1000).read_until(b'\n', &mut line)?;
            let found = quoted(String::from_utf8_lossy(&line).trim_end());
            Err(CutError::Format(format!("expected a JSON array, or JSON objects one a line, got {found}{hint}")))
        }
    }
}

/// The rows of a Parquet file, each as an object.
fn rows(path: &Path) -> Result<Records, CutError> {
    // Its parts are sought from its end, which a stream has not.
    let mut head = Vec::new();
    let is_file = File::open(path).and_then(|file| file.take(PARQUET.len() as u64).read_to_end(&mut head));
    if is_file.is_err() || head != PARQUET {
        let reason = "Parquet in a pipe, an archive or compressed: expected it as a file of its own";
        return Err(CutError::Format(reason.to_owned()));
    }
    let rows = table::json_rows(path).map_err(|error| CutError::Format(in_words(&error)))?;
    let record = |(number, row): (u64, Result<Vec<u8>, table::TableError>)| match row {
        Ok(bytes) => Ok(Record { number, bytes }),
        Err(error) => Err(CutError::Damaged(in_words(&error))),
    };
    Ok(Box::new((1..).zip(rows).map(record)))
}

/// An error with what lies beneath it, but for its path, which is said already.
fn in_words(error: &table::TableError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("not a whole Parquet file: {source}"),
        None => error.to_string(),
    }
}

/// Objects one a line where the first line holds one, whole or damaged; else one after another in any layout.
fn objects(mut stream: Stream, most: Most, n_lines: u64) -> Result<Records, CutError> {
    let mut ahead = Vec::new();
    let is_lined = is_lined(&mut stream, most, &mut ahead)?;
    let input = Cursor::new(ahead).chain(stream);
    if is_lined {
        return Ok(Box::new(Lined { input, most, number: n_lines }));
    }
    Ok(Box::new(Loose { input, most, number: 0, done: false }))
}

/// Whether lines are documents, by the first line, and where that is not closed by the next. What is read is kept.
fn is_lined(stream: &mut Stream, most: Most, ahead: &mut Vec<u8>) -> io::Result<bool> {
    let mut line = |ahead: &mut Vec<u8>| -> io::Result<Vec<u8>> {
        let start = ahead.len();
        stream.take(most.0.saturating_add(1) as u64).read_until(b'\n', ahead)?;
        Ok(ahead[start..].trim_ascii_end().to_vec())
    };
    let first = line(ahead)?;
    if first.len() > most.0 {
        return Ok(true);
    }
    let mut scan = Scan::closing();
    let (taken, complete) = scan.advance(&first);
    if complete {
        return Ok(taken == first.len());
    }
    // A text cannot go on in the next line.
    if scan.is_in_text() {
        return Ok(true);
    }
    let next = line(ahead)?;
    let (taken, complete) = Scan::closing().advance(&next);
    Ok(next.starts_with(b"{") && next.len() <= most.0 && complete && taken == next.len())
}

/// Objects one a line, numbered as lines.
struct Lined<R> {
    input: R,
    most: Most,
    number: u64,
}

impl<R: BufRead> Lined<R> {
    fn line(&mut self) -> io::Result<Option<Record>> {
        loop {
            let mut bytes = Vec::new();
            if !read_line(&mut self.input, self.most, &mut bytes)? {
                return Ok(None);
            }
            self.number += 1;
            if !bytes.trim_ascii().is_empty() {
                bytes.truncate(bytes.trim_ascii_end().len());
                return Ok(Some(Record { number: self.number, bytes }));
            }
        }
    }
}

/// Reads a line without its end; `false` where there is none.
fn read_line(input: &mut impl BufRead, most: Most, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut is_there = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(is_there);
        }
        is_there = true;
        let end = memchr::memchr(b'\n', buffer);
        most.keep(bytes, &buffer[..end.unwrap_or(buffer.len())]);
        let taken = end.map_or(buffer.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}

impl<R: BufRead> Iterator for Lined<R> {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line().map_err(CutError::from).transpose()
    }
}

/// Objects one after another, with nothing but white space between them.
struct Loose<R> {
    input: R,
    most: Most,
    number: u64,
    done: bool,
}

impl<R: BufRead> Loose<R> {
    fn object(&mut self) -> Result<Option<Record>, CutError> {
        if mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        skip_blanks(&mut self.input)?;
        match self.input.fill_buf()?.first() {
            None => return Ok(None),
            Some(b'{') => {}
            Some(&other) => {
                let found = char::from(other);
                return Err(CutError::Damaged(format!("expected the next JSON object (`{{`), found {found:?}")));
            }
        }
        self.number += 1;
        let bytes = scanned(&mut self.input, self.most, Scan::closing(), "an object")?;
        self.done = false;
        Ok(Some(Record { number: self.number, bytes }))
    }
}

impl<R: BufRead> Iterator for Loose<R> {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.object().transpose()
    }
}

/// The elements of an array.
struct Elements<R> {
    input: R,
    most: Most,
    number: u64,
    place: InArray,
}

/// Where the next element is to be looked for.
enum InArray {
    /// Behind the opening bracket: there may be none.
    First,
    /// Behind a comma.
    Next,
    /// Behind the closing bracket.
    Closed,
    /// Nowhere.
    Done,
}

impl<R: BufRead> Elements<R> {
    /// The next element, and sets the place for the one after.
    fn element(&mut self) -> Result<Option<Record>, CutError> {
        skip_blanks(&mut self.input)?;
        let place = mem::replace(&mut self.place, InArray::Done);
        let next = self.input.fill_buf()?.first().copied();
        match (place, next) {
            (InArray::Done, _) | (InArray::Closed, None) => return Ok(None),
            (InArray::Closed, Some(_)) => {
                return Err(CutError::Damaged("something follows the end of the array".to_owned()));
            }
            (InArray::First, Some(b']')) => {
                self.input.consume(1);
                self.place = InArray::Closed;
                return self.element();
            }
            (InArray::First | InArray::Next, _) => {}
        }
        self.number += 1;
        let bytes = scanned(&mut self.input, self.most, Scan::default(), "the array")?;
        self.place = if self.input.fill_buf()?.first() == Some(&b',') { InArray::Next } else { InArray::Closed };
        self.input.consume(1);
        Ok(Some(Record { number: self.number, bytes }))
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.element().transpose()
    }
}

/// The bytes up to where a scan ends.
fn scanned(input: &mut impl BufRead, most: Most, mut scan: Scan, within: &str) -> Result<Vec<u8>, CutError> {
    let mut bytes = Vec::new();
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Err(truncated(&scan, within));
        }
        let (taken, complete) = scan.advance(buffer);
        most.keep(&mut bytes, &buffer[..taken]);
        input.consume(taken);
        if complete {
            return Ok(bytes);
        }
    }
}
