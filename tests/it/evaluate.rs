//! `docre evaluate`: from files to figures, on the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use docre::ground::random::Random;
use docre::table::rows::PredictionRow;
use docre::table::stream::StreamWriter;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Run, command, corpora, docre, redocred, rows};

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
fn a_split_that_is_not_there_is_refused_with_those_that_are() {
    let folder = TempDir::new().unwrap();
    sample(folder.path());
    let path = folder.path().to_str().unwrap();
    let commands = [
        vec!["evaluate", "--relations", path],
        vec!["score", "--checkpoint", path, "--out", path],
        vec!["graph", "--relations", path, "--out", path],
        vec!["encode", "--encoder", path],
    ];
    for command in commands {
        for (split, got) in [(&["--split", "tset"][..], "`tset`"), (&[], "none")] {
            let run = docre(command.iter().chain(&["--corpus", path]).chain(split));
            let expected = format!("`--split`: expected one of test in {path}, got {got}");
            assert!(run.code == Some(2) && run.stderr.contains(&expected), "{command:?}: {}", run.stderr);
        }
    }
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

/// Labels that noise has added are of no sentence: who finds what is stated misses none of it.
#[test]
fn false_facts_are_neither_stated_nor_implied() {
    let folder = TempDir::new().unwrap();
    let arguments = ["synthesize", "--docs", "30", "--false-facts", "0.5", "--split", "test", "--out"];
    assert_eq!(docre(arguments.into_iter().chain([folder.path().to_str().unwrap()])).code, Some(0));
    let tables = folder.path().join("test");
    let facts = "SELECT doc_id, head, tail, relation FROM facts WHERE ";
    let written =
        |name: &str, condition: &str| submission(&folder.path().join(name), &tables, &(facts.to_owned() + condition));
    let holding = written("holding.json", "array_length(evidence) > 0");
    let false_ones = written("false.json", "array_length(evidence) = 0");
    let count = |path: &Path| serde_json::from_slice::<Vec<Value>>(&fs::read(path).unwrap()).unwrap().len();
    assert!(count(&false_ones) > 20, "{}", count(&false_ones));
    let figures = |relations: &Path| {
        let run = evaluate(&tables, relations, &["--format", "json", "--resamples", "0"]);
        ["stated", "implied"].map(|scope| f1(&run, scope))
    };
    assert_eq!(figures(&holding), [1.0, 1.0]);
    assert_eq!(figures(&false_ones), [0.0, 0.0]);
    let run = evaluate(&tables, &holding, &["--format", "json", "--resamples", "0"]);
    assert!(f1(&run, "all") < 1.0, "labels are labels");
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
fn several_runs_are_shown_one_by_one_and_compared_by_their_means() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let predicted = |name: &str, filter: &str| {
        let sql = format!("SELECT doc_id, head, tail, relation FROM facts WHERE {filter}");
        submission(&folder.path().join(name), &tables, &sql).to_str().unwrap().to_owned()
    };
    let (all, up, down) =
        (predicted("a.json", "true"), predicted("b.json", "head < tail"), predicted("c.json", "head > tail"));
    let out = folder.path().join("out");
    let further = ["--relations", &up, "--against", &up, "--against", &down, "--out", out.to_str().unwrap()];
    let run = evaluate(&tables, Path::new(&all), &further);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.starts_with("run a\nmetric ") && run.stdout.contains("\n\nrun b\nmetric "), "{}", run.stdout);
    assert!(run.stdout.contains("\nthe mean of 2 runs against that of 2, over runs and documents together\n"));
    let of_all = "metric = 'F1' AND scope = 'all' AND relation IS NULL";
    assert_eq!(rows(&out, &format!("SELECT run_id FROM metrics WHERE {of_all}")), ["a", "b"]);
    let sql = "SELECT run_id, against, seeds, against_seeds FROM comparisons WHERE scope = 'all' AND metric = 'F1'";
    assert_eq!(rows(&out, sql), ["\"a, b\",\"b, c\",2,2"]);
    let named = evaluate(&tables, Path::new(&all), &["--relations", &up, "--run-id", "one"]);
    assert!(
        named.code == Some(2) && named.stderr.contains("`--run-id`: expected one run to name, got 2"),
        "{}",
        named.stderr
    );
}

#[test]
fn runs_of_one_name_are_numbered_past_the_names_of_others() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let all = "SELECT doc_id, head, tail, relation FROM facts";
    let paths = ["x/a.json", "y/a.json", "x/b.json", "y/b.json", "z/a 1.json"].map(|name| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        submission(&path, &tables, all).to_str().unwrap().to_owned()
    });
    let [first, others @ ..] = &paths;
    let out = folder.path().join("out");
    let further = others.iter().flat_map(|path| ["--relations", path]).chain(["--out", out.to_str().unwrap()]);
    let run = evaluate(&tables, Path::new(first), &further.collect::<Vec<_>>());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let named = rows(&out, "SELECT DISTINCT run_id FROM metrics ORDER BY run_id");
    assert_eq!(named, ["a 1", "a 2", "a 3", "b 1", "b 2"]);
}

#[test]
fn oddities_of_both_sides_of_a_comparison_are_told() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let all = submission(&folder.path().join("all.json"), &tables, "SELECT doc_id, head, tail, relation FROM facts");
    let nothing = folder.path().join("nothing.json");
    fs::write(&nothing, "[]").unwrap();
    let run = evaluate(&tables, &all, &["--against", nothing.to_str().unwrap()]);
    assert_eq!(run.stderr.trim_end(), "warning: `--against`: there are no predictions");
    let run = evaluate(&tables, &nothing, &["--against", all.to_str().unwrap()]);
    assert_eq!(run.stderr.trim_end(), "warning: there are no predictions");
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

/// Writes predictions as some other program might: DuckDB's types by way of SQL.
fn foreign(folder: &Path, tables: &Path, columns: &str) -> PathBuf {
    let path = folder.join("foreign.parquet");
    let sql = format!("SELECT {columns} FROM facts");
    let output = crate::support::command(["query", tables.to_str().unwrap(), &sql, "--format", "parquet"]).output();
    fs::write(&path, output.unwrap().stdout).unwrap();
    path
}

#[test]
fn predictions_of_other_programs_are_read_or_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let wide = "'x' AS run_id, doc_id, CAST(head AS BIGINT) AS head, CAST(tail AS BIGINT) AS tail, relation";
    let run = evaluate(&tables, &foreign(folder.path(), &tables, wide), &["--format", "json", "--resamples", "0"]);
    assert_eq!(f1(&run, "all"), 1.0);
    let refused = |columns: &str, reason: &str| {
        let run = evaluate(&tables, &foreign(folder.path(), &tables, columns), &[]);
        assert_eq!(run.code, Some(1), "{}", run.stdout);
        assert!(run.stderr.contains(reason), "{}", run.stderr);
    };
    let nulls = "'x' AS run_id, doc_id, CASE WHEN head > 0 THEN head END AS head, tail, relation";
    refused(nulls, "column `head`: expected a value in every row, got");
    refused("'x' AS run_id, doc_id, head, tail, 7 AS relation", "column `relation`: expected str");
    let less = "'x' AS run_id, doc_id, CAST(head AS BIGINT) - 1 AS head, tail, relation";
    refused(less, "foreign.parquet`: column `head`: expected numbers from 0 to 4294967295, got -1");
    let nameless = foreign(folder.path(), &tables, "doc_id, head, tail, relation");
    let run = evaluate(&tables, &nameless, &["--format", "json", "--resamples", "0", "--run-id", "mine"]);
    assert_eq!(f1(&run, "all"), 1.0);
    assert!(run.stdout.contains("\"mine\""), "{}", run.stdout);
}

#[test]
fn a_pair_that_the_corpus_does_not_ask_about_may_share_a_sentence() {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("dev.json");
    // Three places; only pairs of LOC and LOC are asked about, Italy is none.
    let document =
        crate::support::DOCUMENT.replace(r#""name": "Italy", "type": "LOC""#, r#""name": "Italy", "type": "X""#);
    fs::write(&source, format!("[{document}]")).unwrap();
    let out = folder.path().to_str().unwrap();
    let convert = ["convert", "--format", "docred", "--split", "dev", "--candidates", "LOC:LOC", "--out", out];
    assert_eq!(docre(convert.into_iter().chain([source.to_str().unwrap()])).code, Some(0));
    let entry = |head: u32, tail: u32| json!({"title": "Altomonte", "h_idx": head, "t_idx": tail, "r": "P131"});
    let submission = folder.path().join("run.json");
    // (2, 0) is not asked about and shares sentence 1; (2, 1) is neither; (0, 1) is a fact.
    fs::write(&submission, Value::from(vec![entry(2, 0), entry(2, 1), entry(0, 1)]).to_string()).unwrap();
    let run = evaluate(&folder.path().join("dev"), &submission, &["--format", "json", "--resamples", "0"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let figures: Value = serde_json::from_str(&run.stdout).unwrap();
    let predicted = |scope: &str| {
        let wanted = |row: &&Value| row["metric"] == "F1" && row["scope"] == scope && row["relation"].is_null();
        figures["metrics"].as_array().unwrap().iter().find(wanted).unwrap()["predicted"].as_u64()
    };
    assert_eq!([predicted("all"), predicted("intra"), predicted("inter")], [Some(3), Some(2), Some(1)]);
}

#[test]
fn nobodys_files_are_replaced_by_metrics() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let submission = folder.path().join("run.json");
    fs::write(&submission, "\u{feff}[]").unwrap();
    let metrics = folder.path().join("out/metrics");
    fs::create_dir_all(&metrics).unwrap();
    fs::write(metrics.join("thesis.tex"), "precious").unwrap();
    let run = evaluate(&tables, &submission, &["--out", folder.path().join("out").to_str().unwrap()]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("holds files that docre did not write"), "{}", run.stderr);
    assert_eq!(fs::read_to_string(metrics.join("thesis.tex")).unwrap(), "precious");
}

#[test]
fn too_many_resamples_are_wrong_usage() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let submission = folder.path().join("run.json");
    fs::write(&submission, "[]").unwrap();
    assert_eq!(evaluate(&tables, &submission, &["--resamples", "18446744073709551615"]).code, Some(2));
}

#[test]
fn a_comparison_without_resamples_is_wrong_usage() {
    let folder = TempDir::new().unwrap();
    let run = evaluate(folder.path(), folder.path(), &["--against", "b.json", "--resamples", "0"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("`--against`: expected resamples to test with"), "{}", run.stderr);
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

#[test]
fn predictions_come_on_stdin_in_any_form() {
    let folder = TempDir::new().unwrap();
    let tables = sample(folder.path());
    let sql = "SELECT doc_id, head, tail, relation FROM facts WHERE head > 2";
    let json = submission(&folder.path().join("predicted.json"), &tables, sql);
    let expected = f1(&evaluate(&tables, &json, &["--format", "json"]), "all");
    let through = |bytes: &[u8], further: &[&str]| {
        let arguments = ["evaluate", "--corpus", tables.to_str().unwrap(), "--relations", "-", "--format", "json"];
        let mut child = command(arguments.iter().chain(further));
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that refuses its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        let output = child.wait_with_output().unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        Run { code: output.status.code(), stdout, stderr }
    };
    let mut stream = StreamWriter::<PredictionRow, _>::begin(Vec::new()).unwrap();
    let row = |line: String| {
        let cells: Vec<&str> = line.split(',').collect();
        PredictionRow {
            run_id: None,
            doc_id: cells[0].into(),
            head: cells[1].parse().unwrap(),
            tail: cells[2].parse().unwrap(),
            relation: cells[3].into(),
            probability: None,
            evidence: None,
            attributes: None,
        }
    };
    stream.write(rows(&tables, sql).into_iter().map(row).collect()).unwrap();
    let stream = stream.finish().unwrap();
    let parquet = command(["query", tables.to_str().unwrap(), sql, "--format", "parquet"]).output().unwrap().stdout;
    for bytes in [fs::read(&json).unwrap(), stream.clone(), parquet] {
        assert_eq!(f1(&through(&bytes, &[]), "all"), expected);
    }
    assert!(expected > 0.5, "{expected}");
    let cut = through(&stream[..stream.len() / 2], &[]);
    assert!(cut.code == Some(1) && cut.stderr.contains("Arrow"), "{}", cut.stderr);
    let twice = through(&stream, &["--against", "-"]);
    assert!(twice.code == Some(2) && twice.stderr.contains("stdin can be read once"), "{}", twice.stderr);
    // By whatever path, a run counts once.
    let again = json.parent().unwrap().join(".").join(json.file_name().unwrap());
    let [json, again] = [&json, &again].map(|path| path.to_str().unwrap());
    let arguments = ["evaluate", "--corpus", tables.to_str().unwrap(), "--relations", json, "--relations", again];
    let run = docre(arguments);
    assert!(run.code == Some(1) && run.stderr.contains("expected the predictions of each run once"), "{}", run.stderr);
}
