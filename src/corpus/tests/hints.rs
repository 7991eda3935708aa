//! What is said beside an error.

use std::fs;

use ground::hint::Hint;
use ground::observe::unheard;

use crate::convert::{Conversion, Options};
use crate::formats::Format;

/// What is said where nothing of such lines could be read, of at most so many bytes and pairs.
fn hint(lines: &str, most_bytes: u64, most_pairs: u64) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("d.jsonl");
    fs::write(&source, lines).unwrap();
    let conversion = Conversion {
        options: Options { most_pairs, most_bytes, ..Options::of(Format::Jsonl, "all".parse().unwrap()) },
        inputs: vec![source],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    let error = conversion.run(&folder.path().join("out"), false, &unheard).unwrap_err();
    assert!(error.to_string().contains(": no document could be read"), "{error}");
    error.hint().map(Into::into)
}

#[test]
fn a_limit_does_not_speak_of_the_format() {
    let entity = |id: &str, start: u32| {
        format!(r#"{{"id": "{id}", "type": "T", "mentions": [{{"start": {start}, "end": {}}}]}}"#, start + 1)
    };
    let entities = [entity("a", 0), entity("b", 2)].join(", ");
    let document = format!("{{\"id\": \"d1\", \"text\": \"A b.\", \"entities\": [{entities}]}}\n");
    let format = Some("check that `--format` names the format of the files".to_owned());
    assert_eq!(hint(&document, 10, 9), None);
    assert_eq!(hint(&document, 1_000, 1), None);
    assert_eq!(hint(&format!("{document}{{}}\n"), 10, 9), format);
    assert_eq!(hint("{}\n", 1_000, 9), format);
}
