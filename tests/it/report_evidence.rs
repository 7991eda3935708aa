//! `docre report`: the sentences that bear facts out, as labels have them and as a run does.

use std::fs;
use std::path::Path;

use docre::table;
use docre::table::rows::{EvidenceRow, ScoreRow, SentenceWeightRow};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::pipeline::Place;
use crate::report::{block, converted, page, predicted, report, write};
use crate::support::{self, CONVERSION, DOCUMENT, docre};

fn evidence(head: u32, tail: u32, sent_id: u32, weight: f32) -> EvidenceRow {
    EvidenceRow { run_id: "r".into(), doc_id: "Altomonte".into(), head, tail, sent_id, weight }
}

fn weight(head: u32, tail: u32, sent_id: u32, weight: f32) -> SentenceWeightRow {
    SentenceWeightRow { run_id: "r".into(), doc_id: "Altomonte".into(), head, tail, sent_id, weight }
}

fn score(head: u32, tail: u32, relation: &str, logit: f32) -> ScoreRow {
    support::score("Altomonte", [head, tail], relation, logit)
}

/// A right prediction, and a wrong one; the third fact is missed.
fn with_relations() -> TempDir {
    let run = converted(&format!("[{DOCUMENT}]"));
    write(run.path(), vec![predicted("Altomonte", 0, 1, "P131", 2.0), predicted("Altomonte", 1, 2, "P27", 0.5)]);
    run
}

/// The sentences of each fact of the first document: gold, predicted, and looked at.
fn told(page: &str) -> Vec<[Value; 3]> {
    let facts = block(page, "documents-0")[0]["facts"].as_array().unwrap().clone();
    let of = |fact: &Value, key: &str| rounded(fact.get(key).unwrap_or(&json!([])));
    facts.iter().map(|fact| ["evidence", "predicted_evidence", "looked_at"].map(|key| of(fact, key))).collect()
}

/// With weights as they were written: `f32` has more digits.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(rounded).collect(),
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() * 1e4).round() / 1e4),
        other => other.clone(),
    }
}

#[test]
fn evidence_that_lies_beside_relations_is_that_of_what_is_predicted() {
    let run = with_relations();
    let without = page(run.path());
    assert!(block(&without, "overview").get("evidence").is_none());
    let none = json!([]);
    let gold = [json!([0]), json!([1]), none.clone()];
    assert_eq!(told(&without), gold.clone().map(|gold| [gold, none.clone(), none.clone()]));
    // Of another pair, of one that is missed, and told in the other direction.
    write(
        run.path(),
        vec![evidence(0, 1, 0, 0.6), evidence(0, 1, 1, 0.25), evidence(0, 2, 1, 0.9), evidence(2, 1, 1, 0.5)],
    );
    let with = page(run.path());
    assert_eq!(block(&with, "overview")["evidence"], true);
    let [first, second, third] = gold.clone();
    let expected = [
        [first.clone(), json!([[0, 0.6], [1, 0.25]]), none.clone()],
        [second.clone(), none.clone(), none.clone()],
        [third.clone(), json!([[1, 0.5]]), none.clone()],
    ];
    assert_eq!(told(&with), expected);
    // Where the model looked is told of what is missed, too.
    write::<ScoreRow>(run.path(), Vec::new());
    write(run.path(), vec![weight(0, 1, 0, 0.6), weight(0, 1, 1, 0.25), weight(0, 2, 0, 0.1), weight(0, 2, 1, 0.9)]);
    let looked_at = json!([[0, 0.1], [1, 0.9]]);
    let expected = [
        [first, json!([[0, 0.6], [1, 0.25]]), none.clone()],
        [second, none.clone(), looked_at],
        [third, json!([[1, 0.5]]), none.clone()],
    ];
    assert_eq!(told(&page(run.path())), expected);
    // What is of another making is of other relations, and of other scores.
    table::write(run.path(), "other", vec![evidence(0, 1, 0, 0.6)]).unwrap();
    table::write(run.path(), "other", vec![weight(0, 1, 0, 0.6)]).unwrap();
    assert!(page(run.path()) == without);
}

#[test]
fn a_submission_says_which_sentences_and_not_how_much() {
    let run = with_relations();
    let theirs = run.path().join("theirs.json");
    let entry = json!([{"title": "Altomonte", "h_idx": 0, "t_idx": 1, "r": "P131", "evidence": [1, 7]}]);
    fs::write(&theirs, entry.to_string()).unwrap();
    // That of the folder's own relations is not theirs.
    write(run.path(), vec![evidence(0, 1, 0, 0.6)]);
    let done = report(run.path(), &["--relations", theirs.to_str().unwrap()]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let page = fs::read_to_string(run.path().join("report.html")).unwrap();
    assert_eq!(told(&page)[0], [json!([0]), json!([[1, null], [7, null]]), json!([])]);
}

const REPORT: &str = r#"
[[stage]]
name = "decide"
kind = "decide"
inputs = { scores = "scores", sentence_weights = "weights" }
outputs = { relations = "claims", evidence = "grounds" }
[[stage]]
name = "page"
kind = "report"
inputs = { corpus = "dev", relations = "claims", evidence = "grounds", sentence_weights = "weights" }
outputs = { page = "report.html" }
"#;

#[test]
fn a_pipeline_gives_evidence_to_the_page_and_the_manifest_tells_where_it_is() {
    let pipeline =
        CONVERSION.replace("[[stage]]", "scores = \"made/scores\"\nweights = \"made/sentence_weights\"\n[[stage]]");
    let place = Place::new(&(pipeline + REPORT));
    place.write("dev.json", &format!("[{DOCUMENT}]"));
    let made = place.path("made");
    write(&made, vec![score(0, 1, "P131", 2.0), score(0, 2, "P17", -1.0)]);
    write(&made, vec![weight(0, 1, 0, 0.75), weight(0, 1, 1, 0.125), weight(0, 2, 1, 0.5)]);
    place.run(&[]);
    let read = |page: &Path| fs::read_to_string(page).unwrap();
    let page = place.path("runs/tiny/report.html");
    let expected = [[json!([0]), json!([[0, 0.75]]), json!([[1, 0.125]])], [json!([1]), json!([]), json!([[1, 0.5]])]];
    assert_eq!(told(&read(&page)), expected);
    let again = place.path("again.html");
    let run = place.path("runs/tiny");
    let arguments = ["report", run.to_str().unwrap(), "--out", again.to_str().unwrap()];
    // The sources of a manifest are as seen from where the pipeline ran.
    let done = crate::support::command(arguments).current_dir(place.path("")).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(told(&read(&again)), expected);
    let alone = place.failure(&["--set", "page.inputs={ corpus = \"dev\", evidence = \"grounds\" }"]);
    assert!(alone.contains("stage `page`: input `evidence`: expected it beside `relations`, got it alone"), "{alone}");
}

#[test]
fn sentences_that_are_not_there_and_weights_of_no_size_do_no_harm() {
    let run = with_relations();
    write(run.path(), vec![evidence(0, 1, u32::MAX, f32::NAN), evidence(1, 2, 0, f32::INFINITY)]);
    let all = told(&page(run.path()));
    assert_eq!([&all[0][1], &all[2][1]], [&json!([[u32::MAX, null]]), &json!([[0, null]])]);
    let many: Vec<EvidenceRow> = (0..500).map(|sentence| evidence(0, 1, sentence, 0.5)).collect();
    write(run.path(), many);
    let cut = page(run.path());
    assert_eq!(told(&cut)[0][1].as_array().unwrap().len(), 200);
    assert_eq!(block(&cut, "documents-0")[0]["facts"][0]["n_evidence"], 500, "what is left out is told");
    let out = run.path().to_str().unwrap();
    assert_eq!(docre(["report", out]).code, Some(0));
}
