//! The product of two entities' attentions, the mean over heads: where both look.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use nn::ops::{NO_ROW, Places, gather, is_fused, operand, values};

use crate::chunks::chunks;

/// Numbers in the products of all entities with all, of documents that are looked at together.
pub(crate) const PRODUCTS_AT_ONCE: usize = 1 << 27;

/// The mean over heads of the product of two entities' attentions: `(entities, heads, pieces)` → `(pairs, pieces)`.
///
/// No `(pairs, heads, pieces)` tensor of all pairs is ever made.
///
/// # Errors
/// Where a pair names an entity that is not there.
pub fn joint_attention(attention: &Tensor, pairs: &[(u32, u32)]) -> Result<Tensor> {
    if is_fused(attention) {
        return attention.contiguous()?.apply_op1(JointAttention { pairs: pairs.to_vec() });
    }
    let (n_entities, heads, _) = attention.dims3()?;
    if n_entities * n_entities > heads * pairs.len() {
        return joint_attention_of_few(attention, pairs);
    }
    joint_attention_of_padded(&attention.unsqueeze(0)?, &[pairs])?.squeeze(0)
}

/// The same of few pairs of many entities: so many of them at a time that what is made on the way stays within bounds.
fn joint_attention_of_few(attention: &Tensor, pairs: &[(u32, u32)]) -> Result<Tensor> {
    let (n_entities, heads, pieces) = attention.dims3()?;
    let entities = attention.reshape((n_entities, heads * pieces))?;
    let parts = chunks(pairs.len(), PRODUCTS_AT_ONCE / (heads * pieces).max(1)).map(|rows| {
        let pairs = pairs.get(rows).unwrap_or_default();
        let of = |end: fn(&(u32, u32)) -> u32| {
            gather(&entities, &Places::new(pairs.iter().map(end).collect::<Vec<u32>>(), attention.device())?)
        };
        let products = (of(|pair| pair.0)? * of(|pair| pair.1)?)?.reshape((pairs.len(), heads, pieces))?;
        products.sum(1)? / heads as f64
    });
    Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
}

/// The same of several documents at once: `(documents, entities, heads, pieces)` → `(documents, pairs, pieces)`, padded
/// by zeros to the most pairs. All entities are multiplied with all, piece by piece.
pub(crate) fn joint_attention_of_padded(attention: &Tensor, pairs: &[&[(u32, u32)]]) -> Result<Tensor> {
    let (n, n_entities, heads, pieces) = attention.dims4()?;
    let most = pairs.iter().map(|pairs| pairs.len()).max().unwrap_or_default();
    let rows = attention.permute((0, 3, 1, 2))?.reshape((n * pieces, n_entities, heads))?;
    let joint = (rows.matmul(&rows.t()?)? / heads as f64)?.reshape((n, pieces, n_entities * n_entities))?;
    let joint = joint.transpose(1, 2)?.reshape((n * n_entities * n_entities, pieces))?;
    let places = (0..).zip(pairs).flat_map(|(document, pairs)| {
        let row = move |&(one, other): &(u32, u32)| {
            ((document * n_entities + one as usize) * n_entities + other as usize) as u32
        };
        pairs.iter().map(row).chain(std::iter::repeat(NO_ROW)).take(most)
    });
    let places = Places::new(places.collect::<Vec<u32>>(), attention.device())?;
    gather(&joint, &places)?.reshape((n, most, pieces))
}

struct JointAttention {
    pairs: Vec<(u32, u32)>,
}

/// Adds the product of two rows of `(heads, pieces)`, times a factor, up over heads.
fn add_products(sums: &mut [f32], one: &[f32], other: &[f32], factor: f32) {
    let pieces = sums.len().max(1);
    for (one, other) in one.chunks_exact(pieces).zip(other.chunks_exact(pieces)) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += factor * one * other;
        }
    }
}

impl CustomOp1 for JointAttention {
    fn name(&self) -> &'static str {
        "joint-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n_entities, heads, pieces) = layout.shape().dims3()?;
        let entities: Vec<&[f32]> = values(storage, layout)?.chunks_exact((heads * pieces).max(1)).collect();
        let mut joint = vec![0f32; self.pairs.len() * pieces];
        joint.par_chunks_exact_mut(pieces.max(1)).zip(&self.pairs).try_for_each(|(sums, &(one, other))| {
            match (entities.get(one as usize), entities.get(other as usize)) {
                (Some(one), Some(other)) => add_products(sums, one, other, 1.0 / heads as f32),
                _ => bail!("pair ({one}, {other}): out of range, there are {n_entities} entities"),
            }
            Ok(())
        })?;
        Ok((CpuStorage::F32(joint), (self.pairs.len(), pieces).into()))
    }

    /// An entity's gradient: over its pairs, the other's attention times the pair's gradient.
    fn bwd(&self, attention: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (n_entities, heads, pieces) = attention.dims3()?;
        let grad = grad.contiguous()?;
        let (attention_values, grad_values) = (operand(attention), operand(&grad));
        let (attention_values, grad_values) = (attention_values.values()?, grad_values.values()?);
        let entities: Vec<&[f32]> = attention_values.chunks_exact((heads * pieces).max(1)).collect();
        let mut partners: Vec<Vec<(usize, usize)>> = vec![Vec::new(); n_entities];
        for (pair, &(one, other)) in self.pairs.iter().enumerate() {
            for (of, partner) in [(one, other), (other, one)] {
                if let Some(partners) = partners.get_mut(of as usize) {
                    partners.push((pair, partner as usize));
                }
            }
        }
        let grads: Vec<&[f32]> = grad_values.chunks_exact(pieces.max(1)).collect();
        let mut out = vec![0f32; n_entities * heads * pieces];
        let blocks = out.par_chunks_exact_mut((heads * pieces).max(1)).zip(&partners);
        blocks.for_each(|(sums, partners)| {
            for &(pair, partner) in partners {
                let (Some(grad), Some(partner)) = (grads.get(pair), entities.get(partner)) else { continue };
                for (sums, partner) in sums.chunks_exact_mut(pieces).zip(partner.chunks_exact(pieces)) {
                    add_products(sums, grad, partner, 1.0 / heads as f32);
                }
            }
        });
        Tensor::from_vec(out, (n_entities, heads, pieces), &Device::Cpu).map(Some)
    }
}
