//! Grouped bilinear classification: `logit_r = Σ_g z_s^g ᵀ W_r^g z_o^g + b_r` over blocks of the two vectors.
//!
//! The published form flattens the outer products of all blocks, `(pairs, width·block)`, and multiplies them with one
//! weight. Here, on the CPU, one block's outer products of some pairs exist at a time, forward and backward.

use candle_core::{CpuStorage, CustomOp3, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use nn::ops::numeric::{in_vectors, sum_of};
use nn::ops::{add_bias, add_up, is_fused, operand, outer, values};
use nn::{Init, Linear, Weights};

use crate::bounds::check_blocks;
use crate::chunks::{chunks, rows_of};

/// Pairs whose outer products exist at a time.
const PAIRS_AT_ONCE: usize = 128;
/// Numbers in the outer products that exist at a time where they are not fused.
const PRODUCTS_AT_ONCE: usize = 1 << 28;

/// The classifier.
#[derive(Debug, Clone)]
pub struct Bilinear {
    /// Weight `(classes, width·block)`, bias `(classes)`.
    linear: Linear,
    block: usize,
}

impl Bilinear {
    /// The classifier `NAME.weight`, `NAME.bias` of vectors of a width, in blocks.
    ///
    /// # Errors
    /// Where the block does not divide the width, or a weight is missing or misshapen.
    pub fn new(weights: &mut Weights, name: &str, width: usize, block: usize, n_classes: usize) -> Result<Self> {
        check_blocks(width, block).map_err(candle_core::Error::Msg)?;
        let columns = width * block;
        let init = Init::Uniform((columns as f64).powf(-0.5));
        Ok(Self { linear: Linear::new(weights, name, (n_classes, columns), [init; 2])?, block })
    }

    /// Where it computes.
    pub fn device(&self) -> &Device {
        self.linear.weight.device()
    }

    /// `(pairs, width)` twice → logits `(pairs, classes)` in f32.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, heads: &Tensor, tails: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (&self.linear.weight, &self.linear.bias);
        let products = if is_fused(heads) {
            let op = BlockProducts { block: self.block };
            heads.contiguous()?.apply_op3(&tails.contiguous()?, &weight.contiguous()?, op)?
        } else {
            self.composed(heads, tails)?
        };
        add_bias(&products, bias)
    }

    /// All blocks of some pairs at once, so that a batch takes few operations.
    fn composed(&self, heads: &Tensor, tails: &Tensor) -> Result<Tensor> {
        let (n_pairs, width) = heads.dims2()?;
        let (block, weight) = (self.block, self.linear.weight.to_dtype(heads.dtype())?.t()?);
        let parts = chunks(n_pairs, PRODUCTS_AT_ONCE / (width * block).max(1)).map(|rows| {
            let products = outer(&rows_of(heads, &rows)?, &rows_of(tails, &rows)?, block)?;
            products.matmul(&weight)?.to_dtype(DType::F32)
        });
        Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
    }
}

struct BlockProducts {
    block: usize,
}

/// The vectors of all pairs, block by block.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    heads: &'a [f32],
    tails: &'a [f32],
    n_pairs: usize,
    width: usize,
    block: usize,
}

/// One group's gradients: of the two blocks, `(pairs, block)`, and of the weight's columns, `(classes, block²)`.
struct GroupGradients {
    heads: Tensor,
    tails: Tensor,
    weight: Tensor,
}

impl<'a> Blocks<'a> {
    fn n_groups(&self) -> usize {
        self.width / self.block
    }

    /// The first pairs of the chunks that are worked on at a time, and how many pairs each has.
    fn chunks(&self) -> Vec<(usize, usize)> {
        let firsts = (0..self.n_pairs).step_by(PAIRS_AT_ONCE);
        firsts.map(|first| (first, PAIRS_AT_ONCE.min(self.n_pairs - first))).collect()
    }

    /// One group's blocks of some pairs.
    fn of(&self, group: usize, (first, count): (usize, usize)) -> impl Iterator<Item = (&'a [f32], &'a [f32])> {
        let columns = group * self.block..(group + 1) * self.block;
        let rows = self.heads.chunks_exact(self.width).zip(self.tails.chunks_exact(self.width));
        rows.skip(first)
            .take(count)
            .filter_map(move |(head, tail)| head.get(columns.clone()).zip(tail.get(columns.clone())))
    }

    /// Their outer products, `(pairs, block²)`.
    fn outer(&self, group: usize, pairs: (usize, usize)) -> Result<Tensor> {
        let square = self.block * self.block;
        let mut outer = Vec::with_capacity(pairs.1 * square);
        for (head, tail) in self.of(group, pairs) {
            head.iter().for_each(|&head| outer.extend(tail.iter().map(|tail| head * tail)));
        }
        Tensor::from_vec(outer, (pairs.1, square), &Device::Cpu)
    }

    /// A group's columns of the weight, `(classes, block²)`.
    fn columns(&self, weight: &Tensor, group: usize) -> Result<Tensor> {
        let square = self.block * self.block;
        weight.narrow(1, group * square, square)
    }

    /// The logits of some pairs.
    fn forward(&self, weight: &Tensor, pairs: (usize, usize)) -> Result<Vec<f32>> {
        let mut parts = Vec::with_capacity(self.n_groups());
        for group in 0..self.n_groups() {
            let product = self.outer(group, pairs)?.matmul(&self.columns(weight, group)?.t()?)?;
            parts.push(product.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(add_up(parts, pairs.1 * weight.dim(0)?))
    }

    fn backward(&self, weight: &Tensor, grad: &Tensor, group: usize) -> Result<GroupGradients> {
        let columns = self.columns(weight, group)?;
        let (mut heads, mut tails) = (Vec::new(), Vec::new());
        let mut of_weight = columns.zeros_like()?;
        for (first, count) in self.chunks() {
            let grad = grad.narrow(0, first, count)?;
            of_weight = (of_weight + grad.t()?.matmul(&self.outer(group, (first, count))?)?)?;
            let of_outer = grad.matmul(&columns)?;
            let of_outer = operand(&of_outer);
            let of_outer = of_outer.values()?;
            in_vectors(|| self.contract(group, (first, count), of_outer, &mut heads, &mut tails));
        }
        let of = |values: Vec<f32>| Tensor::from_vec(values, (self.n_pairs, self.block), &Device::Cpu);
        Ok(GroupGradients { heads: of(heads)?, tails: of(tails)?, weight: of_weight })
    }

    /// With D the gradient of a pair's outer product: of the head `D z_o`, of the tail `Dᵀ z_s`.
    #[inline]
    fn contract(&self, group: usize, pairs: (usize, usize), grads: &[f32], heads: &mut Vec<f32>, tails: &mut Vec<f32>) {
        for ((head, tail), grad) in self.of(group, pairs).zip(grads.chunks_exact(self.block * self.block)) {
            heads.extend(grad.chunks_exact(self.block).map(|row| sum_of(row, tail, |grad, tail| grad * tail)));
            let mut of_tail = vec![0.0; self.block];
            for (row, head) in grad.chunks_exact(self.block).zip(head) {
                of_tail.iter_mut().zip(row).for_each(|(sum, grad)| *sum += grad * head);
            }
            tails.extend(of_tail);
        }
    }
}

impl CustomOp3 for BlockProducts {
    fn name(&self) -> &'static str {
        "grouped-bilinear"
    }

    fn cpu_fwd(
        &self,
        heads: &CpuStorage,
        heads_layout: &Layout,
        tails: &CpuStorage,
        tails_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((n_pairs, width), (n_classes, columns)) = (heads_layout.shape().dims2()?, weight_layout.shape().dims2()?);
        if columns != width * self.block || tails_layout.shape() != heads_layout.shape() {
            bail!("grouped bilinear: expected a weight of {} columns, got {columns}", width * self.block);
        }
        let weight = Tensor::from_slice(values(weight, weight_layout)?, (n_classes, columns), &Device::Cpu)?;
        let (heads, tails) = (values(heads, heads_layout)?, values(tails, tails_layout)?);
        let blocks = Blocks { heads, tails, n_pairs, width, block: self.block };
        let logits = blocks.chunks().into_par_iter().map(|pairs| blocks.forward(&weight, pairs));
        let logits: Vec<Vec<f32>> = logits.collect::<Result<_>>()?;
        Ok((CpuStorage::F32(logits.concat()), (n_pairs, n_classes).into()))
    }

    fn bwd(
        &self,
        heads: &Tensor,
        tails: &Tensor,
        weight: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let ((n_pairs, width), weight) = (heads.dims2()?, weight.detach());
        let grad = grad.detach().contiguous()?;
        let (head_values, tail_values) = (operand(heads), operand(tails));
        let (heads, tails) = (head_values.values()?, tail_values.values()?);
        let blocks = Blocks { heads, tails, n_pairs, width, block: self.block };
        let groups = (0..blocks.n_groups()).into_par_iter().map(|group| blocks.backward(&weight, &grad, group));
        let groups: Vec<GroupGradients> = groups.collect::<Result<_>>()?;
        let join = |part: fn(&GroupGradients) -> &Tensor| {
            Tensor::cat(&groups.iter().map(part).collect::<Vec<_>>(), 1)?.contiguous().map(Some)
        };
        Ok((join(|group| &group.heads)?, join(|group| &group.tails)?, join(|group| &group.weight)?))
    }
}
