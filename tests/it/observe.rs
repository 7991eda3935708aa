//! What is told while work goes on: rates, lines of a log, how much is said; and hints beside errors.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use docre::ground::Text;
use docre::ground::observe::{Event, Pace, Progress, time_of_day};
use tempfile::TempDir;

use crate::support::{CONVERSION, DOCUMENT, command, docre};

#[test]
fn progress_is_told_with_rate_and_time_left() {
    assert_eq!(Progress::documents(1200).told(80.0), "1200 documents, 80.0/s");
    assert_eq!(Progress::documents(120_000).told(2345.6), "120000 documents, 2346/s");
    // (3000 − 120) / 3.2 = 900 seconds.
    assert_eq!(Progress::step(120, 3000).told(3.2), "120 of 3000 steps, 3.2/s, 15:00 left");
    assert_eq!(Progress::step(1, 40_000).told(1.0), "1 of 40000 steps, 1.0/s, 11:06:39 left");
    assert_eq!(Progress::step(1, 3).told(0.0), "1 of 3 steps");
    // A quarter of the bytes gave 50 documents: 150 more at 10 a second.
    assert_eq!(Progress::documents(50).through(250, 1000).told(10.0), "50 documents, 10.0/s, 0:15 left");
    assert_eq!(Progress::documents(50).through(250, 0).told(10.0), "50 documents, 10.0/s");
    assert_eq!(Progress::of_unit("nodes", 0).told(0.0), "nodes");
}

#[test]
fn a_part_of_the_work_bears_its_name() {
    let place = Text::from("sample/train");
    let told = |event: Event| event.at(&place).to_string();
    assert_eq!(told(Event::Progress(Progress::step(1, 3))), "sample/train: 1 of 3 steps");
    assert_eq!(told(Event::Line("epoch 1".to_owned())), "sample/train: epoch 1");
    assert_eq!(told(Event::Warning("cut".to_owned())), "sample/train: warning: cut");
    assert_eq!(Event::Note("anew".to_owned()).to_string(), "note: anew");
}

#[test]
fn a_rate_begins_with_the_first_report_of_each_part() {
    let (begun, mut pace) = (Instant::now(), Pace::default());
    let mut told = |progress: &Progress, seconds| {
        let now = begun + Duration::from_secs(seconds);
        pace.note(progress, now);
        pace.told(progress, now)
    };
    // A killed run had done 1000.
    assert_eq!(told(&Progress::step(1000, 3000), 0), "1000 of 3000 steps");
    assert_eq!(told(&Progress::step(1040, 3000), 20), "1040 of 3000 steps, 2.0/s, 16:20 left");
    // The next stage counts from the start.
    assert_eq!(told(&Progress::step(1, 3000), 24), "1 of 3000 steps");
    assert_eq!(told(&Progress::step(13, 3000), 28), "13 of 3000 steps, 3.0/s, 16:36 left");
    assert_eq!(told(&Progress::documents(7), 30), "7 documents");
    assert_eq!(told(&Progress::documents(17), 32), "17 documents, 5.0/s");
    let elsewhere = Progress { place: Some("sample/dev".into()), ..Progress::documents(17) };
    assert_eq!(told(&elsewhere, 40), "sample/dev: 17 documents");
}

#[test]
fn lines_of_a_log_grow_rarer() {
    let (begun, mut pace) = (Instant::now(), Pace::default());
    let mut due = Vec::new();
    for second in 0..=20_000 {
        let now = begun + Duration::from_secs(second);
        pace.note(&Progress::documents(second), now);
        if pace.is_due(now) {
            due.push(second);
        }
    }
    assert_eq!(due[..11], [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]);
    assert_eq!(due[due.len() - 1] - due[due.len() - 2], 300);
    assert!(due.len() < 110, "{}", due.len());
    // The next part of the work begins from the start.
    let (now, progress) = (begun + Duration::from_mins(500), Progress::step(1, 2));
    pace.note(&progress, now);
    assert!(!pace.is_due(now + Duration::from_secs(9)) && pace.is_due(now + Duration::from_secs(10)));
}

#[test]
fn the_time_of_day_is_that_of_greenwich() {
    assert_eq!(time_of_day(UNIX_EPOCH + Duration::from_secs(86_400 * 20_000 + 12 * 3600 + 3 * 60 + 5)), "12:03:05Z");
}

#[test]
fn more_or_less_is_said() {
    let home = TempDir::new().unwrap();
    let source = home.path().join("dev.json");
    fs::write(&source, format!("[{DOCUMENT}]")).unwrap();
    let out = home.path().join("out");
    let [source, out] = [&source, &out].map(|path| path.to_str().unwrap());
    let convert = ["convert", "--format", "docred", "--split", "dev", "--force", "--out", out, source];
    let said = |flag: &[&str]| docre(convert.iter().chain(flag)).stderr;
    let usual = said(&[]);
    assert_eq!(usual.lines().count(), 1, "{usual}");
    assert_eq!(said(&["--verbose"]), format!("reads {source}\n{usual}"));
    assert_eq!(said(&["-v", "--quiet"]), "");
}

#[test]
fn a_stage_tells_what_it_reads_and_makes() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("dev.json"), format!("[{DOCUMENT}]")).unwrap();
    fs::write(home.path().join("tiny.toml"), CONVERSION).unwrap();
    let run = |flags: &[&str]| {
        let output = command(["run", "tiny.toml", "--force"].iter().chain(flags)).current_dir(home.path()).output();
        String::from_utf8(output.unwrap().stderr).unwrap()
    };
    let usual = run(&[]);
    assert!(!usual.contains("reads ") && !usual.contains("made "), "{usual}");
    let told = run(&["-v"]);
    let manifest = fs::read_to_string(home.path().join("runs/tiny/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let stage = &manifest["stages"][0];
    let hash = |place: &serde_json::Value| place["hash"].as_str().unwrap().to_owned();
    let [read, made] = [hash(&stage["inputs"]["documents"][0]), hash(&stage["outputs"]["tables"])];
    assert!(told.contains(&format!("tiny/dev: reads documents: dev.json, {read}\n")), "{told}");
    assert!(told.contains(&format!("tiny/dev: made tables: runs/tiny/dev, {made}\n")), "{told}");
}

/// The sources of the program, with their text.
fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let texts = rust.map(|path| fs::read_to_string(path).unwrap());
    texts.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[test]
fn every_error_with_a_hint_is_asked_and_none_has_it_in_its_words() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts = sources(&src);
    let implemented: usize = texts.iter().map(|text| text.matches("impl Hint for ").count()).sum();
    let asked = fs::read_to_string(src.join("cli/failure.rs")).unwrap();
    assert_eq!(asked.matches("    of::<").count(), implemented);
    assert!(implemented > 10);
    let in_words = texts.iter().find(|text| text.contains("\\nhint"));
    assert_eq!(in_words, None);
}

#[test]
fn a_hint_reaches_the_user_through_the_errors_that_wrap_it() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let encoder = docre(["encode", "--corpus", &at("none"), "--encoder", "org/no-such-encoder"]);
    assert_eq!(encoder.code, Some(1));
    let download = "\nhint: download it where there is a network (`hf download org/no-such-encoder`)";
    assert!(encoder.stderr.contains(download), "{}", encoder.stderr);
    // The table's error, shown as the graph's.
    fs::write(home.path().join("facts.json"), "[]").unwrap();
    let graph = docre(["graph", "--relations", &at("facts.json"), "--corpus", &at("none"), "--out", &at("graph")]);
    assert_eq!(graph.code, Some(1));
    assert!(graph.stderr.contains("\nhint: name the folder of a split, which"), "{}", graph.stderr);
}
