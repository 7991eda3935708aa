//! How long a query may take, and how much memory.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use ground::settings::Settings;
use serde::{Deserialize, Serialize};

/// The longest time that can be asked for, in seconds: a year.
const LONGEST: f64 = 366.0 * 86_400.0;

/// The settings of a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds after which it is given up; absent: none.
    pub timeout: Option<f64>,
    /// How much memory it may take; absent: three quarters of what is free when it starts.
    pub memory: Option<Memory>,
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        match self.timeout {
            Some(seconds) if !(seconds > 0.0 && seconds <= LONGEST) => {
                Err(format!("`timeout`: expected more than 0 seconds and at most {LONGEST}, got {seconds}"))
            }
            _ => Ok(()),
        }
    }
}

impl Options {
    pub(crate) fn time(&self) -> Option<Duration> {
        self.timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// Bytes, where they can be told.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.memory.map(|memory| memory.0).or_else(|| free_memory().map(|free| free / 4 * 3))
    }
}

/// Bytes of memory, such as `500MB`, `2GB` or `1.5GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Memory(u64);

/// Units, the longest name of one ending first.
const UNITS: [(&str, f64); 8] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
];

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("expected a size of memory, such as `500MB` or `2GiB`, got `{text}`");
        let ends = |unit: &str| text.len() > unit.len() && text.to_ascii_lowercase().ends_with(&unit.to_lowercase());
        let (unit, bytes) = UNITS.into_iter().find(|(unit, _)| ends(unit)).ok_or_else(fault)?;
        let number: f64 = text[..text.len() - unit.len()].trim_end().parse().map_err(|_| fault())?;
        let bytes = number * bytes;
        if (1.0..1e18).contains(&bytes) { Ok(Self(bytes as u64)) } else { Err(fault()) }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .into_iter()
            .filter(|(_, bytes)| self.0.is_multiple_of(*bytes as u64))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match whole {
            Some((unit, bytes)) => write!(formatter, "{}{unit}", self.0 / bytes as u64),
            None => write!(formatter, "{}KB", self.0 as f64 / 1e3),
        }
    }
}

impl TryFrom<String> for Memory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

/// Bytes that are free: of the machine, or of the group of processes that this one is limited with.
fn free_memory() -> Option<u64> {
    let machine = kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(free_in_group().map_or(machine, |group| group.min(machine)))
}

/// What the group's limit leaves; `None` where it has none.
fn free_in_group() -> Option<u64> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let (limit, folder, taken) =
        number("/sys/fs/cgroup/memory.max").map(|limit| (limit, "/sys/fs/cgroup", "anon ")).or_else(|| {
            let limit = number("/sys/fs/cgroup/memory/memory.limit_in_bytes")?;
            Some((limit, "/sys/fs/cgroup/memory", "total_rss "))
        })?;
    let told = fs::read_to_string(format!("{folder}/memory.stat")).ok()?;
    let taken = told.lines().find_map(|line| line.strip_prefix(taken)?.trim().parse::<u64>().ok())?;
    Some(limit.saturating_sub(taken))
}

/// Bytes of memory that this process has for itself; `None` where the system does not tell.
pub(crate) fn taken() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "RssAnon:")
}

/// The bytes of a line such as `RssAnon:  148 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes, again) in [
            ("500MB", 500_000_000, "500MB"),
            ("2 gib", 2 << 30, "2GiB"),
            ("1.5GB", 1_500_000_000, "1500MB"),
            ("0.0005KiB", 0, ""),
        ] {
            let read: Result<Memory, String> = text.parse();
            if again.is_empty() {
                assert!(read.is_err(), "{text}");
                continue;
            }
            let read = read.unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (bytes, again), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
        for wrong in ["", "MB", "5", "-1GB", "nanGB", "infGB", "1e30TB", "1 GBit", "£GB"] {
            assert!(wrong.parse::<Memory>().is_err(), "{wrong}");
        }
    }
}
