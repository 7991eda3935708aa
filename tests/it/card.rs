//! What a checkpoint says of itself, and what scoring makes of that: warnings, pairs that are left out, words for relations.

use std::fs;
use std::path::{Path, PathBuf};

use docre::checkpoint::Card;
use docre::train::TrainConfig;
use serde_json::{Value, json};

use crate::support::{Run, docre, files, rows};
use crate::train::Fixture;

/// A fixture with a checkpoint that predicts something.
fn trained() -> Fixture {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 12, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    fixture
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A split of documents in some format, in the folder `corpus`.
fn convert(fixture: &Fixture, format: &str, split: &str, documents: &str, further: &[&str]) -> PathBuf {
    let (source, corpus) = (fixture.path(&format!("{split}.json")), fixture.path("corpus"));
    fs::write(&source, documents).unwrap();
    let arguments = ["convert", "--format", format, "--split", split, "--out", text(&corpus), text(&source)];
    let run = docre(arguments.iter().chain(further));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    corpus.join(split)
}

/// The tables of a split as DocRED's JSON.
fn exported(split: &Path) -> String {
    let run = docre(["convert", "--to", "docred", text(split)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout
}

fn score(fixture: &Fixture, checkpoint: &str, split: &Path, out: &str, further: &[&str]) -> Run {
    let (checkpoint, out) = (fixture.path(checkpoint), fixture.path(out));
    let arguments = ["score", "--checkpoint", text(&checkpoint), "--corpus", text(split), "--out", text(&out)];
    let run = docre(arguments.iter().chain(&["--run-id", "run"]).chain(further));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

fn warnings(run: &Run) -> Vec<&str> {
    run.stderr.lines().filter_map(|line| line.strip_prefix("warning: ")).collect()
}

fn show(checkpoint: &Path, further: &[&str]) -> Run {
    docre(["checkpoint", "show", text(checkpoint)].iter().chain(further))
}

#[test]
fn a_checkpoint_says_what_it_was_trained_on() {
    let fixture = Fixture::new();
    let run = fixture.train(&fixture.config(), "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (best, train) = (fixture.path("model/best"), fixture.path("corpus/train"));
    let card = Card::find(&best).unwrap().unwrap();
    assert_eq!((&*card.train.corpus, &*card.train.split, card.train.documents), ("corpus", "train", 12));
    assert_eq!((&*card.dev.split, card.dev.documents, card.profile.documents), ("dev", 4, 12));
    assert_eq!(Some(&*card.train.identity), docre::table::fingerprint(&train, "documents").unwrap().as_deref());
    let types = card.profile.entity_types.iter().map(|(kind, entities)| format!("{kind},{entities}"));
    let counted = rows(&train, "SELECT type, count(*) AS n FROM entities GROUP BY type ORDER BY type");
    assert_eq!(types.collect::<Vec<_>>(), counted);
    let candidates = card.profile.pairs_by_type().map(|(.., pairs)| pairs.candidates).sum::<u64>().to_string();
    assert_eq!([candidates], *rows(&train, "SELECT count(*) FROM pairs WHERE candidate"));
    let relations = card.relations.iter().filter(|told| told.facts > 0);
    let relations =
        relations.map(|told| format!("{},{},{}", told.relation, told.label.as_deref().unwrap(), told.facts));
    let sql = "SELECT relation, label, n_facts FROM relation_types WHERE n_facts > 0 ORDER BY relation";
    assert_eq!(relations.collect::<Vec<_>>(), rows(&train, sql));
    let figures = card.figures.unwrap();
    let log = rows(&fixture.path("model"), "SELECT epoch, dev_f1 FROM training_log WHERE dev_f1 IS NOT NULL");
    assert_eq!(log[figures.epoch as usize - 1], format!("{},{:?}", figures.epoch, figures.f1));
    assert!(figures.f1_low.unwrap() <= figures.f1 && figures.f1 <= figures.f1_high.unwrap());
    let letters: f64 = card.profile.scripts.keys().map(|script| card.profile.share(script)).sum();
    assert!((letters - 1.0).abs() < 1e-9 && card.profile.pieces > 0 && card.profile.unknown() < 0.01);
    let settings = card.settings.to_string();
    assert!(
        settings.contains("\"encoder_rate\":0.01") && !settings.contains(text(fixture.folder.path())),
        "{settings}"
    );

    let shown = show(&best, &[]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    for told in ["trained on    corpus/train: 12 documents", "decision      none", "F1 ", " to ", "Latin 100.00%"] {
        assert!(shown.stdout.contains(told), "{told}: {}", shown.stdout);
    }
    let last = Card::find(&fixture.path("model/last")).unwrap().unwrap();
    assert_eq!((last.figures.unwrap().epoch, last.profile), (3, card.profile));
}

#[test]
fn a_checkpoint_is_shown_with_its_decision_or_without_a_card() {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 1, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let best = fixture.path("model/best");
    let decision = json!({"shift": -0.5, "calibration": {"temperature": 1.5}, "fitted_on": ["a", "b"]});
    fs::write(best.join("decision.json"), decision.to_string()).unwrap();
    let shown = show(&best, &[]).stdout;
    assert!(shown.contains("decision      shift -0.5, temperature 1.5, fitted on 2 documents"), "{shown}");
    let whole: Value = serde_json::from_str(&show(&best, &["--format", "json"]).stdout).unwrap();
    let of_file = |name: &str| serde_json::from_slice::<Value>(&fs::read(best.join(name)).unwrap()).unwrap();
    assert_eq!((&whole["card"], &whole["config"]), (&of_file("card.json"), &of_file("config.json")));
    assert_eq!(whole["decision"]["fitted_on"], json!(["a", "b"]));

    fs::remove_file(best.join("card.json")).unwrap();
    let shown = show(&best, &[]).stdout;
    assert!(shown.contains("card          none: made by docre") && shown.contains("model         atlop, "), "{shown}");
    let whole: Value = serde_json::from_str(&show(&best, &["--format", "json"]).stdout).unwrap();
    assert_eq!(whole["card"], Value::Null);
    fs::write(best.join("card.json"), "{").unwrap();
    let damaged = show(&best, &[]);
    assert_eq!(damaged.code, Some(1));
    assert!(damaged.stderr.contains("card.json: expected the card of a checkpoint"), "{}", damaged.stderr);
    let run = show(&fixture.path("model"), &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("expected a checkpoint, found a run: `best` in it is one"), "{}", run.stderr);
    for wrong in [&["checkpoint"][..], &["checkpoint", "show"], &["checkpoint", "show", "a", "--out", "b"]] {
        assert_eq!(docre(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn what_training_never_saw_is_told() {
    let fixture = trained();
    let known = score(&fixture, "model/best", &fixture.path("corpus/dev"), "known", &[]);
    assert_eq!(warnings(&known), [""; 0]);
    let foreign = r#"{"id": "a", "text": "Пётр живёт в Москве.", "entities": [
        {"type": "Human", "mentions": [{"start": 0, "end": 4}]}, {"type": "Town", "mentions": [{"start": 13, "end": 19}]}],
        "relations": [{"head": 0, "tail": 1, "type": "lives in"}]}"#;
    let split = convert(&fixture, "jsonl", "foreign", foreign, &[]);
    let run = score(&fixture, "model/best", &split, "foreign", &[]);
    let told = warnings(&run);
    let expected = [
        "2 entities of 2 are of types that the model was not trained on: `Human` (1), `Town` (1)",
        "of the pieces are unknown to the model, in training 0.0% were",
        "1 documents of 1 are written in a script that the model was not trained on: Cyrillic",
        "1 facts of 1 relations that the model does not know count as missed: `lives in` (1)",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    expected.iter().zip(&told).for_each(|(expected, told)| assert!(told.contains(expected), "{told}"));
    // Whoever finds the tables made is told the same: who has made them may have been killed before anybody noted it.
    let again = score(&fixture, "model/best", &split, "foreign", &[]);
    assert!(again.stderr.contains("up to date"), "{}", again.stderr);
    assert_eq!(warnings(&again), told);
    // Types that nobody asked about in training are scored all the same.
    assert_eq!(rows(&split, "SELECT count(*) FROM pairs"), ["2"]);
    let judged = docre([
        "evaluate",
        "--relations",
        text(&fixture.path("foreign")),
        "--corpus",
        text(&split),
        "--format",
        "json",
    ]);
    assert_eq!(judged.code, Some(0), "{}", judged.stderr);
    let figures: Value = serde_json::from_str(&judged.stdout).unwrap();
    let all = figures["metrics"].as_array().or(figures.as_array()).unwrap();
    let all = all.iter().find(|row| row["metric"] == "F1" && row["scope"] == "all").unwrap();
    assert_eq!(all["gold"], 1, "a fact of a relation that the model does not know is missed");
}

#[test]
fn pairs_of_types_that_training_left_out_are_not_scored_unless_asked_for() {
    let fixture = Fixture::new();
    let types = "SELECT a, b, count(*) AS n FROM (SELECT h.type AS a, t.type AS b FROM facts AS f \
                 JOIN entities AS h ON h.doc_id = f.doc_id AND h.entity_id = f.head \
                 JOIN entities AS t ON t.doc_id = f.doc_id AND t.entity_id = f.tail) AS of_types WHERE a <> b \
                 GROUP BY a, b ORDER BY n DESC, a, b";
    let most = rows(&fixture.path("corpus/train"), types);
    let [head, tail] = [0, 1].map(|place| most[0].split(',').nth(place).unwrap());
    let candidates = format!("{head}:{tail}");
    for split in ["train", "dev"] {
        let documents = exported(&fixture.path("corpus").join(split));
        convert(&fixture, "docred", &format!("{split}-of-types"), &documents, &["--candidates", &candidates]);
    }
    let config = TrainConfig { train: "train-of-types".into(), dev: "dev-of-types".into(), ..fixture.config() };
    let run = fixture.train(&TrainConfig { epochs: 6, ..config }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // The same candidates: nothing is left out.
    let alike = score(&fixture, "model/best", &fixture.path("corpus/dev-of-types"), "alike", &["--margin", "1000"]);
    assert_eq!(warnings(&alike), [""; 0]);
    let dev = fixture.path("corpus/dev");
    let part = score(&fixture, "model/best", &dev, "part", &["--margin", "1000"]);
    let [all, left] = [&dev, &fixture.path("corpus/dev-of-types")]
        .map(|split| rows(split, "SELECT count(*) FROM pairs WHERE candidate")[0].parse::<u64>().unwrap());
    let told =
        format!("{} pairs of {all} are of types that the model's training left out, and are not scored: ", all - left);
    assert!(warnings(&part)[0].starts_with(&told) && warnings(&part)[0].contains("`--candidates corpus`"), "{part:?}");
    let scored =
        |out: &str| rows(&fixture.path(out), "SELECT count(*) FROM (SELECT DISTINCT doc_id, head, tail FROM scores)");
    assert_eq!(scored("part"), [left.to_string()]);
    assert_eq!(scored("alike"), scored("part"));
    let asked = score(&fixture, "model/best", &dev, "whole", &["--margin", "1000", "--candidates", "corpus"]);
    assert_eq!(warnings(&asked), [""; 0]);
    assert_eq!(scored("whole"), [all.to_string()]);
    let other = docre([
        "score",
        "--checkpoint",
        text(&fixture.path("model/best")),
        "--corpus",
        text(&dev),
        "--out",
        text(&fixture.path("part")),
        "--run-id",
        "run",
        "--margin",
        "1000",
        "--candidates",
        "corpus",
    ]);
    assert_eq!(other.code, Some(1), "a table of other candidates is not replaced unasked");

    // All that there is may be left out: told, with what would score it.
    let turned = exported(&fixture.path("corpus/dev"));
    let turned = convert(&fixture, "docred", "turned", &turned, &["--candidates", &format!("{tail}:{head}")]);
    let none = score(&fixture, "model/best", &turned, "none", &[]);
    assert!(warnings(&none).iter().any(|told| told.contains(" pairs, all that there are, are of types")), "{none:?}");
}

#[test]
fn a_card_changes_no_row() {
    let fixture = trained();
    let dev = fixture.path("corpus/dev");
    let told = "has no `card.json`: nobody knows whether its model was trained on documents like these";
    let with = score(&fixture, "model/best", &dev, "with", &[]);
    assert!(!with.stderr.contains(told), "{}", with.stderr);
    fs::remove_file(fixture.path("model/best/card.json")).unwrap();
    let without = score(&fixture, "model/best", &dev, "without", &[]);
    assert_eq!(without.stderr.matches(told).count(), 1, "{}", without.stderr);
    let [with, without] = ["with", "without"]
        .map(|out| ["relations", "scores"].map(|table| rows(&fixture.path(out), &format!("SELECT * FROM {table}"))));
    assert!(!with[1].is_empty() && with == without);
    assert_eq!(rows(&fixture.path("without"), "SELECT count(*) FROM model_relations"), ["0"]);
}

#[test]
fn what_relations_are_called_reaches_the_graph_of_an_unlabelled_split() {
    let fixture = trained();
    let documents = exported(&fixture.path("corpus/train"));
    let split = convert(&fixture, "docred", "bare", &documents, &["--unlabelled"]);
    assert_eq!(rows(&split, "SELECT count(*) FROM relation_types"), ["0"]);
    score(&fixture, "model/best", &split, "scored", &[]);
    let sql = "SELECT relation, label FROM relation_types ORDER BY relation";
    let named = rows(&fixture.path("corpus/train"), sql);
    let told = rows(&fixture.path("scored"), "SELECT relation, label FROM model_relations ORDER BY relation");
    assert!(named.iter().all(|row| told.contains(row)) && !named.is_empty(), "{named:?} {told:?}");
    let [graph, relations] = ["graph", "scored"].map(|name| fixture.path(name));
    let arguments = ["graph", "--relations", text(&relations), "--corpus", text(&split), "--out", text(&graph)];
    let run = docre(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let edges = rows(&graph, "SELECT DISTINCT relation, label FROM edges ORDER BY relation");
    assert!(!edges.is_empty() && edges.iter().all(|edge| told.contains(edge)), "{edges:?}");
    // Another word in the table is another graph.
    let before = files(&graph);
    assert!(docre(arguments).stderr.contains("up to date"));
    fs::remove_dir_all(fixture.path("scored/model_relations")).unwrap();
    let run = docre(arguments.iter().chain(&["--force"]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_ne!(files(&graph), before);
    assert_eq!(rows(&graph, "SELECT count(label) FROM edges"), ["0"]);
}

#[test]
fn the_pipeline_for_documents_of_ones_own_names_relations_and_tells_warnings_again() {
    let fixture = trained();
    let documents = fixture.path("own.jsonl");
    let bare = convert(&fixture, "docred", "bare", &exported(&fixture.path("corpus/train")), &["--unlabelled"]);
    let run = docre(["convert", "--to", "jsonl", "--out", text(&documents), text(&bare)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let lines = fs::read_to_string(&documents).unwrap().replace("\"PER\"", "\"Human\"");
    fs::write(&documents, lines).unwrap();
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/own.toml");
    let sources = [("documents", documents), ("checkpoint", fixture.path("model/best"))];
    let [documents, checkpoint] = sources.map(|(name, path)| format!("sources.{name}={}", text(&path)));
    let runs = fixture.path("runs");
    let arguments = ["run", text(&pipeline), "--runs", text(&runs), "--set", &documents, "--set", &checkpoint];
    for _ in 0..2 {
        let run = docre(arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let told = "own/score: warning: ";
        assert!(run.stderr.contains(told) && run.stderr.contains("not trained on: `Human`"), "{}", run.stderr);
    }
    let unnamed = rows(&runs.join("own/graph"), "SELECT count(*) AS edges, count(label) AS named FROM edges");
    let (edges, named) = unnamed[0].split_once(',').unwrap();
    assert!(edges == named && edges != "0", "{unnamed:?}");
}
