//! Which documents an epoch takes, where corpora have shares of it.
//!
//! An epoch has as many documents as there are, of each corpus its share. Those of a corpus come in passes, each in an order
//! of its own, one pass after the other: an epoch goes on where the one before it has ended, so that all are seen as often.
//! What an epoch takes hangs on the seed and its number alone.

use ground::random::Random;

use super::corpora::Corpus;
use super::documents::Documents;

/// Sets the streams that order the passes over corpora apart from others.
const PASSES: u64 = 0x7061_7373;

/// The documents of a stage, corpus by corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The places of each corpus' documents among those of the stage, and how many of these an epoch takes.
    corpora: Vec<(Vec<usize>, usize)>,
    /// Whether every epoch takes each document once.
    is_even: bool,
}

impl Mixture {
    /// Of the documents of a stage, by their places among all.
    pub fn of(corpora: &[Corpus], documents: &Documents, stage: &[usize]) -> Self {
        let mut places = vec![Vec::new(); corpora.len()];
        for (place, &document) in stage.iter().enumerate() {
            if let Some(of_corpus) = places.get_mut(documents.corpus(document)) {
                of_corpus.push(place);
            }
        }
        Self::shared(places, &corpora.iter().map(Corpus::share).collect::<Vec<_>>())
    }

    fn shared(places: Vec<Vec<usize>>, shares: &[Option<f64>]) -> Self {
        let sizes: Vec<usize> = places.iter().map(Vec::len).collect();
        let counts = counts(&sizes, shares);
        Self { is_even: counts == sizes, corpora: places.into_iter().zip(counts).collect() }
    }

    /// How many documents an epoch takes.
    pub fn count(&self) -> usize {
        self.corpora.iter().map(|(_, count)| count).sum()
    }

    /// The places of the documents that an epoch takes, counted from 0.
    pub fn of_epoch(&self, seed: u64, epoch: u64) -> Vec<usize> {
        if self.is_even {
            return (0..self.count()).collect();
        }
        let of_corpus = |(corpus, (places, count)): (usize, &(Vec<usize>, usize))| {
            taken(places, *count as u64, epoch, seed ^ PASSES ^ (corpus as u64) << 32)
        };
        self.corpora.iter().enumerate().flat_map(of_corpus).collect()
    }
}

/// What an epoch takes of one corpus: so many, from where the epochs before have ended.
fn taken(places: &[usize], count: u64, epoch: u64, seed: u64) -> Vec<usize> {
    let size = places.len() as u64;
    let (first, end) = (epoch * count, (epoch + 1) * count);
    if size == 0 || count == 0 {
        return Vec::new();
    }
    let of_pass = |pass: u64| {
        let mut order = places.to_vec();
        Random::stream(seed, pass).shuffle(&mut order);
        let within = first.saturating_sub(pass * size) as usize..size.min(end - pass * size) as usize;
        order.get(within).unwrap_or_default().to_vec()
    };
    (first / size..=(end - 1) / size).flat_map(of_pass).collect()
}

/// How many documents of each corpus of so many an epoch takes: the shares of all there are, and of those without one what
/// the others leave, by their sizes. What rounding leaves goes where it cuts off most; one at least is of each.
fn counts(sizes: &[usize], shares: &[Option<f64>]) -> Vec<usize> {
    let all: usize = sizes.iter().sum();
    let given: f64 = shares.iter().flatten().sum();
    let unshared: usize = sizes.iter().zip(shares).filter(|(_, share)| share.is_none()).map(|(size, _)| size).sum();
    let wanted = |(&size, share): (&usize, &Option<f64>)| {
        share.map_or_else(|| (1.0 - given) * all as f64 * size as f64 / unshared as f64, |share| share * all as f64)
    };
    if shares.iter().all(Option::is_none) {
        return sizes.to_vec();
    }
    let wanted: Vec<f64> = sizes.iter().zip(shares).map(wanted).collect();
    let mut counts: Vec<usize> = wanted.iter().map(|wanted| wanted.floor() as usize).collect();
    let mut by_rest: Vec<usize> = (0..counts.len()).collect();
    by_rest.sort_by(|&one, &other| (wanted[other].fract()).total_cmp(&wanted[one].fract()).then(one.cmp(&other)));
    let rest = all.saturating_sub(counts.iter().sum());
    by_rest.into_iter().take(rest).for_each(|corpus| counts[corpus] += 1);
    counts.iter().zip(sizes).map(|(&count, &size)| if size == 0 { 0 } else { count.max(1) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_documents_and_the_rest_goes_by_size() {
        assert_eq!(counts(&[30, 10], &[None, None]), [30, 10]);
        assert_eq!(counts(&[30, 10], &[Some(0.5), Some(0.5)]), [20, 20]);
        // Half of 60; of the other 30 twenty and ten.
        assert_eq!(counts(&[30, 20, 10], &[Some(0.5), None, None]), [30, 20, 10]);
        // 3.5 and 3.5 of seven: the first is rounded up.
        assert_eq!(counts(&[5, 2], &[Some(0.5), None]), [4, 3]);
        assert_eq!(counts(&[99, 1], &[Some(0.999), None]), [100, 1]);
    }

    #[test]
    fn epochs_go_on_where_others_have_ended_and_see_all_as_often() {
        let mixture = Mixture::shared(vec![(0..30).collect(), (30..40).collect()], &[Some(0.5), None]);
        assert_eq!(mixture.count(), 40);
        let epochs: Vec<Vec<usize>> = (0..6).map(|epoch| mixture.of_epoch(7, epoch)).collect();
        let times = |epochs: &[Vec<usize>], place| epochs.iter().flatten().filter(|other| **other == place).count();
        for epoch in &epochs {
            assert_eq!(epoch.iter().filter(|place| **place < 30).count(), 20);
            assert!((30..40).all(|place| times(std::slice::from_ref(epoch), place) == 2));
        }
        // Three epochs of twenty are two passes over thirty.
        assert!((0..30).all(|place| times(&epochs[..3], place) == 2 && times(&epochs, place) == 4));
        assert_ne!(epochs[0], epochs[3]);
        assert_eq!(mixture.of_epoch(7, 4), epochs[4]);
        assert_ne!(mixture.of_epoch(8, 4), epochs[4]);
    }

    #[test]
    fn without_shares_an_epoch_takes_each_document_once() {
        let mixture = Mixture::shared(vec![vec![0, 1, 3], vec![2]], &[None, None]);
        assert_eq!((mixture.of_epoch(7, 0), mixture.of_epoch(7, 1)), (vec![0, 1, 2, 3], vec![0, 1, 2, 3]));
    }
}
