//! `bigbio_kb`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::lost::{lost, remarked};
use super::reading::{document, facts, mentions, sentences, survive};
use crate::fault::{Loss, Part};
use crate::formats::bigbio::BigBio;

const READER: BigBio = BigBio { most_bytes: 1 << 24 };

/// A document of the text `Zeta harms. Zeta may cause rash. Rash is bad.` in two passages.
fn with(entities: &Value, further: &[(&str, Value)]) -> String {
    let mut source = json!({
        "id": "0", "document_id": 7,
        "passages": [
            {"id": "1", "type": "title", "text": ["Zeta harms."], "offsets": [[0, 11]]},
            {"id": "2", "type": "abstract", "text": ["Zeta may cause rash. Rash is bad."], "offsets": [[12, 45]]}],
        "entities": entities, "events": [], "coreferences": [], "relations": []});
    further.iter().for_each(|(key, value)| source[key] = value.clone());
    source.to_string()
}

fn mention(id: &str, kind: &str, start: u32, text: &str, ids: &[(&str, &str)]) -> Value {
    let normalized: Vec<Value> = ids.iter().map(|(name, id)| json!({"db_name": name, "db_id": id})).collect();
    let end = start as usize + text.chars().count();
    json!({"id": id, "type": kind, "text": [text], "offsets": [[start, end]], "normalized": normalized})
}

fn relation(head: &str, kind: &str, tail: &str) -> Value {
    json!({"id": "r", "type": kind, "arg1_id": head, "arg2_id": tail, "normalized": []})
}

fn linked() -> Value {
    json!([
        mention("3", "Chemical", 0, "Zeta", &[("MESH", "D1")]),
        mention("4", "Chemical", 12, "Zeta", &[("MESH", "D1")]),
        mention("5", "Disease", 27, "rash", &[("MESH", "D2")]),
        mention("6", "Disease", 33, "Rash", &[("MESH", "-1")]),
    ])
}

#[test]
fn mentions_of_one_id_are_an_entity() {
    let document = document(&READER, with(&linked(), &[("relations", json!([relation("4", "CID", "5")]))]));
    assert_eq!((&*document.id, &*document.title), ("7", "Zeta harms."));
    assert_eq!(sentences(&document), ["Zeta harms .", "Zeta may cause rash .", "Rash is bad ."]);
    assert_eq!(mentions(&document, 0), [("Zeta", 0, 0, 1), ("Zeta", 1, 3, 4)]);
    assert_eq!(document.entities[1].kb_id.as_deref(), Some("MESH:D2"));
    assert_eq!((document.entities.len(), document.loose_mentions.len()), (2, 1));
    assert_eq!(facts(&document), [(0, "CID", 1)]);
    assert_eq!((document.losses.len(), remarked(&document)), (0, vec![]));
}

#[test]
fn mentions_that_corefer_are_an_entity() {
    let coreferences = json!([{"id": "9", "entity_ids": ["6", "5", "unknown"]}]);
    let document = document(&READER, with(&linked(), &[("coreferences", coreferences)]));
    assert_eq!(mentions(&document, 1), [("rash", 1, 6, 7), ("Rash", 2, 8, 9)]);
    assert_eq!((document.entities.len(), document.loose_mentions.len()), (2, 0));
    let Loss { part, fault } = &document.losses[0];
    let expected = ("coreferences[0].entity_ids[2]", "expected the id of one mention, got the text `unknown`");
    assert_eq!((*part, &*fault.column, &*fault.reason), (Part::Relation, expected.0, expected.1));
    assert_eq!(document.losses.len(), 1);
}

#[test]
fn without_ids_each_mention_is_an_entity() {
    let mut entities = linked();
    entities.as_array_mut().unwrap().iter_mut().for_each(|entity| entity["normalized"] = json!([]));
    let document = document(&READER, with(&entities, &[("relations", json!([relation("4", "CID", "6")]))]));
    assert_eq!((document.entities.len(), facts(&document)), (4, vec![(1, "CID", 3)]));
}

#[test]
fn a_gene_and_a_species_of_one_number_are_two() {
    let entities =
        json!([mention("3", "Gene", 0, "Zeta", &[("", "672")]), mention("4", "Species", 12, "Zeta", &[("", "672")]),]);
    let document = document(&READER, with(&entities, &[]));
    let identities: Vec<_> = document.entities.iter().map(|entity| entity.kb_id.as_deref()).collect();
    assert_eq!(identities, [Some("NCBIGene:672"), Some("NCBITaxon:672")]);
}

#[test]
fn several_ids_are_entities_in_one_database_and_names_in_several() {
    let entities = json!([
        mention("3", "Chemical", 0, "Zeta", &[("MESH", "D1"), ("MESH", "D3"), ("UMLS", "C0000001")]),
        mention("4", "Chemical", 12, "Zeta", &[("MESH", "D1")]),
        mention("5", "Disease", 27, "rash", &[("MESH", "D2")]),
    ]);
    let of = |relations: Value| document(&READER, with(&entities, &[("relations", relations)]));
    let each = of(json!([relation("3", "CID", "5")]));
    assert_eq!((each.entities.len(), facts(&each)), (3, vec![(0, "CID", 2), (1, "CID", 2)]));
    assert_eq!(remarked(&each).len(), 1);
    // What is said again is not spelt out again.
    let again = of(json!([relation("3", "CID", "5"), relation("3", "CID", "5")]));
    assert_eq!((facts(&again), remarked(&again).len()), (facts(&each), 2));
    // Another relation says which is meant.
    let one = of(json!([relation("3", "CID", "5"), relation("4", "CID", "5")]));
    assert_eq!((facts(&one), remarked(&one)), (vec![(0, "CID", 2)], vec![]));
}

#[test]
fn relations_are_counted_as_the_source_has_them() {
    let entities = json!([
        mention("3", "Chemical", 0, "Zeta", &[("MESH", "D1"), ("MESH", "D3")]),
        mention("4", "Chemical", 12, "Zeta", &[("MESH", "D1")]),
        mention("5", "Disease", 27, "rash", &[("MESH", "D2")]),
    ]);
    let of = |relations: Value| document(&READER, with(&entities, &[("relations", relations)]));
    let read = of(json!([relation("3", "R", "5"), relation("3", "R", "5"), relation("3", "Q", "4")]));
    assert_eq!(facts(&read), [(0, "R", 2), (1, "R", 2), (1, "Q", 0)]);
    assert_eq!(read.relations(), [("Q".into(), 1), ("R".into(), 2)].into());
    assert!(lost(read).is_empty());
    let read = of(json!([relation("4", "R", "4"), relation("4", "R", "5")])).sound().unwrap();
    assert_eq!((read.relations(), read.losses.len()), ([("R".into(), 1)].into(), 1));
}

#[test]
fn an_id_that_several_mentions_have_names_none() {
    let entities = json!([
        mention("3", "Chemical", 0, "Zeta", &[("MESH", "D1")]),
        mention("5", "Disease", 27, "rash", &[("MESH", "D2")]),
        mention("5", "Disease", 33, "Rash", &[("MESH", "D4")]),
    ]);
    let read = document(&READER, with(&entities, &[("relations", json!([relation("3", "R", "5")]))]));
    assert_eq!((read.entities.len(), facts(&read)), (3, vec![]));
    assert_eq!(
        lost(read),
        ["relation: relations[0].arg2_id: expected the id of one entity that was read, got the text `5`"]
    );
}

#[test]
fn passages_are_placed_or_joined_as_texts_fit() {
    let offset = |offsets: Value| {
        let passages = json!([
            {"type": "title", "text": "Zeta harms.", "offsets": [[0, 11]]},
            {"type": "abstract", "text": "Zeta may cause rash.", "offsets": offsets}]);
        document(&READER, with(&json!([mention("5", "Disease", 27, "rash", &[])]), &[("passages", passages)]))
    };
    for offsets in
        [json!([[12, 32]]), json!([[0, 20]]), json!([[13, 33]]), json!([[4_000_000_000_u32, 1]]), json!(null)]
    {
        let document = offset(offsets.clone());
        assert_eq!(document.entities[0].name(), "rash".into(), "{offsets}");
        assert_eq!(sentences(&document), ["Zeta harms .", "Zeta may cause rash ."], "{offsets}");
    }
}

#[test]
fn short_passages_far_apart_are_joined() {
    let passage = |place: u32| json!({"type": "abstract", "text": "Zeta", "offsets": [[65_000 * place, 1]]});
    let passages: Vec<Value> = (0..40).map(passage).collect();
    let document = document(&READER, with(&json!([]), &[("passages", json!(passages))]));
    assert_eq!(document.sentences.concat().last().unwrap().characters, Some((195, 199)));
}

#[test]
fn the_smallest_thing_that_is_wrong_is_lost() {
    let mut entities = linked();
    entities[1]["text"] = json!(["Beta"]);
    entities[2]["offsets"] = json!([[27, 99]]);
    let relations = json!([relation("3", "CID", "5"), relation("3", "CID", "6"), {"arg1_id": "3"}]);
    let document = document(&READER, with(&entities, &[("relations", relations), ("events", json!([{"id": "e"}]))]));
    assert_eq!(remarked(&document), ["documents with events, which are left aside: 1 events"]);
    let expected = [
        "mention: entities[1].offsets: expected the text of the span, `Zeta`, got `Beta`",
        "mention: entities[2].offsets: expected an end within the text's 45 characters, got 99",
        "relation: relations[0].arg2_id: expected the id of one entity that was read, got the text `5`",
        "relation: relations[2].arg2_id: missing",
    ];
    assert_eq!(facts(&document), [(0, "CID", 1)]);
    assert_eq!(lost(document), expected);
}

#[test]
fn relations_in_unequal_lists_are_lost_alone() {
    let relations = json!({"type": ["CID", "CID"], "arg1_id": ["3", "4"], "arg2_id": ["5"]});
    let document = document(&READER, with(&linked(), &[("relations", relations)]));
    assert_eq!((document.entities.len(), &document.facts), (2, &None));
    let reason = "relation: relations: expected 2 items under each key, as under the first, got 1 under `arg2_id`";
    assert_eq!(lost(document), [reason; 2]);
}

#[test]
fn parts_and_lists_turned_inside_out_are_taken() {
    let entities = json!({
        "id": ["3", "4"], "type": ["Chemical", "Disease"], "text": [["Zeta"], ["rash", "bad"]],
        "offsets": [[[0, 4]], [[27, 31], [41, 44]]],
        "normalized": [{"db_name": ["MESH"], "db_id": ["D1"]}, {"db_name": [], "db_id": []}]});
    let document = document(&READER, with(&entities, &[]));
    assert_eq!(document.entities[0].kb_id.as_deref(), Some("MESH:D1"));
    assert_eq!(document.loose_mentions[0].name, "rash. Rash is bad".into());
    assert_eq!(remarked(&document).len(), 1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        survive(&READER, &bytes);
    }

    #[test]
    fn arbitrary_members_do_not_panic(
        key in "(passages|entities|relations|coreferences|events|document_id)",
        value in "(\\[|\\]|\\{\"(id|text|offsets|normalized|entity_ids|arg1_id)\": |\\}|0|\"3\"|,|null){1,7}"
    ) {
        let source = with(&linked(), &[("relations", json!([relation("4", "CID", "5")])), (&key, json!("HERE"))]);
        survive(&READER, source.replace("\"HERE\"", &value).as_bytes());
    }
}
