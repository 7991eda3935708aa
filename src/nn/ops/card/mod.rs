//! The operations on a CUDA device, by kernels of our own: what candle needs some ten kernels for, and as many passes
//! over memory, is done in one.
//!
//! Each function gives a step, or `None` where its kernel does not serve the tensors it is given; the operation is then
//! composed.

mod attention;
mod elements;
mod norm;
mod outer;
mod rows;

use candle_core::{DType, Result, Shape, Tensor, bail};

use kernels::{Grid, Kernel, Made, Module, Scalar, address, launch};

use super::{Drop, Out, Step};

pub use attention::{Tiles, attend, tiles};
pub use elements::{biased, dropped};
pub use norm::normalized;
pub use outer::outer;
pub use rows::{gathered, soft};

/// Bytes that one thread reads at once at most.
const AT_ONCE: u64 = 16;
/// Threads of a block.
const THREADS: u32 = 256;
/// Sums over rows are made of this many parts at most.
const TILES: usize = 64;

/// What kernels call a type; `None` where there are none for it.
fn suffix(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F32 => Some("f32"),
        DType::BF16 => Some("bf16"),
        _ => None,
    }
}

/// Whether a tensor is where kernels of ours can be run on it.
pub fn serves(x: &Tensor) -> bool {
    x.device().is_cuda() && suffix(x.dtype()).is_some()
}

/// A kernel's name for tensors of this type.
fn named(name: &str, x: &Tensor) -> Result<String> {
    match suffix(x.dtype()) {
        Some(suffix) => Ok(format!("{name}_{suffix}")),
        None => bail!("kernel `{name}`: expected numbers in f32 or bf16, got {:?}", x.dtype()),
    }
}

/// Values that a thread takes of rows of a width: as many as it reads at once, or one.
fn values_at_once(tensors: &[&Tensor], width: usize) -> Result<usize> {
    let Some(size) = tensors.first().map(|tensor| tensor.dtype().size_in_bytes()) else { return Ok(1) };
    let many = AT_ONCE as usize / size;
    let mut fits = width.is_multiple_of(many);
    for tensor in tensors {
        fits = fits && address(tensor)?.is_multiple_of(AT_ONCE);
    }
    Ok(if fits { many } else { 1 })
}

/// The tensor where many of its numbers can be read at once.
fn aligned(x: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    // Its copy would begin as far into its memory.
    if address(&x)?.is_multiple_of(AT_ONCE) { Ok(x) } else { x.force_contiguous() }
}

/// What a mask's kernels take: the seed, the bound below which random bits drop a value, and what the others are
/// multiplied with.
fn mask(drop: Option<Drop>) -> [Scalar; 3] {
    match drop {
        Some(drop) => [Scalar::U64(drop.seed), Scalar::U32(drop.least()), Scalar::F32(drop.scale())],
        None => [Scalar::U64(0), Scalar::U32(0), Scalar::F32(1.0)],
    }
}

/// Rows that a block takes, so that there are [`TILES`] blocks at most.
fn rows_of_tile(rows: usize) -> usize {
    rows.div_ceil(TILES).max(32)
}

/// Σ over rows in f32: `(rows, width)` → `(width)`.
fn column_sums(x: &Tensor) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let at_once = rows_of_tile(rows);
    let tiles = rows.div_ceil(at_once);
    let partial = tile_sums(x, tiles, at_once)?;
    tile_sums(&partial, 1, tiles)?.reshape(width)
}

fn tile_sums(x: &Tensor, tiles: usize, at_once: usize) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let name = named("column_sums", x)?;
    let grid = Grid { blocks: (width.div_ceil(64) as u32, tiles as u32, 1), threads: (32, 8, 1), shared: 0 };
    let scalars = [rows, width, at_once].map(|count| Scalar::U32(count as u32));
    one(Kernel { module: Module::Elements, name: &name }, grid, &[x], (DType::F32, (tiles, width).into()), &scalars)
        .map(Made::tensor)
}

/// What a kernel has made, and the way back.
fn step(made: Made, backward: impl Fn(&Tensor, &Tensor) -> Result<Vec<Tensor>> + Send + Sync + 'static) -> Step {
    let (storage, shape) = made.parts();
    Step { out: Out::new(storage, shape), backward: Box::new(backward) }
}

/// The only result of a kernel.
fn one(kernel: Kernel<'_>, grid: Grid, inputs: &[&Tensor], output: (DType, Shape), scalars: &[Scalar]) -> Result<Made> {
    match launch(kernel, grid, inputs, &[output], scalars)?.pop() {
        Some(made) => Ok(made),
        None => bail!("kernel `{}`: expected a result", kernel.name),
    }
}
