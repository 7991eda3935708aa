//! Operations of an encoder with gradients: fused on the CPU in f32, kernels of our own on a CUDA device (`card`; built
//! without the feature `cuda`, `no_card.rs`, where none serves), composed of candle's elsewhere.
//!
//! A kernel's result and its way back are a step (`step.rs`): one node of candle's graph, or part of a larger one.
//!
//! candle's own fused operations pass no gradient on, and its composed ones are slow; hence these. Each keeps little but
//! its arguments for the backward pass and computes the rest anew. Sums run in a fixed order, so a result does not depend
//! on the number of threads.

mod activation;
mod attention;
#[cfg(feature = "cuda")]
mod card;
#[cfg(not(feature = "cuda"))]
#[path = "no_card.rs"]
mod card;
mod dropout;
mod gather;
mod matmul;
mod mix;
mod norm;
pub mod numeric;
mod outer;
mod softmax;
mod step;

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, DType, Layout, Result, Storage, Tensor, bail};
use rayon::prelude::*;

pub use activation::{add_bias, gelu, gelu_step, relu};
pub use attention::{Sequences, attend, attend_step, attention_of_padded, attention_of_rows};
pub use dropout::{Drop, Mode, dropout};
pub use gather::{NO_ROW, Places, gather};
pub use matmul::matmul;
pub use mix::mix;
pub use norm::{normalize, normalize_step};
pub use outer::outer;
pub use softmax::softmax;
pub use softmax::{Softmax, SoftmaxBackward};
pub use step::{Backward, Out, Step};

/// Rows that one task takes: the unit of order for sums over rows.
pub const ROWS_AT_ONCE: usize = 32;

/// Whether the CPU's fused operations serve a tensor.
pub fn is_fused(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// The values of a contiguous operand.
pub fn values<'s>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets().and_then(|(start, end)| all.get(start..end)) {
        Some(values) => Ok(values),
        None => bail!("fused operation: expected a contiguous tensor, got strides {:?}", layout.stride()),
    }
}

/// The values of a contiguous operand, to be changed in place.
pub fn values_mut<'s>(storage: &'s mut CpuStorage, layout: &Layout) -> Result<&'s mut [f32]> {
    let CpuStorage::F32(all) = storage else { bail!("fused operation: expected f32 values") };
    match layout.contiguous_offsets().and_then(|(start, end)| all.get_mut(start..end)) {
        Some(values) => Ok(values),
        None => bail!("fused operation: expected a contiguous tensor, got strides {:?}", layout.stride()),
    }
}

/// A tensor whose values are read where they lie: the guard over its storage, and its layout.
pub struct Operand<'t, G> {
    storage: G,
    layout: &'t Layout,
}

/// The tensor as an operand.
pub fn operand(tensor: &Tensor) -> Operand<'_, impl Deref<Target = Storage>> {
    let (storage, layout) = tensor.storage_and_layout();
    Operand { storage, layout }
}

impl<G: Deref<Target = Storage>> Operand<'_, G> {
    /// Its values.
    ///
    /// # Errors
    /// Where they do not lie in main memory, one after another.
    pub fn values(&self) -> Result<&[f32]> {
        match &*self.storage {
            Storage::Cpu(storage) => values(storage, self.layout),
            _ => bail!("fused operation: expected a tensor in main memory"),
        }
    }
}

/// Values that are there: where they are not, whoever asks is wrong, which a debug build tells.
#[inline]
pub fn stretch(values: &[f32], range: Range<usize>) -> &[f32] {
    debug_assert!(range.start <= range.end && range.end <= values.len(), "values {range:?} of {}", values.len());
    values.get(range).unwrap_or_default()
}

/// Some columns of rows: `(rows, count)`.
pub fn columns(rows: &[f32], row_width: usize, first: usize, count: usize) -> Vec<f32> {
    let mut block = Vec::with_capacity(rows.len() / row_width.max(1) * count);
    for row in rows.chunks_exact(row_width.max(1)) {
        block.extend_from_slice(stretch(row, first..first + count));
    }
    block
}

/// Writes `(rows, count)` into columns of wider rows.
pub fn place(block: &[f32], into: &mut [f32], row_width: usize, first_row: usize, (first, count): (usize, usize)) {
    let rows = into.chunks_exact_mut(row_width.max(1)).skip(first_row);
    for (row, values) in rows.zip(block.chunks_exact(count.max(1))) {
        if let Some(columns) = row.get_mut(first..first + count) {
            columns.copy_from_slice(values);
        }
    }
}

/// Sums over each column of rows of a given width, in parallel and always in the same order: `(rows, width) → width`.
pub fn column_sums(values: &[f32], width: usize) -> Vec<f32> {
    let partial = values.par_chunks(ROWS_AT_ONCE * width.max(1)).map(|rows| {
        let mut sums = vec![0.0; width];
        numeric::in_vectors(|| rows.chunks_exact(width.max(1)).for_each(|row| add_to(&mut sums, row)));
        sums
    });
    add_up(partial.collect(), width)
}

/// Adds vectors up in their order.
pub fn add_up(parts: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    parts.iter().for_each(|part| add_to(&mut sums, part));
    sums
}

/// Adds values to sums, one by one.
#[inline]
pub fn add_to(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
