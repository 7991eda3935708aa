//! The order in which an epoch takes its documents.

use crate::random::Random;

/// Batches of documents among which lengths are alike.
const BATCHES_OF_A_BUCKET: usize = 16;

/// The documents of each batch of an epoch, by place: shuffled, then sorted by length within buckets of some batches,
/// so that batches hold documents of like length; then the batches are shuffled.
pub fn batches(lengths: &[usize], size: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    random.shuffle(&mut order);
    for bucket in order.chunks_mut(size.max(1) * BATCHES_OF_A_BUCKET) {
        bucket.sort_by_key(|&place| lengths.get(place).copied());
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(size.max(1)).map(<[usize]>::to_vec).collect();
    random.shuffle(&mut batches);
    batches
}
