//! Decisions over small tables.

#![expect(clippy::unwrap_used, clippy::panic, clippy::float_cmp, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;

use ground::hint::Hint;
use table::Table;
use table::rows::{ClaimRow, FactRow, PairRow, RelationTypeRow, ScoreRow, SentenceWeightRow};
use tempfile::TempDir;

use super::*;
use crate::decision::{Calibration, EVIDENCE_ONLY, Ensemble, FittedRun, MODEL, Step};
use crate::ended::Claims;
use crate::fit::{Calibrated, FitOptions, FitRequest, fit};
use crate::judged::{Judged, judge};

/// A score so far above a threshold of 0, of document `d`, within a margin of 4.
pub fn score(head: u32, tail: u32, relation: &str, logit: f32) -> ScoreRow {
    ScoreRow {
        run_id: "run".into(),
        doc_id: "d".into(),
        head,
        tail,
        relation: relation.into(),
        logit,
        threshold_logit: 0.0,
        base_logit: None,
        base_threshold_logit: None,
        iteration: None,
        margin: 4.0,
        most_labels: 2,
    }
}

/// A claim of such a score at all iterations of two.
fn claim() -> ClaimRow {
    let ScoreRow { run_id, doc_id, head, tail, relation, logit, threshold_logit, most_labels, .. } =
        score(0, 1, "a", 3.0);
    let (base_logit, base_threshold_logit, iteration) = (None, None, None);
    let (since, until, iterations) = (0, 2, 2);
    ClaimRow {
        run_id,
        doc_id,
        head,
        tail,
        relation,
        logit,
        threshold_logit,
        base_logit,
        base_threshold_logit,
        iteration,
        since,
        until,
        iterations,
        most_labels,
    }
}

/// Such a score as a decision sees it.
pub fn seen(head: u32, tail: u32, relation: &str, logit: f32) -> Score {
    Score::new(score(head, tail, relation, logit))
}

fn scores() -> Vec<ScoreRow> {
    let one = [score(0, 1, "a", 3.0), score(0, 1, "b", 2.0), score(0, 1, "c", 1.0), score(1, 0, "a", -1.0)];
    let other = [score(0, 1, "c", 0.0), score(0, 1, "b", -3.0)].map(|row| ScoreRow { doc_id: "e".into(), ..row });
    one.into_iter().chain(other).collect()
}

/// A split of documents `d` and `e`, in each a chemical, a disease and a gene.
fn split(folder: &Path) -> PathBuf {
    let split = folder.join("split");
    let document = |(position, doc_id): (u32, &str)| DocumentRow {
        doc_id: doc_id.into(),
        title: "".into(),
        split: "dev".into(),
        source: "".into(),
        position,
        labelled: true,
        n_sentences: 1,
        n_tokens: 3,
        n_entities: 3,
        text_hash: "".into(),
    };
    let entities = |doc_id: &'static str| {
        (0..).zip(["Chemical", "Disease", "Gene"]).map(move |(entity_id, kind)| EntityRow {
            doc_id: doc_id.into(),
            entity_id,
            name: kind.into(),
            r#type: kind.into(),
            kb_id: None,
            n_mentions: 1,
        })
    };
    let pair = |(doc_id, head, tail, label, candidate): (&str, u32, u32, &str, bool)| PairRow {
        doc_id: doc_id.into(),
        head,
        tail,
        intra: true,
        sentence_distance: 0,
        candidate,
        labels: Some(label.split_terminator(' ').map(Into::into).collect()),
    };
    let pairs = [
        ("d", 0, 1, "a c", true),
        ("d", 1, 0, "", true),
        ("d", 2, 1, "a", false),
        ("e", 0, 1, "c", true),
        ("e", 0, 2, "b", true),
    ];
    let fact = |(doc_id, head, tail, relation): (&str, u32, u32, &str)| FactRow {
        doc_id: doc_id.into(),
        head,
        tail,
        relation: relation.into(),
        evidence: Vec::new(),
        attributes: Vec::new(),
    };
    let facts = [("d", 0, 1, "a"), ("d", 0, 1, "c"), ("d", 2, 1, "a"), ("e", 0, 1, "c"), ("e", 0, 2, "b")];
    table::write(&split, "", facts.map(fact).to_vec()).unwrap();
    let label = RelationTypeRow { relation: "c".into(), label: None, n_facts: 2, undirected: true };
    table::write(&split, "", vec![label]).unwrap();
    table::write(&split, "", pairs.map(pair).to_vec()).unwrap();
    table::write(&split, "", [(0, "d"), (1, "e")].map(document).to_vec()).unwrap();
    table::write(&split, "", ["d", "e"].into_iter().flat_map(entities).collect::<Vec<_>>()).unwrap();
    split
}

pub struct Fixture {
    pub folder: TempDir,
    pub runs: Vec<PathBuf>,
    pub split: Option<PathBuf>,
}

impl Fixture {
    pub fn new(runs: Vec<Vec<ScoreRow>>) -> Self {
        let folder = TempDir::new().unwrap();
        let places = runs.into_iter().enumerate().map(|(number, rows)| {
            let place = folder.path().join(format!("run{number}"));
            table::write(&place, "", rows).unwrap();
            place
        });
        let runs = places.collect();
        Self { folder, runs, split: None }
    }

    pub fn over_a_split(runs: Vec<Vec<ScoreRow>>) -> Self {
        let fixture = Self::new(runs);
        Self { split: Some(split(fixture.folder.path())), ..fixture }
    }

    pub fn decide(&self, decision: &Decision) -> Result<Ended, DecideError> {
        let out = &self.folder.path().join("out");
        let (scores, split, run_id, force) = (&*self.runs, self.split.as_deref(), None, true);
        super::decide(&Request { scores, weights: &[], split, decision, run_id, iteration: None, out, force })
    }

    pub fn rows(&self, decision: &Decision) -> Vec<RelationRow> {
        self.decide(decision).unwrap();
        Table::require(&self.folder.path().join("out")).unwrap().all().unwrap()
    }

    pub fn claims(&self, decision: &Decision) -> Vec<String> {
        let claim =
            |row: RelationRow| format!("{} {}>{} {} {}", row.doc_id, row.head, row.tail, row.relation, row.rank);
        self.rows(decision).into_iter().map(claim).collect()
    }

    pub fn refusal(&self, decision: &Decision) -> String {
        self.decide(decision).unwrap_err().to_string()
    }
}

#[test]
fn without_a_decision_the_threshold_and_the_most_labels_of_the_model_decide() {
    let fixture = Fixture::new(vec![scores()]);
    // `c` is above the threshold too, and the third of two; in `e` it lies on the threshold, not above it.
    assert_eq!(fixture.claims(&Decision::default()), ["d 0>1 a 1", "d 0>1 b 2"]);
    let rows = fixture.rows(&Decision::default());
    // 1 / (1 + e^-3)
    assert!((rows[0].probability - 0.952_574_1).abs() < 1e-6, "{rows:?}");
    assert_eq!(
        fixture.decide(&Decision::default()).unwrap(),
        Ended::UpToDate(Claims { count: 2, ..Claims::default() })
    );
}

#[test]
fn a_shift_of_the_threshold_is_for_all_relations_or_for_one() {
    let fixture = Fixture::new(vec![scores()]);
    let shifted = |shift| Decision { shift, most_labels: Some(9), ..Decision::default() };
    assert_eq!(fixture.claims(&shifted(1.5)), ["d 0>1 a 1", "d 0>1 b 2"]);
    let lower = ["d 0>1 a 1", "d 0>1 b 2", "d 0>1 c 3", "d 1>0 a 1", "e 0>1 c 1"];
    assert_eq!(fixture.claims(&shifted(-1.5)), lower);
    // `a` must lie 3.5 above, and the others 0.
    let of_one = Decision { shifts: [("a".into(), 3.5)].into(), ..shifted(0.0) };
    assert_eq!(fixture.claims(&of_one), ["d 0>1 b 1", "d 0>1 c 2"]);
}

#[test]
fn scores_that_do_not_reach_as_far_down_as_the_decision_are_refused() {
    let fixture = Fixture::new(vec![scores()]);
    let shifts = [("b".into(), -4.5)].into();
    let expected = "expected scores within 4.5 below the threshold, as the decision shifts it, got those within 4";
    assert_eq!(fixture.refusal(&Decision { shifts, ..Decision::default() }), expected);
    assert!(fixture.decide(&Decision { shift: -4.0, ..Decision::default() }).is_ok());
}

#[test]
fn probabilities_are_calibrated() {
    let fixture = Fixture::new(vec![scores()]);
    let of = |calibration| {
        let rows =
            fixture.rows(&Decision { calibration: Some(calibration), most_labels: Some(9), ..Decision::default() });
        rows.iter().map(|row| row.probability).collect::<Vec<_>>()
    };
    // At a temperature of 2: 1 / (1 + e^-1.5), 1 / (1 + e^-1), 1 / (1 + e^-0.5).
    let expected = [0.817_574_5, 0.731_058_6, 0.622_459_3];
    let got = of(Calibration::Temperature(2.0));
    assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{got:?}");
    let step = |margin, probability| Step { margin, probability };
    // 3 and 2 reach the second, 1 not even the first.
    assert_eq!(of(Calibration::Steps(vec![step(1.5, 0.25), step(2.0, 0.75)])), [0.75, 0.75, 0.25]);
}

#[test]
fn a_relation_joins_the_types_that_it_may() {
    let pairs: BTreeSet<_> = ["Disease:Chemical".parse().unwrap(), "Chemical:Gene".parse().unwrap()].into();
    let decision = Decision { shift: -2.0, types: [("a".into(), pairs)].into(), ..Decision::default() };
    let fixture = Fixture::over_a_split(vec![scores()]);
    // Of chemical and disease only what is not held to types: `c` is now the second of two.
    assert_eq!(fixture.claims(&decision), ["d 0>1 b 1", "d 0>1 c 2", "d 1>0 a 1", "e 0>1 c 1"]);
    let refusal = Fixture::new(vec![scores()]).refusal(&decision);
    assert_eq!(refusal, "`types` of a decision: expected the corpus that was scored, got none");
    let stray = Fixture::over_a_split(vec![vec![score(0, 7, "a", 1.0)]]).refusal(&decision);
    assert_eq!(stray, "document `d`: expected an entity of the corpus, got entity 7");
}

#[test]
fn runs_are_joined_document_by_document() {
    // The second run has nothing in `d` but one pair that the first lacks.
    let other = [score(2, 1, "b", 1.0), ScoreRow { doc_id: "e".into(), ..score(0, 1, "c", 2.0) }];
    let fixture = Fixture::over_a_split(vec![scores(), other.to_vec()]);
    // `e`: (0 + 2) / 2 = 1; in `d`, 3 and -4 are below 0 together.
    assert_eq!(fixture.claims(&Decision::default()), ["e 0>1 c 1"]);
    // σ(3) and σ(-4) are 0.953 and 0.018: 0.485. With 1 in place of 3 it is less.
    let ensemble = Ensemble::Probabilities;
    assert_eq!(fixture.claims(&Decision { ensemble, ..Decision::default() }), ["e 0>1 c 1"]);
    let shift = -0.1;
    assert_eq!(fixture.claims(&Decision { shift, ensemble, ..Decision::default() }), ["d 0>1 a 1", "e 0>1 c 1"]);
    let runs = Fixture { split: None, ..fixture };
    assert_eq!(
        runs.refusal(&Decision::default()),
        "several tables of scores: expected the corpus that was scored, got none"
    );
}

#[test]
fn scores_of_documents_that_the_split_lacks_are_refused() {
    let stray = vec![ScoreRow { doc_id: "f".into(), ..score(0, 1, "a", 1.0) }];
    let refusal = Fixture::over_a_split(vec![stray]).refusal(&Decision::default());
    assert!(refusal.contains("`f`"), "{refusal}");
}

#[test]
fn a_decision_that_cannot_be_is_refused_by_the_place_in_its_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("decision.json");
    for (text, expected) in [
        (r#"{"shfit": 1}"#, "unknown field `shfit`"),
        (r#"{"shift": "1"}"#, "`shift`: expected a number"),
        (r#"{"most_labels": 0}"#, "`most_labels`: expected 1 or more, got 0"),
        (r#"{"calibration": {"temperature": 0}}"#, "`calibration.temperature`: expected a number above 0, got 0"),
        (r#"{"calibration": {"steps": []}}"#, "`calibration.steps`: expected at least one, got none"),
        (
            r#"{"calibration": {"steps": [{"margin": 1, "probability": 0.5}, {"margin": 1, "probability": 0.6}]}}"#,
            "`calibration.steps`: expected greater margins and no smaller probabilities from step to step",
        ),
        (r#"{"inverses": {"a": "b", "b": "c"}}"#, "`inverses`: expected one inverse of `b`, got `a` and `c`"),
    ] {
        std::fs::write(&path, text).unwrap();
        let refusal = Decision::read(&path).unwrap_err().to_string();
        assert!(refusal.starts_with(&path.display().to_string()) && refusal.contains(expected), "{text}: {refusal}");
    }
    assert!(Decision::find(&folder.path().join("none.json")).unwrap().is_none());
    let decision = Decision { shift: 0.3, inverses: [("a".into(), "b".into())].into(), ..Decision::default() };
    std::fs::write(&path, serde_json::to_string(&decision).unwrap()).unwrap();
    assert_eq!(Decision::find(&path).unwrap(), Some(decision));
}

#[test]
fn a_decision_is_fitted_on_a_labelled_split_and_knows_its_documents() {
    let fixture = Fixture::over_a_split(vec![scores()]);
    let split = fixture.split.as_deref().unwrap();
    let decision = &Decision { most_labels: Some(3), ..Decision::default() };
    let fitted = |options: &FitOptions| {
        fit(&FitRequest { scores: &fixture.runs, weights: &[], split, decision, types_of: None, options }).unwrap()
    };
    // Right or wrong from above: a 3, b 2, c 1, c 0 (in `e`), a -1, b -3; right are a, c and c, and b of `e` 0>2 has no
    // score: 4 facts, one about no candidate left out. F1 is greatest with four claims: 2 * 3 / (4 + 4).
    let options = FitOptions { calibration: Calibrated::Isotonic, ..FitOptions::default() };
    let found = fitted(&options);
    assert_eq!(found.decision.shift, -0.5);
    assert_eq!((found.before.true_positives, found.before.predicted, found.before.gold), (2, 3, 4));
    assert_eq!((found.after.true_positives, found.after.predicted, found.after.gold), (3, 4, 4));
    // 0 of -3 and -1, which is 1 in 4 at most, then 1, 1, 0, 1: 2 of 3 from 0 on; the last is half-way to 1.
    let step = |margin, probability| Step { margin, probability };
    let steps = vec![step(-3.0, 0.25), step(0.0, 2.0 / 3.0), step(3.0, 5.0 / 6.0)];
    assert_eq!(found.decision.calibration, Some(Calibration::Steps(steps)));
    // What is counted is what is claimed, and both documents were fitted on.
    let ended = fixture.decide(&found.decision).unwrap();
    assert_eq!(ended, Ended::Decided(Claims { count: 4, fitted_on: 2, ..Claims::default() }));
    let warning = ended.claims().warnings().remove(0);
    assert!(warning.starts_with("the decision was fitted on 2 of these documents"), "{warning}");
    assert_eq!(fixture.decide(decision).unwrap().claims().warnings(), [""; 0]);
    let precise = fitted(&FitOptions { precision: Some(1.0), ..options.clone() });
    assert_eq!((precise.decision.shift, precise.after.predicted), (2.5, 1));
    let relations = fitted(&FitOptions { per_relation: true, shrinkage: 0.0, ..options });
    // `a` and `c` of their own, `b` has no right score: none of it is claimed. F1 is 2 * 3 / (3 + 4).
    assert_eq!((relations.after.true_positives, relations.after.predicted), (3, 3));
}

#[test]
fn types_are_those_that_a_relation_joins_in_training() {
    let fixture = Fixture::over_a_split(vec![scores()]);
    let split = fixture.split.as_deref().unwrap();
    let (decision, options) = (&Decision::default(), &FitOptions { recall: Some(0.0), ..FitOptions::default() });
    let request = FitRequest { scores: &fixture.runs, weights: &[], split, decision, types_of: Some(split), options };
    let types = fit(&request).unwrap().decision.types;
    let told: Vec<String> = types.iter().map(|(of, pairs)| format!("{of} {}", serde_json::json!(pairs))).collect();
    let expected = [
        r#"a ["Chemical:Disease","Gene:Disease"]"#,
        r#"b ["Chemical:Gene"]"#,
        // It holds both ways.
        r#"c ["Chemical:Disease","Disease:Chemical"]"#,
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_does_not_count_in_an_evaluation_does_not_count_here() {
    // (2, 1) of `d` is no candidate, and `c` holds both ways: of its two directions the better counts.
    let scores = vec![score(0, 1, "a", -1.0), score(1, 0, "c", 1.0), score(0, 1, "c", 2.0), score(2, 1, "a", 3.0)];
    let fixture = Fixture::over_a_split(vec![scores]);
    let split = fixture.split.as_deref().unwrap();
    let mut documents = Vec::new();
    let decision = Decision { fitted_on: [crate::decision::hashed("e")].into(), ..Decision::default() };
    let judging = judge(&fixture.runs, split, &decision, |document| documents.push(document)).unwrap();
    assert_eq!((judging.run_id, judging.reach, judging.fitted_on, judging.unlabelled), (Some("run".into()), 4.0, 1, 0));
    let [d, e] = documents.as_slice() else { panic!("{documents:?}") };
    let judged = |margin, holds| Judged { margin, holds };
    assert_eq!(d.scores, [("a".into(), judged(-1.0, true)), ("c".into(), judged(2.0, true))]);
    assert_eq!((&d.facts, &e.facts), (&vec!["a".into(), "c".into()], &vec!["c".into(), "b".into()]));
}

#[test]
fn joined_runs_are_called_as_the_first_that_has_scores() {
    let called = |run_id: &str, head, logit| ScoreRow { run_id: run_id.into(), ..score(head, 1, "a", logit) };
    // 2>1 is of the last run alone: (9 - 4 - 4) / 3.
    let runs = vec![Vec::new(), vec![called("one", 0, 1.0)], vec![called("two", 0, 3.0), called("two", 2, 9.0)]];
    let fixture = Fixture::over_a_split(runs);
    let decision = Decision { shift: -1.0, ..Decision::default() };
    let names: Vec<_> = fixture.rows(&decision).into_iter().map(|row| (row.head, row.run_id)).collect();
    assert_eq!(names, [(0, "one".into()), (2, "one".into())]);
    let judging = judge(&fixture.runs, fixture.split.as_deref().unwrap(), &decision, |_| {}).unwrap();
    assert_eq!(judging.run_id, Some("one".into()));
}

#[test]
fn evidence_of_an_iteration_is_found_behind_a_document_without_claims() {
    let folder = TempDir::new().unwrap();
    let claim =
        |doc_id: &str, since: u32| ClaimRow { doc_id: doc_id.into(), since, until: 1, iterations: 1, ..claim() };
    let weight = |doc_id: &str| SentenceWeightRow {
        run_id: "run".into(),
        doc_id: doc_id.into(),
        head: 0,
        tail: 1,
        sent_id: 0,
        weight: 0.5,
    };
    let [claims, weights, out] = ["claims", "weights", "out"].map(|name| folder.path().join(name));
    table::write(&claims, "", vec![claim("d", 1), claim("e", 0)]).unwrap();
    table::write(&weights, "", vec![weight("d"), weight("e")]).unwrap();
    let (scores, weights) = (&[claims], &[weights.join("sentence_weights")]);
    let (decision, run_id, split, iteration) = (&Decision::default(), None, None, Some(0));
    super::decide(&Request { scores, weights, split, decision, run_id, iteration, out: &out, force: true }).unwrap();
    let evidence: Vec<EvidenceRow> = Table::require(&out).unwrap().all().unwrap();
    assert_eq!(evidence.iter().map(|row| &*row.doc_id).collect::<Vec<_>>(), ["e"]);
}

#[test]
fn models_that_give_a_pair_more_and_fewer_relations_are_joined_as_a_decision_says() {
    let fewer = scores().into_iter().map(|row| ScoreRow { most_labels: 1, ..row }).collect();
    let fixture = Fixture::over_a_split(vec![scores(), fewer]);
    let expected = "expected models that give a pair equally many relations at most, got 2 and 1";
    assert_eq!(fixture.refusal(&Decision::default()), expected);
    let said = |most_labels| fixture.rows(&Decision { most_labels: Some(most_labels), ..Decision::default() }).len();
    assert!(said(1) < said(2));
}

#[test]
fn runs_of_different_margins_are_refused() {
    let wide = ScoreRow { margin: 5.0, ..score(0, 1, "a", 1.0) };
    let fixture = Fixture::over_a_split(vec![vec![score(0, 1, "a", 3.0)], Vec::new(), vec![wide]]);
    assert_eq!(fixture.refusal(&Decision::default()), "expected one margin of all runs, got 4 and 5");
}

#[test]
fn claims_of_an_iteration_are_neither_joined_nor_held_to_inverses() {
    let fixture = Fixture::over_a_split(vec![scores(), scores()]);
    let out = &fixture.folder.path().join("out");
    let told = |scores: &[PathBuf], decision: &Decision| {
        let (split, run_id, iteration) = (fixture.split.as_deref(), None, Some(0));
        let request = Request { scores, weights: &[], split, decision, run_id, iteration, out, force: true };
        let refused = recount(&request).unwrap_err();
        assert!(refused.hint().unwrap().contains("`--iterations N`"));
        refused.to_string()
    };
    let expected =
        "expected claims of one run, since of an iteration nothing tells what lay below the threshold, got 2 runs";
    assert_eq!(told(&fixture.runs, &Decision::default()), expected);
    let decision = Decision { inverses: [("a".into(), "b".into())].into(), ..Decision::default() };
    let told = told(&fixture.runs[..1], &decision);
    assert!(told.starts_with("`inverses` of a decision: expected none, since of an iteration"), "{told}");
}

#[test]
fn a_fitted_decision_is_told_where_it_is_taken_of_another_model_or_of_an_earlier_iteration() {
    let folder = TempDir::new().unwrap();
    let claims = |model: &str| {
        let out = folder.path().join(model);
        let mut writer = TableWriter::<ClaimRow>::create(&out, "").unwrap().noting(MODEL, model.to_owned());
        writer.write(vec![claim()]).unwrap();
        writer.finish().unwrap();
        out
    };
    let (own, other) = (claims("m"), claims("n"));
    let told = |decision: &Decision, scores: &PathBuf, iteration: u32| {
        let (scores, iteration, out) = (std::slice::from_ref(scores), Some(iteration), folder.path());
        let request =
            Request { scores, weights: &[], split: None, decision, run_id: None, iteration, out, force: true };
        recount(&request).unwrap().warnings()
    };
    let fitted_runs = vec![FittedRun { run_id: "mine".into(), model: Some("m".into()), evidence_only: None }];
    let fitted = Decision { fitted_runs, ..Decision::default() };
    assert_eq!(told(&fitted, &own, 2), [""; 0]);
    let early = "the decision was fitted on what the model says at its last iteration";
    assert_eq!(told(&fitted, &own, 1), [early]);
    let another = "the decision was fitted on scores of another model: those of the run `mine`";
    assert_eq!(told(&fitted, &other, 2), [another]);
    // The same model, which saw evidence alone, and by which weight.
    let on_evidence = |weight: f32| {
        let (out, of) = (folder.path().join(format!("evidence-{weight}")), crate::model_on_evidence("m"));
        let writer = TableWriter::<ClaimRow>::create(&out, "").unwrap().noting(MODEL, of);
        let mut writer = writer.noting(EVIDENCE_ONLY, weight.to_string());
        writer.write(vec![claim()]).unwrap();
        writer.finish().unwrap();
        out
    };
    let alone =
        "the decision was fitted on scores of documents, those of the run `mine`, and these are of evidence alone";
    assert_eq!(told(&fitted, &on_evidence(0.25), 2), [alone]);
    let of = Some(crate::model_on_evidence("m").into());
    let fitted_runs = vec![FittedRun { run_id: "mine".into(), model: of, evidence_only: Some(0.25) }];
    let on_weights = Decision { fitted_runs, ..Decision::default() };
    assert_eq!(told(&on_weights, &on_evidence(0.25), 2), [""; 0]);
    let stricter = told(&on_weights, &on_evidence(0.5), 2).remove(0);
    assert!(stricter.contains("above a weight of 0.25 were evidence, here those above 0.5 are"), "{stricter}");
    assert!(
        told(&on_weights, &own, 2)[0]
            .ends_with("of evidence alone, those of the run `mine`, and these are of documents")
    );
    // Nobody knows of scores that do not say it.
    let fitted_runs = vec![FittedRun { run_id: "mine".into(), model: None, evidence_only: None }];
    assert_eq!(told(&Decision { fitted_runs, ..Decision::default() }, &other, 2), [""; 0]);
    assert_eq!(told(&Decision::default(), &other, 1), [""; 0]);
}

#[test]
fn names_that_no_score_has_are_told_of_a_decision_of_somebodys_own_hand() {
    let types = ["Chemical:Disease".parse().unwrap()].into();
    let decision = Decision {
        shifts: [("a".into(), 0.0), ("B".into(), 1.0)].into(),
        types: [("c".into(), types)].into(),
        // What follows from an inverse is not scored.
        inverses: [("a".into(), "of a".into())].into(),
        ..Decision::default()
    };
    let warnings =
        |decision: &Decision| Fixture::over_a_split(vec![scores()]).decide(decision).unwrap().claims().warnings();
    assert_eq!(warnings(&decision), ["no score is of `B`, `of a`, which the decision names"]);
    let fitted = Decision { fitted_on: ["0".into()].into(), ..decision };
    assert_eq!(warnings(&fitted), [""; 0]);
    // Types that no entity has bar all claims of a relation.
    let types = ["Chemical:Disease", "chemical:*", "*:Gene", "Drug:Disease"].map(|pair| pair.parse().unwrap()).into();
    let barring = Decision { types: [("c".into(), types)].into(), ..Decision::default() };
    let told = "no entities are of the types `Drug:Disease`, `chemical:*`, which the decision names";
    assert_eq!(warnings(&barring), [told]);
    let many = Decision { shifts: (0..10).map(|of| (format!("r{of}").into(), 1.0)).collect(), ..Decision::default() };
    let told = warnings(&many).remove(0);
    assert!(told.ends_with("`r6`, `r7` and 2 more, which the decision names"), "{told}");
}

#[test]
fn only_a_decision_that_docre_wrote_is_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.json");
    for theirs in ["{\"shift\": 0.5}", "{}", ""] {
        std::fs::write(&path, theirs).unwrap();
        let refused = Decision::default().write(&path, true).unwrap_err();
        assert!(refused.to_string().ends_with("found another file: it will not be replaced"), "{refused}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(Decision::default().write(&path, false).unwrap());
    let other = Decision { shift: 1.0, ..Decision::default() };
    assert!(other.write(&path, false).is_err() && other.write(&path, true).unwrap());
    let mut sent = Vec::new();
    other.send(&mut sent).unwrap();
    assert_eq!(sent, std::fs::read(&path).unwrap());
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_no_absent_decision() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("decision.json");
    std::os::unix::fs::symlink(folder.path().join("gone"), &path).unwrap();
    assert!(Decision::find(&path).unwrap_err().to_string().ends_with("decision.json: cannot read"));
}

#[test]
fn scores_without_right_ones_are_not_fitted_on_nor_those_without_wrong_ones_calibrated() {
    let (decision, options) = (&Decision::default(), &FitOptions::default());
    let fitted = |rows: Vec<ScoreRow>| {
        let fixture = Fixture::over_a_split(vec![rows]);
        let split = fixture.split.as_deref().unwrap();
        fit(&FitRequest { scores: &fixture.runs, weights: &[], split, decision, types_of: None, options })
    };
    let refusal = |rows| fitted(rows).unwrap_err().to_string();
    assert!(refusal(Vec::new()).ends_with("expected scores of which some are right, got 0 wrong ones"));
    let wrong = vec![score(0, 1, "b", 3.0), score(1, 0, "b", 1.0)];
    assert!(refusal(wrong).ends_with("expected scores of which some are right, got 2 wrong ones"));
    let found = fitted(vec![score(0, 1, "a", 3.0)]).unwrap();
    assert_eq!(found.decision.calibration, None);
    assert_eq!(found.warnings(), ["no score is wrong: probabilities stay as the model has them"]);
    let found = fitted(scores()).unwrap();
    assert!(found.decision.calibration.is_some() && found.warnings().is_empty());
    for wanted in [0.0, -0.5, 1.5, f64::NAN] {
        for options in [
            FitOptions { precision: Some(wanted), ..FitOptions::default() },
            FitOptions { recall: Some(wanted), ..FitOptions::default() },
        ] {
            assert!(options.check().unwrap_err().contains("`: expected above 0 and up to 1, got "));
        }
    }
}
