//! Rows that were gathered, and softmax.

use candle_core::{Result, Tensor, bail};

use kernels::{Grid, Kernel, Made, Module, Scalar};

use super::{THREADS, named, one, serves, step};
use crate::ops::{Places, Step};

/// Threads of a block of softmax, a warp a row.
const WARPS: usize = 8;

/// The rows of `(rows, width)` in these places, `(places, width)`; the gradient is summed in a fixed order.
pub fn gathered(x: &Tensor, places: &Places) -> Result<Option<Step>> {
    if !serves(x) || x.rank() != 2 || x.elem_count() == 0 || places.ids().is_empty() {
        return Ok(None);
    }
    let (x, places) = (x.detach().contiguous()?, places.clone());
    let n_rows = x.dim(0)?;
    places.check(n_rows)?;
    let made = of_rows("gather", &[&x, places.on_device()], places.ids().len())?;
    let backward = move |_: &Tensor, grad: &Tensor| {
        let [offsets, sources] = places.inverse(n_rows)?;
        Ok(vec![of_rows("sum_of_rows", &[grad, &offsets, &sources], n_rows)?.tensor()])
    };
    Ok(Some(step(made, backward)))
}

/// A kernel that makes so many rows, a block each, of those of its first input.
fn of_rows(name: &str, inputs: &[&Tensor], rows: usize) -> Result<Made> {
    let Some(x) = inputs.first() else { bail!("kernel `{name}`: expected an input") };
    let width = x.dim(1)?;
    let name = named(name, x)?;
    let threads = (width.div_ceil(32) * 32).clamp(32, THREADS as usize) as u32;
    let output = (x.dtype(), (rows, width).into());
    let kernel = Kernel { module: Module::Rows, name: &name };
    one(kernel, Grid::row(rows, threads), inputs, output, &[Scalar::U32(width as u32)])
}

/// `softmax(x)` over the last dimension.
pub fn soft(x: &Tensor) -> Result<Option<Step>> {
    if !serves(x) || x.elem_count() == 0 {
        return Ok(None);
    }
    let made = run("softmax", &[&x.detach().contiguous()?])?;
    let backward = |shares: &Tensor, grad: &Tensor| Ok(vec![run("softmax_backward", &[shares, grad])?.tensor()]);
    Ok(Some(step(made, backward)))
}

fn run(name: &str, inputs: &[&Tensor]) -> Result<Made> {
    let Some(x) = inputs.first() else { bail!("kernel `{name}`: expected an input") };
    let width = x.dims().last().copied().unwrap_or(1);
    let rows = x.elem_count() / width.max(1);
    let name = named(name, x)?;
    let grid = Grid::row(rows.div_ceil(WARPS), 32 * WARPS as u32);
    let scalars = [Scalar::U32(rows as u32), Scalar::U32(width as u32)];
    one(Kernel { module: Module::Rows, name: &name }, grid, inputs, (x.dtype(), x.shape().clone()), &scalars)
}
