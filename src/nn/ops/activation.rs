//! Bias, and what may follow it: GELU or ReLU.

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::numeric::{Kernel, normal};
use super::step::composed;
use super::{ROWS_AT_ONCE, Step, card, column_sums, is_fused, operand, values};

/// `x + bias`: `(rows, width)` and `(width)` → `(rows, width)`, in f32 whatever the type of `x`, so that the bias's
/// gradient, a sum over all rows, is too.
///
/// # Errors
/// Where the shapes do not fit.
pub fn add_bias(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    biased(x, bias, Straight, |sum| Ok(sum.clone()))
}

/// `max(x + bias, 0)`, likewise.
///
/// # Errors
/// Where the shapes do not fit.
pub fn relu(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    biased(x, bias, Relu, Tensor::relu)
}

/// `gelu(x + bias)` with gelu(u) = u·Φ(u), likewise.
///
/// # Errors
/// Where the shapes do not fit.
pub fn gelu(x: &Tensor, bias: &Tensor) -> Result<Tensor> {
    biased(x, bias, Gelu, Tensor::gelu_erf)
}

/// [`gelu`] as a step, whose way back leads to `x` and `bias`.
///
/// # Errors
/// Where the shapes do not fit.
pub fn gelu_step(x: &Tensor, bias: &Tensor) -> Result<Step> {
    match card::biased(x, bias, Gelu::NAME)? {
        Some(step) => Ok(step),
        None => composed([x, bias], |[x, bias]| gelu(x, bias)),
    }
}

fn biased<A: Activation>(
    x: &Tensor,
    bias: &Tensor,
    activation: A,
    composed: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if is_fused(x) {
        return x.contiguous()?.apply_op2(&bias.contiguous()?, Biased(activation));
    }
    if let Some(step) = card::biased(x, bias, A::NAME)? {
        return step.recorded(&[x, bias]);
    }
    let sum = x.to_dtype(DType::F32)?.broadcast_add(&bias.to_dtype(DType::F32)?)?;
    composed(&sum)?.to_dtype(x.dtype())
}

/// What is done to each `u = x + bias`. Implementations are `#[inline(always)]`.
trait Activation: Copy + Send + Sync + 'static {
    /// Whether its slope is 1 everywhere.
    const IS_IDENTITY: bool = false;
    /// What its kernel is called.
    const NAME: &'static str;

    fn value(self, u: f32) -> f32;

    fn slope(self, u: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Straight;

#[derive(Clone, Copy)]
struct Relu;

#[derive(Clone, Copy)]
struct Gelu;

impl Activation for Straight {
    const IS_IDENTITY: bool = true;
    const NAME: &'static str = "straight";

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of kernels")]
    fn value(self, u: f32) -> f32 {
        u
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of kernels")]
    fn slope(self, _: f32) -> f32 {
        1.0
    }
}

impl Activation for Relu {
    const NAME: &'static str = "relu";

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of kernels")]
    fn value(self, u: f32) -> f32 {
        // A comparison and not `max`, which would hide NaN.
        if u < 0.0 { 0.0 } else { u }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of kernels")]
    fn slope(self, u: f32) -> f32 {
        if u < 0.0 { 0.0 } else { 1.0 }
    }
}

impl Activation for Gelu {
    const NAME: &'static str = "gelu";

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of kernels")]
    fn value(self, u: f32) -> f32 {
        u * normal(u).0
    }

    /// Φ(u) + u·φ(u).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "part of kernels")]
    fn slope(self, u: f32) -> f32 {
        let (below, density) = normal(u);
        below + u * density
    }
}

/// The value of x + bias.
#[derive(Clone, Copy)]
struct Values<A>(A);

/// The slope there.
#[derive(Clone, Copy)]
struct Slopes<A>(A);

impl<A: Activation> Kernel for Values<A> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a kernel")]
    fn apply(self, row: &mut [f32], bias: &[f32]) {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value = self.0.value(*value + bias));
    }
}

impl<A: Activation> Kernel for Slopes<A> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a kernel")]
    fn apply(self, row: &mut [f32], bias: &[f32]) {
        row.iter_mut().zip(bias).for_each(|(value, bias)| *value = self.0.slope(*value + bias));
    }
}

/// The values after a kernel.
fn over_rows(x: &[f32], bias: &[f32], kernel: impl Kernel + Sync) -> Vec<f32> {
    let mut out = x.to_vec();
    let width = bias.len().max(1);
    out.par_chunks_mut(ROWS_AT_ONCE * width).for_each(|rows| kernel.run(rows, bias, width));
    out
}

/// The operation.
struct Biased<A>(A);

impl<A: Activation> CustomOp2 for Biased<A> {
    fn name(&self) -> &'static str {
        "bias-and-activation"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        of: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let found = over_rows(values(x, x_layout)?, values(bias, of)?, Values(self.0));
        Ok((CpuStorage::F32(found), x_layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, bias: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (x_values, bias_values, grad_values) = (operand(x), operand(bias), operand(&grad));
        let (bias_values, grad_values) = (bias_values.values()?, grad_values.values()?);
        let sums = |rows: &[f32]| Tensor::from_vec(column_sums(rows, bias_values.len()), bias.shape(), x.device());
        if A::IS_IDENTITY {
            return Ok((Some(grad.clone()), Some(sums(grad_values)?)));
        }
        let mut slope = over_rows(x_values.values()?, bias_values, Slopes(self.0));
        slope.par_iter_mut().with_min_len(1 << 14).zip(grad_values).for_each(|(slope, grad)| *slope *= grad);
        let of_bias = sums(&slope)?;
        Ok((Some(Tensor::from_vec(slope, x.shape(), x.device())?), Some(of_bias)))
    }
}
