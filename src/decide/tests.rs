//! What holds of any scores, and what is refused of tables that nobody's model has written.

#![expect(clippy::unwrap_used, clippy::float_cmp, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use table::Text;
use table::rows::{RelationRow, ScoreRow};

use crate::calibrate::{steps, temperature};
use crate::decision::{At, Calibration, Decision, Ensemble};
use crate::error::DecideError;
use crate::fit::{Calibrated, Fit, FitOptions, FitRequest, fit};
use crate::judged::Judged;
use crate::run::tests::{Fixture, score};

/// Scores of the documents `d` and `e`, each relation of a pair at most once, no two of a document equally high.
fn any_scores() -> impl Strategy<Value = Vec<ScoreRow>> {
    let one = (0..2_usize, 0..3_u32, 0..3_u32, 0..3_usize);
    prop::collection::btree_map(one, 0..64_u32, 0..40).prop_map(|scores| {
        let numbered = (0_u16..).zip(scores);
        let mut rows: Vec<ScoreRow> = numbered
            .filter(|(_, ((_, head, tail, _), _))| head != tail)
            .map(|(place, ((document, head, tail, relation), height))| ScoreRow {
                doc_id: ["d", "e"][document].into(),
                threshold_logit: 0.3,
                ..score(head, tail, ["a", "b", "c"][relation], height as f32 / 8.0 - 3.7 + f32::from(place) / 1024.0)
            })
            .collect();
        rows.sort_by(|one, other| {
            let key = |row: &ScoreRow| (row.doc_id.clone(), row.head, row.tail);
            key(one).cmp(&key(other)).then(other.logit.total_cmp(&one.logit))
        });
        rows
    })
}

fn fitted(fixture: &Fixture, decision: &Decision, options: &FitOptions) -> Fit {
    let split = fixture.split.as_deref().unwrap();
    fit(&FitRequest { scores: &fixture.runs, weights: &[], split, decision, types_of: None, options }).unwrap()
}

/// Facts of the fixture's split that count, as they are claimed: `c` holds both ways.
fn key(row: &RelationRow) -> (Text, u32, u32, Text) {
    let both = &*row.relation == "c";
    let (one, other) = if both { (row.head.min(row.tail), row.head.max(row.tail)) } else { (row.head, row.tail) };
    (row.doc_id.clone(), one, other, row.relation.clone())
}

/// Right claims and claims of the fixture's split.
fn counted(rows: &[RelationRow]) -> (u64, u64) {
    let facts = [("d", 0, 1, "a"), ("d", 0, 1, "c"), ("e", 0, 1, "c"), ("e", 0, 2, "b")];
    let facts: BTreeSet<_> = facts.map(|(of, head, tail, what)| (of.into(), head, tail, what.into())).into();
    // Nobody asks about `d` 2>1; what holds both ways is about 1>2, as in an evaluation.
    let is_asked = |(doc_id, head, tail, _): &(Text, u32, u32, Text)| (&**doc_id, *head, *tail) != ("d", 2, 1);
    let claimed: BTreeSet<_> = rows.iter().map(key).filter(is_asked).collect();
    (claimed.intersection(&facts).count() as u64, claimed.len() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_a_decision_the_models_threshold_decides(scores in any_scores()) {
        let rows = Fixture::new(vec![scores.clone()]).rows(&Decision::default());
        let of_pairs = scores.chunk_by(|one, other| {
            (&one.doc_id, one.head, one.tail) == (&other.doc_id, other.head, other.tail)
        });
        let expected: Vec<_> = of_pairs
            .flat_map(|pair| pair.iter().filter(|row| row.logit > row.threshold_logit).take(2).zip(1..))
            .map(|(row, rank)| (row.doc_id.clone(), row.head, row.tail, row.relation.clone(), rank))
            .collect();
        let found: Vec<_> = rows
            .into_iter()
            .map(|row| (row.doc_id, row.head, row.tail, row.relation, row.rank))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_order_of_a_documents_rows_does_not_matter(scores in any_scores(), mix in 0..1000_usize) {
        let decision = Decision { shift: -1.0, inverses: [("a".into(), "b".into())].into(), ..Decision::default() };
        let expected = Fixture::new(vec![scores.clone()]).rows(&decision);
        let mut mixed: Vec<ScoreRow> = Vec::new();
        for document in scores.chunk_by(|one, other| one.doc_id == other.doc_id) {
            let mut rows = document.to_vec();
            rows.sort_by_key(|row| (row.logit.to_bits() as usize).wrapping_mul(2 * mix + 1) % 1009);
            mixed.extend(rows);
        }
        prop_assert_eq!(Fixture::new(vec![mixed]).rows(&decision), expected);
    }

    #[test]
    fn a_fit_never_lowers_f1_and_says_what_is_claimed(scores in any_scores(), per_relation: bool, own: bool, inverse: bool) {
        let fixture = Fixture::over_a_split(vec![scores]);
        let most_labels = own.then_some(1);
        let inverses = inverse.then(|| ("a".into(), "b".into())).into_iter().collect();
        let decision = Decision { most_labels, inverses, ..Decision::default() };
        let options = FitOptions { per_relation, calibration: Calibrated::Isotonic, ..FitOptions::default() };
        let split = fixture.split.as_deref().unwrap();
        let request = FitRequest { scores: &fixture.runs, weights: &[], split, decision: &decision, types_of: None, options: &options };
        let found = match fit(&request) {
            Err(DecideError::NothingRight { .. }) => return Ok(()),
            found => found.unwrap(),
        };
        prop_assert!(found.after.f1() >= found.before.f1(), "{:?}", found);
        let before = counted(&fixture.rows(&decision));
        prop_assert_eq!((found.before.true_positives, found.before.predicted), before);
        let rows = fixture.rows(&found.decision);
        prop_assert_eq!((found.after.true_positives, found.after.predicted), counted(&rows));
        // And each point says what its threshold comes to.
        let one_shift = found.decision.shifts.is_empty();
        for point in &found.decision.points {
            let at = At { precision: Some(point.precision), recall: None };
            let rows = fixture.rows(&found.decision.clone().at(at).unwrap());
            let (right, claims) = counted(&rows);
            prop_assert!(!one_shift || right as f64 / claims as f64 + 1e-9 >= point.precision, "{:?} {:?}", point, rows);
        }
        // What is written is read.
        let path = fixture.folder.path().join("decision.json");
        found.decision.write(&path, true).unwrap();
        prop_assert!(Decision::is_written(&path));
        prop_assert_eq!(Decision::read(&path).unwrap(), found.decision);
    }

    #[test]
    fn what_holds_with_its_inverse_is_claimed_with_it(scores in any_scores(), shift in -3.0..3.0_f32) {
        let mut scores = scores;
        // Thresholds that round differently.
        for row in &mut scores {
            row.threshold_logit += (row.head * 3 + row.tail) as f32 * 1.7;
            row.logit += (row.head * 3 + row.tail) as f32 * 1.7;
        }
        let inverses = [("a".into(), "b".into()), ("c".into(), "c".into())].into();
        let rows = Fixture::new(vec![scores]).rows(&Decision { shift, inverses, most_labels: Some(9), ..Decision::default() });
        let key = |row: &RelationRow| (row.doc_id.clone(), row.head, row.tail, row.relation.clone());
        let claimed: BTreeSet<_> = rows.iter().map(key).collect();
        for row in &rows {
            let inverse = match &*row.relation { "a" => "b", "b" => "a", other => other };
            prop_assert!(claimed.contains(&(row.doc_id.clone(), row.tail, row.head, inverse.into())), "{:?}", row);
        }
    }

    #[test]
    fn an_ensemble_of_one_run_twice_is_that_run(scores in any_scores(), probabilities: bool) {
        let ensemble = if probabilities { Ensemble::Probabilities } else { Ensemble::Margins };
        let key = |row: &RelationRow| (row.doc_id.clone(), row.head, row.tail, row.relation.clone());
        let keys = |runs| {
            let fixture = Fixture::over_a_split(runs);
            fixture.rows(&Decision { ensemble, ..Decision::default() }).iter().map(key).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(keys(vec![scores.clone(), scores.clone()]), keys(vec![scores]));
    }

    #[test]
    fn steps_rise_and_a_temperature_is_a_number(scores in prop::collection::vec((-40..40_i8, any::<bool>()), 1..60)) {
        let mut scores: Vec<Judged> =
            scores.into_iter().map(|(margin, holds)| Judged { margin: f32::from(margin) / 8.0, holds }).collect();
        scores.sort_by(|one, other| other.margin.total_cmp(&one.margin));
        let found = steps(&scores);
        let rises = found.windows(2).all(|two| two[0].margin < two[1].margin && two[0].probability < two[1].probability);
        prop_assert!(rises && !found.is_empty(), "{:?}", found);
        prop_assert!(found.iter().all(|step| step.probability > 0.0 && step.probability < 1.0), "{:?}", found);
        // On average it says how much is right, but for less than one score at each end, where none or all is.
        let decision = Decision { calibration: Some(Calibration::Steps(found)), ..Decision::default() };
        let told: f64 = scores.iter().map(|score| f64::from(decision.probability(score.margin))).sum();
        let right = scores.iter().filter(|score| score.holds).count() as f64;
        prop_assert!((told - right).abs() < 1.0, "{} {}", told, right);
        let found = temperature(&scores);
        prop_assert!((0.009..=101.0).contains(&found), "{}", found);
    }
}

#[test]
fn scores_that_no_model_gave_are_refused() {
    let base = score(0, 1, "a", 1.0);
    let with = |change: fn(&mut ScoreRow)| {
        let mut row = score(0, 1, "b", 0.5);
        change(&mut row);
        Fixture::new(vec![vec![base.clone(), row]]).refusal(&Decision::default())
    };
    for (refusal, expected) in [
        (with(|row| row.logit = f32::NAN), "document `d`: expected finite logits, got NaN"),
        (with(|row| row.threshold_logit = f32::NEG_INFINITY), "document `d`: expected finite logits, got -inf"),
        // Each finite, but not their difference.
        (with(|row| (row.logit, row.threshold_logit) = (3e38, -3e38)), "expected finite logits, got inf"),
        (with(|row| row.base_logit = Some(f32::INFINITY)), "expected finite logits, got inf"),
        (with(|row| row.relation = "a".into()), "expected a relation of a pair once, got `a` of 0 and 1 again"),
        (with(|row| row.run_id = "other".into()), "expected scores of one run, got `run` and `other`"),
        (with(|row| row.margin = 3.0), "expected one `margin`, got 4 and 3"),
    ] {
        assert!(refusal.ends_with(expected), "{refusal}");
    }
    for margin in [-1.0, f32::NAN, f32::INFINITY] {
        let row = ScoreRow { margin, ..score(0, 1, "b", 0.5) };
        let refusal = Fixture::new(vec![vec![row]]).refusal(&Decision::default());
        assert!(refusal.contains("`margin`: expected 0 or more, got "), "{refusal}");
    }
    let of = |doc_id: &str| ScoreRow { doc_id: doc_id.into(), ..score(0, 1, "b", 0.5) };
    let refusal = Fixture::new(vec![vec![of("d"), of("e"), of("d")]]).refusal(&Decision::default());
    assert!(
        refusal.ends_with("document `d`: expected its scores one after the other, got others between"),
        "{refusal}"
    );
}

#[test]
fn tables_without_scores_are_decided() {
    let none = Fixture::over_a_split(vec![Vec::new()]);
    assert_eq!(none.claims(&Decision { shift: -9.0, ..Decision::default() }), [""; 0]);
    // One that found nothing lies at the other's margin.
    let one = Fixture::over_a_split(vec![vec![score(0, 1, "a", 6.0), score(0, 1, "b", 3.0)], Vec::new()]);
    assert_eq!(one.claims(&Decision::default()), ["d 0>1 a 1"]);
}

#[test]
fn an_ensemble_ranks_by_the_mean_above_the_threshold() {
    // Of a pair with other thresholds in each run: `a` is 0.5 and -4 above, `b` is -1 and 3: -1.75 and 1 on average.
    let at =
        |threshold_logit: f32, row: ScoreRow| ScoreRow { logit: row.logit + threshold_logit, threshold_logit, ..row };
    let one = vec![at(9.0, score(0, 1, "a", 0.5)), at(9.0, score(0, 1, "b", -1.0))];
    let fixture = Fixture::over_a_split(vec![one, vec![at(-9.0, score(0, 1, "b", 3.0))]]);
    let decision = Decision { shift: -2.0, most_labels: Some(1), ..Decision::default() };
    assert_eq!(fixture.claims(&decision), ["d 0>1 b 1"]);
}

#[test]
fn what_a_pair_is_given_at_most_counts_after_thresholds() {
    // `a` is best but below its threshold: the one label of the pair is `c`, which holds in `d` 0>1.
    let right = ScoreRow { doc_id: "e".into(), ..score(0, 1, "c", 0.5) };
    let fixture = Fixture::over_a_split(vec![vec![score(0, 1, "b", 2.0), score(0, 1, "c", 1.0), right]]);
    let options = FitOptions { per_relation: true, shrinkage: 0.0, ..FitOptions::default() };
    let found = fitted(&fixture, &Decision { most_labels: Some(1), ..Decision::default() }, &options);
    let rows = fixture.rows(&found.decision);
    assert_eq!((found.after.true_positives, found.after.predicted), counted(&rows));
}

#[test]
fn claims_about_pairs_that_nobody_asks_about_do_not_count() {
    // `b` of `d` 1>2 tells `a` of 2>1, which is no candidate; `a` of 0>1 lies at (1 - 4) / 2.
    let fixture = Fixture::over_a_split(vec![vec![score(0, 1, "a", 1.0), score(1, 2, "b", 6.0)]]);
    let inverses = [("a".into(), "b".into())].into();
    let found = fitted(&fixture, &Decision { inverses, ..Decision::default() }, &FitOptions::default());
    assert_eq!((found.before.predicted, found.before.gold), (1, 4));
}

#[test]
fn files_that_are_no_decisions_are_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("decision.json");
    let refusal = |text: &[u8]| {
        std::fs::write(&path, text).unwrap();
        assert!(!Decision::is_written(&path));
        Decision::read(&path).unwrap_err().to_string()
    };
    let deep = "[".repeat(100_000);
    for (text, expected) in [
        (&b""[..], "EOF while parsing"),
        (b"{\"shift\": 1", "EOF while parsing an object at line 1 column 11"),
        (b"[]", "expected settings by name"),
        (b"{} {}", "trailing characters"),
        (b"\xff", "cannot read"),
        (deep.as_bytes(), "expected settings by name"),
        (format!("{{\"shifts\": {deep}").as_bytes(), "recursion limit exceeded"),
        (br#"{"docre": "page"}"#, "`docre`: expected \"decision\", got \"page\""),
        (br#"{"shift": 1, "shift": 2}"#, "duplicate field `shift`"),
        (br#"{"shift": 1e39}"#, "`shift`: expected a finite number"),
        (br#"{"shifts": {"a": null}}"#, "`shifts.a`: "),
        (br#"{"calibration": {"warmth": 1}}"#, "unknown variant `warmth`"),
        (
            br#"{"points": [{"shift": 0, "precision": 1.5, "recall": 0}]}"#,
            "`points.precision`: expected 0 to 1, got 1.5",
        ),
        (br#"{"points": [{"shift": 0, "precision": 1, "recal": 0}]}"#, "unknown field `recal`"),
        (br#"{"types": {"a": ["Disease"]}}"#, "expected two types, such as"),
    ] {
        let told = refusal(text);
        assert!(told.contains(expected), "{told}");
    }
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let told = Decision::read(&path).unwrap_err().to_string();
    assert!(told.ends_with("expected a decision of 67108864 bytes at most, got more"), "{told}");
    std::fs::write(&path, r#"{"docre": "decision", "shift": 0.5}"#).unwrap();
    assert_eq!(Decision::read(&path).unwrap().shift, 0.5);
}
