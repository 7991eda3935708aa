//! Bias, activation, dropout.

use candle_core::{DType, Result, Tensor, bail};

use kernels::{Grid, Kernel, Made, Module, Scalar};

use super::{THREADS, column_sums, mask, named, one, serves, step, values_at_once};
use crate::ops::{Drop, Step};

/// `activation(x + bias)`: `(rows, width)` and `(width)` → `(rows, width)`; `name` is that of the activation's kernel.
pub fn biased(x: &Tensor, bias: &Tensor, name: &'static str) -> Result<Option<Step>> {
    let fits = x.rank() == 2 && x.elem_count() > 0 && u32::try_from(x.elem_count()).is_ok();
    if !fits || !serves(x) || !serves(bias) {
        return Ok(None);
    }
    if bias.dims() != [x.dim(1)?] {
        bail!("bias: expected {} numbers, got shape {:?}", x.dim(1)?, bias.shape());
    }
    let (x, of_type) = (x.detach().contiguous()?, bias.dtype());
    let bias = bias.detach().to_dtype(DType::F32)?.contiguous()?;
    let made = run(&[&x, &bias], name, "")?;
    let backward = move |_: &Tensor, grad: &Tensor| {
        let slope =
            if name == "straight" { grad.clone() } else { run(&[&x, &bias, grad], name, "_backward")?.tensor() };
        let of_bias = column_sums(&slope)?.to_dtype(of_type)?;
        Ok(vec![slope, of_bias])
    };
    Ok(Some(step(made, backward)))
}

/// The kernel of an activation or of its gradient, over x, bias, and where there is one the result's gradient.
fn run(inputs: &[&Tensor], name: &str, direction: &str) -> Result<Made> {
    let [x, bias, ..] = inputs else { bail!("kernel `bias_{name}`: expected two inputs") };
    let (count, width) = (x.elem_count(), bias.elem_count());
    let large: Vec<&Tensor> = inputs.iter().copied().filter(|input| input.rank() == 2).collect();
    let at_once = values_at_once(&large, width)?;
    let name = format!("{}_{at_once}", named(&format!("bias_{name}{direction}"), x)?);
    let grid = Grid::row(count.div_ceil(at_once * THREADS as usize), THREADS);
    let scalars = [Scalar::U64(count as u64), Scalar::U32(width as u32)];
    one(Kernel { module: Module::Elements, name: &name }, grid, inputs, (x.dtype(), x.shape().clone()), &scalars)
}

/// Values that a block of dropout's kernel takes.
const DROPPED_AT_ONCE: usize = 1024;

/// Values dropped at random, the same as on the CPU.
pub fn dropped(x: &Tensor, drop: Drop) -> Result<Option<Step>> {
    if !serves(x) {
        return Ok(None);
    }
    let made = masked(&x.detach().contiguous()?, drop)?;
    Ok(Some(step(made, move |_: &Tensor, grad: &Tensor| Ok(vec![masked(grad, drop)?.tensor()]))))
}

fn masked(x: &Tensor, drop: Drop) -> Result<Made> {
    let name = named("drop", x)?;
    let count = x.elem_count();
    let grid = Grid::row(count.div_ceil(DROPPED_AT_ONCE), THREADS);
    let [seed, least, scale] = mask(Some(drop));
    let scalars = [Scalar::U64(count as u64), seed, least, scale];
    one(Kernel { module: Module::Elements, name: &name }, grid, &[x], (x.dtype(), x.shape().clone()), &scalars)
}
