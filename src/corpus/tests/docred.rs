//! DocRED's JSON, and what is laid out after it.

use proptest::prelude::*;

use super::lost::{lost, remarked};
use super::reading::{cut_error, document, facts, fault, mentions, read, survive};
use crate::Document;
use crate::formats::docred::DocRed;

const READER: DocRed = DocRed { most_bytes: 1 << 24 };

const SENTENCES: &str = r#"[["Anna", "Reed", "works", "at", "Kelp", "Ltd", "."], ["She", "lives", "in", "Oslo", "."]]"#;
const ENTITIES: &str = r#"[
    [{"name": "Anna Reed", "type": "PER", "sent_id": 0, "pos": [0, 2]}, {"name": "She", "type": "PER", "sent_id": 1, "pos": [0, 1]}],
    [{"name": "Kelp Ltd", "type": "ORG", "sent_id": 0, "pos": [4, 6]}],
    [{"name": "Oslo", "type": "LOC", "sent_id": 1, "pos": [3, 4]}]]"#;
const LABELS: &str =
    r#"[{"h": 0, "t": 1, "r": "P108", "evidence": [0]}, {"h": 0, "t": 2, "r": "P551", "evidence": [1]}]"#;

/// A document with these members beside its title and sentences.
fn of(members: &str) -> String {
    format!(r#"{{"title": "Harbour notes", "sents": {SENTENCES}, {members}}}"#).replace('\n', "")
}

fn plain() -> Document {
    document(&READER, of(&format!(r#""vertexSet": {ENTITIES}, "labels": {LABELS}"#)))
}

#[test]
fn a_document_is_read() {
    let document = plain();
    assert_eq!((&*document.id, document.losses.len(), document.remarks.len()), ("Harbour notes", 0, 0));
    assert_eq!(mentions(&document, 0), [("Anna Reed", 0, 0, 2), ("She", 1, 7, 8)]);
    assert_eq!(facts(&document), [(0, "P108", 1), (0, "P551", 2)]);
    assert_eq!(document.facts.unwrap()[1].evidence, [1]);
}

#[test]
fn an_empty_span_is_lost_alone() {
    let source = of(&format!(r#""vertexSet": {ENTITIES}, "labels": {LABELS}"#));
    let document =
        document(&READER, source.replace(r#""sent_id": 1, "pos": [0, 1]"#, r#""sent_id": 1, "pos": [1, 1]"#));
    assert_eq!((mentions(&document, 0).len(), facts(&document).len()), (1, 2));
    let expected =
        "mention: vertexSet[0][1].pos: expected a span of at least one token within the 5 of sentence 1, got [1, 1]";
    assert_eq!(lost(document), [expected]);
}

#[test]
fn sentences_without_number_are_refused() {
    let with = |n_empty: usize| {
        let sentences = format!(r#"[["A"]{}]"#, ", []".repeat(n_empty));
        document(&READER, format!(r#"{{"title": "Gaps", "sents": {sentences}, "vertexSet": [], "labels": []}}"#))
            .sound()
    };
    // As many as it has tokens, which is 1, and 4,096.
    assert_eq!(with(4096).unwrap().sentences.len(), 4097);
    let said = with(4097).unwrap_err().to_string();
    assert_eq!(said, "sentences: expected at most 4097, as it has 1 tokens, got 4098");
}

#[test]
fn hugging_faces_layout_is_the_same_document() {
    let labels = r#"{"head": [0, 0], "tail": [1, 2], "relation_id": ["P108", "P551"], "relation_text": ["employer", "residence"], "evidence": [[0], [1]]}"#;
    assert_eq!(document(&READER, of(&format!(r#""vertexSet": {ENTITIES}, "labels": {labels}"#))), plain());
    let entities = r#"[
        {"name": ["Anna Reed", "She"], "type": ["PER", "PER"], "sent_id": [0, 1], "pos": [[0, 2], [0, 1]]},
        {"name": ["Kelp Ltd"], "type": ["ORG"], "sent_id": [0], "pos": [[4, 6]]},
        {"name": ["Oslo"], "type": ["LOC"], "sent_id": [1], "pos": [[3, 4]]}]"#;
    assert_eq!(document(&READER, of(&format!(r#""vertexSet": {entities}, "labels": {labels}"#))), plain());
    let none = r#"{"head": [], "tail": [], "relation_id": [], "relation_text": [], "evidence": []}"#;
    assert_eq!(document(&READER, of(&format!(r#""vertexSet": {entities}, "labels": {none}"#))).facts, Some(vec![]));
    let by_text = labels.replace(r#""relation_id": ["P108", "P551"], "#, "");
    let by_text = document(&READER, of(&format!(r#""vertexSet": {entities}, "labels": {by_text}"#)));
    assert_eq!(facts(&by_text), [(0, "employer", 1), (0, "residence", 2)]);
}

#[test]
fn lists_that_do_not_match_lose_no_more_than_what_they_list() {
    let labels = r#"{"head": [0, 0], "tail": [1], "relation_id": ["P108", "P551"]}"#;
    let document = document(&READER, of(&format!(r#""vertexSet": {ENTITIES}, "labels": {labels}"#)));
    let unequal = "labels: expected 2 items under each key, as under the first, got 1 under `tail`";
    let what = "documents that are taken as unlabelled: nothing is known of their relations";
    assert_eq!((document.entities.len(), document.facts.as_ref()), (3, None));
    assert_eq!(remarked(&document), [format!("{what}: {unequal}")]);
    assert_eq!(lost(document), [format!("relation: {unequal}"), format!("relation: {unequal}")]);
    let entities = ENTITIES.replace(
        r#"[{"name": "Kelp Ltd", "type": "ORG", "sent_id": 0, "pos": [4, 6]}]"#,
        r#"{"name": ["Kelp Ltd"], "type": [], "sent_id": [0], "pos": [[4, 6]]}"#,
    );
    let document = self::document(&READER, of(&format!(r#""vertexSet": {entities}, "labels": []"#)));
    assert_eq!((document.entities.len(), document.entities[1].mentions.len()), (3, 0));
    let unequal = "expected 1 items under each key, as under the first, got 0 under `type`";
    assert_eq!(document.losses[0].fault.to_string(), format!("vertexSet[1]: {unequal}"));
}

#[test]
fn linked_docred_names_entities_by_id() {
    let entities = r#"[
        {"id": 7, "type": "PER", "entity_linking": {"wikipedia_resource": "\#DocRED-1\#", "wikidata_resource": null},
         "mentions": [{"name": "Anna Reed", "sent_id": 0, "pos": [0, 2]}]},
        {"id": 3, "type": "LOC", "entity_linking": {"wikidata_resource": "Q585"}, "mentions": [{"name": "Oslo", "sent_id": 1, "pos": [3, 4]}]}]"#
        .replace("\\#", "#");
    let relations = r#"[{"r": "P551", "h": 7, "t": 3, "evidence": [1]}, {"r": "P551", "h": 0, "t": 3}]"#;
    let document = document(&READER, of(&format!(r#""entities": {entities}, "relations": {relations}"#)));
    assert_eq!(facts(&document), [(0, "P551", 1)]);
    assert_eq!((document.entities[0].kb_id.as_deref(), document.entities[1].kb_id.as_deref()), (None, Some("Q585")));
    assert_eq!((&*document.entities[1].kind(), &*document.entities[1].name()), ("LOC", "Oslo"));
    assert_eq!(lost(document), ["relation: relations[1].h: expected the id of an entity, got 0"]);
}

#[test]
fn hacred_is_taken_by_character() {
    let one = |unit: &str| {
        let entities = r#"[[{"name": "北京", "type": "LOC", "sent_id": 0, "pos": [0, 2]}], [{"name": "国", "type": "LOC", "sent_id": 0, "pos": [2, 3]}]]"#;
        let entities = if unit == "word" {
            entities.replace("[0, 2]", "[0, 1]").replace("[2, 3]", "[1, 2]")
        } else {
            entities.to_owned()
        };
        let sentences = if unit == "word" { r#"[["北京", "国"]]"# } else { r#"[["北", "京", "国"]]"# };
        format!(
            r#""sents_{unit}": {sentences}, "vertex_{unit}": {entities}, "labels_{unit}": [{{"r": "首都", "h": 0, "t": 1}}]"#
        )
    };
    let both = document(&READER, format!(r#"{{"id": 6020, "text": "北京国", {}, {}}}"#, one("word"), one("char")));
    assert_eq!((&*both.id, both.sentences[0].len(), facts(&both)), ("6020", 3, vec![(0, "首都", 1)]));
    let by_word = document(&READER, format!(r#"{{"id": 6020, {}}}"#, one("word")));
    assert_eq!((by_word.sentences[0].len(), facts(&by_word)), (2, vec![(0, "首都", 1)]));
}

#[test]
fn what_could_be_two_layouts_is_refused() {
    let source = of(&format!(r#""vertexSet": {ENTITIES}, "entities": [], "labels": []"#));
    assert_eq!(fault(&READER, source), "record: expected the entities under one key, got `vertexSet` and `entities`");
    assert_eq!(fault(&READER, of("\"labels\": []")), "vertexSet: missing");
}

#[test]
fn missing_labels_are_told() {
    let what = "documents that are taken as unlabelled: nothing is known of their relations";
    let check = |members: &str, example: &str| {
        let document = document(&READER, of(&format!(r#""vertexSet": {ENTITIES}{members}"#)));
        assert_eq!(document.facts, None);
        assert_eq!(remarked(&document), [format!("{what}: {example}")]);
    };
    check("", "no key `labels`");
    check(r#", "lables": []"#, "expected the key `labels`, for which `lables` may be meant");
    check(r#", "label": []"#, "expected the key `labels`, for which `label` may be meant");
    check(r#", "relations": []"#, "expected the key `labels`, for which `relations` may be meant");
    check(r#", "labels_char": []"#, "expected the key `labels`, for which `labels_char` may be meant");
    check(r#", "labels": null"#, "no key `labels`");
}

#[test]
fn labels_of_no_relation_are_no_facts() {
    let labels = r#"[{"h": 0, "t": 1, "r": "Na"}, {"h": 0, "t": 2, "r": "P551"}, {"h": 1, "t": 2, "r": "NA"}]"#;
    let document = document(&READER, of(&format!(r#""vertexSet": {ENTITIES}, "labels": {labels}"#)));
    assert_eq!(facts(&document), [(0, "P551", 2)]);
    assert_eq!(remarked(&document).len(), 2);
    assert_eq!(remarked(&document)[0], "labels that say there is no relation, passed over: labels[0]: `Na`");
}

#[test]
fn bad_labels_are_lost_singly() {
    let labels = r#"[{"h": 9, "t": 1, "r": "P1"}, {"h": 0, "t": 0, "r": "P2"}, {"h": 0, "t": 1}, 7,
        {"h": 0, "t": 1, "r": "P3", "evidence": [0, 7, "x"]}]"#;
    let document = document(&READER, of(&format!(r#""vertexSet": {ENTITIES}, "labels": {labels}"#)));
    let sound = document.clone().sound().unwrap();
    assert_eq!(facts(&sound), [(0, "P3", 1)]);
    assert_eq!(sound.facts.unwrap()[0].evidence, [0]);
    let expected = [
        "relation: labels[0].h: 9 is out of range, the document has 3 entities",
        "relation: labels[2].r: missing",
        "relation: labels[3]: expected an object, got 7",
        "evidence: labels[4].evidence[1]: 7 is out of range, the document has 2 sentences",
        "evidence: labels[4].evidence[2]: expected a whole number from 0 and below 2^32, got the text `x`",
        "relation: fact (0, 0, `P2`): expected two entities, got one and the same",
    ];
    assert_eq!(lost(document), expected);
}

#[test]
fn objects_over_several_lines_are_documents() {
    let one = of(&format!(r#""vertexSet": {ENTITIES}, "labels": {LABELS}"#)).replace('{', "{\n").replace('}', "\n}");
    assert_eq!(document(&READER, &one), plain());
    assert_eq!(read(&READER, format!("{one}\n{one}")).unwrap().len(), 2);
    assert_eq!(
        read(&READER, format!("{one}, {one}")).unwrap_err().to_string(),
        "expected the next JSON object (`{`), found ','"
    );
    assert_eq!(cut_error(&READER, "{\n\"a\": [\n"), "the file ends inside an object: it is truncated there");
    assert_eq!(cut_error(&READER, "a, b\nc"), "expected a JSON array, or JSON objects one a line, got `a, b`");
}

/// Members that a document could have, in any order and of any kind.
fn members() -> impl Strategy<Value = String> {
    let key = "(sents|vertexSet|labels|entities|relations|vertex_char|sents_char|id|title)";
    let value = "(\\[\\]|\\[\\[\\]\\]|\\{\\}|null|0|\"x\"|\\{\"h\": \\[0\\], \"t\": \\[1, 2\\]\\}|\\[\\{\"id\": 1, \"mentions\": [0-9]\\}\\])";
    proptest::collection::vec((key, value), 0..6).prop_map(|members| {
        members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect::<Vec<_>>().join(", ")
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&READER, &bytes);
    }

    #[test]
    fn arbitrary_members_do_not_panic(members in members(), start in "[\\[{ \n\u{feff}]{0,3}") {
        survive(&READER, format!("{start}{{{members}}}").as_bytes());
    }
}
