//! What work tells while it goes on: one way for all rooms, so that who listens need know none of them.
//!
//! A function that takes long takes an [`Observer`]; [`unheard`] is one for who does not want to know.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Text;

/// What work tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// How far it is; told often.
    Progress(Progress),
    /// A step that is done, such as an epoch.
    Line(String),
    /// Worth knowing, and no cause for concern.
    Note(String),
    /// Not as one may think.
    Warning(String),
    /// What it works with, for who wants to know all: files, hashes, devices.
    Detail(String),
}

/// Who is told.
pub type Observer<'o> = &'o dyn Fn(Event);

/// Hears nothing.
pub fn unheard(_: Event) {}

impl Event {
    /// The same of a part of the work, which `place` names.
    #[must_use]
    pub fn at(self, place: &Text) -> Self {
        let put = |line: String| format!("{place}: {line}");
        match self {
            Self::Progress(progress) => Self::Progress(Progress { place: Some(place.clone()), ..progress }),
            Self::Line(line) => Self::Line(put(line)),
            Self::Note(_) | Self::Warning(_) => Self::Line(put(self.to_string())),
            Self::Detail(line) => Self::Detail(put(line)),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Progress(progress) => f.write_str(&progress.told(0.0)),
            Self::Line(line) | Self::Detail(line) => f.write_str(line),
            Self::Note(line) => write!(f, "note: {line}"),
            Self::Warning(line) => write!(f, "warning: {line}"),
        }
    }
}

/// How much is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The part of the work, where it has several.
    pub place: Option<Text>,
    /// What is counted: `documents`, `steps`.
    pub unit: &'static str,
    /// How many are done. None yet of a number that is not known: what is being done has no count.
    pub done: u64,
    /// Of how many, where that is known.
    pub of: Option<u64>,
    /// How much of all is done, from 0 to 1, where that is known.
    pub share: Option<f64>,
}

impl Progress {
    /// So many of a unit.
    pub fn of_unit(unit: &'static str, done: u64) -> Self {
        Self { place: None, unit, done, of: None, share: None }
    }

    /// So many documents.
    pub fn documents(done: u64) -> Self {
        Self::of_unit("documents", done)
    }

    /// A step of so many.
    pub fn step(done: u64, of: u64) -> Self {
        Self::of_unit("steps", done).among(of)
    }

    /// The same, where it is known how many there are.
    #[must_use]
    pub fn among(self, of: u64) -> Self {
        Self { of: Some(of), ..self }.through(self.done, of)
    }

    /// The same, where so much of the input is used up.
    #[must_use]
    pub fn through(self, used: u64, of: u64) -> Self {
        let share = (of > 0).then(|| (used as f64 / of as f64).min(1.0));
        Self { share, ..self }
    }

    /// As text, where so many are done a second: `120 of 3000 steps, 3.2/s, 15:00 left`.
    pub fn told(&self, per_second: f64) -> String {
        let Self { place, unit, done, of, share } = self;
        let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let amount = match of {
            Some(of) => format!("{place}{done} of {of} {unit}"),
            None if *done == 0 => return format!("{place}{unit}"),
            None => format!("{place}{done} {unit}"),
        };
        if !per_second.is_finite() || per_second <= 0.0 {
            return amount;
        }
        let digits = usize::from(per_second < 100.0);
        let all =
            of.map(|of| of as f64).or_else(|| share.filter(|share| *share > 0.0).map(|share| *done as f64 / share));
        let left = all.map(|all| format!(", {} left", clock((all - *done as f64).max(0.0) / per_second)));
        format!("{amount}, {per_second:.digits$}/s{}", left.unwrap_or_default())
    }
}

/// A duration as hours, minutes and seconds: `1:02:03`, `2:03`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The time of day in UTC: `12:03:05Z`. Which zone a machine is in, the standard library cannot tell.
pub fn time_of_day(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Measures the rate of each part of the work from its first report on: what a killed run had done is not of this one.
#[derive(Debug, Default)]
pub struct Pace {
    first: Option<(Progress, Instant)>,
    /// How many were done at the last report: fewer at the next, and another part has begun.
    last: u64,
    /// How long after the first report the next line of a log is due.
    next: Duration,
}

/// Lines of a log are so far apart at least, and the first comes after this time: short work is not told.
const NEAREST: Duration = Duration::from_secs(10);
/// So far apart at most, where reports come.
const FARTHEST: Duration = Duration::from_mins(5);

impl Pace {
    /// Takes a report into account.
    pub fn note(&mut self, progress: &Progress, now: Instant) {
        let goes_on = |(first, _): &(Progress, Instant)| {
            first.place == progress.place && first.unit == progress.unit && self.last <= progress.done
        };
        if !self.first.as_ref().is_some_and(goes_on) {
            *self = Self { first: Some((progress.clone(), now)), last: 0, next: NEAREST };
        }
        self.last = progress.done;
    }

    /// A report with its rate, as text.
    pub fn told(&self, progress: &Progress, now: Instant) -> String {
        let Some((first, begun)) = &self.first else { return progress.told(0.0) };
        progress.told(progress.done.saturating_sub(first.done) as f64 / (now - *begun).as_secs_f64())
    }

    /// Whether a log is to have a line of it now; asked once for each. The longer the work, the rarer its lines.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let Some((_, begun)) = &self.first else { return false };
        let elapsed = now - *begun;
        let due = elapsed >= self.next;
        if due {
            self.next = elapsed + (elapsed / 10).clamp(NEAREST, FARTHEST);
        }
        due
    }
}
