//! All pairs of a document's entities, for pairs to meet in.
//!
//! Where a corpus asks about some pairs only, as CDR about those of a chemical and a disease, no two of these share a
//! bridge: of the couple (s, i), (i, o) one is never asked about. So the layers see every pair of entities; only those
//! that are asked about are classified. Where a corpus asks about all, nothing is added.

use std::borrow::Cow;
use std::collections::BTreeSet;

use candle_core::{Result, Tensor};

use crate::example::Example;
use crate::pair_matrix::{PairMatrix, matrices};

/// The documents of a batch with all their pairs.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The documents, whose pairs are those that are asked about, then the others.
    pub examples: Cow<'a, [Example]>,
    /// The matrices of those that have pairs.
    pub matrices: Vec<PairMatrix>,
    /// The rows of the pairs that are asked about; `None` where all are.
    asked: Option<Vec<u32>>,
}

impl<'a> Surroundings<'a> {
    /// The surroundings of the pairs that are asked about. A document without such pairs stays without pairs.
    pub fn of(examples: &'a [Example]) -> Self {
        let others: Vec<Vec<(u32, u32)>> = examples.iter().map(others).collect();
        if others.iter().all(Vec::is_empty) {
            return Self { examples: Cow::Borrowed(examples), matrices: matrices(examples), asked: None };
        }
        let (mut asked, mut n_pairs) = (Vec::new(), 0);
        let mut wider = examples.to_vec();
        for (example, others) in wider.iter_mut().zip(others) {
            asked.extend(n_pairs..n_pairs + example.pairs.len() as u32);
            example.pairs.extend(others);
            n_pairs += example.pairs.len() as u32;
        }
        Self { matrices: matrices(&wider), examples: Cow::Owned(wider), asked: Some(asked) }
    }

    /// The rows of the pairs that are asked about: `(pairs, width)` → `(asked, width)`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn asked(&self, rows: &Tensor) -> Result<Tensor> {
        match &self.asked {
            Some(asked) => rows.index_select(&Tensor::new(asked.as_slice(), rows.device())?, 0),
            None => Ok(rows.clone()),
        }
    }
}

/// The pairs of distinct entities, both there, that a document with pairs does not ask about.
fn others(example: &Example) -> Vec<(u32, u32)> {
    if example.pairs.is_empty() {
        return Vec::new();
    }
    let asked: BTreeSet<(u32, u32)> = example.pairs.iter().copied().collect();
    let there = example.n_mentions.iter().zip(0..).filter(|(count, _)| **count > 0).map(|(_, entity)| entity);
    let there: Vec<u32> = there.collect();
    let all = there.iter().flat_map(|&head| there.iter().map(move |&tail| (head, tail)));
    all.filter(|pair| pair.0 != pair.1 && !asked.contains(pair)).collect()
}
