//! What is told of a corpus that is written back for annotation tools.

use std::cell::RefCell;
use std::fs;

use ground::observe::{Event, unheard};

use crate::convert::{Conversion, Options};
use crate::formats::Format;
use crate::{Export, Exported};

/// A document whose relations have these names.
fn document(relations: &[&str]) -> String {
    let relations: Vec<String> =
        relations.iter().map(|name| format!(r#"{{"head": "a", "tail": "b", "type": "{name}"}}"#)).collect();
    format!(
        r#"{{"id": "d1", "text": "Tea eased cough.", "entities": [{{"id": "a", "type": "Drug", "mentions": [{{"start": 0, "end": 3}}]}}, {{"id": "b", "type": "Disease", "mentions": [{{"start": 10, "end": 15}}]}}], "relations": [{}]}}"#,
        relations.join(", ")
    )
}

/// What is told of a corpus of this document as it is written in a format.
fn told(relations: &[&str], format: Exported) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("d.jsonl");
    fs::write(&source, document(relations)).unwrap();
    let conversion = Conversion {
        options: Options::of(Format::Jsonl, "all".parse().unwrap()),
        inputs: vec![source],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    conversion.run(&folder.path().join("tables"), false, &unheard).unwrap();
    let told = RefCell::new(Vec::new());
    let observe = |event| {
        if let Event::Warning(words) = event {
            told.borrow_mut().push(words);
        }
    };
    let export = Export { split: &folder.path().join("tables/all"), relations: None, format };
    export.run(&folder.path().join("out"), false, &observe).unwrap();
    told.into_inner()
}

#[test]
fn relations_that_would_come_back_as_coreference() {
    let words = "relations whose name stands for coreference: 2, such as `Same_As`: read back, each makes one entity of its two, unless `--coreference` names others";
    for format in [Exported::Brat, Exported::Doccano, Exported::LabelStudio] {
        assert_eq!(told(&["treats", "Same_As", "coref"], format), [words]);
        assert_eq!(told(&["treats"], format), Vec::<String>::new());
    }
    assert_eq!(told(&["same_as"], Exported::Jsonl), Vec::<String>::new());
}

#[test]
fn names_that_brat_cannot_have() {
    assert_eq!(
        told(&["is in", "is_in", "is_in_2"], Exported::Brat),
        ["names that brat cannot have, or that would be those of others, are changed: 3, such as `is in` to `is_in`"]
    );
    assert_eq!(told(&["is_in"], Exported::Brat), Vec::<String>::new());
}
