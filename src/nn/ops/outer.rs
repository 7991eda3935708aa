//! Outer products of the blocks of two rows.

use candle_core::{Result, Tensor};

use super::card;

/// The outer products of the blocks of two vectors, row by row: `(rows, width)` twice → `(rows, width·block)`, block by
/// block.
///
/// # Errors
/// Where the shapes do not fit.
pub fn outer(one: &Tensor, other: &Tensor, block: usize) -> Result<Tensor> {
    if let Some(step) = card::outer(one, other, block)? {
        return step.recorded(&[one, other]);
    }
    let (rows, width) = one.dims2()?;
    let one = one.reshape((rows, width / block, block, 1))?;
    let other = other.reshape((rows, width / block, 1, block))?;
    one.broadcast_mul(&other)?.reshape((rows, width * block))
}
