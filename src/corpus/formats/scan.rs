//! JSON values found by bracket depth, without parsing them.

use std::io::{self, BufRead};

use crate::cut::CutError;

/// Where a scan stands in a value. Brackets are counted, not matched: what is not JSON is cut all the same, and refused
/// when it is parsed.
#[derive(Default)]
pub(crate) struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// Whether it ends with the bracket that closes the value, or before what comes behind that in an array.
    ends_closing: bool,
}

impl Scan {
    /// One that ends with the bracket that closes the value.
    pub(crate) fn closing() -> Self {
        Self { ends_closing: true, ..Self::default() }
    }

    /// How many of `bytes` belong to the value, and whether it ends there.
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
                    b']' | b'}' => {
                        self.depth -= 1;
                        if self.depth == 0 && self.ends_closing {
                            return (place + 1, true);
                        }
                    }
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

/// That the input ends inside a thing, where `scan` stands.
pub(crate) fn truncated(scan: &Scan, within: &str) -> CutError {
    let place = if scan.in_text { ", inside a string" } else { "" };
    CutError::Damaged(format!("the file ends inside {within}{place}: it is truncated there"))
}

/// Skips JSON's white space; the line ends in it.
pub(crate) fn skip_blanks(input: &mut impl BufRead) -> io::Result<u64> {
    let mut n_lines = 0;
    loop {
        let buffer = input.fill_buf()?;
        let blanks = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        n_lines += buffer.iter().take(blanks).filter(|byte| **byte == b'\n').count() as u64;
        if blanks == 0 {
            return Ok(n_lines);
        }
        input.consume(blanks);
    }
}
