//! Dropout whose masks are never stored: a mask is a seed, and the backward pass draws it again.

use candle_core::{CpuStorage, CustomOp1, InplaceOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use ground::random::Random;

use super::numeric::in_vectors;
use super::{card, is_fused, values, values_mut};

/// Values that share one stream of random numbers, so that threads do not matter.
const VALUES_AT_ONCE: usize = 4096;

/// Whether a pass through a model trains or evaluates it.
#[derive(Debug)]
pub enum Mode<'r> {
    /// Nothing is dropped.
    Evaluate,
    /// Nothing is dropped and no gradient is asked for: of many rows, so many are computed at a time.
    InChunks(usize),
    /// Masks come from this stream, in the order of the operations.
    Train(&'r mut Random),
}

impl Mode<'_> {
    /// Rows that are computed at a time.
    pub fn rows_at_once(&self) -> usize {
        if let Self::InChunks(rows) = self { *rows } else { usize::MAX }
    }

    /// The next mask, where there is to be one.
    pub fn drop(&mut self, probability: f64) -> Option<Drop> {
        match self {
            Self::Train(random) if probability > 0.0 => Some(Drop { probability, seed: random.next_u64() }),
            _ => None,
        }
    }
}

/// A mask: each value is set to 0 with this probability, the others divided by the rest.
#[derive(Debug, Clone, Copy)]
pub struct Drop {
    probability: f64,
    pub(super) seed: u64,
}

impl Drop {
    /// What values that are kept are multiplied with.
    pub(super) fn scale(self) -> f32 {
        (1.0 / (1.0 - self.probability)) as f32
    }

    /// A value whose 32 random bits lie below is dropped.
    pub(super) fn least(self) -> u32 {
        (self.probability * f64::from(u32::MAX)) as u32
    }

    /// The mask of one part of a larger whole.
    #[must_use]
    pub fn part(self, index: usize) -> Self {
        Self { seed: Random::stream(self.seed, index as u64).next_u64(), ..self }
    }

    /// Applies the mask, whose numbers depend on nothing but the seed and the place, so that the loop vectorises.
    #[inline]
    pub fn apply(self, values: &mut [f32]) {
        let (scale, least) = (self.scale(), self.least());
        let (start, twist) = (self.seed as u32, (self.seed >> 32) as u32);
        for (place, value) in (0u32..).zip(values) {
            let bits = mix(start.wrapping_add(place.wrapping_mul(0x9E37_79B9)) ^ twist);
            *value = if bits < least { 0.0 } else { *value * scale };
        }
    }

    fn apply_in_parts(self, values: &mut [f32]) {
        let parts = values.par_chunks_mut(VALUES_AT_ONCE).enumerate();
        parts.for_each(|(index, values)| in_vectors(|| self.part(index).apply(values)));
    }

    /// The mask as numbers: 0 or 1 / (1 − p).
    fn mask(self, like: &Tensor) -> Result<Tensor> {
        let mut mask = vec![1.0f32; like.elem_count()];
        self.apply_in_parts(&mut mask);
        Tensor::from_vec(mask, like.shape(), like.device())?.to_dtype(like.dtype())
    }
}

/// Mixes 32 bits: two rounds of multiply and shift (the constants of Degski's 32-bit mixer).
#[inline]
fn mix(bits: u32) -> u32 {
    let bits = (bits ^ (bits >> 16)).wrapping_mul(0x045D_9F3B);
    let bits = (bits ^ (bits >> 16)).wrapping_mul(0x045D_9F3B);
    bits ^ (bits >> 16)
}

/// Drops values at random; `None` drops nothing.
///
/// # Errors
/// Where the device refuses.
pub fn dropout(x: &Tensor, drop: Option<Drop>) -> Result<Tensor> {
    match drop {
        None => Ok(x.clone()),
        Some(drop) if is_fused(x) => x.contiguous()?.apply_op1(drop),
        Some(drop) => match card::dropped(x, drop)? {
            Some(step) => step.recorded(&[x]),
            None => x * drop.mask(x)?,
        },
    }
}

impl CustomOp1 for Drop {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut kept = values(storage, layout)?.to_vec();
        self.apply_in_parts(&mut kept);
        Ok((CpuStorage::F32(kept), layout.shape().clone()))
    }

    fn bwd(&self, _arg: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(grad.detach().contiguous()?.apply_op1_no_bwd(self)?))
    }
}

impl InplaceOp1 for Drop {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        self.apply_in_parts(values_mut(storage, layout)?);
        Ok(())
    }
}
