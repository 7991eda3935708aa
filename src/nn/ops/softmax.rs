//! Softmax over the last dimension.

use candle_core::{CpuStorage, CustomOp1, D, InplaceOp1, InplaceOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::numeric::{Kernel, exp, greatest, sum_of};
use super::{ROWS_AT_ONCE, card, is_fused, values};

/// `softmax(x)` over the last dimension, any shape in, the same out.
///
/// # Errors
/// Where the device refuses.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    if is_fused(x) {
        return x.contiguous()?.apply_op1(Softmax);
    }
    match card::soft(x)? {
        Some(step) => step.recorded(&[x]),
        None => candle_nn::ops::softmax(x, D::Minus1),
    }
}

/// The operation; in place where nothing else holds the scores.
#[derive(Debug, Clone, Copy)]
pub struct Softmax;

/// Turns the gradient of a softmax's result, in place, into that of its argument: p ∘ (g − Σ g∘p).
#[derive(Debug, Clone, Copy)]
pub struct SoftmaxBackward;

impl Kernel for Softmax {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a kernel")]
    fn apply(self, row: &mut [f32], _: &[f32]) {
        let most = greatest(row);
        row.iter_mut().for_each(|score| *score = exp(*score - most));
        let total = sum_of(row, row, |score, _| score).recip();
        row.iter_mut().for_each(|score| *score *= total);
    }
}

impl Kernel for SoftmaxBackward {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a kernel")]
    fn apply(self, grad: &mut [f32], shares: &[f32]) {
        let mean = sum_of(grad, shares, |grad, share| grad * share);
        grad.iter_mut().zip(shares).for_each(|(grad, share)| *grad = share * (*grad - mean));
    }
}

fn softmax_rows(scores: &mut [f32], width: usize) {
    scores.par_chunks_mut(ROWS_AT_ONCE * width.max(1)).for_each(|rows| Softmax.run(rows, &[0.0], width));
}

fn width_of(layout: &Layout) -> usize {
    layout.dims().last().copied().unwrap_or(1)
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut scores = values(storage, layout)?.to_vec();
        softmax_rows(&mut scores, width_of(layout));
        Ok((CpuStorage::F32(scores), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?.copy()?;
        grad.inplace_op2(&res.detach(), &SoftmaxBackward)?;
        Ok(Some(grad))
    }
}

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        softmax_rows(super::values_mut(storage, layout)?, width_of(layout));
        Ok(())
    }
}

impl InplaceOp2 for SoftmaxBackward {
    fn name(&self) -> &'static str {
        "softmax-backward"
    }

    fn cpu_fwd(&self, grad: &mut CpuStorage, layout: &Layout, res: &CpuStorage, of: &Layout) -> Result<()> {
        let width = width_of(layout).max(1);
        let shares = values(res, of)?.par_chunks(ROWS_AT_ONCE * width);
        let grads = super::values_mut(grad, layout)?.par_chunks_mut(ROWS_AT_ONCE * width);
        grads.zip(shares).for_each(|(grads, shares)| SoftmaxBackward.run(grads, shares, width));
        Ok(())
    }
}
