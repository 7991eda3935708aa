//! `PubTator` files.

use crate::formats::dialect::{Bars, Dialect, Unit};
use crate::formats::pubtator::PubTator;
use proptest::prelude::*;

use super::reading::{cut_error, document, facts, fault, losses, mentions, read, sentences, survive};

const READER: PubTator = PubTator {
    labelled: true,
    beside: None,
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
    let read = document(&unlabelled, with(&[ZETA, "7 CID C1 D1"]));
    assert_eq!((&read.facts, losses(&read)), (&None, vec![]), "what is not asked for is not wrong");
}

#[test]
fn a_bad_annotation_is_lost_and_its_document_stays() {
    let check = |line: &str, expected: &str| {
        let read = document(&READER, with(&[ZETA, line, RASH, "7 CID C1 D1"]));
        assert_eq!(losses(&read), [expected]);
        assert_eq!((read.entities.len(), facts(&read)), (2, vec![(0, "CID", 1)]));
    };
    check("7 CID C1 D2", "relation: line 4, tail: expected the id of a mention, got `D2`");
    check("7 CID C1|C2 D1", "relation: line 4, head: expected the id of a mention, got `C2`");
    check("7 CID -1 C1", "relation: line 4, head: expected the id of a mention, got `-1`");
    check("7 CID C1 C1", "relation: line 4, tail: expected another entity than the head, got the same");
    check("7  C1 C1", "relation: line 4, relation: expected a name, got none");
    check("8 CID C1 D1", "relation: line 4, id: expected `7`, got `8`");
    check("8 0 4 Zeta Chemical C1", "mention: line 4, id: expected `7`, got `8`");
    check("7 12 16 Beta Chemical C1", "mention: line 4, name: expected the text `Zeta`, got `Beta`");
    check("7 13 17 Zeta Chemical C1", "mention: line 4, name: expected the text `eta `, got `Zeta`");
    check("7 16 12 Zeta Chemical C1", "mention: line 4, end: expected an end after the start 16, got 12");
    check("7 12 12 Zeta Chemical C1", "mention: line 4, end: expected an end after the start 12, got 12");
    check("7 12 99 Zeta Chemical C1", "mention: line 4, end: expected an end within the text's 42 characters, got 99");
    check("7 11 12 _ Chemical C1", "mention: line 4, end: expected a mention, got nothing but whitespace");
    check("7 x 16 Zeta Chemical C1", "mention: line 4, start: expected a whole number, got `x`");
    check("7 12 x Zeta Chemical C1", "mention: line 4, end: expected a whole number, got `x`");
    check("7 12 -1 Zeta Chemical C1", "mention: line 4, end: expected a whole number, got `-1`");
    check("7 12 16 Zeta", "mention: line 4: expected a mention of at least 5 columns, got 4");
    let either = "expected a mention (5 columns or more) or a relation (4 or more), got";
    check("prose", "relation: line 4, id: expected `7`, got `prose`");
    check("7 CID C1", &format!("relation: line 4: {either} `7\\tCID\\tC1`"));
}

#[test]
fn a_document_most_of_whose_mentions_miss_the_text_is_rejected() {
    let shifted = ["7 1 5 Zeta Chemical C1", "7 13 17 Zeta Chemical C1", "7 28 42 deep-vein_rash Disease D1"];
    let reason = "expected mentions that fit the text, got 3 of 4 that do not, the first in line 4, name: \
                  expected the text `eta `, got `Zeta`";
    assert_eq!(fault(&READER, with(&[&[ZETA][..], &shifted].concat())), format!("mentions: {reason}"));
    let read = document(&READER, with(&[&[ZETA, RASH, ZETA_AGAIN][..], &shifted].concat()));
    assert_eq!((read.entities.len(), losses(&read).len()), (2, 3), "half of them");
}

#[test]
fn few_mentions_that_all_miss_the_text_are_no_document() {
    let shifted = ["7 1 5 Zeta Chemical C1", "7 28 42 deep-vein_rash Disease D1"];
    assert_eq!(
        fault(&READER, with(&shifted)),
        "mentions: expected mentions that fit the text, got 2 of 2 that do not, the first in line 3, name: expected the \
         text `eta `, got `Zeta`"
    );
    let lone = document(&READER, with(&shifted[..1]));
    assert_eq!((lone.entities.len(), losses(&lone).len()), (0, 1), "a lone one may be wrong by itself");
    let read = document(&READER, with(&[&[ZETA][..], &shifted].concat()));
    assert_eq!((read.entities.len(), losses(&read).len()), (1, 2), "one fits");
}

#[test]
fn offsets_that_count_something_else_are_told() {
    let source = |spans: [(u32, u32); 2]| {
        let [(one, end), (other, past)] = spans;
        format!("7|t|Café 😀 tea\n7|a|and cough.\n7\t{one}\t{end}\ttea\tT\tX\n7\t{other}\t{past}\tcough\tT\tY\n")
    };
    assert_eq!(document(&READER, source([(7, 10), (15, 20)])).entities.len(), 2);
    for (spans, unit) in [([(11, 14), (19, 24)], "bytes"), ([(8, 11), (16, 21)], "UTF-16 units")] {
        let told = fault(&READER, source(spans));
        let words = format!(
            "; counted in {unit}, all mentions of the document would fit: offsets are to count Unicode scalar values"
        );
        assert!(told.ends_with(&words), "{told}");
    }
    // Some fit, as they stand before the first such character.
    let read = document(&READER, "7|t|tea Café\n7|a|a cough.\n7\t0\t3\ttea\tT\tX\n7\t12\t17\tcough\tT\tY\n");
    assert!(losses(&read)[0].contains("; counted in bytes, all mentions"), "{:?}", losses(&read));
}

#[test]
fn an_article_may_lack_passages() {
    let title = document(&READER, "7|t|Zeta\n7\t0\t4\tZeta\tT\tX\n");
    assert_eq!((&*title.title, sentences(&title)), ("Zeta", vec!["Zeta".to_owned()]));
    assert_eq!(mentions(&title, 0), [("Zeta", 0, 0, 1)]);
    let body = document(&READER, "7|a|Zeta\n7\t0\t4\tZeta\tT\tX\n");
    assert_eq!((&*body.title, mentions(&body, 0)), ("", vec![("Zeta", 0, 0, 1)]));
    let empty = document(&READER, "7|t|\n7|a|Zeta\n7\t1\t5\tZeta\tT\tX\n");
    assert_eq!(mentions(&empty, 0), [("Zeta", 0, 0, 1)], "an empty title and what parts it from the abstract");
    let skipped = document(&READER, "7|t|\n7|a|Zeta\n7\t0\t4\tZeta\tT\tX\n");
    assert_eq!(mentions(&skipped, 0), [("Zeta", 0, 0, 1)], "an empty title that does not count");
}

#[test]
fn nothing_can_be_made_of_annotations_alone() {
    assert_eq!(fault(&READER, "7|t|Zeta\n8|a|x\n"), "line 2, id: expected `7`, got `8`");
    assert_eq!(fault(&READER, "|t|Zeta\n|a|x\n"), "line 1, id: expected an id, got none");
    assert_eq!(
        fault(&READER, b"7|t|\xff\n7|a|x\n"),
        "record: expected UTF-8: invalid utf-8 sequence of 1 bytes from index 4"
    );
    let reject = read(&READER, "7\t0\t4\tZeta\tT\tX\n").unwrap().remove(0).unwrap_err();
    assert_eq!(reject.name.as_deref(), Some("7"));
    let got = "expected a passage, such as a title `ID|t|TEXT`, got `7\\t0\\t4\\tZeta\\tT\\tX`";
    assert_eq!((&*reject.fault.column, &*reject.fault.reason), ("line 1", got));
}

#[test]
fn damage_stays_with_its_document() {
    for first in ["|t|A", "1\t0\t1\tA", "1|t|A\n2|a|A"] {
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
