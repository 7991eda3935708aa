//! What is cut off at a document's end is told where it is cut: in documents, entities, and facts out of reach.

use std::fs;
use std::path::Path;

use docre::pieces::CutOff;
use tempfile::TempDir;

use crate::golden::folder;
use crate::support::{self, DOCUMENT, rows};

struct Place {
    folder: TempDir,
}

impl Place {
    /// Two splits: the document as it is, and without labels.
    fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap() };
        let unlabelled =
            DOCUMENT.split_once(r#""labels""#).unwrap().0.trim_end().trim_end_matches(',').to_owned() + "}";
        for (split, document) in [("dev", DOCUMENT), ("test", &unlabelled)] {
            fs::write(place.path("documents.json"), format!("[{document}]")).unwrap();
            let source = place.path("documents.json");
            heard(&["convert", "--format", "docred", "--split", split, "--out", &place.path("corpus"), &source]);
        }
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn encode(&self, split: &str, most_pieces: &str) -> String {
        let (corpus, encoder) = (self.path("corpus"), folder("atlop_bert"));
        let encoder = encoder.to_str().unwrap();
        let split = ["encode", "--corpus", &corpus, "--split", split, "--encoder", encoder, "--force"];
        heard(&[&split[..], &["--most-pieces", most_pieces]].concat())
    }
}

// [CLS] * Alt-omonte * lies … * Calabria * . * It * joined * Italy * . [SEP]: of the places where mentions begin the
// second and the third are 11 and 23, so that 14 pieces hold the first two entities, and 12 pieces the first alone.

/// What the program says on its way.
fn heard(arguments: &[&str]) -> String {
    let run = support::docre(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stderr
}

#[test]
fn encoding_tells_what_it_cuts_off() {
    let place = Place::new();
    let more = "; a greater `most_pieces` keeps more";
    let told = |lost: &str| format!("{lost}{more}");
    let one = "warning: 1 document was cut off at 14 pieces: 1 entity has no mention left";
    let said = place.encode("dev", "14");
    assert!(said.contains(&told(&format!("{one}, 1 fact can no longer be found"))), "{said}");
    let said = place.encode("dev", "12");
    assert!(said.contains(&told("2 entities have no mention left, 2 facts can no longer be found")), "{said}");
    let said = place.encode("dev", "30");
    assert!(said.contains(&told("1 document was cut off at 30 pieces: every entity has a mention left")), "{said}");
    assert!(!place.encode("dev", "31").contains("cut off"));
    let said = place.encode("test", "14");
    assert!(said.contains(&told(one)), "no facts are known of: {said}");
    // A split whose facts are not there has pieces all the same.
    fs::remove_dir_all(place.path("corpus/dev/facts")).unwrap();
    assert!(place.encode("dev", "14").contains(&told(one)));
}

#[test]
fn training_and_scoring_tell_what_they_cut_off() {
    let place = Place::new();
    let settings = format!(
        r#"{{"model": {{"kind": "atlop", "embedding": 16, "block": 4}}, "encoder": {{"pretrained": {:?}}},
        "corpus": {:?}, "train": "dev", "dev": "dev", "encoder_rate": 1e-4, "head_rate": 1e-3, "epochs": 1, "batch": 1,
        "most_pieces": 30}}"#,
        folder("kin/electra"),
        place.path("corpus")
    );
    fs::write(place.path("train.json"), settings).unwrap();
    let model = place.path("model");
    let said = heard(&["train", "--config", &place.path("train.json"), "--out", &model, "--device", "cpu"]);
    // Mentions begin at 1 and 29, at 18, and at 34. The same document is in the split to learn from and in that to
    // choose by.
    let lost = "2 documents were cut off at 30 pieces: 2 entities have no mention left, 2 facts can no longer be found";
    assert!(said.contains(lost) && said.contains("a greater `most_pieces` keeps more"), "{said}");
    for (split, facts) in [("dev", ", 1 fact can no longer be found"), ("test", "")] {
        let (best, corpus, out) = (place.path("model/best"), place.path("corpus"), place.path(split));
        let arguments = ["score", "--checkpoint", &best, "--corpus", &corpus, "--split", split, "--out", &out];
        let arguments = [&arguments[..], &["--margin", "1000"]].concat();
        let said = heard(&[&arguments[..], &["--device", "cpu"]].concat());
        let lost = format!(
            "1 document was cut off at 30 pieces: 1 entity has no mention left{facts}; a model that was trained or"
        );
        assert!(said.contains(&lost), "{said}");
        // Of the third entity the model has seen nothing, and says nothing.
        let pairs = rows(Path::new(&out), "SELECT DISTINCT head, tail FROM scores ORDER BY 1, 2");
        assert_eq!(pairs, ["0,1", "1,0"]);
    }
}

#[test]
fn a_fact_is_out_of_reach_where_either_end_is() {
    let lost = CutOff::of([0, 2, 1, 0].into_iter(), [(0, 1), (1, 2), (2, 3), (3, 0), (2, 1)].into_iter());
    assert_eq!(lost, CutOff { documents: 1, entities: 2, facts: 3 });
    assert!(CutOff::default().event(9).is_none());
}
