//! A share of a run's documents.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Shards at most: a job each, of which no cluster runs as many, and the join looks for every one.
const MOST: usize = 100_000;

/// A share of the documents: the first of four is `0/4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    pub(crate) index: usize,
    pub(crate) of: usize,
}

impl Shard {
    /// The places of its documents in a split of so many, of which so many make a part.
    pub(crate) fn places(self, documents: usize, at_once: usize) -> Range<usize> {
        let parts = documents.div_ceil(at_once);
        // Wide enough for any number of parts.
        let first = |shard: usize| {
            let part = parts as u128 * shard as u128 / self.of as u128;
            usize::try_from(part).unwrap_or(parts) * at_once
        };
        // The last one also sees what stands behind the last document.
        let end = if self.index + 1 == self.of { usize::MAX } else { first(self.index + 1) };
        first(self.index)..end
    }

    /// What the folder is called in which it leaves word.
    pub(crate) fn folder_name(self) -> String {
        format!("{}-of-{}", self.index, self.of)
    }

    /// The shard whose folder is called so.
    pub(crate) fn of_folder(name: &str) -> Option<Self> {
        name.replace("-of-", "/").parse().ok()
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((_, of)) if of > MOST => Err(format!("expected {MOST} shards at most, got `{text}`")),
            Some((index, of)) if index < of => Ok(Self { index, of }),
            _ => Err(format!("expected I/N, a shard from 0 on and how many there are, such as 0/4, got `{text}`")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn shards_are_stretches_of_whole_parts_and_leave_nothing_out() {
        for documents in [0, 1, 255, 256, 257, 600, 1000, 5000] {
            for of in [1, 2, 3, 7, 40] {
                let mut next = 0;
                for index in 0..of {
                    let Range { start, end } = Shard { index, of }.places(documents, 256);
                    assert_eq!((start, start % 256), (next, 0), "{index} of {of}");
                    next = end;
                }
                assert_eq!(next, usize::MAX, "{documents}, {of}");
            }
        }
    }

    #[test]
    fn a_shard_is_told_as_it_is_named() {
        let shard: Shard = "2/4".parse().unwrap();
        assert_eq!((shard.to_string(), Shard::of_folder("2-of-4")), ("2/4".to_owned(), Some(shard)));
        assert_eq!(format!("0/{MOST}").parse::<Shard>().unwrap().of, MOST);
        for text in ["4/4", "-1/4", "1", "1/0", "a/b", "1/2/3", "", "0/100001", "0/30000000"] {
            assert!(text.parse::<Shard>().unwrap_err().ends_with(&format!("got `{text}`")));
        }
    }
}
