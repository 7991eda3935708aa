//! What a conversion hands on of predictions, and what it tells of the rest.

use std::cell::RefCell;
use std::fs;

use ground::observe::{Event, unheard};
use submission::predictions;
use tempfile::TempDir;

use crate::Format;
use crate::convert::{Conversion, Options};

/// A document whose entity 1 is lost.
const CORPUS: &str = r#"[{"title": "d", "sents": [["Anna", "met", "Bo", "."]], "labels": [], "vertexSet": [
    [{"name": "Anna", "type": "PER", "sent_id": 0, "pos": [0, 1]}],
    [{"name": "?", "type": "PER", "sent_id": 0, "pos": [8, 9]}],
    [{"name": "Bo", "type": "PER", "sent_id": 0, "pos": [2, 3]}]]}]"#;

/// A prediction's places and probability.
type Read = (u32, u32, Option<f32>);

/// The places and probabilities of the predictions `[(h, t, score)]`, and what is told.
fn read(entries: &[(u32, u32, &str)]) -> (Vec<Read>, Vec<String>) {
    let folder = TempDir::new().unwrap();
    let (source, predicted) = (folder.path().join("dev.json"), folder.path().join("result.json"));
    fs::write(&source, CORPUS).unwrap();
    let entry = |(head, tail, score): &(u32, u32, &str)| {
        format!(r#"{{"title": "d", "h_idx": {head}, "t_idx": {tail}, "r": "knows"{score}}}"#)
    };
    fs::write(&predicted, format!("[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(", "))).unwrap();
    let conversion = Conversion {
        options: Options::of(Format::DocRed, "dev".parse().unwrap()),
        inputs: vec![source],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    conversion.run(folder.path(), false, &unheard).unwrap();
    let told = RefCell::new(Vec::new());
    let observe = |event: Event| told.borrow_mut().push(event.to_string());
    let rows = predictions::read(&predicted, &folder.path().join("dev"), &observe).unwrap();
    let rows = rows.map(|row| row.map(|row| (row.head, row.tail, row.probability)).unwrap()).collect();
    (rows, told.into_inner())
}

#[test]
fn what_is_about_a_lost_entity_is_told() {
    let (rows, told) = read(&[(0, 2, ""), (0, 1, ""), (1, 2, "")]);
    assert_eq!(rows, [(0, 1, None)]);
    let expected =
        "warning: 2 predictions are about entities that the split has lost, the first of document `d`: left out";
    assert_eq!(told, [expected]);
}

#[test]
fn scores_that_are_no_probabilities_are_told() {
    let sure = (vec![(0, 1, Some(0.5)), (1, 0, Some(0.25))], Vec::new());
    assert_eq!(read(&[(0, 2, r#", "score": 0.5"#), (2, 0, r#", "score": " 0.25""#)]), sure);
    for bad in [r#", "score": 7"#, r#", "score": "high""#, r#", "score": []"#, ""] {
        let (rows, told) = read(&[(0, 2, r#", "score": 0.5"#), (2, 0, bad)]);
        assert_eq!(rows, [(0, 1, None), (1, 0, None)], "{bad}");
        let expected = "warning: expected a `score` from 0 to 1 in each of 2 predictions, got none in 1, the first of \
                        document `d`: no score is taken as a probability";
        assert_eq!(told, [expected], "{bad}");
    }
    assert_eq!(read(&[(0, 2, ""), (2, 0, r#", "score": null"#)]).1, [""; 0]);
}
