//! `docre devices`: what there is to compute on → stdout.

use std::io::Write;

use clap::Args;
use docre::ground::excerpt::harmless;
use docre::nn::device::{self, Card, DeviceChoice, DeviceError, Precision};
use serde::Serialize;

use super::{Outcome, Shown, one_of, output};

/// List what models can be computed on, and which of it `auto` takes.
#[derive(Args)]
#[command(after_help = include_str!("help/devices.txt").trim_end())]
pub struct DevicesArgs {
    /// How it is written to stdout.
    #[arg(long, value_parser = one_of::<Shown>(), default_value_t = Shown::Text)]
    format: Shown,
}

/// What there is.
#[derive(Serialize)]
struct Found {
    devices: Vec<Listed>,
    /// Why no CUDA device is among them.
    no_cuda: Option<String>,
    driver: Option<String>,
    auto: Auto,
}

/// A device, by the name that `--device` takes.
#[derive(Serialize)]
struct Listed {
    device: String,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Kind {
    Cpu { threads: usize, vectors: Option<&'static str> },
    Cuda { name: String, memory: u64, compute_capability: String },
    Refused { error: String },
}

/// What `auto` takes.
#[derive(Serialize)]
struct Auto {
    device: Option<String>,
    precision: Option<Precision>,
    why: String,
}

/// Lists.
pub fn run(args: &DevicesArgs) -> anyhow::Result<Outcome> {
    let found = Found::look();
    let text = match args.format {
        Shown::Json => serde_json::to_string_pretty(&found)? + "\n",
        Shown::Text => found.lines().iter().map(|line| format!("{}\n", harmless(line))).collect(),
    };
    let mut stdout = output::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Outcome::Done)
}

impl Found {
    fn look() -> Self {
        let cpu = Kind::Cpu { threads: rayon::current_num_threads(), vectors: device::vectors() };
        let mut devices = vec![Listed { device: DeviceChoice::Cpu.to_string(), kind: cpu }];
        let no_cuda = match device::cards() {
            Ok(cards) => {
                devices.extend(cards.into_iter().enumerate().map(|(number, card)| Listed::card(number, card)));
                None
            }
            Err(DeviceError::NotBuilt(_)) => Some(
                "this docre is built for the CPU alone; `cargo build --release --features cuda` builds one for cards"
                    .to_owned(),
            ),
            Err(error) => Some(told(&error)),
        };
        Self { devices, no_cuda, driver: device::driver(), auto: Auto::look() }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.devices.iter().map(Listed::line).collect();
        lines.extend(self.no_cuda.iter().map(|why| format!("{:8} none: {why}", "cuda")));
        lines.extend(self.driver.iter().map(|version| format!("{:8} NVIDIA {version}", "driver")));
        let Auto { device, precision, why } = &self.auto;
        lines.push(match device.as_ref().zip(*precision) {
            Some((device, precision)) => format!("{:8} takes {device}, {precision}: {why}", "auto"),
            None => format!("{:8} fails: {why}", "auto"),
        });
        lines
    }
}

impl Listed {
    fn card(number: usize, card: Result<Card, DeviceError>) -> Self {
        let kind = match card {
            Ok(Card { name, memory, capability: (major, minor) }) => {
                Kind::Cuda { name, memory, compute_capability: format!("{major}.{minor}") }
            }
            Err(error) => Kind::Refused { error: told(&error) },
        };
        Self { device: DeviceChoice::Cuda(number).to_string(), kind }
    }

    fn line(&self) -> String {
        let told = match &self.kind {
            Kind::Cpu { threads: 1, vectors } => format!("1 thread{}", listed(*vectors)),
            Kind::Cpu { threads, vectors } => format!("{threads} threads{}", listed(*vectors)),
            Kind::Cuda { name, memory, compute_capability } => {
                let memory = *memory as f64 / f64::from(1 << 30);
                format!("{name}, {memory:.1} GiB, compute capability {compute_capability}")
            }
            Kind::Refused { error } => format!("cannot be used: {error}"),
        };
        format!("{:8} {told}", self.device)
    }
}

fn listed(vectors: Option<&str>) -> String {
    vectors.map(|vectors| format!(", {vectors}")).unwrap_or_default()
}

impl Auto {
    fn look() -> Self {
        match DeviceChoice::Auto.open(None) {
            Ok(compute) => Self {
                device: Some(compute.place().to_string()),
                precision: Some(compute.precision),
                why: compute.why().unwrap_or_default(),
            },
            Err(error) => Self { device: None, precision: None, why: told(&error) },
        }
    }
}

/// What is told of a device that cannot be used.
fn told(error: &DeviceError) -> String {
    match error {
        DeviceError::Refused { source, .. } => device::answer(source),
        DeviceError::NotBuilt(_) | DeviceError::TooOld { .. } | DeviceError::Precision => error.to_string(),
    }
}
