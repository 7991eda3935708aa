//! JSON lines.

use crate::Fact;
use crate::formats::jsonl::JsonLines;
use proptest::prelude::*;

use super::lost::{lost, remarked, the_loss};
use super::reading::{cut_error, document, facts, fault, mentions, read, sentences, survive};

const READER: JsonLines = JsonLines { most_bytes: 1 << 24 };

/// A document of the text `Tea has caffeine. It wakes.` with two entities and the given further members.
fn with(members: &str) -> String {
    format!(
        r#"{{"id": "d1", "text": "Tea has caffeine. It wakes.", "entities": [
            {{"type": "Food", "mentions": [{{"start": 0, "end": 3}}]}},
            {{"id": "Q1", "kb_id": "MESH:D1", "type": "Chemical", "mentions": [{{"start": 18, "end": 20}}, {{"start": 8, "end": 16}}]}}
        ]{members}}}"#
    )
    .replace('\n', " ")
}

#[test]
fn a_document_is_read() {
    let relations = r#", "title": "On tea", "relations": [
        {"head": 0, "tail": "Q1", "type": "contains", "evidence": [1, 0, 1]}, {"head": "Q1", "tail": 0, "type": "part of"}]"#;
    let document = document(&READER, with(relations));
    assert_eq!((&*document.id, &*document.title), ("d1", "On tea"));
    assert_eq!(sentences(&document), ["Tea has caffeine .", "It wakes ."]);
    assert_eq!((document.entities[0].kb_id.as_deref(), document.entities[1].kb_id.as_deref()), (None, Some("MESH:D1")));
    assert_eq!(mentions(&document, 1), [("It", 1, 4, 5), ("caffeine", 0, 2, 3)], "in the order of the source");
    let fact = |head, relation: &str, tail, evidence| Fact {
        head,
        tail,
        relation: relation.into(),
        evidence,
        ..Fact::default()
    };
    assert_eq!(document.facts.unwrap(), [fact(0, "contains", 1, vec![0, 1]), fact(1, "part of", 0, vec![])]);
}

#[test]
fn a_relation_called_na_is_none() {
    let relations = r#", "relations": [{"head": 0, "tail": 1, "type": "Na"}, {"head": 1, "tail": 0, "type": "NA"},
        {"head": 0, "tail": 1, "type": "nab"}]"#;
    let read = document(&READER, with(relations)).sound().unwrap();
    assert_eq!(facts(&read), [(0, "nab", 1)]);
    let what = "labels that say there is no relation, passed over";
    assert_eq!((remarked(&read).len(), remarked(&read)[0].as_str()), (2, &*format!("{what}: fact (0, 1, `Na`)")));
    assert_eq!(read.losses, []);
}

#[test]
fn a_mention_may_have_a_type_of_its_own() {
    let source = with("").replace(r#"{"start": 8, "end": 16}"#, r#"{"start": 8, "end": 16, "type": "Drug"}"#);
    let read = document(&READER, &source);
    let kinds = |document: &crate::Document| -> Vec<String> {
        document.entities[1].mentions.iter().map(|mention| mention.kind.to_string()).collect()
    };
    assert_eq!((kinds(&read), remarked(&read)), (vec!["Chemical".to_owned(), "Drug".to_owned()], vec![]));
    let mut bytes = Vec::new();
    crate::Writer::write(&crate::formats::jsonl::JsonLinesWriter, &crate::Written::annotated(&read), &mut bytes)
        .unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("\"type\":\"Drug\"").count(), 1, "{text}");
    assert_eq!(kinds(&document(&READER, &text)), kinds(&read));
    let first = with("").replace(r#"{"start": 18, "end": 20}"#, r#"{"start": 18, "end": 20, "type": "Drug"}"#);
    let read = document(&READER, first);
    assert_eq!(kinds(&read), ["Chemical", "Chemical"]);
    let what = "first mentions of another type than their entity, which counts";
    assert_eq!(remarked(&read), [format!("{what}: entities[1].mentions[0]: `Drug`, of an entity of type `Chemical`")]);
}

#[test]
fn an_attribute_may_have_several_values() {
    let relations = r#", "relations": [{"head": 0, "tail": 1, "type": "r", "attributes": {"a": ["x", 2], "b": "y", "c": [], "d": [[]]}}]"#;
    let read = document(&READER, with(relations)).sound().unwrap();
    let attributes = |document: &crate::Document| document.facts.as_ref().unwrap()[0].attributes.clone();
    assert_eq!(attributes(&read), ["a=2", "a=x", "b=y"].map(table::Text::from));
    let mut bytes = Vec::new();
    crate::Writer::write(&crate::formats::jsonl::JsonLinesWriter, &crate::Written::annotated(&read), &mut bytes)
        .unwrap();
    assert_eq!(attributes(&document(&READER, bytes).sound().unwrap()), attributes(&read));
}

#[test]
fn no_relations_is_unlabelled() {
    assert_eq!(document(&READER, with("")).facts, None);
    assert_eq!(document(&READER, with(r#", "relations": []"#)).facts, Some(vec![]));
}

#[test]
fn offsets_count_characters_and_a_span_is_trimmed() {
    let source = r#"{"id": "1", "text": "Caf\u00e9 ‰ 咖啡.", "entities": [{"type": "T", "mentions": [{"start": 4, "end": 9}]}]}"#;
    assert_eq!(mentions(&document(&READER, source), 0), [("‰ 咖啡", 0, 1, 4)]);
}

#[test]
fn a_title_that_is_the_first_line_ends_a_sentence() {
    let of = |text: &str| {
        let source = format!(r#"{{"id": "1", "title": "On tea", "text": "{text}", "entities": []}}"#);
        sentences(&document(&READER, source))
    };
    assert_eq!(of("On tea\\nit is good"), ["On tea", "it is good"]);
    assert_eq!(of("On tea it is good"), ["On tea it is good"]);
    assert_eq!(of("On teas\\nit is good"), ["On teas it is good"]);
}

#[test]
fn lines_are_cut_and_numbered() {
    let one = with("");
    let contents = format!("\u{FEFF}{one}\r\n\n{{\"id\": \"d2\"}}\n{one}");
    let documents = read(&READER, contents).unwrap();
    assert_eq!(documents.len(), 3);
    let reject = documents[1].clone().unwrap_err();
    assert_eq!((reject.name.as_deref(), &*reject.fault.column), (Some("d2"), "text"));
}

#[test]
fn what_is_wrong_with_a_document_rejects_it() {
    let check = |from: &str, to: &str, expected: &str| {
        let source = with(r#", "relations": [{"head": 0, "tail": "Q1", "type": "contains"}]"#);
        assert!(source.contains(from), "{from}");
        assert_eq!(fault(&READER, source.replace(from, to)), expected);
    };
    check(r#""relations":"#, r#""relation":"#, "record: expected the key `relations`, got `relation`");
    check(r#""relations":"#, r#""Relations":"#, "record: expected the key `relations`, got `Relations`");
    check(r#""entities":"#, r#""enities":"#, "record: expected the key `entities`, got `enities`");
    check(r#""relations": ["#, r#""relations": 5, "x": ["#, "relations: expected a list, got 5");
    check(r#""text": "Tea has caffeine. It wakes.""#, r#""text": 5"#, "text: expected a text, got 5");
    check("{\"id\": \"d1\"", "{\"id\": 1.5", "id: expected a text or a whole number from 0, got 1.5");
}

#[test]
fn the_smallest_thing_that_is_wrong_is_lost() {
    let check = |from: &str, to: &str, expected: &str| {
        let source = with(r#", "relations": [{"head": 0, "tail": "Q1", "type": "contains"}]"#);
        assert!(source.contains(from), "{from}");
        assert_eq!(the_loss(&READER, source.replace(from, to)), expected);
    };
    let mention = "mention: entities[1].mentions[1]";
    check(r#""end": 16"#, r#""stop": 16"#, &format!("{mention}.end: missing"));
    let expected = "expected a whole number from 0 and below 2^32, got the text `16`";
    check(r#""end": 16"#, r#""end": "16""#, &format!("{mention}.end: {expected}"));
    let expected = "expected an end within the text's 27 characters, got 99";
    check(r#""end": 16"#, r#""end": 99"#, &format!("{mention}.end: {expected}"));
    check(r#""end": 16"#, r#""end": 8"#, &format!("{mention}.end: expected an end after the start 8, got 8"));
    check(r#""end": 16"#, r#""end": 16, "end": 17"#, &format!("{mention}.end: expected one such key, got several"));
    let expected = "expected the text of the span, `caffeine`, got `tea`";
    check(r#""end": 16"#, r#""end": 16, "text": "tea""#, &format!("{mention}: {expected}"));
    let relation = "relation: relations[0]";
    let expected = "expected the place of one of 2 entities or an id, got 2";
    check(r#""head": 0"#, r#""head": 2"#, &format!("{relation}.head: {expected}"));
    check(
        r#""tail": "Q1""#,
        r#""tail": "Q2""#,
        &format!("{relation}.tail: expected the id of an entity, got the text `Q2`"),
    );
    check(r#""type": "contains""#, r#""kind": "contains""#, &format!("{relation}.type: missing"));
    check(
        r#""tail": "Q1""#,
        r#""tail": 0"#,
        "relation: fact (0, 0, `contains`): expected two entities, got one and the same",
    );
    let expected = "evidence: relations[0].evidence: expected a list, got 1";
    check(r#""type": "contains""#, r#""type": "contains", "evidence": 1"#, expected);
    let expected = "relation: relations[0].tail: expected the id of one entity alone, got the text `Q1`";
    check(r#""type": "Food""#, r#""type": "Food", "id": "Q1""#, expected);
}

#[test]
fn an_entity_without_type_is_lost_with_what_names_it() {
    let source =
        with(r#", "relations": [{"head": 0, "tail": 1, "type": "contains"}, {"head": 1, "tail": 0, "type": "in"}]"#);
    let lost = lost(document(&READER, source.replace(r#""type": "Food", "#, "")));
    assert_eq!(lost.len(), 4, "{lost:?}");
    assert_eq!(lost[0], "mention: entities[0].type: missing");
    assert!(lost[1].starts_with("entity: entity 0: expected at least one mention, got none"), "{lost:?}");
}

#[test]
fn whole_numbers_are_ids() {
    let of = |head: &str| {
        let entity = |id: u32, start: u32, end: u32| {
            format!(r#"{{"id": {id}, "type": "T", "mentions": [{{"start": {start}, "end": {end}}}]}}"#)
        };
        let (tea, caffeine) = (entity(1, 0, 3), entity(12, 8, 16));
        let relation = format!(r#"{{"head": {head}, "tail": 12, "type": "r"}}"#);
        let text = "Tea has caffeine.";
        document(
            &READER,
            format!(r#"{{"id": 7, "text": "{text}", "entities": [{tea}, {caffeine}], "relations": [{relation}]}}"#),
        )
    };
    let document = of("0");
    assert_eq!((&*document.id, facts(&document)), ("7", vec![(0, "r", 1)]));
    assert_eq!(document.entities[0].kb_id, None);
    assert_eq!(facts(&of("\"1\"")), [(0, "r", 1)]);
    // A number that is both is neither.
    let expected = "relation: relations[0].head: expected a place or an id, and this is the place of entity 1 and the id of \
                    entity 0 (an id can be a text), got 1";
    assert_eq!(lost(of("1")), [expected]);
}

#[test]
fn other_keys_are_left_aside_and_told_once() {
    let source = with(r#", "lang": "en", "relations": [{"head": 0, "tail": 1, "type": "r", "score": 1}]"#);
    let document = document(&READER, source.replace(r#""end": 20"#, r#""end": 20, "name": "It", "label": 1"#));
    let what = "documents with keys that say nothing to docre, left aside";
    let keys = "`lang`, `entities[].mentions[].name`, `entities[].mentions[].label`, `relations[].score`";
    assert_eq!(remarked(&document), [format!("{what}: {keys}")]);
    assert_eq!(facts(&document), [(0, "r", 1)]);
}

#[test]
fn a_title_that_is_no_text_costs_no_more_than_the_title() {
    let document = document(&READER, with(r#", "title": ["On tea"]"#));
    assert_eq!((&*document.title, document.entities.len()), ("", 2));
    assert_eq!(remarked(&document), ["titles that are no text, left aside: title: expected a text, got a list"]);
}

#[test]
fn bioc_is_recognised() {
    let reason = "record: expected a document, got several under `documents`, as BioC has them (`--format bioc`)";
    assert_eq!(fault(&READER, r#"{"source": "s", "documents": [{"id": "1", "passages": []}]}"#), reason);
    assert_eq!(document(&READER, with(r#", "documents": 3"#)).entities.len(), 2);
}

#[test]
fn a_slip_of_an_optional_key_costs_no_more_than_the_key() {
    let source = with(r#", "titles": "On tea", "relations": [{"head": 0, "tail": 1, "type": "r", "evidences": [0]}]"#)
        .replace(r#""end": 20"#, r#""end": 20, "test": "It""#)
        .replace("kb_id", "kbid");
    let document = document(&READER, source);
    assert_eq!((document.entities.len(), mentions(&document, 1).len(), facts(&document)), (2, 2, vec![(0, "r", 1)]));
    let what = "documents with keys that say nothing to docre, left aside";
    let keys = "`titles` (`title` may be meant), `entities[].kbid` (`kb_id` may be meant), \
                `entities[].mentions[].test` (`text` may be meant), `relations[].evidences` (`evidence` may be meant)";
    assert_eq!(remarked(&document).last(), Some(&format!("{what}: {keys}")));
    assert_eq!(lost(document), [""; 0]);
    let source = with("").replacen("mentions", "mention", 1);
    assert!(lost(self::document(&READER, source))[0].contains("expected the key `mentions`, got `mention`"));
}

#[test]
fn an_identity_has_a_form_and_an_id_is_none() {
    let remarks = |from: &str, to: &str| {
        let document = document(&READER, with("").replace(from, to));
        (document.entities[1].kb_id.clone(), remarked(&document))
    };
    for sound in ["NCBIGene:672", "wikidata:Q42", "omim.ps:1-2", "MESH:D002110"] {
        assert_eq!(remarks("MESH:D1", sound), (Some(sound.into()), vec![]));
    }
    for bad in ["Q42", ":Q42", "MESH:", "ME SH:D1", "MESH:D 1", "7:1", "mesh.:D1", ""] {
        let (identity, remarks) = remarks("MESH:D1", bad);
        assert_eq!(identity, None, "{bad}");
        let expected = "identities that are not of the form `PREFIX:ID`, left out: their entities are not joined by them: \
                        entities[1].kb_id: expected `PREFIX:ID`, such as `wikidata:Q42`, got the text";
        assert!(remarks.len() == 1 && remarks[0].starts_with(expected), "{remarks:?}");
    }
    // Until version 0.2 `id` was the identity.
    let (identity, remarks) = remarks(r#""kb_id": "MESH:D1", "#, "");
    assert_eq!(identity, None);
    assert!(remarks[0].starts_with("ids that look like identities"), "{remarks:?}");
}

#[test]
fn texts_of_mentions_are_compared() {
    let with_text = |text: &str| {
        let document = document(&READER, with("").replace(r#""end": 16"#, &format!(r#""end": 16, "text": "{text}""#)));
        (document.losses.len(), document.remarks.len())
    };
    assert_eq!(with_text("caffeine"), (0, 0));
    assert_eq!(with_text("Caf feine "), (0, 1));
    assert_eq!(with_text("caffein"), (1, 0));
}

/// A document of a text and mentions, as spans and perhaps their texts.
fn marked(text: &str, mentions: &[(usize, usize, Option<&str>)]) -> String {
    let mention = |&(start, end, text): &(usize, usize, Option<&str>)| {
        let mut json = serde_json::json!({"start": start, "end": end});
        text.into_iter().for_each(|text| json["text"] = text.into());
        json
    };
    let mentions: Vec<_> = mentions.iter().map(mention).collect();
    serde_json::json!({"id": "1", "text": text, "entities": [{"type": "T", "mentions": mentions}]}).to_string()
}

#[test]
fn offsets_that_count_something_else_are_told() {
    let text = "Café: 😀 Rome is old. In Rome é";
    let (bytes, utf16) = ("counted in bytes, all", "counted in UTF-16 units, all");
    let check = |mentions: &[(usize, usize, Option<&str>)], expected: &str| {
        let document = document(&READER, marked(text, mentions));
        let told = lost(document.clone()).join("\n") + &remarked(&document).join("\n");
        let is_so = if expected.is_empty() { !told.contains("counted in") } else { told.contains(expected) };
        assert!(is_so, "{told}");
    };
    let byte = |of: &str| (text.find(of).unwrap(), text.find(of).unwrap() + of.len());
    let (start, end) = byte("Rome is old");
    check(&[(start, end, Some("Rome is old"))], bytes);
    let (start, end) = byte("In");
    check(&[(start, end, None)], bytes);
    // In characters `Rome` begins at 8, in UTF-16 units at 9.
    check(&[(9, 13, Some("Rome"))], utf16);
    check(&[(9, 13, None)], utf16);
    check(&[(8, 12, Some("Rome"))], "");
    check(&[(8, 12, Some("Roma"))], "");
    // One that fits neither.
    check(&[(9, 13, Some("Rome")), (0, 2, Some("x"))], "");
}

#[test]
fn mentions_that_cut_words_stay_and_are_told() {
    let cut = |text: &str, start, end| {
        let document = document(&READER, marked(text, &[(start, end, None)]));
        assert_eq!(document.entities[0].mentions.len(), 1);
        remarked(&document)
    };
    let what = "mentions that begin or end inside a word";
    assert_eq!(cut("caffeine", 0, 4), [format!("{what}: entities[0].mentions[0]: `caff`")]);
    assert_eq!(cut("of 1987", 3, 5), [format!("{what}: entities[0].mentions[0]: `19`")]);
    // An accent that is a character of its own belongs to the letter before it.
    let accented = "Cafe\u{301} noir";
    assert_eq!(cut(accented, 0, 4), [format!("{what}: entities[0].mentions[0]: `Cafe`")]);
    assert_eq!(cut("Cafe\u{301}s", 0, 5), [format!("{what}: entities[0].mentions[0]: `Cafe\u{301}`")]);
    assert_eq!(cut(accented, 0, 5), Vec::<String>::new());
    for (text, start, end) in [("5mg", 1, 3), ("咖啡好", 0, 2), ("ภาษาไทย", 0, 4), ("a-b", 0, 1), ("Oslo's", 0, 4)]
    {
        assert_eq!(cut(text, start, end), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn attributes_of_relations_are_kept() {
    let attributes = r#"{"novelty": "Novel", "score": 0.5, "n": 3, "sure": true, "no": null, "list": []}"#;
    let source =
        with(&format!(r#", "relations": [{{"head": 0, "tail": 1, "type": "r", "attributes": {attributes}}}]"#));
    let document = document(&READER, source);
    assert_eq!(remarked(&document).len(), 1);
    let facts = document.facts.unwrap();
    let kept: Vec<&str> = facts[0].attributes.iter().map(|attribute| &**attribute).collect();
    assert_eq!(kept, ["novelty=Novel", "score=0.5", "n=3", "sure=true"]);
}

#[test]
fn an_attribute_below_zero_is_kept() {
    let source = with(r#", "relations": [{"head": 0, "tail": 1, "type": "r", "attributes": {"change": -1}}]"#);
    let document = document(&READER, source);
    assert_eq!(remarked(&document), Vec::<String>::new());
    assert_eq!(document.facts.unwrap()[0].attributes, ["change=-1".into()]);
}

#[test]
fn text_without_entities_is_answered_by_where_to_find_them() {
    let hint = "docre relates entities that are marked, and marks none: see data/README.md#your-own-documents";
    assert_eq!(fault(&READER, r#"{"id": "1", "text": "Tea."}"#), format!("entities: missing; {hint}"));
    let none = document(&READER, r#"{"id": "1", "text": "Tea.", "entities": []}"#);
    assert_eq!(remarked(&none), [format!("documents without entities, which can have no relations: {hint}")]);
    let expected = format!("expected a JSON array, or JSON objects one a line, got `Tea has caffeine.`; {hint}");
    assert_eq!(cut_error(&READER, "Tea has caffeine.\nIt wakes."), expected);
}

#[test]
fn arrays_and_objects_over_several_lines_are_read() {
    let document = |id: u32| format!("{{\n  \"id\": {id},\n  \"text\": \"}}\",\n  \"entities\": []\n}}");
    let names = |contents: String| -> Vec<String> {
        let read = read(&READER, contents).unwrap();
        read.into_iter().map(|document| document.unwrap().id.to_string()).collect()
    };
    assert_eq!(names(document(1)), ["1"]);
    assert_eq!(names(format!("\u{FEFF}\n{}\n\n{}{}", document(1), document(2), document(3))), ["1", "2", "3"]);
    assert_eq!(names(format!("[{},\n{}]", document(1), document(2))), ["1", "2"]);
    let line = |id: u32| document(id).replace('\n', "");
    assert_eq!(names(format!("{}{}", line(1), line(2))), ["1", "2"]);
    // A damaged line leaves the next ones alone, even if it is the first.
    for damaged in [&line(1)[..12], &line(1)[..25], "{"] {
        let read = read(&READER, format!("{damaged}\n{}\n{}", line(2), line(3))).unwrap();
        assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, true], "{damaged}");
    }
}

#[test]
fn of_a_long_record_a_part_is_held() {
    let reader = JsonLines { most_bytes: 100 };
    let long = format!("{{\"id\": 1, \"text\": \"{}\"}}", "x".repeat(1000));
    let short = r#"{"id": 2, "text": "x", "entities": []}"#;
    for contents in [format!("{long}\n{short}"), format!("[{long}, {short}]"), format!("{short}\n{long}\n{short}")] {
        let input = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(input.path(), &contents).unwrap();
        let records = crate::Reader::records(&reader, crate::Input::at(input.path())).unwrap();
        let mut lengths: Vec<usize> = records.map(|record| record.unwrap().bytes.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        assert_eq!(lengths, [short.len(), 101], "{contents}");
    }
}

/// Words, and mentions that are runs of them, in characters.
fn marked_words() -> impl Strategy<Value = (Vec<String>, Vec<(usize, usize)>)> {
    proptest::collection::vec("[a-zA-Zéµ咖\"\\\\]{1,6}[.]?", 1..20).prop_flat_map(|words| {
        let count = words.len();
        let run = (0..count).prop_flat_map(move |first| (Just(first), first..count));
        (Just(words), proptest::collection::vec(run, 1..6))
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&READER, &bytes);
    }

    #[test]
    fn arbitrary_members_do_not_panic(value in "(\\{\"(head|type|start)\": ?-?[0-9]{1,3}\\}|\\[|\\]|null|\"Q1\"|,){1,5}") {
        survive(&READER, with(&format!(", \"relations\": [{value}]")).as_bytes());
        survive(&READER, with("").replace("16", &value).as_bytes());
    }

    #[test]
    fn what_is_written_is_read_back((words, runs) in marked_words()) {
        let text = words.join(" ");
        let start = |word: usize| words[..word].iter().map(|word| word.chars().count() + 1).sum::<usize>();
        let end = |word: usize| start(word) + words[word].chars().count();
        let mention = |&(first, last): &(usize, usize)| serde_json::json!({"start": start(first), "end": end(last)});
        let mentions: Vec<_> = runs.iter().map(mention).collect();
        let written = serde_json::json!({"id": "1", "text": text, "entities": [{"type": "T", "mentions": mentions}]});
        let read = document(&READER, written.to_string());
        let names: Vec<String> = read.entities[0].mentions.iter().map(|mention| mention.name.to_string()).collect();
        let expected: Vec<String> = runs.iter().map(|&(first, last)| words[first..=last].join(" ")).collect();
        prop_assert_eq!(names, expected);
        let tokens: Vec<&str> = read.sentences.iter().flatten().map(|token| &*token.text).collect();
        for mention in &read.entities[0].mentions {
            let covered = tokens[mention.start as usize..mention.end as usize].concat();
            prop_assert_eq!(covered, mention.name.replace(' ', ""));
        }
    }
}

#[test]
fn a_name_that_would_be_cut_is_no_attribute() {
    let relations = r#", "relations": [{"head": 0, "tail": "Q1", "type": "contains", "attributes": {"a=b": "c", "": 1, "d": "e=f"}}]"#;
    let document = document(&READER, with(relations));
    assert_eq!(document.facts.as_ref().unwrap()[0].attributes, ["d=e=f".into()]);
    let what = "attributes without a name, or with a `=` in it, left out";
    assert_eq!(document.remarks.iter().filter(|remark| remark.what == what).count(), 2);
}
