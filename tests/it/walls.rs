//! What stands at, or beside, a place that is written to: put there in one step, found again, and nobody's files lost.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use docre::checkpoint::ModelConfig;
use docre::table::rows::{FactRow, RelationTypeRow};
use docre::table::{self, Lock, Ours, Staging, Table, TableError};
use docre::train::TrainConfig;
use tempfile::TempDir;

use crate::pipeline::{Place, outputs};
use crate::support::{CONVERSION, DOCUMENT, Run, docre, files, rows};
use crate::train::{Fixture, docre_ii};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn labels(folder: &Path) {
    let row = RelationTypeRow { relation: "P17".into(), label: Some("country".into()), n_facts: 1, undirected: false };
    table::write(folder, "f", vec![row]).unwrap();
}

/// A pipe that nobody writes to: whoever opens it to read waits for ever.
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn refused(run: &Run, expected: &str) {
    assert!(run.code == Some(1) && run.stderr.contains(expected), "{expected}: {:?}: {}", run.code, run.stderr);
}

#[test]
fn training_goes_on_from_what_stands_aside() {
    let fixture = Fixture::new();
    let config = TrainConfig { model: ModelConfig::DocreIi(docre_ii()), ..fixture.config() };
    assert_eq!(fixture.train(&config, "model", &[]).code, Some(0));
    let whole = files(&fixture.path("model"));
    for name in ["best", "base", "last", "training_log"] {
        let aside = fixture.path(&format!("model/.{name}.replaced"));
        fs::rename(fixture.path("model").join(name), &aside).unwrap();
        let run = fixture.train(&config, "model", &["--resume"]);
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        assert!(files(&fixture.path("model")) == whole, "{name}");
    }
    // Without the last checkpoint, the log tells whose the others are.
    fs::remove_dir_all(fixture.path("model/last")).unwrap();
    let other = fixture.train(&TrainConfig { seed: 6, ..config }, "model", &[]);
    assert_eq!(other.code, Some(1), "{}", other.stderr);
    assert!(fixture.path("model/best").is_dir() && !other.stderr.contains("epoch 1"), "{}", other.stderr);
}

#[test]
fn a_reader_finds_what_stands_aside_and_moves_nothing() {
    let fixture = Fixture::new();
    let aside = |path: &str| {
        let path = fixture.path(path);
        let aside = path.with_file_name(format!(".{}.replaced", path.file_name().unwrap().to_str().unwrap()));
        fs::rename(path, &aside).unwrap();
        aside
    };
    assert_eq!(fixture.train(&fixture.config(), "model", &[]).code, Some(0));
    let (corpus, best) = (fixture.path("corpus"), fixture.path("model/best"));
    let score = |out: &str| {
        let out = fixture.path(out);
        let base = ["score", "--checkpoint", text(&best), "--corpus", text(&corpus), "--split", "dev", "--run-id", "r"];
        let run = docre(base.iter().chain(&["--out", text(&out)]));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        fs::read(out.join("relations/part-00000.parquet")).unwrap()
    };
    let expected = score("one");
    let (checkpoint, split) = (aside("model/best"), aside("corpus/dev"));
    assert!(score("two") == expected);
    assert!(checkpoint.exists() && split.exists() && !best.exists());
    assert!(!rows(&corpus, "SELECT * FROM dev_documents").is_empty());
    let relations = aside("one/relations");
    let dev = corpus.join("dev");
    let evaluated = docre(["evaluate", "--corpus", text(&dev), "--relations", text(&fixture.path("one"))]);
    assert_eq!(evaluated.code, Some(0), "{}", evaluated.stderr);
    assert!(relations.exists());
    // Whoever would write it puts it back, and finds it up to date.
    fs::rename(&split, &dev).unwrap();
    assert!(score("one") == expected && !relations.exists());
}

#[test]
fn scores_replace_no_other_table_unless_forced_and_no_file_of_somebodys() {
    let fixture = Fixture::new();
    assert_eq!(fixture.train(&fixture.config(), "model", &[]).code, Some(0));
    let (out, best, dev) = (fixture.path("out"), fixture.path("model/best"), fixture.path("corpus/dev"));
    let score = |run_id: &str, more: &[&str]| {
        let base = ["score", "--checkpoint", text(&best), "--corpus", text(&dev), "--out", text(&out)];
        docre(base.iter().chain(&["--run-id", run_id]).chain(more))
    };
    let mine = out.join(".relations.work/mine.txt");
    fs::create_dir_all(mine.parent().unwrap()).unwrap();
    fs::write(&mine, "precious").unwrap();
    refused(&score("one", &[]), ".relations.work: holds files that docre did not write");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");
    fs::remove_dir_all(mine.parent().unwrap()).unwrap();
    assert_eq!(score("one", &[]).code, Some(0));
    assert_eq!(score("one", &[]).code, Some(0), "the same again");
    let before = files(&out);
    refused(&score("other", &[]), "relations: holds a table that was made from other input or with other options");
    assert!(files(&out) == before);
    assert_eq!(score("other", &["--force"]).code, Some(0));
    assert!(files(&out) != before);
    let mine = out.join("relations/mine.parquet");
    fs::copy(out.join("relations/part-00000.parquet"), &mine).unwrap();
    assert_eq!(score("one", &["--force"]).code, Some(0), "a copy of a table of docre's is a table of docre's");
    fs::write(&mine, "precious").unwrap();
    refused(&score("other", &["--force"]), "relations: holds files that docre did not write");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");
}

#[test]
fn a_run_puts_back_what_stands_aside() {
    let place = Place::new(CONVERSION);
    place.write("dev.json", &format!("[{DOCUMENT}]"));
    place.run(&[]);
    let whole = outputs(&place.path("runs/tiny"));
    fs::rename(place.path("runs/tiny/dev"), place.path("runs/tiny/.dev.replaced")).unwrap();
    assert!(place.docre(&["tiny.toml", "--dry-run"]).stdout.contains("tiny/dev: up to date"));
    assert_eq!(place.run(&[]), [] as [&str; 0]);
    assert!(outputs(&place.path("runs/tiny")) == whole);
}

#[test]
fn a_run_replaces_its_own_outputs_and_nobodys_files() {
    let place = Place::new(CONVERSION);
    place.write("dev.json", &format!("[{DOCUMENT}]"));
    let (output, run) = (place.path("runs/tiny/dev"), place.path("runs/tiny"));
    let foreign = "runs/tiny/dev: holds files that docre did not write";
    // A folder with somebody's file, a file, a pipe: before any work.
    fs::create_dir_all(&output).unwrap();
    fs::write(output.join("mine.txt"), "precious").unwrap();
    assert!(place.failure(&[]).contains(foreign));
    assert_eq!(place.docre(&["tiny.toml", "--dry-run"]).code, Some(1));
    assert_eq!(fs::read_to_string(output.join("mine.txt")).unwrap(), "precious");
    fs::remove_dir_all(&output).unwrap();
    fs::write(&output, "precious").unwrap();
    assert!(place.failure(&["--force"]).contains("expected nothing or what docre has made, found a file"));
    assert_eq!(fs::read_to_string(&output).unwrap(), "precious");
    fs::remove_file(&output).unwrap();
    pipe(&output);
    assert!(place.failure(&[]).contains("dev: expected nothing or what docre has made, found a pipe"));
    assert!(output.metadata().unwrap().file_type().is_fifo() && !run.join(".work").exists());
    fs::remove_file(&output).unwrap();
    // In what docre has made, too, and what another program has written beside its tables.
    assert_eq!(place.run(&[]), ["dev"]);
    for name in ["mine.txt", "facts/mine.parquet"] {
        fs::write(output.join(name), "precious").unwrap();
        assert!(place.failure(&[]).contains(foreign), "{name}");
        assert_eq!(fs::read_to_string(output.join(name)).unwrap(), "precious");
        fs::remove_file(output.join(name)).unwrap();
    }
    let work = place.path("runs/tiny/.work/dev/mine.txt");
    fs::create_dir_all(work.parent().unwrap()).unwrap();
    fs::write(&work, "precious").unwrap();
    assert!(place.failure(&[]).contains("runs/tiny/.work/dev: holds files that docre did not write"));
    assert_eq!(fs::read_to_string(&work).unwrap(), "precious");
    fs::remove_dir_all(place.path("runs/tiny/.work")).unwrap();
    // What docre has made is replaced, with or without a manifest, damaged or not.
    fs::remove_file(run.join("manifest.json")).unwrap();
    assert_eq!(place.run(&[]), ["dev"]);
    fs::write(output.join("facts/part-00000.parquet"), "damaged").unwrap();
    assert_eq!(place.run(&[]), ["dev"]);
}

#[test]
fn a_table_of_somebodys_is_no_table_of_ours() {
    let folder = TempDir::new().unwrap();
    let mine = folder.path().join("relations/mine.parquet");
    labels(folder.path());
    assert!(table::holds_only_tables(&folder.path().join("relation_types")));
    // A whole Parquet file, but of another program.
    let sql = ["query", text(folder.path()), "SELECT * FROM relation_types", "--format", "parquet"];
    let made = crate::support::command(sql).output().unwrap().stdout;
    fs::create_dir(folder.path().join("relations")).unwrap();
    fs::write(&mine, &made).unwrap();
    assert_eq!(table::is_marked(&mine), Some(true), "docre's own answers are known");
    assert!(!table::holds_only_tables(mine.parent().unwrap()), "and are none of its tables");
    let batch = arrow::record_batch::RecordBatch::try_from_iter([(
        "x",
        std::sync::Arc::new(arrow::array::Int64Array::from(vec![1])) as arrow::array::ArrayRef,
    )]);
    let batch = batch.unwrap();
    let file = fs::File::create(&mine).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let before = fs::read(&mine).unwrap();
    assert_eq!(table::is_marked(&mine), Some(false));
    assert!(matches!(Staging::begin(&folder.path().join("relations")), Err(TableError::Foreign { .. })));
    assert!(fs::read(&mine).unwrap() == before);
}

#[test]
fn files_of_somebody_beside_a_place_are_let_alone() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("facts");
    let write = || table::write::<FactRow>(folder.path(), "f", Vec::new());
    for role in ["partial", "replaced"] {
        let planted = folder.path().join(format!(".facts.{role}"));
        fs::create_dir(&planted).unwrap();
        fs::write(planted.join("mine.txt"), "precious").unwrap();
        assert!(matches!(write(), Err(TableError::Foreign { path }) if path == planted), "{role}");
        assert!(matches!(table::restore(&target, Ours::TABLES), Ok(()) | Err(TableError::Foreign { .. })));
        assert_eq!(fs::read_to_string(planted.join("mine.txt")).unwrap(), "precious");
        fs::remove_dir_all(&planted).unwrap();
        // Nor is a link followed.
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        symlink(&elsewhere, &planted).unwrap();
        assert!(matches!(write(), Err(TableError::Taken { found: "a link", .. })), "{role}");
        fs::remove_file(&planted).unwrap();
    }
    write().unwrap();
    assert!(Table::<FactRow>::find(folder.path()).unwrap().is_some());
}

#[test]
fn a_lock_goes_through_no_link_and_empties_nothing() {
    let folder = TempDir::new().unwrap();
    let (target, lock) = (folder.path().join("o"), folder.path().join(".o.lock"));
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, &lock).unwrap();
    assert!(matches!(Lock::beside(&target), Err(TableError::Io { .. })));
    fs::remove_file(&lock).unwrap();
    fs::hard_link(&precious, &lock).unwrap();
    drop(Lock::beside(&target).unwrap());
    assert_eq!(fs::read_to_string(&lock).unwrap(), "precious");
    fs::remove_file(&lock).unwrap();
    pipe(&lock);
    assert!(matches!(Lock::beside(&target), Err(TableError::Io { .. })));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
}

#[test]
fn a_file_goes_through_a_link_and_never_over_a_pipe() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    labels(folder.path());
    let report = |out: &Path, more: &[&str]| {
        fs::write(at("dev.json"), format!("[{DOCUMENT}]")).unwrap();
        let convert = ["convert", "--format", "docred", "--split", "dev", "--out", text(folder.path())];
        assert_eq!(docre(convert.iter().chain(&[text(&at("dev.json"))])).code, Some(0));
        docre(["report", text(folder.path()), "--out", text(out)].iter().chain(more))
    };
    let (link, page) = (at("link.html"), at("page.html"));
    symlink("page.html", &link).unwrap();
    assert_eq!(report(&link, &[]).code, Some(0));
    assert!(link.is_symlink() && fs::read_to_string(&page).unwrap().starts_with("<!doctype html>"));
    assert_eq!(report(&link, &[]).code, Some(0), "the page that it leads to is ours");
    let fifo = at("fifo");
    pipe(&fifo);
    let (export, dev) = (["convert", "--to", "docred", "--force", "--out", text(&fifo)], at("dev"));
    for force in [&[][..], &["--force"]] {
        refused(&report(&fifo, force), "fifo: expected a file or nothing, found a pipe");
        refused(&report(Path::new("/dev/null"), force), "/dev/null: expected a file or nothing, found a device");
        refused(&report(&dev, force), "dev: expected a file or nothing, found a folder");
    }
    refused(&docre(export.iter().chain(&[text(&dev)])), "fifo: expected a file or nothing, found a pipe");
    assert!(fifo.metadata().unwrap().file_type().is_fifo());
    let nothing = at("none.json");
    fs::write(&nothing, "[]").unwrap();
    let graph = ["graph", "--relations", text(&nothing), "--corpus", text(&dev), "--out", text(&fifo)];
    refused(&docre(graph), "fifo: expected nothing or what docre has made, found a pipe");
}

#[test]
fn a_synthesis_that_was_killed_before_its_json_goes_on() {
    let folder = TempDir::new().unwrap();
    let synthesize = |out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let run = docre(["synthesize", "--docs", "3", "--json", "--out", text(&out)].iter().chain(more));
        (run, out)
    };
    let (run, whole) = synthesize("whole", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let relative = |out: &PathBuf| -> Vec<_> {
        files(out).into_iter().map(|(path, bytes)| (path.strip_prefix(out).unwrap().to_path_buf(), bytes)).collect()
    };
    let expected = relative(&whole);
    // Any part of what a killed run leaves, and all of it.
    for (place, lost) in [&["train"][..], &["train.json"], &["train", "rel_info.json"], &[]].into_iter().enumerate() {
        let (_, out) = synthesize(&format!("killed-{place}"), &[]);
        for name in lost {
            let path = out.join(name);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let (again, _) = synthesize(&format!("killed-{place}"), &[]);
        assert_eq!(again.code, Some(0), "{lost:?}: {}", again.stderr);
        assert!(relative(&out) == expected, "{lost:?}");
    }
    // Another corpus's file of that name is somebody's.
    let (other, labels) = (folder.path().join("other"), folder.path().join("other/rel_info.json"));
    fs::create_dir(&other).unwrap();
    fs::write(&labels, "{\"P17\": \"mine\"}").unwrap();
    let (run, _) = synthesize("other", &[]);
    refused(&run, "rel_info.json: stands already");
    assert_eq!(fs::read_to_string(&labels).unwrap(), "{\"P17\": \"mine\"}");
    assert_eq!(synthesize("other", &["--force"]).0.code, Some(0));
}

#[test]
fn what_was_made_otherwise_is_replaced_only_by_force() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("dev.json"), format!("[{DOCUMENT}]")).unwrap();
    fs::write(at("none.json"), "[]").unwrap();
    let fact = r#"[{"title": "Altomonte", "h_idx": 0, "t_idx": 1, "r": "P131"}]"#;
    fs::write(at("one.json"), fact).unwrap();
    let convert = ["convert", "--format", "docred", "--split", "dev", "--out", text(folder.path())];
    assert_eq!(docre(convert.iter().chain(&[text(&at("dev.json"))])).code, Some(0));
    for command in ["evaluate", "graph"] {
        let (dev, out) = (at("dev"), at(command));
        let run = |relations: &str, more: &[&str]| {
            let relations = at(relations);
            let base = [command, "--corpus", text(&dev), "--relations", text(&relations), "--out", text(&out)];
            docre(base.iter().chain(more))
        };
        assert_eq!(run("none.json", &[]).code, Some(0));
        let before = files(&out);
        assert_eq!(run("none.json", &[]).code, Some(0), "the same again");
        refused(&run("one.json", &[]), "made from other input or with other options");
        assert!(files(&out) == before);
        assert_eq!(run("one.json", &["--force"]).code, Some(0));
        assert!(files(&out) != before);
    }
}

#[test]
fn training_over_somebodys_files_is_refused_before_it_begins() {
    let fixture = Fixture::new();
    for place in ["best/mine.txt", "last/config.json", "training_log/mine.parquet"] {
        let mine = fixture.path("model").join(place);
        fs::create_dir_all(mine.parent().unwrap()).unwrap();
        fs::write(&mine, "{}").unwrap();
        for more in [&[][..], &["--resume"]] {
            let run = fixture.train(&fixture.config(), "model", more);
            assert!(run.code == Some(1) && !run.stderr.contains("epoch 1"), "{place}: {}", run.stderr);
            assert_eq!(fs::read_to_string(&mine).unwrap(), "{}");
        }
        fs::remove_dir_all(mine.parent().unwrap()).unwrap();
    }
}
