//! `BioC` XML cut into its documents without parsing it: from `<document` to `</document>`, comments and CDATA aside.
//!
//! One document is in memory at a time, and of one that is longer than may be no more than that. A DOCTYPE may name a
//! DTD and declare elements; one that declares entities is refused, so that nothing is ever expanded.

use std::io::BufRead;
use std::mem;

use ground::excerpt::quoted;

use crate::cut::CutError;
use crate::reader::Record;
use crate::source::Stream;

/// Bytes of a tag that are looked at for its name.
const LONGEST_NAME: usize = 64;
/// The elements that a file may begin with.
const ROOTS: [&[u8]; 2] = [b"collection", DOCUMENT];
const DOCUMENT: &[u8] = b"document";

/// The documents of a stream.
pub(super) struct Documents {
    input: Stream,
    most_bytes: usize,
    number: u64,
    scan: Scan,
    /// The bytes of the document that is open.
    open: Option<Vec<u8>>,
    is_done: bool,
}

/// Where a scan stands in XML.
#[derive(Debug, Default)]
struct Scan {
    place: Place,
    /// The markup that is being read, from its `<`.
    head: Vec<u8>,
    /// The last two bytes of what is skipped.
    tail: [u8; 2],
    /// Of a DOCTYPE: how many `<` are open.
    depth: usize,
    /// The root element that is open.
    root: Option<Vec<u8>>,
    /// Whether any element was seen.
    has_begun: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Place {
    /// Between tags, or inside of one whose name does not matter.
    #[default]
    Text,
    /// Behind a `<`, as long as it is not clear of what.
    Markup,
    /// In a comment, CDATA or an instruction, up to these bytes and a `>`.
    Until(&'static [u8]),
    /// In a DOCTYPE, perhaps inside a quote.
    Declaration(Option<u8>),
    /// In the tag that opens a document, perhaps inside a quote; and whether the last byte was `/`.
    Opening(Option<u8>, bool),
    /// In the tag that closes a document.
    Closing,
}

/// What a scan has come to.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A document begins at the `<` of [`Scan::head`].
    Opens,
    /// The open document ends here.
    Closes,
}

impl Documents {
    /// Those of a stream that stands at its first `<`.
    pub(super) fn new(input: Stream, most_bytes: u64) -> Self {
        let most_bytes = usize::try_from(most_bytes).unwrap_or(usize::MAX);
        Self { input, most_bytes, number: 0, scan: Scan::default(), open: None, is_done: false }
    }

    fn document(&mut self) -> Result<Option<Record>, CutError> {
        while !self.is_done {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                self.is_done = true;
                return self.end().map(|()| None);
            }
            let (taken, found) = self.scan.advance(buffer)?;
            let begun = found == Found::Opens;
            let whole = if begun { self.open.take().map(unclosed) } else { None };
            if begun {
                self.open = Some(mem::take(&mut self.scan.head));
            } else if let Some(open) = &mut self.open {
                // One byte more than may be says that it is too long.
                let rest = (self.most_bytes.saturating_add(1)).saturating_sub(open.len());
                open.extend_from_slice(&buffer[..taken.min(rest)]);
            }
            self.input.consume(taken);
            // A document that another one begins in never closes: it is handed on as it is, and refused.
            let whole = if found == Found::Closes { self.open.take() } else { whole };
            if let Some(bytes) = whole {
                self.number += 1;
                return Ok(Some(Record { number: self.number, bytes }));
            }
        }
        Ok(None)
    }

    /// What is wrong with the end of the stream.
    fn end(&self) -> Result<(), CutError> {
        let inside = match (&self.scan.root, self.scan.place) {
            _ if self.open.is_some() => "a document",
            (_, Place::Declaration(_)) => "its DOCTYPE",
            (_, Place::Until(_)) => "a comment",
            (Some(_), _) => "the collection",
            _ if self.scan.has_begun => return Ok(()),
            _ => return Err(CutError::Format("expected an element `collection`, found none".to_owned())),
        };
        Err(CutError::Damaged(format!("the file ends inside {inside}: it is truncated there")))
    }
}

/// A document up to the `<` of another that begins in it.
fn unclosed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(memchr::memrchr(b'<', &bytes).unwrap_or(bytes.len()));
    bytes
}

impl Iterator for Documents {
    type Item = Result<Record, CutError>;

    fn next(&mut self) -> Option<Self::Item> {
        let document = self.document().transpose();
        self.is_done |= matches!(document, Some(Err(_)));
        document
    }
}

impl Scan {
    /// How many of `bytes`, which are not none, were looked at, and what was found with the last of them.
    fn advance(&mut self, bytes: &[u8]) -> Result<(usize, Found), CutError> {
        match self.place {
            Place::Text => Ok((self.text(bytes), Found::Nothing)),
            Place::Markup => self.markup(bytes),
            Place::Until(end) => Ok((self.skip(bytes, end), Found::Nothing)),
            Place::Declaration(quote) => Ok((self.declaration(bytes, quote)?, Found::Nothing)),
            Place::Opening(quote, is_empty) => Ok(self.opening(bytes, quote, is_empty)),
            Place::Closing => Ok(match memchr::memchr(b'>', bytes) {
                Some(place) => {
                    self.place = Place::Text;
                    (place + 1, Found::Closes)
                }
                None => (bytes.len(), Found::Nothing),
            }),
        }
    }

    /// Reads on up to a `<` that may matter: most tags inside a document are told by their first letters.
    fn text(&mut self, bytes: &[u8]) -> usize {
        let may_matter = |place: &usize| match bytes.get(place + 1..) {
            Some([b'/', b'c' | b'd', ..] | [b'd' | b'!' | b'?', ..] | [b'/'] | []) | None => true,
            Some(_) => self.root.is_none(),
        };
        let Some(place) = memchr::memchr_iter(b'<', bytes).find(may_matter) else { return bytes.len() };
        self.place = Place::Markup;
        self.head.clear();
        self.head.push(b'<');
        place + 1
    }

    /// Reads on in the name of a tag, or what begins with `<!` or `<?`.
    fn markup(&mut self, bytes: &[u8]) -> Result<(usize, Found), CutError> {
        for (place, &byte) in bytes.iter().enumerate() {
            self.head.push(byte);
            let is_name = !matches!(byte, b'>' | b'<' | b' ' | b'\t' | b'\r' | b'\n') && self.head.len() < LONGEST_NAME;
            let found = match self.head.as_slice() {
                [b'<', b'?'] => self.until(b"?"),
                b"<!--" => self.until(b"--"),
                b"<![CDATA[" => self.until(b"]]"),
                [b'<', b'!', ..] if b"<!--".starts_with(&self.head) || b"<![CDATA[".starts_with(&self.head) => continue,
                [b'<', b'!', ..] => self.declare(),
                [b'<', b'/'] => continue,
                _ if is_name && byte != b'/' => continue,
                _ => self.tag(byte)?,
            };
            return Ok((place + 1, found));
        }
        Ok((bytes.len(), Found::Nothing))
    }

    fn until(&mut self, end: &'static [u8]) -> Found {
        (self.place, self.tail) = (Place::Until(end), [0; 2]);
        Found::Nothing
    }

    fn declare(&mut self) -> Found {
        (self.place, self.depth) = (Place::Declaration(None), 1);
        Found::Nothing
    }

    /// What a tag means whose name ends with `byte`, the last of the head.
    fn tag(&mut self, byte: u8) -> Result<Found, CutError> {
        let name = self.head.get(1..self.head.len() - 1).unwrap_or_default().to_vec();
        self.place = Place::Text;
        if let Some(closed) = name.strip_prefix(b"/") {
            if self.root.as_deref() == Some(closed) {
                self.root = None;
            }
            if closed == DOCUMENT && byte != b'>' {
                self.place = Place::Closing;
            }
            return Ok(if closed == DOCUMENT && byte == b'>' { Found::Closes } else { Found::Nothing });
        }
        if self.root.is_none() && !name.is_empty() {
            self.begin(&name, byte == b'/')?;
        }
        if name != DOCUMENT {
            return Ok(Found::Nothing);
        }
        if byte != b'>' {
            self.place = Place::Opening(None, byte == b'/');
        }
        Ok(Found::Opens)
    }

    /// Takes the root element.
    fn begin(&mut self, name: &[u8], is_empty: bool) -> Result<(), CutError> {
        if !ROOTS.contains(&name) {
            let found = quoted(&String::from_utf8_lossy(name));
            return Err(CutError::Format(format!("expected BioC, an element `collection`, found {found}")));
        }
        self.has_begun = true;
        self.root = (name == DOCUMENT || !is_empty).then(|| name.to_vec());
        Ok(())
    }

    /// Reads on in the tag that opens a document: it may close it at once.
    fn opening(&mut self, bytes: &[u8], mut quote: Option<u8>, mut is_empty: bool) -> (usize, Found) {
        for (place, &byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (Some(end), _) if byte == end => quote = None,
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'>') => {
                    self.place = Place::Text;
                    self.root = self.root.take().filter(|root| !is_empty || root != DOCUMENT);
                    return (place + 1, if is_empty { Found::Closes } else { Found::Nothing });
                }
                _ => {}
            }
            is_empty = byte == b'/';
        }
        self.place = Place::Opening(quote, is_empty);
        (bytes.len(), Found::Nothing)
    }

    /// Skips what ends with `end` and a `>`.
    fn skip(&mut self, bytes: &[u8], end: &[u8]) -> usize {
        let (taken, ends) = match memchr::memchr(b'>', bytes) {
            Some(place) => (place + 1, true),
            None => (bytes.len(), false),
        };
        let before = bytes.get(..taken - usize::from(ends)).unwrap_or_default();
        for &byte in before.get(before.len().saturating_sub(2)..).unwrap_or_default() {
            self.tail = [self.tail[1], byte];
        }
        if ends && self.tail.ends_with(end) {
            self.place = if self.depth > 0 { Place::Declaration(None) } else { Place::Text };
        } else if ends {
            self.tail = [self.tail[1], b'>'];
        }
        taken
    }

    /// Reads on in a DOCTYPE.
    fn declaration(&mut self, bytes: &[u8], mut quote: Option<u8>) -> Result<usize, CutError> {
        for (place, &byte) in bytes.iter().enumerate() {
            match (quote, byte) {
                (Some(end), _) => quote = Some(end).filter(|&end| byte != end),
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'<') => {
                    self.depth += 1;
                    self.head.clear();
                }
                (None, b'>') => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                self.place = Place::Text;
                return Ok(place + 1);
            }
            if quote.is_none() && self.head.len() < LONGEST_NAME {
                self.head.push(byte);
            }
            if self.head.eq_ignore_ascii_case(b"<!entity") {
                let reason = "expected no entities of its own, found `<!ENTITY` in its DOCTYPE: they are not expanded";
                return Err(CutError::Format(reason.to_owned()));
            }
            if self.head == b"<!--" {
                self.depth -= 1;
                self.head.clear();
                self.until(b"--");
                return Ok(place + 1);
            }
        }
        self.place = Place::Declaration(quote);
        Ok(bytes.len())
    }
}
