//! `docre evaluate` where relations hold both ways: the direction of a prediction is no part of what it says.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::docre;

/// A document of one sentence that names these things, with facts (head, relation, tail, evidence).
fn document(title: &str, names: &[&str], facts: &[(u32, &str, u32)]) -> Value {
    let mention = |(place, name): (usize, &&str)| json!([{"name": name, "type": "Gene", "sent_id": 0, "pos": [place, place + 1]}]);
    let label = |(h, r, t): &(u32, &str, u32)| json!({"h": h, "t": t, "r": r, "evidence": [0]});
    json!({
        "title": title,
        "sents": [names],
        "vertexSet": names.iter().enumerate().map(mention).collect::<Vec<_>>(),
        "labels": facts.iter().map(label).collect::<Vec<_>>(),
    })
}

struct Corpus(TempDir);

impl Corpus {
    /// The gold facts A–B, C–B of an association, and B → A of a relation with a direction; training showed B–A.
    fn new(undirected: &[&str]) -> Self {
        let corpus = Self(TempDir::new().unwrap());
        let gold =
            document("d", &["A", "B", "C"], &[(0, "Association", 1), (2, "Association", 1), (1, "Regulates", 0)]);
        let train = document("t", &["B", "A"], &[(0, "Association", 1)]);
        for (split, document) in [("dev", gold), ("train", train)] {
            let source = corpus.path(&format!("{split}.json"));
            fs::write(&source, json!([document]).to_string()).unwrap();
            let arguments = ["convert", "--format", "docred", "--split", split, "--out"];
            let out = corpus.path("out");
            let run = docre(arguments.iter().copied().chain([&*out, &*source]).chain(undirected.iter().copied()));
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
        corpus
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// The metrics of predictions (head, relation, tail), each with the gold sentence as its evidence.
    fn figures(&self, predicted: &[(u32, &str, u32)]) -> Vec<Value> {
        let entry =
            |(h, r, t): &(u32, &str, u32)| json!({"title": "d", "h_idx": h, "t_idx": t, "r": r, "evidence": [0]});
        fs::write(self.path("predicted.json"), json!(predicted.iter().map(entry).collect::<Vec<_>>()).to_string())
            .unwrap();
        let (tables, predicted, train) = (self.path("out/dev"), self.path("predicted.json"), self.path("out/train"));
        let paths = ["evaluate", "--corpus", &tables, "--relations", &predicted, "--train-facts", &train];
        let run = docre(paths.iter().chain(&["--format", "json", "--resamples", "0"]));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        serde_json::from_str::<Value>(&run.stdout).unwrap()["metrics"].as_array().unwrap().clone()
    }
}

/// A figure of all relations: its counts and its value.
fn figure(figures: &[Value], metric: &str) -> (u64, u64, u64, f64) {
    let wanted = |row: &&Value| row["metric"] == metric && row["scope"] == "all" && row["relation"].is_null();
    let row = figures.iter().find(wanted).unwrap();
    let count = |name: &str| row[name].as_u64().unwrap();
    let f1 = (row["f1"].as_f64().unwrap() * 1e12).round() / 1e12;
    (count("true_positives"), count("predicted"), count("gold"), f1)
}

/// A–B twice, in both directions; C–B against the order of the source; A–C, which is wrong; A → B, whose direction is.
const PREDICTED: [(u32, &str, u32); 5] =
    [(1, "Association", 0), (0, "Association", 1), (1, "Association", 2), (2, "Association", 0), (0, "Regulates", 1)];

#[test]
fn a_prediction_of_an_undirected_relation_is_right_in_either_direction() {
    let figures = Corpus::new(&["--undirected", "Association"]).figures(&PREDICTED);
    // Right: A–B, B–C. Predicted: A–B, B–C, A–C, A → B. Gold: A–B, B–C, B → A. 2 · 2 / (4 + 3) = 4 / 7.
    assert_eq!(figure(&figures, "F1"), (2, 4, 3, 0.571_428_571_429));
    // Of the right ones training showed A–B, as B–A: (2 − 1) / (4 − 1) of precision, 2 / 3 of recall, 4 / 9 of F1.
    let (.., ignoring) = figure(&figures, "IgnF1");
    assert_eq!(ignoring, 0.444_444_444_444);
    // A sentence of each fact.
    assert_eq!(figure(&figures, "evidence F1"), (2, 4, 3, 0.571_428_571_429));
}

#[test]
fn a_direction_counts_where_relations_have_one() {
    let figures = Corpus::new(&[]).figures(&PREDICTED);
    // Right: A → B. Predicted: all five. Gold: A → B, C → B, B → A. 2 · 1 / (5 + 3).
    assert_eq!(figure(&figures, "F1"), (1, 5, 3, 0.25));
    assert_eq!(figure(&figures, "evidence F1"), (1, 5, 3, 0.25));
}

#[test]
fn all_relations_can_be_undirected() {
    let figures = Corpus::new(&["--undirected", "*"]).figures(&PREDICTED);
    // Now A → B is right too: 2 · 3 / (4 + 3) = 6 / 7.
    assert_eq!(figure(&figures, "F1"), (3, 4, 3, 0.857_142_857_143));
}

#[test]
fn what_is_inferred_does_not_hang_on_how_a_document_numbers_its_entities() {
    // A–B both ways, B → C, C → A: read as B → A it closes the path B → C → A, as A → B a ring.
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let [a, b, c] = order;
        let facts = [(a, "Association", b), (b, "Regulates", c), (c, "Regulates", a)];
        let corpus = Corpus(TempDir::new().unwrap());
        fs::write(corpus.path("dev.json"), json!([document("d", &["X", "Y", "Z"], &facts)]).to_string()).unwrap();
        let (source, out) = (corpus.path("dev.json"), corpus.path("out"));
        let options = ["convert", "--format", "docred", "--split", "dev", "--undirected", "Association", "--out"];
        let run = docre(options.iter().copied().chain([&*out, &*source]));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let (tables, facts) = (corpus.path("out/dev"), corpus.path("out/dev/facts"));
        let paths = ["evaluate", "--corpus", &tables, "--relations", &facts, "--format", "json", "--resamples", "0"];
        let run = docre(paths);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let told: Value = serde_json::from_str(&run.stdout).unwrap();
        let count = |metric: &str, scope: &str, what: &str| {
            let rows = told["metrics"].as_array().unwrap();
            rows.iter().find(|row| row["metric"] == metric && row["scope"] == scope).unwrap()[what].as_u64().unwrap()
        };
        for scope in ["infer", "infer gold"] {
            assert_eq!(
                ["true_positives", "predicted", "gold"].map(|what| count("F1", scope, what)),
                [3; 3],
                "{order:?}"
            );
        }
        // Each fact by another pattern, but A–B, which is the end of the path and of the ring.
        for (scope, gold) in [("s>i,i>o", 1), ("s>i,o>i", 1), ("i>s,i>o", 1), ("o>i,i>s", 3)] {
            assert_eq!(count("Infer-Ac", scope, "gold"), gold, "{order:?}: {scope}");
        }
    }
}
