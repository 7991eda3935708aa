//! Rows by their places.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::card;
use crate::Span;

/// In a list of places: no row, but zeros.
pub const NO_ROW: u32 = u32::MAX;

/// Places of rows, known on the CPU and sent to the device once, however often rows are taken by them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places {
    ids: Arc<[u32]>,
    /// The same, `(places)`.
    on_device: Tensor,
}

impl Places {
    /// These places; [`NO_ROW`] is one that holds no row.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn new(ids: impl Into<Arc<[u32]>>, device: &Device) -> Result<Self> {
        let ids = ids.into();
        Ok(Self { on_device: Tensor::from_slice(&ids, ids.len(), device)?, ids })
    }

    /// The rows of sequences, each padded to a length: `(sequences·length)`.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn padded<'s>(spans: impl IntoIterator<Item = &'s Span>, length: usize, device: &Device) -> Result<Self> {
        let place = |span: &Span, place| if place < span.len { (span.start + place) as u32 } else { NO_ROW };
        let places = spans.into_iter().flat_map(|span| (0..length).map(move |row| place(span, row)));
        Self::new(places.collect::<Vec<u32>>(), device)
    }

    /// The way back: where sequences of these lengths lie once they are padded.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn unpadded(lengths: impl IntoIterator<Item = usize>, length: usize, device: &Device) -> Result<Self> {
        let starts = (0..).step_by(length.max(1));
        let places = starts.zip(lengths).flat_map(|(start, rows)| (start..start + rows).map(|place| place as u32));
        Self::new(places.collect::<Vec<u32>>(), device)
    }

    /// The places.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The same as a tensor of `(places)` on the device.
    pub fn on_device(&self) -> &Tensor {
        &self.on_device
    }

    /// Whether there are enough rows.
    #[cfg(feature = "cuda")]
    pub(super) fn check(&self, n_rows: usize) -> Result<()> {
        match self.ids.iter().find(|&&id| id != NO_ROW && id as usize >= n_rows) {
            Some(id) => candle_core::bail!("rows by their places: expected less than {n_rows}, got {id}"),
            None => Ok(()),
        }
    }

    /// For each of so many rows, where it was taken to: the places `sources[offsets[row]..offsets[row + 1]]`, in order.
    #[cfg(feature = "cuda")]
    pub(super) fn inverse(&self, n_rows: usize) -> Result<[Tensor; 2]> {
        let there = || (0u32..).zip(&*self.ids).filter(|&(_, &id)| id != NO_ROW);
        let mut offsets = vec![0u32; n_rows + 1];
        there().for_each(|(_, &id)| offsets[id as usize + 1] += 1);
        for row in 0..n_rows {
            offsets[row + 1] += offsets[row];
        }
        let (mut next, mut sources) = (offsets.clone(), vec![0u32; self.ids.len()]);
        for (place, &id) in there() {
            sources[next[id as usize] as usize] = place;
            next[id as usize] += 1;
        }
        let device = self.on_device.device();
        Ok([Tensor::new(offsets, device)?, Tensor::new(sources, device)?])
    }
}

/// The rows of `(rows, width)` in these places, `(places, width)`; zeros for [`NO_ROW`].
///
/// # Errors
/// Where a place is out of range.
pub fn gather(x: &Tensor, places: &Places) -> Result<Tensor> {
    if let Some(step) = card::gathered(x, places)? {
        return step.recorded(&[x]);
    }
    x.contiguous()?.index_select(&places.on_device, 0)
}
