//! Self-attention over several sequences that lie one after another, without padding.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::softmax::{Softmax, SoftmaxBackward};
use super::{Drop, add_bias, card, column_sums, columns, dropout, is_fused, operand, place, softmax, stretch, values};
use crate::Span;

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
    spans: &Arc<[Span]>,
    n_heads: usize,
    drop: Option<Drop>,
) -> Result<Tensor> {
    if is_fused(projected) {
        let attention = SelfAttention { spans: spans.clone(), n_heads, drop };
        return projected.contiguous()?.apply_op2(&bias.contiguous()?, attention);
    }
    if let Some(result) = card::attend(projected, bias, spans, n_heads, drop)? {
        return Ok(result);
    }
    attend_padded(&add_bias(projected, bias)?, spans, n_heads, drop)
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
    let rows = Tensor::new(rows, queries.device())?;
    let queries = (queries.index_select(&rows, 0)? * (width as f64).powf(-0.5))?;
    let queries = queries.reshape(((), n_heads, width))?.transpose(0, 1)?.contiguous()?;
    let keys = keys.reshape((n_pieces, n_heads, width))?.permute((1, 2, 0))?.contiguous()?;
    softmax(&queries.matmul(&keys)?.to_dtype(DType::F32)?)?.transpose(0, 1)?.contiguous()
}

/// The same as [`attend`] of candle's own operations: sequences padded to the longest, `(sequences, heads, pieces,
/// width)`. Rows are cut out and put together without an index, whose gradient CUDA devices add up one by one.
fn attend_padded(projected: &Tensor, spans: &[Span], n_heads: usize, drop: Option<Drop>) -> Result<Tensor> {
    let hidden = projected.dim(1)? / 3;
    let width = hidden / n_heads;
    let longest = spans.iter().map(|span| span.len).max().unwrap_or_default();
    let padded = |span: &Span| projected.narrow(0, span.start, span.len)?.pad_with_zeros(0, 0, longest - span.len);
    let padded = Tensor::stack(&spans.iter().map(padded).collect::<Result<Vec<_>>>()?, 0)?;
    let padded = padded.reshape((spans.len(), longest, 3, n_heads, width))?.permute((2, 0, 3, 1, 4))?;
    let [queries, keys, values] = [0, 1, 2].map(|part| padded.get(part).and_then(|part| part.contiguous()));
    let (queries, keys) = ((queries? * (width as f64).powf(-0.5))?, keys?.transpose(2, 3)?.contiguous()?);
    let scores = queries.matmul(&keys)?.to_dtype(DType::F32)?.broadcast_add(&mask(spans, longest, projected)?)?;
    let shares = dropout(&softmax(&scores)?, drop)?.to_dtype(projected.dtype())?;
    let joined = shares.matmul(&values?)?.transpose(1, 2)?.reshape((spans.len(), longest, hidden))?;
    let rows = joined.chunk(spans.len(), 0)?.into_iter().zip(spans);
    let rows = rows.map(|(rows, span)| rows.squeeze(0)?.narrow(0, 0, span.len));
    Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 0)
}

/// 0 for the pieces of each sequence, far below it for those that pad it: `(sequences, 1, 1, pieces)`.
fn mask(spans: &[Span], longest: usize, like: &Tensor) -> Result<Tensor> {
    let mask = spans.iter().flat_map(|span| (0..longest).map(|place| if place < span.len { 0f32 } else { -1e30 }));
    Tensor::from_vec(mask.collect(), (spans.len(), 1, 1, longest), like.device())
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
