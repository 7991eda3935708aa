//! Counts of facts, and the figures that are one division away from them.

use std::collections::BTreeSet;
use std::iter::Sum;
use std::ops::Add;

use serde::Serialize;

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Gold and predicted.
    Correct,
    /// Predicted, but not gold.
    Wrong,
    /// Gold, but not predicted.
    Missed,
    /// Predicted, of a document without labels: it does not count.
    Unjudged,
}

/// What a set of predictions and a set of facts have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Predictions that are facts.
    pub true_positives: u64,
    /// Predictions.
    pub predicted: u64,
    /// Facts.
    pub gold: u64,
    /// Correct predictions that IgnF1 leaves out of precision because training showed them; 0 in every other figure.
    pub known: u64,
}

impl Counts {
    /// Of distinct facts and distinct predictions.
    pub fn of<T: Ord>(gold: &BTreeSet<T>, predicted: impl IntoIterator<Item = T>) -> Self {
        let mut counts = Self { gold: gold.len() as u64, ..Self::default() };
        for fact in predicted {
            counts.predicted += 1;
            counts.true_positives += u64::from(gold.contains(&fact));
        }
        counts
    }

    /// Counts one more fact.
    pub fn add(&mut self, verdict: Verdict) {
        self.true_positives += u64::from(verdict == Verdict::Correct);
        self.predicted += u64::from(matches!(verdict, Verdict::Correct | Verdict::Wrong));
        self.gold += u64::from(matches!(verdict, Verdict::Correct | Verdict::Missed));
    }

    /// (true positives − known) / (predictions − known); `None` where nothing is left of the predictions.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives.saturating_sub(self.known), self.predicted.saturating_sub(self.known))
    }

    /// true positives / facts, the known ones included; `None` where there is no fact.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.gold)
    }

    /// 2 P R / (P + R), 0 where precision or recall is `None` or 0; `None` where there is neither fact nor prediction.
    pub fn f1_of_any(&self) -> Option<f64> {
        (self.gold > 0 || self.predicted > 0).then(|| self.f1())
    }

    /// The same, and 0 where there is neither: for what must have a value.
    pub fn f1(&self) -> f64 {
        match (self.precision(), self.recall()) {
            (Some(precision), Some(recall)) if precision > 0.0 && recall > 0.0 => {
                2.0 * precision * recall / (precision + recall)
            }
            _ => 0.0,
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            true_positives: self.true_positives + other.true_positives,
            predicted: self.predicted + other.predicted,
            gold: self.gold + other.gold,
            known: self.known + other.known,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// A part of a whole; `None` where there is no whole.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
