//! Self-attention of the encoder: scores are never stored.

use candle_core::{DType, Result, Tensor, bail};

use kernels::{Grid, Kernel, Made, Module, Scalar, launch};

use super::{aligned, column_sums, mask, one, step};
use crate::Span;
use crate::ops::{Drop, Step};

/// Queries of a tile, and threads of a block, as the kernels have them.
const TILE: usize = 64;
const THREADS: u32 = 128;
/// Widths of a head that there are kernels for.
const WIDTHS: [usize; 2] = [32, 64];
/// Numbers of a head that a thread reads at once.
const CHUNK: usize = 8;

/// The tiles of some sequences: of each the first row of its sequence, the sequence's length, and its first query there.
#[derive(Debug, Clone)]
pub struct Tiles(Tensor);

/// Those of sequences in `(pieces, hidden)` tensors; `None` where no kernel serves so many heads of such tensors.
pub fn tiles(spans: &[Span], like: &Tensor, n_heads: usize) -> Result<Option<Tiles>> {
    let (n_pieces, hidden) = like.dims2()?;
    let fits = like.device().is_cuda() && like.dtype() == DType::BF16 && n_pieces > 0;
    if !fits || !WIDTHS.into_iter().any(|width| width * n_heads == hidden) {
        return Ok(None);
    }
    let numbers = spans.iter().flat_map(|span| {
        (0..span.len).step_by(TILE).flat_map(|query| [span.start, span.len, query].map(|number| number as u32))
    });
    Ok(Some(Tiles(Tensor::from_iter(numbers, like.device())?)))
}

/// As [`crate::ops::attend`], with a bias in f32.
pub fn attend(
    projected: &Tensor,
    bias: &Tensor,
    Tiles(tiles): &Tiles,
    n_heads: usize,
    drop: Option<Drop>,
) -> Result<Step> {
    let (n_pieces, tripled) = projected.dims2()?;
    let attention = Attention {
        projected: aligned(&projected.detach())?,
        bias: aligned(&bias.detach())?,
        tiles: tiles.clone(),
        n_pieces,
        n_heads,
        width: tripled / 3 / n_heads.max(1),
        drop,
    };
    let [out, statistics] = attention.forward()?;
    let statistics = statistics.tensor();
    Ok(step(out, move |out: &Tensor, grad: &Tensor| attention.backward(out, &statistics, &aligned(grad)?)))
}

struct Attention {
    projected: Tensor,
    bias: Tensor,
    tiles: Tensor,
    n_pieces: usize,
    n_heads: usize,
    width: usize,
    drop: Option<Drop>,
}

impl Attention {
    /// A block for each tile and head.
    fn grid(&self) -> Grid {
        let blocks = (self.tiles.elem_count() / 3) as u32;
        Grid { blocks: (blocks, self.n_heads as u32, 1), threads: (THREADS, 1, 1), shared: 0 }
    }

    fn counts(&self) -> [Scalar; 2] {
        [self.n_heads, self.n_pieces].map(|count| Scalar::U32(count as u32))
    }

    fn scalars(&self) -> [Scalar; 5] {
        let ([heads, pieces], [seed, least, scale]) = (self.counts(), mask(self.drop));
        [heads, pieces, least, scale, seed]
    }

    /// The result, `(pieces, hidden)`, and the log of each softmax's denominator, `(heads, pieces)`.
    fn forward(&self) -> Result<[Made; 2]> {
        let name = format!("attend_forward_w{}", self.width);
        let kernel = Kernel { module: Module::Attention, name: &name };
        let outputs = [
            (DType::BF16, (self.n_pieces, self.n_heads * self.width).into()),
            (DType::F32, (self.n_heads, self.n_pieces).into()),
        ];
        let inputs = [&self.projected, &self.bias, &self.tiles];
        let made = launch(kernel, self.grid(), &inputs, &outputs, &self.scalars())?;
        made.try_into().map_err(|_| candle_core::Error::Msg(format!("kernel `{name}`: expected two results")))
    }

    /// Of the projection and its bias. Each of two kernels writes its columns of the former's gradient.
    fn backward(&self, out: &Tensor, statistics: &Tensor, grad: &Tensor) -> Result<Vec<Tensor>> {
        let name = |part: &str| format!("attend_{part}_w{}", self.width);
        let delta = name("delta");
        let chunks = self.n_pieces * self.n_heads * self.width / CHUNK;
        let grid = Grid::row(chunks.div_ceil(THREADS as usize), THREADS);
        let output = (DType::F32, (self.n_heads, self.n_pieces).into());
        let kernel = Kernel { module: Module::Attention, name: &delta };
        let delta = one(kernel, grid, &[grad, out], output, &self.counts())?.tensor();
        let inputs = [&self.projected, &self.bias, &self.tiles, grad, statistics, &delta];
        let output = (DType::BF16, self.projected.shape().clone());
        let queries = name("backward_queries");
        let kernel = Kernel { module: Module::Attention, name: &queries };
        let of_projected = one(kernel, self.grid(), &inputs, output, &self.scalars())?.tensor();
        let keys = name("backward_keys");
        let kernel = Kernel { module: Module::Attention, name: &keys };
        // It adds its columns to what the other has made.
        let inputs: Vec<&Tensor> = inputs.into_iter().chain([&of_projected]).collect();
        let made = launch(kernel, self.grid(), &inputs, &[], &self.scalars())?;
        if !made.is_empty() {
            bail!("kernel `{keys}`: expected no result of its own");
        }
        let of_bias = column_sums(&of_projected)?;
        Ok(vec![of_projected, of_bias])
    }
}
