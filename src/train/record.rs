//! A document as bytes, for as long as a run needs it: no format that outlives a process.
//!
//! Numbers are written in as few bytes as they need, seven bits in each (LEB128): most are small.

use ground::{Text, whole};
use model::example::Example;

/// Appends a document's bytes. Every field is named, so that a new one is not left out; features are made later, and are
/// not kept here.
pub fn write(example: &Example, bytes: &mut Vec<u8>) {
    let Example {
        doc_id,
        ids,
        mentions,
        mention_ends,
        n_mentions,
        pairs,
        labels,
        absent,
        truncated,
        sentences,
        evidence,
        first,
        kept,
    } = example;
    debug_assert!(kept.is_none(), "a document is read before features are made of it");
    doc_id.write(bytes);
    ids.write(bytes);
    mentions.write(bytes);
    mention_ends.write(bytes);
    n_mentions.write(bytes);
    pairs.write(bytes);
    labels.write(bytes);
    absent.write(bytes);
    truncated.write(bytes);
    sentences.write(bytes);
    evidence.write(bytes);
    first.write(bytes);
}

/// The document of such bytes; `None` of others.
pub fn read(mut bytes: &[u8]) -> Option<Example> {
    let rest = &mut bytes;
    let example = Example {
        doc_id: Stored::read(rest)?,
        ids: Stored::read(rest)?,
        mentions: Stored::read(rest)?,
        mention_ends: Stored::read(rest)?,
        n_mentions: Stored::read(rest)?,
        pairs: Stored::read(rest)?,
        labels: Stored::read(rest)?,
        absent: Stored::read(rest)?,
        truncated: Stored::read(rest)?,
        sentences: Stored::read(rest)?,
        evidence: Stored::read(rest)?,
        first: Stored::read(rest)?,
        kept: None,
    };
    bytes.is_empty().then_some(example)
}

/// What documents are made of.
trait Stored: Sized {
    /// Appends its bytes.
    fn write(&self, bytes: &mut Vec<u8>);

    /// Takes it off the front of some bytes; `None` where they are no such thing.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

impl Stored for u32 {
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 128 {
            bytes.push(rest as u8 | 128);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            number |= u32::from(byte & 127) << shift;
            if byte & 128 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// A count of what one document has.
impl Stored for usize {
    fn write(&self, bytes: &mut Vec<u8>) {
        whole(*self).write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u32::read(bytes).map(|count| count as Self)
    }
}

impl Stored for Text {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::read(bytes)?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        std::str::from_utf8(text).ok().map(Self::from)
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

impl<A: Stored, B: Stored, C: Stored> Stored for (A, B, C) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
        self.2.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?, C::read(bytes)?))
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        self.iter().for_each(|item| item.write(bytes));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let count = usize::read(bytes)?;
        // An item takes a byte at least.
        let mut items = Self::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            items.push(T::read(bytes)?);
        }
        Some(items)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        u32::from(self.is_some()).write(bytes);
        if let Some(value) = self {
            value.write(bytes);
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        if u32::read(bytes)? == 0 { Some(None) } else { T::read(bytes).map(Some) }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let full = Example {
            doc_id: "Königsberg \0".into(),
            ids: vec![0, 1, 127, 128, 16383, 16384, u32::MAX],
            mentions: vec![1, 5],
            mention_ends: vec![2, 6],
            n_mentions: vec![2, 0, 300],
            pairs: vec![(0, 1), (200, 3)],
            labels: vec![vec![], vec![1, 96]],
            absent: vec![2, 300],
            truncated: 7,
            sentences: vec![1, 1, 9000],
            evidence: vec![((0, 1), vec![0, 2]), ((200, 3), vec![])],
            first: Some(vec![(0, 1, 2)]),
            kept: None,
        };
        for example in [full, Example::default(), Example { first: Some(vec![]), ..Example::default() }] {
            let mut bytes = Vec::new();
            write(&example, &mut bytes);
            assert_eq!(read(&bytes).unwrap(), example);
            for end in 0..bytes.len() {
                assert_eq!(read(&bytes[..end]), None, "{end}");
            }
            bytes.push(0);
            assert_eq!(read(&bytes), None);
        }
        // A number that has no end.
        assert_eq!(read(&[255; 40]), None);
    }
}
