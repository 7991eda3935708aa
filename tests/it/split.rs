//! `docre split`: every document goes into one new split, whole, and which depends on its name alone.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use docre::table;
use docre::table::rows::{
    DocumentRow, EntityRow, FactRow, ImpliedRow, MentionRow, PairRow, RejectRow, RelationTypeRow, TokenRow,
};
use tempfile::TempDir;

use crate::pipeline::Place;
use crate::support::{DOCUMENT, Run, command, docre, files, rows};

/// A folder with a synthetic corpus of 101 documents, `own/all`.
struct Corpus(TempDir);

impl Corpus {
    fn new() -> Self {
        let corpus = Self(TempDir::new().unwrap());
        let run = corpus.docre(&["synthesize", "--documents", "101", "--split", "all", "--out", "own"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        corpus
    }

    /// A corpus of DocRED documents with these titles, each of one fact.
    fn titled<'t>(titles: impl Iterator<Item = &'t str>) -> Self {
        let corpus = Self(TempDir::new().unwrap());
        let document = |title| DOCUMENT.replacen("\"Altomonte\"", &format!("\"{title}\""), 1);
        let documents: Vec<String> = titles.map(document).collect();
        fs::write(corpus.path("all.json"), format!("[{}]", documents.join(","))).unwrap();
        let run = corpus.docre(&["convert", "--format", "docred", "--split", "all", "--out", "own", "all.json"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        corpus
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn docre(&self, arguments: &[&str]) -> Run {
        let output = command(arguments).current_dir(self.0.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn split(&self, arguments: &[&str]) -> Run {
        self.docre(&[&["split", "--corpus", "own", "--split", "all"], arguments].concat())
    }

    fn shared(&self, out: &str, seed: &str) {
        let shares = "train=0.8,dev=0.1,test=0.1";
        let run = self.split(&["--out", out, "--shares", shares, "--seed", seed]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }

    fn documents(&self, split: &str) -> Vec<String> {
        rows(&self.path(split), "SELECT doc_id FROM documents ORDER BY position")
    }
}

/// The rows of a table in some splits, one behind the other.
fn all<R: table::Row + Debug>(splits: &[PathBuf]) -> Vec<String> {
    let read = |split: &PathBuf| table::read::<R>(split).unwrap().flat_map(Result::unwrap).collect::<Vec<_>>();
    splits.iter().flat_map(read).map(|row| format!("{row:?}")).collect()
}

/// Every table of a split but where documents stand in it.
fn tables(splits: &[PathBuf]) -> Vec<Vec<String>> {
    let mut tables = vec![
        all::<TokenRow>(splits),
        all::<MentionRow>(splits),
        all::<EntityRow>(splits),
        all::<PairRow>(splits),
        all::<FactRow>(splits),
    ];
    tables.iter_mut().for_each(|rows| rows.sort());
    tables
}

#[test]
fn shares_are_exact_and_nothing_is_lost() {
    let corpus = Corpus::new();
    corpus.shared("parts", "1");
    let parts = ["train", "dev", "test"].map(|name| corpus.path("parts").join(name));
    let names = ["parts/train", "parts/dev", "parts/test"].map(|name| corpus.documents(name));
    // 80.8, 10.1 and 10.1 of 101.
    assert_eq!(names.each_ref().map(Vec::len), [81, 10, 10]);
    let every = corpus.documents("own/all");
    assert_eq!(names.concat().into_iter().collect::<BTreeSet<_>>(), every.iter().cloned().collect());
    for names in &names {
        let in_order: Vec<&String> = every.iter().filter(|name| names.contains(name)).collect();
        assert_eq!(names.iter().collect::<Vec<_>>(), in_order);
    }
    let whole = [corpus.path("own/all")];
    assert_eq!(tables(&parts), tables(&whole));
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(all::<ImpliedRow>(&parts)), sorted(all::<ImpliedRow>(&whole)));
    let counts = "SELECT min(position) AS a, max(position) AS b, min(split) AS c, max(split) AS d FROM documents";
    assert_eq!(rows(&parts[1], counts), ["0,9,dev,dev"]);
    assert!(all::<RejectRow>(&parts).is_empty());
    let n_facts = "SELECT sum(n_facts) AS n FROM relation_types";
    assert_eq!(rows(&parts[1], n_facts), rows(&parts[1], "SELECT count(*) AS n FROM facts"));
    // The words for relations go along.
    assert_eq!(rows(&parts[1], "SELECT label FROM relation_types WHERE relation = 'P108'"), ["employer"]);
}

#[test]
fn the_seed_decides_and_what_is_up_to_date_is_left() {
    let corpus = Corpus::new();
    corpus.shared("one", "1");
    corpus.shared("again", "1");
    assert!(files(&corpus.path("one")).len() > 20);
    let relative = |folder: &str| {
        let above = corpus.path(folder);
        let strip = |(path, bytes): (PathBuf, Vec<u8>)| (path.strip_prefix(&above).unwrap().to_path_buf(), bytes);
        files(&above).into_iter().map(strip).collect::<Vec<_>>()
    };
    assert!(relative("one") == relative("again"));
    corpus.shared("other", "2");
    assert_ne!(corpus.documents("one/dev"), corpus.documents("other/dev"));

    let arguments = ["--out", "one", "--shares", "test=0.1,dev=0.1,train=0.8", "--seed"];
    let run = corpus.split(&[&arguments[..], &["1"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stderr.matches(": up to date").count(), 3, "in whatever order they are named: {}", run.stderr);
    let before = files(&corpus.path("one"));
    let run = corpus.split(&[&arguments[..], &["2"]].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("hint: pass `--force` to replace them"), "{}", run.stderr);
    assert!(files(&corpus.path("one")) == before);
    let run = corpus.split(&[&arguments[..], &["2", "--force"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(corpus.documents("one/dev"), corpus.documents("other/dev"));
    // One that is not there is made again, the others are left.
    fs::remove_dir_all(corpus.path("one/dev")).unwrap();
    let run = corpus.split(&[&arguments[..], &["2"]].concat());
    assert_eq!(run.stderr.matches(": up to date").count(), 2, "{}", run.stderr);
    assert_eq!(corpus.documents("one/dev"), corpus.documents("other/dev"));
}

#[test]
fn in_another_order_the_same_documents_are_drawn() {
    let titles: Vec<String> = (0..40).map(|number| format!("D{number}")).collect();
    let one = Corpus::titled(titles.iter().map(String::as_str));
    let other = Corpus::titled(titles.iter().rev().map(String::as_str));
    let drawn = [&one, &other].map(|corpus| {
        corpus.shared("parts", "7");
        let documents = corpus.documents("parts/dev");
        assert_eq!(documents.len(), 4);
        documents.into_iter().collect::<BTreeSet<String>>()
    });
    assert_eq!(drawn[0], drawn[1]);
}

#[test]
fn a_listed_split_is_what_convert_makes_of_the_list() {
    let corpus = Corpus::titled(["A", "B", "C", "D"].into_iter());
    fs::write(corpus.path("dev.ids"), "D\r\n\nA\n").unwrap();
    fs::write(corpus.path("train.ids"), "C\n").unwrap();
    let run = corpus.split(&["--out", "parts", "--ids", "dev=dev.ids", "--ids", "train=train.ids"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("note: no list names 1 of the documents: they are left out\n"), "{}", run.stderr);
    assert!(run.stderr.contains("parts/dev: 2 documents, "), "{}", run.stderr);
    let arguments =
        ["convert", "--format", "docred", "--split", "dev", "--ids", "dev.ids", "--out", "made", "all.json"];
    assert_eq!(corpus.docre(&arguments).code, Some(0));
    let [parts, made] = ["parts/dev", "made/dev"].map(|folder| [corpus.path(folder)]);
    assert_eq!(all::<DocumentRow>(&parts), all::<DocumentRow>(&made));
    assert_eq!(tables(&parts), tables(&made));
    assert_eq!(all::<RelationTypeRow>(&parts), all::<RelationTypeRow>(&made));
}

#[test]
fn what_cannot_be_divided_is_refused_and_nothing_is_made() {
    let corpus = Corpus::titled(["A", "B", "C"].into_iter());
    for (file, ids) in [("dev.ids", "A\n"), ("both.ids", "A\nB\n"), ("unknown.ids", "C\nE\nF\n"), ("none.ids", "\n")] {
        fs::write(corpus.path(file), ids).unwrap();
    }
    let folder = |name: &str| Path::new(name).join("all").display().to_string();
    for (arguments, code, expected) in [
        (&["--shares", "train=0.8,dev=0.1"][..], 2, "`--shares`: expected shares that sum to 1, got 0.9\n"),
        (&["--shares", "train=1.2"], 2, "`--shares`: `train`: expected a share above 0 and up to 1, got 1.2\n"),
        (&["--shares", "train=NaN"], 2, "expected a share above 0 and up to 1, got NaN\n"),
        (&["--shares", "dev=0.5,dev=0.5"], 2, "`--shares`: expected each split once, got `dev` twice\n"),
        (&["--shares", "0.5"], 2, "such as `train=0.8`, got `0.5`"),
        (&["--shares", "a/b=1"], 2, "expected a name that can be that of a folder, got `a/b`"),
        (&["--shares", "dev=1", "--ids", "dev=dev.ids"], 2, "cannot be used with"),
        (&[], 2, "--shares"),
        (&["--shares", "a=0.9,b=0.1"], 1, "expected at least one document for `b`, got none: 0.1 of 3\n"),
        (
            &["--ids", "a=unknown.ids"],
            1,
            "unknown.ids: expected names of documents in the source, 2 are not there: `E`, `F`",
        ),
        (&["--ids", "a=none.ids"], 1, "none.ids: expected names of documents, one a line, found none"),
        (
            &["--ids", "a=dev.ids", "--ids", "b=both.ids"],
            1,
            "both.ids: expected documents of this list alone, got `A`, which dev.ids names too\n",
        ),
    ] {
        let run = corpus.split(&[&["--out", "parts"], arguments].concat());
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
        assert!(!corpus.path("parts").exists(), "{arguments:?}");
    }
    let before = files(&corpus.path("own"));
    let run = corpus.split(&["--out", "own", "--shares", "all=0.5,dev=0.5", "--force"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let expected = format!("{}: expected another place than that of the split that is divided", folder("own"));
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
    assert!(files(&corpus.path("own")) == before);
}

#[test]
fn tables_that_were_mixed_are_not_divided() {
    let corpus = Corpus::titled(["A", "B", "C"].into_iter());
    let other = Corpus::titled(["A", "X", "C"].into_iter());
    fs::remove_dir_all(corpus.path("own/all/facts")).unwrap();
    fs::rename(other.path("own/all/facts"), corpus.path("own/all/facts")).unwrap();
    let run = corpus.split(&["--out", "parts", "--shares", "a=0.5,b=0.5"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("were made from different sources"), "{}", run.stderr);
}

const STAGE: &str = r#"
[sources]
dev_ids = "dev.ids"
[[stage]]
name = "all"
kind = "synthesize"
documents = 10
outputs = { tables = "all" }
[[stage]]
name = "divide"
kind = "split"
shares = { train = 0.7, dev = 0.3 }
seed = 3
inputs = { corpus = "all" }
outputs = { train = "train", dev = "parts/dev" }
"#;

#[test]
fn a_pipeline_divides() {
    let place = Place::new(STAGE);
    assert_eq!(place.run(&[]), ["all", "divide"]);
    assert_eq!(rows(&place.path("runs/tiny/train"), "SELECT count(*) AS n FROM documents"), ["7"]);
    assert_eq!(
        rows(&place.path("runs/tiny/parts/dev"), "SELECT count(*) AS n, min(split) AS s FROM documents"),
        ["3,dev"]
    );
    assert!(place.run(&[]).is_empty());
    assert_eq!(place.run(&["--set", "divide.seed=4"]), ["divide"]);

    place.write("dev.ids", &rows(&place.path("runs/tiny/all"), "SELECT doc_id FROM documents LIMIT 2").join("\n"));
    let listed = STAGE.replace("shares = { train = 0.7, dev = 0.3 }\n", "");
    let listed = listed.replace(r#"corpus = "all" }"#, r#"corpus = "all", dev = "dev_ids" }"#);
    place.write("tiny.toml", &listed.replace(r#"train = "train", "#, ""));
    assert_eq!(place.run(&[]), ["divide"]);
    assert_eq!(rows(&place.path("runs/tiny/parts/dev"), "SELECT count(*) AS n FROM documents"), ["2"]);

    for (stage, expected) in [
        (listed.clone(), "output `train`: expected none, as neither a share nor a list is for it"),
        (listed.replace(r#", dev = "dev_ids""#, ""), "expected `shares` or inputs that are lists, got neither"),
        (STAGE.replace(r#"corpus = "all" }"#, r#"corpus = "all", dev = "dev_ids" }"#), "got both"),
        (STAGE.replace("0.7", "0.6"), "`shares`: expected shares that sum to 1, got 0.9"),
        (STAGE.replace("train = 0.7", "\"a/b\" = 0.7"), "expected a name that can be that of a folder, got `a/b`"),
    ] {
        place.write("tiny.toml", &stage);
        let failure = place.failure(&[]);
        assert!(failure.contains(expected), "{failure}");
    }
}

#[test]
fn the_real_corpus_is_divided_as_a_whole() {
    let folder = TempDir::new().unwrap();
    let Some(dev) = crate::support::redocred(folder.path()) else { return };
    let out = folder.path().join("parts");
    let arguments = ["split", "--corpus", dev.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let run = docre(arguments.iter().chain(&["--shares", "train=0.8,dev=0.2", "--seed", "5"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let parts = ["train", "dev"].map(|name| out.join(name));
    assert_eq!(rows(&parts[0], "SELECT count(*) AS n FROM documents"), ["400"]);
    assert_eq!(tables(&parts), tables(&[dev]));
}

/// An entity that had no sound mention keeps its place in the numbers of the source, also in a part of the split.
#[test]
fn what_was_lost_of_a_document_goes_with_it() {
    let place = Place::new("");
    let document = r#"[{"title": "T", "sents": [["Anna", "and", "Kelp"]], "vertexSet": [
        [{"name": "x", "sent_id": 0, "pos": [1, 1], "type": "PER"}],
        [{"name": "Anna", "sent_id": 0, "pos": [0, 1], "type": "PER"}],
        [{"name": "Kelp", "sent_id": 0, "pos": [2, 3], "type": "ORG"}]],
        "labels": [{"r": "P108", "h": 1, "t": 2, "evidence": []}]}]"#;
    fs::write(place.path("lost.json"), document).unwrap();
    let at = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let converted = docre(["convert", "--format", "docred", "--split", "s", "--out", &at("lost"), &at("lost.json")]);
    assert_eq!(converted.code, Some(3), "{}", converted.stderr);
    let divided = ["split", "--corpus", &at("lost"), "--split", "s", "--out", &at("part"), "--shares", "z=1"];
    assert_eq!(docre(divided).code, Some(0));
    for folder in [at("lost/s"), at("part/z")] {
        let submission = docre(["convert", "--to", "submission", &folder]);
        assert!(
            submission.stdout.contains(r#""h_idx":1"#) && submission.stdout.contains(r#""t_idx":2"#),
            "{folder}: {}",
            submission.stdout
        );
    }
}
