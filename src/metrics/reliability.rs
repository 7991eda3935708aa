//! Whether probabilities say how often a score is right: in ten equal bins, and by their squared distance from it.

use std::ops::{AddAssign, Mul};

use table::Text;
use table::rows::ReliabilityRow;

/// Bins of probability.
const BINS: usize = 10;

/// The scores whose probability lies in a bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    predicted: u64,
    correct: u64,
    /// The sum of their probabilities.
    probability: f64,
}

/// Probabilities of scores, and how many of these are right.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reliability {
    bins: [Bin; BINS],
    /// The sum of squared distances of probabilities from 1, where the score is right, or from 0.
    squares: f64,
}

impl Reliability {
    /// Takes one more score.
    pub fn add(&mut self, probability: f32, holds: bool) {
        let probability = f64::from(probability);
        self.squares += (probability - f64::from(u8::from(holds))).powi(2);
        let place = ((probability * BINS as f64) as usize).min(BINS - 1);
        if let Some(bin) = self.bins.get_mut(place) {
            *bin += Bin { predicted: 1, correct: u64::from(holds), probability };
        }
    }

    /// Scores.
    pub fn scores(&self) -> u64 {
        self.bins.iter().map(|bin| bin.predicted).sum()
    }

    /// Scores that are right.
    pub fn correct(&self) -> u64 {
        self.bins.iter().map(|bin| bin.correct).sum()
    }

    /// The Brier score (1950): the mean squared distance; `None` without scores.
    pub fn brier(&self) -> Option<f64> {
        self.mean(self.squares)
    }

    /// The expected calibration error (Naeini et al. 2015): the distance of the mean probability from the share of right
    /// scores, the mean over bins weighted by their scores; `None` without scores.
    pub fn calibration_error(&self) -> Option<f64> {
        self.mean(self.bins.iter().map(|bin| (bin.probability - bin.correct as f64).abs()).sum())
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        let scores = self.scores();
        (scores > 0).then(|| sum / scores as f64)
    }

    /// The bins that have scores.
    pub fn rows(&self, run_id: &Text) -> Vec<ReliabilityRow> {
        let edge = |place: usize| place as f64 / BINS as f64;
        let bins = self.bins.iter().enumerate().filter(|(_, bin)| bin.predicted > 0);
        let row = |(place, bin): (usize, &Bin)| ReliabilityRow {
            run_id: run_id.clone(),
            low: edge(place),
            high: edge(place + 1),
            predicted: bin.predicted,
            correct: bin.correct,
            probability: bin.probability / bin.predicted as f64,
            share: bin.correct as f64 / bin.predicted as f64,
        };
        bins.map(row).collect()
    }
}

impl AddAssign for Bin {
    fn add_assign(&mut self, other: Self) {
        self.predicted += other.predicted;
        self.correct += other.correct;
        self.probability += other.probability;
    }
}

impl AddAssign for Reliability {
    fn add_assign(&mut self, other: Self) {
        self.bins.iter_mut().zip(other.bins).for_each(|(bin, other)| *bin += other);
        self.squares += other.squares;
    }
}

/// So many times the same.
impl Mul<u64> for Reliability {
    type Output = Self;

    fn mul(mut self, times: u64) -> Self {
        for bin in &mut self.bins {
            bin.predicted *= times;
            bin.correct *= times;
            bin.probability *= times as f64;
        }
        self.squares *= times as f64;
        self
    }
}
