//! `BioC`, in XML and in JSON: documents of passages, with annotations and relations (Comeau et al. 2013).
//!
//! Which of the two a source is shows its first byte. Both become one [model](model::Article), and that documents: a
//! document, or one a section or passage ([`Unit`](super::dialect::Unit)). Annotations with an identifier are mentions of
//! the entity of its CURIE, those without are kept apart, but where relations name them. Of relations there are several
//! dialects: see [`relations`].

mod blocks;
mod cut;
mod document;
mod entities;
mod json;
mod model;
mod objects;
mod relations;
mod units;
mod write;
mod xml;

#[cfg(test)]
mod tests;

pub use write::BioCJsonWriter;

use std::io::{BufRead, Cursor, Read};

use ground::excerpt::quoted;

use super::dialect::Dialect;
use super::json::Json;
use super::scan::skip_blanks;
use crate::cut::BYTE_ORDER_MARK;
use crate::cut::CutError;
use crate::document::Document;
use crate::fault::Fault;
use crate::reader::{Reader, Record, Records, Reject};
use crate::source::{Input, Stream};

/// Bytes that are looked at for the encoding.
const DECLARATION: u64 = 256;

/// Reads `BioC`.
#[derive(Debug, Clone)]
pub struct BioC {
    /// What becomes a document, and how long it may be.
    pub dialect: Dialect,
}

impl Reader for BioC {
    fn records(&self, input: Input) -> Result<Records, CutError> {
        self.records_of(input.stream()?)
    }

    /// Its first document.
    fn parse(&self, record: &Record) -> Result<Document, Reject> {
        let none = || Reject { name: None, fault: Fault::new("record", "expected a document, got none") };
        self.parse_all(record).into_iter().next().ok_or_else(none)?
    }

    fn parse_those(&self, record: &Record, asked: &dyn Fn(&str) -> bool) -> Vec<Result<Document, Reject>> {
        let unnamed = |fault| vec![Err(Reject { name: None, fault })];
        if record.bytes.trim_ascii_start().first() == Some(&b'<') {
            return match xml::parse(&record.bytes) {
                Ok(article) => document::documents(&article, &self.dialect, asked),
                Err(fault) => unnamed(fault),
            };
        }
        match Json::parse(&record.bytes) {
            Ok(json) => match json::article(&json) {
                Ok(article) => document::documents(&article, &self.dialect, asked),
                Err(fault) => vec![Err(Reject { name: json::name(&json), fault })],
            },
            Err(fault) => unnamed(fault),
        }
    }
}

impl BioC {
    /// The documents of a stream.
    ///
    /// # Errors
    /// Where it is neither XML nor JSON in UTF-8.
    pub(crate) fn records_of(&self, input: Stream) -> Result<Records, CutError> {
        let (input, first) = opened(input)?;
        let most_bytes = self.dialect.most_bytes;
        match first {
            None => Err(CutError::Format("the file is empty".to_owned())),
            Some(b'<') => Ok(Box::new(cut::Documents::new(input, most_bytes))),
            Some(b'{' | b'[') => Ok(Box::new(objects::Objects::new(input, most_bytes))),
            Some(byte) => Err(CutError::Format(format!(
                "expected BioC, in XML (`<`) or JSON (`{{` or `[`), found {:?}",
                char::from(byte)
            ))),
        }
    }
}

/// A stream at its first byte that is not blank, and that byte.
fn opened(mut input: Stream) -> Result<(Stream, Option<u8>), CutError> {
    let start = input.fill_buf()?;
    if start.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    skip_blanks(&mut input)?;
    let mut start = Vec::new();
    (&mut input).take(DECLARATION).read_to_end(&mut start)?;
    let first = start.first().copied();
    if let Some(encoding) = declared_encoding(&start) {
        let encoding = quoted(&encoding);
        let reason = format!("expected UTF-8, found the encoding {encoding}: convert it, as by `iconv -t UTF-8`");
        return Err(CutError::Format(reason));
    }
    Ok((Box::new(Cursor::new(start).chain(input)), first))
}

/// The encoding that an XML declaration names, where it is none that UTF-8 holds.
fn declared_encoding(start: &[u8]) -> Option<String> {
    let declaration = start.strip_prefix(b"<?xml")?;
    let declaration = String::from_utf8_lossy(declaration.get(..memchr::memmem::find(declaration, b"?>")?)?);
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = rest.split(quote).nth(1)?;
    let is_known = ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| name.eq_ignore_ascii_case(known));
    (!is_known).then(|| name.to_owned())
}
