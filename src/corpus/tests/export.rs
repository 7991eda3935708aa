//! Where a split is written back to, and what of.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use ground::observe::{Event, unheard};
use table::holds_only_tables;

use crate::convert::{Conversion, Options};
use crate::formats::Format;
use crate::{CorpusError, Export, Exported};

/// A document of two entities.
const DOCUMENT: &str = r#"{"id": "d", "text": "Tea eased cough.", "entities": [
    {"type": "Drug", "mentions": [{"start": 0, "end": 3}]},
    {"type": "Disease", "mentions": [{"start": 10, "end": 15}]}], "relations": []}"#;

/// The tables of a split of this name in a folder.
fn split(folder: &Path, name: &str) -> PathBuf {
    let source = folder.join("source.jsonl");
    fs::write(&source, DOCUMENT.replace('\n', "")).unwrap();
    let conversion = Conversion {
        options: Options::of(Format::Jsonl, name.parse().unwrap()),
        inputs: vec![source],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    conversion.run(&folder.join("corpus"), false, &unheard).unwrap();
    folder.join("corpus").join(name)
}

/// What comes of predictions that are written in a format: what is told, or why they are refused.
fn predicted(entries: &str, format: Exported) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let (split, relations) = (split(folder.path(), "test"), folder.path().join("result.json"));
    fs::write(&relations, entries).unwrap();
    let told = RefCell::new(Vec::new());
    let hear = |event| {
        if let Event::Warning(words) = event {
            told.borrow_mut().push(words);
        }
    };
    let written =
        Export { split: &split, relations: Some(&relations), format }.run(&folder.path().join("out"), false, &hear);
    let within = format!("{}: ", relations.display());
    written.map_err(|error| error.to_string().replace(&within, ""))?;
    Ok(told.into_inner())
}

#[test]
fn what_no_document_can_have_is_not_written() {
    let entry = |ends: &str, said: &str| format!(r#"{{"title": "d", {ends}, {said}}}"#);
    let (there, known) = (r#""h_idx": 0, "t_idx": 1"#, r#""r": "treats""#);
    let one = entry(there, known);
    for (entries, expected) in [
        (entry(r#""h_idx": 0, "t_idx": 2"#, known), "expected entities below 2, got 0 and 2"),
        (entry(r#""h_idx": 1, "t_idx": 1"#, known), "expected two entities, got 1 twice"),
        (entry(there, r#""r": "treats", "evidence": [0, 77]"#), "expected evidence in sentences below 1, got 77"),
        (format!("{one}, {one}"), "expected each fact once, got `treats` of 0 and 1 again"),
    ] {
        for format in Exported::ALL {
            assert_eq!(
                predicted(&format!("[{entries}]"), format),
                Err(format!("document `d`: {expected}")),
                "{format:?}"
            );
        }
    }
    for format in Exported::ALL {
        assert_eq!(predicted(&format!("[{one}]"), format), Ok(Vec::new()), "{format:?}");
    }
    let unnamed = predicted(&format!("[{}]", entry(there, r#""r": """#)), Exported::DocRed).unwrap_err();
    assert!(unnamed.contains("entry 1: `r`: expected a relation's name, got an empty one"), "{unnamed}");
}

#[test]
fn probabilities_that_are_not_written_are_told() {
    let entries = r#"[{"title": "d", "h_idx": 0, "t_idx": 1, "r": "treats", "score": 0.5}]"#;
    let words = "relations whose probability is not written, for which `annotated` has no place: 1, such as `treats` of \
                 document `d`";
    for format in Exported::ALL {
        let expected = if format == Exported::Annotated { vec![words.to_owned()] } else { Vec::new() };
        assert_eq!(predicted(entries, format), Ok(expected), "{format:?}");
    }
}

fn write(split: &Path, out: &Path, force: bool) -> Result<(), CorpusError> {
    Export { split, relations: None, format: Exported::Annotated }.run(out, force, &unheard)
}

#[test]
fn one_table_takes_the_place_of_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = (split(folder.path(), "train"), split(folder.path(), "test"));
    let corpus = folder.path().join("corpus");
    for (force, out) in [false, true].into_iter().flat_map(|force| [(force, &train), (force, &corpus)]) {
        let expected =
            format!("{}: holds other tables than what would be made: they will not be replaced", out.display());
        assert_eq!(write(&test, out, force).unwrap_err().to_string(), expected);
    }
    let tokens = train.join("tokens");
    assert!(write(&test, &tokens, false).is_err() && write(&test, &tokens, true).is_err());
    assert!(holds_only_tables(&corpus) && train.join("documents").exists() && test.join("documents").exists());
    let rows = folder.path().join("rows");
    write(&test, &rows, false).unwrap();
    write(&train, &rows, false).unwrap_err();
    write(&train, &rows, true).unwrap();
    // With another table beneath it, it is more than the one.
    fs::rename(&tokens, rows.join("tokens")).unwrap();
    write(&test, &rows, true).unwrap_err();
    assert!(rows.join("tokens").exists());
}
