//! Shards of a run: each scored by a job of its own, and joined to the tables of one run.

use std::fs;
use std::path::Path;

use docre::train::TrainConfig;

use crate::support::{Run, command, docre, files};
use crate::train::Fixture;

/// A fixture with a model, and a split of 600 documents: three parts.
fn trained() -> Fixture {
    let fixture = Fixture::new();
    let run = fixture.train(&TrainConfig { epochs: 12, ..fixture.config() }, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let corpus = fixture.path("corpus");
    let arguments = ["synthesize", "--docs", "600", "--first", "99", "--split", "many", "--facts", "4", "--out"];
    let run = docre(arguments.iter().map(Into::into).chain([corpus.into_os_string()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    fixture
}

fn arguments(fixture: &Fixture, out: &str, further: &[&str]) -> Vec<String> {
    let [checkpoint, corpus, out] =
        ["model/best", "corpus", out].map(|path| fixture.path(path).to_str().unwrap().to_owned());
    let usual = ["score", "--checkpoint", &checkpoint, "--corpus", &corpus, "--split", "many", "--out", &out];
    usual.iter().chain(&["--run-id", "run"]).chain(further).map(|text| (*text).to_owned()).collect()
}

fn score(fixture: &Fixture, out: &str, further: &[&str]) -> Run {
    docre(arguments(fixture, out, further))
}

fn ended(run: &Run, expected: &str) {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains(expected), "expected `{expected}`, got {}", run.stderr);
}

fn refused(run: &Run, expected: &str) {
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains(expected), "expected `{expected}`, got {}", run.stderr);
}

/// How many parts are finished.
fn finished(parts: &Path) -> usize {
    let parts = fs::read_dir(parts).into_iter().flatten();
    parts.filter(|part| part.as_ref().unwrap().path().join("scores").exists()).count()
}

/// The tables that two runs have made are the same, byte for byte.
fn same(one: &Path, other: &Path) {
    for table in ["relations", "scores", "traces", "claims", "model_relations"] {
        let [one, other] = [one, other].map(|out| files(&out.join(table)));
        assert!(!one.is_empty());
        assert!(one.iter().map(|(_, bytes)| bytes).eq(other.iter().map(|(_, bytes)| bytes)), "{table}");
    }
}

#[test]
fn joined_shards_are_the_tables_of_one_run() {
    let fixture = trained();
    ended(&score(&fixture, "whole", &[]), "600 documents, ");
    let (whole, parts) = (fixture.path("whole"), fixture.path("parts"));
    refused(&score(&fixture, "parts", &["--join"]), "parts: expected the finished shards of a run, found none\nhint:");
    // In whatever order.
    ended(&score(&fixture, "parts", &["--shard", "2/3"]), "parts/relations: shard 2/3: 88 documents, ");
    ended(&score(&fixture, "parts", &["--shard", "0/3"]), "shard 0/3: 256 documents, ");
    let missing =
        "expected 3 finished shards, found none of `1/3`\nhint: the same command with `--shard 1/3` for `--join`";
    refused(&score(&fixture, "parts", &["--join"]), missing);
    ended(&score(&fixture, "parts", &["--shard", "1/3"]), "shard 1/3: 256 documents, ");
    ended(&score(&fixture, "parts", &["--shard", "1/3"]), "shard 1/3: up to date");
    assert!(!parts.join("relations").exists());
    let word = files(&parts.join(".scores.work/shards"));
    ended(&score(&fixture, "parts", &["--join"]), "600 documents (600 were there already), ");
    same(&whole, &parts);
    assert!(!parts.join(".scores.work").exists());
    // Killed while it removed the parts, it may have left word of the shards.
    for (path, bytes) in word {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    ended(&score(&fixture, "parts", &["--join"]), "up to date");
    assert!(!parts.join(".scores.work").exists());
    ended(&score(&fixture, "parts", &["--join"]), "up to date");
    ended(&score(&fixture, "parts", &["--shard", "1/3"]), "up to date");
    // More than there are parts: some have nothing to do.
    for shard in 0..5 {
        ended(&score(&fixture, "five", &["--shard", &format!("{shard}/5")]), "documents");
    }
    ended(&score(&fixture, "five", &["--join"]), "600 documents");
    same(&whole, &fixture.path("five"));
}

#[test]
fn a_shard_that_was_killed_goes_on() {
    let fixture = trained();
    ended(&score(&fixture, "whole", &[]), "600 documents, ");
    ended(&score(&fixture, "parts", &["--shard", "0/2"]), "shard 0/2: 256 documents, ");
    let parts = fixture.path("parts/.scores.work");
    let mut process = command(arguments(&fixture, "parts", &["--shard", "1/2"])).spawn().unwrap();
    while finished(&parts) < 2 && process.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    process.kill().unwrap();
    assert_eq!(process.wait().unwrap().code(), None, "the shard ended before it was killed");
    refused(&score(&fixture, "parts", &["--join"]), "found none of `1/2`");
    ended(&score(&fixture, "parts", &["--shard", "1/2"]), "shard 1/2: 344 documents (256 were there already)");
    ended(&score(&fixture, "parts", &["--join"]), "600 documents (600 were there already), ");
    same(&fixture.path("whole"), &fixture.path("parts"));
}

#[test]
fn a_part_of_which_a_table_is_gone_or_damaged_is_made_again() {
    let fixture = trained();
    ended(&score(&fixture, "whole", &[]), "600 documents, ");
    let shard = |of: &str| ended(&score(&fixture, "parts", &["--shard", of]), &format!("shard {of}: "));
    let part = || {
        let work = fixture.path("parts/.scores.work");
        let mut parts = fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path());
        parts.find(|path| path.join("claims").is_dir()).unwrap()
    };
    shard("0/2");
    shard("1/2");
    fs::remove_dir_all(part().join("claims")).unwrap();
    refused(&score(&fixture, "parts", &["--join"]), "expected 2 finished shards, found none of `");
    shard("0/2");
    shard("1/2");
    let table = part().join("traces/part-00000.parquet");
    let mut bytes = fs::read(&table).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&table, bytes).unwrap();
    ended(&score(&fixture, "parts", &["--force"]), "600 documents (");
    same(&fixture.path("whole"), &fixture.path("parts"));
}

#[test]
fn what_another_run_has_finished_outlives_a_run_that_is_up_to_date_or_ends() {
    let fixture = trained();
    let other = |further: &[&str]| score(&fixture, "parts", &[&["--margin", "4", "--force"], further].concat());
    let shard = |shard: &str| ended(&other(&["--shard", shard]), &format!("shard {shard}: "));
    ended(&score(&fixture, "parts", &[]), "600 documents, ");
    // Nothing is computed of which the tables may not take the place of these.
    let shard_of_other = score(&fixture, "parts", &["--margin", "4", "--shard", "0/2"]);
    refused(&shard_of_other, "relations: holds a table that was made from other input or with other options");
    assert!(!fixture.path("parts/.scores.work").exists());
    shard("0/2");
    shard("1/2");
    ended(&score(&fixture, "parts", &[]), "up to date");
    ended(&other(&["--join"]), "600 documents (600 were there already), ");
    // The tables of the first run, made anew, take nothing of the shards with them, nor do its own shards.
    fs::remove_dir_all(fixture.path("parts")).unwrap();
    shard("0/2");
    for own in ["0/3", "1/3", "2/3"] {
        ended(&score(&fixture, "parts", &["--force", "--shard", own]), &format!("shard {own}: "));
    }
    ended(&score(&fixture, "parts", &["--force", "--join"]), "600 documents (600 were there already), ");
    ended(&other(&["--shard", "0/2"]), "up to date");
    shard("1/2");
    ended(&other(&["--join"]), "600 documents (600 were there already), ");
    assert!(!fixture.path("parts/.scores.work").exists());
    // A run that was killed goes on, too.
    let parts = fixture.path("parts/.scores.work");
    let mut process = command(arguments(&fixture, "parts", &["--force"])).spawn().unwrap();
    while finished(&parts) == 0 && process.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    process.kill().unwrap();
    assert_eq!(process.wait().unwrap().code(), None, "the run ended before it was killed");
    ended(&score(&fixture, "parts", &["--margin", "4"]), "up to date");
    ended(&score(&fixture, "parts", &["--force"]), " were there already), ");
}

#[test]
fn a_shard_of_something_else_is_refused_by_name() {
    let fixture = trained();
    ended(&score(&fixture, "parts", &["--shard", "0/2"]), "shard 0/2");
    ended(&score(&fixture, "parts", &["--shard", "1/2", "--margin", "4"]), "shard 1/2");
    let foreign = "expected shards of this checkpoint, corpus and options, got others: `1/2`\nhint: the same command";
    refused(&score(&fixture, "parts", &["--join"]), foreign);
    // What one run makes of the parts that are there is as good.
    ended(&score(&fixture, "parts", &[]), "600 documents (256 were there already), ");
    for (further, expected) in [
        (&["--shard", "2/2"][..], "expected I/N, a shard from 0 on and how many there are, such as 0/4, got `2/2`"),
        (&["--shard", "0/2", "--join"], "cannot be used with"),
    ] {
        let run = docre(arguments(&fixture, "parts", further));
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "expected `{expected}`, got {}", run.stderr);
    }
    let checkpoint = fixture.path("model/best");
    let run = docre(["score", "--checkpoint", checkpoint.to_str().unwrap(), "--corpus", "-", "--out", "-", "--join"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("`--out`: expected a folder, which the shards of a run"), "{}", run.stderr);
}
