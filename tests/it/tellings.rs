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
fn spans_that_nothing_is_made_of_are_told() {
    let long = "x".repeat(1001);
    let spans = concat!(
        r#"{"id": "a", "entities": [{"start": 0, "end": 0, "type": "T"}, {"start": 3, "end": 4, "type": "T"},"#,
        r#" {"start": 3, "end": 4, "type": "GONE"}, {"start": 4, "end": 8, "type": "T"}]}"#,
        "\n",
        r#"{"id": "long", "entities": [{"start": 0, "end": 1001, "type": "T"}, {"start": 1, "end": 1001, "type": "T"}]}"#,
        "\n",
        r#"{"id": "t/a.txt", "entities": [{"start": 0, "end": 3, "type": "T"}]}"#,
        "\n",
        r#"{"id": "empty.txt", "entities": []}"#
    );
    let place = Place::new(&[("a.txt", b"one two"), ("long.txt", long.as_bytes()), ("spans.jsonl", spans.as_bytes())]);
    let mark = |types| mark(&place, &["--spans", "spans.jsonl", "--types", types, "a.txt", "long.txt"]);
    let Some(output) = mark("GONE=") else { return };
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let told = concat!(
        "spans.jsonl: document `a`: expected a type and a span of its 7 characters, got {'start': 4, 'end': 8, 'type': 'T'}\n",
        "document `a`: expected a mention of 1 to 1000 characters less white space, got 0 from 0 to 0\n",
        "document `a`: expected a mention of 1 to 1000 characters less white space, got 0 from 3 to 4\n",
        "document `long`: expected a mention of 1 to 1000 characters less white space, got 1001 from 0 to 1001\n",
        "spans.jsonl: expected spans of documents that are there, got 1 of `t/a.txt`\n",
        "2 documents, 1 entities, 1 mentions\n"
    );
    assert_eq!(stderr, told);
    assert!(stdout.contains(r#""entities": []}"#) && stdout.contains(r#"[{"start": 1, "end": 1001}]"#), "{stdout}");
    let Some(output) = mark("GONE") else { return };
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("--types: expected A=B, or A= where A is left out, got `GONE`"), "{stderr}");
}

#[test]
fn texts_that_are_none_are_told() {
    let documents: [(&[u8], i32, &str, usize); 4] = [
        (br#"{"id": 1, "text": null}"#, 1, "texts.jsonl: line 1: `text`: expected a text, got null\n", 0),
        (br#"{"id": null, "text": "a"}"#, 1, "texts.jsonl: line 1: `id`: expected a text or a whole number", 0),
        (br#"{"id": 1, "text": "a", "title": 5}"#, 1, "texts.jsonl: line 1: `title`: expected a text, got 5\n", 0),
        (
            b"{\"id\": 1, \"text\": \"Ada \\ud800\"}\n{\"id\": 2, \"text\": \"Ada\", \"title\": null}",
            3,
            "texts.jsonl: document \"1\": expected characters of Unicode, got half of one\n",
            1,
        ),
    ];
    for (document, code, told, n_documents) in documents {
        let place = Place::new(&[("names.tsv", b"Ada\tPER\n"), ("texts.jsonl", document)]);
        let Some(output) = mark(&place, &["--names", "names.tsv", "texts.jsonl"]) else { return };
        let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.starts_with(told), "{stderr}");
        assert_eq!(stdout.lines().count(), n_documents);
    }
}

#[test]
fn what_stands_for_no_identity_joins_no_mentions() {
    let names = "Ada\tPER\tNIL\nBob\tPER\twikidata:NIL\nRome\tLOC\t-\n";
    let place = Place::new(&[("a.txt", b"Ada met Bob in Rome."), ("names.tsv", names.as_bytes())]);
    for base in [&[][..], &["--base", "wikidata"]] {
        let Some(output) = mark(&place, &[&["--names", "names.tsv", "a.txt"], base].concat()) else { return };
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let entities = line["entities"].as_array().unwrap();
        assert_eq!(entities.len(), 3);
        assert!(entities.iter().all(|entity| entity.get("kb_id").is_none()), "{line}");
    }
    let place = Place::new(&[("a.txt", b"Ada"), ("names.tsv", b"Ada\tPER\tE7\n")]);
    let Some(output) = mark(&place, &["--names", "names.tsv", "a.txt"]) else { return };
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("document `a`: expected an identifier as PREFIX:ID, got `E7`"), "{stderr}");
}

#[test]
fn short_names_are_of_one_entity_in_whatever_order_they_come() {
    let names = "Solheim\tPER\nIngrid Solheim\tPER\nDr Ingrid Solheim\tPER\nBo Berg\tPER\nAda Berg\tPER\nBerg\tPER\n";
    let orders = [
        "Solheim, Dr Ingrid Solheim, Ingrid Solheim; Berg, Bo Berg, Ada Berg",
        "Dr Ingrid Solheim, Ingrid Solheim, Solheim; Bo Berg, Ada Berg, Berg",
        "Ingrid Solheim, Solheim, Dr Ingrid Solheim; Ada Berg, Berg, Bo Berg",
    ];
    for text in orders {
        let place = Place::new(&[("a.txt", text.as_bytes()), ("names.tsv", names.as_bytes())]);
        let Some(output) = mark(&place, &["--names", "names.tsv", "a.txt"]) else { return };
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mentions = |entity: &serde_json::Value| entity["mentions"].as_array().unwrap().len();
        let counted: Vec<usize> = line["entities"].as_array().unwrap().iter().map(mentions).collect();
        // `Berg` may be either.
        assert_eq!(counted, [3, 1, 1, 1], "{text}");
    }
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
