//! All pairs of a document's entities, for pairs to meet in.
//!
//! Where a corpus asks about some pairs only, as CDR about those of a chemical and a disease, no two of these share a
//! bridge: of the couple (s, i), (i, o) one is never asked about. So the layers see every pair of entities; only those
//! that are asked about are classified. Where a corpus asks about all, nothing is added.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use candle_core::{Result, Tensor};

use nn::ops::{Places, gather};

use crate::attention::{Matrices, matrices};
use crate::chunks::rows_of;
use crate::example::Example;
use crate::trace::Held;

/// The documents of a batch with the pairs that meet.
#[derive(Debug)]
pub struct AllPairs<'a> {
    /// The documents, whose pairs are those that are asked about, then the others, which have no labels.
    pub examples: Cow<'a, [Example]>,
    matrices: OnceLock<Matrices>,
    /// The rows of the pairs that are asked about; `None` where all are.
    asked: Option<Vec<u32>>,
}

impl<'a> AllPairs<'a> {
    /// All pairs around those that are asked about. A document without such pairs stays without pairs.
    pub fn of(examples: &'a [Example]) -> Self {
        let others: Vec<Vec<(u32, u32)>> = examples.iter().map(others).collect();
        if others.iter().all(Vec::is_empty) {
            return Self::asked_alone(examples);
        }
        let (mut asked, mut n_pairs) = (Vec::new(), 0);
        let mut wider = examples.to_vec();
        for (example, others) in wider.iter_mut().zip(others) {
            asked.extend(n_pairs..n_pairs + example.pairs.len() as u32);
            if !others.is_empty() {
                // What is learnt is of those that are asked about.
                let asked: BTreeSet<(u32, u32)> = example.pairs.iter().copied().collect();
                example.evidence.retain(|(pair, _)| asked.contains(pair));
            }
            example.pairs.extend(others);
            example.labels.resize(example.pairs.len(), Vec::new());
            n_pairs += example.pairs.len() as u32;
        }
        Self { examples: Cow::Owned(wider), matrices: OnceLock::new(), asked: Some(asked) }
    }

    /// Those that are asked about, and no others.
    pub fn asked_alone(examples: &'a [Example]) -> Self {
        Self { examples: Cow::Borrowed(examples), matrices: OnceLock::new(), asked: None }
    }

    /// The matrices of the documents that have pairs.
    pub fn matrices(&self) -> &Matrices {
        self.matrices.get_or_init(|| matrices(&self.examples))
    }

    /// How many pairs are asked about.
    pub fn n_asked(&self) -> usize {
        let all = || self.examples.iter().map(|example| example.pairs.len()).sum();
        self.asked.as_ref().map_or_else(all, Vec::len)
    }

    /// The rows of some of the pairs that are asked about: `(pairs, width)` → `(some, width)`.
    ///
    /// # Errors
    /// Where there are not as many, or the device refuses.
    pub fn asked(&self, rows: &Tensor, some: &Range<usize>) -> Result<Tensor> {
        match &self.asked {
            Some(asked) => {
                let asked = asked.get(some.clone()).unwrap_or_default();
                gather(rows, &Places::new(asked, rows.device())?)
            }
            None => rows_of(rows, some),
        }
    }

    /// The same of all of them, where there is anything of pairs.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn all_asked(&self, rows: Option<&Tensor>) -> Result<Option<Tensor>> {
        rows.map(|rows| self.asked(rows, &(0..self.n_asked()))).transpose()
    }

    /// The same of what each pair has.
    pub fn asked_of<T: Copy>(&self, each: &[T], some: &Range<usize>) -> Vec<T> {
        match &self.asked {
            Some(asked) => {
                let asked = asked.get(some.clone()).unwrap_or_default();
                asked.iter().filter_map(|&row| each.get(row as usize)).copied().collect()
            }
            None => each.get(some.clone()).map(<[T]>::to_vec).unwrap_or_default(),
        }
    }

    /// What each pair that is asked about has, and the others nothing.
    pub fn spread<T: Default>(&self, each: Vec<T>) -> Vec<T> {
        let Some(asked) = &self.asked else { return each };
        let n_pairs = self.examples.iter().map(|example| example.pairs.len()).sum();
        let mut spread: Vec<T> = std::iter::repeat_with(T::default).take(n_pairs).collect();
        for (&row, one) in asked.iter().zip(each) {
            if let Some(place) = spread.get_mut(row as usize) {
                *place = one;
            }
        }
        spread
    }

    /// What the pairs that are asked about were given, by their places among these.
    pub fn held_by_asked(&self, held: Vec<Held>) -> Vec<Held> {
        let Some(asked) = &self.asked else { return held };
        let place = |held: Held| Some(Held { pair: asked.binary_search(&held.pair).ok()? as u32, ..held });
        held.into_iter().filter_map(place).collect()
    }
}

/// How many pairs of a document that is.
pub fn n_pairs(example: &Example) -> u64 {
    let is_there = |entity: u32| example.n_mentions.get(entity as usize).is_some_and(|&count| count > 0);
    let n_there = example.n_mentions.iter().filter(|&&count| count > 0).count() as u64;
    let away = example.pairs.iter().filter(|&&(head, tail)| !is_there(head) || !is_there(tail)).count() as u64;
    if example.pairs.is_empty() { 0 } else { away + n_there * n_there.saturating_sub(1) }
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
