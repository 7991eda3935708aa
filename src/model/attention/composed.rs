//! Attention of pairs in candle's own operations: one batched product for each axis, of all heads and of documents of like
//! size ([`Grids`]).

use candle_core::{DType, Result, Tensor, bail};

use nn::ops::{Drop, dropout, gather, softmax};

use super::grids::{All, Along, Block, Dims, Grids, OfAxis};
use super::matrices::Matrices;
use super::{Heads, Memory};

/// The same as [`Heads::attend`], for all types and devices.
pub fn attend(
    heads: &Heads,
    queries: &Tensor,
    memory: &[Memory],
    matrices: &Matrices,
    drop: Option<Drop>,
) -> Result<Tensor> {
    let made;
    let grids = if let Some(grids) = matrices.grids.get().filter(|grids| grids.is_of(&heads.reach)) {
        grids
    } else {
        made = Grids::new(&heads.reach, matrices, queries.device())?;
        if matrices.grids.get().is_some() { &made } else { matrices.grids.get_or_init(|| made) }
    };
    Rows::new(heads, queries, memory)?.attend(grids, drop)
}

/// What each head has of each pair: `(pairs·heads, w)`.
struct Rows {
    queries: Tensor,
    memory: Vec<[Tensor; 2]>,
    /// Of each pair with itself, in f32: `(pairs·heads, 1)`.
    own: Tensor,
    scale: f64,
    itself: f64,
    shape: (usize, usize),
}

/// What blocks gather.
#[derive(Default)]
struct Gathered {
    /// Along each axis.
    along: Vec<Vec<Tensor>>,
    /// The shares of pairs themselves.
    own: Vec<Tensor>,
}

impl Gathered {
    fn add(&mut self, axis: usize, rows: Tensor) {
        if self.along.len() <= axis {
            self.along.resize_with(axis + 1, Vec::new);
        }
        if let Some(of_axis) = self.along.get_mut(axis) {
            of_axis.push(rows);
        }
    }
}

impl Rows {
    fn new(heads: &Heads, queries: &Tensor, memory: &[Memory]) -> Result<Self> {
        let shape = queries.dims2()?;
        let n_heads = heads.reach.len();
        if n_heads == 0 || !shape.1.is_multiple_of(n_heads) || memory.is_empty() {
            bail!("attention of pairs: expected heads that divide {} and a memory, got {n_heads} heads", shape.1);
        }
        let width = shape.1 / n_heads;
        let rows = |x: &Tensor| x.reshape((shape.0 * n_heads, width));
        let memory: Vec<[Tensor; 2]> =
            memory.iter().map(|[keys, values]| Ok([rows(keys)?, rows(values)?])).collect::<Result<_>>()?;
        let (queries, scale) = (rows(queries)?, (width as f64).powf(-0.5));
        let own = (&queries * &memory[0][0])?.to_dtype(DType::F32)?.sum_keepdim(1)?.affine(scale, heads.itself)?;
        Ok(Self { queries, memory, own, scale, itself: heads.itself, shape })
    }

    fn attend(&self, grids: &Grids, drop: Option<Drop>) -> Result<Tensor> {
        let mut gathered = Gathered::default();
        for (place, block) in grids.blocks.iter().enumerate() {
            let drop = drop.map(|drop| drop.part(place));
            match block {
                Block::Along(block) => self.attend_along(block, drop, &mut gathered)?,
                Block::All(block) => gathered.add(0, self.attend_all(block, drop)?),
            }
        }
        let mut sum: Option<Tensor> = None;
        for (rows, places) in gathered.along.iter().zip(&grids.gathered) {
            let rows = gather(&Tensor::cat(rows, 0)?, places)?;
            sum = Some(match sum {
                None => rows,
                Some(sum) => (sum + rows)?,
            });
        }
        let Some(mut sum) = sum else { bail!("attention of pairs: expected a document that has pairs") };
        if let Some(places) = &grids.own {
            let shares = gather(&Tensor::cat(&gathered.own, 0)?, places)?.to_dtype(self.queries.dtype())?;
            sum = (sum + self.memory[0][1].broadcast_mul(&shares)?)?;
        }
        sum.reshape(self.shape)
    }

    /// `(documents·anchors·heads·others, w)` along each axis, and the shares of pairs themselves.
    fn attend_along(&self, block: &Along, drop: Option<Drop>, gathered: &mut Gathered) -> Result<()> {
        let Dims { documents, entities: n, heads } = block.dims;
        let grid = (documents, n, heads, n, n);
        let Some(first) = self.memory.len().checked_sub(block.axes.len()) else {
            bail!("attention of pairs: expected a memory for each of {} axes", block.axes.len());
        };
        let along = || block.axes.iter().zip(self.memory.iter().skip(first));
        let asking = gather(&self.queries, &block.queries)?;
        let mut scores: Option<Tensor> = None;
        for (axis, [keys, _]) in along() {
            let turned = axis.queries.as_ref().map(|places| gather(&self.queries, places)).transpose()?;
            let of_axis = product(turned.as_ref().unwrap_or(&asking), &gather(keys, &axis.keys)?, n)?.reshape(grid)?;
            let of_axis = axis.hide(&(turn(&of_axis, axis)?.to_dtype(DType::F32)? * self.scale)?)?;
            scores = Some(match scores {
                None => of_axis,
                Some(scores) => (scores + of_axis)?,
            });
        }
        let own = gather(&self.own, &block.queries)?.reshape((documents, n, heads, n, 1))?;
        let scores = scores.map_or_else(|| Ok(own.clone()), |scores| Tensor::cat(&[&own, &scores], 4))?;
        let shares = dropout(&softmax(&scores)?, drop)?;
        gathered.own.push(shares.narrow(4, 0, 1)?.reshape(((), 1))?);
        let shares = shares.to_dtype(self.queries.dtype())?.narrow(4, 1, n)?;
        for (place, (axis, [_, values])) in along().enumerate() {
            let values = gather(values, &axis.keys)?.reshape((documents * n * heads, n, ()))?;
            let shares = turn(&shares, axis)?.reshape((documents * n * heads, n, n))?;
            let of_axis = shares.matmul(&values)?;
            gathered.add(place, of_axis.reshape((documents * n * heads * n, ()))?);
        }
        Ok(())
    }

    /// `(documents·heads·pairs, w)`.
    fn attend_all(&self, block: &All, drop: Option<Drop>) -> Result<Tensor> {
        let All { rows, hidden, documents, heads, pairs } = block;
        let [queries, keys, values] = [&self.queries, &self.memory[0][0], &self.memory[0][1]].map(|x| gather(x, rows));
        let scores = product(&queries?, &keys?, *pairs)?.to_dtype(DType::F32)?;
        let scores = (scores.reshape((*documents, *heads, *pairs, *pairs))? * self.scale)?.broadcast_add(hidden)?;
        let scores = if self.itself == 0.0 {
            scores
        } else {
            let own = (Tensor::eye(*pairs, DType::F32, scores.device())? * self.itself)?;
            scores.broadcast_add(&own)?
        };
        let shares = dropout(&softmax(&scores)?, drop)?.to_dtype(self.queries.dtype())?;
        let values = values?.reshape((documents * heads, *pairs, ()))?;
        shares.reshape((documents * heads, *pairs, *pairs))?.matmul(&values)?.reshape((documents * heads * pairs, ()))
    }
}

impl OfAxis {
    /// Scores of the block with what cannot be seen far below.
    fn hide(&self, scores: &Tensor) -> Result<Tensor> {
        let scores = scores.broadcast_add(&self.hidden)?;
        match &self.itself {
            Some(itself) => scores.broadcast_add(itself),
            None => Ok(scores),
        }
    }
}

/// `q kᵀ` of grids of so many rows each: `(grids·rows, w)` twice → `(grids, rows, rows)`.
fn product(queries: &Tensor, keys: &Tensor, rows: usize) -> Result<Tensor> {
    let grids = |x: &Tensor| x.reshape(((), rows, x.dim(1)?));
    grids(queries)?.matmul(&grids(keys)?.t()?)
}

/// From the order of an axis to that of the block, or back.
fn turn(scores: &Tensor, axis: &OfAxis) -> Result<Tensor> {
    if axis.queries.is_some() { scores.transpose(1, 3)?.contiguous() } else { Ok(scores.clone()) }
}
