//! What an earlier making has left does not stay beside what a new one makes without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use docre::table::rows::{EvidenceRow, RelationRow, ScoreRow, SentenceWeightRow};
use docre::table::{self, Lock, Table, evidence_of};
use tempfile::TempDir;

use crate::pipeline::Place;
use crate::report::{predicted, write};
use crate::support::{self, Run, command, docre, rows};

fn score(relation: &str) -> ScoreRow {
    support::score("d", [0, 1], relation, 2.0)
}

fn weights() -> Vec<SentenceWeightRow> {
    vec![SentenceWeightRow { run_id: "r".into(), doc_id: "d".into(), head: 0, tail: 1, sent_id: 3, weight: 0.75 }]
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn refused(run: &Run, table: &Path) {
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains(text(table)) && run.stderr.contains("--force"), "{}", run.stderr);
}

fn done(run: &Run) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn evidence_of_other_relations_goes_with_them() {
    let folder = TempDir::new().unwrap();
    let [with, without, out] = ["with", "without", "out"].map(|name| folder.path().join(name));
    write(&with, vec![score("P1")]);
    write(&with, weights());
    write(&without, vec![score("P2")]);
    let decide = |scores: &Path, more: &[&str]| {
        docre(["decide", "--scores", text(scores), "--out", text(&out)].iter().chain(more))
    };
    done(&decide(&with, &[]));
    let evidence = out.join("evidence");
    assert_eq!(Table::<EvidenceRow>::require(&out).unwrap().all().unwrap().len(), 1);
    refused(&decide(&without, &[]), &out.join(""));
    assert!(evidence.is_dir());
    done(&decide(&without, &["--force"]));
    assert!(!evidence.exists());
    let relations: Vec<RelationRow> = Table::require(&out).unwrap().all().unwrap();
    assert_eq!(&*relations[0].relation, "P2");
    // Relations that stand are no reason to leave it; what is somebody's is not touched.
    table::write(&out, "other", vec![evidence_row()]).unwrap();
    refused(&decide(&without, &[]), &evidence);
    done(&decide(&without, &["--force"]));
    assert!(!evidence.exists());
    fs::create_dir(&evidence).unwrap();
    fs::write(evidence.join("mine.txt"), "mine").unwrap();
    let told = decide(&without, &["--force"]);
    assert!(told.code == Some(1) && evidence.join("mine.txt").exists(), "{}", told.stderr);
    let leftovers = fs::read_dir(&out)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with('.'));
    assert_eq!(leftovers.count(), 0);
    // What was made for both tables goes where they cannot be.
    let fresh = folder.path().join("fresh");
    let beyond = docre(["decide", "--scores", text(&with), "--out", text(&fresh.join("deep")), "--shift", "-900"]);
    assert!(beyond.code == Some(1) && !fresh.exists(), "{}", beyond.stderr);
}

#[test]
fn scores_are_not_taken_as_claims_nor_one_run_as_two() {
    let folder = TempDir::new().unwrap();
    let [scored, out] = ["scored", "out"].map(|name| folder.path().join(name));
    done(&docre(["synthesize", "--docs", "3", "--split", "test", "--out", text(folder.path())]));
    let split = folder.path().join("test");
    let document = rows(&split, "SELECT doc_id FROM documents")[0].clone();
    write(&scored, vec![ScoreRow { doc_id: document.as_str().into(), ..score("P17") }]);
    let table = scored.join("scores");
    let expected = format!("{}: expected predicted facts, got a table `scores`", text(&table));
    for command in ["evaluate", "graph"] {
        let run = docre([command, "--corpus", text(&split), "--relations", text(&table), "--out", text(&out)]);
        assert!(run.code == Some(1) && run.stderr.contains(&expected), "{command}: {}", run.stderr);
        assert!(run.stderr.contains("hint: name the table `relations`"), "{}", run.stderr);
    }
    let run = docre(["report", text(folder.path()), "--relations", text(&table), "--corpus", text(&split)]);
    assert!(run.code == Some(1) && run.stderr.contains(&expected), "{}", run.stderr);
    let twice = ["decide", "--scores", text(&scored), "--scores", text(&table), "--corpus", text(&split), "--out"];
    let run = docre(twice.iter().chain(&[text(&out)]));
    assert!(run.code == Some(1) && run.stderr.contains("expected the scores of several runs, got these twice"));
}

#[test]
fn weights_of_other_scores_are_passed_over_and_told() {
    let folder = TempDir::new().unwrap();
    let [scored, out] = ["scored", "out"].map(|name| folder.path().join(name));
    write(&scored, vec![score("P1")]);
    table::write(&scored, "others", weights()).unwrap();
    let run = docre(["decide", "--scores", text(&scored), "--out", text(&out)]);
    done(&run);
    let told = format!("warning: {}: is of other scores than these", text(&scored.join("sentence_weights")));
    assert!(run.stderr.contains(&told) && !out.join("evidence").exists(), "{}", run.stderr);
}

fn evidence_row() -> EvidenceRow {
    EvidenceRow { run_id: "r".into(), doc_id: "d".into(), head: 0, tail: 1, sent_id: 3, weight: 0.75 }
}

/// A small split in a folder, and two runs over it: of the second there is one prediction more.
fn two_runs(folder: &Path) -> (PathBuf, [PathBuf; 2]) {
    let split = folder.join("test");
    done(&docre(["synthesize", "--docs", "3", "--split", "test", "--out", text(folder)]));
    let document = rows(&split, "SELECT doc_id FROM documents")[0].clone();
    let predictions = |name: &str, relations: &[&str]| {
        let all = relations.iter().map(|relation| predicted(&document, 0, 1, relation, 1.0)).collect();
        let run = folder.join(name);
        write(&run, all);
        run
    };
    let runs = [predictions("one", &["P17"]), predictions("other", &["P17", "P36"])];
    (split, runs)
}

#[test]
fn comparisons_of_other_figures_go_with_them() {
    let folder = TempDir::new().unwrap();
    let (out, (split, [one, other])) = (folder.path().join("out"), two_runs(folder.path()));
    let evaluate = |of: &Path, more: &[&str]| {
        let usual =
            ["evaluate", "--corpus", text(&split), "--resamples", "10", "--out", text(&out), "--relations", text(of)];
        docre(usual.iter().chain(more))
    };
    done(&evaluate(&one, &["--against", text(&other)]));
    let comparisons = out.join("comparisons");
    // They are of these figures, whether they are compared again or not.
    done(&evaluate(&one, &[]));
    assert!(comparisons.is_dir());
    refused(&evaluate(&other, &[]), &out.join("metrics"));
    done(&evaluate(&other, &["--force"]));
    assert!(!comparisons.exists());
    fs::remove_dir_all(out.join("metrics")).unwrap();
    done(&evaluate(&one, &["--against", text(&other)]));
    fs::remove_dir_all(out.join("metrics")).unwrap();
    refused(&evaluate(&other, &[]), &comparisons);
}

#[test]
fn figures_are_written_all_or_none_though_nobody_reads_them() {
    let folder = TempDir::new().unwrap();
    let (out, (split, runs)) = (folder.path().join("out"), two_runs(folder.path()));
    let [one, other] = runs.each_ref().map(|run| text(run));
    let usual = ["evaluate", "--corpus", text(&split), "--resamples", "10", "--relations", one, "--against", other];
    // Somebody's folder has the place of a table.
    fs::create_dir_all(out.join("comparisons")).unwrap();
    fs::write(out.join("comparisons/notes.txt"), "mine").unwrap();
    let run = docre(usual.iter().chain(&["--out", text(&out)]));
    assert!(run.code == Some(1) && !out.join("metrics").exists(), "{}", run.stderr);
    fs::remove_dir_all(out.join("comparisons")).unwrap();

    let mut child = command(usual.iter().chain(&["--out", text(&out)])).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(out.join("metrics").is_dir() && out.join("comparisons").is_dir());
    // Of a run that is killed between its tables, none is beside those of another.
    let lock = Lock::beside(&out.join("comparisons")).unwrap();
    let again = ["--out", text(&out), "--force", "--run-id", "two"];
    assert_eq!(docre(usual.iter().chain(&again)).code, Some(1));
    drop(lock);
    assert_eq!(rows(&out, "SELECT DISTINCT run_id FROM metrics"), ["r"]);
}

#[test]
fn evidence_beside_other_relations_is_none_of_a_table_in_the_same_folder() {
    let folder = TempDir::new().unwrap();
    let run = folder.path();
    table::write(run, "a", vec![predicted("d", 0, 1, "P17", 1.0)]).unwrap();
    table::write(run, "a", vec![evidence_row()]).unwrap();
    assert_eq!(evidence_of(run).unwrap(), Some(run.join("evidence")));
    assert_eq!(evidence_of(&run.join("relations")).unwrap(), Some(run.join("evidence")));
    let other = run.join("other");
    table::write(&other, "b", vec![predicted("d", 0, 1, "P36", 1.0)]).unwrap();
    let file = run.join("few.parquet");
    fs::rename(other.join("relations/part-00000.parquet"), &file).unwrap();
    assert_eq!(evidence_of(&file).unwrap(), None);
    let answer = run.join("answer.json");
    fs::write(&answer, "[]").unwrap();
    assert_eq!(evidence_of(&answer).unwrap(), None);
}

const DECIDE: &str = r#"
[sources]
scores = "made/scores"
weights = "made/sentence_weights"

[[stage]]
name = "decide"
kind = "decide"
inputs = { scores = "scores", sentence_weights = "weights" }
outputs = { relations = "relations", evidence = "evidence" }
"#;

#[test]
fn an_output_that_a_stage_makes_no_more_goes_unless_somebody_changed_it() {
    for changed in [false, true] {
        let place = Place::new(DECIDE);
        write(&place.path("made"), vec![score("P1")]);
        write(&place.path("made"), weights());
        place.run(&[]);
        let evidence = place.path("runs/tiny/evidence");
        assert!(evidence.is_dir());
        if changed {
            table::write(&place.path("runs/tiny"), "mine", vec![evidence_row()]).unwrap();
        }
        place.write(
            "tiny.toml",
            &DECIDE.replace(", evidence = \"evidence\"", "").replace("kind =", "shift = 0.5\nkind ="),
        );
        let run = place.docre(&["tiny.toml"]);
        done(&run);
        assert_eq!(evidence.is_dir(), changed, "{}", run.stderr);
        assert_eq!(run.stderr.contains("takes its output `evidence` away"), !changed, "{}", run.stderr);
        assert!(place.path("runs/tiny/relations").is_dir());
    }
}
