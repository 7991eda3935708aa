//! `docre evaluate`: from files to figures, on the command line.

use std::fs;
use std::path::{Path, PathBuf};

use docre::random::Random;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Run, corpora, docre, redocred, rows};

/// The sample's test split, with side table.
fn sample(folder: &Path) -> PathBuf {
    let arguments = ["synthesize", "--seed", "1", "--docs", "80", "--first", "480", "--split", "test", "--out"];
    assert_eq!(docre(arguments.into_iter().chain([folder.to_str().unwrap()])).code, Some(0));
    folder.join("test")
}

fn evaluate(tables: &Path, relations: &Path, further: &[&str]) -> Run {
    let paths = ["evaluate", "--corpus", tables.to_str().unwrap(), "--relations", relations.to_str().unwrap()];
    docre(paths.iter().chain(further))
}

/// Rows of a query over the split as a submission.
fn submission(path: &Path, tables: &Path, sql: &str) -> PathBuf {
    let entry = |row: String| {
        let cells: Vec<&str> = row.split(',').collect();
        let [title, head, tail, relation] = cells[..] else { panic!("{row}") };
        json!({"title": title, "h_idx": head.parse::<u32>().unwrap(), "t_idx": tail.parse::<u32>().unwrap(), "r": relation})
    };
    let entries: Vec<Value> = rows(tables, sql).into_iter().map(entry).collect();
    fs::write(path, Value::from(entries).to_string()).unwrap();
    path.to_owned()
}

fn f1(run: &Run, scope: &str) -> f64 {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let figures: Value = serde_json::from_str(&run.stdout).unwrap();
    let wanted = |row: &&Value| row["metric"] == "F1" && row["scope"] == scope && row["relation"].is_null();
    figures["metrics"].as_array().unwrap().iter().find(wanted).unwrap()["f1"].as_f64().unwrap()
}

#[test]
fn stated_and_implied_facts_of_a_synthetic_corpus_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let all = submission(&folder.path().join("all.json"), &tables, "SELECT doc_id, head, tail, relation FROM facts");
    let implied =
        submission(&folder.path().join("implied.json"), &tables, "SELECT doc_id, head, tail, relation FROM implied");
    let figures = |relations: &Path| {
        let run = evaluate(&tables, relations, &["--format", "json", "--resamples", "0"]);
        ["all", "stated", "implied"].map(|scope| f1(&run, scope))
    };
    assert_eq!(figures(&all), [1.0, 1.0, 1.0]);
    let [of_all, stated, of_implied] = figures(&implied);
    assert_eq!((stated, of_implied), (0.0, 1.0));
    assert!(0.0 < of_all && of_all < 1.0);
}

#[test]
fn figures_go_to_stdout_and_to_tables() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let all = submission(&folder.path().join("all.json"), &tables, "SELECT doc_id, head, tail, relation FROM facts");
    let some = submission(
        &folder.path().join("some.json"),
        &tables,
        "SELECT doc_id, head, tail, relation FROM facts WHERE head < tail",
    );
    let out = folder.path().join("out");
    let further = ["--against", some.to_str().unwrap(), "--per-relation", "--out", out.to_str().unwrap()];
    let run = evaluate(&tables, &all, &further);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("100.00") && run.stdout.contains("\nP17"), "{}", run.stdout);
    assert_eq!(
        rows(&out, "SELECT run_id, split, f1 FROM metrics WHERE metric = 'F1' AND scope = 'all' AND relation IS NULL"),
        ["all,test,1.0"]
    );
    assert_eq!(
        rows(&out, "SELECT run_id, against, p_value FROM comparisons WHERE metric = 'F1' AND scope = 'all'"),
        ["all,some,0.0"]
    );
}

#[test]
fn an_unlabelled_split_is_refused_with_the_way_out() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("test.json");
    fs::write(&source, r#"[{"title": "A", "sents": [["Rome"]], "vertexSet": []}]"#).unwrap();
    let out = folder.path().to_str().unwrap();
    let convert = ["convert", "--format", "docred", "--split", "test", "--out", out, source.to_str().unwrap()];
    assert_eq!(docre(convert).code, Some(0));
    let submission = folder.path().join("run.json");
    fs::write(&submission, "[]").unwrap();
    let run = evaluate(&folder.path().join("test"), &submission, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(run.stderr.contains("the split has no labels\nhint: evaluate on a labelled split"), "{}", run.stderr);
}

#[test]
fn what_is_missing_is_named() {
    let folder = TempDir::new().unwrap();
    let nowhere = folder.path().join("nowhere");
    let run = evaluate(&nowhere, &nowhere, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("nowhere/documents`: expected a table"), "{}", run.stderr);
    let tables = sample(folder.path());
    let run = evaluate(&tables, &nowhere, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("nowhere`: expected a table"), "{}", run.stderr);
}

#[test]
fn the_official_file_gives_the_same_bytes_in_any_order() {
    let Some(corpora) = corpora() else { return };
    let folder = TempDir::new().unwrap();
    let tables = redocred(folder.path()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/evaluation/predictions.json");
    let mut entries: Vec<Value> = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
    entries.extend_from_within(..1000);
    Random::new(7).shuffle(&mut entries);
    let shuffled = folder.path().join("predictions.json");
    fs::write(&shuffled, Value::from(entries).to_string()).unwrap();
    let facts = corpora.join("docred/train_annotated.fact");
    let figures = |relations: &Path| {
        let run = evaluate(&tables, relations, &["--format", "json", "--train-facts", facts.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    };
    assert_eq!(figures(&golden), figures(&shuffled));
}
