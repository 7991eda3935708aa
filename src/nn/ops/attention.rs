//! Self-attention over several sequences that lie one after another, without padding.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::softmax::{Softmax, SoftmaxBackward};
use super::step::composed;
use super::{
    Drop, Places, Step, add_bias, card, column_sums, columns, dropout, gather, is_fused, operand, place, softmax,
    stretch, values,
};
use crate::Span;

/// Sequences that lie one after another, and what attention needs of them where it is not the CPU's.
#[derive(Debug, Clone)]
pub struct Sequences {
    spans: Arc<[Span]>,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    /// The CPU's own operation.
    Fused,
    /// The kernels of a CUDA device.
    Card(card::Tiles),
    /// Composed of other operations, over padded sequences.
    Padded(Padding),
}

#[derive(Debug, Clone)]
struct Padding {
    longest: usize,
    /// To padded sequences and back; none where all are of one length and fill the matrix.
    places: Option<[Places; 2]>,
    /// See [`mask`].
    mask: Tensor,
}

impl Sequences {
    /// The sequences in `(pieces, hidden)` tensors of this type and device, which so many heads attend to.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn new(spans: impl Into<Arc<[Span]>>, like: &Tensor, n_heads: usize) -> Result<Self> {
        let spans = spans.into();
        let way = match card::tiles(&spans, like, n_heads)? {
            _ if is_fused(like) => Way::Fused,
            Some(tiles) => Way::Card(tiles),
            None => Way::Padded(Padding::new(&spans, like)?),
        };
        Ok(Self { spans, way })
    }

    /// Where they lie.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

impl Padding {
    fn new(spans: &[Span], like: &Tensor) -> Result<Self> {
        let (longest, device) = (longest(spans), like.device());
        let places = || Result::Ok([Places::padded(spans, longest, device)?, unpadded(spans, longest, device)?]);
        let is_even = spans.len() * longest == like.dim(0)? && spans.iter().all(|span| span.len == longest);
        let places = (!is_even).then(places).transpose()?;
        Ok(Self { longest, places, mask: mask(spans, longest, device)? })
    }
}

fn unpadded(spans: &[Span], longest: usize, device: &Device) -> Result<Places> {
    Places::unpadded(spans.iter().map(|span| span.len), longest, device)
}

fn longest(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.len).max().unwrap_or_default()
}

/// Multi-head self-attention, each sequence within itself: `softmax(q kᵀ / √w) v` for each head of width w.
///
/// `projected` holds queries, keys and values side by side, `(pieces, 3·hidden)`, and `bias` theirs, `(3·hidden)`; the
/// result is `(pieces, hidden)`. On the CPU one sequence's scores of one head are all that is ever held, forward and
/// backward.
///
/// # Errors
/// Where the shapes do not fit.
pub fn attend(
    projected: &Tensor,
    bias: &Tensor,
    sequences: &Sequences,
    n_heads: usize,
    drop: Option<Drop>,
) -> Result<Tensor> {
    match &sequences.way {
        Way::Card(tiles) => {
            let bias = &bias.to_dtype(DType::F32)?;
            card::attend(projected, bias, tiles, n_heads, drop)?.recorded(&[projected, bias])
        }
        Way::Padded(padding) => {
            attend_padded(&add_bias(projected, bias)?, (sequences.spans.len(), padding), n_heads, drop)
        }
        Way::Fused => {
            let attention = SelfAttention { spans: sequences.spans.clone(), n_heads, drop };
            projected.contiguous()?.apply_op2(&bias.contiguous()?, attention)
        }
    }
}

/// [`attend`] as a step, whose way back leads to `projected` and `bias`; that is in f32.
///
/// # Errors
/// Where the shapes do not fit.
pub fn attend_step(
    projected: &Tensor,
    bias: &Tensor,
    sequences: &Sequences,
    n_heads: usize,
    drop: Option<Drop>,
) -> Result<Step> {
    match &sequences.way {
        Way::Card(tiles) => card::attend(projected, bias, tiles, n_heads, drop),
        _ => composed([projected, bias], |[projected, bias]| attend(projected, bias, sequences, n_heads, drop)),
    }
}

/// The attention of some rows of one sequence to all of its pieces.
///
/// `queries` and `keys` are `(pieces, hidden)`, `rows` a list of places; the result is `(rows, heads, pieces)` in f32.
///
/// # Errors
/// Where a row is out of range.
pub fn attention_of_rows(queries: &Tensor, keys: &Tensor, rows: &[u32], n_heads: usize) -> Result<Tensor> {
    let (n_pieces, hidden) = keys.dims2()?;
    let width = hidden / n_heads;
    let queries = (gather(queries, &Places::new(rows, queries.device())?)? * (width as f64).powf(-0.5))?;
    let queries = queries.reshape(((), n_heads, width))?.transpose(0, 1)?.contiguous()?;
    let keys = keys.reshape((n_pieces, n_heads, width))?.permute((1, 2, 0))?.contiguous()?;
    softmax(&queries.matmul(&keys)?.to_dtype(DType::F32)?)?.transpose(0, 1)?.contiguous()
}

/// The same of several sequences at once, `(sequences, rows, heads, pieces)` in f32, padded to the most rows and to the
/// longest. Queries of rows are `(sequences, rows, hidden)`; keys are `(pieces, hidden)`, and `spans` says where each
/// sequence has its own.
///
/// # Errors
/// Where the shapes do not fit.
pub fn attention_of_padded(queries: &Tensor, keys: &Tensor, spans: &[Span], n_heads: usize) -> Result<Tensor> {
    let (n, n_rows, hidden) = queries.dims3()?;
    let (longest, width, device) = (longest(spans), hidden / n_heads, keys.device());
    let apart = |x: &Tensor, rows: usize| x.reshape((n, rows, n_heads, width))?.transpose(1, 2)?.contiguous();
    let queries = apart(&(queries * (width as f64).powf(-0.5))?, n_rows)?;
    let keys = apart(&gather(keys, &Places::padded(spans, longest, device)?)?, longest)?;
    let scores = queries.matmul(&keys.t()?)?.to_dtype(DType::F32)?.broadcast_add(&mask(spans, longest, device)?)?;
    softmax(&scores)?.transpose(1, 2)?.contiguous()
}

/// The same as [`attend`] of candle's own operations: sequences padded to the longest, `(sequences, heads, pieces,
/// width)`.
fn attend_padded(
    projected: &Tensor,
    (n, padding): (usize, &Padding),
    n_heads: usize,
    drop: Option<Drop>,
) -> Result<Tensor> {
    let (hidden, longest) = (projected.dim(1)? / 3, padding.longest);
    let width = hidden / n_heads;
    let padded = match &padding.places {
        Some([to_padded, _]) => &gather(projected, to_padded)?,
        None => projected,
    };
    let padded = padded.reshape((n, longest, 3, n_heads, width))?.permute((2, 0, 3, 1, 4))?;
    let [queries, keys, values] = [0, 1, 2].map(|part| padded.get(part).and_then(|part| part.contiguous()));
    let queries = (queries? * (width as f64).powf(-0.5))?;
    let scores = queries.matmul(&keys?.t()?)?.to_dtype(DType::F32)?.broadcast_add(&padding.mask)?;
    let shares = dropout(&softmax(&scores)?, drop)?.to_dtype(projected.dtype())?;
    let joined = shares.matmul(&values?)?.transpose(1, 2)?.reshape((n * longest, hidden))?;
    match &padding.places {
        Some([_, from_padded]) => gather(&joined, from_padded),
        None => Ok(joined),
    }
}

/// 0 for the pieces of each sequence, far below it for those that pad it: `(sequences, 1, 1, pieces)`.
fn mask(spans: &[Span], longest: usize, device: &Device) -> Result<Tensor> {
    let mask = spans.iter().flat_map(|span| (0..longest).map(|place| if place < span.len { 0f32 } else { -1e30 }));
    Tensor::from_vec(mask.collect(), (spans.len(), 1, 1, longest), device)
}

struct SelfAttention {
    spans: Arc<[Span]>,
    n_heads: usize,
    drop: Option<Drop>,
}

/// One head's part of one sequence.
struct Head<'a> {
    projected: &'a [f32],
    bias: &'a [f32],
    span: Span,
    /// Its first column in each of the three parts, and its width.
    column: usize,
    width: usize,
    drop: Option<Drop>,
}

impl Head<'_> {
    /// Queries (part 0, scaled), keys (1) or values (2): `(pieces, width)`.
    fn part(&self, part: usize) -> Result<Tensor> {
        let hidden = self.bias.len() / 3;
        let first = part * hidden + self.column;
        let scale = if part == 0 { (self.width as f32).sqrt().recip() } else { 1.0 };
        let bias = stretch(self.bias, first..first + self.width);
        let rows = self.projected.chunks_exact(3 * hidden).skip(self.span.start).take(self.span.len);
        let row = |row: &'_ [f32]| stretch(row, first..first + self.width).to_vec();
        let mut gathered: Vec<f32> = Vec::with_capacity(self.span.len * self.width);
        for values in rows.map(row) {
            gathered.extend(values.iter().zip(bias).map(|(value, bias)| (value + bias) * scale));
        }
        Tensor::from_vec(gathered, (self.span.len, self.width), &Device::Cpu)
    }

    /// `softmax(q kᵀ)`: `(pieces, pieces)`.
    fn shares(queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
        let scores = queries.matmul(&keys.t()?)?;
        scores.inplace_op1(&Softmax)?;
        Ok(scores)
    }

    fn forward(&self) -> Result<Tensor> {
        let shares = Self::shares(&self.part(0)?, &self.part(1)?)?;
        if let Some(drop) = &self.drop {
            shares.inplace_op1(drop)?;
        }
        shares.matmul(&self.part(2)?)
    }

    /// Gradients of queries, keys and values from that of the result: `(pieces, width)` each.
    fn backward(&self, grad: &Tensor) -> Result<[Tensor; 3]> {
        let (queries, keys, values) = (self.part(0)?, self.part(1)?, self.part(2)?);
        let shares = Self::shares(&queries, &keys)?;
        let of_scores = grad.matmul(&values.t()?)?;
        let of_values = match &self.drop {
            None => shares.t()?.matmul(grad)?,
            Some(drop) => {
                of_scores.inplace_op1(drop)?;
                let kept = shares.copy()?;
                kept.inplace_op1(drop)?;
                kept.t()?.matmul(grad)?
            }
        };
        of_scores.inplace_op2(&shares, &SoftmaxBackward)?;
        let of_queries = (of_scores.matmul(&keys)? * f64::from(self.width as f32).powf(-0.5))?;
        Ok([of_queries, of_scores.t()?.matmul(&queries)?, of_values])
    }
}

impl SelfAttention {
    /// Every head of every sequence.
    fn heads<'a>(&self, projected: &'a [f32], bias: &'a [f32]) -> Vec<Head<'a>> {
        let width = bias.len() / 3 / self.n_heads;
        let heads = self.spans.iter().flat_map(|span| (0..self.n_heads).map(move |head| (*span, head)));
        heads
            .enumerate()
            .map(|(place, (span, head))| Head {
                projected,
                bias,
                span,
                column: head * width,
                width,
                drop: self.drop.map(|drop| drop.part(place)),
            })
            .collect()
    }
}

impl Head<'_> {
    /// Writes its block, `(pieces, width)`, into its rows of a wider matrix, from a column on.
    fn place(&self, block: &Tensor, into: &mut [f32], row_width: usize, first: usize) -> Result<()> {
        place(operand(block).values()?, into, row_width, self.span.start, (first, self.width));
        Ok(())
    }

    /// Its columns of its rows, out of `(pieces, hidden)`.
    fn block(&self, rows: &[f32], hidden: usize) -> Result<Tensor> {
        let end = self.span.start + self.span.len;
        let rows = stretch(rows, self.span.start * hidden..end * hidden);
        Tensor::from_vec(columns(rows, hidden, self.column, self.width), (self.span.len, self.width), &Device::Cpu)
    }
}

impl CustomOp2 for SelfAttention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        bias: &CpuStorage,
        of: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n_pieces, tripled) = x_layout.shape().dims2()?;
        let hidden = tripled / 3;
        if of.shape().elem_count() != tripled || !hidden.is_multiple_of(self.n_heads) {
            bail!("attention: expected {} heads in {tripled} columns, got {of:?}", self.n_heads);
        }
        let heads = self.heads(values(x, x_layout)?, values(bias, of)?);
        let blocks: Vec<Tensor> = heads.par_iter().map(Head::forward).collect::<Result<_>>()?;
        let mut joined = vec![0.0; n_pieces * hidden];
        for (head, block) in heads.iter().zip(&blocks) {
            head.place(block, &mut joined, hidden, head.column)?;
        }
        Ok((CpuStorage::F32(joined), (n_pieces, hidden).into()))
    }

    fn bwd(&self, x: &Tensor, bias: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (n_pieces, tripled) = x.dims2()?;
        let hidden = tripled / 3;
        let grad = grad.contiguous()?;
        let operands = [x, bias, &grad].map(operand);
        let [x_values, bias_values, grad_values] = &operands;
        let (heads, grad_values) = (self.heads(x_values.values()?, bias_values.values()?), grad_values.values()?);
        let backward = |head: &Head| head.backward(&head.block(grad_values, hidden)?);
        let blocks: Vec<[Tensor; 3]> = heads.par_iter().map(backward).collect::<Result<_>>()?;
        let mut of_x = vec![0.0; n_pieces * tripled];
        for (head, blocks) in heads.iter().zip(&blocks) {
            for (part, block) in blocks.iter().enumerate() {
                head.place(block, &mut of_x, tripled, part * hidden + head.column)?;
            }
        }
        let of_bias = Tensor::from_vec(column_sums(&of_x, tripled), bias.shape(), x.device())?;
        Ok((Some(Tensor::from_vec(of_x, (n_pieces, tripled), x.device())?), Some(of_bias)))
    }
}
