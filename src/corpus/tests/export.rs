//! Where a split is written back to, and what of.

use std::fs;
use std::path::{Path, PathBuf};

use ground::observe::unheard;
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
