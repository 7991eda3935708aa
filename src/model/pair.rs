//! From hidden states to pairs of entities: entity vectors, and the context that a pair shares (Zhou et al. 2021).

use std::collections::BTreeSet;
use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use encoder::Encoded;
use nn::ops::{is_fused, operand, values};

use crate::chunks::pairs_at_once;
use crate::example::Example;

/// What the classifier sees of a batch's pairs.
#[derive(Debug, Clone)]
pub struct PairFeatures {
    /// `(entities of all documents, hidden)`: logsumexp over each entity's mentions; zeros where it has none.
    pub entities: Tensor,
    /// `(unordered pairs of all documents, hidden)`: the context is the same for (s, o) and (o, s).
    pub contexts: Tensor,
    /// For each pair, its head among `entities`.
    pub heads: Tensor,
    /// For each pair, its tail among `entities`.
    pub tails: Tensor,
    /// For each pair, its context among `contexts`.
    pub context_of: Tensor,
}

/// A batch as the encoder reads it, before its pairs are looked at.
pub struct Pooled<'e> {
    examples: &'e [Example],
    encoded: &'e Encoded,
    /// `(entities of all documents, hidden)`.
    entities: Tensor,
    /// Of each document the mean attention of its entities, `(entities, heads, pieces)`, where it has pairs and any is
    /// mentioned.
    attention: Vec<Option<Tensor>>,
}

/// The features of every pair of a batch; `None` where it has no pair.
///
/// # Errors
/// Where the examples are not those that were encoded.
pub fn features(examples: &[Example], encoded: &Encoded) -> Result<Option<PairFeatures>> {
    let Some(pooled) = Pooled::new(examples, encoded)? else { return Ok(None) };
    pooled.features(&(0..pooled.n_pairs())).map(Some)
}

impl<'e> Pooled<'e> {
    /// A batch and what the encoder makes of it; `None` where it has no pair.
    ///
    /// # Errors
    /// Where the examples are not those that were encoded.
    pub fn new(examples: &'e [Example], encoded: &'e Encoded) -> Result<Option<Self>> {
        if examples.iter().all(|example| example.pairs.is_empty()) {
            return Ok(None);
        }
        let attention = |(place, example): (usize, &Example)| match encoded.attention.get(place) {
            Some(Some(attention)) if !example.pairs.is_empty() => entity_attention(example, attention).map(Some),
            Some(_) => Ok(None),
            None => bail!("pair features: document {place} was not encoded"),
        };
        let attention = examples.iter().enumerate().map(attention).collect::<Result<_>>()?;
        Ok(Some(Self { examples, encoded, entities: pool_entities(examples, encoded)?, attention }))
    }

    /// How many pairs the batch has.
    pub fn n_pairs(&self) -> usize {
        self.examples.iter().map(|example| example.pairs.len()).sum()
    }

    /// Pairs whose features are made together, of so many that are asked for: each has a share of every piece of its
    /// document, so they are fewer where a document is long. All, where all are asked for together.
    pub fn pairs_at_once(&self, at_once: usize) -> usize {
        let longest = self.encoded.spans.iter().map(|span| span.len).max().unwrap_or_default();
        if at_once < usize::MAX { at_once.min(pairs_at_once(longest)) } else { at_once }
    }

    /// The features of some of the batch's pairs, at least one.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn features(&self, rows: &Range<usize>) -> Result<PairFeatures> {
        let (mut heads, mut tails, mut context_of, mut contexts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut first_pair, mut first_entity, mut first_context) = (0, 0, 0);
        for (place, example) in self.examples.iter().enumerate() {
            let within = |row: usize| row.saturating_sub(first_pair).min(example.pairs.len());
            let pairs = example.pairs.get(within(rows.start)..within(rows.end)).unwrap_or_default();
            let unordered: BTreeSet<(u32, u32)> = pairs.iter().map(|&pair| ordered(pair)).collect();
            let unordered: Vec<(u32, u32)> = unordered.into_iter().collect();
            for &(head, tail) in pairs {
                heads.push(first_entity + head);
                tails.push(first_entity + tail);
                let Ok(context) = unordered.binary_search(&ordered((head, tail))) else {
                    bail!("pair ({head}, {tail}): expected it among those that have a context");
                };
                context_of.push(first_context + context as u32);
            }
            if !unordered.is_empty() {
                contexts.push(self.local_contexts(place, &unordered)?);
            }
            first_pair += example.pairs.len();
            first_entity += example.n_entities() as u32;
            first_context += unordered.len() as u32;
        }
        let device = self.encoded.states.device();
        Ok(PairFeatures {
            entities: self.entities.clone(),
            contexts: Tensor::cat(&contexts, 0)?,
            heads: Tensor::new(heads, device)?,
            tails: Tensor::new(tails, device)?,
            context_of: Tensor::new(context_of, device)?,
        })
    }

    /// The contexts of some of one document's unordered pairs: `(pairs, hidden)`.
    ///
    /// `c = Hᵀ a` with `a = A_s·A_o / (Σ A_s·A_o + 1e-5)`, where `A_e` is the mean attention of an entity's mentions and
    /// the product is averaged over heads.
    fn local_contexts(&self, place: usize, pairs: &[(u32, u32)]) -> Result<Tensor> {
        let (Some(span), Some(attention)) = (self.encoded.spans.get(place), self.attention.get(place)) else {
            bail!("pair features: document {place} was not encoded");
        };
        let states = self.encoded.states.narrow(0, span.start, span.len)?;
        let Some(attention) = attention else {
            return Tensor::zeros((pairs.len(), states.dim(1)?), states.dtype(), states.device());
        };
        let joint = joint_attention(attention, pairs)?;
        let shares = joint.broadcast_div(&(joint.sum_keepdim(D::Minus1)? + 1e-5)?)?;
        shares.to_dtype(states.dtype())?.matmul(&states)
    }
}

fn ordered((one, other): (u32, u32)) -> (u32, u32) {
    (one.min(other), one.max(other))
}

/// `log Σ exp` over the states at each entity's mentions: `(entities, hidden)`.
fn pool_entities(examples: &[Example], encoded: &Encoded) -> Result<Tensor> {
    let most = examples.iter().flat_map(|example| &example.n_mentions).copied().max().unwrap_or_default().max(1);
    let (mut rows, mut mask) = (Vec::new(), Vec::new());
    for (example, span) in examples.iter().zip(&encoded.spans) {
        let mut mentions = example.mentions.iter().map(|&place| span.start as u32 + place);
        for &count in &example.n_mentions {
            // A padding index reads zeros: alone, as for an entity without mentions, they give a zero vector.
            rows.extend(mentions.by_ref().take(count));
            rows.extend(std::iter::repeat_n(u32::MAX, most - count));
            mask.extend((0..most).map(|slot| if slot < count.max(1) { 0f32 } else { -1e30 }));
        }
    }
    let device = encoded.states.device();
    let n_entities = rows.len() / most;
    let mask = Tensor::from_vec(mask, (n_entities, most, 1), device)?;
    let states = encoded.states.to_dtype(DType::F32)?.index_select(&Tensor::new(rows, device)?, 0)?;
    let states = states.reshape((n_entities, most, ()))?.broadcast_add(&mask)?;
    let top = states.max_keepdim(1)?.detach();
    let sum = states.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?.log()?;
    (sum + top)?.squeeze(1)?.to_dtype(encoded.states.dtype())
}

/// `(mentions, heads, pieces)` → `(entities, heads, pieces)`, the mean over each entity's mentions.
fn entity_attention(example: &Example, attention: &Tensor) -> Result<Tensor> {
    let (n_mentions, heads, pieces) = attention.dims3()?;
    let mut means = vec![0f32; example.n_entities() * n_mentions];
    let mut first = 0;
    for (row, &count) in means.chunks_exact_mut(n_mentions.max(1)).zip(&example.n_mentions) {
        row.iter_mut().skip(first).take(count).for_each(|share| *share = 1.0 / count as f32);
        first += count;
    }
    let means = Tensor::from_vec(means, (example.n_entities(), n_mentions), attention.device())?;
    means.matmul(&attention.reshape((n_mentions, heads * pieces))?)?.reshape(((), heads, pieces))
}

/// The mean over heads of the product of two entities' attentions: `(entities, heads, pieces)` → `(pairs, pieces)`.
///
/// No `(pairs, heads, pieces)` tensor is ever made.
///
/// # Errors
/// Where a pair names an entity that is not there.
pub fn joint_attention(attention: &Tensor, pairs: &[(u32, u32)]) -> Result<Tensor> {
    let (n_entities, heads, pieces) = attention.dims3()?;
    if is_fused(attention) {
        return attention.contiguous()?.apply_op1(JointAttention { pairs: pairs.to_vec() });
    }
    let rows = attention.permute((2, 0, 1))?.contiguous()?;
    let joint = (rows.matmul(&rows.transpose(1, 2)?.contiguous()?)? / heads as f64)?;
    let places: Vec<u32> = pairs.iter().map(|&(one, other)| one * n_entities as u32 + other).collect();
    let joint = joint.reshape((pieces, n_entities * n_entities))?.t()?.contiguous()?;
    joint.index_select(&Tensor::new(places, attention.device())?, 0)
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
