//! Rows by their places.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

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

    /// The places.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The same as a tensor of `(places)` on the device.
    pub fn on_device(&self) -> &Tensor {
        &self.on_device
    }
}

/// The rows of `(rows, width)` in these places, `(places, width)`; zeros for [`NO_ROW`].
///
/// # Errors
/// Where a place is out of range.
pub fn gather(x: &Tensor, places: &Places) -> Result<Tensor> {
    x.contiguous()?.index_select(&places.on_device, 0)
}
