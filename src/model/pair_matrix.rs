//! The entity pairs of one document as a matrix, heads by tails.
//!
//! The matrix holds the pairs of the example, and no others. These are the pairs that are to be classified: all pairs
//! of distinct entities where a corpus asks for all, as DocRED does; of CDR's documents the pairs of a chemical and a
//! disease, which DocRE-SD and DocRE-II join by all others. Rows and columns are the entities that stand in one of
//! these pairs. Its other cells, the diagonal among them, are empty. A pair with an entity whose mentions are all cut
//! off is absent: it sees itself and the others, but no other pair sees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use nn::ops::{Places, gather};
use nn::{Span, alike, consecutive};

use crate::example::Example;

/// Which pairs the pair (s, o) attends to, one for each bridge i.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// (s, i): the row of the head.
    HeadRow,
    /// (i, o): the column of the tail.
    TailColumn,
    /// (i, s): the column of the head.
    HeadColumn,
    /// (o, i): the row of the tail.
    TailRow,
}

impl Axis {
    /// The head and the tail of the pair that bridge i stands for.
    #[inline]
    pub fn cell(self, (head, tail): (u32, u32), bridge: u32) -> (u32, u32) {
        match self {
            Self::HeadRow => (head, bridge),
            Self::TailColumn => (bridge, tail),
            Self::HeadColumn => (bridge, head),
            Self::TailRow => (tail, bridge),
        }
    }
}

/// Where the pairs of one document stand in its matrix. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PairMatrix {
    stands: Arc<Stands>,
}

#[derive(Debug)]
struct Stands {
    n_entities: u32,
    /// Head and tail of each pair, by their places among the matrix's entities.
    pairs: Vec<(u32, u32)>,
    /// Whether other pairs see each pair.
    seen: Vec<bool>,
    /// The pair in each cell, head by head: `(N²)`.
    cells: Vec<Option<u32>>,
}

impl PairMatrix {
    /// The matrix of a document's pairs.
    pub fn new(example: &Example) -> Self {
        let entities: BTreeSet<u32> = example.pairs.iter().flat_map(|&(head, tail)| [head, tail]).collect();
        let entities: Vec<u32> = entities.into_iter().collect();
        let place = |entity: u32| {
            let place = entities.binary_search(&entity);
            debug_assert!(place.is_ok(), "entity {entity} is one of a pair's");
            place.unwrap_or_else(|place| place) as u32
        };
        let there = |entity: u32| example.n_mentions.get(entity as usize).is_some_and(|&count| count > 0);
        let pairs: Vec<(u32, u32)> = example.pairs.iter().map(|&(head, tail)| (place(head), place(tail))).collect();
        let seen = example.pairs.iter().map(|&(head, tail)| head != tail && there(head) && there(tail)).collect();
        let mut cells = vec![None; entities.len() * entities.len()];
        for (&(head, tail), row) in pairs.iter().zip(0..) {
            if let Some(cell) = cells.get_mut(head as usize * entities.len() + tail as usize) {
                *cell = Some(row);
            }
        }
        Self { stands: Arc::new(Stands { n_entities: entities.len() as u32, pairs, seen, cells }) }
    }

    /// N: how many entities stand in its pairs.
    pub fn n_entities(&self) -> u32 {
        self.stands.n_entities
    }

    /// Head and tail of each pair, by their places among the matrix's entities.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.stands.pairs
    }

    /// How many pairs it holds.
    pub fn n_pairs(&self) -> usize {
        self.stands.pairs.len()
    }

    /// Whether other pairs see a pair.
    pub fn is_seen(&self, pair: u32) -> bool {
        self.stands.seen.get(pair as usize).is_some_and(|seen| *seen)
    }

    /// The pair in a cell; `None` where it is empty.
    pub fn pair(&self, (head, tail): (u32, u32)) -> Option<u32> {
        self.stands.cells.get((head * self.stands.n_entities + tail) as usize).copied().flatten()
    }

    /// The pair in a cell, where other pairs see it.
    #[inline]
    pub fn seen(&self, cell: (u32, u32)) -> Option<u32> {
        self.pair(cell).filter(|&pair| self.is_seen(pair))
    }
}

/// How many of a document's entities stand in its pairs.
pub fn entities_in_pairs(example: &Example) -> u64 {
    let mut stands = vec![false; example.n_entities()];
    for entity in example.pairs.iter().flat_map(|&(head, tail)| [head, tail]) {
        if let Some(stands) = stands.get_mut(entity as usize) {
            *stands = true;
        }
    }
    stands.into_iter().filter(|stands| *stands).count() as u64
}

/// Applies something to each document's part of `(pairs of all documents, width)` tensors, and joins what it gives.
///
/// # Errors
/// Where the shapes do not fit, or it fails.
pub fn by_document<const N: usize>(
    matrices: &[PairMatrix],
    rows: [&Tensor; N],
    mut f: impl FnMut([Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut first = 0;
    let mut parts = Vec::with_capacity(matrices.len());
    for matrix in matrices {
        let mut of_document = rows.map(Tensor::clone);
        for rows in &mut of_document {
            *rows = rows.narrow(0, first, matrix.n_pairs())?;
        }
        parts.push(f(of_document)?);
        first += matrix.n_pairs();
    }
    Tensor::cat(&parts, 0)
}

/// The same of several documents at a time, padded to the most pairs: `f` gets `(documents, pairs, width)` tensors and,
/// `(documents, pairs)` in f32, 1 where a pair is there and else 0, and gives `(documents, pairs)`. What it gives is
/// joined in any order.
///
/// # Errors
/// Where the shapes do not fit, or it fails.
pub fn by_documents<const N: usize>(
    matrices: &[PairMatrix],
    rows: [&Tensor; N],
    mut f: impl FnMut([Tensor; N], Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let spans = consecutive(matrices.iter().map(PairMatrix::n_pairs));
    let mut parts = Vec::new();
    for group in alike(spans.iter().map(|span| span.len), 2) {
        let spans: Vec<&Span> = group.iter().filter_map(|&place| spans.get(place)).collect();
        let (n, most) = (spans.len(), spans.iter().map(|span| span.len).max().unwrap_or_default());
        let mut of_group = rows.map(Tensor::clone);
        for rows in &mut of_group {
            let places = Places::padded(spans.iter().copied(), most, rows.device())?;
            *rows = gather(rows, &places)?.reshape((n, most, ()))?;
        }
        let Some(device) = of_group.first().map(Tensor::device) else { bail!("by documents: expected some rows") };
        let there = spans.iter().flat_map(|span| (0..most).map(|pair| if pair < span.len { 1f32 } else { 0.0 }));
        let there = Tensor::from_vec(there.collect(), (n, most), device)?;
        let places = Places::unpadded(spans.iter().map(|span| span.len), most, device)?;
        parts.push(gather(&f(of_group, there)?.reshape((n * most, 1))?, &places)?.squeeze(1)?);
    }
    Tensor::cat(&parts, 0)
}
