//! Attention among the pairs of a document.
//!
//! A pair (s, o) attends to itself and to what it sees ([`Reach`]): along the axes of its document's matrix, to one
//! place for each bridge i. A place's key and value are sums of what stands in one pair of each axis, so neither is ever
//! built: where the naive form has (N, N, N, width) keys, there are (N, N, N) scores in the form composed of candle's
//! operations ([`composed`]) over grids of several documents ([`grids`]), and N of them at a time in the fused one
//! ([`fused`]).

mod composed;
mod fused;
mod grids;
mod matrices;

use std::ops::Range;

use candle_core::Result;
use candle_core::Tensor;

use nn::Mode;
use nn::ops::is_fused;

use crate::pair_matrix::{Axis, PairMatrix};
#[cfg(test)]
pub use grids::Grids;
pub use matrices::{Matrices, matrices, matrix_bytes};

/// What a head attends to, beside the pair itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// For each bridge, the pairs in its places on these axes, all of which must be there to be seen. A bridge that
    /// stands for the pair itself does not count.
    Along(&'static [Axis]),
    /// All other pairs.
    All,
}

/// What the heads of a unit have in common.
#[derive(Debug, Clone)]
pub struct Heads {
    /// What each attends to.
    pub reach: Vec<Reach>,
    /// What is added to the score of a pair with itself.
    pub itself: f64,
    /// Probability with which training drops a share.
    pub dropout: f64,
}

/// Pairs that attention looks at together at most in a pass of some mode: where it is not fused, it is to all or none.
pub fn rows_at_once(pairs: &Tensor, mode: &Mode) -> usize {
    if is_fused(pairs) { mode.rows_at_once() } else { usize::MAX }
}

/// Keys and values of pairs, `(pairs, width)` each.
pub type Memory<'t> = [&'t Tensor; 2];

impl Heads {
    /// `softmax(q kᵀ / √w) v` for each head of width w, by queries of `(pairs, width)`: `(pairs, width)`.
    ///
    /// The first of `memory` is what a pair is to itself, the last ones are what it is in its place on each axis of a
    /// head; they may be the same.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn attend(&self, queries: &Tensor, memory: &[Memory], matrices: &Matrices, mode: &mut Mode) -> Result<Tensor> {
        let drop = mode.drop(self.dropout);
        if is_fused(queries) {
            fused::attend(self, queries, memory, matrices, drop)
        } else {
            composed::attend(self, queries, memory, matrices, drop)
        }
    }

    /// The same for some rows of all pairs, by the queries of these rows and the memory of all.
    ///
    /// # Errors
    /// Where the shapes do not fit, or the tensors are not those of the fused form and the rows are not all.
    pub fn attend_rows(
        &self,
        queries: &Tensor,
        rows: &Range<usize>,
        memory: &[Memory],
        matrices: &Matrices,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let n_pairs: usize = matrices.iter().map(PairMatrix::n_pairs).sum();
        if rows.len() == n_pairs {
            self.attend(queries, memory, matrices, mode)
        } else if is_fused(queries) {
            fused::attend_rows(self, queries, rows, memory, matrices)
        } else {
            candle_core::bail!("attention of pairs: expected queries of {n_pairs} pairs, got {}", rows.len())
        }
    }
}
