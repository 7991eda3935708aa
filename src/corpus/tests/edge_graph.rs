//! Edge-oriented-graph files.

use std::collections::BTreeSet;

use crate::Acceptance;
use crate::formats::edge_graph::EdgeGraph;
use crate::tables::pair_rows;
use proptest::prelude::*;
use table::rows::PairRow;

use super::reading::{cut_error, document, facts, fault, mentions, read, sentences, survive};

const TEXT: &str = "Zeta harms .|Zeta and beta cause deep rash .";
const ZETA: &str = "C1 Zeta|Zeta Chemical 3:0 4:1 1:0";
const BETA: &str = "C2 beta Chemical 5 6 1";
const RASH: &str = "D1 deep_rash Disease 7 9 1";

/// A line of the document `7` with this text and these pairs: label, first and second argument.
fn line(text: &str, pairs: &[(&str, &str, &str)]) -> String {
    let mut line = format!("7\t{text}");
    for (label, first, second) in pairs {
        let arguments = format!("{first} {second}").replace(' ', "\t").replace('_', " ");
        line += &format!("\t{label}\tL2R\tCROSS\t0-1\t7-9\t{arguments}");
    }
    line + "\n"
}

#[test]
fn a_document_is_read() {
    let pairs = [("1:CID:2", BETA, RASH), ("1:NR:2", RASH, ZETA), ("not_include", ZETA, BETA), ("2:CPD:1", RASH, ZETA)];
    let document = document(&EdgeGraph, line(TEXT, &pairs));
    assert_eq!((&*document.id, &*document.title), ("7", "Zeta harms ."));
    assert_eq!(sentences(&document), ["Zeta harms .", "Zeta and beta cause deep rash ."]);
    let ids: Vec<_> = document.entities.iter().map(|entity| entity.kb_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["C1", "C2", "D1"], "in the order of the text");
    assert_eq!(mentions(&document, 0), [("Zeta", 0, 0, 1), ("Zeta", 1, 3, 4)]);
    assert_eq!(mentions(&document, 2), [("deep rash", 1, 7, 9)]);
    assert_eq!(&*document.entities[2].kind(), "Disease");
    assert_eq!(facts(&document), [(1, "CID", 2), (0, "CPD", 2)]);
    assert_eq!(document.asked, Some(BTreeSet::from([(1, 2), (2, 0), (0, 1), (0, 2)])));
    assert_eq!(document.left_out, BTreeSet::from([(0, 1)]));
}

/// The pairs of a document, each with whether it is a candidate and what holds of it.
fn pairs(lines: &[(&str, &str, &str)], undirected: &[&str]) -> Vec<(u32, u32, bool, Vec<String>)> {
    let undirected: Vec<table::Text> = undirected.iter().map(|&name| name.into()).collect();
    let acceptance = Acceptance { undirected: &undirected, ..Acceptance::default() };
    let accepted = acceptance.accept(document(&EdgeGraph, line(TEXT, lines)), "s".into()).unwrap();
    let labels = |row: &PairRow| row.labels.iter().flatten().map(ToString::to_string).collect();
    pair_rows(&accepted).map(|row| (row.head, row.tail, row.candidate, labels(&row))).collect()
}

#[test]
fn what_is_left_out_has_one_direction_as_what_is_asked() {
    let one = [("2:CPD:1", RASH, ZETA), ("not_include", RASH, BETA)];
    let fact = || vec!["CPD".to_owned()];
    assert_eq!(pairs(&one, &[]), [(0, 2, true, fact()), (2, 1, false, vec![])]);
    assert_eq!(pairs(&one, &["*"]), [(0, 2, true, fact()), (1, 2, false, vec![])]);
    // Asked about in one direction, and left out in the other.
    let both =
        [("not_include", RASH, ZETA), ("1:NR:2", ZETA, RASH), ("not_include", RASH, BETA), ("not_include", BETA, RASH)];
    assert_eq!(pairs(&both, &["*"]), [(0, 2, true, vec![]), (1, 2, false, vec![])]);
}

#[test]
fn a_fact_that_is_turned_is_asked_about_still() {
    let turned = [("1:CPD:2", RASH, ZETA), ("1:CID:2", RASH, BETA)];
    let of = |label: &str| vec![label.to_owned()];
    let expected = [(0, 2, true, of("CPD")), (2, 0, true, vec![]), (2, 1, true, of("CID"))];
    assert_eq!(pairs(&turned, &["CPD"]), expected);
}

#[test]
fn a_document_without_pairs_is_labelled() {
    let document = document(&EdgeGraph, "7\tOne .||Two .\n");
    assert_eq!(sentences(&document), ["One .", "", "Two ."]);
    assert_eq!((facts(&document).len(), document.asked), (0, Some(BTreeSet::new())));
}

#[test]
fn a_bar_next_to_a_space_is_a_token() {
    let document =
        document(&EdgeGraph, line("| a | b|Zeta |", &[("1:NR:2", "X a_|_b T 1 4 0", "Y Zeta_||Zeta T 4:4 6:5 1:1")]));
    assert_eq!(sentences(&document), ["| a | b", "Zeta |"]);
    assert_eq!(mentions(&document, 0), [("a | b", 0, 1, 4)]);
}

#[test]
fn an_inconsistent_line_is_rejected() {
    let check =
        |first: &str, expected: &str| assert_eq!(fault(&EdgeGraph, line(TEXT, &[("1:NR:2", first, RASH)])), expected);
    check("-1 Zeta Chemical 0 1 0", "pair 1, first id: expected an id, got `-1`");
    check("C1 Zeta Chemical x 1 0", "pair 1, first token starts: expected whole numbers, got `x`");
    check("C1 Zeta Chemical 0 1:4 0", "pair 1, first token ends: expected as many as the 1 token starts, got 2");
    check("C1 Zeta Chemical 0:3 1:4 0", "pair 1, first sentence ids: expected as many as the 2 token starts, got 1");
    check("C1 Zeta Chemical 0:3 1:4 0:1", "pair 1, first names: expected as many as the 2 token starts, got 1");
    check("C1 Zeta Chemical 0 1 2", "pair 1, first sentence ids: expected one below 2, got 2");
    check("C1 Zeta Chemical 0 1 1", "pair 1, first token starts: expected one from 3 and before its end 1, got 0");
    check("C1 Zeta Chemical 1 1 0", "pair 1, first token starts: expected one from 0 and before its end 1, got 1");
    check("C1 Zeta Chemical 2 4 0", "pair 1, first token ends: expected one of at most 3 in sentence 0, got 4");
    check("D1 rash Disease 8 9 1", "pair 1, second id: expected the same columns as before for `D1`");
}

#[test]
fn a_bad_label_is_rejected() {
    let check =
        |label: &str, expected: &str| assert_eq!(fault(&EdgeGraph, line(TEXT, &[(label, ZETA, RASH)])), expected);
    check("CID", "pair 1, label: expected `1:RELATION:2`, `2:RELATION:1` or `not_include`, got `CID`");
    check("1:CID:1", "pair 1, label: expected `1:RELATION:2`, `2:RELATION:1` or `not_include`, got `1:CID:1`");
    check("1::2", "pair 1, label: expected a relation, got `1::2`");
    let twice = fault(&EdgeGraph, line(TEXT, &[("1:NR:2", ZETA, RASH), ("2:CID:1", RASH, ZETA)]));
    assert_eq!(twice, "pair 2: expected each pair once, got `C1` to `D1` again");
}

#[test]
fn a_bad_line_is_rejected_and_another_format_refused() {
    assert_eq!(fault(&EdgeGraph, "\tOne .\n"), "document: expected a name, got none");
    assert_eq!(fault(&EdgeGraph, "7\tOne  two .\n"), "sentence 0: expected one space between tokens, got several");
    assert_eq!(cut_error(&EdgeGraph, "{}\n"), "expected columns parted by tabs, got `{}`");
    let documents = read(&EdgeGraph, "7\tOne .\n\n8\tTwo .\tx\n").unwrap();
    assert!(documents[0].is_ok());
    let reject = documents[1].clone().unwrap_err();
    assert_eq!((reject.name.as_deref(), &*reject.fault.reason), (Some("8"), "expected 2 and 17 a pair, got 3"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&EdgeGraph, &bytes);
    }

    #[test]
    fn arbitrary_columns_do_not_panic(columns in proptest::collection::vec("[0-9:| aC\u{e9}]{0,6}", 17..=34)) {
        survive(&EdgeGraph, format!("7\t{TEXT}\t{}", columns.join("\t")).as_bytes());
    }
}
