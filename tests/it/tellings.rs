//! What converting, running and marking say of what became of a source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{Run, docre, rows};

/// A folder of sources.
struct Place(TempDir);

impl Place {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let place = Self(TempDir::new().unwrap());
        files.iter().for_each(|(name, contents)| fs::write(place.path(name), contents).unwrap());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Converts `source` from `PubTator` into `out/s`.
    fn convert(&self, further: &[&str]) -> Run {
        let (out, source) = (self.text("out"), self.text("source"));
        docre([&["convert", "--format", "pubtator", "--split", "s", "--out", &out][..], further, &[&source]].concat())
    }
}

const GENES: &str = "7|t|one two six\n7\t0\t3\tone\tGene\t1\n7\t4\t7\ttwo\tGene\t2\n7\t8\t11\tsix\tGene\t3\n";

#[test]
fn relations_are_counted_as_the_source_has_them() {
    let place =
        Place::new(&[("source", format!("{GENES}7\tR\t1\t2,3\n7\tS\t1\t2\n7\tS\t1\t1\n7\tS\t1\t9\n").as_bytes())]);
    let run = place.convert(&[]);
    assert!(run.stderr.contains("3 facts of 2 relations\n"), "{}", run.stderr);
    assert!(run.stderr.contains("rejected: 2 of 4 relations, all in"), "{}", run.stderr);
    assert!(run.stderr.contains("relations of several things, a fact for each pair: 1, "), "{}", run.stderr);
    let plain = Place::new(&[("source", format!("{GENES}7\tR\t1\t2\n").as_bytes())]);
    assert!(plain.convert(&[]).stderr.contains(" 1 facts\n"));
}

#[test]
fn an_article_again_is_refused_by_its_name() {
    let place = Place::new(&[("source", format!("{GENES}\n7|t|other\n7\t0\t5\tother\tGene\t1\n").as_bytes())]);
    let run = place.convert(&[]);
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("expected a name of its own, got that of record 1 of source"), "{}", run.stderr);
}

#[test]
fn a_split_without_labels_keeps_that_its_relations_are_undirected() {
    let place = Place::new(&[("source", GENES.as_bytes())]);
    for (relations, expected) in [("*", "*,true"), ("Bind", "Bind,true")] {
        let run = place.convert(&["--unlabelled", "--undirected", relations, "--force"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let split = place.path("out/s");
        assert_eq!(rows(&split, "SELECT relation, undirected FROM relation_types"), [expected]);
    }
    assert_eq!(place.convert(&["--undirected", "*", "--force"]).code, Some(0));
    let none: [&str; 0] = [];
    assert_eq!(
        rows(&place.path("out/s"), "SELECT relation FROM relation_types"),
        none,
        "it is known that there are none"
    );
}

#[test]
fn a_run_names_the_pages_that_are_there() {
    let documents = br#"{"id": 1, "text": "one", "entities": [{"type": "T", "mentions": [{"start": 0, "end": 3}]}]}"#;
    let place = Place::new(&[("documents.jsonl", documents)]);
    fs::create_dir(place.path("model")).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/own.toml");
    let set = |name: &str, path: &str| format!("sources.{name}={}", place.text(path));
    let (one, other) = (set("documents", "documents.jsonl"), set("checkpoint", "model"));
    let runs = place.text("runs");
    let arguments =
        ["run", file.to_str().unwrap(), "--until", "tables", "--runs", &runs, "--set", &one, "--set", &other];
    let run = docre(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("the tables are in") && !run.stderr.contains("the page is"), "{}", run.stderr);
}

/// Runs the script that marks entities; `None`, said in words, where there is no Python.
fn mark(place: &Place, arguments: &[&str]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mark_entities.py");
    match Command::new("python3").arg(script).args(arguments).current_dir(&place.0).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: python3: {error}");
            None
        }
    }
}

#[test]
fn what_cannot_be_marked_is_told_and_the_rest_is_marked() {
    let spans = "{\"id\": \"a\", \"entities\": [{\"start\": 0, \"end\": 99, \"type\": \"T\"}, {\"start\": 0, \"end\": 3, \"type\": \"T\"}, 7]}\n";
    let place = Place::new(&[("a.txt", b"one two"), ("b.txt", b"caf\xe9"), ("spans.jsonl", spans.as_bytes())]);
    let Some(output) = mark(&place, &["--spans", "spans.jsonl", "a.txt", "b.txt"]) else { return };
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert_eq!(
        stdout,
        "{\"id\": \"a\", \"text\": \"one two\", \"entities\": [{\"type\": \"T\", \"mentions\": [{\"start\": 0, \"end\": 3}]}]}\n"
    );
    assert!(stderr.contains("b.txt: expected UTF-8") && stderr.contains("document `a`: expected a type"), "{stderr}");
    let Some(output) = mark(&place, &["--names", "b.txt", "a.txt"]) else { return };
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("b.txt: expected UTF-8"));
}

#[test]
fn names_are_found_however_their_accents_are_composed() {
    let text = "Ko\u{301}: Marta Kova\u{301}cs, Marta Kovács in Cafe\u{301} \u{1112}\u{1161}\u{11ab}.";
    let names = "Marta Kova\u{301}cs\tPER\nCafé\tORG\n한\tLOC\nCafe\tNO\n";
    let place = Place::new(&[("a.txt", text.as_bytes()), ("names.tsv", names.as_bytes())]);
    let Some(output) = mark(&place, &["--names", "names.tsv", "a.txt"]) else { return };
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    for entity in line["entities"].as_array().unwrap() {
        for mention in entity["mentions"].as_array().unwrap() {
            let place = |key: &str| usize::try_from(mention[key].as_u64().unwrap()).unwrap();
            found.push(characters[place("start")..place("end")].iter().collect::<String>());
        }
    }
    let expected = ["Marta Kova\u{301}cs", "Marta Kovács", "Cafe\u{301}", "\u{1112}\u{1161}\u{11ab}"];
    assert_eq!(found, expected);
}
