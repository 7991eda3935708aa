//! What people mark in brat, doccano and Label Studio, from end to end: into tables, and back to those who curate.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Run, docre, rows};

const TEXT: &str = "Alphazine eased cough. It eased the cough of mice.";
const ANNOTATIONS: &str = "T1\tChemical 0 9\tAlphazine\nT2\tDisease 16 21\tcough\nT3\tChemical 23 25\tIt\n\
    T4\tDisease 36 41\tcough\nT5\tSpecies 45 49\tmice\n*\tEquiv T1 T3\nN1\tReference T2 MESH:D003371\tcough\n\
    N2\tReference T4 MESH:D003371\tcough\nR1\tTreats Arg1:T3 Arg2:T4\nA1\tNovelty R1 Novel\nR2\tIn Arg1:T2 Arg2:T5\n\
    E1\tCure:T1 Theme:T2\nR3\tTreats Arg1:T1 Arg2:T9\n";

/// A folder with brat's files of one document, and the tables of it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: TempDir::new().unwrap() };
        fs::create_dir(place.path("brat")).unwrap();
        fs::write(place.path("brat/d1.txt"), TEXT).unwrap();
        fs::write(place.path("brat/d1.ann"), ANNOTATIONS).unwrap();
        let run = place.convert("brat", "brat", "all", &[]);
        assert_eq!(run.code, Some(3), "one relation is lost: {}", run.stderr);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn convert(&self, format: &str, source: &str, split: &str, further: &[&str]) -> Run {
        let (out, source) = (self.path("tables"), self.path(source));
        let arguments = ["convert", "--format", format, "--split", split, "--out", out.to_str().unwrap()];
        docre(arguments.into_iter().chain(further.iter().copied()).chain([source.to_str().unwrap()]))
    }

    fn export(&self, format: &str, out: &str, further: &[&str]) -> Run {
        let (out, split) = (self.path(out), self.path("tables/all"));
        let arguments = ["convert", "--to", format, "--out", out.to_str().unwrap(), split.to_str().unwrap()];
        docre(arguments.into_iter().chain(further.iter().copied()))
    }
}

/// What a split says.
fn said(split: &Path) -> Vec<Vec<String>> {
    [
        "SELECT token_id, text, sent_id, char_start, char_end FROM tokens ORDER BY token_id",
        "SELECT entity_id, name, type, kb_id, n_mentions FROM entities ORDER BY entity_id",
        "SELECT entity_id, name, type, token_start, token_end FROM mentions ORDER BY entity_id, token_start",
        "SELECT head, tail, relation FROM facts ORDER BY head, tail, relation",
    ]
    .map(|sql| rows(split, sql))
    .to_vec()
}

#[test]
fn brat_makes_entities_and_tells_what_it_leaves() {
    let place = Place::new();
    let split = place.path("tables/all");
    assert_eq!(
        rows(&split, "SELECT name, kb_id, n_mentions FROM entities ORDER BY entity_id"),
        ["Alphazine,,2", "cough,MESH:D003371,2", "mice,,1"]
    );
    assert_eq!(rows(&split, "SELECT head, tail, relation FROM facts ORDER BY head"), ["0,1,Treats", "1,2,In"]);
    assert_eq!(
        rows(&split, "SELECT part, \"column\", reason FROM rejects"),
        ["relation,R3,\"expected the ids of two mentions, got `T9`\""]
    );
    let run = place.convert("brat", "brat", "told", &[]);
    let told = "warning: events, which are no relations of pairs: left aside: 1, the first in document `d1`:";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn each_format_comes_back_as_it_went() {
    let place = Place::new();
    let expected = said(&place.path("tables/all"));
    for (format, file) in [("brat", "back"), ("doccano", "back.jsonl"), ("label-studio", "back.json")] {
        let run = place.export(format, file, &[]);
        assert_eq!(run.code, Some(0), "{format}: {}", run.stderr);
        let run = place.convert(format, file, format, &[]);
        assert_eq!(run.code, Some(0), "{format}: {}", run.stderr);
        assert_eq!(said(&place.path("tables").join(format)), expected, "{format}");
    }
}

#[test]
fn what_has_no_place_is_told() {
    let place = Place::new();
    let mention = |start: u32| json!({"mentions": [{"start": start, "end": start + 3}], "type": "T"});
    let relation = json!({"head": 0, "tail": 1, "type": "R", "evidence": [0]});
    let source =
        json!({"id": "a:b", "text": "Ann saw Bob.", "entities": [mention(0), mention(8)], "relations": [relation]});
    fs::write(place.path("source.jsonl"), source.to_string()).unwrap();
    let run = place.convert("jsonl", "source.jsonl", "all", &["--force"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for format in ["pubtator", "brat", "doccano", "label-studio", "bioc-json", "jsonl", "docred"] {
        let run = place.export(format, &format!("to-{format}"), &[]);
        assert_eq!(run.code, Some(0), "{format}: {}", run.stderr);
        let told = format!("for which `{format}` has no place: 1, such as `R` of document `a:b`");
        let has_evidence = ["bioc-json", "jsonl", "docred"].contains(&format);
        assert_eq!(run.stderr.contains(&told), !has_evidence, "{format}: {}", run.stderr);
        let told = "documents whose names no file can have, written with others: 1, such as `a:b` as `a_b-";
        assert_eq!(run.stderr.contains(told), format == "brat", "{format}: {}", run.stderr);
    }
}

#[test]
fn predictions_reach_those_who_curate() {
    let place = Place::new();
    let submission = r#"[{"title": "d1", "h_idx": 0, "t_idx": 1, "r": "Treats", "score": 0.75},
        {"title": "d1", "h_idx": 2, "t_idx": 1, "r": "In", "score": 0.25}]"#;
    fs::write(place.path("result.json"), submission).unwrap();
    let relations = place.path("result.json");
    let relations = ["--relations", relations.to_str().unwrap()];
    assert_eq!(place.export("label-studio", "tasks.json", &relations).code, Some(0));
    let tasks: Value = serde_json::from_slice(&fs::read(place.path("tasks.json")).unwrap()).unwrap();
    let prediction = &tasks[0]["predictions"][0];
    assert_eq!((&prediction["score"], tasks[0].get("annotations")), (&0.25.into(), None));
    let is_relation = |result: &&Value| result["type"] == "relation" && result.get("score").is_some();
    assert_eq!(prediction["result"].as_array().unwrap().iter().filter(is_relation).count(), 2);
    assert_eq!(place.export("brat", "curate", &relations).code, Some(0));
    let lines = fs::read_to_string(place.path("curate/d1.ann")).unwrap();
    assert!(lines.contains("#1\tAnnotatorNotes R1\tprobability 0.7500\n"), "{lines}");
    assert!(!lines.contains("Novelty"), "{lines}");
}

#[test]
fn a_folder_in_which_somebody_works_is_never_written_over() {
    let place = Place::new();
    for further in [&[][..], &["--force"]] {
        let run = place.export("brat", "brat", further);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("brat: expected a new or an empty folder"), "{}", run.stderr);
    }
    assert_eq!(fs::read_to_string(place.path("brat/d1.ann")).unwrap(), ANNOTATIONS);
    // What nobody has touched since is up to date.
    for _ in 0..2 {
        assert_eq!(place.export("brat", "again", &[]).code, Some(0));
    }
    let at = place.path("again/d1.ann");
    fs::write(&at, fs::read_to_string(&at).unwrap() + "#9\tAnnotatorNotes T1\tsure\n").unwrap();
    assert_eq!(place.export("brat", "again", &[]).code, Some(1));
    assert!(fs::read_to_string(at).unwrap().ends_with("sure\n"));
    let run = docre(["convert", "--to", "brat", place.path("tables/all").to_str().unwrap()]);
    assert!(run.stderr.contains("expected a folder to write `brat` to, got stdout\nhint: name one"), "{}", run.stderr);
}

#[test]
fn other_formats_point_at_brat() {
    let place = Place::new();
    for source in ["brat", "brat/d1.ann"] {
        let run = place.convert("jsonl", source, "other", &[]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("hint: `--format brat` reads a folder of texts"), "{}", run.stderr);
    }
}

#[test]
fn coreference_is_a_setting_of_formats_that_mark_mentions() {
    let place = Place::new();
    let run = place.convert("brat", "brat", "joined", &["--coreference", "In,Same"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert_eq!(
        rows(&place.path("tables/joined"), "SELECT name, n_mentions FROM entities ORDER BY entity_id"),
        ["Alphazine,2", "cough,3"]
    );
    let run = place.convert("jsonl", "brat", "refused", &["--coreference", "In"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("with the format `brat` or `doccano` or `label-studio` alone"), "{}", run.stderr);
}
