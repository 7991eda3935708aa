//! JSON lines.

use crate::Fact;
use crate::formats::jsonl::JsonLines;
use proptest::prelude::*;

use super::reading::{cut_error, document, fault, mentions, read, sentences, survive};

/// A document of the text `Tea has caffeine. It wakes.` with two entities and the given further members.
fn with(members: &str) -> String {
    format!(
        r#"{{"id": "d1", "text": "Tea has caffeine. It wakes.", "entities": [
            {{"type": "Food", "mentions": [{{"start": 0, "end": 3}}]}},
            {{"id": "Q1", "type": "Chemical", "mentions": [{{"start": 18, "end": 20}}, {{"start": 8, "end": 16}}]}}
        ]{members}}}"#
    )
    .replace('\n', " ")
}

#[test]
fn a_document_is_read() {
    let relations = r#", "title": "On tea", "relations": [
        {"head": 0, "tail": "Q1", "type": "contains", "evidence": [1, 0, 1]}, {"head": "Q1", "tail": 0, "type": "part of"}]"#;
    let document = document(&JsonLines, with(relations));
    assert_eq!((&*document.id, &*document.title), ("d1", "On tea"));
    assert_eq!(sentences(&document), ["Tea has caffeine .", "It wakes ."]);
    assert_eq!((document.entities[0].kb_id.as_deref(), document.entities[1].kb_id.as_deref()), (None, Some("Q1")));
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
fn no_relations_is_unlabelled() {
    assert_eq!(document(&JsonLines, with("")).facts, None);
    assert_eq!(document(&JsonLines, with(r#", "relations": []"#)).facts, Some(vec![]));
}

#[test]
fn offsets_count_characters_and_a_span_is_trimmed() {
    let source = r#"{"id": "1", "text": "Caf\u00e9 ‰ 咖啡.", "entities": [{"type": "T", "mentions": [{"start": 4, "end": 9}]}]}"#;
    assert_eq!(mentions(&document(&JsonLines, source), 0), [("‰ 咖啡", 0, 1, 4)]);
}

#[test]
fn a_title_that_is_the_first_line_ends_a_sentence() {
    let of = |text: &str| {
        let source = format!(r#"{{"id": "1", "title": "On tea", "text": "{text}", "entities": []}}"#);
        sentences(&document(&JsonLines, source))
    };
    assert_eq!(of("On tea\\nit is good"), ["On tea", "it is good"]);
    assert_eq!(of("On tea it is good"), ["On tea it is good"]);
    assert_eq!(of("On teas\\nit is good"), ["On teas it is good"]);
}

#[test]
fn lines_are_cut_and_numbered() {
    let one = with("");
    let contents = format!("\u{FEFF}{one}\r\n\n{{\"id\": \"d2\"}}\n{one}");
    let documents = read(&JsonLines, contents).unwrap();
    assert_eq!(documents.len(), 3);
    let reject = documents[1].clone().unwrap_err();
    assert_eq!((reject.name.as_deref(), &*reject.fault.column), (Some("d2"), "text"));
}

#[test]
fn a_bad_line_is_rejected() {
    let check = |from: &str, to: &str, expected: &str| {
        let source = with(r#", "relations": [{"head": 0, "tail": "Q1", "type": "contains"}]"#);
        assert!(source.contains(from), "{from}");
        assert_eq!(fault(&JsonLines, source.replace(from, to)), expected);
    };
    check(r#""relations":"#, r#""relation":"#, "record: expected the key `relations`, got `relation`");
    check(r#""end": 16"#, r#""stop": 16"#, "entities[1].mentions[1].end: missing");
    check(
        r#""end": 16"#,
        r#""end": 16, "name": "x""#,
        "entities[1].mentions[1]: expected no key but `start`, `end`, got `name`",
    );
    check(
        r#""end": 16"#,
        r#""end": "16""#,
        "entities[1].mentions[1].end: expected a whole number below 2^32, got the text `16`",
    );
    check(
        r#""end": 16"#,
        r#""end": 99"#,
        "entities[1].mentions[1].end: expected an end within the text's 27 characters, got 99",
    );
    check(r#""end": 16"#, r#""end": 8"#, "entities[1].mentions[1].end: expected an end after the start 8, got 8");
    check(r#""end": 16"#, r#""end": 16, "end": 17"#, "entities[1].mentions[1].end: expected one such key, got several");
    check(r#""type": "Food", "#, "", "entities[0].type: missing");
    check(
        r#""type": "Food""#,
        r#""type": "Food", "id": "Q1""#,
        "entities[1].id: expected an id other than that of entity 0, got the text `Q1`",
    );
    check(r#""head": 0"#, r#""head": 2"#, "relations[0].head: expected the place of one of 2 entities or an id, got 2");
    check(
        r#""head": 0"#,
        r#""head": -1"#,
        "relations[0].head: expected the place of one of 2 entities or an id, got -1",
    );
    check(r#""tail": "Q1""#, r#""tail": "Q2""#, "relations[0].tail: expected the id of an entity, got the text `Q2`");
    check(
        r#""type": "contains""#,
        r#""type": "contains", "evidence": 1"#,
        "relations[0].evidence: expected a list, got 1",
    );
    check(r#""text": "Tea has caffeine. It wakes.""#, r#""text": 5"#, "text: expected a text, got 5");
    check("{\"id\": \"d1\"", "{\"id\": 1", "id: expected a text, got 1");
}

#[test]
fn another_format_is_refused() {
    assert_eq!(cut_error(&JsonLines, "[\n{}]"), "expected a JSON object a line, got `[`");
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
        survive(&JsonLines, &bytes);
    }

    #[test]
    fn arbitrary_members_do_not_panic(value in "(\\{\"(head|type|start)\": ?-?[0-9]{1,3}\\}|\\[|\\]|null|\"Q1\"|,){1,5}") {
        survive(&JsonLines, with(&format!(", \"relations\": [{value}]")).as_bytes());
        survive(&JsonLines, with("").replace("16", &value).as_bytes());
    }

    #[test]
    fn what_is_written_is_read_back((words, runs) in marked_words()) {
        let text = words.join(" ");
        let start = |word: usize| words[..word].iter().map(|word| word.chars().count() + 1).sum::<usize>();
        let end = |word: usize| start(word) + words[word].chars().count();
        let mention = |&(first, last): &(usize, usize)| serde_json::json!({"start": start(first), "end": end(last)});
        let mentions: Vec<_> = runs.iter().map(mention).collect();
        let written = serde_json::json!({"id": "1", "text": text, "entities": [{"type": "T", "mentions": mentions}]});
        let read = document(&JsonLines, written.to_string());
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
