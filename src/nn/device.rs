//! Where to compute, and how precisely.
//!
//! On the CPU the models' operations are fused and batches are computed side by side. On a CUDA device operations are
//! put together from the tensor library's, and one batch at a time has the device to itself.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, DeviceLocation};
use rayon::ThreadPoolBuildError;

use ground::choice;
use ground::workers::Workers;

/// A device that is asked for: `auto`, `cpu` or `cuda:N`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device where there is one and docre is built for it, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of this number, from 0.
    Cuda(usize),
}

/// The type in which matrix products are computed. Variables, softmax, norms, losses and the optimizer are in f32 always.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the range of 32, on CUDA devices alone.
    Bf16,
}

choice!(Precision, "precision", { F32 => "f32", Bf16 => "bf16" });

/// A device that is open.
#[derive(Debug, Clone)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// The type of matrix products.
    pub precision: Precision,
}

/// A device that cannot be used as asked.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The program does not know CUDA.
    #[error(
        "device `{0}`: this docre is built for the CPU alone\nhint: build it with `cargo build --release --features cuda`, or pass `--device cpu`"
    )]
    NotBuilt(DeviceChoice),
    /// The driver refuses.
    #[error("device `{choice}`")]
    Refused {
        /// The device.
        choice: DeviceChoice,
        /// The driver's answer.
        source: candle_core::Error,
    },
    /// The CPU computes in f32 only.
    #[error("precision `bf16`: expected a CUDA device, got the CPU")]
    Precision,
}

impl DeviceChoice {
    /// Opens the device. Without a precision, CUDA devices compute in bf16 and the CPU in f32.
    ///
    /// # Errors
    /// Where there is no such device, or it does not know the precision.
    pub fn open(self, precision: Option<Precision>) -> Result<Compute, DeviceError> {
        let device = match self {
            Self::Cpu => Device::Cpu,
            Self::Cuda(number) => self.cuda(number)?,
            Self::Auto => self.cuda(0).unwrap_or(Device::Cpu),
        };
        match (device.is_cpu(), precision) {
            (true, Some(Precision::Bf16)) => Err(DeviceError::Precision),
            (true, _) => Ok(Compute { device, precision: Precision::F32 }),
            (false, precision) => Ok(Compute { device, precision: precision.unwrap_or(Precision::Bf16) }),
        }
    }

    fn cuda(self, number: usize) -> Result<Device, DeviceError> {
        if !candle_core::utils::cuda_is_available() {
            return Err(DeviceError::NotBuilt(self));
        }
        Device::new_cuda(number).map_err(|source| DeviceError::Refused { choice: self, source })
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("cuda:").map(str::parse);
        match (text, number) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(number))) => Ok(Self::Cuda(number)),
            _ => Err("expected `auto`, `cpu` or `cuda:N`".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => formatter.write_str("auto"),
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
        }
    }
}

impl Precision {
    /// The tensors' type.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl Compute {
    /// Who computes batches: all threads side by side, or this thread alone, which keeps a CUDA device busy.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn workers(&self) -> Result<Workers, ThreadPoolBuildError> {
        if self.device.is_cpu() { Workers::new() } else { Ok(Workers::alone()) }
    }
}

impl fmt::Display for Compute {
    /// Such as `cuda:0, bf16`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device.location() {
            DeviceLocation::Cuda { gpu_id } => write!(formatter, "cuda:{gpu_id}, {}", self.precision),
            _ => write!(formatter, "cpu, {}", self.precision),
        }
    }
}
