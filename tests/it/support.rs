//! What several tests share: running the program, small corpora, and the real ones where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use docre::table::rows::{DocumentRow, ScoreRow};

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A score of a pair of a document by the run `r`, so far above a threshold of 0, within a margin of 5.
pub fn score(document: &str, [head, tail]: [u32; 2], relation: &str, logit: f32) -> ScoreRow {
    ScoreRow {
        run_id: "r".into(),
        doc_id: document.into(),
        head,
        tail,
        relation: relation.into(),
        logit,
        threshold_logit: 0.0,
        base_logit: None,
        base_threshold_logit: None,
        iteration: None,
        margin: 5.0,
        most_labels: 4,
    }
}

/// The program with arguments, not yet started.
pub fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docre"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Lets the library take over what the program has made, and the program what the library has here.
pub fn build_as_the_program() {
    docre::ground::identity::set_build(docre::BUILD);
}

/// Runs the program to its end.
pub fn docre<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let output = command(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// What a Python script below `tests` says, which must end well; `None`, said in words, where there is no Python. What it
/// leaves out it says itself.
pub fn python(script: &str, arrange: impl FnOnce(&mut Command)) -> Option<String> {
    let mut command = Command::new("python3");
    // `-B`: no compiled scripts in the tree.
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(script));
    arrange(&mut command);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: python3: {error}");
            return None;
        }
    };
    let [said, errors] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    println!("{said}");
    assert!(output.status.success(), "{said}{errors}");
    Some(said)
}

/// `docre query` as lines of CSV without the header.
pub fn rows(folder: &Path, sql: &str) -> Vec<String> {
    let run = docre(["query", folder.to_str().unwrap(), sql, "--format", "csv"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.lines().skip(1).map(str::to_owned).collect()
}

/// A row of `documents`, of a document of nine tokens.
pub fn document_row(doc_id: &str, position: u32) -> DocumentRow {
    DocumentRow {
        doc_id: doc_id.into(),
        title: doc_id.into(),
        split: "test".into(),
        source: "test".into(),
        position,
        labelled: false,
        n_sentences: 1,
        n_tokens: 9,
        n_entities: 0,
        text_hash: "00".into(),
    }
}

/// The folder of the real corpora: `DOCRE_CORPORA`, or `../shared/data` beside the project; `None`, said in words,
/// where there is none.
pub fn corpora() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOCRE_CORPORA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no real corpora in {} (set DOCRE_CORPORA)", folder.display());
    None
}

/// Converts Re-DocRED's dev split into `out/dev`, where the corpus is at hand.
pub fn redocred(out: &Path) -> Option<PathBuf> {
    let source = corpora()?.join("redocred/dev_revised.json");
    let arguments = ["convert", "--format", "docred", "--split", "dev", "--out"];
    let run = docre(arguments.iter().map(std::ffi::OsString::from).chain([out.into(), source.into()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    Some(out.join("dev"))
}

/// Every file below a folder, with its content, sorted by path.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

/// A document in DocRED's JSON: two sentences, three entities, two facts.
pub const DOCUMENT: &str = r#"{"title": "Altomonte",
  "sents": [["Altomonte", "lies", "in", "Calabria", "."], ["It", "joined", "Italy", "."]],
  "vertexSet": [
    [{"name": "Altomonte", "type": "LOC", "sent_id": 0, "pos": [0, 1]}, {"name": "It", "type": "LOC", "sent_id": 1, "pos": [0, 1]}],
    [{"name": "Calabria", "type": "LOC", "sent_id": 0, "pos": [3, 4]}],
    [{"name": "Italy", "type": "LOC", "sent_id": 1, "pos": [2, 3]}]],
  "labels": [{"r": "P131", "h": 0, "t": 1, "evidence": [0]}, {"r": "P17", "h": 0, "t": 2, "evidence": [1]}]}"#;

/// A pipeline that converts `dev.json`.
pub const CONVERSION: &str = r#"
[sources]
documents = "dev.json"
[[stage]]
name = "dev"
kind = "convert"
format = "docred"
split = "dev"
inputs = { documents = "documents" }
outputs = { tables = "dev" }
"#;
