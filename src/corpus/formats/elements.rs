//! Documents cut out of JSON by bracket depth, without parsing them, one in memory at a time.

use std::io::{self, BufRead};
use std::mem;

use crate::reader::{CutError, Record};

/// The elements of a JSON array whose bracket is open already.
pub(crate) struct Elements<R> {
    input: R,
    most_bytes: usize,
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

/// Where a scan stands in a value.
#[derive(Default)]
pub(crate) struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// How many of `bytes` belong to the value, and whether it ends there: before a comma or bracket that is not its
    /// own. Brackets are counted, not matched: a value that is not JSON is cut all the same, and refused when it is
    /// parsed.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut place = 0;
        while let Some(&byte) = bytes.get(place) {
            if self.escaped {
                self.escaped = false;
            } else if self.in_text {
                let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[place..]) else { return (bytes.len(), false) };
                place += next;
                if bytes[place] == b'"' {
                    self.in_text = false;
                } else {
                    self.escaped = true;
                }
            } else {
                match byte {
                    b'"' => self.in_text = true,
                    b'[' | b'{' => self.depth += 1,
                    b',' | b']' | b'}' if self.depth == 0 => return (place, true),
                    b']' | b'}' => self.depth -= 1,
                    _ => {}
                }
            }
            place += 1;
        }
        (bytes.len(), false)
    }

    /// Whether the scan stands inside a string.
    pub(crate) fn is_in_text(&self) -> bool {
        self.in_text
    }
}

impl<R: BufRead> Elements<R> {
    /// Those of the array that `input` stands in. A longer one than `most_bytes` is damage.
    pub(crate) fn new(input: R, most_bytes: usize) -> Self {
        Self { input, most_bytes, number: 0, place: InArray::First }
    }

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
        let bytes = self.bytes()?;
        self.place = if self.input.fill_buf()?.first() == Some(&b',') { InArray::Next } else { InArray::Closed };
        self.input.consume(1);
        Ok(Some(Record { number: self.number, bytes }))
    }

    /// The bytes of an element, up to the comma or bracket behind it.
    fn bytes(&mut self) -> Result<Vec<u8>, CutError> {
        let (mut bytes, mut scan) = (Vec::new(), Scan::default());
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Err(truncated(&scan, "array"));
            }
            let (taken, complete) = scan.advance(buffer);
            bytes.extend_from_slice(&buffer[..taken]);
            self.input.consume(taken);
            if complete {
                return Ok(bytes);
            }
            if bytes.len() > self.most_bytes {
                let reason =
                    format!("longer than {} MiB: a quote or bracket in it never closes", self.most_bytes >> 20);
                return Err(CutError::Damaged(reason));
            }
        }
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.element().transpose()
    }
}

/// That the input ends inside a thing, where `scan` stands.
pub(crate) fn truncated(scan: &Scan, inside: &str) -> CutError {
    let place = if scan.is_in_text() { ", inside a string" } else { "" };
    CutError::Damaged(format!("the file ends inside the {inside}{place}: it is truncated there"))
}

/// Skips JSON's white space.
pub(crate) fn skip_blanks(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let blanks = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blanks == 0 {
            return Ok(());
        }
        input.consume(blanks);
    }
}
