//! `PubTator` files.

use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::pubtator::PubTator;
use proptest::prelude::*;

use super::reading::{cut_error, document, facts, fault, mentions, read, sentences, survive};

const READER: PubTator = PubTator {
    labelled: true,
    dialect: Dialect { bars: Bars::Entities, unit: Unit::Document, coreference: None, most_bytes: 1 << 24 },
};

/// A document of the text `Zeta harms. Zeta may cause deep-vein rash.` and the given annotation lines.
fn with(lines: &[&str]) -> String {
    let mut source = "7|t|Zeta harms.\n7|a|Zeta may cause deep-vein rash.\n".to_owned();
    for line in lines {
        source += &line.replace(' ', "\t").replace('_', " ");
        source.push('\n');
    }
    source
}

const ZETA: &str = "7 0 4 Zeta Chemical C1";
const ZETA_AGAIN: &str = "7 12 16 Zeta Chemical C1";
const RASH: &str = "7 27 41 deep-vein_rash Disease D1";

#[test]
fn a_document_is_read() {
    let document = document(&READER, with(&[ZETA, ZETA_AGAIN, RASH, "7 CID C1 D1"]));
    assert_eq!((&*document.id, &*document.title), ("7", "Zeta harms."));
    assert_eq!(sentences(&document), ["Zeta harms .", "Zeta may cause deep - vein rash ."]);
    assert_eq!(document.entities[0].kb_id.as_deref(), Some("C1"));
    assert_eq!(&*document.entities[1].kind(), "Disease");
    assert_eq!(mentions(&document, 0), [("Zeta", 0, 0, 1), ("Zeta", 1, 3, 4)]);
    assert_eq!(mentions(&document, 1), [("deep-vein rash", 1, 6, 10)]);
    assert_eq!(facts(&document), [(0, "CID", 1)]);
    assert_eq!(document.asked, None);
}

#[test]
fn documents_are_cut_however_they_are_parted() {
    let one = "1|t|A b.\n1|a|C d.\n1\t0\t1\tA\tT\tX";
    let two = "2|t|E f.\n2|a|\n2\t0\t1\tE\tT\tX";
    let ids = |contents: String| -> Vec<String> {
        read(&READER, contents).unwrap().into_iter().map(|document| document.unwrap().id.to_string()).collect()
    };
    assert_eq!(ids(format!("{one}\n\n{two}\n")), ["1", "2"]);
    assert_eq!(ids(format!("\n\n{one}\n \n\n\n{two}\n\n\n")), ["1", "2"]);
    assert_eq!(ids(format!("{one}\n{two}")), ["1", "2"], "no blank line, none at the end");
    assert_eq!(ids(format!("\u{FEFF}{one}\n\n{two}\n").replace('\n', "\r\n")), ["1", "2"]);
    assert_eq!(ids(String::new()), Vec::<String>::new());
}

#[test]
fn offsets_count_characters() {
    let source = "1|t|Café ‰.\n1|a|Ünder 咖啡 ok.\n1\t8\t13\tÜnder\tT\tX\n1\t14\t16\t咖啡\tT\tY\n1\t0\t4\tCafé\tT\tX\n";
    let document = document(&READER, source);
    assert_eq!(mentions(&document, 0), [("Ünder", 1, 3, 4), ("Café", 0, 0, 1)]);
    assert_eq!(mentions(&document, 1), [("咖啡", 1, 4, 6)]);
}

#[test]
fn the_title_ends_a_sentence_without_a_stop() {
    let document = document(&READER, "1|t|A title\n1|a|the text | with bars\n");
    assert_eq!(sentences(&document), ["A title", "the text | with bars"]);
}

#[test]
fn alternatives_and_composites_are_entities_of_their_own() {
    let composite = "7 27 41 deep-vein_rash Disease D1|D2 deep_rash|vein_rash";
    let document = document(&READER, with(&[ZETA, composite, "7 CID C1 D1|D2", "7 CID C1 D2"]));
    assert_eq!(document.entities.len(), 3);
    assert_eq!(mentions(&document, 1), mentions(&document, 2));
    assert_eq!(facts(&document), [(0, "CID", 1), (0, "CID", 2)]);
}

#[test]
fn mentions_without_identity_are_kept_apart() {
    let document = document(
        &READER,
        with(&[ZETA, "7 12 16 Zeta Chemical -1", "7 27 41 deep-vein_rash Disease ", "7 12 16 Zeta Chemical -1|C1"]),
    );
    assert_eq!(document.entities.len(), 1);
    assert_eq!(mentions(&document, 0), [("Zeta", 0, 0, 1), ("Zeta", 1, 3, 4)]);
    let loose: Vec<&str> = document.loose_mentions.iter().map(|mention| &*mention.name).collect();
    assert_eq!(loose, ["Zeta", "deep-vein rash"]);
}

#[test]
fn repeated_lines_count_once() {
    let document = document(&READER, with(&[ZETA, ZETA, RASH, "7 CID C1 D1", RASH, "7 CID C1 D1"]));
    assert_eq!((mentions(&document, 0).len(), mentions(&document, 1).len()), (1, 1));
    assert_eq!(facts(&document), [(0, "CID", 1)]);
}

#[test]
fn no_relation_line_is_not_unlabelled() {
    assert_eq!(document(&READER, with(&[ZETA])).facts, Some(vec![]));
    let unlabelled = PubTator { labelled: false, ..READER };
    assert_eq!(document(&unlabelled, with(&[ZETA, RASH, "7 CID C1 D1"])).facts, None);
    assert_eq!(
        fault(&unlabelled, with(&[ZETA, "7 CID C1 D1"])),
        "line 4, tail: expected the id of a mention, got `D1`"
    );
}

#[test]
fn a_bad_annotation_rejects_the_document() {
    let check = |line: &str, expected: &str| assert_eq!(fault(&READER, with(&[ZETA, line])), expected);
    check("7 CID C1 D1", "line 4, tail: expected the id of a mention, got `D1`");
    check("7 CID C1|C2 C1", "line 4, head: expected the id of a mention, got `C2`");
    check("7 CID -1 C1", "line 4, head: expected the id of a mention, got `-1`");
    check("7  C1 C1", "line 4, relation: expected a name, got none");
    check("8 CID C1 C1", "line 4, id: expected `7`, got `8`");
    check("7 12 16 Beta Chemical C1", "line 4, name: expected the text `Zeta`, got `Beta`");
    check("7 16 12 Zeta Chemical C1", "line 4, end: expected an end after the start 16, got 12");
    check("7 12 99 Zeta Chemical C1", "line 4, end: expected an end within the text's 42 characters, got 99");
    check("7 11 12 _ Chemical C1", "line 4, end: expected a mention, got nothing but whitespace");
    check("7 x 16 Zeta Chemical C1", "line 4, start: expected a whole number, got `x`");
    check("7 12 -1 Zeta Chemical C1", "line 4, end: expected a whole number, got `-1`");
    let either = "line 4: expected a mention (6 or 7 columns) or a relation (4 columns), got";
    check("7 12 16 Zeta Chemical", &format!("{either} `7\\t12\\t16\\tZeta\\tChemical`"));
    check("7 12 16 Zeta", &format!("{either} `7\\t12\\t16\\tZeta`"));
    check("7 1 2 3 4 5 6 7 8", &format!("{either} `7\\t1\\t2\\t3\\t4\\t5\\t6\\t7\\t8`"));
}

#[test]
fn a_missing_passage_rejects_the_document() {
    assert_eq!(fault(&READER, "7|t|Zeta\n"), "line 2: expected the abstract `ID|a|TEXT`, got nothing");
    assert_eq!(
        fault(&READER, "7|t|Zeta\n7\t0\t4\tZeta\tT\tX\n"),
        "line 2: expected the abstract `ID|a|TEXT`, got `7\\t0\\t4\\tZeta\\tT\\tX`"
    );
    assert_eq!(fault(&READER, "7|t|Zeta\n8|a|x\n"), "line 2, id: expected `7`, got `8`");
    assert_eq!(fault(&READER, "|t|Zeta\n|a|x\n"), "line 1, id: expected an id, got none");
    assert_eq!(
        fault(&READER, b"7|t|\xff\n7|a|x\n"),
        "record: expected UTF-8: invalid utf-8 sequence of 1 bytes from index 4"
    );
    let reject = read(&READER, "7\t0\t4\tZeta\tT\tX\n").unwrap().remove(0).unwrap_err();
    assert_eq!(reject.name.as_deref(), Some("7"));
    assert_eq!(reject.fault.column, "line 1");
}

#[test]
fn damage_stays_with_its_document() {
    for first in ["1|t|A", "1|a|A", "1\t0\t1\tA"] {
        let documents = read(&READER, format!("{first}\n\n2|t|B\n2|a|C\n")).unwrap();
        assert!(documents[0].is_err() && documents[1].is_ok());
    }
}

#[test]
fn another_format_is_refused() {
    assert_eq!(cut_error(&READER, "{\"id\": 1}\n"), "expected a line `ID|t|TITLE`, got `{\"id\": 1}`");
    assert_eq!(
        cut_error(&READER, "\n\nprose and more prose, forty characters and some\n"),
        "expected a line `ID|t|TITLE`, got `prose and more prose, forty characters a…`"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&READER, &bytes);
    }

    #[test]
    fn arbitrary_annotations_do_not_panic(lines in "(7(\t(0|4|16|Zeta|CID|C1|-1|[|]|\u{e9})){2,6}\n){0,6}") {
        survive(&READER, (with(&[ZETA]) + &lines).as_bytes());
    }
}
