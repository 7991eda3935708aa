//! Rows by their places.

use candle_core::{Result, Tensor};

/// In a list of places: no row, but zeros.
pub const NO_ROW: u32 = u32::MAX;

/// The rows of `(rows, width)` in these places, `(places, width)`; zeros for [`NO_ROW`].
///
/// # Errors
/// Where a place is out of range.
pub fn gather(x: &Tensor, places: &[u32]) -> Result<Tensor> {
    x.contiguous()?.index_select(&Tensor::new(places, x.device())?, 0)
}
