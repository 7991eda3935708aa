//! Documents as the inference module reads them, again and again.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};

use nn::ops::{Places, gather};

use super::config::{DocreIiConfig, Logits};
use crate::example::Example;
use crate::pair_matrix::PairMatrix;
use crate::trace::Held;

/// A document as it was last read.
pub struct Reading {
    /// The pairs that meet in it.
    pub matrix: PairMatrix,
    /// The place of its first pair among those of all documents.
    pub first_pair: usize,
    /// Where what the module thinks of its first pair stands in all that is kept of that, once it has read it.
    pub row: Option<usize>,
    /// What is predicted for each pair, the best first.
    pub sets: Vec<Vec<u32>>,
    /// The iteration at which that last changed.
    pub changed: Vec<u32>,
    /// Whether to read it again may change something.
    pub is_open: bool,
}

impl Reading {
    pub fn update(&mut self, sets: Vec<Vec<u32>>, iteration: u32, config: &DocreIiConfig) {
        // What is added up grows though nothing changes that is embedded.
        self.is_open = config.logits == Logits::Sum;
        for ((changed, before), after) in self.changed.iter_mut().zip(&self.sets).zip(&sets) {
            if !same(before, after) {
                *changed = iteration;
            }
            self.is_open |= !same(config.embed.of(before), config.embed.of(after));
        }
        self.sets = sets;
    }

    /// The places of its pairs among those of all documents.
    pub fn rows(&self) -> Range<usize> {
        self.first_pair..self.first_pair + self.sets.len()
    }

    /// Tells of what a pair is given when that last changed, and until when it holds: if the document is read again, not
    /// even the logits stay.
    pub fn mark(&self, held: &mut Held) {
        let changed = self.changed.get(held.pair as usize - self.first_pair);
        debug_assert!(changed.is_some(), "a pair of the document");
        held.span.changed = changed.copied().unwrap_or_default();
        if self.is_open {
            held.span.until = held.span.since;
        }
    }
}

/// Whether two sets have the same members, in whatever order.
fn same(one: &[u32], other: &[u32]) -> bool {
    one.len() == other.len() && one.iter().all(|class| other.contains(class))
}

/// What the module thought of documents when they were last read, and of some before.
#[derive(Default)]
pub struct Read {
    logits: Vec<Tensor>,
    n_rows: usize,
}

impl Read {
    /// Keeps what it thinks of the documents that are read, and nothing else where that is all of them.
    pub fn add(&mut self, read: &mut [&mut Reading], logits: Tensor, is_whole: bool) -> Result<()> {
        if is_whole {
            *self = Self::default();
        }
        let mut row = self.n_rows;
        for reading in read {
            reading.row = Some(row);
            row += reading.sets.len();
        }
        self.n_rows += logits.dim(0)?;
        self.logits.push(logits);
        Ok(())
    }

    /// What it thought last, in the order of documents.
    pub fn last(self, readings: &[Reading]) -> Result<Tensor> {
        let logits = Tensor::cat(&self.logits, 0)?;
        if self.logits.len() == 1 {
            return Ok(logits);
        }
        let mut places = Vec::new();
        for reading in readings {
            let Some(row) = reading.row else { bail!("inference: expected every document to be read") };
            places.extend((row..row + reading.sets.len()).map(|row| row as u32));
        }
        gather(&logits, &Places::new(places, logits.device())?)
    }
}

/// What each pair of some documents is given to begin with, where another than the base says so.
pub fn first(examples: &[Example]) -> Vec<Option<Vec<u32>>> {
    if examples.iter().all(|example| example.first.is_none()) {
        return Vec::new();
    }
    let of = |example: &Example| match example.first_classes() {
        Some(classes) => classes.into_iter().map(Some).collect(),
        None => vec![None; example.pairs.len()],
    };
    examples.iter().flat_map(of).collect()
}

/// The rows of the documents that are to be read.
pub fn rows_of_open(features: &Tensor, open: &[&mut Reading]) -> Result<Tensor> {
    let places = open.iter().flat_map(|reading| reading.rows());
    gather(features, &Places::new(places.map(|row| row as u32).collect::<Vec<u32>>(), features.device())?)
}

/// What some of the pairs were given, whose places are counted from the first of them.
pub fn within(held: &[Held], rows: &Range<usize>) -> Vec<Held> {
    let place = |row: usize| held.partition_point(|held| (held.pair as usize) < row);
    let some = held.get(place(rows.start)..place(rows.end)).unwrap_or_default();
    some.iter().map(|held| Held { pair: held.pair - rows.start as u32, ..*held }).collect()
}
