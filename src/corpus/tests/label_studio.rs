//! Label Studio's exports.

use crate::formats::label_studio::LabelStudio;
use crate::{Document, Loss};
use proptest::prelude::*;

use super::reading::{document, facts, fault, mentions, read, sentences, survive};

const REGIONS: &str = r#"{"id": "a", "type": "labels", "from_name": "label", "to_name": "text", "origin": "manual", "value": {"start": 0, "end": 9, "text": "Alphazine", "labels": ["Drug"]}},
  {"id": "b", "type": "labels", "from_name": "label", "to_name": "text", "value": {"start": 16, "end": 21, "text": "cough", "labels": ["Disease", "Symptom"]}, "meta": {"kb_id": "MESH:D003371"}}"#;
const RELATION: &str =
    r#"{"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["treats"]}"#;

fn result(items: &[&str]) -> String {
    format!("{{\"id\": 1, \"was_cancelled\": false, \"result\": [{}]}}", items.join(", "))
}

fn task(members: &str) -> String {
    format!("[{{\"id\": 7, \"data\": {{\"text\": \"Alphazine eased cough.\"}}, {members}}}]")
}

fn annotated(items: &[&str]) -> String {
    task(&format!("\"annotations\": [{}]", result(items)))
}

fn of(contents: &str) -> Document {
    document(&LabelStudio::default(), contents)
}

fn told(document: &Document) -> Vec<&str> {
    document.remarks.iter().map(|remark| remark.what).collect()
}

fn losses(document: &Document) -> Vec<String> {
    let shown = |Loss { part, fault }: &Loss| format!("{part}: {}: {}", fault.column, fault.reason);
    document.losses.iter().map(shown).collect()
}

#[test]
fn regions_and_relations() {
    let document = of(&annotated(&[REGIONS, RELATION]));
    assert_eq!((&*document.id, sentences(&document)), ("7", vec!["Alphazine eased cough .".to_owned()]));
    assert_eq!(mentions(&document, 1), [("cough", 0, 2, 3)]);
    assert_eq!(document.entities[1].kb_id.as_deref(), Some("MESH:D003371"));
    assert_eq!(facts(&document), [(0, "treats", 1)]);
    assert_eq!(told(&document), ["regions with several labels, the first of which counts"]);
    let nameless = of(&annotated(&[&REGIONS.replace("\"id\": \"a\", ", "").replace("\"id\": \"b\", ", "")]));
    assert_eq!((nameless.entities.len(), nameless.losses.len()), (2, 0), "predictions need no ids");
}

#[test]
fn a_relation_has_directions_and_names() {
    let relation = |from: &str, to: &str| facts(&of(&annotated(&[REGIONS, &RELATION.replace(from, to)]))).len();
    let turned = of(&annotated(&[REGIONS, &RELATION.replace("right", "left")]));
    assert_eq!(facts(&turned), [(1, "treats", 0)]);
    assert_eq!(relation("right", "bi"), 2);
    assert_eq!(relation("\"direction\": \"right\", ", ""), 1);
    assert_eq!(relation("[\"treats\"]", "[\"treats\", \"eases\"]"), 2);
    let nameless = of(&annotated(&[REGIONS, &RELATION.replace(", \"labels\": [\"treats\"]", "")]));
    assert_eq!(
        losses(&nameless),
        ["relation: annotations[0].result[2]: expected a relation with a name in `labels`, got none"]
    );
    let joined = of(&annotated(&[REGIONS, &RELATION.replace("treats", "Coreference")]));
    assert_eq!((joined.entities.len(), facts(&joined)), (1, vec![]));
}

#[test]
fn one_annotation_of_a_task_counts() {
    let (empty, full) = (result(&[]), result(&[REGIONS, RELATION]));
    let cancelled = full.replace("false", "true");
    let n_entities = |members: &str| {
        let document = of(&task(members));
        (document.entities.len(), document.facts.as_ref().map(Vec::len), document.remarks.len())
    };
    assert_eq!(n_entities(&format!("\"annotations\": [{cancelled}, {empty}]")), (0, Some(0), 0));
    assert_eq!(n_entities(&format!("\"annotations\": [{empty}, {full}]")), (0, Some(0), 1));
    let truth = full.replace("\"id\": 1,", "\"ground_truth\": true,");
    assert_eq!(n_entities(&format!("\"annotations\": [{empty}, {truth}]")), (2, Some(1), 2));
    assert_eq!(n_entities(&format!("\"completions\": [{full}]")), (2, Some(1), 1));
    assert_eq!(n_entities(&format!("\"annotations\": [], \"predictions\": [13, {full}]")), (2, Some(1), 2));
    let regions = result(&[REGIONS]);
    assert_eq!(n_entities(&format!("\"annotations\": [{cancelled}], \"predictions\": [{regions}]")), (2, None, 2));
    assert_eq!(n_entities("\"annotations\": []"), (0, None, 0), "nobody has looked");
}

#[test]
fn other_annotations_are_left_aside_and_told() {
    let choices = r#"{"id": "c", "type": "choices", "value": {"choices": ["good"]}}"#;
    let document = of(&annotated(&[REGIONS, choices, RELATION]));
    assert!(told(&document).contains(&"annotations other than regions of text and relations: left aside"));
    assert_eq!(facts(&document).len(), 1);
}

#[test]
fn offsets_count_characters_or_utf_16_units_by_what_fits() {
    let read = |start: u32| {
        let region = format!(
            r#"{{"id": "a", "type": "labels", "value": {{"start": {start}, "end": {}, "text": "tea", "labels": ["Food"]}}}}"#,
            start + 3
        );
        of(&format!(r#"{{"id": 1, "data": {{"text": "😀😀 tea"}}, "annotations": [{}]}}"#, result(&[&region])))
    };
    assert_eq!((mentions(&read(3), 0)[0].0, told(&read(3))), ("tea", vec![]));
    assert_eq!((mentions(&read(5), 0)[0].0, told(&read(5))), ("tea", vec!["tasks whose offsets count UTF-16 units"]));
    assert_eq!(losses(&read(90)).len(), 1);
}

#[test]
fn a_region_of_quite_another_text_is_lost() {
    let document = of(&annotated(&[&REGIONS.replace("\"Alphazine\"", "\"Omegazine\""), RELATION]));
    assert_eq!(
        losses(&document),
        [
            "mention: annotations[0].result[0]: expected the text of the span, `Alphazine`, got `Omegazine`",
            "relation: annotations[0].result[2]: expected the ids of two mentions, got `a`, which was left out",
        ]
    );
}

#[test]
fn a_region_of_another_of_several_texts_is_lost() {
    let other =
        r#"{"id": "c", "type": "labels", "to_name": "summary", "value": {"start": 0, "end": 3, "labels": ["Food"]}}"#;
    let lost = "mention: annotations[0].result[2]: expected a region of the text `text`, got one of `summary`";
    let both = of(&annotated(&[REGIONS, other]));
    assert_eq!((losses(&both), both.entities.len()), (vec![lost.to_owned()], 2));
    let data = r#"{"id": 1, "data": {"text": "Alphazine.", "summary": "Tea."}, "annotations": ["#;
    let alone = of(&format!("{data}{}]}}", result(&[other])));
    assert_eq!((losses(&alone).len(), alone.entities.len()), (1, 0), "all are of the other text");
    let named = of(&annotated(&[&REGIONS.replace("\"to_name\": \"text\"", "\"to_name\": \"article\"")]));
    assert_eq!((losses(&named).len(), named.entities.len()), (0, 2), "a tag has a name of its own");
}

#[test]
fn a_region_without_text_that_cuts_a_word_is_told() {
    let region = r#"{"id": "a", "type": "labels", "value": {"start": 5, "end": 8, "labels": ["Food"]}}"#;
    let document =
        of(&format!(r#"{{"id": 1, "data": {{"text": "😀😀 tea too."}}, "annotations": [{}]}}"#, result(&[region])));
    assert_eq!(told(&document), ["mentions that begin or end inside a word"]);
    let example = &document.remarks[0].example;
    assert!(example.contains("; counted in UTF-16 units, all mentions of the document would fit"), "{example}");
}

#[test]
fn what_is_wrong_is_lost_alone() {
    let wrong = of(&annotated(&[
        &REGIONS.replace("\"start\": 16", "\"start\": 61").replace("[\"Drug\"]", "[]"),
        RELATION,
        r#"{"id": "d", "type": "hypertextlabels", "value": {"start": "/p[1]/text()[1]", "end": "/p[1]", "hypertextlabels": ["Drug"]}}"#,
        &RELATION.replace("right", "up"),
        "5",
    ]));
    assert_eq!(
        losses(&wrong),
        [
            "mention: annotations[0].result[0].value.labels: expected a label, got none",
            "mention: annotations[0].result[3].value.start: expected characters of a plain text, got the text `/p[1]/text()[1]`",
            "relation: annotations[0].result[4].direction: expected `left`, `right` or `bi`, got the text `up`",
            "mention: annotations[0].result[1]: expected an end after the start 61, got 21",
            "relation: annotations[0].result[2]: expected the ids of two mentions, got `a`",
        ]
    );
}

#[test]
fn a_task_needs_one_text() {
    let reader = LabelStudio::default();
    let flat = r#"[{"id": 7, "text": "Tea", "label": [{"start": 0, "end": 3}], "annotator": 1, "annotation_id": 2}]"#;
    assert_eq!(
        fault(&reader, flat),
        "data: expected the task's data, got the export `JSON-MIN`, which has no relations: export as `JSON`"
    );
    let of = |data: &str| format!("[{{\"id\": 1, \"data\": {data}, \"annotations\": []}}]");
    let named = document(&reader, of(r#"{"doc_id": "d1", "title": "On tea", "article": "Tea."}"#));
    assert_eq!((&*named.id, &*named.title, sentences(&named)), ("d1", "On tea", vec!["Tea .".to_owned()]));
    assert_eq!(
        fault(&reader, of(r#"{"a": "Tea.", "b": "Tea."}"#)),
        "data: expected `text`, got several texts of other names"
    );
    assert_eq!(fault(&reader, of(r#"{"image": 5}"#)), "data: expected `text`, got no text at all");
    assert_eq!(read(&reader, "[]").unwrap().len(), 0);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&LabelStudio::default(), &bytes);
    }

    #[test]
    fn arbitrary_members_do_not_panic(value in "(\\{\"(id|type|value|result)\": ?(-?[0-9]{1,3}|\"labels\")\\}|\\[|\\]|null|\"a\"|,){1,5}") {
        survive(&LabelStudio::default(), annotated(&[REGIONS, RELATION, &value]).as_bytes());
        survive(&LabelStudio::default(), annotated(&[&REGIONS.replace("16", &value), RELATION]).as_bytes());
    }
}
