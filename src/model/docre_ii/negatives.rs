//! Pairs that a loss is a mean of: all that have a relation, and all others or some.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

use ground::random::Random;

/// Of how many pairs without a relation losses are means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Negatives {
    /// Of all.
    All,
    /// Of so many for each pair with one, drawn anew for each loss, as in the released program.
    APositive(usize),
}

const ALL: &str = "all";

impl Serialize for Negatives {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => target.serialize_str(ALL),
            Self::APositive(count) => target.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Negatives {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Negatives;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("`all` or a whole number of 1 or more")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Negatives, E> {
                if name == ALL {
                    Ok(Negatives::All)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(name), &self))
                }
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Negatives, E> {
                usize::try_from(count).map(Negatives::APositive).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<Negatives, E> {
                let other = |_| E::invalid_value(serde::de::Unexpected::Signed(count), &self);
                u64::try_from(count).map_err(other).and_then(|count| self.visit_u64(count))
            }
        }
        source.deserialize_any(Reader)
    }
}

impl Negatives {
    /// How many pairs are drawn where so many have a relation and so many have none. Where no pair has one, as many as
    /// for one pair: a mean of nothing would be none.
    pub fn drawn(self, positives: usize, others: usize) -> usize {
        match self {
            Self::All => others,
            Self::APositive(count) => count.saturating_mul(positives.max(1)).min(others),
        }
    }
}

/// Rows of pairs, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// All that have a relation.
    pub positives: Vec<u32>,
    /// Of the others, those that are drawn.
    pub negatives: Vec<u32>,
}

/// The share of the drawn negatives of which the loss of the second view is a mean, as in the released program.
const OF_THE_SECOND_VIEW: f64 = 0.2;

impl Sample {
    /// Draws of the pairs by what holds for each.
    pub fn draw(gold: &[&Vec<u32>], negatives: Negatives, random: &mut Random) -> Self {
        let rows = (0u32..).zip(gold);
        let (others, positives): (Vec<_>, Vec<_>) = rows.partition(|(_, classes)| classes.is_empty());
        let [mut others, positives] = [others, positives].map(|rows| rows.into_iter().map(|(row, _)| row).collect());
        let drawn = negatives.drawn(Vec::len(&positives), others.len());
        if drawn < others.len() {
            random.shuffle(&mut others);
            others.truncate(drawn);
            others.sort_unstable();
        }
        Self { positives, negatives: others }
    }

    /// All of them.
    pub fn rows(&self) -> Vec<u32> {
        let mut rows = [self.positives.as_slice(), &self.negatives].concat();
        rows.sort_unstable();
        rows
    }

    /// Those of the second view: a fifth of the negatives, beside which is all that it is told wrongly.
    pub fn rows_of_second(&self, is_wrong: &[bool], random: &mut Random) -> Vec<u32> {
        let some = self.negatives.iter().copied().filter(|_| random.chance(OF_THE_SECOND_VIEW));
        let wrong = (0u32..).zip(is_wrong).filter(|(_, is_wrong)| **is_wrong).map(|(row, _)| row);
        let mut rows: Vec<u32> = self.positives.iter().copied().chain(some).chain(wrong).collect();
        rows.sort_unstable();
        rows.dedup();
        // Of no pair there is no mean.
        if rows.is_empty() { self.rows() } else { rows }
    }
}
