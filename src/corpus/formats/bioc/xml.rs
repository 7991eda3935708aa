//! A document of `BioC` XML → [`Article`].
//!
//! Of entities there are XML's five and numbers; nothing is expanded. Names have no namespaces. Attributes are not
//! checked to be different: the parser does that in quadratic time.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::{EscapeError, unescape};
use quick_xml::events::{BytesStart, BytesText, Event};

use ground::excerpt::quoted;

use super::model::{Annotation, Article, Infons, Passage, Relation, Source};
use crate::fault::{Fault, Part};

/// Elements inside each other at most: a passage's deepest takes six.
const MOST_LEVELS: usize = 100;
/// Keys that are common enough not to be copied each time.
const COMMON_KEYS: [&str; 10] =
    ["type", "identifier", "entity1", "entity2", "novel", "role1", "role2", "score", "section_type", "section"];

/// The document in `bytes`, which begin with its tag.
///
/// # Errors
/// Where it is no XML in UTF-8, or nested too deep.
pub(super) fn parse(bytes: &[u8]) -> Result<Article<'_>, Fault> {
    let source = str::from_utf8(bytes).map_err(|error| Fault::new("record", format!("expected UTF-8: {error}")))?;
    let mut reader = Reader::from_str(source);
    reader.config_mut().expand_empty_elements = true;
    let mut parser = Parser { reader, article: Article::default() };
    loop {
        match parser.event()? {
            Event::Start(tag) if tag.name().as_ref() == b"document" => break,
            Event::Start(_) | Event::Eof => {
                return Err(Fault::new("record", "expected an element `document`, got none"));
            }
            _ => {}
        }
    }
    parser.document()?;
    Ok(parser.article)
}

struct Parser<'r> {
    reader: Reader<&'r [u8]>,
    article: Article<'r>,
}

/// What comes next in an element.
enum Next<'r> {
    /// An element in it.
    Element(BytesStart<'r>),
    /// Its end.
    End,
}

impl<'r> Parser<'r> {
    fn document(&mut self) -> Result<(), Fault> {
        while let Next::Element(tag) = self.next()? {
            match tag.name().as_ref() {
                b"id" => self.article.id = self.text()?,
                b"infon" => {
                    let mut infons = std::mem::take(&mut self.article.infons);
                    self.infon(&tag, &mut infons)?;
                    self.article.infons = infons;
                }
                b"passage" => {
                    let passage = self.passage(1)?;
                    self.article.passages.push(passage);
                }
                b"annotation" => {
                    let annotation = self.annotation(&tag)?;
                    self.article.annotations.extend(annotation);
                }
                b"relation" => {
                    let relation = self.relation(&tag)?;
                    self.article.relations.push(relation);
                }
                _ => self.skip()?,
            }
        }
        Ok(())
    }

    /// A passage, or a sentence of one.
    fn passage(&mut self, level: usize) -> Result<Passage<'r>, Fault> {
        let mut passage = Passage::default();
        while let Next::Element(tag) = self.next()? {
            match tag.name().as_ref() {
                b"infon" => self.infon(&tag, &mut passage.infons)?,
                b"offset" => passage.offset = self.text()?.trim().parse().ok(),
                b"text" => passage.text = self.text()?,
                b"sentence" if level == 1 => passage.sentences.push(self.passage(level + 1)?),
                b"annotation" => passage.annotations.extend(self.annotation(&tag)?),
                b"relation" => passage.relations.push(self.relation(&tag)?),
                _ => self.skip()?,
            }
        }
        Ok(passage)
    }

    /// An annotation; `None` where it is wrong and lost by itself.
    fn annotation(&mut self, tag: &BytesStart<'r>) -> Result<Option<Annotation<'r>>, Fault> {
        let mut annotation = Annotation { id: attribute(tag, b"id")?.unwrap_or_default(), ..Annotation::default() };
        let mut fault = None;
        while let Next::Element(tag) = self.next()? {
            match tag.name().as_ref() {
                b"infon" => self.infon(&tag, &mut annotation.infons)?,
                b"text" => annotation.text = self.text()?,
                b"location" => {
                    match (number(&tag, "offset")?, number(&tag, "length")?) {
                        (Ok(offset), Ok(length)) => annotation.locations.push((offset, length)),
                        (Err(reason), _) | (_, Err(reason)) => fault = Some(reason),
                    }
                    self.skip()?;
                }
                _ => self.skip()?,
            }
        }
        match fault {
            None => Ok(Some(annotation)),
            Some(reason) => {
                self.article.lose(Part::Mention, Fault::new(format!("annotation {}", quoted(&annotation.id)), reason));
                Ok(None)
            }
        }
    }

    fn relation(&mut self, tag: &BytesStart<'r>) -> Result<Relation<'r>, Fault> {
        let mut relation = Relation { id: attribute(tag, b"id")?.unwrap_or_default(), ..Relation::default() };
        while let Next::Element(tag) = self.next()? {
            match tag.name().as_ref() {
                b"infon" => self.infon(&tag, &mut relation.infons)?,
                b"node" => {
                    let refid = attribute(&tag, b"refid")?.unwrap_or_default();
                    relation.nodes.push((refid, attribute(&tag, b"role")?.unwrap_or_default()));
                    self.skip()?;
                }
                _ => self.skip()?,
            }
        }
        Ok(relation)
    }

    fn infon(&mut self, tag: &BytesStart<'r>, infons: &mut Infons<'r>) -> Result<(), Fault> {
        let key = key(tag)?;
        infons.0.push((key, self.text()?));
        Ok(())
    }

    /// The next element or the end of this one; what else stands there is passed over.
    fn next(&mut self) -> Result<Next<'r>, Fault> {
        loop {
            match self.event()? {
                Event::Start(tag) => return Ok(Next::Element(tag)),
                Event::End(_) => return Ok(Next::End),
                Event::Eof => return Err(ended()),
                _ => {}
            }
        }
    }

    /// The text of an element that was opened, up to its end; that of elements in it too.
    fn text(&mut self) -> Result<Source<'r>, Fault> {
        let (mut text, mut depth) = (Cow::Borrowed(""), 1);
        loop {
            match self.event()? {
                Event::Text(part) => append(&mut text, plain(part)?),
                Event::CData(part) => append(&mut text, lines(decoded(part.into_inner())?)),
                Event::Start(_) if depth > MOST_LEVELS => return Err(too_deep()),
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 1 => return Ok(text),
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(ended()),
                _ => {}
            }
        }
    }

    /// Passes over an element that was opened.
    fn skip(&mut self) -> Result<(), Fault> {
        let mut depth = 1;
        while depth > 0 {
            match self.event()? {
                Event::Start(_) if depth > MOST_LEVELS => return Err(too_deep()),
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(ended()),
                _ => {}
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Result<Event<'r>, Fault> {
        self.reader.read_event().map_err(|error| {
            let place = self.reader.error_position();
            Fault::new("record", format!("expected XML: {error}, at byte {place} of the document"))
        })
    }
}

fn ended() -> Fault {
    Fault::new("record", "expected `</document>`, got the end of the record")
}

fn too_deep() -> Fault {
    Fault::new("record", format!("expected elements nested at most {MOST_LEVELS} deep, got more"))
}

/// The value of an attribute.
fn attribute<'r>(tag: &BytesStart<'r>, name: &[u8]) -> Result<Option<Source<'r>>, Fault> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| Fault::new("record", format!("expected an attribute: {error}")))?;
        if attribute.key.as_ref() == name {
            return plain(BytesText::from_escaped(decoded(attribute.value)?))
                .map(|value| Some(Cow::Owned(value.into_owned())));
        }
    }
    Ok(None)
}

/// The key of an infon.
fn key<'r>(tag: &BytesStart<'r>) -> Result<Source<'r>, Fault> {
    for attribute in tag.attributes().with_checks(false).flatten() {
        let common = |key: &&&str| attribute.key.as_ref() == b"key" && *attribute.value == *key.as_bytes();
        if let Some(key) = COMMON_KEYS.iter().find(common) {
            return Ok(Cow::Borrowed(key));
        }
    }
    Ok(attribute(tag, b"key")?.unwrap_or_default())
}

/// A whole number in an attribute, or what is wrong with it.
fn number(tag: &BytesStart, name: &str) -> Result<Result<u32, String>, Fault> {
    let mut attributes = tag.attributes();
    let plain = attributes.with_checks(false).flatten().find(|one| one.key.as_ref() == name.as_bytes());
    if let Some(number) = plain.and_then(|attribute| str::from_utf8(&attribute.value).ok()?.parse().ok()) {
        return Ok(Ok(number));
    }
    let value = attribute(tag, name.as_bytes())?;
    let wrong = || match &value {
        Some(value) => format!("expected a whole number as the {name} of its location, got {}", quoted(value)),
        None => format!("expected the {name} of its location, got none"),
    };
    Ok(value.as_deref().and_then(|value| value.trim().parse().ok()).ok_or_else(wrong))
}

/// Text without references and with line ends as XML has them.
fn plain(part: BytesText<'_>) -> Result<Source<'_>, Fault> {
    match lines(decoded(part.into_inner())?) {
        Cow::Borrowed(raw) => unescape(raw).map_err(entity),
        Cow::Owned(raw) => unescape(&raw).map(|text| Cow::Owned(text.into_owned())).map_err(entity),
    }
}

fn entity(error: EscapeError) -> Fault {
    let reason = match error {
        EscapeError::UnrecognizedEntity(_, name) => {
            format!("expected one of XML's five entities or a number, got {}", quoted(&format!("&{name};")))
        }
        other => format!("expected XML: {other}"),
    };
    Fault::new("record", reason)
}

/// `\r\n` and `\r` as `\n`.
fn lines(text: Source<'_>) -> Source<'_> {
    match memchr::memchr(b'\r', text.as_bytes()) {
        None => text,
        Some(_) => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
    }
}

fn append<'r>(text: &mut Source<'r>, part: Source<'r>) {
    if text.is_empty() {
        *text = part;
    } else {
        text.to_mut().push_str(&part);
    }
}

fn decoded(bytes: Cow<'_, [u8]>) -> Result<Source<'_>, Fault> {
    let fault = |error: &dyn std::fmt::Display| Fault::new("record", format!("expected UTF-8: {error}"));
    match bytes {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| fault(&error)),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|error| fault(&error)),
    }
}
