//! Outer products of blocks.

use candle_core::{Result, Tensor, bail};

use kernels::{Grid, Kernel, Made, Module, Scalar, launch};

use super::{THREADS, named, one as launch_one, serves, step, values_at_once};
use crate::ops::Step;

/// Warps of a block, and the widest block of the gradient's kernel.
const WARPS: usize = 8;
const WIDEST: usize = 256;

/// As [`crate::ops::outer`].
pub fn outer(one: &Tensor, other: &Tensor, block: usize) -> Result<Option<Step>> {
    let fits = serves(one) && one.rank() == 2 && one.dims() == other.dims() && one.dtype() == other.dtype();
    if !fits || one.elem_count() == 0 || block > WIDEST || u32::try_from(one.elem_count()).is_err() {
        return Ok(None);
    }
    let (one, other) = (one.detach().contiguous()?, other.detach().contiguous()?);
    let made = forward(&one, &other, block)?;
    Ok(Some(step(made, move |_: &Tensor, grad: &Tensor| backward([&one, &other, grad], block))))
}

fn forward(one: &Tensor, other: &Tensor, block: usize) -> Result<Made> {
    let (rows, width) = one.dims2()?;
    let at_once = values_at_once(&[other], block)?;
    let name = format!("{}_{at_once}", named("outer", one)?);
    let threads = rows * width * (block / at_once);
    let scalars = [rows * width, block].map(|count| Scalar::U32(count as u32));
    let kernel = Kernel { module: Module::Outer, name: &name };
    let output = (one.dtype(), (rows, width * block).into());
    launch_one(kernel, Grid::row(threads.div_ceil(THREADS as usize), THREADS), &[one, other], output, &scalars)
}

fn backward(inputs: [&Tensor; 3], block: usize) -> Result<Vec<Tensor>> {
    let one = inputs[0];
    let name = named("outer_backward", one)?;
    let shared = (WARPS * block * size_of::<f32>()) as u32;
    let grid = Grid { shared, ..Grid::row(one.elem_count() / block, 32 * WARPS as u32) };
    let like = (one.dtype(), one.shape().clone());
    let kernel = Kernel { module: Module::Outer, name: &name };
    let made = launch(kernel, grid, &inputs, &[like.clone(), like], &[Scalar::U32(block as u32)])?;
    let Ok([of_one, of_other]) = <[Made; 2]>::try_from(made) else { bail!("kernel `{name}`: expected two results") };
    Ok(vec![of_one.tensor(), of_other.tensor()])
}
