//! Bias, dropout, residual and layer norm.

use candle_core::{DType, Result, Tensor, bail};

use kernels::{Grid, Kernel, Made, Module, Scalar, address, launch};

use super::{aligned, column_sums, mask, named, one, rows_of_tile, serves, step};
use crate::ops::{Drop, Step};

/// Rows of a block at a time, a warp each.
const WARPS: usize = 4;
/// Pairs of columns that a lane holds, by kernel.
const PAIRS: [usize; 6] = [2, 4, 6, 8, 12, 16];

/// `LN(dropout(x + bias) + residual)·weight + shift`; `affine` is bias, weight, shift, in f32, whose gradients are one,
/// `(3, width)`.
pub fn normalized(
    x: &Tensor,
    residual: &Tensor,
    affine: [&Tensor; 3],
    epsilon: f64,
    drop: Option<Drop>,
) -> Result<Option<Step>> {
    if !serves(x) || x.rank() != 2 || residual.dtype() != x.dtype() || x.elem_count() == 0 {
        return Ok(None);
    }
    let (x, residual) = (x.detach().contiguous()?, residual.detach().contiguous()?);
    let width = x.dim(1)?;
    let Some(pairs) = PAIRS.into_iter().find(|pairs| 64 * pairs >= width && width.is_multiple_of(2)) else {
        return Ok(None);
    };
    for tensor in [&x, &residual] {
        if !address(tensor)?.is_multiple_of(2 * x.dtype().size_in_bytes() as u64) {
            return Ok(None);
        }
    }
    if affine.iter().any(|part| part.dtype() != DType::F32) {
        return Ok(None);
    }
    if residual.dims() != x.dims() || affine.iter().any(|part| part.dims() != [width]) {
        bail!("layer norm: expected shapes {:?} and ({width}), got {:?}", x.shape(), residual.shape());
    }
    let norm = Norm { x, residual, parts: affine.map(Tensor::detach), epsilon, drop, pairs };
    Ok(Some(step(norm.forward()?, move |_: &Tensor, grad: &Tensor| norm.backward(&aligned(grad)?))))
}

struct Norm {
    x: Tensor,
    residual: Tensor,
    /// Bias, weight and shift.
    parts: [Tensor; 3],
    epsilon: f64,
    drop: Option<Drop>,
    pairs: usize,
}

impl Norm {
    fn name(&self, direction: &str) -> Result<String> {
        Ok(format!("{}_{}", named(&format!("norm{direction}"), &self.x)?, self.pairs))
    }

    fn scalars(&self) -> Result<[Scalar; 6]> {
        let (rows, width) = self.x.dims2()?;
        let [seed, least, scale] = mask(self.drop);
        let epsilon = Scalar::F32(self.epsilon as f32);
        Ok([Scalar::U32(rows as u32), Scalar::U32(width as u32), epsilon, seed, least, scale])
    }

    fn forward(&self) -> Result<Made> {
        let ([bias, weight, shift], name) = (&self.parts, self.name("")?);
        let grid = Grid::row(self.x.dim(0)?.div_ceil(WARPS), 32 * WARPS as u32);
        let inputs = [&self.x, &self.residual, bias, weight, shift];
        let output = (self.x.dtype(), self.x.shape().clone());
        one(Kernel { module: Module::Norm, name: &name }, grid, &inputs, output, &self.scalars()?)
    }

    fn backward(&self, grad: &Tensor) -> Result<Vec<Tensor>> {
        let ([bias, weight, shift], name) = (&self.parts, self.name("_backward")?);
        let (rows, width) = self.x.dims2()?;
        // More blocks than sums over columns have: a block has a few warps only.
        let rows_of_block = rows_of_tile(rows).div_ceil(8).max(WARPS);
        let blocks = rows.div_ceil(rows_of_block);
        let inputs = [&self.x, &self.residual, grad, bias, weight, shift];
        let like = (self.x.dtype(), self.x.shape().clone());
        let outputs = [like.clone(), like, (DType::F32, (blocks, 3 * width).into())];
        let mut scalars = self.scalars()?.to_vec();
        scalars.push(Scalar::U32(rows_of_block as u32));
        let kernel = Kernel { module: Module::Norm, name: &name };
        let made = launch(kernel, Grid::row(blocks, 32 * WARPS as u32), &inputs, &outputs, &scalars)?;
        let Ok([of_x, of_residual, sums]) = <[Made; 3]>::try_from(made) else {
            bail!("kernel `{name}`: expected three results")
        };
        let of_affine = column_sums(&sums.tensor())?.reshape((3, width))?;
        Ok(vec![of_x.tensor(), of_residual.tensor(), of_affine])
    }
}
