//! Scoring on the command line: parts that are kept, batches that do not matter, and what is refused.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use docre::checkpoint::ModelConfig;
use docre::ground::observe::{Event, Observer, unheard};
use docre::nn::device::DeviceChoice;
use docre::score::{self, Ended, Options, Request, Scored};
use docre::table::rows::{EntityRow, PairRow, RelationRow, ScoreRow, TokenRow};
use docre::table::{self, Row, Table, stream};
use docre::train::TrainConfig;
use docre::train::config::SecondStage;
use serde_json::json;

use crate::pipeline::Place;
use crate::support::{command, docre, files, rows};
use crate::train::{Fixture, docre_ii, second_stage};

/// A fixture with a checkpoint and a split of 600 documents: three parts.
fn trained() -> Fixture {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 12, ..fixture.config() };
    let run = fixture.train(&config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let corpus = fixture.path("corpus");
    let arguments = ["synthesize", "--docs", "600", "--first", "99", "--split", "many", "--facts", "4", "--out"];
    let run = docre(arguments.iter().map(Into::into).chain([corpus.into_os_string()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    fixture
}

struct Paths {
    checkpoint: PathBuf,
    split: PathBuf,
    out: PathBuf,
}

impl Paths {
    fn new(fixture: &Fixture, split: &str, out: &str) -> Self {
        Self {
            checkpoint: fixture.path("model/best"),
            split: fixture.path("corpus").join(split),
            out: fixture.path(out),
        }
    }

    fn score(&self, budget: usize) -> Result<Option<Scored>, score::ScoreError> {
        self.score_until(budget, &unheard)
    }

    fn score_until(&self, budget: usize, observe: Observer) -> Result<Option<Scored>, score::ScoreError> {
        let Self { checkpoint, split, out } = self;
        let device = DeviceChoice::Cpu;
        let options = Options { pieces_at_once: Some(budget), ..Options::default() };
        let request = Request::new(checkpoint, split, out, "run", device).with(&options);
        score::score(&request, observe).map(Ended::scored)
    }

    /// `docre score` as a process, killed as soon as so many parts are finished.
    fn kill_after(&self, n_parts: usize) {
        let [checkpoint, split, out] = [&self.checkpoint, &self.split, &self.out].map(|path| path.to_str().unwrap());
        let arguments = ["score", "--checkpoint", checkpoint, "--corpus", split, "--out", out, "--run-id", "run"];
        let mut process = command(arguments).spawn().unwrap();
        let finished = || {
            let parts = fs::read_dir(self.out.join(".scores.work")).into_iter().flatten();
            parts.filter(|part| part.as_ref().unwrap().path().join("scores").exists()).count()
        };
        while finished() < n_parts && process.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        process.kill().unwrap();
        assert_eq!(process.wait().unwrap().code(), None, "the run ended before it was killed");
    }
}

fn relations(folder: &Path) -> Vec<RelationRow> {
    table::read(folder).unwrap().flat_map(Result::unwrap).collect()
}

#[test]
fn a_run_that_was_stopped_goes_on_and_ends_alike() {
    let fixture = trained();
    let (whole, stopped) = (Paths::new(&fixture, "many", "whole"), Paths::new(&fixture, "many", "stopped"));
    let scored = whole.score(2048).unwrap().unwrap();
    assert_eq!((scored.documents, scored.kept), (600, 0));
    assert!(scored.relations > 0);
    assert_eq!(whole.score(2048).unwrap(), None);
    // A panic where the first part is told: nothing is cleaned up that a kill would leave.
    let stop = |event: Event| assert!(!matches!(event, Event::Progress(_)), "stopped");
    let died = std::panic::catch_unwind(|| stopped.score_until(2048, &stop));
    assert!(died.is_err() && !stopped.out.join("relations").exists());
    let scored = stopped.score(2048).unwrap().unwrap();
    assert_eq!((scored.documents, scored.kept), (600, 256));
    let tables = [&whole, &stopped].map(|paths| files(&paths.out.join("relations")));
    assert_eq!(tables[0][0].1, tables[1][0].1);
    assert!(!stopped.out.join(".scores.work").exists());
}

#[test]
fn a_run_that_was_killed_twice_ends_like_one_that_was_not() {
    let fixture = trained();
    let (whole, killed) = (Paths::new(&fixture, "many", "whole"), Paths::new(&fixture, "many", "killed"));
    whole.score(2048).unwrap();
    killed.kill_after(1);
    killed.kill_after(2);
    let scored = killed.score(2048).unwrap().unwrap();
    assert_eq!(scored.documents, 600);
    assert!(scored.kept >= 512, "{scored:?}");
    let tables = [&whole, &killed].map(|paths| files(&paths.out.join("relations")));
    assert_eq!(tables[0][0].1, tables[1][0].1);
}

#[test]
fn batches_do_not_matter_and_rows_come_in_order() {
    let fixture = trained();
    let (small, large) = (Paths::new(&fixture, "many", "small"), Paths::new(&fixture, "many", "large"));
    small.score(1).unwrap();
    large.score(100_000).unwrap();
    let (small, large) = (relations(&small.out), relations(&large.out));
    assert_eq!(small.len(), large.len());
    for (one, other) in small.iter().zip(&large) {
        assert_eq!(
            (&one.doc_id, one.head, one.tail, &one.relation),
            (&other.doc_id, other.head, other.tail, &other.relation)
        );
        assert!((one.logit - other.logit).abs() < 1e-4 && one.logit > one.threshold_logit);
        assert!(one.probability > 0.5 && one.rank >= 1);
    }
    let sql = "SELECT doc_id FROM documents ORDER BY position";
    let order = rows(&fixture.path("corpus/many"), sql);
    let mut places = small.iter().map(|row| order.iter().position(|name| **name == *row.doc_id).unwrap());
    let mut last = 0;
    assert!(places.all(|place| std::mem::replace(&mut last, place) <= place));
}

#[test]
fn the_table_of_pieces_serves_scoring() {
    let fixture = trained();
    let (cut, read) = (Paths::new(&fixture, "dev", "cut"), Paths::new(&fixture, "dev", "read"));
    cut.score(2048).unwrap();
    let [corpus, encoder] = ["corpus/dev", "model/best"].map(|name| fixture.path(name));
    let run = docre(["encode", "--corpus", corpus.to_str().unwrap(), "--encoder", encoder.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("pieces: 4 documents"), "{}", run.stderr);
    read.score(2048).unwrap();
    assert_eq!(relations(&cut.out), relations(&read.out));
}

#[test]
fn a_split_of_other_tokens_is_not_up_to_date() {
    let fixture = trained();
    let paths = Paths::new(&fixture, "dev", "out");
    assert!(paths.score(2048).unwrap().is_some());
    assert_eq!(paths.score(2048).unwrap(), None);
    let mut tokens: Vec<TokenRow> = table::read(&paths.split).unwrap().flat_map(Result::unwrap).collect();
    tokens.iter_mut().for_each(|token| token.text = "it".into());
    table::write(&paths.split, "", tokens.clone()).unwrap();
    assert!(!matches!(paths.score(2048), Ok(None)));
    table::write(&paths.split, "of another split", tokens).unwrap();
    let refused = paths.score(2048).unwrap_err().to_string();
    assert!(refused.contains("tables `documents` and `tokens` were made from different sources"), "{refused}");
}

#[test]
fn a_split_of_other_types_is_not_up_to_date() {
    let fixture = trained();
    let paths = Paths::new(&fixture, "dev", "out");
    paths.score(2048).unwrap();
    let RelationRow { doc_id, head, tail, relation, .. } = relations(&paths.out).swap_remove(0);
    let entities: Vec<EntityRow> = table::read(&paths.split).unwrap().flat_map(Result::unwrap).collect();
    let type_of = |entity| entities.iter().find(|row| (&row.doc_id, row.entity_id) == (&doc_id, entity)).unwrap();
    let types = [head, tail].map(|entity| &*type_of(entity).r#type).join(":");
    let decision = fixture.path("typed.json");
    fs::write(&decision, json!({"types": {&*relation: [types]}}).to_string()).unwrap();
    let request = Request::new(&paths.checkpoint, &paths.split, &paths.out, "run", DeviceChoice::Cpu);
    let request = request.decided_by(Some(&decision)).forced(true);
    let is_claimed = || relations(&paths.out).iter().any(|row| row.relation == relation);
    assert!(matches!(score::score(&request, &unheard).unwrap(), Ended::Decided { .. }) && is_claimed());
    let others: Vec<EntityRow> = entities.iter().map(|row| EntityRow { r#type: "X".into(), ..row.clone() }).collect();
    table::write(&paths.split, "", others).unwrap();
    // What is scored hangs on types where the model's training left some out, what is claimed where a decision asks.
    let refused = paths.score(2048).unwrap_err().to_string();
    assert!(refused.contains("out/relations"), "{refused}");
    assert!(matches!(score::score(&request, &unheard).unwrap(), Ended::Scored(_)) && !is_claimed());
}

#[test]
fn what_the_checkpoint_cannot_score_is_refused() {
    let fixture = trained();
    let paths = Paths::new(&fixture, "other", "out");
    let source = fixture.path("other.json");
    fs::write(&source, format!("[{}]", crate::support::DOCUMENT)).unwrap();
    let corpus = fixture.path("corpus");
    let arguments = ["convert", "--format", "docred", "--split", "other", "--out"];
    let run = docre(arguments.iter().map(Into::into).chain([corpus.into_os_string(), source.into_os_string()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // Relations that the model does not know are told, and no reason not to score the others.
    let told = std::sync::Mutex::new(Vec::new());
    let observe = |event: Event| told.lock().unwrap().push(event.to_string());
    assert_eq!(paths.score_until(2048, &observe).unwrap().unwrap().documents, 1);
    let expected = "warning: 1 facts of 1 relations that the model does not know count as missed: `P131` (1)";
    assert!(told.lock().unwrap().iter().any(|told| told == expected), "{told:?}");
    assert!(paths.out.join("relations").exists());
    let arguments = [fixture.path("corpus"), fixture.path("corpus"), fixture.path("out")];
    let [checkpoint, corpus, out] = arguments.each_ref().map(|path| path.to_str().unwrap());
    let run = docre(["score", "--checkpoint", checkpoint, "--corpus", corpus, "--split", "dev", "--out", out]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("config.json: cannot read"), "{}", run.stderr);
}

/// The dev split with one of its tables changed.
fn changed<R: Row + 'static>(fixture: &Fixture, change: impl FnOnce(&mut Vec<R>)) {
    let (dev, split) = (fixture.path("corpus/dev"), fixture.path("corpus/changed"));
    let _ = fs::remove_dir_all(&split);
    for (file, bytes) in files(&dev) {
        let copied = split.join(file.strip_prefix(&dev).unwrap());
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        fs::write(copied, bytes).unwrap();
    }
    let making = table::fingerprint(&dev, &R::schema().name).unwrap().unwrap();
    let mut rows: Vec<R> = Table::require(&dev).unwrap().all().unwrap();
    change(&mut rows);
    table::write(&split, &making, rows).unwrap();
}

#[test]
fn rows_that_fit_no_document_are_refused_before_anything_is_claimed() {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 1, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let paths = Paths::new(&fixture, "changed", "out");
    let refused = |expected: &str| {
        let error = paths.score(2048).unwrap_err().to_string();
        assert!(error.contains(expected), "expected `{expected}`, got {error}");
        assert!(!paths.out.join("relations").exists());
    };
    changed::<EntityRow>(&fixture, |rows| rows.reverse());
    refused("`entities`");
    changed::<TokenRow>(&fixture, |rows| rows.rotate_left(1));
    refused("`tokens`");
    changed::<PairRow>(&fixture, |rows| rows[0].tail = rows[0].head);
    refused("pair (0, 0): expected two of the");
    changed::<PairRow>(&fixture, |rows| rows.insert(1, rows[0].clone()));
    refused("expected each pair once, got (0, 1) again");
}

#[test]
fn a_configuration_that_does_not_fit_itself_is_told_by_its_file_and_field() {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 1, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = fixture.path("model/best/config.json");
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let paths = Paths::new(&fixture, "dev", "out");
    let refused = |change: &dyn Fn(&mut serde_json::Value), expected: &str| {
        let mut config = whole.clone();
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
        let error = paths.score(2048).unwrap_err().to_string();
        assert!(error.contains(&format!("config.json: {expected}")), "expected `{expected}`, got {error}");
    };
    refused(&|config| config["most_labels"] = json!(0), "`most_labels`: expected 1 or more, got 0");
    refused(&|config| config["most_pieces"] = json!(2), "`most_pieces`: expected 3 or more, got 2");
    refused(&|config| config["model"]["block"] = json!(5), "`block`: expected");
    refused(&|config| config["encoder"]["num_hidden_layers"] = json!(0), "encoder: `num_hidden_layers`: expected");
}

#[test]
fn a_model_that_infers_tells_what_its_base_thought() {
    let fixture = Fixture::new();
    let run = fixture.train(&fixture.inferring(), "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let whole = Paths::new(&fixture, "train", "whole");
    let base = Paths { checkpoint: fixture.path("model/base"), ..Paths::new(&fixture, "train", "base") };
    whole.score(2048).unwrap();
    base.score(2048).unwrap();
    let (whole, base) = (relations(&whole.out), relations(&base.out));
    assert!(!whole.is_empty() && !base.is_empty());
    assert!(whole.iter().all(|row| row.iteration.is_some_and(|iteration| iteration <= 3)));
    assert!(base.iter().all(|row| row.iteration.is_none() && row.base_probability.is_none()));
    for row in &whole {
        let before = row.base_probability.unwrap();
        assert!((0.0..=1.0).contains(&before) && (row.iteration != Some(0) || before > 0.5), "{row:?}");
    }
}

#[test]
fn a_model_infers_as_often_as_it_is_asked_to() {
    let fixture = Fixture::new();
    let second_stage = SecondStage { epochs: 12, freeze_base: true, ..second_stage() };
    let config = TrainConfig {
        model: ModelConfig::DocreIi(docre_ii()),
        epochs: 12,
        second_stage: Some(second_stage),
        ..fixture.config()
    };
    let run = fixture.train(&config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let score = |checkpoint: &str, out: &str, further: &[&str]| {
        let [checkpoint, split, out] = [checkpoint, "corpus/train", out].map(|name| fixture.path(name));
        let [checkpoint, split, folder] = [&checkpoint, &split, &out].map(|path| path.to_str().unwrap());
        let arguments = ["score", "--checkpoint", checkpoint, "--corpus", split, "--out", folder, "--run-id", "run"];
        let run = docre(arguments.iter().chain(&["--force"]).chain(further));
        let rows = if run.code == Some(0) { relations(&out) } else { Vec::new() };
        (run, rows)
    };
    let (run, alone) = score("model/best", "out", &["--iterations", "0"]);
    assert!(!run.stderr.contains("not used"), "{}", run.stderr);
    // The base was frozen, so the whole's is that of the first stage.
    assert_eq!(alone, score("model/base", "base", &[]).1);
    let (usual, thrice) = (score("model/best", "out", &[]).1, score("model/best", "out", &["--iterations", "3"]).1);
    assert_eq!(usual, thrice);
    assert_ne!(alone, usual);
    let once = score("model/best", "out", &["--iterations", "1"]).1;
    assert!(once.iter().all(|row| row.iteration.is_some_and(|iteration| iteration <= 1)));
    assert_eq!(alone, score("model/base", "out", &["--iterations", "0"]).1);
    let (refused, _) = score("model/base", "refused", &["--iterations", "1"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("model/base: expected a model that infers, `docre-ii`"), "{}", refused.stderr);
}

#[test]
fn a_split_comes_and_relations_go_through_a_pipe() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 12, ..fixture.config() };
    let run = fixture.train(&config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let paths = Paths::new(&fixture, "dev", "table");
    paths.score(2048).unwrap();
    let input = command(["convert", "--to", "annotated", paths.split.to_str().unwrap()]).output().unwrap().stdout;
    let checkpoint = paths.checkpoint.to_str().unwrap();
    let mut child = command(["score", "--checkpoint", checkpoint, "--corpus", "-", "--out", "-", "--run-id", "run"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    let piped: Vec<RelationRow> = stream::receive(&output.stdout[..]).unwrap().flat_map(Result::unwrap).collect();
    assert!(!piped.is_empty());
    assert_eq!(piped, relations(&paths.out));
}

#[test]
fn a_count_that_cannot_be_is_wrong_usage() {
    for (command, of, option, value, expected) in [
        ("score", "--checkpoint", "--iterations", "-1", "expected a whole number of 0 or more"),
        ("score", "--checkpoint", "--iterations", "99999999999", "expected 0 to 1000"),
        ("encode", "--encoder", "--most-pieces", "2", "expected 3 or more"),
    ] {
        let run = docre([command, "--corpus", "c", "--out", "o", of, "m", option, value]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(option) && run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn a_document_that_is_too_large_is_left_out_and_told() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 12, ..fixture.config() };
    let run = fixture.train(&config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let paths = Paths::new(&fixture, "dev", "table");
    let score = |further: &[&str]| {
        let [checkpoint, split, out] = [&paths.checkpoint, &paths.split, &paths.out].map(|path| path.to_str().unwrap());
        let arguments = ["score", "--checkpoint", checkpoint, "--corpus", split, "--out", out, "--run-id", "run"];
        docre(arguments.iter().chain(&["--force"]).chain(further))
    };
    assert_eq!(score(&[]).code, Some(0));
    let whole = relations(&paths.out);
    let sizes = rows(&paths.split, "SELECT doc_id, count(*) AS n FROM pairs GROUP BY doc_id ORDER BY n DESC, doc_id");
    let (largest, n_pairs) = sizes[0].rsplit_once(',').unwrap();
    let n_pairs: u64 = n_pairs.parse().unwrap();
    let most = (n_pairs - 1).to_string();
    let run = score(&["--most-pairs", &most]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let words = format!(
        "document `{largest}`: expected at most {most} pairs (`--most-pairs`, `most_pairs` in a pipeline), got {n_pairs}"
    );
    assert!(run.stderr.contains(&words), "{}", run.stderr);
    let lost = sizes.iter().filter(|row| row.ends_with(&format!(",{n_pairs}"))).count();
    let warning = format!("warning: {lost} documents are too large and were not scored");
    assert!(run.stderr.contains(&warning), "{}", run.stderr);
    let is_kept = |row: &&RelationRow| !sizes[..lost].iter().any(|size| size.starts_with(&format!("{},", row.doc_id)));
    // Batches of other documents round otherwise.
    let key = |row: &RelationRow| (row.doc_id.clone(), row.head, row.tail, row.relation.clone());
    let kept: Vec<_> = whole.iter().filter(is_kept).map(key).collect();
    assert_eq!(relations(&paths.out).iter().map(key).collect::<Vec<_>>(), kept);
    // It is said again as long as the table stands.
    let again = score(&["--most-pairs", &most]);
    assert_eq!((again.code, again.stderr.contains("up to date")), (Some(3), true), "{}", again.stderr);
    assert!(again.stderr.contains(&warning), "{}", again.stderr);
    assert_eq!(score(&["--most-pairs", &n_pairs.to_string()]).code, Some(0));
    assert_eq!(relations(&paths.out), whole);
    told_in_a_pipeline(&paths, &most, &warning);
}

/// A stage that leaves documents out says so now and when it is up to date, and the run ends like one with rejects.
fn told_in_a_pipeline(Paths { checkpoint, split, .. }: &Paths, most_pairs: &str, warning: &str) {
    let (checkpoint, split) = (checkpoint.display(), split.display());
    let place = Place::new(&format!(
        "[sources]\nmodel = '{checkpoint}'\ndev = '{split}'\n[[stage]]\nname = \"scores\"\nkind = \"score\"\n\
         most_pairs = {most_pairs}\ninputs = {{ checkpoint = \"model\", corpus = \"dev\" }}\n\
         outputs = {{ relations = \"relations\" }}\n"
    ));
    for state in ["running", "up to date"] {
        let run = place.docre(&["tiny.toml"]);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("tiny/scores: {state}")), "{}", run.stderr);
        assert!(run.stderr.contains(&format!("tiny/scores: {warning}")), "{}", run.stderr);
    }
    let stage = &place.manifest()["stages"][0];
    assert!(stage["warnings"].as_array().unwrap().contains(&warning.into()), "{stage}");
}

#[test]
fn relations_are_the_scores_above_the_threshold() {
    let fixture = trained();
    let paths = Paths::new(&fixture, "dev", "out");
    paths.score(2048).unwrap();
    let scores: Vec<ScoreRow> = table::read(&paths.out).unwrap().flat_map(Result::unwrap).collect();
    assert!(scores.iter().all(|row| row.logit > row.threshold_logit - row.margin));
    let pairs =
        scores.chunk_by(|one, other| (&one.doc_id, one.head, one.tail) == (&other.doc_id, other.head, other.tail));
    let predicted = pairs.flat_map(|pair| {
        assert!(pair.is_sorted_by(|one, other| one.logit >= other.logit));
        let above = pair.iter().filter(|row| row.logit > row.threshold_logit).take(pair[0].most_labels as usize);
        (1..).zip(above).map(|(rank, row)| RelationRow {
            run_id: row.run_id.clone(),
            doc_id: row.doc_id.clone(),
            head: row.head,
            tail: row.tail,
            relation: row.relation.clone(),
            logit: row.logit,
            threshold_logit: row.threshold_logit,
            probability: 1.0 / (1.0 + (row.threshold_logit - row.logit).exp()),
            rank,
            base_probability: None,
            iteration: None,
        })
    });
    let predicted: Vec<RelationRow> = predicted.collect();
    assert!(!predicted.is_empty() && predicted.len() < scores.len());
    assert_eq!(relations(&paths.out), predicted);
    // No margin, no other predictions.
    let none = Paths { out: fixture.path("none"), ..Paths::new(&fixture, "dev", "none") };
    let request = Request::new(&none.checkpoint, &none.split, &none.out, "run", DeviceChoice::Cpu);
    let options = Options { margin: 0.0, ..Options::default() };
    score::score(&request.with(&options), &unheard).unwrap();
    assert_eq!(relations(&none.out), predicted);
}

#[test]
fn the_decision_of_a_checkpoint_is_taken_over_scores_that_stand() {
    let fixture = trained();
    let paths = Paths::new(&fixture, "dev", "out");
    paths.score(2048).unwrap();
    let (scores, before) = (files(&paths.out.join("scores")), relations(&paths.out));
    fs::write(paths.checkpoint.join("decision.json"), r#"{"shift": -2.0, "most_labels": 9}"#).unwrap();
    let refused = paths.score(2048).unwrap_err().to_string();
    assert!(refused.contains("relations"), "{refused}");
    let request = Request::new(&paths.checkpoint, &paths.split, &paths.out, "run", DeviceChoice::Cpu).forced(true);
    let Ended::Decided { relations: claimed, .. } = score::score(&request, &unheard).unwrap() else {
        panic!("expected that the scores serve again")
    };
    let after = relations(&paths.out);
    assert_eq!(claimed as usize, after.len());
    assert!(after.len() > before.len() && after.iter().all(|row| row.logit > row.threshold_logit - 2.0));
    assert_eq!(files(&paths.out.join("scores")), scores);
    assert_eq!(score::score(&request, &unheard).unwrap(), Ended::UpToDate { too_large: 0 });
    // Where the checkpoint stands aside, as one does that was being replaced, so does its decision.
    fs::rename(&paths.checkpoint, paths.checkpoint.with_file_name(".best.replaced")).unwrap();
    assert_eq!(score::score(&request, &unheard).unwrap(), Ended::UpToDate { too_large: 0 });
    let aside = Paths { out: fixture.path("aside"), ..paths };
    aside.score(2048).unwrap();
    assert_eq!(relations(&aside.out), after);
}
