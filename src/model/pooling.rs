//! What of a document's states and attention entities and contexts are made of.

use std::borrow::Cow;

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::example::Example;

/// Which of a mention's markers its vector and its attention are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mentions {
    /// The opening one.
    #[default]
    Opening,
    /// Both: the mean of the two.
    Both,
}

impl Mentions {
    /// How many places of each count.
    fn n_ends(self) -> usize {
        match self {
            Self::Opening => 1,
            Self::Both => 2,
        }
    }

    /// What each row of attention counts in the mean of each entity: `(entities, rows)`, padded. First come the rows of
    /// where mentions begin, then those of where they end.
    pub fn means(self, example: &Example, n_rows: usize, n_entities: usize) -> Vec<f32> {
        let mut means = vec![0f32; n_entities * n_rows];
        let (mut first, n_ends) = (0, self.n_ends());
        for (row, &count) in means.chunks_exact_mut(n_rows.max(1)).zip(&example.n_mentions) {
            for end in 0..n_ends {
                let rows = row.iter_mut().skip(end * example.mentions.len() + first).take(count);
                rows.for_each(|share| *share = 1.0 / (count * n_ends) as f32);
            }
            first += count;
        }
        means
    }

    /// The pieces of a document whose attention is wanted.
    ///
    /// # Errors
    /// Where the example does not tell where its mentions end.
    pub fn rows(self, example: &Example) -> Result<Cow<'_, [u32]>> {
        match self {
            Self::Opening => Ok(Cow::Borrowed(&example.mentions)),
            Self::Both if example.mention_ends.len() == example.mentions.len() => {
                Ok(Cow::Owned([example.mentions.as_slice(), &example.mention_ends].concat()))
            }
            Self::Both => {
                let (expected, got) = (example.mentions.len(), example.mention_ends.len());
                bail!("document `{}`: expected the ends of {expected} mentions, got {got}", example.doc_id)
            }
        }
    }
}

/// How a batch is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pooling {
    /// What mentions are.
    pub mentions: Mentions,
    /// Whether as in the released programs of DocRE-II and DocRE-SD: a pair has the vector of its document, too, and the
    /// products of its entities' attentions are added up over heads before a context is normalised, not averaged.
    pub released: bool,
    /// Whether a pair has the shares that sentences have of its context, too.
    pub sentences: bool,
    /// Whether it has those of pieces.
    pub pieces: bool,
}
