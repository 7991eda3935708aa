//! Documents' matrices as tensors: where the rows of pairs stand in grids that are multiplied together.
//!
//! A row is what a head has of a pair, `(pairs·heads, w)`. In a block stand documents of like size and heads whose axes
//! turn alike; it is `(documents, anchors, heads, others, bridges)`: an anchor is the entity that a pair shares with all
//! pairs of a head's first axis, the other is the pair's other entity. So one batched product of `(others, w)` queries
//! and `(bridges, w)` keys for each document, anchor and head serves all of them, whatever their axis. Along a second
//! axis anchors and others may change places: it is turned.

use candle_core::{DType, Device, Result, Tensor};

use nn::alike;
use nn::ops::{NO_ROW, Places};

use super::Reach;
use crate::pair_matrix::{Axis, PairMatrix};

/// Keeps a pair out of a softmax; −∞ would give NaN.
const FAR: f32 = -1e30;
/// Scores of a block, unless one head of one document has more.
pub const SCORES_AT_ONCE: usize = 1 << 26;

/// The grids of a batch for heads of some reach.
#[derive(Debug)]
pub struct Grids {
    reach: Vec<Reach>,
    pub blocks: Vec<Block>,
    /// For each axis where the rows of pairs are in what all blocks gather along it.
    pub gathered: Vec<Places>,
    /// Where their own shares are, where any head has them apart.
    pub own: Option<Places>,
}

/// Documents and heads that are looked at together.
#[derive(Debug)]
pub enum Block {
    /// Along axes.
    Along(Along),
    /// Each pair at all.
    All(All),
}

/// `(documents, anchors, heads, others, bridges)`.
#[derive(Debug)]
pub struct Along {
    /// `(documents, anchors, heads, others)`: the rows that ask, in the order of the first axis.
    pub queries: Places,
    pub axes: Vec<OfAxis>,
    pub dims: Dims,
}

/// How many documents, entities and heads a block has.
#[derive(Debug, Clone, Copy)]
pub struct Dims {
    pub documents: usize,
    pub entities: usize,
    pub heads: usize,
}

/// What is looked at along an axis.
#[derive(Debug)]
pub struct OfAxis {
    /// The same rows that ask, in the order of this axis, where it is turned.
    pub queries: Option<Places>,
    /// `(documents, anchors, heads, bridges)`.
    pub keys: Places,
    /// 0 where a key can be seen, else far below; it stretches to all scores.
    pub hidden: Tensor,
    /// Far below where the bridge stands for the pair itself; it stretches to all scores.
    pub itself: Option<Tensor>,
}

/// `(documents, heads, pairs, pairs)`.
#[derive(Debug)]
pub struct All {
    /// `(documents, heads, pairs)`.
    pub rows: Places,
    /// 0 where a pair can be seen, or is the one that asks, else far below: `(documents, 1, pairs, pairs)`.
    pub hidden: Tensor,
    pub documents: usize,
    pub heads: usize,
    pub pairs: usize,
}

/// A document of a batch.
#[derive(Clone, Copy)]
struct Document<'m> {
    matrix: &'m PairMatrix,
    /// The place of its first pair among all.
    first: usize,
}

/// What is found out about a batch while its blocks are made.
struct Layout<'m> {
    at_once: usize,
    documents: Vec<Document<'m>>,
    n_heads: usize,
    device: &'m Device,
    /// For each axis, and each pair and head, its row in what the blocks gather; of so many rows so far.
    gathered: Vec<(Vec<u32>, usize)>,
    own: Vec<u32>,
    n_own: usize,
}

impl Grids {
    pub fn new(reach: &[Reach], matrices: &[PairMatrix], device: &Device) -> Result<Self> {
        Self::within(SCORES_AT_ONCE, reach, matrices, device)
    }

    /// The same with at most so many scores in a block.
    pub fn within(at_once: usize, reach: &[Reach], matrices: &[PairMatrix], device: &Device) -> Result<Self> {
        let mut layout = Layout::new(at_once, matrices, reach, device);
        let mut blocks = Vec::new();
        for (kind, heads) in kinds(reach) {
            match kind {
                Kind::All => layout.add_all(&heads, &mut blocks)?,
                Kind::Along(turned) => layout.add_along(&turned, &heads, &mut blocks)?,
            }
        }
        let gathered = layout.gathered.into_iter().map(|(rows, _)| Places::new(rows, device)).collect::<Result<_>>()?;
        let own = if layout.n_own > 0 { Some(Places::new(layout.own, device)?) } else { None };
        Ok(Self { reach: reach.to_vec(), blocks, gathered, own })
    }

    /// Whether they are those of heads of this reach.
    pub fn is_of(&self, reach: &[Reach]) -> bool {
        self.reach == reach
    }
}

/// What heads of a block have in common: whether each axis is turned against the first.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    All,
    Along(Vec<bool>),
}

/// A head by its place, and its axes.
type Head = (usize, &'static [Axis]);

/// The kinds of heads with the heads of each.
fn kinds(reach: &[Reach]) -> Vec<(Kind, Vec<Head>)> {
    let mut kinds: Vec<(Kind, Vec<Head>)> = Vec::new();
    for (head, &reach) in reach.iter().enumerate() {
        let (kind, axes) = match reach {
            Reach::All => (Kind::All, [].as_slice()),
            Reach::Along(axes) => {
                let first = axes.first().copied().map(is_by_head);
                (Kind::Along(axes.iter().map(|&axis| Some(is_by_head(axis)) != first).collect()), axes)
            }
        };
        match kinds.iter_mut().find(|(of, _)| *of == kind) {
            Some((_, heads)) => heads.push((head, axes)),
            None => kinds.push((kind, vec![(head, axes)])),
        }
    }
    kinds
}

/// Whether the entity that a pair shares with all pairs of an axis is its head.
fn is_by_head(axis: Axis) -> bool {
    matches!(axis, Axis::HeadRow | Axis::HeadColumn)
}

/// A pair by the entity that it shares with all pairs of an axis, and the other.
fn pair_of(axis: Axis, anchor: u32, other: u32) -> (u32, u32) {
    if is_by_head(axis) { (anchor, other) } else { (other, anchor) }
}

impl<'m> Layout<'m> {
    fn new(at_once: usize, matrices: &'m [PairMatrix], reach: &[Reach], device: &'m Device) -> Self {
        let mut first = 0;
        let document = |matrix: &'m PairMatrix| {
            let document = Document { matrix, first };
            first += matrix.n_pairs();
            document
        };
        let documents: Vec<Document> = matrices.iter().map(document).collect();
        let none = vec![NO_ROW; first * reach.len()];
        let n_axes = |reach: &Reach| if let Reach::Along(axes) = reach { axes.len() } else { 1 };
        let n_axes = reach.iter().map(n_axes).max().unwrap_or(1);
        let gathered = vec![(none.clone(), 0); n_axes];
        Self { at_once, documents, n_heads: reach.len(), device, gathered, own: none, n_own: 0 }
    }

    /// Documents of like size, so many scores of each by its size, and heads, together as many as may be.
    fn parts(
        &self,
        heads: &[Head],
        size: impl Fn(&Document) -> usize,
        power: u32,
    ) -> Vec<(Vec<Document<'m>>, Vec<Head>, usize)> {
        let mut parts = Vec::new();
        for group in alike(self.documents.iter().map(&size), power) {
            let group: Vec<Document> = group.iter().filter_map(|&place| self.documents.get(place).copied()).collect();
            let largest = group.iter().map(&size).max().unwrap_or_default();
            let heads_at_once = (self.at_once / largest.saturating_pow(power).max(1)).clamp(1, heads.len().max(1));
            let scores = largest.saturating_pow(power).saturating_mul(heads_at_once);
            for documents in group.chunks((self.at_once / scores.max(1)).max(1)) {
                for heads in heads.chunks(heads_at_once) {
                    parts.push((documents.to_vec(), heads.to_vec(), largest));
                }
            }
        }
        parts
    }

    fn row(&self, document: &Document, pair: Option<u32>, head: usize) -> u32 {
        pair.map_or(NO_ROW, |pair| ((document.first + pair as usize) * self.n_heads + head) as u32)
    }

    fn add_along(&mut self, turned: &[bool], heads: &[Head], blocks: &mut Vec<Block>) -> Result<()> {
        for (documents, heads, n) in self.parts(heads, |document| document.matrix.n_entities() as usize, 3) {
            let dims = Dims { documents: documents.len(), entities: n, heads: heads.len() };
            let block = BlockOf { layout: self, documents: &documents, heads: &heads, n: n as u32 };
            let axes = turned.iter().enumerate().map(|(place, &turned)| block.axis(place, turned, dims));
            let (axes, queries) = (axes.collect::<Result<Vec<_>>>()?, Places::new(block.queries(0), self.device)?);
            for (place, of_axis) in axes.iter().enumerate() {
                let rows = of_axis.queries.as_ref().unwrap_or(&queries).ids();
                if let Some((places, n_rows)) = self.gathered.get_mut(place) {
                    invert(rows, places, n_rows);
                }
            }
            invert(queries.ids(), &mut self.own, &mut self.n_own);
            blocks.push(Block::Along(Along { queries, axes, dims }));
        }
        Ok(())
    }

    fn add_all(&mut self, heads: &[Head], blocks: &mut Vec<Block>) -> Result<()> {
        for (documents, heads, pairs) in self.parts(heads, |document| document.matrix.n_pairs(), 2) {
            let mut rows = Vec::with_capacity(documents.len() * heads.len() * pairs);
            for document in &documents {
                let there = |pair: u32| (pair as usize) < document.matrix.n_pairs();
                for &(head, _) in &heads {
                    rows.extend(
                        (0..pairs as u32).map(|pair| self.row(document, Some(pair).filter(|&pair| there(pair)), head)),
                    );
                }
            }
            let hidden = documents.iter().flat_map(|document| {
                (0..pairs as u32).map(|pair| if document.matrix.is_seen(pair) { 0.0 } else { FAR })
            });
            let hidden = Tensor::from_vec(hidden.collect(), (documents.len(), 1, 1, pairs), self.device)?;
            let others = (1.0 - Tensor::eye(pairs, DType::F32, self.device)?)?.reshape((1, 1, pairs, pairs))?;
            if let Some((places, n_rows)) = self.gathered.first_mut() {
                invert(&rows, places, n_rows);
            }
            blocks.push(Block::All(All {
                rows: Places::new(rows, self.device)?,
                hidden: hidden.broadcast_mul(&others)?,
                documents: documents.len(),
                heads: heads.len(),
                pairs,
            }));
        }
        Ok(())
    }
}

/// Notes where rows stand, after those that are there.
fn invert(rows: &[u32], places: &mut [u32], n_rows: &mut usize) {
    for (&row, place) in rows.iter().zip(*n_rows..) {
        if let Some(slot) = places.get_mut(row as usize) {
            *slot = place as u32;
        }
    }
    *n_rows += rows.len();
}

/// Documents and heads of a block along axes, padded to so many entities.
struct BlockOf<'b, 'm> {
    layout: &'b Layout<'m>,
    documents: &'b [Document<'m>],
    heads: &'b [Head],
    n: u32,
}

impl BlockOf<'_, '_> {
    /// Something of each document, anchor, head, and one more entity, in this order.
    fn each<T>(&self, place: usize, of: impl Fn(&Document, Axis, usize, u32, u32) -> T) -> Vec<T> {
        let mut all = Vec::with_capacity(self.documents.len() * self.heads.len() * (self.n * self.n) as usize);
        for document in self.documents {
            for anchor in 0..self.n {
                for &(head, axes) in self.heads {
                    let Some(&axis) = axes.get(place) else { continue };
                    all.extend((0..self.n).map(|other| of(document, axis, head, anchor, other)));
                }
            }
        }
        all
    }

    /// The rows that ask, in the order of an axis.
    fn queries(&self, place: usize) -> Vec<u32> {
        self.each(place, |document, axis, head, anchor, other| {
            self.layout.row(document, pair_at(document, pair_of(axis, anchor, other)), head)
        })
    }

    fn axis(&self, place: usize, turned: bool, dims: Dims) -> Result<OfAxis> {
        let Dims { documents, entities: n, heads } = dims;
        // Of the pair only what its axis shares with the keys counts.
        let cell = |axis: Axis, anchor, bridge| axis.cell((anchor, anchor), bridge);
        let keys = self.each(place, |document, axis, head, anchor, bridge| {
            self.layout.row(document, pair_at(document, cell(axis, anchor, bridge)), head)
        });
        let hidden = self.each(place, |document, axis, _, anchor, bridge| {
            let is_seen =
                pair_at(document, cell(axis, anchor, bridge)).is_some_and(|pair| document.matrix.is_seen(pair));
            if is_seen { 0.0 } else { FAR }
        });
        let hidden = Tensor::from_vec(hidden, (documents, n, heads, 1, n), self.layout.device)?;
        let queries = if turned { Some(Places::new(self.queries(place), self.layout.device)?) } else { None };
        let itself =
            self.itself(place)?.map(|itself| if turned { itself.transpose(1, 3)?.contiguous() } else { Ok(itself) });
        Ok(OfAxis {
            queries,
            keys: Places::new(keys, self.layout.device)?,
            hidden: if turned { hidden.transpose(1, 3)?.contiguous()? } else { hidden },
            itself: itself.transpose()?,
        })
    }

    /// Where along an axis a bridge stands for the pair itself: it is the pair's other entity. `(1, 1, heads, others,
    /// bridges)`.
    fn itself(&self, place: usize) -> Result<Option<Tensor>> {
        let n = self.n as usize;
        let counts_twice = |axes: &[Axis]| matches!(axes.get(place), Some(Axis::HeadRow | Axis::TailColumn));
        if !self.heads.iter().any(|(_, axes)| counts_twice(axes)) {
            return Ok(None);
        }
        let of_head = |axes: &'static [Axis]| {
            (0..n * n).map(move |cell| if counts_twice(axes) && cell % (n + 1) == 0 { FAR } else { 0.0 })
        };
        let far: Vec<f32> = self.heads.iter().flat_map(|&(_, axes)| of_head(axes)).collect();
        Tensor::from_vec(far, (1, 1, self.heads.len(), n, n), self.layout.device).map(Some)
    }
}

/// The pair in a cell of a matrix that may be padded.
fn pair_at(document: &Document, (head, tail): (u32, u32)) -> Option<u32> {
    let n = document.matrix.n_entities();
    if head < n && tail < n { document.matrix.pair((head, tail)) } else { None }
}
