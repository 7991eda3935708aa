//! Where to compute, and how precisely.
//!
//! On the CPU the models' operations are fused and batches are computed side by side. On a CUDA device they are
//! kernels of our own or put together from the tensor library's, and one batch at a time has the device to itself.

mod cards;
mod failure;

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, DeviceLocation};
use rayon::ThreadPoolBuildError;

use ground::choice;
use ground::hint::{Hint, Words};
use ground::observe::Event;
use ground::workers::Workers;

pub use cards::{Card, cards, driver, vectors};
pub use failure::{FOR_ANOTHER_CARD, Failure, answer};

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
    why: Why,
}

/// Why a device was taken, and which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// The CPU, which was asked for.
    Asked,
    /// The CPU: the program knows no other.
    NotBuilt,
    /// The CPU, though the program knows CUDA: what is wrong.
    NoCard(String),
    /// A CUDA device of this name.
    Card(String),
}

/// A device that cannot be used as asked.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The program does not know CUDA.
    #[error("device `{0}`: this docre is built for the CPU alone")]
    NotBuilt(DeviceChoice),
    /// The driver refuses.
    #[error("device `{choice}`")]
    Refused {
        /// The device.
        choice: DeviceChoice,
        /// The driver's answer.
        source: candle_core::Error,
    },
    /// The device lacks what the kernels are made of.
    #[error("device `{choice}`: expected a compute capability of 8.0 or more, got {}.{} ({name})", capability.0, capability.1)]
    TooOld {
        /// The device.
        choice: DeviceChoice,
        /// What its maker calls it.
        name: String,
        /// Major, minor.
        capability: (i32, i32),
    },
    /// The CPU computes in f32 only.
    #[error("precision `bf16`: expected a CUDA device, got the CPU")]
    Precision,
}

impl Hint for DeviceError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::NotBuilt(_) => {
                Some("build it with `cargo build --release --features cuda`, or pass `--device cpu`".into())
            }
            Self::Refused { choice: DeviceChoice::Auto, .. } => {
                Some("there is a CUDA device, but it cannot be used; pass `--device cpu` to compute without it".into())
            }
            Self::Refused { source, .. } => Some(match Failure::of(source) {
                Some(Failure::Build) => FOR_ANOTHER_CARD.into(),
                _ => "`docre devices` lists what there is".into(),
            }),
            Self::TooOld { .. } => Some("pass `--device cpu`".into()),
            Self::Precision => None,
        }
    }
}

/// The first generation of devices that multiplies in bf16, which our kernels are compiled for.
const LEAST_CAPABILITY: (i32, i32) = (8, 0);
/// Threads that share a CUDA device.
const SCORERS: usize = 3;

/// What CUDA's driver answers where the machine has no device, or no driver: in `auto` the only reasons for the CPU.
const NO_DEVICE: [&str; 2] = ["CUDA_ERROR_NO_DEVICE", "CUDA_ERROR_STUB_LIBRARY"];

impl DeviceChoice {
    /// Opens the device. Without a precision, CUDA devices compute in bf16 and the CPU in f32.
    ///
    /// # Errors
    /// Where there is no such device, the driver refuses one that is there, or it does not know the precision.
    pub fn open(self, precision: Option<Precision>) -> Result<Compute, DeviceError> {
        let (device, why) = match self {
            Self::Cpu => (Device::Cpu, Why::Asked),
            Self::Cuda(number) => self.cuda(number)?,
            Self::Auto => first(self.cuda(0))?,
        };
        let precision = match (device.is_cpu(), precision) {
            (true, Some(Precision::Bf16)) => return Err(DeviceError::Precision),
            (true, _) => Precision::F32,
            (false, precision) => precision.unwrap_or(Precision::Bf16),
        };
        Ok(Compute { device, precision, why })
    }

    fn cuda(self, number: usize) -> Result<(Device, Why), DeviceError> {
        let opened = open_cuda(number).ok_or(DeviceError::NotBuilt(self))?;
        let known = opened.and_then(|device| Ok((cards::known(&device)?, device)));
        match known.map_err(|source| DeviceError::Refused { choice: self, source })? {
            (Card { name, capability, .. }, _) if capability < LEAST_CAPABILITY => {
                Err(DeviceError::TooOld { choice: self, name, capability })
            }
            (Card { name, .. }, device) => Ok((device, Why::Card(name))),
        }
    }
}

/// The CUDA device of a number; `None` where docre is built for the CPU alone.
#[cfg(feature = "cuda")]
#[expect(clippy::unnecessary_wraps, reason = "as where there is none")]
fn open_cuda(number: usize) -> Option<candle_core::Result<Device>> {
    Some(kernels::open(number))
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(_: usize) -> Option<candle_core::Result<Device>> {
    None
}

/// What `auto` takes, where the first CUDA device was asked for and this came of it. A device that is there but cannot
/// be opened is an error: on the CPU a run of hours would take days, and nobody would know why.
fn first(opened: Result<(Device, Why), DeviceError>) -> Result<(Device, Why), DeviceError> {
    match opened {
        Err(DeviceError::NotBuilt(_)) => Ok((Device::Cpu, Why::NotBuilt)),
        // The driver's code reaches us in the words of the error alone, whatever the features.
        Err(DeviceError::Refused { source, .. }) if NO_DEVICE.iter().any(|code| source.to_string().contains(code)) => {
            Ok((Device::Cpu, Why::NoCard(format!("no CUDA device: {}", answer(&source)))))
        }
        Err(error @ DeviceError::TooOld { .. }) => Ok((Device::Cpu, Why::NoCard(error.to_string()))),
        opened => opened,
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("cuda:").filter(|number| number.bytes().all(|one| one.is_ascii_digit()));
        // The driver counts in 31 bits.
        let number = digits.map(|number| number.parse::<u16>().map(usize::from));
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
    /// What is told of it: a line where it is no matter of course, a warning where a program for cards has found none, as
    /// what takes hours on a card takes days without.
    pub fn event(&self) -> Event {
        let told = format!("computing on {self}{}", self.aside());
        match self.why {
            Why::Card(_) => Event::Line(told),
            Why::NoCard(_) => Event::Warning(told),
            Why::Asked | Why::NotBuilt => Event::Detail(told),
        }
    }

    fn aside(&self) -> String {
        let threads =
            if self.device.is_cpu() { format!(", {} threads", rayon::current_num_threads()) } else { String::new() };
        self.why().map_or_else(|| threads.clone(), |why| format!("{threads} ({why})"))
    }

    /// The device by the name that asks for it.
    pub fn place(&self) -> DeviceChoice {
        match self.device.location() {
            DeviceLocation::Cuda { gpu_id } => DeviceChoice::Cuda(gpu_id),
            _ => DeviceChoice::Cpu,
        }
    }

    /// What the CUDA device is called, or why it is none where one could have been taken.
    pub fn why(&self) -> Option<String> {
        match &self.why {
            Why::Asked => None,
            Why::NotBuilt => Some("this docre is built for the CPU alone".to_owned()),
            Why::NoCard(why) => Some(why.clone()),
            Why::Card(name) => Some(name.clone()),
        }
    }

    /// Who trains on batches: all threads side by side, or this thread alone, which keeps a CUDA device busy.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn workers(&self) -> Result<Workers, ThreadPoolBuildError> {
        if self.device.is_cpu() { Workers::new() } else { Ok(Workers::alone()) }
    }

    /// Who scores batches: all threads side by side, or a few that share a CUDA device: while it computes for one, the
    /// others prepare theirs or read what it found.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn scorers(&self) -> Result<Workers, ThreadPoolBuildError> {
        if self.device.is_cpu() { Workers::new() } else { Workers::sharing(SCORERS) }
    }
}

impl fmt::Display for Compute {
    /// Such as `cuda:0, bf16`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}", self.place(), self.precision)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    fn refused(answer: &str) -> Result<(Device, Why), DeviceError> {
        Err(DeviceError::Refused { choice: DeviceChoice::Auto, source: candle_core::Error::Msg(answer.to_owned()) })
    }

    /// What `auto` makes of an answer, and what it tells.
    fn told(opened: Result<(Device, Why), DeviceError>) -> Event {
        let (device, why) = first(opened).unwrap();
        assert!(device.is_cpu());
        Compute { device, precision: Precision::F32, why }.event()
    }

    #[test]
    fn auto_takes_the_processor_only_where_there_is_no_card_and_says_why() {
        let computing = format!("computing on cpu, f32, {} threads", rayon::current_num_threads());
        let found = told(Err(DeviceError::NotBuilt(DeviceChoice::Auto)));
        assert_eq!(found, Event::Detail(format!("{computing} (this docre is built for the CPU alone)")));
        let none = [
            ("CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"),
            ("CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"),
        ];
        for (code, words) in none {
            let found = told(refused(&format!("DriverError({code}, \"{words}\")")));
            let expected = format!("{computing} (no CUDA device: {words}, {code})");
            // A run of hours would take days: it is told whether one wants to know all or not.
            assert_eq!(found, Event::Warning(expected));
        }
        for answer in ["CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "CUDA_ERROR_OUT_OF_MEMORY", "CUDA_ERROR_DEVICE_UNAVAILABLE"]
        {
            let error = first(refused(&format!("DriverError({answer}, \"…\")"))).map(drop);
            let hint = error.as_ref().err().and_then(Hint::hint);
            assert!(hint.is_some_and(|hint| hint.contains("pass `--device cpu`")), "{answer}: {error:?}");
        }
    }

    #[test]
    fn what_was_asked_for_is_told_without_a_reason_and_a_card_by_its_name() {
        let asked = DeviceChoice::Cpu.open(None).unwrap();
        let expected = format!("computing on cpu, f32, {} threads", rayon::current_num_threads());
        assert_eq!((asked.event(), asked.why()), (Event::Detail(expected), None));
        // No card is needed to see how one is told.
        let card = Compute { why: Why::Card("NVIDIA H100".to_owned()), ..asked };
        assert!(matches!(card.event(), Event::Line(line) if line.ends_with("(NVIDIA H100)")));
    }
}
