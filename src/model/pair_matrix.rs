//! The entity pairs of one document as a matrix, heads by tails, and attention along its axes.
//!
//! The matrix holds the pairs that are to be classified, and no others: all pairs of distinct entities where a corpus
//! asks for all, as DocRED does; of CDR's documents the pairs of a chemical and a disease. Rows and columns are the
//! entities that stand in one of these pairs. Its other cells, the diagonal among them, are empty. A pair with an entity
//! whose mentions are all cut off is absent: it sees itself and the others, but no other pair sees it.
//!
//! A pair (s, o) attends along an [`Axis`] to N pairs, one for each bridge i. So all scores along an axis are one batched
//! product of two (N, N, width) matrices: (N, N, N) numbers, whatever the width. No (N, N, N, width) tensor is made.

use std::collections::BTreeSet;

use candle_core::{D, DType, Device, Result, Tensor};

use super::batch::Example;
use crate::encoder::Mode;
use crate::encoder::ops::{dropout, softmax};

/// Keeps a pair out of a softmax; −∞ would give NaN.
const FAR: f32 = -1e30;

/// Which pairs the pair (s, o) attends to, one for each bridge i.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// (s, i): the row of the head.
    HeadRow,
    /// (i, o): the column of the tail.
    TailColumn,
    /// (i, s): the column of the head.
    HeadColumn,
    /// (o, i): the row of the tail.
    TailRow,
}

/// Which of a cell's two entities counts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    ByHead,
    ByTail,
}

impl Axis {
    /// The entity that the pair shares with all pairs of the axis: its head or its tail.
    fn anchor(self) -> Order {
        match self {
            Self::HeadRow | Self::HeadColumn => Order::ByHead,
            Self::TailRow | Self::TailColumn => Order::ByTail,
        }
    }

    /// The order in which that entity comes first in the pairs of the axis.
    fn keys(self) -> Order {
        match self {
            Self::HeadRow | Self::TailRow => Order::ByHead,
            Self::HeadColumn | Self::TailColumn => Order::ByTail,
        }
    }
}

/// The cells in one order.
#[derive(Debug, Clone)]
struct Cells {
    /// For each cell its pair's row, `u32::MAX` where it is empty: `(N²)`.
    pairs: Tensor,
    /// For each pair its cell: `(pairs)`.
    places: Tensor,
    /// 0 where a pair can be seen, else far below: `(N, N)`.
    hidden: Tensor,
}

/// Where the pairs of one document stand in its matrix.
#[derive(Debug, Clone)]
pub struct PairMatrix {
    n_entities: usize,
    n_pairs: usize,
    by_head: Cells,
    by_tail: Cells,
    /// Far below where row and column are one: `(N, N)`.
    diagonal: Tensor,
}

impl PairMatrix {
    /// The matrix of a document's pairs.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn new(example: &Example, device: &Device) -> Result<Self> {
        let entities: BTreeSet<u32> = example.pairs.iter().flat_map(|&(head, tail)| [head, tail]).collect();
        let entities: Vec<u32> = entities.into_iter().collect();
        let place = |entity: u32| entities.binary_search(&entity).unwrap_or_default();
        let there = |entity: u32| example.n_mentions.get(entity as usize).is_some_and(|&count| count > 0);
        let pairs: Vec<Placed> = example
            .pairs
            .iter()
            .map(|&(head, tail)| Placed {
                head: place(head),
                tail: place(tail),
                seen: head != tail && there(head) && there(tail),
            })
            .collect();
        let n_entities = entities.len();
        let cells = |order| Cells::new(&pairs, n_entities, order, device);
        let far = (0..n_entities * n_entities).map(|cell| if cell % (n_entities + 1) == 0 { FAR } else { 0.0 });
        Ok(Self {
            n_entities,
            n_pairs: pairs.len(),
            by_head: cells(Order::ByHead)?,
            by_tail: cells(Order::ByTail)?,
            diagonal: Tensor::from_iter(far, device)?.reshape((n_entities, n_entities))?,
        })
    }

    /// How many pairs it holds.
    pub fn n_pairs(&self) -> usize {
        self.n_pairs
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

    /// `q_so · k_axis(s, o, i)` for queries and keys of `(pairs, width)`: `(N, N, N)`, by head, tail and bridge.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn scores(&self, axis: Axis, queries: &Tensor, keys: &Tensor) -> Result<Tensor> {
        let (queries, keys) = (self.grid(queries, axis.anchor())?, self.grid(keys, axis.keys())?);
        turn(&queries.matmul(&keys.t()?)?, axis)
    }

    /// `Σ_i share_soi · v_axis(s, o, i)` for shares of `(N, N, N)` and values of `(pairs, width)`: `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn values(&self, axis: Axis, shares: &Tensor, values: &Tensor) -> Result<Tensor> {
        let values = self.grid(values, axis.keys())?;
        self.rows(&turn(shares, axis)?.matmul(&values)?, axis.anchor())
    }

    /// `Σ_i share_soi` for shares of `(N, N, N)`: `(pairs, 1)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn totals(&self, shares: &Tensor) -> Result<Tensor> {
        self.rows(&shares.sum_keepdim(2)?, Order::ByHead)
    }

    /// What keeps empty cells and absent pairs of an axis out of a softmax; it stretches to `(N, N, N)`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn hidden(&self, axis: Axis) -> Result<Tensor> {
        let hidden = &self.cells(axis.keys()).hidden;
        match axis.anchor() {
            Order::ByHead => hidden.unsqueeze(1),
            Order::ByTail => hidden.unsqueeze(0),
        }
    }

    /// What keeps absent pairs out of a softmax over all pairs: `(1, pairs)`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn hidden_pairs(&self) -> Result<Tensor> {
        self.rows(&self.by_head.hidden.unsqueeze(2)?, Order::ByHead)?.t()
    }

    /// What keeps the pair itself out of an axis where it would count twice; it stretches to `(N, N, N)`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn itself(&self, axis: Axis) -> Result<Option<Tensor>> {
        match axis {
            Axis::HeadRow => self.diagonal.unsqueeze(0).map(Some),
            Axis::TailColumn => self.diagonal.unsqueeze(1).map(Some),
            Axis::HeadColumn | Axis::TailRow => Ok(None),
        }
    }

    /// One softmax over a pair's own score, `(pairs, 1)`, and its scores along an axis, `(N, N, N)`: the shares of both,
    /// in the same shapes.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn shares(&self, own: &Tensor, scores: &Tensor, probability: f64, mode: &mut Mode) -> Result<[Tensor; 2]> {
        let own = self.grid(&own.to_dtype(DType::F32)?, Order::ByHead)?;
        let shares = dropout(&softmax(&Tensor::cat(&[&own, scores], 2)?)?, mode.drop(probability))?;
        let of_own = self.rows(&shares.narrow(2, 0, 1)?.contiguous()?, Order::ByHead)?;
        Ok([of_own, shares.narrow(2, 1, self.n_entities)?.contiguous()?])
    }
}

/// A pair by its places among the matrix's entities.
struct Placed {
    head: usize,
    tail: usize,
    /// Whether other pairs see it.
    seen: bool,
}

impl Cells {
    fn new(pairs: &[Placed], n_entities: usize, order: Order, device: &Device) -> Result<Self> {
        let mut rows = vec![u32::MAX; n_entities * n_entities];
        let mut hidden = vec![FAR; n_entities * n_entities];
        let mut places = Vec::with_capacity(pairs.len());
        for (row, pair) in pairs.iter().enumerate() {
            let place = match order {
                Order::ByHead => pair.head * n_entities + pair.tail,
                Order::ByTail => pair.tail * n_entities + pair.head,
            };
            places.push(place as u32);
            if let (Some(cell), Some(hidden)) = (rows.get_mut(place), hidden.get_mut(place)) {
                *cell = row as u32;
                *hidden = if pair.seen { 0.0 } else { FAR };
            }
        }
        Ok(Self {
            pairs: Tensor::new(rows, device)?,
            places: Tensor::new(places, device)?,
            hidden: Tensor::from_vec(hidden, (n_entities, n_entities), device)?,
        })
    }
}

/// From the order of an axis's anchor to that by head, or back.
fn turn(scores: &Tensor, axis: Axis) -> Result<Tensor> {
    match axis.anchor() {
        Order::ByHead => Ok(scores.clone()),
        Order::ByTail => scores.transpose(0, 1)?.contiguous(),
    }
}

/// The matrices of the documents of a batch that have pairs, in order.
///
/// # Errors
/// Where the device refuses.
pub fn matrices(examples: &[Example], device: &Device) -> Result<Vec<PairMatrix>> {
    examples
        .iter()
        .filter(|example| !example.pairs.is_empty())
        .map(|example| PairMatrix::new(example, device))
        .collect()
}

/// Applies something to each document's part of `(pairs of all documents, width)` tensors, and joins what it gives.
///
/// # Errors
/// Where the shapes do not fit, or it fails.
pub fn by_document<const N: usize>(
    matrices: &[PairMatrix],
    rows: [&Tensor; N],
    mut f: impl FnMut(&PairMatrix, [Tensor; N]) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut first = 0;
    let mut parts = Vec::with_capacity(matrices.len());
    for matrix in matrices {
        let mut of_document = rows.map(Tensor::clone);
        for rows in &mut of_document {
            *rows = rows.narrow(0, first, matrix.n_pairs)?;
        }
        parts.push(f(matrix, of_document)?);
        first += matrix.n_pairs;
    }
    Tensor::cat(&parts, 0)
}
