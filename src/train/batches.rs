//! The order in which an epoch takes its documents, and how threads share them.

use ground::random::Random;

/// Batches of documents among which lengths are alike.
const BATCHES_OF_A_BUCKET: usize = 16;

/// The documents of each batch of an epoch, by place: shuffled, then sorted by length within buckets of some batches,
/// so that batches hold documents of like length; then the batches are shuffled.
pub fn batches(lengths: &[usize], size: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    random.shuffle(&mut order);
    for bucket in order.chunks_mut(size.max(1).saturating_mul(BATCHES_OF_A_BUCKET)) {
        bucket.sort_by_key(|&place| lengths.get(place).copied());
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(size.max(1)).map(<[usize]>::to_vec).collect();
    random.shuffle(&mut batches);
    batches
}

/// Batches cut so that there is one for each thread at least, where they hold enough documents. A cut batch's documents
/// are dealt out in turn, as their lengths rise.
pub fn shards(batches: &[Vec<usize>], n_threads: usize) -> Vec<Vec<usize>> {
    let n_parts = n_threads.div_ceil(batches.len().max(1));
    let cut = |batch: &Vec<usize>| {
        let n_parts = n_parts.min(batch.len());
        let part = move |first| batch.iter().copied().skip(first).step_by(n_parts).collect();
        (0..n_parts).map(part).collect::<Vec<Vec<usize>>>()
    };
    batches.iter().flat_map(cut).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use ground::random::Random;

    use super::batches;

    #[test]
    fn an_epoch_takes_each_document_once_in_batches_of_like_length() {
        let lengths: Vec<usize> = (0..80).map(|place| place * 7 % 80).collect();
        let found = batches(&lengths, 5, &mut Random::new(1));
        let mut places = found.concat();
        places.sort_unstable();
        assert_eq!(places, (0..80).collect::<Vec<_>>());
        let spread = |batch: &Vec<usize>| {
            let lengths = batch.iter().map(|&place| lengths[place]);
            lengths.clone().max().unwrap() - lengths.min().unwrap()
        };
        // One bucket, whose lengths are 0 to 79: five in a row to a batch.
        assert!(found.iter().all(|batch| spread(batch) == 4));
        assert_ne!(found, batches(&lengths, 5, &mut Random::new(2)));
        // So many that sixteen times as many are no number.
        assert_eq!(batches(&lengths, usize::MAX / 16 + 1, &mut Random::new(1)).len(), 1);
    }
}
