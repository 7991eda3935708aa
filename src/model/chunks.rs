//! Rows in chunks, so that what is made of the pairs of one document on the way takes no more memory than a constant.

use std::ops::Range;

use candle_core::{Result, Tensor, bail};

/// Numbers in one chunk of rows.
const VALUES_AT_ONCE: usize = 1 << 23;
/// What rows count as where they are narrower: the shares of a pair's context are as many as its document has pieces.
const LEAST_WIDTH: usize = 512;

/// Pairs that a model of a width is given at a time.
pub fn pairs_at_once(width: usize) -> usize {
    (VALUES_AT_ONCE / width.max(LEAST_WIDTH)).max(1)
}

/// Rows from the first to the last, so many at a time.
pub(crate) fn chunks(n_rows: usize, at_once: usize) -> impl Iterator<Item = Range<usize>> {
    let at_once = at_once.clamp(1, n_rows.max(1));
    (0..n_rows).step_by(at_once).map(move |first| first..n_rows.min(first + at_once))
}

/// Some rows of a tensor.
pub(crate) fn rows_of(x: &Tensor, rows: &Range<usize>) -> Result<Tensor> {
    x.narrow(0, rows.start, rows.len())
}

/// `(rows, width)` tensors, put together from what `part` gives for some rows at a time. Where these are all rows, that
/// is passed on as it is, with its gradients.
pub(crate) fn by_rows<const N: usize>(
    n_rows: usize,
    at_once: usize,
    mut part: impl FnMut(Range<usize>) -> Result<[Tensor; N]>,
) -> Result<[Tensor; N]> {
    if n_rows <= at_once {
        return part(0..n_rows);
    }
    let mut whole: Option<[Tensor; N]> = None;
    for rows in chunks(n_rows, at_once) {
        let parts = part(rows.clone())?;
        let whole = match &mut whole {
            Some(whole) => whole,
            None => whole.insert(empty(&parts, n_rows)?),
        };
        for (whole, part) in whole.iter().zip(&parts) {
            // `Tensor::cat` would hold all parts beside the whole.
            whole.slice_set(&part.contiguous()?, 0, rows.start)?;
        }
    }
    match whole {
        Some(whole) => Ok(whole),
        None => bail!("rows in chunks: expected at least one row"),
    }
}

/// As wide as these, but of so many rows.
fn empty<const N: usize>(parts: &[Tensor; N], n_rows: usize) -> Result<[Tensor; N]> {
    let mut whole = parts.clone();
    for tensor in &mut whole {
        *tensor = Tensor::zeros((n_rows, tensor.dim(1)?), tensor.dtype(), tensor.device())?;
    }
    Ok(whole)
}
