//! Rows that were gathered, and softmax.

use candle_core::{Result, Tensor};

use kernels::{Grid, Kernel, Made, Module, Scalar, recorded};

use super::{one, serves, suffix};

/// Threads of a block of softmax, a warp a row.
const WARPS: usize = 8;

/// Row r of the result is the sum of the rows of x that `sources[offsets[r]..offsets[r + 1]]` names: `(places, width)`
/// → `(rows, width)`.
pub fn summed(x: &Tensor, offsets: &Tensor, sources: &Tensor) -> Result<Option<Tensor>> {
    if !serves(x) {
        return Ok(None);
    }
    let (rows, width) = (offsets.elem_count().saturating_sub(1), x.dim(1)?);
    let name = format!("sum_of_rows_{}", suffix(x.dtype()).unwrap_or_default());
    let threads = (width.div_ceil(32) * 32).clamp(32, 256) as u32;
    let (kernel, grid) = (Kernel { module: Module::Rows, name: &name }, Grid::row(rows, threads));
    let output = (x.dtype(), (rows, width).into());
    one(kernel, grid, &[x, offsets, sources], output, &[Scalar::U32(width as u32)]).map(|made| Some(made.tensor()))
}

/// `softmax(x)` over the last dimension.
pub fn soft(x: &Tensor) -> Result<Option<Tensor>> {
    if !serves(x) || x.elem_count() == 0 {
        return Ok(None);
    }
    let x = x.contiguous()?;
    let made = run("softmax", &[&x.detach()])?;
    let gradients = |shares: &Tensor, grad: &Tensor| {
        Ok(vec![Some(run("softmax_backward", &[shares, grad])?.tensor())])
    };
    recorded(&[&x], made, Box::new(gradients)).map(Some)
}

fn run(name: &str, inputs: &[&Tensor]) -> Result<Made> {
    let Some(x) = inputs.first() else { candle_core::bail!("kernel `{name}`: expected an input") };
    let width = x.dims().last().copied().unwrap_or(1);
    let rows = x.elem_count() / width.max(1);
    let name = format!("{name}_{}", suffix(x.dtype()).unwrap_or_default());
    let grid = Grid::row(rows.div_ceil(WARPS), 32 * WARPS as u32);
    let scalars = [Scalar::U32(rows as u32), Scalar::U32(width as u32)];
    one(Kernel { module: Module::Rows, name: &name }, grid, inputs, (x.dtype(), x.shape().clone()), &scalars)
}
