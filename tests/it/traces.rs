//! What inference changed, and what stood between its iterations: without the model, the same as with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use docre::ground::observe::{Event, Observer, unheard};
use docre::nn::device::DeviceChoice;
use docre::score::{self, Ended, Options, Request};
use docre::table::rows::{ClaimRow, RelationRow, TraceRow};
use docre::table::{Row, Table};
use docre::train::TrainConfig;

use crate::pipeline::Place;
use crate::support::{Run, docre, files};
use crate::train::Fixture;

/// Iterations that are asked for: one more than the model was made for.
const MOST: u32 = 4;

/// A model that infers, and a split of 300 documents: two parts.
fn inferring() -> Fixture {
    let fixture = Fixture::new();
    trained(&fixture, &fixture.inferring());
    let corpus = fixture.path("corpus");
    let arguments = ["synthesize", "--docs", "300", "--first", "99", "--split", "many", "--facts", "4", "--out"];
    let run = docre(arguments.iter().map(Into::into).chain([corpus.into_os_string()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    fixture
}

fn trained(fixture: &Fixture, config: &TrainConfig) {
    let run = fixture.train(config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

fn score(fixture: &Fixture, split: &str, out: &str, iterations: u32) {
    score_by(fixture, split, out, iterations, 2048, &unheard).unwrap();
}

fn score_by(
    fixture: &Fixture,
    split: &str,
    out: &str,
    iterations: u32,
    budget: usize,
    observe: Observer<'_>,
) -> Result<Ended, score::ScoreError> {
    let (checkpoint, split, out) = (fixture.path("model/best"), fixture.path("corpus").join(split), fixture.path(out));
    let request = Request::new(&checkpoint, &split, &out, "run", DeviceChoice::Cpu);
    let options = Options { pieces_at_once: Some(budget), iterations: Some(iterations as usize), ..Options::default() };
    score::score(&request.with(&options), observe)
}

fn decide(fixture: &Fixture, scores: &str, out: &str, more: &[&str]) -> Run {
    let [scores, out] = [scores, out].map(|name| fixture.path(name).to_str().unwrap().to_owned());
    docre(["decide", "--scores", &scores, "--out", &out].iter().chain(more))
}

fn read<R: Row + 'static>(folder: &Path) -> Vec<R> {
    Table::require(folder).unwrap().all().unwrap()
}

/// The relations of each pair.
fn sets(relations: &[RelationRow]) -> BTreeMap<(String, u32, u32), BTreeSet<String>> {
    let mut sets: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for RelationRow { doc_id, head, tail, relation, .. } in relations {
        sets.entry((doc_id.to_string(), *head, *tail)).or_default().insert(relation.to_string());
    }
    sets
}

/// A row of the table, for comparison in any order.
fn traced(row: &TraceRow) -> (String, u32, u32, u32, Vec<String>, Vec<String>) {
    let names = |names: &[docre::table::Text]| names.iter().map(ToString::to_string).collect();
    (row.doc_id.to_string(), row.head, row.tail, row.iteration, names(&row.before), names(&row.after))
}

#[test]
fn inference_is_traced_and_any_iteration_is_had_without_the_model() {
    let fixture = inferring();
    score(&fixture, "train", "whole", MOST);
    let mut by_iteration = Vec::new();
    for iteration in 0..=MOST {
        let [out, decided] = ["scored", "decided"].map(|name| format!("{name}-{iteration}"));
        score(&fixture, "train", &out, iteration);
        let run = decide(&fixture, "whole", &decided, &["--iteration", &iteration.to_string()]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let [scored, decided] = [out, decided].map(|name| read::<RelationRow>(&fixture.path(&name)));
        assert_eq!(decided, scored, "{iteration}");
        assert!(!scored.is_empty(), "{iteration}");
        by_iteration.push(sets(&scored));
    }
    // The traces are what changed between two iterations.
    let mut expected = BTreeSet::new();
    for (iteration, sets) in (1..).zip(by_iteration.windows(2)) {
        for (doc_id, head, tail) in sets[0].keys().chain(sets[1].keys()) {
            let [before, after] = [0, 1].map(|place: usize| {
                let set = sets[place].get(&(doc_id.clone(), *head, *tail));
                set.into_iter().flatten().cloned().collect::<Vec<_>>()
            });
            if before != after {
                expected.insert((doc_id.clone(), *head, *tail, iteration, before, after));
            }
        }
    }
    let rows: Vec<TraceRow> = read(&fixture.path("whole"));
    assert!(rows.iter().any(|row| row.after.is_empty()), "a pair of which all was dropped is told too");
    assert!(rows.iter().any(|row| row.iteration > 1) && rows.iter().all(|row| *row.run_id == *"run"));
    assert_eq!(rows.iter().map(traced).collect::<BTreeSet<_>>(), expected);
    assert_eq!(rows.len(), expected.len());

    what_is_not_known_is_refused(&fixture);
    stopped_or_in_other_batches(&fixture);
    some_are_missing(&fixture);
    in_a_pipeline(&fixture);
}

fn what_is_not_known_is_refused(fixture: &Fixture) {
    for (more, expected, hint) in [
        (["--iteration", "5", "--shift", "0"], "expected an iteration from 0 to 4, got 5", "larger `--iterations`"),
        (["--iteration", "1", "--shift", "-1"], "only claims are kept, got a shift of -1", "score with `--iterations`"),
    ] {
        let run = decide(fixture, "whole", "refused", &more);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(expected) && run.stderr.contains(hint), "{}", run.stderr);
    }
    // A threshold may be raised, and another iteration is another making.
    let shifted = decide(fixture, "whole", "shifted", &["--iteration", "1", "--shift", "0.5"]);
    assert_eq!(shifted.code, Some(0), "{}", shifted.stderr);
    let rows: Vec<RelationRow> = read(&fixture.path("shifted"));
    assert!(rows.iter().all(|row| row.logit > row.threshold_logit + 0.5));
    let other = decide(fixture, "whole", "shifted", &["--iteration", "2", "--shift", "0.5"]);
    assert!(other.code == Some(1) && other.stderr.contains("--force"), "{}", other.stderr);
}

/// The four tables of a run.
fn tables(fixture: &Fixture, out: &str) -> Vec<Vec<u8>> {
    ["traces", "claims", "scores", "relations"]
        .iter()
        .flat_map(|name| files(&fixture.path(out).join(name)))
        .map(|(_, bytes)| bytes)
        .collect()
}

fn stopped_or_in_other_batches(fixture: &Fixture) {
    score(fixture, "many", "many", MOST);
    let all = tables(fixture, "many");
    // A panic where the first part is told: nothing is cleaned up that a kill would leave.
    let stop = |event: Event| assert!(!matches!(event, Event::Progress(_)), "stopped");
    let died = std::panic::catch_unwind(|| score_by(fixture, "many", "stopped", MOST, 2048, &stop));
    assert!(died.is_err() && !fixture.path("stopped/traces").exists());
    let ended = score_by(fixture, "many", "stopped", MOST, 2048, &unheard).unwrap();
    assert_eq!(ended.scored().unwrap().kept, 256);
    assert!(tables(fixture, "stopped") == all);
    score_by(fixture, "many", "small", MOST, 1, &unheard).unwrap();
    let [one, other] = ["many", "small"].map(|out| read::<TraceRow>(&fixture.path(out)));
    assert!(!one.is_empty());
    assert_eq!(one, other);
    let claims = |out: &str| -> Vec<(String, u32, u32, String, u32, u32)> {
        let rows: Vec<ClaimRow> = read(&fixture.path(out));
        let key = |row: &ClaimRow| {
            (row.doc_id.to_string(), row.head, row.tail, row.relation.to_string(), row.since, row.until)
        };
        rows.iter().map(key).collect()
    };
    assert_eq!(claims("many"), claims("small"));
}

/// What was killed between the names of two tables, or a table that was taken away: the rest is no hindrance.
fn some_are_missing(fixture: &Fixture) {
    let all = tables(fixture, "whole");
    for left in [&["traces"][..], &["traces", "claims"], &["scores", "claims", "relations"], &["relations"]] {
        for name in ["traces", "claims", "scores", "relations"].iter().filter(|name| !left.contains(name)) {
            fs::remove_dir_all(fixture.path("whole").join(name)).unwrap();
        }
        let ended = score_by(fixture, "train", "whole", MOST, 2048, &unheard).unwrap();
        assert!(ended.scored().is_some() && tables(fixture, "whole") == all, "{left:?}");
    }
}

fn in_a_pipeline(fixture: &Fixture) {
    let [checkpoint, split] = ["model/best", "corpus/train"].map(|name| fixture.path(name));
    let (checkpoint, split) = (checkpoint.display(), split.display());
    let place = Place::new(&format!(
        "[sources]\nmodel = '{checkpoint}'\nsplit = '{split}'\n\
         [[stage]]\nname = \"score\"\nkind = \"score\"\nrun_id = \"run\"\niterations = {MOST}\n\
         inputs = {{ checkpoint = \"model\", corpus = \"split\" }}\n\
         outputs = {{ relations = \"relations\", traces = \"traces\", claims = \"claims\" }}\n\
         [[stage]]\nname = \"first\"\nkind = \"decide\"\nrun_id = \"run\"\niteration = 1\n\
         inputs = {{ scores = \"claims\" }}\noutputs = {{ relations = \"first\" }}\n"
    ));
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let made = |name: &str| place.path("runs/tiny").join(name);
    assert_eq!(read::<TraceRow>(&made("")), read(&fixture.path("whole")));
    let first: Vec<RelationRow> = Table::require_at(&made("first")).unwrap().all().unwrap();
    assert_eq!(first, read(&fixture.path("scored-1")));
}

#[test]
fn a_model_that_does_not_infer_claims_once() {
    let fixture = Fixture::new();
    trained(&fixture, &TrainConfig { epochs: 12, ..fixture.config() });
    let [checkpoint, split, out] = ["model/best", "corpus/train", "whole"].map(|name| fixture.path(name));
    let request = Request::new(&checkpoint, &split, &out, "run", DeviceChoice::Cpu);
    score::score(&request, &unheard).unwrap();
    assert_eq!(read::<TraceRow>(&out), []);
    let run = decide(&fixture, "whole", "base", &["--iteration", "0"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let relations: Vec<RelationRow> = read(&out);
    assert!(!relations.is_empty());
    assert_eq!(read::<RelationRow>(&fixture.path("base")), relations);
    let run = decide(&fixture, "whole", "first", &["--iteration", "1"]);
    assert!(run.code == Some(1) && run.stderr.contains("from 0 to 0, got 1"), "{}", run.stderr);
}
