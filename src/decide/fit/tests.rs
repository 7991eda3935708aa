//! Fitting over small splits.

#![expect(clippy::unwrap_used, clippy::float_cmp, reason = "a test may fail where it stands")]

use super::*;
use crate::decision::At;
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
    let own = Decision { shifts: own.into_iter().collect(), ..Decision::default() };
    let above = evidence.above(&own);
    let claimed: Vec<(f32, bool)> = above.scores.iter().map(|score| (score.margin, score.holds)).take(3).collect();
    assert_eq!((claimed, above.facts), (vec![(3.0, true), (1.0, true), (0.5, true)], 3));
}

#[test]
fn shares_are_reached_to_the_last_fact() {
    // 11 of 20 are 0.55, though 0.55 * 20 is more than 11.
    let scores: Vec<(f32, bool)> = (0..20).map(|place| (1.0 + place as f32, place >= 9)).collect();
    let of_them = of(20, &scores.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(Aim::Recall(0.55).cut(&of_them, 0.0), Some(9.5));
    assert_eq!(
        Aim::Precision(0.55).cut(&of(20, &[&[(1.0, true); 11][..], &[(1.0, false); 9]].concat()), 0.0),
        Some(0.5)
    );
}

#[test]
fn what_lies_at_the_end_of_the_scores_is_never_claimed() {
    // No shift of -2 at most is below what lies at -2, nor below what rounding left under it.
    let one = of(3, &[(1.0, true), (-2.0, true), (-2.000_000_2, true)]);
    let cuts: Vec<(usize, f32)> = cuts(&one, 2.0).map(|cut| (cut.claims, cut.shift)).collect();
    assert_eq!(cuts, [(0, 1.0), (1, -0.5)]);
    // Nor is a threshold put there.
    assert_eq!(Aim::F1.cut(&of(3, &[(-2.5, true)]), 2.0), Some(-2.0));
}

#[test]
fn relations_drawn_towards_that_of_all_are_moved_to_what_is_wanted() {
    let mut evidence = Evidence { reach: 4.0, ..Evidence::default() };
    evidence.relations.insert("a".into(), of(3, &[(3.0, true), (2.0, true), (1.0, false), (-1.0, true)]));
    evidence.relations.insert("b".into(), of(3, &[(3.0, true), (0.5, false), (0.25, false), (-1.0, true)]));
    for wanted in [0.5, 0.75, 0.8, 1.0] {
        let aim = Aim::Precision(wanted);
        let common =
            Decision { shift: aim.cut(&evidence.above(&Decision::default()), 4.0).unwrap(), ..Decision::default() };
        let each = of_each(&evidence, aim, &common, 20.0).unwrap();
        let claimed: Vec<bool> =
            evidence.above(&each).scores.iter().filter(|score| score.margin > 0.0).map(|score| score.holds).collect();
        let right = claimed.iter().filter(|holds| **holds).count();
        assert!(right > 0 && right as f64 / claimed.len() as f64 >= wanted, "{wanted}: {each:?}");
    }
}

#[test]
fn points_tell_what_other_thresholds_come_to() {
    // Precision from above: 1, 1, 2/3, 3/4, 3/5; recall: 1/4, 2/4, 2/4, 3/4, 3/4.
    let one = of(4, &[(3.0, true), (2.0, true), (1.0, false), (-1.0, true), (-2.0, false)]);
    let points = points(&one, 4.0);
    let told: Vec<_> = points.iter().map(|point| (point.shift, point.precision, point.recall)).collect();
    // The last is wrong: lower there is less precision, and no more recall.
    assert_eq!(told, [(1.5, 1.0, 0.5), (-1.5, 0.75, 0.75)]);
    let decision = Decision { shift: 0.5, shifts: [("a".into(), 1.0)].into(), points, ..Decision::default() };
    let at = |precision, recall| {
        let found = decision.clone().at(At { precision, recall })?;
        Ok::<_, DecideError>((found.shift, found.shift_of("a"), found.points.len()))
    };
    assert_eq!(at(None, None).unwrap(), (0.5, 1.0, 2));
    assert_eq!(at(Some(0.7), None).unwrap(), (-1.0, -0.5, 0));
    assert_eq!(at(Some(0.9), None).unwrap(), (2.0, 2.5, 0));
    assert_eq!(at(None, Some(0.6)).unwrap(), (-1.0, -0.5, 0));
    assert_eq!(
        at(None, Some(0.8)).unwrap_err().to_string(),
        "expected a decision with a threshold of recall 0.8, got 0.7500 at most"
    );
    let none = Decision::default().at(At { precision: Some(0.9), recall: None }).unwrap_err();
    assert_eq!(none.to_string(), "expected a decision with a threshold of precision 0.9, got one that was not fitted");
    let fitted = Decision { fitted_on: ["0".into()].into(), ..Decision::default() };
    let none = fitted.at(At { precision: Some(0.9), recall: None }).unwrap_err().to_string();
    assert!(none.ends_with("got one whose fitting came to no such thresholds"), "{none}");
}
