//! Opening a device.

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{Device, Result, bail};

/// The CUDA device of this number, with one stream that all threads share, and a pool that keeps what it has.
///
/// candle's own way gives each thread its stream, so that one thread may read what another's has not yet written. And
/// by default the driver gives a pool's free memory back whenever the host waits for the device, which it does once a
/// batch: to get it again costs more than the batch.
///
/// # Errors
/// Where the driver refuses.
#[expect(unsafe_code, reason = "the driver's interface")]
pub fn open(number: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(number)?;
    let Device::Cuda(cuda) = &device else { bail!("device {number}: expected a CUDA device") };
    let context = cuda.cuda_stream().context().clone();
    // SAFETY: there is one stream, so what is used is used in the order in which it was asked for.
    unsafe { context.disable_event_tracking() };
    if context.has_async_alloc() {
        let all = u64::MAX;
        let of_value = std::ptr::from_ref(&all).cast_mut().cast();
        // SAFETY: the pool is the device's own, and the value one of 64 bits, as this attribute's is.
        unsafe {
            let pool = result::device::get_default_mem_pool(context.cu_device()).w()?;
            let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
            sys::cuMemPoolSetAttribute(pool, attribute, of_value).result().w()?;
        }
    }
    Ok(device)
}
