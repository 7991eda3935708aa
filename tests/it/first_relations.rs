//! Inference that begins with another system's relations: its own change nothing, others do, and strays are told.

use std::path::Path;

use docre::ground::observe::{Event, unheard};
use docre::nn::device::DeviceChoice;
use docre::score::{self, Options, Request};
use docre::table::rows::{ClaimRow, RelationRow, ScoreRow, TraceRow};
use docre::table::{Row, Table};
use docre::train::TrainConfig;
use serde_json::json;

use crate::pipeline::Place;
use crate::support::{DOCUMENT, docre};
use crate::train::Fixture;

fn read<R: Row + 'static>(folder: &Path) -> Vec<R> {
    Table::require(folder).unwrap().all().unwrap()
}

/// Scores the training split into a folder, and what was told.
fn scored(fixture: &Fixture, out: &str, iterations: usize, first: Option<&Path>) -> Vec<String> {
    let [checkpoint, split, out] = ["model/best", "corpus/train", out].map(|name| fixture.path(name));
    let request = Request::new(&checkpoint, &split, &out, "run", DeviceChoice::Cpu);
    let options = Options { iterations: Some(iterations), ..Options::default() };
    let told = std::sync::Mutex::new(Vec::new());
    let hear = |event: Event| {
        if let Event::Warning(words) = event {
            told.lock().unwrap().push(words);
        }
    };
    score::score(&request.with(&options).begun_with(first), &hear).unwrap();
    told.into_inner().unwrap()
}

#[test]
fn inference_begins_with_the_relations_that_are_given() {
    let fixture = Fixture::new();
    let run = fixture.train(&fixture.inferring(), "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    scored(&fixture, "base", 0, None);
    scored(&fixture, "usual", 2, None);
    assert_eq!(scored(&fixture, "own", 2, Some(&fixture.path("base"))), Vec::<String>::new());
    let [usual, own] = ["usual", "own"].map(|name| fixture.path(name));
    assert!(!read::<RelationRow>(&fixture.path("base")).is_empty());
    assert_eq!(read::<ScoreRow>(&own), read::<ScoreRow>(&usual));
    assert_eq!(read::<RelationRow>(&own), read::<RelationRow>(&usual));
    assert_eq!(read::<TraceRow>(&own), read::<TraceRow>(&usual));

    let others = fixture.path("others.json");
    let base: Vec<RelationRow> = read(&fixture.path("base"));
    let entry = |title: &str, head: u32, tail: u32, relation: &str| json!({"title": title, "h_idx": head, "t_idx": tail, "r": relation});
    // Each fact the other way round, and four that nobody can use.
    let turned = base.iter().map(|row| entry(&row.doc_id, row.tail, row.head, &row.relation));
    let (document, relation) = (&*base[0].doc_id, &*base[0].relation);
    let strays = [
        entry(document, 0, 1, "nonsense"),
        entry("elsewhere", 0, 1, relation),
        entry(document, 0, 999, relation),
        entry(document, 1, 1, relation),
    ];
    std::fs::write(&others, json!(turned.chain(strays).collect::<Vec<_>>()).to_string()).unwrap();
    let told = scored(&fixture, "turned", 2, Some(&others));
    let left_out = |count: u64, what: &str, first: &str| {
        format!("{count} of the first relations are of {what}: left out, the first of `{first}`")
    };
    assert_eq!(
        told,
        [
            left_out(1, "relations that the model does not know", "nonsense"),
            left_out(1, "documents that the split does not have", "elsewhere"),
            left_out(2, "entities that their documents do not have", document),
        ]
    );
    let turned = fixture.path("turned");
    assert_ne!(read::<ScoreRow>(&turned), read::<ScoreRow>(&usual));
    // What was given is what a trace begins with: facts that the base does not predict are taken away, or stay.
    let first = |row: &TraceRow| row.iteration == 1;
    assert_ne!(
        read::<TraceRow>(&turned).into_iter().filter(first).collect::<Vec<_>>(),
        read::<TraceRow>(&usual).into_iter().filter(first).collect::<Vec<_>>()
    );
    of_another_making(&fixture, &others);
    of_nothing_here(&fixture, &json!([entry(document, 0, 1, "nonsense"), entry("elsewhere", 0, 1, relation)]));
    in_a_pipeline(&fixture, &others, &read(&turned));
}

/// The same table with other relations to begin with is another one.
fn of_another_making(fixture: &Fixture, others: &Path) {
    let [checkpoint, split, out] = ["model/best", "corpus/train", "usual"].map(|name| fixture.path(name));
    let request = Request::new(&checkpoint, &split, &out, "run", DeviceChoice::Cpu);
    let options = Options { iterations: Some(2), ..Options::default() };
    let error = score::score(&request.with(&options).begun_with(Some(others)), &unheard).unwrap_err();
    assert!(error.to_string().contains("scores") || error.to_string().contains("relations"), "{error}");
}

/// Relations none of which can be used, and inference that does not take place, are refused.
fn of_nothing_here(fixture: &Fixture, strays: &serde_json::Value) {
    let [checkpoint, split, out, first] =
        ["model/best", "corpus/train", "nothing", "strays.json"].map(|name| fixture.path(name));
    std::fs::write(&first, strays.to_string()).unwrap();
    let refused = |iterations| {
        let options = Options { iterations: Some(iterations), ..Options::default() };
        let request = Request::new(&checkpoint, &split, &out, "run", DeviceChoice::Cpu);
        score::score(&request.with(&options).begun_with(Some(&first)), &unheard).unwrap_err().to_string()
    };
    assert!(refused(2).ends_with("got 2 of others alone, the first `nonsense`"), "{}", refused(2));
    assert!(refused(0).starts_with("`first_relations`: expected none, as `iterations` is 0"), "{}", refused(0));
    assert!(!out.exists());
}

fn in_a_pipeline(fixture: &Fixture, others: &Path, expected: &[RelationRow]) {
    let [checkpoint, split] = ["model/best", "corpus/train"].map(|name| fixture.path(name));
    let (checkpoint, split, others) = (checkpoint.display(), split.display(), others.display());
    let place = Place::new(&format!(
        "[sources]\nmodel = '{checkpoint}'\nsplit = '{split}'\nothers = '{others}'\n\
         [[stage]]\nname = \"score\"\nkind = \"score\"\nrun_id = \"run\"\niterations = 2\n\
         inputs = {{ checkpoint = \"model\", corpus = \"split\", first_relations = \"others\" }}\n\
         outputs = {{ relations = \"relations\" }}\n"
    ));
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(read::<RelationRow>(&place.path("runs/tiny")), expected);
}

#[test]
fn what_is_begun_with_is_of_the_pairs_that_are_asked_about() {
    let fixture = Fixture::new();
    let run = fixture.train(&fixture.inferring(), "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = |name: &str| fixture.path(name).to_str().unwrap().to_owned();
    std::fs::write(
        path("dev.json"),
        format!(
            "[{}]",
            DOCUMENT.replacen("LOC\", \"sent_id\": 0, \"pos\": [3", "ORG\", \"sent_id\": 0, \"pos\": [3", 1)
        ),
    )
    .unwrap();
    let begun = |further: [&str; 2], facts: &serde_json::Value| {
        let _ = std::fs::remove_dir_all(path("corpus/both"));
        let convert = ["convert", "--format", "docred", "--split", "both", "--out", &path("corpus"), &path("dev.json")];
        let run = docre(convert.into_iter().chain(further));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        std::fs::write(path("first.json"), facts.to_string()).unwrap();
        let [model, split, first, out] = ["model/best", "corpus/both", "first.json", "begun"].map(path);
        let run = docre([
            "score",
            "--checkpoint",
            &model,
            "--corpus",
            &split,
            "--first-relations",
            &first,
            "--out",
            &out,
            "--force",
        ]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let claims = read::<ClaimRow>(&fixture.path("begun")).into_iter().filter(|claim| claim.since == 0);
        let claims: Vec<_> = claims.map(|claim| (claim.head, claim.relation.to_string(), claim.tail)).collect();
        (claims, run.stderr)
    };
    let fact = |head: u32, tail: u32| json!({"title": "Altomonte", "h_idx": head, "t_idx": tail, "r": "P17"});
    // Either direction of what holds both ways is the one that is asked about.
    let (claims, told) = begun(["--undirected", "*"], &json!([fact(2, 0), fact(0, 1)]));
    assert_eq!(claims, [(0, "P17".to_owned(), 1), (0, "P17".to_owned(), 2)], "{told}");
    let (claims, told) = begun(["--candidates", "LOC:ORG"], &json!([fact(0, 1), fact(0, 2)]));
    assert_eq!(claims, [(0, "P17".to_owned(), 1)]);
    let expected = "1 of the first relations are of pairs that are no candidates: left out, the first of `Altomonte`";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_model_that_does_not_infer_begins_with_nothing() {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 1, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = |name: &str| fixture.path(name).to_str().unwrap().to_owned();
    std::fs::write(path("first.json"), "[]").unwrap();
    let run = docre([
        "score",
        "--checkpoint",
        &path("model/best"),
        "--corpus",
        &path("corpus/train"),
        "--out",
        &path("out"),
        "--first-relations",
        &path("first.json"),
    ]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("expected a model that infers"), "{}", run.stderr);
    let lost = docre::submission::predictions::read(Path::new("no/such.json"), &fixture.path("corpus/train"), &unheard);
    let Err(error) = lost else { panic!("found") };
    assert_eq!(error.to_string(), "`no/such.json`: cannot read");
}
