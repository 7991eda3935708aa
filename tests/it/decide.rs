//! Deciding on the command line and in a pipeline.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use docre::checkpoint;
use docre::decide::{Calibration, Decision};
use docre::table::rows::{EntityRow, FactRow, RelationRow, ScoreRow, SentenceWeightRow};
use docre::table::{self, Table};
use docre::train::TrainConfig;
use tempfile::TempDir;

use crate::support::{Run, docre};
use crate::train::Fixture;

/// A score so far above the threshold.
fn score(head: u32, relation: &str, logit: f32) -> ScoreRow {
    ScoreRow {
        run_id: "a".into(),
        doc_id: "d".into(),
        head,
        tail: 1,
        relation: relation.into(),
        logit: logit + 0.5,
        threshold_logit: 0.5,
        base_logit: Some(1.0),
        base_threshold_logit: Some(1.0),
        iteration: Some(2),
        margin: 4.0,
        most_labels: 2,
    }
}

/// Two scores above the threshold, one on it and one below.
fn scores(folder: &Path) {
    let rows = vec![score(0, "P17", 2.0), score(0, "P131", 1.0), score(0, "P150", 0.0), score(2, "P17", -1.0)];
    table::write(&folder.join("run"), "", rows).unwrap();
}

fn decide(folder: &Path, more: &[&str]) -> Run {
    let [scores, out] = ["run", "out"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    docre(["decide", "--scores", &scores, "--out", &out].iter().chain(more))
}

fn claims(folder: &Path) -> Vec<String> {
    let rows: Vec<RelationRow> = Table::require(folder).unwrap().all().unwrap();
    rows.iter().map(|row| format!("{} {} {} {:.3}", row.head, row.relation, row.rank, row.probability)).collect()
}

#[test]
fn the_threshold_is_shifted_by_an_option_or_by_a_file() {
    let folder = TempDir::new().unwrap();
    let (folder, out) = (folder.path(), &folder.path().join("out"));
    scores(folder);
    let run = decide(folder, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.ends_with("out/relations: 2 relations\n"), "{}", run.stderr);
    // 1 / (1 + e^-2), 1 / (1 + e^-1)
    assert_eq!(claims(out), ["0 P17 1 0.881", "0 P131 2 0.731"]);
    let rows: Vec<RelationRow> = Table::require(out).unwrap().all().unwrap();
    assert!(
        rows.iter().all(|row| row.base_probability == Some(0.5) && row.iteration == Some(2) && *row.run_id == *"a")
    );
    assert!(decide(folder, &[]).stderr.ends_with("up to date\n"));

    let refused = decide(folder, &["--shift", "-1.5"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("hint: pass `--force`"), "{}", refused.stderr);
    assert_eq!(decide(folder, &["--shift", "-1.5", "--most-labels", "3", "--force"]).code, Some(0));
    assert_eq!(claims(out), ["0 P17 1 0.881", "0 P131 2 0.731", "0 P150 3 0.500", "2 P17 1 0.269"]);
    let file = folder.join("decision.json");
    fs::write(&file, r#"{"shift": 5, "shifts": {"P131": 0.5}, "calibration": {"temperature": 2}}"#).unwrap();
    let file = ["--decision", file.to_str().unwrap(), "--force", "--run-id", "b"];
    assert_eq!(decide(folder, &file).code, Some(0));
    // 1 / (1 + e^-(1 / 2))
    assert_eq!(claims(out), ["0 P131 1 0.622"]);
    // What has a shift of its own would not hear of another.
    let unheard = decide(folder, &[&file[..], &["--shift", "1.5"]].concat());
    let expected = "`--shift`: expected a decision without `shifts` of single relations, got one with them";
    assert!(unheard.code == Some(2) && unheard.stderr.contains(expected), "{}", unheard.stderr);
    // An option goes before what the file says of the same.
    fs::write(folder.join("decision.json"), r#"{"shift": 5, "calibration": {"temperature": 2}}"#).unwrap();
    assert_eq!(decide(folder, &[&file[..], &["--shift", "1.5", "--temperature", "1"]].concat()).code, Some(0));
    assert_eq!(claims(out), ["0 P17 1 0.881"]);
}

#[test]
fn what_cannot_be_decided_is_refused_with_a_hint() {
    let folder = TempDir::new().unwrap();
    let (folder, out) = (folder.path(), folder.path().join("out"));
    scores(folder);
    let twice = folder.join("run").to_str().unwrap().to_owned();
    for (more, expected, hint) in [
        (["--shift", "-5"], "expected scores within 5 below the threshold", "score with a larger `--margin`"),
        (["--scores", &twice], "several tables of scores: expected the corpus", "name it with `--corpus`"),
    ] {
        let run = decide(folder, &more);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(expected) && run.stderr.contains(hint), "{}", run.stderr);
        assert!(!out.exists());
    }
    let run = decide(folder, &["--temperature", "0"]);
    let expected = "temperature`: expected a number above 0, got 0";
    assert!(run.code == Some(2) && run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn a_stage_decides_by_settings_or_by_a_file_that_it_reads() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    scores(folder);
    let run = |name: &str, settings: &str, inputs: &str| {
        let [scores, file] = ["run/scores", "decision.json"].map(|name| folder.join(name));
        let text = format!(
            "[sources]\nscores = {scores:?}\nfile = {file:?}\n[[stage]]\nname = \"it\"\nkind = \"decide\"\n{settings}\n\
             inputs = {{ scores = \"scores\"{inputs} }}\noutputs = {{ relations = \"relations\" }}\n"
        );
        let pipeline = folder.join(name).with_extension("toml");
        fs::write(&pipeline, text).unwrap();
        docre(["run", pipeline.to_str().unwrap(), "--runs", folder.join("runs").to_str().unwrap()])
    };
    let by_settings = run("one", "shift = -1.5\nmost_labels = 1\ncalibration = { temperature = 2 }", "");
    assert_eq!(by_settings.code, Some(0), "{}", by_settings.stderr);
    // 1 / (1 + e^-(2 / 2)), 1 / (1 + e^(1 / 2))
    assert_eq!(claims(&folder.join("runs/one")), ["0 P17 1 0.731", "2 P17 1 0.378"]);
    fs::write(folder.join("decision.json"), r#"{"shift": 1.5}"#).unwrap();
    let by_file = run("two", "run_id = \"b\"", ", decision = \"file\"");
    assert_eq!(by_file.code, Some(0), "{}", by_file.stderr);
    assert_eq!(claims(&folder.join("runs/two")), ["0 P17 1 0.881"]);
    let both = run("three", "shift = 1", ", decision = \"file\"");
    assert!(
        both.code == Some(1) && both.stderr.contains("`shift`: expected it in the input `decision`"),
        "{}",
        both.stderr
    );
}

#[test]
fn a_fitted_decision_travels_with_the_checkpoint() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 12, ..fixture.config() };
    let run = fixture.train(&config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = |name: &str| fixture.path(name).to_str().unwrap().to_owned();
    let [checkpoint, dev, train, decision] =
        ["model/best", "corpus/dev", "corpus/train", "model/best/decision.json"].map(path);
    let score = |split: &str, out: &str| {
        let out = path(out);
        docre(["score", "--checkpoint", &checkpoint, "--corpus", split, "--out", &out, "--run-id", "run"])
    };
    assert_eq!(score(&dev, "before").code, Some(0));
    let scores = path("before");
    let fit = |more: &[&str]| {
        let arguments = ["fit", "--scores", &scores, "--corpus", &dev, "--out", &decision];
        docre(arguments.iter().chain(more))
    };
    let run = fit(&["--recall", "0.3", "--calibration", "isotonic"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("best/decision.json: a shift of "), "{}", run.stderr);
    assert!(run.stderr.contains(", fitted on 4 documents\nbefore: P "), "{}", run.stderr);
    let read = Decision::read(&fixture.path("model/best/decision.json")).unwrap();
    assert!(read.fitted_on.len() == 4 && matches!(read.calibration, Some(Calibration::Steps(_))), "{read:?}");
    let again = fit(&[]);
    assert!(again.code == Some(1) && again.stderr.contains("--force"), "{}", again.stderr);
    let nothing = fit(&["--recall", "0"]);
    assert!(nothing.code == Some(2) && nothing.stderr.contains("`--recall`: expected above 0"), "{}", nothing.stderr);
    let config = path("model/best/config.json");
    let before = fs::read(&config).unwrap();
    let theirs = docre(["fit", "--scores", &scores, "--corpus", &dev, "--out", &config, "--force"]);
    assert!(theirs.code == Some(1) && theirs.stderr.contains("it will not be replaced"), "{}", theirs.stderr);
    assert_eq!(fs::read(&config).unwrap(), before);
    let piped = docre(["fit", "--scores", &scores, "--corpus", &dev, "--out", "-"]);
    assert!(piped.code == Some(0) && piped.stdout.starts_with("{\n  \"docre\": \"decision\","), "{}", piped.stderr);
    let both = fit(&["--recall", "0.5", "--precision", "0.5"]);
    assert!(both.code == Some(2) && both.stderr.contains("expected it or `precision`, got both"), "{}", both.stderr);
    let beyond = fit(&["--precision", "1.0", "--force", "--shrinkage", "-1"]);
    assert!(beyond.code == Some(2) && beyond.stderr.contains("shrinkage`: expected 0 or more"), "{}", beyond.stderr);

    // Scored with it, the same claims as of the scores that it was fitted on; and it is told of whom it was fitted.
    let told = "warning: the decision was fitted on 4 of these documents: figures of them flatter it";
    let run = score(&dev, "after");
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    let out = path("decided");
    let run = docre(["decide", "--scores", &scores, "--out", &out, "--decision", &decision]);
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    assert_eq!(claims(&fixture.path("after")), claims(&fixture.path("decided")));
    assert_ne!(claims(&fixture.path("after")), claims(&fixture.path("before")));
    let run = score(&train, "others");
    assert!(run.code == Some(0) && !run.stderr.contains("warning: the decision"), "{}", run.stderr);
    // Of another model it is told, and of whose scores it was fitted: here of one that gives a pair fewer labels.
    assert!(read.fitted_runs.iter().all(|run| &*run.run_id == "run" && run.model.is_some()), "{read:?}");
    let other = fixture.path("other");
    fs::create_dir(&other).unwrap();
    for name in ["config.json", "card.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(fixture.path("model/best").join(name), other.join(name)).unwrap();
    }
    let config = fs::read_to_string(other.join("config.json")).unwrap();
    let mut changed: serde_json::Value = serde_json::from_str(&config).unwrap();
    changed["most_labels"] = 1.into();
    fs::write(other.join("config.json"), changed.to_string()).unwrap();
    let (other, elsewhere, again) = (path("other"), path("elsewhere"), path("again"));
    let told = "warning: the decision was fitted on scores of another model: those of the run `run`";
    let arguments = ["score", "--checkpoint", &other, "--corpus", &train, "--out", &elsewhere, "--decision", &decision];
    let run = docre(arguments);
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    let run = docre(["decide", "--scores", &elsewhere, "--out", &again, "--decision", &decision]);
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    let evaluated = ["evaluate", "--corpus", &train, "--scores", &elsewhere, "--decision", &decision];
    let run = docre(evaluated);
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    // Other thresholds of it are those that came to what is wanted; the model is not asked again.
    let point = r#"{"points": [{"shift": 4, "precision": 0.9, "recall": 0.5}, {"shift": -0.5, "precision": 0.6, "recall": 0.9}]}"#;
    fs::write(&decision, point).unwrap();
    let at = |more: &[&str]| {
        let out = path("before");
        let arguments = ["score", "--checkpoint", &checkpoint, "--corpus", &dev, "--out", &out, "--run-id", "run"];
        docre(arguments.iter().chain(more))
    };
    for (more, shift) in [(["--at-precision", "0.8"], "4"), (["--at-recall", "0.7"], "-0.5")] {
        let run = at(&[&more[..], &["--force"]].concat());
        assert!(run.code == Some(0) && run.stderr.contains("of scores that were there"), "{}", run.stderr);
        let run = docre(["decide", "--scores", &scores, "--out", &out, "--shift", shift, "--force"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(claims(&fixture.path("before")), claims(&fixture.path("decided")));
    }
    let (file, none) = (path("other.json"), path("none"));
    let fresh = |more: &[&str]| {
        let arguments = ["score", "--checkpoint", &checkpoint, "--corpus", &dev, "--out", &none];
        let run = docre(arguments.iter().chain(more));
        // Before any document is scored.
        assert!(run.code == Some(1) && !fixture.path("none").exists(), "{}", run.stderr);
        run.stderr
    };
    let told = fresh(&["--at-precision", "0.95"]);
    assert!(told.contains("expected a decision with a threshold of precision 0.95, got 0.9000 at most"), "{told}");
    fs::write(&file, r#"{"shift": -6}"#).unwrap();
    let told = fresh(&["--decision", &file]);
    assert!(
        told.contains("expected scores within 6 below the threshold") && told.contains("hint: score with"),
        "{told}"
    );
    let told = fresh(&["--decision", &file, "--at-recall", "0.5"]);
    assert!(told.contains("got one that was not fitted") && told.contains("hint: fit one with `docre fit`"), "{told}");

    // With it the folder is a checkpoint as before, which another may replace.
    assert!((checkpoint::OURS.is)(&fixture.path("model/best")));
}

/// Scores of every fact of a split, and of its mirror image, lower down.
fn scores_of_facts(split: &Path, out: &Path) {
    let mut rows: Vec<ScoreRow> = Vec::new();
    let facts: Vec<FactRow> = Table::require(split).unwrap().all().unwrap();
    for of_document in facts.chunk_by(|one, other| one.doc_id == other.doc_id) {
        let known: BTreeSet<_> = of_document.iter().map(|fact| (fact.head, fact.tail, fact.relation.clone())).collect();
        let both = of_document.iter().zip(0..).flat_map(|(fact, place)| {
            [(fact.head, fact.tail, 3.0 - 0.25 * place as f32), (fact.tail, fact.head, 1.5 - 0.25 * place as f32)]
                .map(|(head, tail, logit)| (head, tail, fact.relation.clone(), logit.max(-3.9)))
        });
        let mut scored: BTreeMap<_, f32> = BTreeMap::new();
        for (head, tail, relation, logit) in both {
            let is_fact = known.contains(&(head, tail, relation.clone()));
            scored.entry((head, tail, relation)).or_insert(if is_fact { logit.max(0.1) } else { logit });
        }
        let doc_id = of_document[0].doc_id.clone();
        rows.extend(scored.into_iter().map(|((head, tail, relation), logit)| ScoreRow {
            doc_id: doc_id.clone(),
            tail,
            most_labels: 4,
            ..score(head, &relation, logit)
        }));
    }
    table::write(out, "", rows).unwrap();
}

#[test]
fn a_stage_fits_what_others_decide_by_and_replaces_its_own_file_alone() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let corpus = folder.join("corpus");
    let run = docre(["synthesize", "--docs", "12", "--split", "dev", "--out", corpus.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    scores_of_facts(&corpus.join("dev"), &folder.join("run"));
    let pipeline = folder.join("fitted.toml");
    let run = |settings: &str| {
        let [scores, dev] = ["run/scores", "corpus/dev"].map(|name| folder.join(name));
        let text = format!(
            "[sources]\nscores = {scores:?}\ndev = {dev:?}\n\
             [[stage]]\nname = \"fit\"\nkind = \"fit\"\nper_relation = true\n\
             inputs = {{ scores = \"scores\", corpus = \"dev\", training = \"dev\" }}\n\
             outputs = {{ decision = \"fits/decision.json\" }}\n\
             [[stage]]\nname = \"it\"\nkind = \"decide\"\n{settings}\n\
             inputs = {{ scores = \"scores\", corpus = \"dev\", decision = \"fits/decision.json\" }}\n\
             outputs = {{ relations = \"relations\" }}\n"
        );
        fs::write(&pipeline, text).unwrap();
        docre(["run", pipeline.to_str().unwrap(), "--runs", folder.join("runs").to_str().unwrap()])
    };
    let first = run("");
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for told in ["fitted on 12 documents", "fitted/fit: before: P ", "figures of them flatter it"] {
        assert!(first.stderr.contains(told), "{}", first.stderr);
    }
    let file = folder.join("runs/fitted/fits/decision.json");
    assert!(Decision::is_written(&file));
    let decision = Decision::read(&file).unwrap();
    assert!(!decision.types.is_empty() && !decision.points.is_empty(), "{decision:?}");
    let again = run("");
    assert!(again.stderr.contains("fitted/fit: up to date"), "{}", again.stderr);
    // A stage takes another threshold of the file that it reads.
    let all = claims(&folder.join("runs/fitted")).len();
    let precise = run("at_precision = 1.0");
    assert_eq!(precise.code, Some(0), "{}", precise.stderr);
    let fewer = claims(&folder.join("runs/fitted")).len();
    assert!(0 < fewer && fewer < all, "{fewer} of {all}");
    let beyond = run("at_recall = 1.0\nat_precision = 1.0");
    assert!(beyond.code == Some(1) && beyond.stderr.contains("expected it or `at_precision`"), "{}", beyond.stderr);

    // Known by its mark where no manifest tells whose it is; a file without it is somebody's.
    fs::remove_file(folder.join("runs/fitted/manifest.json")).unwrap();
    let own = run("");
    assert!(own.code == Some(0) && own.stderr.contains("fitted/fit: running"), "{}", own.stderr);
    fs::remove_file(folder.join("runs/fitted/manifest.json")).unwrap();
    let theirs = r#"{"shift": 0.5}"#;
    fs::write(&file, theirs).unwrap();
    let refused = run("");
    assert!(refused.code == Some(1) && refused.stderr.contains("fits/decision.json"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&file).unwrap(), theirs);
}

/// A run with these scores, and where it knows them, weights of sentences.
fn run_of(folder: &Path, name: &str, knows_weights: bool) -> String {
    let run = folder.join(name);
    table::write(&run, "", vec![ScoreRow { run_id: name.into(), ..score(0, "P17", 2.0) }]).unwrap();
    if knows_weights {
        let row =
            SentenceWeightRow { run_id: name.into(), doc_id: "d".into(), head: 0, tail: 1, sent_id: 0, weight: 0.5 };
        table::write(&run, "", vec![row]).unwrap();
    }
    run.to_str().unwrap().to_owned()
}

#[test]
fn evidence_that_is_asked_for_and_cannot_be_had_is_told() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let [bare, one, other] =
        [("bare", false), ("one", true), ("other", true)].map(|(name, knows)| run_of(folder, name, knows));
    let out = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let refused = docre(["decide", "--scores", &bare, "--out", &out("a"), "--evidence-threshold", "0.3"]);
    assert_eq!(refused.code, Some(1));
    let expected = format!("error: {bare}: expected the table `sentence_weights` of one making beside the scores");
    assert!(refused.stderr.starts_with(&expected) && refused.stderr.contains("hint: "), "{}", refused.stderr);
    assert!(!folder.join("a/relations").exists());
    let own = Decision { evidence_threshold: Some(0.3), ..Decision::default() };
    own.write(&folder.join("own.json"), true).unwrap();
    let decide = |scores: &[&str], more: &[&str]| {
        let scores = scores.iter().flat_map(|scores| ["--scores", scores]);
        docre(["decide"].into_iter().chain(scores).chain(more.iter().copied()))
    };
    let of_file = ["--decision", &out("own.json"), "--out", &out("b")];
    // Told again where the table stands.
    for _ in 0..2 {
        let told = decide(&[&bare], &of_file);
        assert!(
            told.code == Some(0) && told.stderr.contains("no `sentence_weights` are beside the scores: none is told"),
            "{}",
            told.stderr
        );
    }
    table::write(&folder.join("split"), "", vec![crate::support::document_row("d", 0)]).unwrap();
    table::write::<EntityRow>(&folder.join("split"), "", Vec::new()).unwrap();
    let joined = ["--corpus", &out("split"), "--out", &out("c")];
    let told = decide(&[&one, &bare, &other], &joined);
    let expected = "warning: evidence is by the `sentence_weights` of 2 runs of 3: beside the scores of the others";
    assert!(told.code == Some(0) && told.stderr.contains(expected), "{}", told.stderr);
    let told = decide(&[&one, &other], &[&joined[..], &["--force"]].concat());
    assert!(told.code == Some(0) && !told.stderr.contains("warning"), "{}", told.stderr);
}

#[test]
fn an_iteration_of_what_has_no_claims_is_told_as_that() {
    let folder = TempDir::new().unwrap();
    scores(folder.path());
    for place in ["run", "run/scores", "nowhere"] {
        let scores = folder.path().join(place);
        let out = folder.path().join("out").join(place);
        let arguments =
            ["decide", "--scores", scores.to_str().unwrap(), "--out", out.to_str().unwrap(), "--iteration", "0"];
        let told = docre(arguments);
        assert_eq!(told.code, Some(1));
        let expected = format!(
            "error: {}: expected the table `claims`, which tells of iterations, found none\n",
            scores.display()
        );
        let hint = "hint: name the folder into which `docre score` has written\n";
        assert!(told.stderr == expected + hint, "{}", told.stderr);
        let bare = docre(&arguments[..5]);
        assert_eq!(bare.code, Some(i32::from(place == "nowhere")), "{}", bare.stderr);
        assert_eq!(
            bare.stderr.contains("expected the table `scores`, found none"),
            place == "nowhere",
            "{}",
            bare.stderr
        );
    }
}
