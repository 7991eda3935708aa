//! A value, packed, as a block of text that stands in a page: JSON, compressed, in base64.
//!
//! No character of a block means anything to HTML, whatever the value holds; and what the reader does not look at is
//! never unpacked. A text that is too long for a page is cut here, whatever it is the text of: names, ids, words,
//! options, and the names of relations that stand as keys.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use ground::identity::digest;

/// The compressor's own default: higher ones cost twice the time for a hundredth of the size.
const LEVEL: u8 = 6;
/// Characters of a text that a page has at most: a name is seldom a tenth as long, and a browser lays out a thousand
/// names of this length in a moment, while one of a million characters stops it.
pub const MOST_CHARACTERS: usize = 500;
/// Digits that tell cut texts apart.
const DIGITS: usize = 8;

/// A value, packed: what a browser unpacks with `DecompressionStream("deflate")` (RFC 1950).
///
/// # Errors
/// Where the value has no form in JSON, as no value of this module has.
pub fn pack(value: &impl Serialize) -> io::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Cutting::default()))?;
    Ok(BASE64_STANDARD.encode(compress_to_vec_zlib(&text, LEVEL)))
}

/// Writes compact JSON whose texts are cut: the beginning of a longer one stands for it, with an ellipsis, its whole
/// length, and digits of its hash, by which two of the same beginning stay two.
#[derive(Default)]
struct Cutting {
    characters: usize,
    /// What a text has beyond what is written; its length is that of the text, no more.
    beyond: Vec<u8>,
    /// The beginning of a text, as far as it was written.
    written: Vec<u8>,
}

impl Cutting {
    fn is_full(&self) -> bool {
        self.characters >= MOST_CHARACTERS
    }
}

impl Formatter for Cutting {
    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.characters = 0;
        self.beyond.clear();
        self.written.clear();
        CompactFormatter.begin_string(writer)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let room = MOST_CHARACTERS.saturating_sub(self.characters);
        let end = fragment.char_indices().nth(room).map_or(fragment.len(), |(end, _)| end);
        let (begin, rest) = fragment.split_at(end);
        self.characters += fragment.chars().count();
        self.written.extend(begin.as_bytes());
        self.beyond.extend(rest.as_bytes());
        writer.write_all(begin.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let mut escaped = Vec::new();
        CompactFormatter.write_char_escape(&mut escaped, escape)?;
        let is_beyond = self.is_full();
        self.characters += 1;
        if is_beyond {
            self.beyond.extend(escaped);
            return Ok(());
        }
        self.written.extend(&escaped);
        writer.write_all(&escaped)
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if !self.beyond.is_empty() {
            self.written.append(&mut self.beyond);
            let digits: String = digest(&self.written).chars().take(DIGITS).collect();
            write!(writer, "… ({} characters, {digits})", self.characters)?;
        }
        CompactFormatter.end_string(writer)
    }
}
