//! The passages of a document, as one text.

use crate::fault::Fault;
use crate::formats::json::{Field, Json};
use crate::text::{Characters, MOST_BLANKS};

/// A document's text.
#[derive(Debug, Default)]
pub struct Passages {
    /// All passages.
    pub text: String,
    /// Where each begins, in characters.
    pub starts: Vec<u32>,
    /// The passage that is called so.
    pub title: String,
}

/// A part of a passage, and where it is said to begin.
type Part<'v> = (&'v str, Option<u32>);

impl Passages {
    /// Puts passages where their offsets say, or joins them by blanks as the schema has it: as more of `expected`, spans
    /// and what is said to stand there, are right.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn read(passages: &Field, expected: &[((u32, u32), &str)]) -> Result<Self, Fault> {
        let (mut parts, mut title): (Vec<Part>, _) = (Vec::new(), String::new());
        for passage in passages.items()? {
            let texts = self::texts(&passage.key("text")?)?;
            let offsets = passage.optional("offsets")?.map(|offsets| super::spans(&offsets)).transpose();
            let offsets = offsets.ok().flatten().unwrap_or_default();
            let is_title = passage.optional("type")?.and_then(|kind| kind.text().ok()) == Some("title");
            if is_title && title.is_empty() {
                title = texts.join(" ");
            }
            parts.extend(texts.iter().enumerate().map(|(place, text)| (*text, offsets.get(place).map(|span| span.0))));
        }
        let joined = Self::laid_out(&parts, |length, _| Some(length + u32::from(length > 0)));
        // Where there are more, the offsets are not to be trusted.
        let mut left = MOST_BLANKS;
        let placed = Self::laid_out(&parts, |length, start| {
            left = left.checked_sub(start?.checked_sub(length)?)?;
            start
        });
        let best = match (joined, placed) {
            (Some(joined), Some(placed))
                if placed.text != joined.text && placed.fits(expected) < joined.fits(expected) =>
            {
                joined
            }
            (_, Some(placed)) => placed,
            (joined, None) => joined.unwrap_or_default(),
        };
        Ok(Self { title, ..best })
    }

    /// The parts where `place` puts them, given what is before and where they are said to be.
    fn laid_out(parts: &[Part], mut place: impl FnMut(u32, Option<u32>) -> Option<u32>) -> Option<Self> {
        let (mut found, mut length) = (Self::default(), 0_u32);
        for (text, said) in parts {
            let start = place(length, *said)?;
            found.text.extend((length..start).map(|_| ' '));
            found.text.push_str(text);
            found.starts.push(start);
            length = start.checked_add(u32::try_from(text.chars().count()).ok()?)?;
        }
        Some(found)
    }

    fn fits(&self, expected: &[((u32, u32), &str)]) -> usize {
        let characters = Characters::new(&self.text);
        expected.iter().filter(|(span, text)| characters.slice(*span) == Some(text)).count()
    }
}

/// A list of texts; a text alone is one.
pub fn texts<'v>(field: &Field<'_, 'v>) -> Result<Vec<&'v str>, Fault> {
    match field.value() {
        Json::Text(text) => Ok(vec![text]),
        _ => field.items()?.map(|text| text.text()).collect(),
    }
}
