//! How sure a figure is: the bootstrap over documents (Efron 1979), and its paired form for two runs.
//!
//! A resample draws as many documents as the split has, with replacement, and adds their integer counts. Each
//! resample has its own stream of random numbers, so the outcome depends on the seed alone, not on the threads.
//! A resample costs one array access a document: a few milliseconds for 500 documents and 1,000 resamples.

use rayon::prelude::*;

use ground::counts::Counts;
pub(super) use ground::resample::{Interval, draws, percentiles};

use crate::tally::{Sums, Tally};

/// A run's counts by document, and those that belong to no document of the split: every resample has them.
#[derive(Debug, Clone)]
pub(super) struct Tallies {
    pub documents: Vec<Tally>,
    pub strays: Tally,
}

impl Tallies {
    /// The counts of the whole split.
    pub fn sums(&self) -> Sums {
        Sums::of(self.documents.iter().copied().chain([self.strays]))
    }

    /// The counts of one resample.
    fn drawn(&self, seed: u64, resample: u64) -> Sums {
        let draws = draws(seed, resample, self.documents.len());
        let draws = draws.filter_map(|document| self.documents.get(document).copied());
        Sums::of(draws.chain([self.strays]))
    }
}

/// Every resample's counts, in the order of their numbers.
pub(super) fn resamples(tallies: &Tallies, count: u64, seed: u64) -> Vec<Sums> {
    (0..count).into_par_iter().map(|resample| tallies.drawn(seed, resample)).collect()
}

/// The interval of one figure's F1, over the resamples that have facts or predictions; `None` without any.
pub(super) fn interval(resamples: &[Sums], figure: impl Fn(&Sums) -> Counts) -> Option<Interval> {
    percentiles(resamples.iter().filter_map(|sums| figure(sums).f1_of_any()).collect())
}

/// Two-sided: twice the share of resampled differences that are 0 or of the other sign than the observed one, at
/// most 1; 1 where no difference was observed.
pub(super) fn p_value(observed: f64, resampled: &[f64]) -> f64 {
    if observed == 0.0 || resampled.is_empty() {
        return 1.0;
    }
    let against = resampled.iter().filter(|&&difference| difference * observed.signum() <= 0.0).count();
    (2.0 * against as f64 / resampled.len() as f64).min(1.0)
}
