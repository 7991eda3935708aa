//! How the tests of source formats read a source.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::Input;
use crate::{CutError, Document, Fault, Loss, Reader, Record, Reject};

/// A file or folder of the real corpora, below `DOCRE_CORPORA` or `../shared/data` beside the project; `None`, said in
/// words, where it is not there.
pub fn corpus(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("DOCRE_CORPORA").map_or_else(beside, PathBuf::from).join(name);
    if !path.exists() {
        println!("skipped: no corpus at {}", path.display());
        return None;
    }
    Some(path)
}

/// Everything a reader makes of a path.
pub fn read_path(reader: &impl Reader, path: &Path) -> Result<Vec<Result<Document, Reject>>, CutError> {
    reader.records(Input::at(path))?.map(|record| Ok(reader.parse(&record?))).collect()
}

/// Everything a reader makes of a file with these contents.
pub fn read(reader: &impl Reader, contents: impl AsRef<[u8]>) -> Result<Vec<Result<Document, Reject>>, CutError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("source");
    fs::write(&path, contents).unwrap();
    read_path(reader, &path)
}

/// The one document of such a file.
pub fn document(reader: &impl Reader, contents: impl AsRef<[u8]>) -> Document {
    let mut documents = read(reader, contents).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0).unwrap()
}

/// The fault of such a file's one record, as `column: reason`.
pub fn fault(reader: &impl Reader, contents: impl AsRef<[u8]>) -> String {
    let mut documents = read(reader, contents).unwrap();
    assert_eq!(documents.len(), 1);
    let Fault { column, reason } = documents.remove(0).unwrap_err().fault;
    format!("{column}: {reason}")
}

/// What is lost of a document, as `part: column: reason`.
pub fn losses(document: &Document) -> Vec<String> {
    let shown = |Loss { part, fault: Fault { column, reason } }: &Loss| format!("{}: {column}: {reason}", part.name());
    document.losses.iter().map(shown).collect()
}

/// Why such a file cannot be cut into records.
pub fn cut_error(reader: &impl Reader, contents: impl AsRef<[u8]>) -> String {
    read(reader, contents).unwrap_err().to_string()
}

/// Reads arbitrary bytes both as a file and as a record: neither may panic.
pub fn survive(reader: &impl Reader, bytes: &[u8]) {
    let _ = read(reader, bytes);
    let _ = reader.parse(&Record { number: 1, bytes: bytes.to_vec() });
}

/// A document's sentences, tokens joined by spaces.
pub fn sentences(document: &Document) -> Vec<String> {
    let texts = |sentence: &Vec<_>| sentence.iter().map(|token: &crate::Token| token.text.to_string()).collect();
    document.sentences.iter().map(texts).map(|tokens: Vec<String>| tokens.join(" ")).collect()
}

/// An entity's mentions as (name, sentence, first token, one past the last).
pub fn mentions(document: &Document, entity: usize) -> Vec<(&str, u32, u32, u32)> {
    let mentions = &document.entities[entity].mentions;
    mentions.iter().map(|mention| (&*mention.name, mention.sentence, mention.start, mention.end)).collect()
}

/// A document's facts as (head, relation, tail).
pub fn facts(document: &Document) -> Vec<(u32, &str, u32)> {
    let facts = document.facts.as_ref().unwrap();
    facts.iter().map(|fact| (fact.head, &*fact.relation, fact.tail)).collect()
}
