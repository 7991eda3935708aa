//! The CUDA devices of a machine, and what its CPU computes with.

use std::fs;

use candle_core::Device;

use super::{DeviceChoice, DeviceError};

/// A CUDA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What its maker calls it.
    pub name: String,
    /// Its memory in bytes.
    pub memory: u64,
    /// Its compute capability: major, minor.
    pub capability: (i32, i32),
}

/// Every CUDA device, in the order of their numbers, or why it cannot be used.
///
/// # Errors
/// Where the program does not know CUDA, or the driver finds no device.
pub fn cards() -> Result<Vec<Result<Card, DeviceError>>, DeviceError> {
    let refused = |choice: DeviceChoice| move |source| DeviceError::Refused { choice, source };
    if !candle_core::utils::cuda_is_available() {
        return Err(DeviceError::NotBuilt(DeviceChoice::Auto));
    }
    let count = machine::count().map_err(refused(DeviceChoice::Auto))?;
    Ok((0..count).map(|number| machine::card(number).map_err(refused(DeviceChoice::Cuda(number)))).collect())
}

/// An open CUDA device.
pub(super) fn known(device: &Device) -> candle_core::Result<Card> {
    machine::known(device)
}

#[cfg(feature = "cuda")]
mod machine {
    use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};
    use candle_core::cuda_backend::{CudaError, WrapErr};
    use candle_core::{Device, Result};

    use super::Card;

    pub fn count() -> Result<usize> {
        let count = CudaContext::device_count().w()?;
        if count <= 0 { Err(CudaError::InternalError("the driver has no device").into()) } else { Ok(count as usize) }
    }

    pub fn card(number: usize) -> Result<Card> {
        let context = CudaContext::new(number).w()?;
        read(&context).w()
    }

    fn read(context: &CudaContext) -> std::result::Result<Card, DriverError> {
        let (name, capability) = (context.name()?, context.compute_capability()?);
        Ok(Card { name, memory: context.total_mem()? as u64, capability })
    }

    pub fn known(device: &Device) -> Result<Card> {
        read(device.as_cuda_device()?.cuda_stream().context()).w()
    }
}

#[cfg(not(feature = "cuda"))]
mod machine {
    use candle_core::{Device, Error, Result};

    use super::Card;

    pub fn count() -> Result<usize> {
        Err(Error::NotCompiledWithCudaSupport)
    }

    pub fn card(_: usize) -> Result<Card> {
        Err(Error::NotCompiledWithCudaSupport)
    }

    pub fn known(_: &Device) -> Result<Card> {
        Err(Error::NotCompiledWithCudaSupport)
    }
}

/// The version of NVIDIA's driver, where the system tells.
pub fn driver() -> Option<String> {
    // Without a driver there is no such file.
    version(&fs::read_to_string("/proc/driver/nvidia/version").ok()?)
}

/// The first number with dots in what the driver's file says.
fn version(told: &str) -> Option<String> {
    let is_version = |word: &&str| word.contains('.') && word.chars().all(|one| one.is_ascii_digit() || one == '.');
    told.split_whitespace().find(is_version).map(str::to_owned)
}

/// The widest vectors of the CPU that matrices are multiplied with.
pub fn vectors() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        if pulp::x86::V4::is_available() {
            return Some("AVX-512");
        }
        if pulp::x86::V3::is_available() {
            return Some("AVX2");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_drivers_version_is_found() {
        for told in [
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03  Tue Jun  6 22:20:39 UTC 2023\nGCC version:  gcc 12.3.0",
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  535.54.03  Release Build  (root@host)",
        ] {
            assert_eq!(version(told).as_deref(), Some("535.54.03"));
        }
        assert_eq!(version("NVRM version: none"), None);
    }
}
