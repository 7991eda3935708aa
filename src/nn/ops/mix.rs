//! A gate between two states.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::numeric::{Wide, exp, in_widest};
use super::{is_fused, operand, values};

/// Values that one task takes.
const VALUES_AT_ONCE: usize = 1 << 14;

/// `σ(gate)∘one + (1 − σ(gate))∘other`, all of one shape.
///
/// # Errors
/// Where the shapes do not fit.
pub fn mix(gate: &Tensor, one: &Tensor, other: &Tensor) -> Result<Tensor> {
    if is_fused(gate) && gate.shape() == one.shape() && gate.shape() == other.shape() {
        return gate.contiguous()?.apply_op3(&one.contiguous()?, &other.contiguous()?, Mix);
    }
    other + (candle_nn::ops::sigmoid(gate)? * (one - other)?)?
}

struct Mix;

#[inline(always)]
#[expect(clippy::inline_always, reason = "part of wide loops")]
fn sigmoid(u: f32) -> f32 {
    1.0 / (1.0 + exp(-u))
}

/// Turns the gate's values into the mixture.
struct Forward<'v> {
    gate: &'v mut [f32],
    one: &'v [f32],
    other: &'v [f32],
}

impl Wide for Forward<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a wide loop")]
    fn run(self) {
        for ((gate, one), other) in self.gate.iter_mut().zip(self.one).zip(self.other) {
            *gate = other + sigmoid(*gate) * (one - other);
        }
    }
}

/// Turns the three arguments, in place, into their gradients: with s = σ(gate), `g (one − other) s (1 − s)`, `g s` and
/// `g (1 − s)`.
struct Backward<'v> {
    gate: &'v mut [f32],
    one: &'v mut [f32],
    other: &'v mut [f32],
    grad: &'v [f32],
}

impl Wide for Backward<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a wide loop")]
    fn run(self) {
        let states = self.one.iter_mut().zip(self.other);
        for ((gate, (one, other)), grad) in self.gate.iter_mut().zip(states).zip(self.grad) {
            let (share, apart) = (sigmoid(*gate), *one - *other);
            *one = grad * share;
            *other = grad - *one;
            *gate = apart * *one * (1.0 - share);
        }
    }
}

impl CustomOp3 for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        layout: &Layout,
        one: &CpuStorage,
        of_one: &Layout,
        other: &CpuStorage,
        of_other: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mut out = values(gate, layout)?.to_vec();
        let states =
            values(one, of_one)?.par_chunks(VALUES_AT_ONCE).zip(values(other, of_other)?.par_chunks(VALUES_AT_ONCE));
        out.par_chunks_mut(VALUES_AT_ONCE)
            .zip(states)
            .for_each(|(gate, (one, other))| in_widest(Forward { gate, one, other }));
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        one: &Tensor,
        other: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let copy = |tensor: &Tensor| Ok::<_, candle_core::Error>(operand(tensor).values()?.to_vec());
        let (mut of_gate, mut of_one, mut of_other) = (copy(gate)?, copy(one)?, copy(other)?);
        let grad = operand(&grad);
        let states = of_one.par_chunks_mut(VALUES_AT_ONCE).zip(of_other.par_chunks_mut(VALUES_AT_ONCE));
        let arguments = of_gate.par_chunks_mut(VALUES_AT_ONCE).zip(states);
        arguments
            .zip(grad.values()?.par_chunks(VALUES_AT_ONCE))
            .for_each(|((gate, (one, other)), grad)| in_widest(Backward { gate, one, other, grad }));
        let [of_gate, of_one, of_other] =
            [of_gate, of_one, of_other].map(|values| Tensor::from_vec(values, gate.shape(), gate.device()));
        Ok((Some(of_gate?), Some(of_one?), Some(of_other?)))
    }
}
