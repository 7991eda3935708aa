//! How many documents a share has.

use proptest::prelude::*;

use crate::split::counts;

#[test]
fn largest_remainders_have_one_more() {
    // 80.8, 10.1 and 10.1 of 101.
    assert_eq!(counts(&[0.8, 0.1, 0.1], 101), [81, 10, 10]);
    assert_eq!(counts(&[0.25, 0.25, 0.5], 2), [1, 0, 1]);
    assert_eq!(counts(&[0.333, 0.333, 0.333], 100), [34, 33, 33]);
    // 28.999999999999996 in binary.
    assert_eq!(counts(&[0.29, 0.71], 100), [29, 71]);
}

proptest! {
    #[test]
    fn counts_are_all_and_within_one_of_their_share(
        weights in prop::collection::vec(1u32..1000, 1..12),
        of in 0usize..100_000,
    ) {
        let sum = f64::from(weights.iter().sum::<u32>());
        let shares: Vec<f64> = weights.iter().map(|&weight| f64::from(weight) / sum).collect();
        let counts = counts(&shares, of);
        prop_assert_eq!(counts.iter().sum::<usize>(), of);
        for (share, count) in shares.iter().zip(counts) {
            prop_assert!((share * of as f64 - count as f64).abs() < 1.0 + 1e-6);
        }
    }
}
