//! Bias, dropout, residual and layer norm, in one pass over the rows.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::numeric::{in_vectors, sum_of};
use super::step::composed;
use super::{Drop, ROWS_AT_ONCE, Step, add_to, add_up, card, dropout, is_fused, operand, values};

/// `LN(dropout(x + bias) + residual)·weight + shift`, the end of each half of an encoder's layer.
///
/// `x` and `residual` are `(rows, width)`, `bias`, `weight` and `shift` `(width)`; `epsilon` is added to the variance.
/// Whatever the type of `x`, this is computed in f32.
///
/// # Errors
/// Where the shapes do not fit.
pub fn normalize(
    x: &Tensor,
    residual: &Tensor,
    [bias, weight, shift]: [&Tensor; 3],
    epsilon: f64,
    drop: Option<Drop>,
) -> Result<Tensor> {
    if is_fused(x) {
        let affine = Tensor::stack(&[bias, weight, shift], 0)?;
        return x.contiguous()?.apply_op3(&residual.contiguous()?, &affine, Normalize { epsilon, drop });
    }
    if let Some(step) = card::normalized(x, residual, [bias, weight, shift], epsilon, drop)? {
        if ![x, residual, bias, weight, shift].into_iter().any(Tensor::track_op) {
            return Ok(step.out.tensor());
        }
        // A recorded step has three arguments at most.
        return step.recorded(&[x, residual, &Tensor::stack(&[bias, weight, shift], 0)?]);
    }
    let wide = |part: &Tensor| part.to_dtype(DType::F32);
    let sum = (dropout(&wide(x)?.broadcast_add(&wide(bias)?)?, drop)? + wide(residual)?)?;
    let centred = sum.broadcast_sub(&sum.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
    let norm = centred.broadcast_div(&deviation)?.broadcast_mul(&wide(weight)?)?;
    norm.broadcast_add(&wide(shift)?)?.to_dtype(x.dtype())
}

/// [`normalize`] as a step, whose way back leads to `x`, `residual` and `affine`: bias, weight and shift, `(3, width)` in
/// f32.
///
/// # Errors
/// Where the shapes do not fit.
pub fn normalize_step(
    x: &Tensor,
    residual: &Tensor,
    affine: &Tensor,
    epsilon: f64,
    drop: Option<Drop>,
) -> Result<Step> {
    let parts = |affine: &Tensor| Result::Ok([affine.get(0)?, affine.get(1)?, affine.get(2)?]);
    if let Some(step) = card::normalized(x, residual, parts(affine)?.each_ref(), epsilon, drop)? {
        return Ok(step);
    }
    let operation =
        |[x, residual, affine]: [&Tensor; 3]| normalize(x, residual, parts(affine)?.each_ref(), epsilon, drop);
    composed([x, residual, affine], operation)
}

#[derive(Clone, Copy)]
struct Normalize {
    epsilon: f64,
    drop: Option<Drop>,
}

/// Bias, weight and shift, each as wide as a row.
struct Affine<'a> {
    bias: &'a [f32],
    weight: &'a [f32],
    shift: &'a [f32],
}

impl<'a> Affine<'a> {
    fn of(values: &'a [f32], width: usize) -> Result<Self> {
        let mut thirds = values.chunks_exact(width.max(1));
        match (thirds.next(), thirds.next(), thirds.next()) {
            (Some(bias), Some(weight), Some(shift)) => Ok(Self { bias, weight, shift }),
            _ => bail!("layer norm: expected 3 x {width} parameters, got {}", values.len()),
        }
    }
}

/// Gradients of some rows.
struct RowGradients {
    x: Vec<f32>,
    residual: Vec<f32>,
    /// Bias, weight, shift: three times the width.
    affine: Vec<f32>,
}

impl Normalize {
    /// Writes the normalised sum (before weight and shift) of a row into `out`, and returns 1 / deviation.
    #[inline]
    fn row(&self, place: usize, x: &[f32], residual: &[f32], bias: &[f32], out: &mut [f32]) -> f32 {
        for ((out, x), bias) in out.iter_mut().zip(x).zip(bias) {
            *out = x + bias;
        }
        if let Some(drop) = self.drop {
            drop.part(place).apply(out);
        }
        add_to(out, residual);
        let width = out.len() as f32;
        let mean = sum_of(out, out, |value, _| value) / width;
        out.iter_mut().for_each(|value| *value -= mean);
        let variance = sum_of(out, out, |value, other| value * other) / width;
        let scale = 1.0 / (variance + self.epsilon as f32).sqrt();
        out.iter_mut().for_each(|value| *value *= scale);
        scale
    }

    /// With n the normalised row and g = grad∘weight: (g − mean(g) − n·mean(g∘n)) / deviation.
    #[inline]
    fn rows_backward(&self, first: usize, x: &[f32], residual: &[f32], affine: &Affine, grad: &[f32]) -> RowGradients {
        let width = affine.bias.len();
        let mut out = RowGradients { x: x.to_vec(), residual: vec![0.0; x.len()], affine: vec![0.0; 3 * width] };
        let (of_bias, rest) = out.affine.split_at_mut(width);
        let (of_weight, of_shift) = rest.split_at_mut(width);
        let mut norm = vec![0.0; width];
        let inputs = residual.chunks_exact(width).zip(grad.chunks_exact(width));
        let outputs = out.x.chunks_exact_mut(width).zip(out.residual.chunks_exact_mut(width));
        for ((place, (residual, grad)), (of_x, of_residual)) in (first..).zip(inputs).zip(outputs) {
            let scale = self.row(place, of_x, residual, affine.bias, &mut norm);
            for (((of_weight, of_residual), (grad, norm)), weight) in
                of_weight.iter_mut().zip(of_residual.iter_mut()).zip(grad.iter().zip(&norm)).zip(affine.weight)
            {
                *of_weight += grad * norm;
                *of_residual = grad * weight;
            }
            let mean = sum_of(of_residual, of_residual, |value, _| value) / width as f32;
            let along = sum_of(of_residual, &norm, |value, norm| value * norm) / width as f32;
            for (value, norm) in of_residual.iter_mut().zip(&norm) {
                *value = scale * (*value - mean - norm * along);
            }
            of_x.copy_from_slice(of_residual);
            if let Some(drop) = self.drop {
                drop.part(place).apply(of_x);
            }
            add_to(of_bias, of_x);
            add_to(of_shift, grad);
        }
        out
    }
}

impl CustomOp3 for Normalize {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
        affine: &CpuStorage,
        affine_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = x_layout.shape().dims2()?;
        let (x, residual) = (values(x, x_layout)?, values(residual, residual_layout)?);
        let affine = Affine::of(values(affine, affine_layout)?, width)?;
        let mut out = vec![0.0; x.len()];
        let inputs = x.par_chunks_exact(width).zip(residual.par_chunks_exact(width)).enumerate();
        out.par_chunks_exact_mut(width).zip(inputs).with_min_len(ROWS_AT_ONCE).for_each(
            |(out, (place, (x, residual)))| {
                in_vectors(|| {
                    self.row(place, x, residual, affine.bias, out);
                    for ((out, weight), shift) in out.iter_mut().zip(affine.weight).zip(affine.shift) {
                        *out = *out * weight + shift;
                    }
                });
            },
        );
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        residual: &Tensor,
        affine: &Tensor,
        _res: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (rows, width) = x.dims2()?;
        let grad = grad.contiguous()?;
        let operands = [x, residual, affine, &grad].map(operand);
        let [x_values, residual_values, affine_values, grad_values] = &operands;
        let affine_values = Affine::of(affine_values.values()?, width)?;
        let at_once = ROWS_AT_ONCE * width;
        let inputs = (x_values.values()?.par_chunks(at_once), residual_values.values()?.par_chunks(at_once));
        let parts: Vec<RowGradients> = inputs
            .into_par_iter()
            .zip(grad_values.values()?.par_chunks(at_once))
            .enumerate()
            .map(|(part, ((x, residual), grad))| {
                in_vectors(|| self.rows_backward(part * ROWS_AT_ONCE, x, residual, &affine_values, grad))
            })
            .collect();
        let (mut of_x, mut of_residual, mut of_affine) = (Vec::with_capacity(rows * width), Vec::new(), Vec::new());
        for part in parts {
            of_x.extend(part.x);
            of_residual.extend(part.residual);
            of_affine.push(part.affine);
        }
        let of_affine = add_up(of_affine, 3 * width);
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(of_x, (rows, width), device)?),
            Some(Tensor::from_vec(of_residual, (rows, width), device)?),
            Some(Tensor::from_vec(of_affine, (3, width), device)?),
        ))
    }
}
