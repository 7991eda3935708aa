//! A path says where something lies, and nothing else: the same answers under every name.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::command;

/// Names that some library takes for a column, a pattern or an address.
const NAMES: [&str; 8] = ["head=5", "tail=1", "date=2024-01-01", "relation=P17", "year=2024", "=x", "a[1]*?", "s3:"];

/// The split's facts, less some, as predictions.
const PIPELINE: &str = r#"
[sources]
sql = "all.sql"
split = "CORPUS/dev"

[[stage]]
name = "all"
kind = "query"
inputs = { sql = "sql", dev = "split" }
outputs = { table = "all/relations.parquet" }
"#;

/// What each command says of the tables in `name`, seen from the working directory, which is its parent.
fn answers(place: &Path, name: &str) -> Vec<(String, String)> {
    let at = |rest: &str| rest.replace("CORPUS", name);
    let said = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|argument| at(argument)).collect();
        let output = command(&arguments).current_dir(place).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{name}: {arguments:?}: {error}");
        (arguments[0].clone(), String::from_utf8(output.stdout).unwrap())
    };
    let sql = "SELECT * FROM facts ORDER BY doc_id, head, tail, relation";
    let relations = "SELECT 'r' AS run_id, doc_id, head, tail, relation FROM facts WHERE head <> 1";
    fs::write(place.join("all.sql"), relations.replace("FROM facts", "FROM dev_facts")).unwrap();
    fs::write(place.join("tiny.toml"), at(PIPELINE)).unwrap();
    let mut answers = vec![said(&["query", "CORPUS/dev", sql, "--format", "csv"])];
    said(&["run", "tiny.toml", "--runs", "CORPUS/runs"]);
    let predictions = "CORPUS/runs/tiny/all";
    answers.push(said(&["query", predictions, "SELECT * FROM relations", "--format", "json"]));
    let training = ["--train-facts", "CORPUS/train", "--against", predictions, "--resamples", "20"];
    let evaluate = ["evaluate", "--corpus", "CORPUS", "--split", "dev", "--relations", predictions, "--per-relation"];
    answers.push(said(&[&evaluate[..], &training].concat()));
    answers.push(said(&["convert", "--to", "docred", "CORPUS/dev"]));
    let split = ["--corpus", "CORPUS", "--split", "dev", "--relations", predictions];
    said(&[&["graph"], &split[..], &["--out", "CORPUS/graph"]].concat());
    answers.push(said(&["query", "CORPUS/graph", "SELECT * FROM edges", "--format", "json"]));
    let sparql = "SELECT ?s ?p ?o WHERE { ?s ?p ?o } ORDER BY ?s ?p ?o";
    answers.push(said(&["query", "CORPUS/graph", "--sparql", sparql, "--format", "csv"]));
    said(&["report", "CORPUS/dev", "--out", "CORPUS/report.html"]);
    // What the page holds is packed, its folder's name too.
    assert!(fs::read_to_string(place.join(at("CORPUS/report.html"))).unwrap().len() > 10_000, "{name}");
    answers
}

fn excerpt(text: &str) -> String {
    text.chars().take(1000).collect()
}

#[test]
fn no_path_means_anything() {
    let place = TempDir::new().unwrap();
    let split = |name: &str, split: &str| {
        let options = ["--documents", "6", "--split", split, "--out", name, "--quiet"];
        let output = command(["synthesize"].iter().chain(&options)).current_dir(place.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let of = |name: &str| {
        split(name, "dev");
        split(name, "train");
        answers(place.path(), name)
    };
    let plain = of("plain");
    let called = |answers: Vec<(String, String)>, name: &str| -> Vec<(String, String)> {
        answers.into_iter().map(|(command, said)| (command, said.replace(name, "CORPUS"))).collect()
    };
    let plain = called(plain, "plain");
    for name in NAMES {
        let got = called(of(name), name);
        for ((command, expected), (_, got)) in plain.iter().zip(&got) {
            assert!(expected == got, "{command} in `{name}`:\n{}\nexpected:\n{}", excerpt(got), excerpt(expected));
        }
    }
}

/// `a/..` and `.` are the folders that they lead to.
#[test]
fn a_path_that_ends_in_no_name_has_that_of_its_folder() {
    let place = TempDir::new().unwrap();
    let said = |from: &str, arguments: &[&str]| {
        let output = command(arguments).current_dir(place.path().join(from)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    said(".", &["synthesize", "--documents", "4", "--split", "dev", "--out", "c"]);
    fs::create_dir_all(place.path().join("few/relations/deeper")).unwrap();
    let few = "SELECT 'few' AS run_id, doc_id, head, tail, relation FROM facts WHERE head = 0";
    let few = command(["query", "c/dev", few, "--format", "parquet"]).current_dir(place.path()).output().unwrap();
    fs::write(place.path().join("few/relations/part.parquet"), few.stdout).unwrap();
    let corpus = place.path().join("c/dev");
    let judged = |from: &str, relations: &str| {
        let corpus = ["--corpus", corpus.to_str().unwrap(), "--resamples", "0"];
        said(from, &[&["evaluate", "--relations", relations][..], &corpus].concat())
    };
    let expected = judged(".", "few/relations");
    assert_ne!(expected, judged(".", "c/dev/facts"));
    for (from, relations) in [
        (".", "few/relations/deeper/.."),
        ("few", "relations/deeper/.."),
        ("few/relations", "."),
        ("few/relations/deeper", ".."),
        ("few/relations/deeper", "../.."),
    ] {
        assert_eq!(judged(from, relations), expected, "{relations} from {from}");
    }
}

#[test]
fn a_dash_is_no_path_for_what_no_stream_carries() {
    let place = TempDir::new().unwrap();
    let said = |arguments: &[&str]| command(arguments).current_dir(place.path()).output().unwrap();
    assert_eq!(said(&["synthesize", "--documents", "2", "--split", "test", "--out", "c"]).status.code(), Some(0));
    let (facts, corpus) = (["--relations", "c/test/facts"], ["--corpus", "c", "--split", "test"]);
    for arguments in [
        [&["evaluate"][..], &facts, &corpus].concat(),
        [&["graph", "--format", "graphml"][..], &facts, &corpus].concat(),
        vec!["report", "c", "--corpus", "c/test"],
        vec!["split", "--corpus", "c", "--split", "test", "--shares", "train=0.5", "--shares", "dev=0.5"],
        vec!["synthesize", "--documents", "2"],
    ] {
        let output = said(&[&arguments[..], &["--out", "-"]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && told.contains("stdout"), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty() && !place.path().join("-").exists());
    }
    let out = ["--out", "o"];
    for arguments in [
        vec!["query", "-", "SELECT 1"],
        vec!["report", "c", "--against", "-"],
        vec!["train", "--config", "-", "--out", "o"],
        [&["evaluate", "--relations", "c/test/facts", "--corpus", "-"][..], &out].concat(),
        [&["fit", "--scores", "-"][..], &corpus, &out].concat(),
        [&["decide", "--scores", "s", "--decision", "-"][..], &out].concat(),
        [&["score", "--checkpoint", "m", "--first-relations", "-"][..], &corpus, &out].concat(),
        [&["convert", "--to", "docred", "c/test", "--relations", "-"][..], &out].concat(),
    ] {
        let output = said(&arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && told.contains("not read from stdin"), "{arguments:?}: {told}");
    }
    // A file of docre's own can go there.
    let output = said(&["convert", "--to", "docred", "c/test", "--out", "-"]);
    assert!(output.status.success() && output.stdout.starts_with(b"[") && !place.path().join("-").exists());
}
