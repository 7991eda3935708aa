//! `docre query`: names, formats, and what it says when it cannot.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use docre::query::{Options, Output, run};
use docre::table::rows::{FactRow, PredictionRow};
use docre::table::{self, Text};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{command, docre};

fn facts(folder: &Path, relations: &[&str]) {
    fs::create_dir_all(folder).unwrap();
    let fact = |(head, relation): (u32, &&str)| FactRow {
        doc_id: "a \"quoted\", 🦀".into(),
        head,
        tail: head + 1,
        relation: Text::from(*relation),
        evidence: vec![head, 7],
        attributes: Vec::new(),
    };
    table::write(folder, "f", (0..).zip(relations).map(fact).collect()).unwrap();
}

fn query(folder: &Path, sql: &str, format: &str) -> String {
    let run = docre(["query", folder.to_str().unwrap(), sql, "--format", format]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout
}

#[test]
fn a_result_comes_as_table_csv_or_json() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P17", "P\n30"]);
    let sql = "SELECT doc_id, head, relation, evidence FROM facts ORDER BY head";
    assert_eq!(
        query(folder.path(), sql, "table"),
        "doc_id          head  relation  evidence\n\
         ──────────────  ────  ────────  ────────\n\
         a \"quoted\", 🦀     0  P17       [0,7]\n\
         a \"quoted\", 🦀     1  P\\n30     [1,7]\n"
    );
    assert_eq!(
        query(folder.path(), sql, "csv"),
        "doc_id,head,relation,evidence\n\"a \"\"quoted\"\", 🦀\",0,P17,\"[0,7]\"\n\"a \"\"quoted\"\", 🦀\",1,\"P\n30\",\"[1,7]\"\n"
    );
    assert_eq!(
        query(folder.path(), sql, "json").lines().next(),
        Some(r#"{"doc_id":"a \"quoted\", 🦀","head":0,"relation":"P17","evidence":[0,7]}"#)
    );
}

#[test]
fn numbers_of_single_precision_are_shown_at_their_own() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P17"]);
    let sql = "SELECT CAST(0.59 AS FLOAT4) AS single, CAST(0.9708657 AS FLOAT4) AS more, 0.1 AS double FROM facts";
    assert_eq!(query(folder.path(), sql, "csv"), "single,more,double\n0.59,0.9708657,0.1\n");
    assert_eq!(query(folder.path(), sql, "json"), "{\"single\":0.59,\"more\":0.9708657,\"double\":0.1}\n");
    assert_eq!(
        query(folder.path(), sql, "table").lines().last(),
        Some("  0.59  0.9708657     0.1"),
        "numbers stand at the right"
    );
}

#[test]
fn a_result_in_parquet_is_a_table_like_any_other() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P17", "P\n30"]);
    let again = folder.path().join("again");
    fs::create_dir(&again).unwrap();
    let arguments = ["query", folder.path().to_str().unwrap(), "SELECT * FROM facts", "--format", "parquet"];
    let bytes = command(arguments).output().unwrap().stdout;
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    fs::write(again.join("facts.parquet"), bytes).unwrap();
    let read = |folder: &Path| -> Vec<FactRow> { table::read(folder).unwrap().flat_map(Result::unwrap).collect() };
    assert_eq!(read(&again), read(folder.path()));
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P17"; 10_000]);
    for format in ["table", "csv", "json"] {
        let arguments = ["query", folder.path().to_str().unwrap(), "SELECT * FROM facts", "--format", format];
        let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn a_table_cuts_a_long_cell_off_and_the_others_do_not() {
    let folder = TempDir::new().unwrap();
    let long = "漢".repeat(50);
    facts(folder.path(), &[&long]);
    let sql = "SELECT relation, head FROM facts";
    let table = query(folder.path(), sql, "table");
    assert_eq!(table.lines().last(), Some(&*format!("{}…     0", "漢".repeat(35))));
    assert_eq!(query(folder.path(), sql, "csv").lines().last(), Some(&*format!("{long},0")));
}

#[test]
fn a_table_that_stands_aside_has_its_name_and_links_that_lead_back_are_passed_over() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P17"]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
    assert_eq!(query(folder.path(), "SHOW TABLES", "csv").lines().count(), 2);
    fs::rename(folder.path().join("facts"), folder.path().join(".facts.replaced")).unwrap();
    for place in [folder.path().to_path_buf(), folder.path().join("facts")] {
        assert_eq!(query(&place, "SELECT count(*) AS n FROM facts", "csv"), "n\n1\n");
    }
}

#[test]
fn a_table_is_named_by_its_folder_or_by_its_path() {
    let folder = TempDir::new().unwrap();
    facts(&folder.path().join("dev"), &["P1"]);
    let count = |name: &str| query(folder.path(), &format!("SELECT count(*) AS n FROM {name}"), "csv");
    assert_eq!(count("facts"), "n\n1\n");
    facts(&folder.path().join("train"), &["P1", "P2"]);
    assert_eq!((count("dev_facts"), count("train_facts")), ("n\n1\n".into(), "n\n2\n".into()));
    let run = docre(["query", folder.path().to_str().unwrap(), "SELECT * FROM facts"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("tables here: dev_facts, train_facts"), "{}", run.stderr);
}

#[test]
fn a_deeply_nested_statement_is_worked_out() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P1"]);
    let sum = format!("-- a long sum\nSELECT {} AS n FROM facts", vec!["head"; 256].join(" + "));
    assert_eq!(query(folder.path(), &sum, "csv"), "n\n0\n");
}

#[test]
fn a_statement_has_the_stack_that_it_needs_whoever_asks() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P1"]);
    let answer = |sql: &str| {
        let mut output = Vec::new();
        run(folder.path(), sql, &Options::default(), Output::Csv, &mut output)
            .map(|()| String::from_utf8(output).unwrap())
    };
    // This thread has 2 MB, a twentieth of what so many levels take.
    let sum = |n_terms: usize| format!("SELECT {} AS n FROM facts", vec!["1"; n_terms].join("+"));
    assert_eq!(answer(&sum(256)).unwrap(), "n\n256\n");
    let longest = answer(&sum(1 << 14)).unwrap_err().to_string();
    assert_eq!(longest, "expected a statement of at most 16384 words and operators, got 16388");
    let list = (0..30_000).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(answer(&format!("SELECT head FROM facts WHERE head IN ({list})")).unwrap(), "head\n0\n");
}

#[test]
fn a_short_statement_needs_little_address_space() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P1"]);
    let program = env!("CARGO_BIN_EXE_docre");
    let line = format!("ulimit -v 1500000; exec {program} query {} 'SELECT 1 AS n'", folder.path().display());
    let run = Command::new("sh").args(["-c", &line]).env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "n\n─\n1\n", "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_statement_opens_no_file() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P1"]);
    let file = folder.path().join("facts/part-00000.parquet");
    let call = format!("read_parquet('{}')", file.display());
    let quoted = format!("\"READ_Parquet\"('{}')", file.display());
    for sql in [
        format!("SELECT * FROM {call}"),
        format!("select * from {quoted} as other"),
        format!("SELECT * FROM read_parquet.facts('{}')", file.display()),
        format!("SELECT * FROM facts JOIN {call} AS other ON facts.head = other.head"),
        format!("WITH other AS (SELECT * FROM {call}) SELECT * FROM other"),
        format!("SELECT * FROM facts WHERE head IN (SELECT head FROM {call})"),
        format!("SELECT head FROM facts UNION ALL (SELECT head FROM {call})"),
        format!("EXPLAIN SELECT * FROM {call}"),
        format!("(SELECT * FROM (SELECT * FROM {call}) AS other)"),
    ] {
        let run = docre(["query", folder.path().to_str().unwrap(), &sql]);
        assert_eq!(run.code, Some(1), "{sql}: {}", run.stdout);
        assert!(run.stderr.contains("got `read_parquet`, which opens a file"), "{sql}: {}", run.stderr);
    }
    for function in ["read_csv", "read_ipc", "read_json", "scan_parquet", "facts"] {
        let run = docre(["query", folder.path().to_str().unwrap(), &format!("SELECT * FROM {function}('x')")]);
        assert_eq!(run.code, Some(1), "{function}: {}", run.stdout);
    }
    let text = "SELECT count(*) AS n FROM facts WHERE doc_id <> 'read_parquet(x)' -- read_parquet(y)";
    assert_eq!(query(folder.path(), text, "csv"), "n\n1\n");
}

#[test]
fn two_tables_of_one_name_are_told_apart_or_refused() {
    let folder = TempDir::new().unwrap();
    facts(&folder.path().join("a/b_c"), &["P1"]);
    facts(&folder.path().join("b/c"), &["P1", "P2"]);
    let count = |name: &str| query(folder.path(), &format!("SELECT count(*) AS n FROM {name}"), "csv");
    assert_eq!((count("a_b_c_facts"), count("b_c_facts")), ("n\n1\n".into(), "n\n2\n".into()));
    facts(&folder.path().join("b-c"), &["P1", "P2", "P3"]);
    let run = docre(["query", folder.path().to_str().unwrap(), "SELECT count(*) FROM b_c_facts"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stderr.contains("two tables are named `b_c_facts`: "), "{}", run.stderr);
}

#[test]
fn what_cannot_be_queried_is_said() {
    let folder = TempDir::new().unwrap();
    let message = |folder: &str, sql: &str| {
        let run = docre(["query", folder, sql]);
        assert_eq!(run.code, Some(1), "{}", run.stdout);
        run.stderr
    };
    let path = folder.path().to_str().unwrap();
    assert!(message(path, "SELECT 1").contains("found no Parquet file"));
    assert!(message("/no/such/folder", "SELECT 1").contains("/no/such/folder: cannot search the folder"));
    facts(folder.path(), &["P1"]);
    assert!(message(path, "SELECT nope FROM facts").contains("nope"));
    assert!(message(path, "SELECT FROM WHERE").contains("tables here: facts"));
    assert!(message(path, "SELECT head FROM facts WHERE").starts_with("error: this is no SQL: "));
    assert!(message(path, "SELECT * FROM fcts").contains("tables here: facts\nhint: did you mean `facts`"));
    for statement in
        ["SELEKT 1", "DROP TABLE facts", "-- a comment\nDELETE FROM facts", "CREATE TABLE x AS SELECT 1", ""]
    {
        assert!(message(path, statement).contains("expected one statement that reads"), "{statement}");
    }
    fs::write(folder.path().join("facts/part-00000.parquet"), "PAR1 no").unwrap();
    assert!(message(path, "SELECT * FROM facts").starts_with("error: "));
}

#[test]
fn an_odd_file_stops_only_statements_that_name_it() {
    let folder = TempDir::new().unwrap();
    facts(folder.path(), &["P1"]);
    fs::write(folder.path().join("odd.parquet"), "no table").unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(query(folder.path(), "SELECT count(*) AS n FROM facts", "csv"), "n\n1\n");
    assert_eq!(query(folder.path(), "DESCRIBE facts", "csv").lines().next(), Some("column,type"));
    assert_eq!(query(folder.path(), "SHOW TABLES", "csv"), "name\nfacts\nodd\n");
    for sql in ["SELECT * FROM odd", "SELECT head FROM facts WHERE head IN (SELECT head FROM Odd)", "DESCRIBE odd"] {
        let run = docre(["query", path, sql]);
        assert!(run.code == Some(1) && run.stderr.contains("odd.parquet"), "{sql}: {}", run.stderr);
    }
    // A table by its bytes alone, as a stage of a pipeline may call its output; and a file that is none.
    fs::rename(folder.path().join("facts/part-00000.parquet"), folder.path().join("counts")).unwrap();
    fs::write(folder.path().join("LICENSE"), "text").unwrap();
    assert_eq!(query(folder.path(), "SELECT count(*) AS n FROM counts", "csv"), "n\n1\n");
    assert_eq!(query(folder.path(), "SHOW TABLES", "csv"), "name\ncounts\nodd\n");
    // One of a type that the engine panics at.
    let of_type = |name: &str, kind: DataType| {
        let numbers: ArrayRef = Arc::new(Float32Array::from(vec![1.0]));
        let columns = [("a", cast(&numbers, &kind).unwrap()), ("b", cast(&numbers, &DataType::Int8).unwrap())];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(folder.path().join(name)).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    of_type("half.parquet", DataType::Float16);
    assert_eq!(query(folder.path(), "SELECT count(*) AS n FROM counts", "csv"), "n\n1\n");
    let run = docre(["query", path, "SELECT a FROM half"]);
    assert!(run.code == Some(1) && run.stderr.contains("half.parquet"), "{}", run.stderr);
    // And one of which it reads all but a column.
    of_type("small.parquet", DataType::UInt8);
    assert_eq!(query(folder.path(), "SELECT b FROM small", "csv"), "b\n1\n");
    let run = docre(["query", path, "SELECT * FROM small"]);
    let told = "table `small`: column `a`: expected another type, UInt8 is not read\nhint: leave it out, or save it as";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
    of_type("list.parquet", DataType::new_list(DataType::UInt16, true));
    let run = docre(["query", path, "SELECT a FROM list"]);
    let told = "table `list`: column `a`: expected another type, List<UInt16> is not read";
    assert!(run.code == Some(1) && run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn a_list_of_structs_is_whole_and_named() {
    let folder = TempDir::new().unwrap();
    let fact = json!({"h": 0, "t": 1, "r": "P\"26", "evidence": [0, 1, 2, 3, 4]});
    let mention = |name: &str, at: u32| json!([{"name": name, "type": "PER", "sent_id": 0, "pos": [at, at + 1]}]);
    let document = json!([{
        "title": "d",
        "sents": [["Ann", "Bob"], ["a"], ["b"], ["c"], ["d"]],
        "vertexSet": [mention("Ann", 0), mention("Bob", 1)],
        "labels": [fact],
    }]);
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("d.json"), document.to_string()).unwrap();
    let run = docre(["convert", "--format", "docred", "--split", "s", "--out", &at("c"), &at("d.json")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run = docre(["convert", "--to", "annotated", "--out", &at("rows"), &at("c/s")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = query(&folder.path().join("rows"), "SELECT facts FROM rows", "json");
    // Fields stand as in the table.
    let places = ["head", "tail", "relation", "evidence"].map(|field| told.find(&format!("\"{field}\":")).unwrap());
    assert!(places.is_sorted(), "{told}");
    let told: Value = serde_json::from_str(&told).unwrap();
    let found = &told["facts"][0];
    assert_eq!((&found["evidence"], &found["relation"]), (&json!([0, 1, 2, 3, 4]), &json!("P\"26")), "{told}");
}

#[test]
fn a_fraction_in_a_list_is_found_as_by_itself() {
    let folder = TempDir::new().unwrap();
    let row = |(place, probability): (u32, f32)| PredictionRow {
        run_id: None,
        doc_id: "d".into(),
        head: place,
        tail: place + 1,
        relation: "P1".into(),
        probability: Some(probability),
        evidence: None,
        attributes: None,
    };
    table::write(folder.path(), "", (0..).zip([0.59, 0.25, 1.0]).map(row).collect::<Vec<_>>()).unwrap();
    for (condition, expected) in [
        ("probability IN (0.59)", "1"),
        ("probability NOT IN (0.59)", "2"),
        ("probability IN (0.59, 0.25, 1)", "3"),
        ("probability IN (1, 2)", "1"),
        ("head IN (0, 2.0)", "2"),
    ] {
        let sql = format!("SELECT count(*) AS n FROM predictions WHERE {condition}");
        assert_eq!(query(folder.path(), &sql, "csv"), format!("n\n{expected}\n"), "{condition}");
    }
}
