//! Counts in the scopes that are resampled.

use ground::counts::Counts;

/// The counts of one document: three in each scope that is resampled, in the order of [`Scopes`], then the known ones.
pub(super) type Tally = [u32; 19];

/// The counts of a split in the scopes that are resampled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scopes {
    pub all: Counts,
    pub intra: Counts,
    pub inter: Counts,
    pub infer: Counts,
    pub stated: Counts,
    pub implied: Counts,
    pub ignoring_known: Counts,
}

impl Scopes {
    /// The sum of some tallies.
    pub fn of(tallies: impl Iterator<Item = Tally>) -> Self {
        let mut sums = [0u64; 19];
        for tally in tallies {
            for (sum, count) in sums.iter_mut().zip(tally) {
                *sum += u64::from(count);
            }
        }
        let [scopes @ .., known] = sums;
        let mut scopes = scopes.as_chunks().0.iter().copied().map(counts);
        let mut next = || scopes.next().unwrap_or_default();
        let all = next();
        Self {
            all,
            intra: next(),
            inter: next(),
            infer: next(),
            stated: next(),
            implied: next(),
            ignoring_known: Counts { known, ..all },
        }
    }
}

fn counts([true_positives, predicted, gold]: [u64; 3]) -> Counts {
    Counts { true_positives, predicted, gold, known: 0 }
}
