//! Predictions that are odd: of an entity with itself, of documents of another split, or in a form of their own.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{DOCUMENT, Run, command, docre, rows};

/// A folder with the split `dev` of one document, whose facts are (0, 1) and (0, 2).
fn corpus() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("dev.json"), format!("[{DOCUMENT}]")).unwrap();
    let convert = ["convert", "--format", "docred", "--split", "dev", "--out"].map(Into::into);
    let run = docre(convert.into_iter().chain([folder.path().to_path_buf(), folder.path().join("dev.json")]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    folder
}

fn entry(title: &str, head: u32, tail: u32) -> Value {
    json!({"title": title, "h_idx": head, "t_idx": tail, "r": "P131"})
}

/// What `evaluate` and `graph` make of predictions in a file.
fn both(folder: &Path, relations: &Path) -> [Run; 2] {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (dev, relations, out) = (at("dev"), relations.to_str().unwrap(), at("graph"));
    let evaluate = ["evaluate", "--corpus", &dev, "--relations", relations, "--format", "json", "--resamples", "0"];
    [docre(evaluate), docre(["graph", "--corpus", &dev, "--relations", relations, "--out", &out, "--force"])]
}

/// The same of a text, under that name.
fn both_of(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> [Run; 2] {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    both(folder, &path)
}

/// Correct, predicted and gold facts.
fn counts(evaluated: &Run) -> [Option<u64>; 3] {
    let figures: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    let is_wanted = |row: &&Value| row["metric"] == "F1" && row["scope"] == "all" && row["relation"].is_null();
    let row = figures["metrics"].as_array().unwrap().iter().find(is_wanted).unwrap();
    ["true_positives", "predicted", "gold"].map(|name| row[name].as_u64())
}

#[test]
fn a_fact_of_an_entity_with_itself_is_told() {
    let folder = corpus();
    let entries = [entry("Altomonte", 0, 1), entry("Altomonte", 1, 1), entry("Altomonte", 1, 1)];
    let [evaluated, made] = both_of(folder.path(), "self.json", Value::from(entries.to_vec()).to_string());
    assert_eq!(counts(&evaluated), [Some(1), Some(2), Some(2)], "{}", evaluated.stderr);
    let told = "warning: 1 predictions repeat another and count once\n\
                warning: 1 predictions join an entity to itself and count as wrong\n";
    assert_eq!(evaluated.stderr, told);
    assert!(made.stderr.contains("warning: 1 of 2 facts join an entity to itself: left out"), "{}", made.stderr);
    assert_eq!(rows(&folder.path().join("graph"), "SELECT n_facts FROM edges"), ["1"]);
    // The table says the same as the submission.
    let sql = "SELECT 'r' AS run_id, doc_id, 1 AS head, 1 AS tail, relation FROM facts";
    let dev = folder.path().join("dev");
    let table = command(["query", dev.to_str().unwrap(), sql, "--format", "parquet"]).output().unwrap().stdout;
    let told = [
        "2 predictions join an entity to itself and count as wrong",
        "2 of 2 facts join an entity to itself: left out",
    ];
    for (run, told) in both_of(folder.path(), "self.parquet", table).iter().zip(told) {
        assert!(run.code == Some(0) && run.stderr.contains(told), "{told}: {}", run.stderr);
    }
}

#[test]
fn shares_of_another_split_are_told_and_the_whole_refused() {
    let folder = corpus();
    let strangers: Vec<Value> = (0..9).map(|tail| entry("elsewhere", 0, tail)).collect();
    let mixed = [strangers.clone(), vec![entry("Altomonte", 0, 1)]].concat();
    let [evaluated, made] = both_of(folder.path(), "mixed.json", Value::from(mixed).to_string());
    assert!(evaluated.stderr.contains("warning: 9 of 10 predictions name a document that the split lacks"));
    assert!(made.stderr.contains("warning: 9 of 10 facts name a document or an entity that the split lacks"));
    assert_eq!([evaluated.code, made.code], [Some(0); 2]);
    for run in both_of(folder.path(), "strangers.json", Value::from(strangers).to_string()) {
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{}", run.stderr);
        assert!(run.stderr.contains("got 9 that name others, such as `elsewhere`"), "{}", run.stderr);
    }
}

#[test]
fn a_submission_is_read_as_a_list_or_as_lines() {
    let folder = corpus();
    let [one, other] = [entry("Altomonte", 0, 1), entry("Altomonte", 0, 2)];
    let forms = [
        json!([one, other]).to_string(),
        format!("{one}\n{other}\n"),
        format!("\u{feff}\r\n{one} {other}"),
        serde_json::to_string_pretty(&one).unwrap() + &serde_json::to_string_pretty(&other).unwrap(),
    ];
    for form in forms {
        let [evaluated, made] = both_of(folder.path(), "submission.json", &form);
        assert_eq!(counts(&evaluated), [Some(1), Some(2), Some(2)], "{form}: {}", evaluated.stderr);
        assert_eq!(made.code, Some(0), "{form}: {}", made.stderr);
    }
    for run in both_of(folder.path(), "broken.jsonl", format!("{one}\n{{\"title\": 7}}\n")) {
        assert!(run.code == Some(1) && run.stderr.contains("entry 2: `title`: expected a text"), "{}", run.stderr);
    }
}

#[test]
fn other_forms_are_refused_with_those_that_are_taken() {
    let folder = corpus();
    let mut packed = ZipWriter::new(File::create(folder.path().join("result.zip")).unwrap());
    packed.start_file("result.json", SimpleFileOptions::default()).unwrap();
    packed.write_all(b"[]").unwrap();
    packed.finish().unwrap();
    let packed = fs::read(folder.path().join("result.zip")).unwrap();
    let table = fs::read(folder.path().join("dev/facts/part-00000.parquet")).unwrap();
    let documents = format!("[{DOCUMENT}]");
    let forms: [(&[u8], &str); 7] = [
        (&packed, "got a zip archive"),
        (b"\x1f\x8b\x08\x00", "got a file that gzip has packed"),
        (&table, "got a Parquet file"),
        (b"title,h_idx,t_idx,r\nAltomonte,0,1,P131\n", "got text that begins with `title,h_idx,t_idx,r"),
        (documents.as_bytes(), "got documents of a corpus, from entry 1 on"),
        (DOCUMENT.as_bytes(), "got documents of a corpus, from entry 1 on"),
        (b" \n", "got an empty file"),
    ];
    for (content, expected) in forms {
        for run in both_of(folder.path(), "submission", content) {
            assert_eq!(run.code, Some(1), "{expected}: {}", run.stdout);
            assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
            assert!(run.stderr.contains("hint: predictions are a JSON list of objects with `title`"), "{}", run.stderr);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_table() {
    let folder = corpus();
    let pipe: PathBuf = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for run in both(folder.path(), &pipe) {
        assert_eq!(run.code, Some(1), "{}", run.stdout);
        assert!(run.stderr.contains("pipe: expected a file or a folder, found a pipe\nhint: "), "{}", run.stderr);
    }
}
