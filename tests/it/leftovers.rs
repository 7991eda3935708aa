//! What killed runs have left, and what a full disk leaves: the next stage in the folder clears it, be its own output up
//! to date, and touches nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use docre::table::Lock;
use docre::train::TrainConfig;
use tempfile::TempDir;

use crate::pipeline::Place;
use crate::stopped::{corpus, hidden, text};
use crate::support::{CONVERSION, DOCUMENT, Run, docre, files};
use crate::train::Fixture;

const NONE: [PathBuf; 0] = [];

/// Files with content, and folders that lead to them.
fn plant(folder: &Path, names: &[&str]) {
    for name in names {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, if name.strip_suffix(".lock").is_some() { "" } else { "half" }).unwrap();
    }
}

/// The same tables elsewhere.
fn copy(from: &Path, to: &Path) {
    for (file, bytes) in files(from) {
        let copied = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        fs::write(copied, bytes).unwrap();
    }
}

fn paths(folder: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| folder.join(name)).collect()
}

fn sorted(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths
}

/// The program where no file may grow beyond so many blocks: as on a full disk.
pub fn cramped<S: AsRef<std::ffi::OsStr>>(blocks: u32, arguments: impl IntoIterator<Item = S>) -> Run {
    let limit = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let output =
        Command::new("sh").args(["-c", &limit, "sh", env!("CARGO_BIN_EXE_docre")]).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_conversion_clears_what_killed_ones_left_in_its_folder() {
    let folder = TempDir::new().unwrap();
    let (source, out) = (folder.path().join("dev.json"), folder.path().join("out"));
    fs::write(&source, format!("[{DOCUMENT}]")).unwrap();
    let convert = || {
        let run = docre(["convert", "--format", "docred", "--split", "dev", "--out", text(&out), text(&source)]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    convert();
    let half = "tokens/.part-00000.parquet.partial";
    plant(&out, &[".dev.lock", &format!(".dev.partial/{half}"), ".train.lock", &format!(".train.partial/{half}")]);
    for aside in [".dev.replaced", ".gone.replaced"] {
        copy(&out.join("dev"), &out.join(aside));
    }
    plant(&out, &[".gone.lock"]);
    let foreign = [".mine.lock", ".mine.partial/notes.txt", ".editor.lock", ".unlocked.partial/notes.txt"];
    plant(&out, &foreign);
    fs::write(out.join(".written.lock"), "somebody's").unwrap();
    copy(&out.join("dev"), &out.join("written"));
    let living = Lock::beside(&out.join("live")).unwrap();
    plant(&out, &[&format!(".live.partial/{half}")]);
    assert!(convert().contains("up to date"));
    let stays = [
        ".editor.lock",
        ".live.lock",
        ".live.partial",
        ".mine.lock",
        ".mine.partial",
        ".unlocked.partial",
        ".written.lock",
    ];
    assert_eq!(sorted(hidden(&out)), paths(&out, &stays));
    assert!(out.join("gone/documents").is_dir(), "what stood aside is put back");
    drop(living);
}

#[test]
fn a_graph_that_is_up_to_date_clears_what_killed_runs_left() {
    let folder = TempDir::new().unwrap();
    let (source, out) = (folder.path().join("dev.json"), folder.path().join("graph"));
    fs::write(&source, format!("[{DOCUMENT}]")).unwrap();
    let corpora = folder.path().join("corpora");
    docre(["convert", "--format", "docred", "--split", "dev", "--out", text(&corpora), text(&source)]);
    let graph = || {
        let (split, facts) = (corpora.join("dev"), corpora.join("dev/facts"));
        let run = docre(["graph", "--relations", text(&facts), "--corpus", text(&split), "--out", text(&out)]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    graph();
    copy(&out, &folder.path().join(".graph.replaced"));
    let key = ".graph.work/0123456789abcdef0123456789abcdef";
    let left = [".graph.lock", ".graph.work/scratch/facts/0", &format!("{key}/.graph.ttl.AbCdEf.partial")];
    plant(folder.path(), &left);
    copy(&out.join("nodes"), &folder.path().join(key).join("nodes"));
    assert!(graph().contains("up to date"));
    assert_eq!(hidden(folder.path()), NONE);
    plant(folder.path(), &[".graph.work/notes.txt"]);
    assert!(graph().contains("up to date"));
    assert_eq!(hidden(folder.path()), [folder.path().join(".graph.work")], "what docre has not made, it leaves");
}

#[test]
fn a_run_that_is_up_to_date_clears_what_killed_ones_left() {
    let place = Place::new(CONVERSION);
    place.write("dev.json", &format!("[{DOCUMENT}]"));
    let runs = place.path("runs/tiny");
    assert_eq!(place.run(&[]), ["dev"]);
    let recipe = ".work/gone/0123456789abcdef0123456789abcdef/.out.work/scratch/0";
    plant(&runs, &[".lock", ".manifest.json.AbCdEf.partial", recipe, ".work/mine/notes.txt"]);
    assert_eq!(place.run(&[]), [] as [&str; 0]);
    assert_eq!(hidden(&runs), [runs.join(".work")]);
    assert_eq!(files(&runs.join(".work")).len(), 1, "what is not a stage's is somebody's");
}

#[test]
fn training_that_fails_leaves_no_folder_that_it_made() {
    let fixture = Fixture::new();
    let nowhere = TrainConfig { corpus: fixture.path("nowhere"), ..fixture.config() };
    assert_eq!(fixture.train(&nowhere, "fresh/dir", &[]).code, Some(1));
    assert!(!fixture.path("fresh").exists());
    fs::create_dir_all(fixture.path("mine/dir")).unwrap();
    assert_eq!(fixture.train(&nowhere, "mine/dir", &[]).code, Some(1));
    assert!(fixture.path("mine/dir").exists());
}

#[test]
fn a_full_disk_is_not_left_full() {
    let folder = TempDir::new().unwrap();
    let split = corpus().join("whole/train");
    let (facts, out) = (split.join("facts"), folder.path().join("out"));
    let source = corpus().join("source.json");
    let commands: [&[&str]; 4] = [
        &["convert", "--format", "docred", "--split", "train", text(&source), "--out"],
        &["synthesize", "--documents", "600", "--out"],
        &["graph", "--relations", text(&facts), "--corpus", text(&split), "--out"],
        &["report", text(&split), "--out"],
    ];
    for command in commands {
        let run = cramped(16, command.iter().copied().chain([text(&out)]));
        assert_eq!(run.code, Some(1), "{command:?}: {}", run.stderr);
        assert!(run.stderr.contains("File too large"), "{}", run.stderr);
        assert_eq!((out.exists(), hidden(folder.path())), (false, NONE.to_vec()), "{command:?}");
    }
}
