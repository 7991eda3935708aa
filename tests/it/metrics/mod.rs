//! Evaluation: a split worked out by hand, random splits against a plain reading of the definitions, the official
//! scorer's numbers, and what is refused.

mod fixture;
mod golden;
mod oracle;
mod refused;

use std::path::{Path, PathBuf};

use docre::metrics::{Evaluation, Metric, Request, compare, evaluate, evaluate_each, present};
use serde_json::{Value, json};
use tempfile::TempDir;

use fixture::{Doc, Split, entry, with_evidence, write_with_evidence};

/// Documents: `A` holds a triangle, `B` a ring, `C` a pair that is no candidate, `D` has no labels.
fn by_hand() -> Split {
    let a = Doc::new("A", &[&[0], &[0], &[1], &[1]])
        .named(0, &["Ann", "Annie"])
        .named(1, &["Bo"])
        .fact(0, 1, "r1", &[0])
        .fact(1, 2, "r1", &[1])
        .fact(0, 2, "r2", &[0, 1])
        .fact(2, 3, "r2", &[]);
    let b = Doc::new("B", &[&[0], &[0], &[1]]).fact(0, 1, "r1", &[0]).fact(1, 2, "r1", &[0]).fact(2, 0, "r1", &[0]);
    let c = Doc::new("C", &[&[0], &[0]]).fact(1, 0, "r1", &[0]).no_candidate(1, 0);
    let d = Doc::new("D", &[&[0], &[0]]).unlabelled();
    Split(vec![a, b, c, d])
}

fn predictions() -> Vec<Value> {
    vec![
        with_evidence("A", 0, 1, "r1", &[0]),
        with_evidence("A", 0, 1, "r1", &[1]),
        with_evidence("A", 1, 2, "r1", &[1]),
        with_evidence("A", 0, 2, "r1", &[0]),
        entry("A", 0, 3, "r2"),
        entry("A", 0, 9, "r1"),
        entry("B", 0, 1, "r1"),
        entry("C", 0, 1, "r2"),
        with_evidence("C", 1, 0, "r1", &[0]),
        entry("D", 0, 1, "r1"),
        entry("Z", 0, 1, "r1"),
    ]
}

/// Evaluates a submission on a split, with training facts where there are any.
fn evaluated(split: &Split, predictions: &[Value], training: &[[&str; 3]]) -> Evaluation {
    let folder = TempDir::new().unwrap();
    let tables = split.write(folder.path());
    let submission = folder.path().join("run.json");
    std::fs::write(&submission, json!(predictions).to_string()).unwrap();
    let facts = folder.path().join("train.fact");
    std::fs::write(&facts, json!(training).to_string()).unwrap();
    let training_facts = (!training.is_empty()).then_some(facts.as_path());
    evaluate(&Request { training_facts, resamples: 100, ..Request::new(&tables, &submission) }).unwrap()
}

fn find<'a>(evaluation: &'a Evaluation, metric: &str, scope: &str, relation: Option<&str>) -> &'a Metric {
    let wanted = |row: &&Metric| &*row.metric == metric && &*row.scope == scope && row.relation.as_deref() == relation;
    evaluation.metrics.iter().find(wanted).unwrap()
}

/// Asserts a row's correct, predicted and gold counts, and its F1.
#[track_caller]
fn check(row: &Metric, [correct, predicted, gold]: [u64; 3], f1: f64) {
    assert_eq!([row.true_positives, row.predicted, row.gold], [correct, predicted, gold].map(Some), "{row:?}");
    assert!((row.f1.unwrap() - f1).abs() < 1e-12, "{row:?}");
}

/// Asserts that a row is of nothing, and that nothing is said of it.
#[track_caller]
fn check_empty(row: &Metric) {
    assert_eq!([row.true_positives, row.predicted, row.gold], [Some(0); 3], "{row:?}");
    assert_eq!([row.precision, row.recall, row.f1, row.f1_low, row.f1_high], [None; 5], "{row:?}");
}

#[test]
fn every_metric_is_what_hand_and_paper_say() {
    let run = evaluated(&by_hand(), &predictions(), &[["Annie", "Bo", "r1"], ["Ann", "Bo", "r2"]]);
    // Predicted: 4 of A (one twice), 1 of an entity that A lacks, 1 of B, 1 of C, 1 of no document. Gold: 4 of A, 3 of B.
    check(find(&run, "F1", "all", None), [3, 8, 7], 2.0 * 3.0 / (8.0 + 7.0));
    // Ann and Bo were seen in training: one correct prediction leaves precision, 2/7; recall stays 3/7.
    check(find(&run, "IgnF1", "all", None), [2, 7, 7], 2.0 * (2.0 / 7.0) * (3.0 / 7.0) / (5.0 / 7.0));
    // Together in a sentence: A (0,1), (2,3); B (0,1); C (0,1).
    check(find(&run, "F1", "intra", None), [2, 3, 3], 2.0 * 2.0 / (3.0 + 3.0));
    check(find(&run, "F1", "inter", None), [1, 3, 4], 2.0 * 1.0 / (3.0 + 4.0));
    // A's triangle 0→1→2, 0→2, in gold and in the predictions, with another relation on (0,2). B's ring is none.
    check(find(&run, "F1", "infer", None), [2, 3, 3], 2.0 * 2.0 / (3.0 + 3.0));
    // The same facts, and all 8 predictions.
    check(find(&run, "F1", "infer gold", None), [2, 8, 3], 2.0 * 2.0 / (8.0 + 3.0));
    check(find(&run, "F1", "all", Some("r1")), [3, 6, 5], 2.0 * 3.0 / (6.0 + 5.0));
    check(find(&run, "F1", "all", Some("r2")), [0, 2, 2], 0.0);
    check(find(&run, "F1", "frequent", None), [3, 8, 7], 6.0 / 15.0);
    check_empty(find(&run, "F1", "long tail", None));
    assert!((find(&run, "macro F1", "all", None).f1.unwrap() - 6.0 / 11.0 / 2.0).abs() < 1e-12);
    // A (0,1): {0, 1} from both of its entries; (1,2): {1}; (0,2): {0}. Gold: 1 + 1 + 2 + 0 in A, 3 in B.
    check(find(&run, "evidence F1", "all", None), [2, 4, 7], 2.0 * 2.0 / (4.0 + 7.0));
    // Concluded: A (0,2), A (0,1), A (1,2), and B's ring, of which (0,1) was predicted; of any pattern 6 facts.
    let patterns = [("s>i,i>o", 0, 1), ("s>i,o>i", 1, 1), ("i>s,i>o", 1, 1), ("o>i,i>s", 1, 3), ("any", 3, 6)];
    for (pattern, predicted, facts) in patterns {
        let row = find(&run, "Infer-Ac", pattern, None);
        assert_eq!((row.true_positives, row.predicted, row.gold), (Some(predicted), Some(predicted), Some(facts)));
        assert_eq!((row.precision, row.f1), (None, None));
        assert!((row.recall.unwrap() - predicted as f64 / facts as f64).abs() < 1e-12, "{row:?}");
    }
    // Six of seven facts are concluded, whatever was predicted.
    let row = find(&run, "coverage", "all", None);
    assert_eq!((row.true_positives, row.predicted, row.gold), (Some(6), None, Some(7)));
    assert_eq!((row.precision, row.recall, row.f1), (None, Some(6.0 / 7.0), None));
}

#[test]
fn evidence_counts_in_a_table_as_in_a_submission() {
    let folder = TempDir::new().unwrap();
    let tables = by_hand().write(folder.path());
    let relations = folder.path().join("relations");
    let of_table = |entries: &[Value], odd: &[Option<i64>]| {
        write_with_evidence(&relations, entries, odd);
        evaluate(&Request::new(&tables, &relations))
    };
    let run = of_table(&predictions(), &[]).unwrap();
    check(find(&run, "evidence F1", "all", None), [2, 4, 7], 2.0 * 2.0 / (4.0 + 7.0));
    // A sentence that the document lacks is wrong, as in a submission.
    let run = of_table(&predictions(), &[Some(9)]).unwrap();
    check(find(&run, "evidence F1", "all", None), [2, 5, 7], 2.0 * 2.0 / (5.0 + 7.0));
    let without = [entry("A", 0, 1, "r1")];
    let run = of_table(&without, &[]).unwrap();
    assert!(run.metrics.iter().all(|row| &*row.metric != "evidence F1"));
    let said = |odd| of_table(&predictions(), &[odd]).unwrap_err().to_string();
    assert!(said(None).ends_with("column `evidence`: expected a value in every item, got 1 nulls"), "{}", said(None));
    let negative = said(Some(-1));
    assert!(negative.ends_with("column `evidence`: expected numbers from 0 to 4294967295, got -1"), "{negative}");
}

#[test]
fn oddities_are_counted_and_told() {
    let notes = evaluated(&by_hand(), &predictions(), &[]).notes;
    assert_eq!((notes.rows, notes.duplicates, notes.not_candidates), (11, 1, 1));
    assert_eq!((notes.stray_documents, notes.stray_entities), (1, 1));
    assert_eq!((notes.unlabelled_documents, notes.unlabelled_rows), (1, 1));
    assert_eq!(notes.warnings().len(), 6);
}

#[test]
fn the_ten_relations_with_most_facts_are_frequent() {
    // Relation rK holds K facts in a document of 13 entities, K = 1 to 12: the most frequent are r3 to r12, 75 facts.
    let mut doc = Doc::new("A", &[&[0][..]; 13]);
    let mut predictions = Vec::new();
    for k in 1..=12 {
        for tail in 1..=k {
            doc = doc.fact(0, tail, &format!("r{k}"), &[]);
        }
        predictions.push(entry("A", 0, 1, &format!("r{k}")));
    }
    let run = evaluated(&Split(vec![doc]), &predictions, &[]);
    check(find(&run, "F1", "frequent", None), [10, 10, 75], 20.0 / 85.0);
    check(find(&run, "F1", "long tail", None), [2, 2, 3], 4.0 / 5.0);
}

#[test]
fn no_prediction_is_a_legal_run() {
    let run = evaluated(&by_hand(), &[], &[]);
    let row = find(&run, "F1", "all", None);
    check(row, [0, 0, 7], 0.0);
    assert_eq!((row.precision, row.recall), (None, Some(0.0)));
    assert_eq!(run.notes.warnings()[0], "there are no predictions");
    let nothing = evaluated(&Split(vec![Doc::new("A", &[])]), &[], &[]);
    check_empty(find(&nothing, "F1", "all", None));
    assert_eq!(find(&nothing, "macro F1", "all", None).f1, None);
}

#[test]
fn a_scope_without_facts_and_predictions_has_no_f1() {
    // A fact of one document, no part of a triangle; a resample of the other document alone has nothing to say.
    let lone = Doc::new("A", &[&[0], &[1]]).fact(0, 1, "r", &[]);
    let run = evaluated(&Split(vec![lone.clone(), Doc::new("B", &[&[0]])]), &[entry("A", 0, 1, "r")], &[]);
    check(find(&run, "F1", "all", None), [1, 1, 1], 1.0);
    let row = find(&run, "F1", "all", None);
    assert_eq!((row.f1_low, row.f1_high), (Some(1.0), Some(1.0)));
    for scope in ["infer", "infer gold", "intra", "long tail"] {
        check_empty(find(&run, "F1", scope, None));
    }
    let table = present::table(&run.metrics, &[], false);
    let line = table.lines().find(|line| line.starts_with("F1") && line.contains("infer")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["F1", "infer", "-", "-", "-", "0", "0", "0"]);
    // A difference to nothing is none.
    let scopes: Vec<String> = run.compare(&run).unwrap().iter().map(|row| row.scope.to_string()).collect();
    assert_eq!(scopes, ["all", "inter"]);
    // What is missed is 0, and what is wrong is.
    let missed = evaluated(&Split(vec![lone.clone()]), &[], &[]);
    check(find(&missed, "F1", "inter", None), [0, 0, 1], 0.0);
    let wrong = evaluated(&Split(vec![Doc::new("A", &[&[0], &[1]])]), &[entry("A", 0, 1, "r")], &[]);
    check(find(&wrong, "F1", "inter", None), [0, 1, 0], 0.0);
}

#[test]
fn a_relations_table_scores_like_the_submission() {
    let folder = TempDir::new().unwrap();
    let tables = by_hand().write(folder.path());
    fixture::write_relations(&folder.path().join("run/relations"), "mine", &predictions());
    let run = evaluate(&Request::new(&tables, &folder.path().join("run"))).unwrap();
    check(find(&run, "F1", "all", None), [3, 8, 7], 6.0 / 15.0);
    assert!(run.metrics.iter().all(|row| &*row.run_id == "mine" && &*row.metric != "evidence F1"));
}

#[test]
fn training_facts_of_a_split_are_all_names_of_both_entities() {
    let folder = TempDir::new().unwrap();
    let tables = by_hand().write(folder.path());
    let train = Doc::new("T", &[&[0], &[1]]).named(0, &["x", "Annie"]).named(1, &["Bo", "y"]).fact(0, 1, "r1", &[]);
    let train = Split(vec![train]).write(&folder.path().join("train"));
    fixture::write_relations(&folder.path().join("relations"), "mine", &predictions());
    let request = Request { training_facts: Some(&train), ..Request::new(&tables, folder.path()) };
    check(find(&evaluate(&request).unwrap(), "IgnF1", "all", None), [2, 7, 7], 12.0 / 35.0);
}

#[test]
fn intervals_hold_the_figure_and_a_run_equals_itself() {
    let run = evaluated(&by_hand(), &predictions(), &[]);
    let row = find(&run, "F1", "all", None);
    assert!(row.f1_low.unwrap() < row.f1.unwrap() && row.f1.unwrap() < row.f1_high.unwrap(), "{row:?}");
    for row in run.compare(&run).unwrap() {
        assert_eq!((row.difference, row.low, row.high, row.p_value), (0.0, 0.0, 0.0, 1.0));
    }
}

/// Eight documents of two facts each, and predictions of one of the two and of both.
fn halved(folder: &Path) -> (PathBuf, [PathBuf; 2]) {
    let docs =
        (0..8).map(|k| Doc::new(&format!("doc {k}"), &[&[0], &[1], &[2]]).fact(0, 1, "r", &[]).fact(1, 2, "r", &[]));
    let tables = Split(docs.collect()).write(folder);
    let half: Vec<Value> = (0..8).map(|k| entry(&format!("doc {k}"), 0, 1, "r")).collect();
    let whole: Vec<Value> = (0..8).map(|k| entry(&format!("doc {k}"), 1, 2, "r")).chain(half.clone()).collect();
    let paths = [("half", half), ("whole", whole)].map(|(name, rows)| {
        fixture::write_relations(&folder.join(name), name, &rows);
        folder.join(name)
    });
    (tables, paths)
}

#[test]
fn a_run_that_is_better_everywhere_is_significantly_so() {
    let folder = TempDir::new().unwrap();
    let (tables, paths) = halved(folder.path());
    let [half, whole] = paths.each_ref().map(|path| evaluate(&Request::new(&tables, path)).unwrap());
    let rows = whole.compare(&half).unwrap();
    let row = rows.iter().find(|row| &*row.scope == "all").unwrap();
    // P = 1 for both; R = 1 against 1/2: F1 = 1 against 2/3, in every resample.
    assert!((row.difference - 1.0 / 3.0).abs() < 1e-12 && (row.low - row.high).abs() < 1e-12);
    assert_eq!((&*row.run_id, &*row.against, row.p_value), ("whole", "half", 0.0));
    assert!(present::comparison_table(&rows).contains("+33.33"));
}

#[test]
fn runs_of_several_seeds_are_compared_over_seeds_and_documents() {
    let folder = TempDir::new().unwrap();
    let (tables, paths) = halved(folder.path());
    let request = Request::new(&tables, &tables);
    let each = |paths: &[PathBuf]| evaluate_each(&request, paths).unwrap();
    let [half, whole] = &paths;
    let all = |ours: &[Evaluation], theirs: &[Evaluation]| {
        compare(ours, theirs).unwrap().into_iter().find(|row| &*row.scope == "all").unwrap()
    };
    // F1 of the runs 1 and 2/3 in every resample of the documents: of two runs one is drawn, half of the times either.
    let both = all(&each(&[whole.clone(), half.clone()]), &each(std::slice::from_ref(half)));
    assert!((both.difference - 1.0 / 6.0).abs() < 1e-12, "{both:?}");
    assert!(both.low == 0.0 && (both.high - 1.0 / 3.0).abs() < 1e-12 && both.p_value > 0.9, "{both:?}");
    assert_eq!((both.seeds, both.against_seeds, &*both.run_id, &*both.against), (2, 1, "whole, half", "half"));
    // Of three runs two are drawn: the better one twice in a ninth of the resamples.
    let three = all(&each(&[whole.clone(), half.clone(), half.clone()]), &each(std::slice::from_ref(half)));
    assert!((three.difference - 1.0 / 9.0).abs() < 1e-12 && (three.high - 1.0 / 3.0).abs() < 1e-12, "{three:?}");
    assert_eq!(&*three.run_id, "whole, half 1, half 2");
    // Seeds that are alike change nothing.
    let alike = all(&each(&[whole.clone(), whole.clone()]), &each(&[half.clone(), half.clone(), half.clone()]));
    let one = all(&each(std::slice::from_ref(whole)), &each(std::slice::from_ref(half)));
    assert!((alike.difference - one.difference).abs() < 1e-12 && (alike.low - one.low).abs() < 1e-12, "{alike:?}");
    assert_eq!((alike.seeds, alike.against_seeds, alike.p_value), (2, 3, 0.0));
    let shown = present::comparison_table(&[alike]);
    assert!(shown.contains("the mean of 2 runs against that of 3"), "{shown}");
}

#[test]
fn a_table_of_several_runs_is_as_many_evaluations() {
    let folder = TempDir::new().unwrap();
    let tables = by_hand().write(folder.path());
    let relations = folder.path().join("relations");
    fixture::write_relations(&relations, "one", &predictions());
    std::fs::rename(relations.join("part-00000.parquet"), relations.join("part-00001.parquet")).unwrap();
    fixture::write_relations(&relations, "two", &[entry("A", 0, 1, "r1")]);
    let runs = evaluate_each(&Request::new(&tables, &tables), &[relations]).unwrap();
    assert_eq!(runs.iter().map(Evaluation::name).collect::<Vec<_>>(), ["one", "two"]);
    check(find(&runs[0], "F1", "all", None), [3, 8, 7], 6.0 / 15.0);
    check(find(&runs[1], "F1", "all", None), [1, 1, 7], 2.0 / 8.0);
    assert_eq!((runs[0].notes.rows, runs[1].notes.rows), (11, 1));
    let metrics: Vec<Metric> = runs.into_iter().flat_map(|run| run.metrics).collect();
    let table = present::table(&metrics, &[], false);
    assert!(table.starts_with("run one\nmetric") && table.contains("\n\nrun two\nmetric"), "{table}");
}

#[test]
fn figures_are_shown_as_a_table_and_as_json() {
    let run = evaluated(&by_hand(), &predictions(), &[]);
    let table = present::table(&run.metrics, &[], true);
    let line = |start: &str| {
        table.lines().find(|line| line.starts_with(start)).unwrap().split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(line("F1           all")[2..5], ["37.50", "42.86", "40.00"]);
    assert_eq!(line("r1")[1..], ["50.00", "60.00", "54.55", "3", "6", "5"]);
    assert!(!present::table(&run.metrics, &[], false).contains("r1"));
    let rows = present::Rows { metrics: &run.metrics, comparisons: &[], of_scores: None };
    let json: Value = serde_json::from_str(&present::json(rows).unwrap()).unwrap();
    assert_eq!(json["metrics"].as_array().unwrap().len(), run.metrics.len());
    assert_eq!(json["metrics"][0]["metric"], "F1");
}

#[test]
fn wide_and_hostile_names_of_relations_keep_the_table_straight() {
    let doc = Doc::new("A", &[&[0], &[0]]).fact(0, 1, "關係", &[0]).fact(1, 0, "r\n\u{202e}", &[0]);
    let run = evaluated(&Split(vec![doc]), &[], &[]);
    let table = present::table(&run.metrics, &[], true);
    let (_, relations) = table.split_once("\n\n").unwrap();
    // Each of the two characters takes two columns of the screen; what turns the writing is spelt out.
    assert_eq!(
        relations.lines().map(|line| line.split("  ").next().unwrap()).collect::<Vec<_>>(),
        ["relation", "r\\n\\u{202e}", "關係"]
    );
    assert!(relations.lines().last().unwrap().starts_with("關係         -"), "{relations}");
}
