//! The table `sentences`: text as it was written, and evidence one join away.

use std::fs;
use std::path::{Path, PathBuf};

use docre::table::Table;
use docre::table::rows::SentenceRow;
use tempfile::TempDir;

use crate::support::{command, docre, rows};

/// Converts a source into `dev` below a folder.
fn converted(folder: &Path, format: &str, source: &str) -> PathBuf {
    let path = folder.join("source");
    fs::write(&path, source).unwrap();
    let out = folder.join("corpus");
    let arguments = ["convert", "--force", "--format", format, "--split", "dev", "--out", out.to_str().unwrap()];
    let run = docre(arguments.into_iter().chain([path.to_str().unwrap()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    out.join("dev")
}

type Sentence = (u32, String, [u32; 2], Option<u32>, Option<u32>);

fn sentences(split: &Path) -> Vec<Sentence> {
    let told = |row: SentenceRow| {
        (row.sent_id, row.text.to_string(), [row.token_start, row.token_end], row.char_start, row.char_end)
    };
    Table::<SentenceRow>::require(split).unwrap().all().unwrap().into_iter().map(told).collect()
}

const WRITTEN: &str = r#"{"id": "a", "text": "  Ann met\tBob 😀  today. She\nleft him.", "entities": [
    {"type": "PER", "mentions": [{"start": 2, "end": 5}]}, {"type": "PER", "mentions": [{"start": 10, "end": 13}]}],
    "relations": [{"head": 0, "tail": 1, "type": "met", "evidence": [0, 1]}]}"#;

#[test]
fn text_stands_as_it_was_written() {
    let folder = TempDir::new().unwrap();
    // Two blanks before `Ann` and before `today`; the smile is one character.
    let expected = [
        (0, "Ann met\tBob 😀  today.".to_owned(), [0, 6], Some(2), Some(23)),
        (1, "She\nleft him.".to_owned(), [6, 10], Some(24), Some(37)),
    ];
    assert_eq!(sentences(&converted(folder.path(), "jsonl", WRITTEN)), expected);
    let pubtator = "1|t|Old drugs\n1|a|Lithium\t(Li) is  old. It helps.\n1\t10\t17\tLithium\tChemical\tD008094\n";
    let expected = [
        (0, "Old drugs".to_owned(), [0, 2], Some(0), Some(9)),
        (1, "Lithium\t(Li) is  old.".to_owned(), [2, 9], Some(10), Some(31)),
        (2, "It helps.".to_owned(), [9, 12], Some(32), Some(41)),
    ];
    assert_eq!(sentences(&converted(folder.path(), "pubtator", pubtator)), expected);
}

#[test]
fn tokens_without_text_are_set_as_the_page_sets_them() {
    let folder = TempDir::new().unwrap();
    let source = r#"[{"title": "A", "sents": [["Ann", "'s", "\"", "old", "\"", "(", "red", ")", "hat", "."], [], ["Gone", "!"]],
        "vertexSet": [[{"name": "Ann", "sent_id": 0, "pos": [0, 1], "type": "PER"}]], "labels": []}]"#;
    let expected = [
        (0, "Ann's \"old\" (red) hat.".to_owned(), [0, 10], None, None),
        (1, String::new(), [10, 10], None, None),
        (2, "Gone!".to_owned(), [10, 12], None, None),
    ];
    assert_eq!(sentences(&converted(folder.path(), "docred", source)), expected);
}

#[test]
fn every_maker_of_a_corpus_writes_them() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    assert_eq!(docre(["synthesize", "--docs", "20", "--out", out]).code, Some(0));
    let made = folder.path().join("train");
    let run = docre(["split", "--corpus", made.to_str().unwrap(), "--shares", "a=0.5,b=0.5", "--out", out]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let parts = ["a", "b"].map(|part| folder.path().join(part));
    let all = |split: &Path| rows(split, "SELECT * FROM sentences");
    let mut divided: Vec<String> = parts.iter().flat_map(|part| all(part)).collect();
    let mut whole = all(&made);
    let n_sentences = rows(&made, "SELECT sum(n_sentences) AS n FROM documents");
    assert_eq!(vec![whole.len().to_string()], n_sentences);
    whole.sort();
    divided.sort();
    assert_eq!(divided, whole);
}

#[test]
fn a_split_of_an_earlier_time_does_without() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    assert_eq!(docre(["synthesize", "--docs", "12", "--out", out]).code, Some(0));
    let made = folder.path().join("train");
    fs::remove_dir_all(made.join("sentences")).unwrap();
    let corpus = made.to_str().unwrap();
    let divide = || docre(["split", "--corpus", corpus, "--shares", "a=0.5,b=0.5", "--out", out]);
    let run = divide();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!folder.path().join("a/sentences").exists());
    assert!(divide().stderr.contains("up to date"));
    let json = folder.path().join("back.json");
    let part = folder.path().join("a");
    let run = docre(["convert", "--to", "docred", "--out", json.to_str().unwrap(), part.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run = docre(["evaluate", "--relations", json.to_str().unwrap(), "--corpus", part.to_str().unwrap()]);
    assert!(!run.stderr.contains("sentences/"), "{}", run.stderr);
    // The split itself is made anew where it is asked for, and has them.
    assert_eq!(docre(["synthesize", "--docs", "12", "--out", out]).code, Some(0));
    assert!(made.join("sentences").exists());
}

#[test]
fn evidence_of_predicted_facts_is_one_join_away() {
    let folder = TempDir::new().unwrap();
    let split = converted(folder.path(), "jsonl", &WRITTEN.replace("\\n", " "));
    let sql = "SELECT doc_id, head, tail, relation, evidence FROM facts";
    let predicted = command(["query", split.to_str().unwrap(), sql, "--format", "parquet"]).output().unwrap();
    fs::write(split.join("predictions.parquet"), predicted.stdout).unwrap();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/README.md")).unwrap();
    let (_, rest) = page.split_once("<!-- evidence -->").unwrap();
    let (_, rest) = rest.split_once("```sql\n").unwrap();
    let (sql, _) = rest.split_once("```").unwrap();
    assert_eq!(rows(&split, sql), ["a,0,met,1,0,Ann met\tBob 😀  today.", "a,0,met,1,1,She left him."]);
}

#[test]
fn what_stands_between_tokens_is_written_as_it_stood() {
    let folder = TempDir::new().unwrap();
    let text = "Ann Lee\tmet\r\nBob\nRay  today. She\u{a0}left\nhim.";
    let mentions = r#"[{"type": "PER", "mentions": [{"start": 0, "end": 7}]}, {"type": "PER", "mentions": [{"start": 13, "end": 20}]}]"#;
    let source =
        format!("{{\"id\": \"a\", \"text\": {text:?}, \"entities\": {mentions}}}").replace("\\u{a0}", "\u{a0}");
    let split = converted(folder.path(), "jsonl", &source);
    let written = |format: &str| {
        let out = folder.path().join(format!("out-{format}"));
        let run = docre(["convert", "--to", format, "--out", out.to_str().unwrap(), split.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let told = "warning: documents with `\\r`, or an empty line within a sentence, which are written as blanks: 1, such as";
        assert_eq!(
            run.stderr.contains(told),
            !["jsonl", "docred", "annotated"].contains(&format),
            "{format}: {}",
            run.stderr
        );
        out
    };
    for format in ["bioc-json", "pubtator", "docred", "annotated"] {
        written(format);
    }
    let json =
        |format: &str| -> serde_json::Value { serde_json::from_slice(&fs::read(written(format)).unwrap()).unwrap() };
    assert_eq!(json("jsonl")["text"], text);
    // Tools count `\r\n` in ways of their own, and to brat a line ends a mention.
    let plain = text.replace('\r', " ");
    assert_eq!(json("doccano")["text"], *plain);
    assert_eq!(json("label-studio")[0]["data"]["text"], *plain);
    let brat = fs::read_to_string(written("brat").join("a.txt")).unwrap();
    assert_eq!(brat, plain.replace("Bob\nRay", "Bob Ray"));
    let back = converted(folder.path(), "jsonl", &fs::read_to_string(written("jsonl")).unwrap());
    assert_eq!(
        sentences(&back).iter().map(|sentence| &*sentence.1).collect::<Vec<_>>(),
        ["Ann Lee\tmet\r\nBob\nRay  today.", "She\u{a0}left\nhim."]
    );
}
