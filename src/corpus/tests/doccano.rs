//! doccano's exports.

use crate::formats::doccano::Doccano;
use crate::{Document, Loss};
use proptest::prelude::*;

use super::reading::{document, facts, fault, mentions, read, sentences, survive};

const LINE: &str = r#"{"id": 7, "text": "Alphazine eased cough. It did.", "entities": [{"id": 11, "label": "Drug", "start_offset": 0, "end_offset": 9}, {"id": 12, "label": "Disease", "start_offset": 16, "end_offset": 21}, {"id": 13, "label": "Drug", "start_offset": 23, "end_offset": 25}], "relations": [{"id": 1, "from_id": 11, "to_id": 12, "type": "treats"}, {"id": 2, "from_id": 13, "to_id": 11, "type": "same_as"}], "Comments": []}"#;

fn losses(document: &Document) -> Vec<String> {
    let shown = |Loss { part, fault }: &Loss| format!("{part}: {}: {}", fault.column, fault.reason);
    document.losses.iter().map(shown).collect()
}

#[test]
fn entities_and_relations() {
    let document = document(&Doccano::default(), LINE);
    assert_eq!(&*document.id, "7");
    assert_eq!(sentences(&document), ["Alphazine eased cough .", "It did ."]);
    assert_eq!(mentions(&document, 0), [("Alphazine", 0, 0, 1), ("It", 1, 4, 5)], "one thing by `same_as`");
    assert_eq!((document.entities.len(), facts(&document)), (2, vec![(0, "treats", 1)]));
    assert!(document.losses.is_empty() && document.remarks.is_empty());
}

#[test]
fn keys_that_say_something_else_are_told() {
    let line = LINE.replace("\"Comments\": []", "\"Comments\": [\"hi\"], \"cats\": 1, \"none\": null, \"meta\": {}");
    let document = document(&Doccano::default(), line);
    let told: Vec<_> = document.remarks.iter().map(|remark| (remark.what, &*remark.example)).collect();
    let what = "documents with keys that say nothing to docre, left aside";
    assert_eq!(told, [(what, "`Comments`, `cats`")]);
}

#[test]
fn a_title_that_is_no_text_is_left_aside() {
    let titled = |keys: &str| {
        let document = document(&Doccano::default(), LINE.replacen('{', &format!("{{{keys}, "), 1));
        let told: Vec<_> =
            document.remarks.iter().map(|remark| format!("{}: {}", remark.what, remark.example)).collect();
        (document.title.to_string(), told)
    };
    let told = |key: &str| vec![format!("titles that are no text, left aside: {key}: expected a text, got 7")];
    assert_eq!(titled(r#""title": 7"#), (String::new(), told("title")));
    assert_eq!(titled(r#""meta": {"title": 7}"#), (String::new(), told("meta.title")));
    assert_eq!(titled(r#""title": 7, "meta": {"title": "On it"}"#), ("On it".into(), told("title")));
}

#[test]
fn an_array_is_read_too() {
    let documents =
        read(&Doccano::default(), format!("[{LINE},\n{}]", LINE.replace("\"id\": 7", "\"id\": \"x\""))).unwrap();
    let names: Vec<String> = documents.into_iter().map(|document| document.unwrap().id.to_string()).collect();
    assert_eq!(names, ["7", "x"]);
}

#[test]
fn spans_without_ids_are_unlabelled_entities() {
    for key in ["label", "labels", "entities"] {
        let line = format!("{{\"text\": \"Tea and coffee.\", \"{key}\": [[0, 3, \"Food\"], [8, 14, 5]]}}");
        let document = document(&Doccano::default(), line);
        assert_eq!((&*document.id, document.facts.as_ref()), ("1", None));
        assert_eq!(mentions(&document, 1), [("coffee", 0, 2, 3)]);
        assert_eq!(&*document.entities[1].kind(), "5");
    }
    let labels = document(&Doccano::default(), r#"{"id": 1, "data": "Tea.", "label": ["good"]}"#);
    assert_eq!(labels.remarks[0].what, "labels of whole texts: left aside");
    assert_eq!(sentences(&labels), ["Tea ."]);
}

#[test]
fn offsets_that_cut_words_are_told() {
    let example = |text: &str, start: u32| {
        let line = format!(r#"{{"text": "{text}", "label": [[{start}, {}, "Food"]]}}"#, start + 3);
        let document = document(&Doccano::default(), line);
        assert_eq!((document.remarks.len(), document.losses.len(), document.entities.len()), (1, 0, 1));
        assert_eq!(document.remarks[0].what, "mentions that begin or end inside a word");
        document.remarks[0].example.clone()
    };
    assert_eq!(example("Black tea here.", 4), "label[0]: `k t`");
    let bytes = example("éé tea too.", 5);
    assert!(bytes.ends_with("`a t`; counted in bytes, all mentions of the document would fit: offsets are to count Unicode scalar values"), "{bytes}");
    assert!(example("😀😀 tea too.", 5).contains("; counted in UTF-16 units"));
    let lines = example(r"Hot.\r\nBlack tea.", 11);
    assert!(lines.contains("; with each `\\r\\n` counted once, all mentions of the document would fit"), "{lines}");
    let beyond = document(&Doccano::default(), r#"{"text": "éé tea", "label": [[5, 8, "Food"]]}"#);
    assert!(losses(&beyond)[0].contains("; counted in bytes"), "{:?}", losses(&beyond));
}

#[test]
fn what_is_wrong_is_lost_alone() {
    let line = LINE.replace("\"end_offset\": 21", "\"end_offset\": 99").replace("\"from_id\": 13", "\"from_id\": 99");
    let wrong = document(&Doccano::default(), line.replace("\"start_offset\": 23, ", ""));
    assert_eq!(
        losses(&wrong),
        [
            "mention: entities[2].start_offset: missing",
            "mention: entities[1]: expected an end within the text's 30 characters, got 99",
            "relation: relations[1]: expected the ids of two mentions, got `99`",
            "relation: relations[0]: expected the ids of two mentions, got `12`, which was left out",
        ]
    );
    assert_eq!((wrong.entities.len(), facts(&wrong)), (1, vec![]));
    assert_eq!(fault(&Doccano::default(), r#"{"id": 1, "entities": []}"#), "text: missing");
    assert_eq!(
        fault(&Doccano::default(), r#"{"id": [], "text": ""}"#),
        "id: expected a text or a whole number from 0, got a list"
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&Doccano::default(), &bytes);
    }

    #[test]
    fn arbitrary_members_do_not_panic(value in "(\\{\"(id|label|start_offset|from_id)\": ?-?[0-9]{1,3}\\}|\\[|\\]|null|\"Q1\"|,){1,5}") {
        survive(&Doccano::default(), LINE.replace("[{", &format!("[{value}, {{")).as_bytes());
        survive(&Doccano::default(), LINE.replace("12", &value).as_bytes());
    }
}
