//! When tables that stand are left as they are.

use std::fs;
use std::path::Path;

use ground::observe::unheard;
use ground::parsed::FolderName;

use crate::convert::{Conversion, Options, Summary};
use crate::error::CorpusError;
use crate::formats::Format;
use crate::split::{self, Division};
use crate::synthetic;
use crate::synthetic::tables::{Portion, Synthesis};

/// Converts a document and two records that are none, of which such a share may be lost.
fn convert(folder: &Path, out: &str, max_rejected: f64) -> Result<Summary, CorpusError> {
    let source = folder.join("d.jsonl");
    let entity = r#"{"id": "a", "type": "Drug", "mentions": [{"start": 0, "end": 3}]}"#;
    let document = format!(r#"{{"id": "d1", "text": "Tea.", "entities": [{entity}]}}"#);
    fs::write(&source, format!("{document}\n{{\"id\": \"d2\"}}\n{{\"id\": \"d3\"}}\n")).unwrap();
    let conversion = Conversion {
        options: Options { max_rejected, ..Options::of(Format::Jsonl, "all".parse().unwrap()) },
        inputs: vec![source],
        mesh: None,
        relation_labels: None,
        ids: None,
        relations: None,
    };
    conversion.run(&folder.join(out), false, &unheard)
}

#[test]
fn more_may_not_be_lost_of_tables_that_stand_than_of_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(convert(folder.path(), "out", 1.0).unwrap().totals.unwrap().documents, 1);
    for (out, most) in [("out", 0.1), ("fresh", 0.1), ("out", 0.66)] {
        let error = convert(folder.path(), out, most).unwrap_err().to_string();
        let reason = format!("2 of 3 documents were rejected, more than a share of {most} (`max_rejected`); 2 for the");
        assert!(error.starts_with(&reason), "{error}");
    }
    let again = convert(folder.path(), "out", 0.67).unwrap();
    assert_eq!((again.totals, again.losses.count()), (None, 2), "up to date");
}

/// Writes a synthetic split into `c/all`, and divides it into `parts/one`; whether either was up to date.
fn synthesized(folder: &Path) -> (bool, bool) {
    let split: FolderName = "all".parse().unwrap();
    let portion = Portion { split, documents: 3, first: 0 };
    let synthesis = Synthesis { options: synthetic::Options::default(), portion, json: false };
    let whole = synthesis.run(&folder.join("c"), false, &unheard).unwrap();
    let options = split::Options { shares: [("one".parse().unwrap(), 1.0)].into(), seed: 0 };
    let division = Division { options, source: whole.folder.clone(), lists: [].into() };
    let parts = division.run(&folder.join("parts"), false, &unheard).unwrap();
    (whole.totals.is_none(), parts.iter().all(|part| part.totals.is_none()))
}

#[test]
fn a_table_that_is_missing_is_made_again_whichever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, part) = (folder.path().join("c/all"), folder.path().join("parts/one"));
    assert_eq!(synthesized(folder.path()), (false, false));
    assert_eq!(synthesized(folder.path()), (true, true));
    let tables: Vec<_> = fs::read_dir(&whole).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(tables.len(), 10);
    for table in tables {
        fs::remove_dir_all(whole.join(&table)).unwrap();
        assert_eq!(synthesized(folder.path()), (false, true), "{}", table.display());
        fs::remove_dir_all(part.join(&table)).unwrap();
        assert_eq!(synthesized(folder.path()), (true, false), "{}", table.display());
        assert!(whole.join(&table).exists() && part.join(&table).exists());
    }
}
