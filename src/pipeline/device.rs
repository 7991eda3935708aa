//! Where stages compute.

use std::fmt;
use std::str::FromStr;

use anyhow::bail;

/// What is asked for: `auto`, `cpu` or `cuda:N`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that is there.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device, by number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| "expected `auto`, `cpu` or `cuda:N`".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceChoice {
    /// What the manifest says of the device that was chosen.
    ///
    /// # Errors
    /// Where it is none that this build computes on.
    pub fn chosen(self) -> anyhow::Result<String> {
        if let Self::Cuda(_) = self {
            bail!("device: expected `cpu` or `auto`, which are all that this build computes on, got `{self}`");
        }
        Ok(format!("cpu, {} threads", rayon::current_num_threads()))
    }
}
