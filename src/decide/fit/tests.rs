//! Fitting over small splits.

use super::*;
use crate::judged::Judged;

fn of(facts: u64, scores: &[(f32, bool)]) -> OfRelation {
    let scores = scores.iter().map(|&(margin, holds)| Judged { margin, holds }).collect();
    OfRelation { scores, facts }
}

#[test]
fn a_threshold_is_fitted_for_f1_or_for_what_is_wanted() {
    let one = of(4, &[(3.0, true), (2.0, true), (1.0, false), (-1.0, true), (-2.0, false), (-2.5, false)]);
    // F1 after 1 to 6 claims: 2/5, 4/6, 4/7, 6/8, 6/9, 6/10. The fourth, half-way between -1 and -2.
    assert_eq!(Aim::F1.cut(&one, 4.0), Some(-1.5));
    // Precision: 1, 1, 2/3, 3/4, 3/5, 3/6. Of 3/4 and more the most right claims are four's.
    assert_eq!(Aim::Precision(0.75).cut(&one, 4.0), Some(-1.5));
    assert_eq!(Aim::Precision(0.8).cut(&one, 4.0), Some(1.5));
    // Recall: 1/4, 2/4, 2/4, 3/4: the fewest claims with it.
    assert_eq!(Aim::Recall(0.5).cut(&one, 4.0), Some(1.5));
    assert_eq!(Aim::Recall(0.75).cut(&one, 4.0), Some(-1.5));
    assert_eq!(Aim::Recall(0.8).cut(&one, 4.0), None);
    let told = Aim::Recall(0.8).unreachable(&one, 4.0).to_string();
    assert_eq!(told, "expected a threshold of recall 0.8, got 0.7500 at most, within 4 below the model's");
}

#[test]
fn alike_scores_are_claimed_together_and_the_last_threshold_is_where_they_end() {
    let one = of(2, &[(1.0, true), (1.0, false), (-1.0, true)]);
    let cuts: Vec<(usize, u64, f32)> = cuts(&one, 3.0).map(|cut| (cut.claims, cut.right, cut.shift)).collect();
    assert_eq!(cuts, [(0, 0, 1.0), (2, 1, 0.0), (3, 2, -2.0)]);
}

#[test]
fn relations_have_thresholds_of_their_own_drawn_towards_that_of_all() {
    let mut evidence = Evidence { reach: 4.0, ..Evidence::default() };
    // `a` is right below its threshold, `b` wrong above it.
    evidence.relations.insert("a".into(), of(2, &[(1.0, true), (-1.0, true), (-3.0, false)]));
    evidence.relations.insert("b".into(), of(1, &[(3.0, true), (2.0, false), (1.0, false), (-2.0, false)]));
    // Best together: `a` with 2 claims and `b` with 1, all 3 facts and nothing else: F1 is 1.
    let aim = Aim::F1.of_each(&evidence);
    assert_eq!(aim, Aim::Gain(1.0));
    let own: Vec<(table::Text, f32)> = shifts(&evidence, aim, 0.0, 0.0).collect();
    assert_eq!(own, [("a".into(), -2.0), ("b".into(), 2.5)]);
    // With a weight of 2 / (2 + 2) and of 1 / (1 + 2).
    let drawn: Vec<(table::Text, f32)> = shifts(&evidence, aim, 0.5, 2.0).collect();
    let b = (2.5 / 3.0 + 0.5 * 2.0 / 3.0) as f32;
    assert!(drawn[0].1 == -0.75 && (drawn[1].1 - b).abs() < 1e-6, "{drawn:?}");
    let counts = evidence.counts(&Decision { shifts: own.into_iter().collect(), ..Decision::default() });
    assert_eq!((counts.true_positives, counts.predicted, counts.gold), (3, 3, 3));
    let counts = evidence.counts(&Decision::default());
    assert_eq!((counts.true_positives, counts.predicted, counts.gold), (2, 4, 3));
}
