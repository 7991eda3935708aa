//! The sample corpus in `data/sample` is what the generator makes, by tables and by JSON alike.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{docre, rows};

const SPLITS: [(&str, &str, &str); 3] = [("train", "400", "0"), ("dev", "80", "400"), ("test", "80", "480")];

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample")
}

fn synthesize(out: &Path, (split, docs, first): (&str, &str, &str), further: &[&str]) {
    let out = out.to_str().unwrap();
    let arguments = ["synthesize", "--seed", "1", "--docs", docs, "--first", first, "--split", split, "--out", out];
    let run = docre(arguments.iter().chain(further));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn the_shipped_documents_are_those_that_the_generator_makes() {
    let folder = TempDir::new().unwrap();
    for split in SPLITS {
        synthesize(folder.path(), split, &["--json"]);
        let name = format!("{}.json", split.0);
        let (made, shipped) = (folder.path().join(&name), shipped().join(&name));
        assert!(fs::read(made).unwrap() == fs::read(shipped).unwrap(), "{name} differs: `make sample` makes it anew");
    }
    let labels = |folder: &Path| fs::read_to_string(folder.join("rel_info.json")).unwrap();
    assert_eq!(labels(folder.path()), labels(&shipped()));
}

#[test]
fn the_shipped_json_converts_to_the_tables_that_the_generator_writes() {
    let folder = TempDir::new().unwrap();
    let (made, converted) = (folder.path().join("made"), folder.path().join("converted"));
    for split in SPLITS {
        synthesize(&made, split, &[]);
        let (labels, source) = (shipped().join("rel_info.json"), shipped().join(format!("{}.json", split.0)));
        let arguments = ["convert", "--format", "docred", "--split", split.0, "--relation-labels"];
        let paths = [labels.to_str().unwrap(), "--out", converted.to_str().unwrap(), source.to_str().unwrap()];
        assert_eq!(docre(arguments.into_iter().chain(paths)).code, Some(0));
        for table in ["sentences", "tokens", "mentions", "entities", "pairs", "facts", "relation_types"] {
            let all = |corpus: &Path| rows(&corpus.join(split.0), &format!("SELECT * FROM {table}"));
            assert!(all(&made) == all(&converted), "{table} of {} differs", split.0);
        }
        let documents = "SELECT doc_id, position, n_tokens, text_hash FROM documents";
        assert_eq!(rows(&made.join(split.0), documents), rows(&converted.join(split.0), documents));
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().to_str().unwrap();
    let run = docre(["synthesize", "--docs", "1", "--out", out, "--facts", "3"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("`--facts`: expected 4 to 100, got 3"), "{}", run.stderr);
    let run = docre(["synthesize", "--docs", "1", "--out", out, "--pattern", "s>o"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
