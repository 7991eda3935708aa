//! Attention of pairs in candle's own operations: a batched product of two (N, N, width) matrices for each axis.

use candle_core::{D, DType, Device, Result, Tensor};

use nn::ops::{Drop, dropout, softmax};

use super::{Heads, Memory, Reach};
use crate::pair_matrix::{Axis, PairMatrix};

/// Keeps a pair out of a softmax; −∞ would give NaN.
const FAR: f32 = -1e30;

/// The same as [`Heads::attend`], for all types and devices.
pub fn attend(
    heads: &Heads,
    queries: &Tensor,
    memory: &[Memory],
    matrices: &[PairMatrix],
    drop: Option<Drop>,
) -> Result<Tensor> {
    let width = queries.dim(1)? / heads.reach.len().max(1);
    let (mut documents, mut first) = (Vec::with_capacity(matrices.len()), 0);
    for matrix in matrices {
        let grid = Grid::new(matrix, queries.device())?;
        let mut gathered = Vec::with_capacity(heads.reach.len());
        for (place, &reach) in heads.reach.iter().enumerate() {
            let part = |x: &Tensor| x.narrow(0, first, matrix.n_pairs())?.narrow(1, place * width, width)?.contiguous();
            let memory: Vec<[Tensor; 2]> =
                memory.iter().map(|[keys, values]| Ok([part(keys)?, part(values)?])).collect::<Result<_>>()?;
            let head = Head {
                reach,
                itself: heads.itself,
                drop: drop.map(|drop| drop.part(documents.len() * heads.reach.len() + place)),
            };
            gathered.push(head.attend(&grid, &part(queries)?, &memory)?);
        }
        documents.push(Tensor::cat(&gathered, 1)?);
        first += matrix.n_pairs();
    }
    Tensor::cat(&documents, 0)
}

struct Head {
    reach: Reach,
    itself: f64,
    drop: Option<Drop>,
}

impl Head {
    /// `(pairs, w)` queries, keys and values of one head and document.
    fn attend(&self, grid: &Grid, queries: &Tensor, memory: &[[Tensor; 2]]) -> Result<Tensor> {
        let scale = (queries.dim(1)? as f64).powf(-0.5);
        let Some([own_keys, own_values]) = memory.first() else {
            candle_core::bail!("attention of pairs: expected a memory, got none");
        };
        match self.reach {
            Reach::All => {
                let scores = (queries.matmul(&own_keys.t()?)?.to_dtype(DType::F32)? * scale)?;
                let shares = softmax(&(scores + grid.others(self.itself)?)?)?;
                dropout(&shares, self.drop)?.to_dtype(queries.dtype())?.matmul(own_values)
            }
            Reach::Along(axes) => {
                let own = (queries * own_keys)?.sum_keepdim(1)?.affine(scale, self.itself)?;
                let along = || axes.iter().zip(memory.iter().skip(memory.len() - axes.len()));
                let mut scores = grid.nothing()?;
                for (&axis, [keys, _]) in along() {
                    let of_axis = (grid.scores(axis, queries, keys)?.to_dtype(DType::F32)? * scale)?;
                    scores = scores.broadcast_add(&of_axis)?.broadcast_add(&grid.hidden(axis)?)?;
                    if let Some(itself) = grid.itself(axis)? {
                        scores = scores.broadcast_add(&itself)?;
                    }
                }
                let [of_own, shares] = grid.shares(&own, &scores, self.drop)?;
                let mut gathered = own_values.broadcast_mul(&of_own.to_dtype(queries.dtype())?)?;
                for (&axis, [_, values]) in along() {
                    gathered = (gathered + grid.values(axis, &shares.to_dtype(queries.dtype())?, values)?)?;
                }
                Ok(gathered)
            }
        }
    }
}

/// Which of a cell's two entities counts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    ByHead,
    ByTail,
}

/// The entity that the pair shares with all pairs of an axis: its head or its tail.
fn anchor(axis: Axis) -> Order {
    match axis {
        Axis::HeadRow | Axis::HeadColumn => Order::ByHead,
        Axis::TailRow | Axis::TailColumn => Order::ByTail,
    }
}

/// The order in which that entity comes first in the pairs of the axis.
fn keys(axis: Axis) -> Order {
    match axis {
        Axis::HeadRow | Axis::TailRow => Order::ByHead,
        Axis::HeadColumn | Axis::TailColumn => Order::ByTail,
    }
}

/// A document's matrix as tensors.
struct Grid {
    n_entities: usize,
    by_head: Cells,
    by_tail: Cells,
    /// Far below where row and column are one: `(N, N)`.
    diagonal: Tensor,
    device: Device,
}

/// The cells in one order.
struct Cells {
    /// For each cell its pair's row, `u32::MAX` where it is empty: `(N²)`.
    pairs: Tensor,
    /// For each pair its cell: `(pairs)`.
    places: Tensor,
    /// 0 where a pair can be seen, else far below: `(N, N)`.
    hidden: Tensor,
}

impl Grid {
    fn new(matrix: &PairMatrix, device: &Device) -> Result<Self> {
        let n_entities = matrix.n_entities() as usize;
        let far = (0..n_entities * n_entities).map(|cell| if cell % (n_entities + 1) == 0 { FAR } else { 0.0 });
        Ok(Self {
            n_entities,
            by_head: Cells::new(matrix, Order::ByHead, device)?,
            by_tail: Cells::new(matrix, Order::ByTail, device)?,
            diagonal: Tensor::from_iter(far, device)?.reshape((n_entities, n_entities))?,
            device: device.clone(),
        })
    }

    fn cells(&self, order: Order) -> &Cells {
        match order {
            Order::ByHead => &self.by_head,
            Order::ByTail => &self.by_tail,
        }
    }

    /// `(pairs, width)` → `(N, N, width)`; empty cells are 0.
    fn grid(&self, rows: &Tensor, order: Order) -> Result<Tensor> {
        let n = self.n_entities;
        rows.contiguous()?.index_select(&self.cells(order).pairs, 0)?.reshape((n, n, ()))
    }

    /// `(N, N, width)` → `(pairs, width)`.
    fn rows(&self, grid: &Tensor, order: Order) -> Result<Tensor> {
        let width = grid.dim(D::Minus1)?;
        grid.reshape((self.n_entities * self.n_entities, width))?.index_select(&self.cells(order).places, 0)
    }

    /// No score yet: `(1, 1, 1)`.
    fn nothing(&self) -> Result<Tensor> {
        Tensor::zeros((1, 1, 1), DType::F32, &self.device)
    }

    /// `q_so · k_axis(s, o, i)` for queries and keys of `(pairs, width)`: `(N, N, N)`, by head, tail and bridge.
    fn scores(&self, axis: Axis, queries: &Tensor, keys_of: &Tensor) -> Result<Tensor> {
        let (queries, keys) = (self.grid(queries, anchor(axis))?, self.grid(keys_of, keys(axis))?);
        turn(&queries.matmul(&keys.t()?)?, axis)
    }

    /// `Σ_i share_soi · v_axis(s, o, i)` for shares of `(N, N, N)` and values of `(pairs, width)`: `(pairs, width)`.
    fn values(&self, axis: Axis, shares: &Tensor, values: &Tensor) -> Result<Tensor> {
        let values = self.grid(values, keys(axis))?;
        self.rows(&turn(shares, axis)?.matmul(&values)?, anchor(axis))
    }

    /// What keeps empty cells and absent pairs of an axis out of a softmax; it stretches to `(N, N, N)`.
    fn hidden(&self, axis: Axis) -> Result<Tensor> {
        let hidden = &self.cells(keys(axis)).hidden;
        match anchor(axis) {
            Order::ByHead => hidden.unsqueeze(1),
            Order::ByTail => hidden.unsqueeze(0),
        }
    }

    /// What keeps the pair itself out of an axis where it would count twice; it stretches to `(N, N, N)`.
    fn itself(&self, axis: Axis) -> Result<Option<Tensor>> {
        match axis {
            Axis::HeadRow => self.diagonal.unsqueeze(0).map(Some),
            Axis::TailColumn => self.diagonal.unsqueeze(1).map(Some),
            Axis::HeadColumn | Axis::TailRow => Ok(None),
        }
    }

    /// What is added to the scores of all pairs: keeps absent ones out, but none from itself. `(pairs, pairs)`.
    fn others(&self, itself: f64) -> Result<Tensor> {
        let hidden = self.rows(&self.by_head.hidden.unsqueeze(2)?, Order::ByHead)?.t()?;
        let n_pairs = hidden.dim(1)?;
        let own = Tensor::eye(n_pairs, DType::F32, &self.device)?;
        hidden.broadcast_mul(&(1.0 - &own)?)? + (own * itself)?
    }

    /// One softmax over a pair's own score, `(pairs, 1)`, and those of its bridges, `(N, N, N)`: the shares of both, in
    /// the same shapes.
    fn shares(&self, own: &Tensor, scores: &Tensor, drop: Option<Drop>) -> Result<[Tensor; 2]> {
        let own = self.grid(&own.to_dtype(DType::F32)?, Order::ByHead)?;
        let shares = dropout(&softmax(&Tensor::cat(&[&own, scores], 2)?)?, drop)?;
        let of_own = self.rows(&shares.narrow(2, 0, 1)?.contiguous()?, Order::ByHead)?;
        Ok([of_own, shares.narrow(2, 1, self.n_entities)?.contiguous()?])
    }
}

impl Cells {
    fn new(matrix: &PairMatrix, order: Order, device: &Device) -> Result<Self> {
        let n = matrix.n_entities();
        let turned = |(head, tail): (u32, u32)| if order == Order::ByHead { (head, tail) } else { (tail, head) };
        let cells = || (0..n * n).map(|cell| turned((cell / n, cell % n)));
        let places = matrix.pairs().iter().map(|&pair| turned(pair)).map(|(first, second)| first * n + second);
        let hidden = cells().map(|cell| if matrix.seen(cell).is_some() { 0.0 } else { FAR });
        Ok(Self {
            pairs: Tensor::from_iter(cells().map(|cell| matrix.pair(cell).unwrap_or(u32::MAX)), device)?,
            places: Tensor::from_iter(places, device)?,
            hidden: Tensor::from_iter(hidden, device)?.reshape((n as usize, n as usize))?,
        })
    }
}

/// From the order of an axis's anchor to that by head, or back.
fn turn(scores: &Tensor, axis: Axis) -> Result<Tensor> {
    match anchor(axis) {
        Order::ByHead => Ok(scores.clone()),
        Order::ByTail => scores.transpose(0, 1)?.contiguous(),
    }
}
