//! Training holds no document but those of a step: the others lie in a file without a name, which is checked as it is read
//! and goes with its run.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use docre::train::TrainConfig;
use serde_json::{Value, json};

use crate::leftovers::cramped;
use crate::stopped::{hidden, text};
use crate::support::{command, docre};
use crate::train::Fixture;

/// Entities of a document, and a token each.
const ENTITIES: usize = 100;

/// `docre train` with these settings, under way.
fn start(fixture: &Fixture, config: &TrainConfig, out: &str) -> Child {
    let (settings, out) = (fixture.path(&format!("{out}.json")), fixture.path(out));
    fs::write(&settings, serde_json::to_string(config).unwrap()).unwrap();
    let mut command = command(["train", "--config", text(&settings), "--out", text(&out)]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Writes a split of so many documents of nearly ten thousand pairs each.
fn large(fixture: &Fixture, split: &str, n_documents: usize) {
    let words: Vec<String> = (0..ENTITIES).map(|place| format!("w{place}")).collect();
    let entity = |place: usize| json!([{"name": words[place], "type": "X", "sent_id": 0, "pos": [place, place + 1]}]);
    let entities: Vec<Value> = (0..ENTITIES).map(entity).collect();
    let document = |number: usize| {
        let labels = json!([{"r": "P1", "h": 0, "t": 1 + number % 9, "evidence": [0]}]);
        json!({"title": format!("{split} {number}"), "sents": [words], "vertexSet": entities, "labels": labels})
    };
    let documents: Vec<Value> = (0..n_documents).map(document).collect();
    let source = fixture.path(&format!("{split}.json"));
    fs::write(&source, serde_json::to_vec(&documents).unwrap()).unwrap();
    let out = fixture.path("corpus");
    let run = docre(["convert", "--format", "docred", "--split", split, "--out", text(&out), text(&source)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

/// The most memory, in MiB, that a program holds until it ends well.
#[cfg(target_os = "linux")]
fn peak(mut child: Child) -> u64 {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = kib.map_or(peak, |kib| kib >> 10);
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    peak
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_training_documents() {
    let fixture = Fixture::new();
    let [few, many] = [60, 220];
    let peak_of = |split: &str, n_documents| {
        large(&fixture, split, n_documents);
        let config = TrainConfig {
            train: split.into(),
            epochs: 1,
            batch: 4,
            most_pairs: Some(20),
            most_pieces: 64,
            ..fixture.config()
        };
        peak(start(&fixture, &config, &format!("of-{split}")))
    };
    let (few, many) = (peak_of("few", few), peak_of("many", many));
    // Of a million and a half pairs more, which would take 32 bytes each and more, a part is in memory while they are read.
    assert!(many < few + 50, "{few} MiB, then {many} MiB");
}

/// The files without a name that a process has open below a folder.
#[cfg(target_os = "linux")]
fn scratch(child: &Child, folder: &Path) -> Vec<File> {
    let folder = fs::canonicalize(folder).unwrap();
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().map(|entry| entry.unwrap().path());
    let is_scratch = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|to| to.starts_with(&folder) && text(&to).ends_with(" (deleted)"))
    };
    open.filter(is_scratch).map(|path| OpenOptions::new().write(true).open(path).unwrap()).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_damaged_document_stops_a_run_and_its_file_is_named() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 100_000, ..fixture.config() };
    let mut child = start(&fixture, &config, "model");
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("epoch 1:") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0);
    }
    let files = scratch(&child, &fixture.path("model"));
    assert_eq!(files.len(), 2, "train and dev");
    for file in files {
        file.write_all_at(b"damage", 3).unwrap();
    }
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    let told = format!("{}: scratch file: record 0: expected the bytes", text(&fixture.path("model")));
    assert!(rest.contains(&told) && rest.contains("hint: run it again"), "{rest}");
    assert!(hidden(&fixture.path("model")).is_empty(), "{:?}", hidden(&fixture.path("model")));
    assert!(fixture.train(&TrainConfig { epochs: 1, ..config }, "other", &[]).code == Some(0));
}

#[test]
fn a_full_disk_is_told_with_its_folder_and_what_to_do() {
    let fixture = Fixture::new();
    let settings = fixture.path("settings.json");
    fs::write(&settings, serde_json::to_string(&fixture.config()).unwrap()).unwrap();
    let out = fixture.path("model");
    let run = cramped(4, ["train", "--config", text(&settings), "--out", text(&out)]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let told = format!("{}: cannot write a scratch file in it", text(&out));
    assert!(run.stderr.contains(&told) && run.stderr.contains("hint: make room there"), "{}", run.stderr);
    assert!(hidden(&out).is_empty(), "{:?}", hidden(&out));
}
