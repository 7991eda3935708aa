//! Two runs, or several of each of two kinds, on the same documents: the paired bootstrap test.
//!
//! A resample draws documents, the same for every run. Where a side has several runs, as of several seeds, it also draws
//! runs of that side with replacement, one fewer than there are: with so many, the variance of their mean comes out
//! without bias (Rao and Wu 1988), which with all of them would be too small by a third for three. What is compared is
//! the mean of the drawn runs' F1. One run against one is so the test over documents alone.

use std::collections::HashSet;
use std::slice::from_ref;

use ground::random::Random;
use table::Text;
use table::rows::ComparisonRow;

use crate::bootstrap::{p_value, percentiles, resamples};
use crate::error::Error;
use crate::evaluation::{Evaluation, Resampled};
use crate::tally::Sums;

impl Evaluation {
    /// The paired bootstrap test of this run against another on the same split; see [`compare`].
    ///
    /// # Errors
    /// The other run was scored against other tables.
    pub fn compare(&self, other: &Self) -> Result<Vec<ComparisonRow>, Error> {
        compare(from_ref(self), from_ref(other))
    }
}

/// Compares the runs of two sides. Figures that a run lacks are left out, and so are those of which the split has nothing.
///
/// # Errors
/// The runs were not all scored against the same tables.
pub fn compare(ours: &[Evaluation], theirs: &[Evaluation]) -> Result<Vec<ComparisonRow>, Error> {
    let Some(first) = ours.first() else { return Ok(Vec::new()) };
    for other in ours.iter().chain(theirs) {
        if first.run.tables != other.run.tables || first.tallies.documents.len() != other.tallies.documents.len() {
            return Err(Error::OtherSplit(first.run.tables.clone(), other.run.tables.clone()));
        }
    }
    let knowledge = ours.iter().chain(theirs).fold(first.knowledge, |known, run| known.and(run.knowledge));
    let (seed, count) = (first.run.seed, first.run.resamples);
    let [ours, theirs] = [ours, theirs].map(|runs| Side::new(runs, seed, count));
    let draws: Vec<[Vec<usize>; 2]> = (0..count).map(|resample| drawn(seed, resample, [&ours, &theirs])).collect();
    let rows = Resampled::all(knowledge).filter_map(|figure| {
        let observed = ours.observed(figure)? - theirs.observed(figure)?;
        let difference = |(resample, [of_ours, of_theirs]): (usize, &[Vec<usize>; 2])| {
            Some(ours.resampled(figure, resample, of_ours)? - theirs.resampled(figure, resample, of_theirs)?)
        };
        let resampled: Vec<f64> = draws.iter().enumerate().filter_map(difference).collect();
        let p_value = p_value(observed, &resampled);
        let (low, high) = percentiles(resampled).unwrap_or((observed, observed));
        let (metric, scope) = figure.figure().names();
        Some(ComparisonRow {
            run_id: ours.name(),
            against: theirs.name(),
            metric: metric.into(),
            scope: scope.into(),
            seeds: ours.runs.len() as u32,
            against_seeds: theirs.runs.len() as u32,
            difference: observed,
            low,
            high,
            p_value,
        })
    });
    Ok(rows.collect())
}

/// Gives runs names of their own: those that share one are numbered, and no other's name is taken.
pub(super) fn name_apart(runs: &mut [Evaluation]) {
    let mut taken = HashSet::new();
    let shared: HashSet<String> =
        runs.iter().map(|run| run.run.name.clone()).filter(|name| !taken.insert(name.clone())).collect();
    for run in runs.iter_mut().filter(|run| shared.contains(&run.run.name)) {
        let mut numbered = (1_u64..).map(|number| format!("{} {number}", run.run.name));
        if let Some(free) = numbered.find(|name| taken.insert(name.clone())) {
            run.rename(free);
        }
    }
}

/// The runs of one side, and what each counts in each resample of the documents.
struct Side<'a> {
    runs: &'a [Evaluation],
    resampled: Vec<Vec<Sums>>,
}

impl<'a> Side<'a> {
    fn new(runs: &'a [Evaluation], seed: u64, count: u64) -> Self {
        Self { runs, resampled: runs.iter().map(|run| resamples(&run.tallies, count, seed)).collect() }
    }

    fn name(&self) -> Text {
        self.runs.iter().map(|run| run.run.name.as_str()).collect::<Vec<_>>().join(", ").into()
    }

    /// The mean F1 of the runs.
    fn observed(&self, figure: Resampled) -> Option<f64> {
        mean(self.runs.iter().map(|run| figure.counts(&run.tallies.sums()).f1_of_any()))
    }

    /// That of the drawn runs on a resample of the documents.
    fn resampled(&self, figure: Resampled, resample: usize, drawn: &[usize]) -> Option<f64> {
        let sums = drawn.iter().filter_map(|run| self.resampled.get(*run)?.get(resample));
        mean(sums.map(|sums| figure.counts(sums).f1_of_any()))
    }
}

/// The mean of what there is.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The runs of each side that a resample draws, by numbers that are not those of its documents.
fn drawn(seed: u64, resample: u64, sides: [&Side<'_>; 2]) -> [Vec<usize>; 2] {
    let mut random = Random::stream(!seed, resample);
    sides.map(|side| {
        let runs = side.runs.len();
        (1..runs.max(2)).map(|_| random.below(runs)).collect()
    })
}
