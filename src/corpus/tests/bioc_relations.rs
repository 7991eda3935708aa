//! Which annotations relations of `BioC` mean, and what goes with them into sections and passages.

use crate::formats::bioc::BioC;
use crate::formats::dialect::{Dialect, Unit};
use crate::{Document, Reject};

use super::bioc::{READER, annotation, article, collection, document, losses, passage, read, relation, remarks, with};
use super::reading::facts;

/// An annotation without identifier.
fn bare(id: &str, kind: &str, offset: u32, text: &str) -> String {
    annotation(id, kind, "", offset, 3, text).replace("identifier", "note")
}

/// Two passages, each of a gene, a disease and what the one does to the other, by ids that begin anew in each.
fn numbered_anew(relations: &str) -> String {
    let of = |kind, offset, text: &str| {
        let mentions = bare("T1", "Gene", offset, &text[..3]) + &bare("T2", "Disease", offset + 4, &text[4..7]);
        passage("paragraph", offset, text, &(mentions + &relation(&[("type", kind)], &nodes("head", "tail"))))
    };
    collection(&article("9", &(of("X", 0, "Abc Def.") + &of("Y", 9, "Ghi Jkl.") + relations)))
}

/// The first mention and the second, in roles.
fn nodes(one: &str, other: &str) -> String {
    format!("<node refid=\"T1\" role=\"{one}\"/><node refid=\"T2\" role=\"{other}\"/>")
}

fn named_facts(document: &Document) -> Vec<(String, String, String)> {
    let name = |entity: u32| document.entities[entity as usize].name().to_string();
    let fact = |fact: &crate::Fact| (name(fact.head), fact.relation.to_string(), name(fact.tail));
    document.facts.iter().flatten().map(fact).collect()
}

#[test]
fn ids_are_those_of_the_passage_where_it_has_them() {
    let of = |facts: &[(&str, &str, &str)]| -> Vec<(String, String, String)> {
        facts.iter().map(|&(head, kind, tail)| (head.into(), kind.into(), tail.into())).collect()
    };
    let read = document(numbered_anew(""));
    assert_eq!(named_facts(&read), of(&[("Abc", "X", "Def"), ("Ghi", "Y", "Jkl")]));
    assert!(losses(&read).is_empty());
    let read = document(numbered_anew(&relation(&[("type", "Z")], &nodes("", ""))));
    assert_eq!(losses(&read), ["relation: relation `R0`: expected the id of one annotation, got `T1` of several"]);
    assert_eq!(facts(&read).len(), 2);
}

#[test]
fn roles_say_which_end_is_which() {
    for (roles, expected) in [
        (("head", "tail"), (0, "r", 1)),
        (("tail", "head"), (1, "r", 0)),
        (("Tail", "Head"), (1, "r", 0)),
        (("tail", ""), (1, "r", 0)),
        (("", "head"), (1, "r", 0)),
        (("Arg2", "Arg1"), (1, "r", 0)),
        (("object", "subject"), (1, "r", 0)),
        (("Arg1", "Arg2"), (0, "r", 1)),
        (("tail", "tail"), (0, "r", 1)),
        (("a", "b"), (0, "r", 1)),
    ] {
        let mentions = bare("T1", "Gene", 0, "Abc") + &bare("T2", "Disease", 4, "Def");
        let text = passage("paragraph", 0, "Abc Def.", &mentions);
        let said = relation(&[("type", "r")], &nodes(roles.0, roles.1));
        assert_eq!(facts(&document(collection(&article("9", &(text + &said))))), [expected], "{roles:?}");
    }
}

#[test]
fn what_is_said_of_an_annotation_again_is_said_of_it() {
    let mentions = bare("T0", "Gene", 0, "Abc") + &bare("T1", "Gene", 0, "Abc") + &bare("T2", "Gene", 4, "Def");
    let text = passage("paragraph", 0, "Abc Def.", &mentions);
    let read = document(collection(&article("9", &(text + &relation(&[("type", "r")], &nodes("", ""))))));
    assert_eq!((facts(&read), losses(&read)), (vec![(0, "r", 1)], vec![]));
    assert_eq!(read.entities.iter().map(|entity| entity.mentions.len()).sum::<usize>(), 2);
}

#[test]
fn evidence_goes_where_its_sentence_is() {
    let said = |evidence| [("type", "met"), ("entity1", "D1"), ("entity2", "D2"), ("docre:evidence", evidence)];
    let of = |offset, one, other| {
        annotation("1", "Gene", "D1", offset, 3, one) + &annotation("2", "Gene", "D2", offset + 8, 3, other)
    };
    let first = passage("paragraph", 0, "Ann met Bob. Cy sat.", &of(0, "Ann", "Bob"));
    let second = passage("paragraph", 21, "Ann saw Bob. Di left.", &of(21, "Ann", "Bob"));
    let of = |unit, evidence| {
        let reader = BioC { dialect: Dialect { unit, ..READER.dialect } };
        let inside = format!("{first}{second}{}", relation(&said(evidence), ""));
        read(&reader, collection(&article("9", &inside))).unwrap()
    };
    let evidence = |read: &Result<Document, Reject>| read.as_ref().unwrap().facts.as_ref().unwrap()[0].evidence.clone();
    assert_eq!(of(Unit::Document, "0,2,3").iter().map(evidence).collect::<Vec<_>>(), [vec![0, 2, 3]]);
    let passages = of(Unit::Passage, "0,2,3");
    assert_eq!(passages.iter().map(evidence).collect::<Vec<_>>(), [vec![0], vec![0, 1]]);
    // One relation of one thing at each end, though both passages have both.
    assert!(passages.iter().all(|read| remarks(read.as_ref().unwrap()).is_empty()));
    let lost = losses(of(Unit::Passage, "1,7")[0].as_ref().unwrap());
    assert_eq!(lost, ["evidence: relation `R0`: evidence 7 is out of range, the article has 4 sentences"]);
}

#[test]
fn what_is_too_long_for_an_attribute_is_told() {
    let long = "x".repeat(250);
    let said = [
        ("entity1", "D000001"),
        ("entity2", "D000002"),
        ("type", "r"),
        ("comment", &*long),
        ("a=b", "c"),
        ("novel", "No"),
    ];
    let document = document(with(&relation(&said, "")));
    assert_eq!(document.facts.as_ref().unwrap()[0].attributes, ["novelty=No".into()]);
    assert_eq!(
        document.remarks[0].what,
        "infons of relations that are too long for attributes, or without a key or with a `=` in it, left out"
    );
    let examples: Vec<&str> = document.remarks.iter().map(|remark| &*remark.example).collect();
    assert_eq!(examples, ["`comment` of relation `R0`", "`a=b` of relation `R0`"]);
}
