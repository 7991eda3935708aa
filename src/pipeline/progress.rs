//! How far a stage is, in words.

use std::sync::Mutex;
use std::time::Instant;

/// What a stage has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is counted: `documents`, `steps`.
    pub unit: &'static str,
    /// How many are done.
    pub done: u64,
    /// Of how many, where that is known.
    pub of: Option<u64>,
}

impl Progress {
    /// So many documents.
    pub fn documents(done: u64) -> Self {
        Self { unit: "documents", done, of: None }
    }

    /// A step of so many.
    pub fn step(done: u64, of: u64) -> Self {
        Self { unit: "steps", done, of: Some(of) }
    }

    /// As text, where so many are done a second: `120 of 3000 steps, 3.2/s, 15:00 left`.
    pub fn told(&self, per_second: f64) -> String {
        let Self { unit, done, of } = self;
        let amount = of.map_or_else(|| format!("{done} {unit}"), |of| format!("{done} of {of} {unit}"));
        if !per_second.is_finite() || per_second <= 0.0 {
            return amount;
        }
        let digits = usize::from(per_second < 100.0);
        let left = of.map(|of| format!(", {} left", clock(of.saturating_sub(*done) as f64 / per_second)));
        format!("{amount}, {per_second:.digits$}/s{}", left.unwrap_or_default())
    }
}

/// A duration as hours, minutes and seconds: `1:02:03`, `2:03`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Measures the rate of a stage from its first report on: what a killed run had done is not of this one.
#[derive(Default)]
pub struct Pace {
    first: Mutex<Option<(u64, Instant)>>,
}

impl Pace {
    /// A report with its rate, as text.
    pub fn told(&self, progress: Progress) -> String {
        let Ok(mut first) = self.first.lock() else { return progress.told(0.0) };
        let (done, begun) = *first.get_or_insert((progress.done, Instant::now()));
        progress.told(progress.done.saturating_sub(done) as f64 / begun.elapsed().as_secs_f64())
    }
}
