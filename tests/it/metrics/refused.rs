//! What cannot be evaluated, and what is said about it.

use std::path::Path;

use docre::metrics::{Request, evaluate};
use polars::prelude::df;
use tempfile::TempDir;

use super::fixture::{Doc, Split, entry, write, write_relations};

fn split() -> Split {
    Split(vec![Doc::new("A", &[&[0], &[0]]).fact(0, 1, "r", &[])])
}

/// What evaluation says of predictions in some folder's file, which a closure may have spoilt.
fn said(split: &Split, submission: &[u8], spoil: impl FnOnce(&Path)) -> String {
    let folder = TempDir::new().unwrap();
    let tables = split.write(folder.path());
    let file = folder.path().join("run.json");
    std::fs::write(&file, submission).unwrap();
    spoil(&tables);
    let text = evaluate(&Request::new(&tables, &file)).unwrap_err().to_string();
    text.replace(&format!("{}/", folder.path().display()), "")
}

#[track_caller]
fn check(submission: &[u8], expected: &str) {
    assert_eq!(said(&split(), submission, |_| {}), format!("`run.json`: {expected}"));
}

#[test]
fn a_submission_with_a_bad_entry_is_named_with_entry_and_field() {
    let good = r#"{"title": "A", "h_idx": 0, "t_idx": 1, "r": "r"}"#;
    let second = |entry: &str| format!("[{good},\n{entry}]").into_bytes();
    check(&second(r#"{"title": "A", "h_idx": 0, "r": "r"}"#), "entry 2: `t_idx`: expected a value, got none");
    check(
        &second(r#"{"title": "A", "h_idx": -1, "t_idx": 0, "r": "r"}"#),
        "entry 2: `h_idx`: expected an index from 0, got `-1` at line 2 column 26",
    );
    check(
        &second(r#"{"title": "A", "h_idx": "0", "t_idx": 0, "r": "r"}"#),
        "entry 2: `h_idx`: expected an index from 0, got `\"0\"` at line 2 column 27",
    );
    check(&second(r#"{"title": 7, "r": "r"}"#), "entry 2: `title`: expected a text, got `7` at line 2 column 11");
    check(
        &second(r#"{"evidence": [0, 1.5]}"#),
        "entry 2: `evidence`: expected an index from 0, got `1.5` at line 2 column 22",
    );
    check(
        &second("3"),
        "entry 2: invalid type: integer `3`, expected a predicted fact with `title`, `h_idx`, `t_idx` and `r` at line 2 column 1",
    );
    check(&second(r#"{"title": "#), "entry 2: expected value at line 2 column 11");
}

#[test]
fn a_file_that_is_no_list_is_refused() {
    check(b"", "expected predicted facts, got an empty file");
    check(b"[", "entry 1: EOF while parsing a list at line 1 column 1");
    check(b"{}", "entry 1: `title`: expected a value, got none");
    check(b"[{\"title\": \"\xff\"}]", "expected UTF-8, got invalid utf-8 sequence of 1 bytes from index 12");
}

#[test]
fn a_split_without_labels_is_refused() {
    let text = said(&Split(vec![Doc::new("A", &[&[0], &[0]]).unlabelled()]), b"[]", |_| {});
    assert_eq!(text, "`tables`: expected labelled documents, the split has no labels");
}

#[test]
fn a_missing_or_misshapen_table_is_named() {
    let missing = said(&split(), b"[]", |tables| std::fs::remove_dir_all(tables.join("facts")).unwrap());
    assert!(missing.starts_with("`tables/facts`: expected a table, a folder of Parquet files"), "{missing}");
    let frame = df!("doc_id" => ["A"], "head" => [0i64], "tail" => [1u32], "relation" => ["r"]).unwrap();
    let column = said(&split(), b"[]", |tables| write(&tables.join("facts"), frame));
    assert_eq!(column, "`tables/facts`: column `head`: expected u32, got i64");
    let frame = df!("doc_id" => ["A"], "head" => [0u32], "tail" => [1u32]).unwrap();
    let column = said(&split(), b"[]", |tables| write(&tables.join("facts"), frame));
    assert_eq!(column, "`tables/facts`: column `relation`: expected str, got none");
    let part = "part-00000.parquet";
    let damaged = said(&split(), b"[]", |tables| std::fs::write(tables.join("pairs").join(part), "PAR1").unwrap());
    assert_eq!(damaged, "tables/pairs/part-00000.parquet: not a whole Parquet file");
}

#[test]
fn a_document_told_twice_is_refused() {
    let twice = Split(vec![Doc::new("A", &[&[0]]), Doc::new("A", &[&[0]])]);
    let text = said(&twice, b"[]", |_| {});
    assert_eq!(text, "`tables/documents`: expected a `doc_id` for each of 2 documents, got 1 different ones");
}

#[test]
fn predictions_of_several_runs_are_refused() {
    let folder = TempDir::new().unwrap();
    let tables = split().write(folder.path());
    let relations = folder.path().join("relations");
    write_relations(&relations, "one", &[entry("A", 0, 1, "r")]);
    std::fs::rename(relations.join("part-00000.parquet"), relations.join("part-00001.parquet")).unwrap();
    write_relations(&relations, "two", &[entry("A", 0, 1, "r")]);
    let text = evaluate(&Request::new(&tables, &relations)).unwrap_err().to_string();
    assert!(text.ends_with("expected the predictions of one run, got those of 2"), "{text}");
}

#[test]
fn training_facts_must_be_triples() {
    let folder = TempDir::new().unwrap();
    let tables = split().write(folder.path());
    let [run, facts] = ["run.json", "train.fact"].map(|name| folder.path().join(name));
    std::fs::write(&run, "[]").unwrap();
    let said = |text: &str| {
        std::fs::write(&facts, text).unwrap();
        let request = Request { training_facts: Some(&facts), ..Request::new(&tables, &run) };
        evaluate(&request).unwrap_err().to_string()
    };
    let short = said(r#"[["a", "b", "r"], ["a", "b"]]"#);
    assert!(short.contains("entry 2: expected [head name, tail name, relation]: invalid length 2"), "{short}");
    assert!(said("[]").ends_with("expected a list of training facts, got an empty one"));
}
