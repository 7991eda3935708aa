//! GDA folders.

use std::fs;

use crate::formats::gda::Gda;
use crate::{CutError, Document, Reject};
use proptest::prelude::*;

use super::reading::{facts, losses, read_path, sentences, survive};

const ABSTRACTS: &str =
    "11\nGene abc in rash\nThe gene abc causes rash.\n\n12\nGene def\nNothing is known of def or rash.\n";
const ANNOTATIONS: &str = "11\t5\t8\tabc\tGene\t77\n11\t12\t16\trash\tDisease\tD1\n\n12\t5\t8\tdef\tGene\t78\n";
const LABELS: &str = "pmid,geneId,diseaseId,label\n11,77,D1,1\n12,78,D1,0\n";

/// Reads a folder of the three files; an empty one is not written.
fn read(abstracts: &str, annotations: &str, labels: &str) -> Result<Vec<Result<Document, Reject>>, CutError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in [("abstracts.txt", abstracts), ("anns.txt", annotations), ("labels.csv", labels)] {
        if !contents.is_empty() {
            fs::write(folder.path().join(name), contents).unwrap();
        }
    }
    read_path(&Gda, folder.path())
}

fn error(abstracts: &str, annotations: &str, labels: &str) -> String {
    read(abstracts, annotations, labels).unwrap_err().to_string()
}

/// The faults of the documents that were rejected, as `document: column: reason`.
fn faults(abstracts: &str, annotations: &str, labels: &str) -> Vec<String> {
    let documents = read(abstracts, annotations, labels).unwrap();
    let shown = |reject: Reject| format!("{}: {}: {}", reject.name.unwrap(), reject.fault.column, reject.fault.reason);
    documents.into_iter().filter_map(Result::err).map(shown).collect()
}

#[test]
fn the_three_files_are_joined() {
    for end in ["\n", "\r\n"] {
        let [abstracts, annotations, labels] = [ABSTRACTS, ANNOTATIONS, LABELS].map(|file| file.replace('\n', end));
        let documents: Vec<Document> =
            read(&abstracts, &annotations, &labels).unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(sentences(&documents[0]), ["Gene abc in rash", "The gene abc causes rash ."]);
        assert_eq!(facts(&documents[0]), [(0, "GDA", 1)]);
        assert_eq!((&*documents[1].id, documents[1].entities.len(), facts(&documents[1]).len()), ("12", 1, 0));
    }
}

#[test]
fn a_missing_file_is_named() {
    assert!(error("", ANNOTATIONS, LABELS).starts_with("abstracts.txt: "));
    assert!(error(ABSTRACTS, "", LABELS).starts_with("anns.txt: "));
    assert!(error(ABSTRACTS, ANNOTATIONS, "").starts_with("labels.csv: "));
}

#[test]
fn another_header_is_refused() {
    let expected = "labels.csv: expected the header `pmid,geneId,diseaseId,label`, got `pmid,label`";
    assert_eq!(error(ABSTRACTS, ANNOTATIONS, "pmid,label\n"), expected);
}

#[test]
fn what_has_no_abstract_is_damage() {
    let expected =
        "expected an abstract for every annotation and label, got none for 2 PMIDs: `13` in labels.csv first";
    assert_eq!(
        error(ABSTRACTS, &format!("{ANNOTATIONS}14\t0\t1\tx\tGene\t9\n"), &format!("{LABELS}13,1,D1,0\n")),
        expected
    );
}

#[test]
fn the_damage_comes_after_the_documents() {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in [("abstracts.txt", ABSTRACTS), ("anns.txt", "99\tx\n"), ("labels.csv", LABELS)] {
        fs::write(folder.path().join(name), contents).unwrap();
    }
    let records: Vec<_> = crate::Reader::records(&Gda, crate::Input::at(folder.path())).unwrap().collect();
    assert_eq!(records.len(), 3);
    assert!(records[1].is_ok() && matches!(records[2], Err(CutError::Damaged(_))));
}

#[test]
fn a_bad_row_is_a_relation_lost() {
    let lost = |row: &str| {
        let labels = format!("{LABELS}{row}\n");
        let documents = read(ABSTRACTS, ANNOTATIONS, &labels).unwrap();
        let document = documents[0].as_ref().unwrap();
        assert_eq!(facts(document), [(0, "GDA", 1)]);
        losses(document)
    };
    for row in ["11,77,D1,2", "11,77,D1", "11"] {
        let reason = format!("expected `pmid,geneId,diseaseId,label` with label 0 or 1, got `{row}`");
        assert_eq!(lost(row), [format!("relation: labels.csv: {reason}")]);
    }
    assert_eq!(lost("11,77,D2,1"), ["relation: line 6, tail: expected the id of a mention, got `D2`"]);
}

#[test]
fn an_article_may_have_no_abstract_or_several_paragraphs() {
    let abstracts = "11\nGene abc in rash\n\n12\nGene def\n\n13\nGene ghi\nFirst.\nThen rash.\n";
    let annotations = "11\t5\t8\tabc\tGene\t77\n11\t12\t16\trash\tDisease\tD1\n13\t21\t25\trash\tDisease\tD1\n";
    let documents: Vec<Document> =
        read(abstracts, annotations, LABELS).unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(facts(&documents[0]), [(0, "GDA", 1)]);
    assert_eq!(sentences(&documents[1]), ["Gene def"]);
    assert_eq!(sentences(&documents[2]), ["Gene ghi", "First .", "Then rash ."]);
    assert_eq!(documents[2].entities.len(), 1);
}

#[test]
fn a_long_first_line_is_not_repeated() {
    let long = "9".repeat(200_000);
    let folder = tempfile::tempdir().unwrap();
    let abstracts = format!("{long}\n{}", "a\n".repeat(20_000));
    for (name, contents) in [("abstracts.txt", &*abstracts), ("anns.txt", ""), ("labels.csv", LABELS)] {
        fs::write(folder.path().join(name), contents).unwrap();
    }
    let mut records = crate::Reader::records(&Gda, crate::Input::at(folder.path())).unwrap();
    let record = records.next().unwrap().unwrap();
    assert!(record.bytes.len() <= abstracts.len(), "{}", record.bytes.len());
    let reject = crate::Reader::parse(&Gda, &record).unwrap_err();
    assert!(reject.fault.reason.starts_with("expected a passage, such as a title"), "{}", reject.fault);
}

#[test]
fn a_block_without_title_is_rejected() {
    let faults = faults("11\n\n12\nTitle\n", "\n", "pmid,geneId,diseaseId,label\n");
    assert_eq!(faults, ["11: line 1: expected a passage, such as a title `ID|t|TEXT`, got `11`"]);
}

proptest! {
    #[test]
    fn arbitrary_files_do_not_panic(files in proptest::array::uniform3("[0-9a,\t\n|\u{e9}]{0,60}")) {
        let _ = read(&files[0], &files[1], &format!("pmid,geneId,diseaseId,label\n{}", files[2]));
        survive(&Gda, files[0].as_bytes());
    }
}
