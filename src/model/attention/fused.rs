//! Attention of pairs without a matrix of scores: one pair's scores of one head exist at a time, forward and backward.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use nn::ops::numeric::{Kernel, Wide, in_widest, sum_of};
use nn::ops::{Drop, Softmax, SoftmaxBackward, columns, operand, place, stretch, values};

use super::{Heads, Memory, Reach};
use crate::chunks::chunks;
use crate::pair_matrix::PairMatrix;

/// Pairs that one task takes, where a document has many.
const PAIRS_AT_ONCE: usize = 512;

/// The same as [`Heads::attend`], for f32 on the CPU.
pub fn attend(
    heads: &Heads,
    queries: &Tensor,
    memory: &[Memory],
    matrices: &[PairMatrix],
    drop: Option<Drop>,
) -> Result<Tensor> {
    let blocks: Vec<&Tensor> = std::iter::once(queries).chain(memory.iter().flatten().copied()).collect();
    let attention = FusedAttention { heads: heads.clone(), n_blocks: blocks.len(), matrices: matrices.to_vec(), drop };
    Tensor::cat(&blocks, 1)?.apply_op1(attention)
}

/// The same for some rows of all pairs, whose queries alone are given, without gradients: keys and values are read where
/// they lie.
pub fn attend_rows(
    heads: &Heads,
    queries: &Tensor,
    rows: &Range<usize>,
    memory: &[Memory],
    matrices: &[PairMatrix],
) -> Result<Tensor> {
    let (n_rows, width) = queries.dims2()?;
    if n_rows != rows.len() || heads.reach.is_empty() {
        bail!("attention of pairs: expected {} queries and some heads, got {n_rows}", rows.len());
    }
    let queries = queries.contiguous()?;
    let memory = memory.iter().flatten().map(|part| part.contiguous()).collect::<Result<Vec<_>>>()?;
    let operands: Vec<_> = std::iter::once(&queries).chain(&memory).map(operand).collect();
    let blocks = operands.iter().map(|operand| operand.values()).collect::<Result<Vec<_>>>()?;
    let jobs = Asked { heads, blocks, width, rows: rows.clone() }.jobs(matrices)?;
    let gathered: Vec<Vec<f32>> =
        jobs.par_iter().map(|(head, pairs)| in_widest(Forward { head, pairs: pairs.clone() })).collect();
    let mut joined = vec![0.0; n_rows * width];
    for ((head, pairs), block) in jobs.iter().zip(&gathered) {
        place(block, &mut joined, width, head.first_row + pairs.start - rows.start, (head.column, head.width));
    }
    Tensor::from_vec(joined, (n_rows, width), queries.device())
}

/// What [`attend_rows`] is asked for.
struct Asked<'a> {
    heads: &'a Heads,
    /// Queries of the rows; keys and values of all pairs.
    blocks: Vec<&'a [f32]>,
    width: usize,
    rows: Range<usize>,
}

impl<'a> Asked<'a> {
    /// Every head of every document that has some of the rows, a few hundred of its pairs at a time.
    fn jobs(&self, matrices: &'a [PairMatrix]) -> Result<Vec<(FusedHead<'a>, Range<usize>)>> {
        let (mut jobs, mut first_row) = (Vec::new(), 0);
        for matrix in matrices {
            let within = |row: usize| row.saturating_sub(first_row).min(matrix.n_pairs());
            let pairs = within(self.rows.start)..within(self.rows.end);
            for place in 0..if pairs.is_empty() { 0 } else { self.heads.reach.len() } {
                for part in chunks(pairs.len(), PAIRS_AT_ONCE) {
                    let head = self.head(matrix, first_row, place, &pairs)?;
                    jobs.push((head, pairs.start + part.start..pairs.start + part.end));
                }
            }
            first_row += matrix.n_pairs();
        }
        Ok(jobs)
    }

    fn head(
        &self,
        matrix: &'a PairMatrix,
        first_row: usize,
        place: usize,
        pairs: &Range<usize>,
    ) -> Result<FusedHead<'a>> {
        let of_head = self.width / self.heads.reach.len();
        let block = |(number, values): (usize, &&'a [f32])| {
            // The queries begin with those of the rows, the memory with the first document's.
            let (first, skipped) =
                if number == 0 { (pairs.start, first_row + pairs.start - self.rows.start) } else { (0, first_row) };
            let Some(values) = values.get(skipped * self.width..) else {
                bail!("attention of pairs: expected as many rows as there are pairs");
            };
            Ok(Block { values, first, row_width: self.width, column: place * of_head })
        };
        Ok(FusedHead {
            matrix,
            reach: self.heads.reach.get(place).copied().unwrap_or(Reach::All),
            itself: self.heads.itself as f32,
            drop: None,
            first_row,
            column: place * of_head,
            blocks: self.blocks.iter().enumerate().map(block).collect::<Result<_>>()?,
            width: of_head,
        })
    }
}

/// The operation on queries and then keys and values of each memory, side by side: `(pairs, blocks·width)`.
struct FusedAttention {
    heads: Heads,
    n_blocks: usize,
    matrices: Vec<PairMatrix>,
    drop: Option<Drop>,
}

/// One head of one document.
struct FusedHead<'a> {
    matrix: &'a PairMatrix,
    reach: Reach,
    itself: f32,
    drop: Option<Drop>,
    /// Its place in the whole.
    first_row: usize,
    column: usize,
    /// Its columns of each block.
    blocks: Vec<Block<'a>>,
    width: usize,
}

/// One head's columns of the rows of pairs.
#[derive(Clone, Copy)]
struct Block<'a> {
    values: &'a [f32],
    /// The pair whose row is the first.
    first: usize,
    row_width: usize,
    /// Where the columns begin in a row.
    column: usize,
}

impl FusedAttention {
    /// The columns of every head of every document, block by block, each by itself: `(pairs, w)`.
    fn cut(&self, all: &[f32], width: usize) -> Vec<Vec<Vec<f32>>> {
        let row_width = width * self.n_blocks;
        let (mut cut, mut first_row) = (Vec::new(), 0);
        let of_head = width / self.heads.reach.len().max(1);
        for matrix in &self.matrices {
            let rows = stretch(all, first_row * row_width..(first_row + matrix.n_pairs()) * row_width);
            for place in 0..self.heads.reach.len() {
                let block = |block: usize| columns(rows, row_width, block * width + place * of_head, of_head);
                cut.push((0..self.n_blocks).map(block).collect());
            }
            first_row += matrix.n_pairs();
        }
        cut
    }

    /// Every head of every document, over its columns.
    fn jobs<'a>(&'a self, cut: &'a [Vec<Vec<f32>>], width: usize) -> Vec<FusedHead<'a>> {
        let (mut jobs, mut first_row, mut cut) = (Vec::new(), 0, cut.iter());
        let of_head = width / self.heads.reach.len().max(1);
        for matrix in &self.matrices {
            for ((place, &reach), blocks) in self.heads.reach.iter().enumerate().zip(cut.by_ref()) {
                let block = |values: &'a Vec<f32>| Block { values, first: 0, row_width: of_head, column: 0 };
                jobs.push(FusedHead {
                    matrix,
                    reach,
                    itself: self.heads.itself as f32,
                    drop: self.drop.map(|drop| drop.part(jobs.len())),
                    first_row,
                    column: place * of_head,
                    blocks: blocks.iter().map(block).collect(),
                    width: of_head,
                });
            }
            first_row += matrix.n_pairs();
        }
        jobs
    }

    fn width(&self, shape: &Shape) -> Result<usize> {
        let (n_pairs, columns) = shape.dims2()?;
        let (width, n_heads) = (columns / self.n_blocks, self.heads.reach.len());
        let expected: usize = self.matrices.iter().map(PairMatrix::n_pairs).sum();
        if n_pairs != expected || n_heads == 0 || !width.is_multiple_of(n_heads) {
            bail!("attention of pairs: expected {expected} pairs and {n_heads} heads, got {n_pairs} x {width}");
        }
        Ok(width)
    }
}

/// What a pair attends to beside itself: the rows of each place, as many as there are axes.
struct RowPlaces {
    n_axes: usize,
    rows: Vec<u32>,
}

impl FusedHead<'_> {
    fn places(&self) -> RowPlaces {
        RowPlaces { n_axes: if let Reach::Along(axes) = self.reach { axes.len() } else { 1 }, rows: Vec::new() }
    }

    /// Finds what a pair attends to.
    fn find(&self, pair: u32, cell: (u32, u32), places: &mut RowPlaces) {
        places.rows.clear();
        match self.reach {
            Reach::All => {
                let others = (0..self.matrix.n_pairs() as u32).filter(|&other| other != pair);
                places.rows.extend(others.filter(|&other| self.matrix.is_seen(other)));
            }
            Reach::Along(axes) => {
                for bridge in 0..self.matrix.n_entities() {
                    let before = places.rows.len();
                    let seen = axes.iter().map_while(|axis| self.matrix.seen(axis.cell(cell, bridge)));
                    places.rows.extend(seen.filter(|&other| other != pair));
                    if places.rows.len() < before + axes.len() {
                        places.rows.truncate(before);
                    }
                }
            }
        }
    }

    /// The block of a memory's part for an axis: of keys (part 0) or values (1).
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn along(&self, axis: usize, n_axes: usize, part: usize) -> usize {
        self.blocks.len() - 2 * (n_axes - axis) + part
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn row(&self, block: usize, row: u32) -> &[f32] {
        let Some(block) = self.blocks.get(block) else { return &[] };
        let start = (row as usize - block.first) * block.row_width + block.column;
        stretch(block.values, start..start + self.width)
    }

    /// `x · y` for the pair itself, and for each of its places with the sum of what stands there.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn products(&self, x: &[f32], pair: u32, places: &RowPlaces, part: usize, out: &mut Vec<f32>) {
        out.clear();
        out.push(dot(x, self.row(1 + part, pair)));
        for rows in places.rows.chunks_exact(places.n_axes) {
            let mut sum = 0.0;
            for (axis, &row) in rows.iter().enumerate() {
                sum += dot(x, self.row(self.along(axis, places.n_axes, part), row));
            }
            out.push(sum);
        }
    }

    /// Σ of factor · row over the pair itself and its places.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn gather(&self, factors: &[f32], pair: u32, places: &RowPlaces, part: usize, out: &mut [f32]) {
        let Some((own, factors)) = factors.split_first() else { return };
        add(out, *own, self.row(1 + part, pair));
        for (rows, factor) in places.rows.chunks_exact(places.n_axes).zip(factors) {
            for (axis, &row) in rows.iter().enumerate() {
                add(out, *factor, self.row(self.along(axis, places.n_axes, part), row));
            }
        }
    }

    /// The shares of the pair itself and of its places.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn shares(&self, pair: u32, places: &RowPlaces, shares: &mut Vec<f32>) {
        self.products(self.row(0, pair), pair, places, 0, shares);
        let scale = self.scale();
        shares.iter_mut().for_each(|score| *score *= scale);
        if let Some(own) = shares.first_mut() {
            *own += self.itself;
        }
        Softmax.apply(shares, &[]);
    }

    fn scale(&self) -> f32 {
        (self.width as f32).sqrt().recip()
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn drop(&self, pair: u32, shares: &mut [f32]) {
        if let Some(drop) = self.drop {
            drop.part(pair as usize).apply(shares);
        }
    }

    /// Every pair with its cell.
    fn pairs(&self) -> impl Iterator<Item = (u32, (u32, u32))> {
        (0..).zip(self.matrix.pairs().iter().copied())
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
fn dot(xs: &[f32], ys: &[f32]) -> f32 {
    sum_of(xs, ys, |x, y| x * y)
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
fn add(out: &mut [f32], factor: f32, row: &[f32]) {
    out.iter_mut().zip(row).for_each(|(out, value)| *out += factor * value);
}

/// What some pairs of a head gather: `(pairs, w)`.
struct Forward<'h> {
    head: &'h FusedHead<'h>,
    pairs: Range<usize>,
}

impl Wide for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn run(self) -> Vec<f32> {
        let Self { head, pairs } = self;
        let (mut places, mut shares) = (head.places(), Vec::new());
        let mut gathered = vec![0.0; pairs.len() * head.width];
        let cells = head.matrix.pairs().get(pairs.clone()).unwrap_or_default();
        let cells = (pairs.start as u32..).zip(cells.iter().copied());
        for ((pair, cell), out) in cells.zip(gathered.chunks_exact_mut(head.width)) {
            head.find(pair, cell, &mut places);
            head.shares(pair, &places, &mut shares);
            head.drop(pair, &mut shares);
            head.gather(&shares, pair, &places, 1, out);
        }
        gathered
    }
}

/// The gradients of a head's blocks from that of what it gathers, `(pairs, w)` each.
struct Backward<'h> {
    head: &'h FusedHead<'h>,
    grad: &'h [f32],
}

impl Wide for Backward<'_> {
    type Output = Vec<Vec<f32>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn run(self) -> Vec<Vec<f32>> {
        let Self { head, grad } = self;
        let (mut places, scale) = (head.places(), head.scale());
        let [mut shares, mut kept, mut of_scores] = [const { Vec::new() }; 3];
        let mut of_blocks: Vec<Vec<f32>> = head.blocks.iter().map(|block| vec![0.0; block.values.len()]).collect();
        for ((pair, cell), grad) in head.pairs().zip(grad.chunks_exact(head.width)) {
            head.find(pair, cell, &mut places);
            head.shares(pair, &places, &mut shares);
            kept.clone_from(&shares);
            head.drop(pair, &mut kept);
            head.products(grad, pair, &places, 1, &mut of_scores);
            head.drop(pair, &mut of_scores);
            SoftmaxBackward.apply(&mut of_scores, &shares);
            of_scores.iter_mut().for_each(|score| *score *= scale);
            if let Some(of_query) = of_blocks.first_mut().and_then(|block| row_mut(block, pair, head.width)) {
                head.gather(&of_scores, pair, &places, 0, of_query);
            }
            let query = head.row(0, pair);
            for (part, factors, row) in [(0, &of_scores, query), (1, &kept, grad)] {
                head.spread(factors, pair, &places, part, row, &mut of_blocks);
            }
        }
        of_blocks
    }
}

impl FusedHead<'_> {
    /// Adds factor · row to the gradients of the pair itself and of its places: the reverse of [`FusedHead::gather`].
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
    fn spread(&self, factors: &[f32], pair: u32, places: &RowPlaces, part: usize, row: &[f32], into: &mut [Vec<f32>]) {
        let Some((own, factors)) = factors.split_first() else { return };
        let mut spread = |block: usize, place: u32, factor: f32| {
            if let Some(out) = into.get_mut(block).and_then(|block| row_mut(block, place, self.width)) {
                add(out, factor, row);
            }
        };
        spread(1 + part, pair, *own);
        for (rows, &factor) in places.rows.chunks_exact(places.n_axes).zip(factors) {
            for (axis, &place) in rows.iter().enumerate() {
                spread(self.along(axis, places.n_axes, part), place, factor);
            }
        }
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only what is inlined is built for the machine's vectors")]
fn row_mut(block: &mut [f32], row: u32, width: usize) -> Option<&mut [f32]> {
    let start = row as usize * width;
    block.get_mut(start..start + width)
}

impl CustomOp1 for FusedAttention {
    fn name(&self) -> &'static str {
        "attention-of-pairs"
    }

    fn cpu_fwd(&self, all: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = self.width(layout.shape())?;
        let cut = self.cut(values(all, layout)?, width);
        let jobs = self.jobs(&cut, width);
        let forward = |head| in_widest(Forward { head, pairs: 0..head.matrix.n_pairs() });
        let gathered: Vec<Vec<f32>> = jobs.par_iter().map(forward).collect();
        let n_pairs = layout.shape().dims2()?.0;
        let mut joined = vec![0.0; n_pairs * width];
        for (head, block) in jobs.iter().zip(&gathered) {
            place(block, &mut joined, width, head.first_row, (head.column, head.width));
        }
        Ok((CpuStorage::F32(joined), (n_pairs, width).into()))
    }

    fn bwd(&self, all: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (width, grad) = (self.width(all.shape())?, grad.contiguous()?);
        let operands = [all, &grad].map(operand);
        let [all_values, grad] = &operands;
        let cut = self.cut(all_values.values()?, width);
        let (jobs, grad) = (self.jobs(&cut, width), grad.values()?);
        let backward = |head: &FusedHead| {
            let rows = stretch(grad, head.first_row * width..(head.first_row + head.matrix.n_pairs()) * width);
            in_widest(Backward { head, grad: &columns(rows, width, head.column, head.width) })
        };
        let parts: Vec<Vec<Vec<f32>>> = jobs.par_iter().map(backward).collect();
        let row_width = width * self.n_blocks;
        let mut joined = vec![0.0; all.elem_count()];
        for (head, blocks) in jobs.iter().zip(&parts) {
            for (number, block) in blocks.iter().enumerate() {
                let first = number * width + head.column;
                place(block, &mut joined, row_width, head.first_row, (first, head.width));
            }
        }
        Ok(Some(Tensor::from_vec(joined, all.shape(), all.device())?))
    }
}
