//! Matrix products, wherever their operands lie.

use candle_core::{D, Result, Tensor};

/// `x y`, of two matrices or of as many of each. CUDA's library multiplies only those whose rows or columns lie one
/// after another.
///
/// # Errors
/// Where the shapes do not fit.
pub fn matmul(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    plain(x)?.matmul(&plain(y)?)
}

fn plain(x: &Tensor) -> Result<Tensor> {
    if x.is_contiguous() || x.transpose(D::Minus1, D::Minus2)?.is_contiguous() { Ok(x.clone()) } else { x.contiguous() }
}
