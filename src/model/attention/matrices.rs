//! The matrices of a batch, and what attention keeps of them.

use std::ops::Deref;
use std::sync::OnceLock;

use super::grids::{Grids, SCORES_AT_ONCE};
use crate::example::Example;
use crate::pair_matrix::PairMatrix;

/// Bytes that the matrix of so many entities takes beside what its pairs do: a place for each cell and, unless attention
/// is fused, some scores for each cell and bridge of as many heads as are looked at together.
pub fn matrix_bytes(n_entities: u64, n_heads: usize, is_fused: bool) -> u64 {
    let cells = n_entities.saturating_mul(n_entities);
    if is_fused {
        return cells.saturating_mul(8);
    }
    let of_head = cells.saturating_mul(n_entities);
    let together = of_head.saturating_mul(n_heads as u64).min(of_head.max(SCORES_AT_ONCE as u64));
    together.saturating_mul(6 * 4)
}

/// The matrices of the documents of a batch that have pairs, in order.
#[derive(Debug, Default)]
pub struct Matrices {
    each: Vec<PairMatrix>,
    /// The same as tensors, once attention that is not fused has asked for them.
    pub(crate) grids: OnceLock<Grids>,
}

impl From<Vec<PairMatrix>> for Matrices {
    fn from(each: Vec<PairMatrix>) -> Self {
        Self { each, grids: OnceLock::new() }
    }
}

impl Deref for Matrices {
    type Target = [PairMatrix];

    fn deref(&self) -> &[PairMatrix] {
        &self.each
    }
}

/// The matrices of a batch.
pub fn matrices(examples: &[Example]) -> Matrices {
    let with_pairs = examples.iter().filter(|example| !example.pairs.is_empty());
    with_pairs.map(PairMatrix::new).collect::<Vec<_>>().into()
}
