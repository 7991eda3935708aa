//! `docre convert --ids`: the documents of a list, and no others.

use std::fs;

use tempfile::TempDir;

use crate::support::{DOCUMENT, Run, docre, rows};

/// A source with the documents A to D, of which B has no sentences, and a file of ids.
struct Source(TempDir);

impl Source {
    fn new() -> Self {
        let source = Self(TempDir::new().unwrap());
        let titled = |title: &str| DOCUMENT.replacen("\"Altomonte\"", &format!("\"{title}\""), 1);
        let damaged = titled("B").replace(r#""sents""#, r#""sentences""#);
        let documents = [titled("A"), damaged, titled("C"), titled("D")];
        fs::write(source.0.path().join("dev.json"), format!("[{}]", documents.join(","))).unwrap();
        source
    }

    fn convert(&self, ids: &str) -> Run {
        let path = |name: &str| self.0.path().join(name).into_os_string();
        fs::write(path("few.ids"), ids).unwrap();
        let arguments = ["convert", "--format", "docred", "--split", "dev", "--force", "--ids"].map(Into::into);
        docre(arguments.into_iter().chain([path("few.ids"), "--out".into(), path("out"), path("dev.json")]))
    }

    fn documents(&self) -> Vec<String> {
        rows(&self.0.path().join("out/dev"), "SELECT doc_id, position FROM documents ORDER BY position")
    }
}

#[test]
fn the_listed_documents_are_taken_in_the_order_of_the_source() {
    let source = Source::new();
    let run = source.convert("D\n\r\nA\r\n");
    assert_eq!(run.code, Some(0), "a reject that nobody asked for is none: {}", run.stderr);
    assert_eq!(source.documents(), ["A,0", "D,1"]);
    let same = source.convert("D\n\r\nA\r\n");
    assert_eq!(same.code, Some(0));
    assert_eq!(source.convert("C\n").code, Some(0));
    assert_eq!(source.documents(), ["C,0"]);
}

#[test]
fn a_listed_document_that_cannot_be_read_is_a_reject() {
    let source = Source::new();
    let run = source.convert("B\nC\n");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("dev.json: record 2 (`B`)"), "{}", run.stderr);
    assert_eq!(source.documents(), ["C,0"]);
}

#[test]
fn a_listed_document_that_is_not_there_is_an_error_and_nothing_changes() {
    let source = Source::new();
    source.convert("A");
    let run = source.convert("A\nElsewhere\nE\n");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let expected = "few.ids: expected names of documents in the source, 2 are not there: `E`, `Elsewhere`\n";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert_eq!(source.documents(), ["A,0"]);
    let run = source.convert("1\n2\n3\n4\n5\n6\n");
    assert!(run.stderr.contains("6 are not there: `1`, `2`, `3`, `4`, `5`, …\n"), "{}", run.stderr);
    assert!(source.convert("\n\n").stderr.contains("few.ids: expected names of documents, one a line, found none"));
    assert_eq!(source.documents(), ["A,0"]);
}
