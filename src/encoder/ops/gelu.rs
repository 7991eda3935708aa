//! Bias and GELU.

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::numeric::{Kernel, normal};
use super::{ROWS_AT_ONCE, column_sums, is_fused, operand, values};

/// `gelu(x + bias)` with gelu(u) = u·Φ(u): `(rows, width)` and `(width)` → `(rows, width)`, in f32 whatever the type of
/// `x`.
///
/// # Errors
/// Where the shapes do not fit.
pub fn gelu(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let of = x.dtype();
    if is_fused(x) {
        x.contiguous()?.apply_op2(&bias.contiguous()?, BiasGelu)
    } else {
        let (x, bias) = (x.to_dtype(DType::F32)?, bias.to_dtype(DType::F32)?);
        x.broadcast_add(&bias)?.gelu_erf()?.to_dtype(of)
    }
}

struct BiasGelu;

/// gelu(x + bias).
#[derive(Clone, Copy)]
struct Gelu;

/// gelu′(x + bias) = Φ(u) + u·φ(u).
#[derive(Clone, Copy)]
struct Slope;

impl Kernel for Gelu {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a kernel")]
    fn apply(self, row: &mut [f32], bias: &[f32]) {
        for (value, bias) in row.iter_mut().zip(bias) {
            let u = *value + bias;
            *value = u * normal(u).0;
        }
    }
}

impl Kernel for Slope {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a kernel")]
    fn apply(self, row: &mut [f32], bias: &[f32]) {
        for (value, bias) in row.iter_mut().zip(bias) {
            let u = *value + bias;
            let (below, density) = normal(u);
            *value = below + u * density;
        }
    }
}

/// The values after a kernel.
fn over_rows(x: &[f32], bias: &[f32], kernel: impl Kernel + Sync) -> Vec<f32> {
    let mut out = x.to_vec();
    let width = bias.len().max(1);
    out.par_chunks_mut(ROWS_AT_ONCE * width).for_each(|rows| kernel.run(rows, bias, width));
    out
}

impl CustomOp2 for BiasGelu {
    fn name(&self) -> &'static str {
        "bias-gelu"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        of: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let gelu = over_rows(values(x, x_layout)?, values(bias, of)?, Gelu);
        Ok((CpuStorage::F32(gelu), x_layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, bias: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (x_values, bias_values, grad_values) = (operand(x), operand(bias), operand(&grad));
        let bias_values = bias_values.values()?;
        let mut slope = over_rows(x_values.values()?, bias_values, Slope);
        slope.par_iter_mut().with_min_len(1 << 14).zip(grad_values.values()?).for_each(|(slope, grad)| *slope *= grad);
        let of_bias = Tensor::from_vec(column_sums(&slope, bias_values.len()), bias.shape(), x.device())?;
        Ok((Some(Tensor::from_vec(slope, x.shape(), x.device())?), Some(of_bias)))
    }
}
