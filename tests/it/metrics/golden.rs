//! The official DocRED scorer's numbers, and those of the further metrics, over Re-DocRED's development split.

use std::path::Path;

use docre::metrics::{Metric, Request, evaluate};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{corpora, redocred};

#[test]
fn the_official_numbers_come_out() {
    let Some(corpora) = corpora() else { return };
    let training_facts = corpora.join("docred/train_annotated.fact");
    let folder = TempDir::new().unwrap();
    let tables = redocred(folder.path()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/evaluation");
    let expected: Value = serde_json::from_slice(&std::fs::read(golden.join("expected.json")).unwrap()).unwrap();
    let predictions = golden.join("predictions.json");
    let request = Request { training_facts: Some(&training_facts), ..Request::new(&tables, &predictions) };
    let metrics = evaluate(&request).unwrap().metrics;
    let find = |metric: &str, scope: &str| {
        let wanted = |row: &&Metric| &*row.metric == metric && &*row.scope == scope && row.relation.is_none();
        metrics.iter().find(wanted).unwrap()
    };

    let official = &expected["official"];
    close(find("F1", "all").f1, &official["f1"], 1e-9);
    close(find("evidence F1", "all").f1, &official["evidence_f1"], 1e-9);
    // The official scorer adds 1e-5 to the denominator of precision.
    close(find("IgnF1", "all").f1, &official["ign_f1_annotated"], 1e-5);
    for scope in ["all", "intra", "inter", "infer"] {
        let (row, expected) = (find("F1", scope), &expected[scope]);
        assert_eq!(row.true_positives, expected["tp"].as_u64(), "{scope}");
        assert_eq!(row.predicted, expected["predicted"].as_u64(), "{scope}");
        assert_eq!(row.gold, expected["gold"].as_u64(), "{scope}");
        close(row.precision, &expected["precision"], 1e-9);
        close(row.recall, &expected["recall"], 1e-9);
        close(row.f1, &expected["f1"], 1e-9);
    }
    // What a reader of the papers counted over the same predictions by a program of their own, to a tenth of a point.
    for (scope, figures) in [("infer", [66.4, 51.6, 58.1]), ("infer gold", [45.2, 62.1, 52.3])] {
        let row = find("F1", scope);
        let got = [row.precision, row.recall, row.f1].map(|figure| (1000.0 * figure.unwrap()).round() / 10.0);
        assert_eq!(got, figures, "{scope}");
    }
    for (pattern, expected) in expected["infer_accuracy"].as_object().unwrap() {
        let row = find("Infer-Ac", pattern);
        assert_eq!(row.true_positives, expected["predicted"].as_u64(), "{pattern}");
        assert_eq!(row.gold, expected["facts"].as_u64(), "{pattern}");
        close(row.recall, &expected["accuracy"], 1e-9);
    }
}

#[track_caller]
fn close(got: Option<f64>, expected: &Value, tolerance: f64) {
    let (got, expected) = (got.unwrap(), expected.as_f64().unwrap());
    assert!((got - expected).abs() < tolerance, "got {got}, expected {expected}");
}
