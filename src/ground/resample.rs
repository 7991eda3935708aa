//! How sure a figure is: the bootstrap over documents (Efron 1979).

use crate::counts::Counts;
use crate::random::Random;

/// Resamples, unless asked otherwise.
pub const RESAMPLES: u64 = 1000;

/// The 2.5th and 97.5th percentile.
pub type Interval = (f64, f64);

/// The interval of F1, of the counts of each document: resamples draw as many documents, with replacement, each by its
/// own stream of random numbers. `None` of no documents.
///
/// Of several corpora it is that of the mean of their F1: each is resampled by itself.
pub fn f1_interval(corpora: &[Vec<Counts>], seed: u64) -> Option<Interval> {
    if has_none(corpora) { None } else { percentiles((0..RESAMPLES).map(|nth| mean_f1(corpora, seed, nth)).collect()) }
}

/// The interval of how far F1 is above another's on the same documents, `one` and `other` of them: both from the same
/// draws. `None` of no documents. Of several corpora as [`f1_interval`].
pub fn f1_difference_interval(one: &[Vec<Counts>], other: &[Vec<Counts>], seed: u64) -> Option<Interval> {
    let drawn = |resample| mean_f1(one, seed, resample) - mean_f1(other, seed, resample);
    debug_assert!(one.iter().map(Vec::len).eq(other.iter().map(Vec::len)), "the same documents");
    if has_none(one) { None } else { percentiles((0..RESAMPLES).map(drawn).collect()) }
}

fn has_none(corpora: &[Vec<Counts>]) -> bool {
    corpora.iter().any(Vec::is_empty) || corpora.is_empty()
}

/// The mean of the corpora's F1 over one resample.
fn mean_f1(corpora: &[Vec<Counts>], seed: u64, resample: u64) -> f64 {
    let of = |(place, documents): (u64, &Vec<Counts>)| {
        // The first has the draws that it has alone.
        let draws = draws(seed ^ (place << 32), resample, documents.len());
        draws.filter_map(|document| documents.get(document).copied()).sum::<Counts>().f1()
    };
    (0..).zip(corpora).map(of).sum::<f64>() / corpora.len() as f64
}

/// The documents of one resample, by their places: as many as there are, with replacement.
pub fn draws(seed: u64, resample: u64, documents: usize) -> impl Iterator<Item = usize> {
    let mut random = Random::stream(seed, resample);
    (0..documents).map(move |_| random.below(documents))
}

/// The 2.5th and 97.5th percentile, between two values by linear interpolation; `None` of no values.
pub fn percentiles(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    Some((percentile(&values, 0.025)?, percentile(&values, 0.975)?))
}

fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(place.floor() as usize)?;
    let above = sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_the_figure_and_is_a_point_where_documents_are_alike() {
        let document = |true_positives| Counts { true_positives, predicted: 4, gold: 4, known: 0 };
        let (low, high) = f1_interval(&[vec![document(1), document(2), document(3)]], 0).unwrap_or_default();
        assert!((0.25..0.5).contains(&low) && 0.5 < high && high <= 0.75, "{low} {high}");
        assert_eq!(f1_interval(&[vec![document(2); 5]], 7), Some((0.5, 0.5)));
        // Of two corpora, one of which is not in doubt.
        assert_eq!(f1_interval(&[vec![document(2); 5], vec![document(4); 2]], 7), Some((0.75, 0.75)));
        assert_eq!((f1_interval(&[], 0), f1_interval(&[vec![]], 0)), (None, None));
    }

    #[test]
    fn a_difference_is_that_of_the_same_documents() {
        let document = |true_positives| Counts { true_positives, predicted: 4, gold: 4, known: 0 };
        let one = [[1, 2, 3, 4].map(document).to_vec()];
        // Document by document a quarter less: so in every resample, though F1 itself is far from sure.
        let other = [[0, 1, 2, 3].map(document).to_vec()];
        assert_eq!(f1_difference_interval(&one, &other, 0), Some((0.25, 0.25)));
        assert_eq!(f1_difference_interval(&one, &one, 0), Some((0.0, 0.0)));
        assert_eq!(f1_difference_interval(&[], &[], 0), None);
    }
}
