//! Commands that a signal stops, at a moment that each waits for: what is said, what is left, and how they go on.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use docre::table::rows::FactRow;
use docre::table::stream;
use docre::train::TrainConfig;
use serde_json::Value;
use tempfile::TempDir;

use crate::leftovers::cramped;
use crate::pipeline::{Place, outputs};
use crate::support::{Run, docre, files};
use crate::train::Fixture;

/// How often the documents of the sample's test split are repeated: so that work on them takes a while.
const COPIES: usize = 25;

/// A corpus on which work takes a while: `source.json`, and its tables in `whole/train`.
pub fn corpus() -> &'static Path {
    static CORPUS: OnceLock<TempDir> = OnceLock::new();
    let made = CORPUS.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample/test.json");
        let documents: Vec<Value> = serde_json::from_slice(&fs::read(sample).unwrap()).unwrap();
        let copy = |number: usize| {
            documents.iter().cloned().map(move |mut document| {
                document["title"] = format!("{} {number}", document["title"].as_str().unwrap()).into();
                document
            })
        };
        let documents: Vec<Value> = (0..COPIES).flat_map(copy).collect();
        fs::write(folder.path().join("source.json"), serde_json::to_vec(&documents).unwrap()).unwrap();
        let run = docre(convert(folder.path(), &folder.path().join("whole")));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        folder
    });
    made.path()
}

fn convert(corpus: &Path, out: &Path) -> Vec<String> {
    let source = corpus.join("source.json");
    ["convert", "--format", "docred", "--split", "train", "--out", text(out), text(&source)].map(str::to_owned).into()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The program, which heeds signals, whatever the tests were started with.
pub fn start(arguments: &[String], stdin: Stdio) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM,HUP").arg(env!("CARGO_BIN_EXE_docre")).args(arguments);
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn send(child: &Child, signals: &[&str]) {
    let commands: String = signals.iter().map(|signal| format!("kill -{signal} {}; ", child.id())).collect();
    Command::new("sh").args(["-c", &commands]).stderr(Stdio::null()).status().unwrap();
}

/// Starts the program, and sends it signals as soon as `reached` says so; again where it was done before it heard.
fn stop(signals: &[&str], out: &Path, arguments: &[String], reached: impl Fn() -> bool) -> Run {
    for _ in 0..10 {
        let mut child = start(arguments, Stdio::null()).spawn().unwrap();
        while !reached() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        send(&child, signals);
        let output = child.wait_with_output().unwrap();
        if output.status.code() != Some(0) {
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            return Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        }
        let _ = fs::remove_dir_all(out).or_else(|_| fs::remove_file(out));
    }
    panic!("the program was always done before it could be stopped: {arguments:?}");
}

/// What is hidden in a folder, at any depth.
pub fn hidden(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with('.') {
            found.push(entry.path());
        } else if entry.path().is_dir() {
            found.extend(hidden(&entry.path()));
        }
    }
    found
}

/// Files of a folder, by their paths in it; or the one file.
fn content(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if path.is_file() {
        return vec![(PathBuf::new(), fs::read(path).unwrap())];
    }
    files(path).into_iter().map(|(file, bytes)| (file.strip_prefix(path).unwrap().to_path_buf(), bytes)).collect()
}

/// Stops what makes `out` by each signal, runs it again, and compares it with what an undisturbed run makes.
fn stopped_and_run_again(arguments: impl Fn(&Path) -> Vec<String>, sign: &str) {
    let folder = TempDir::new().unwrap();
    let (whole, out) = (folder.path().join("whole/out"), folder.path().join("stopped/out"));
    for path in [&whole, &out] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    let is_sign = |path: &PathBuf| text(path).contains(sign);
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let reached = || hidden(out.parent().unwrap()).iter().any(is_sign) || hidden(&out).iter().any(is_sign);
        let run = stop(&[signal], &out, &arguments(&out), reached);
        // What it says on the way hangs on how fast the machine is.
        let said = format!("stopped by SIG{signal}: run it again\n");
        assert!(run.code == Some(code) && run.stderr.ends_with(&said), "{:?} {}", run.code, run.stderr);
        assert_eq!(content(&out), [], "nothing stands there");
        assert_eq!(hidden(folder.path()), [] as [PathBuf; 0]);
    }
    for path in [&whole, &out] {
        let run = docre(arguments(path));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    assert!(!content(&whole).is_empty() && content(&whole) == content(&out));
    assert_eq!(hidden(folder.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_conversion_that_is_stopped_leaves_nothing() {
    stopped_and_run_again(|out| convert(corpus(), out), ".train.partial");
}

#[test]
fn a_synthesis_that_is_stopped_leaves_nothing() {
    let arguments = |out: &Path| ["synthesize", "--documents", "2000", "--out", text(out)].map(str::to_owned).into();
    stopped_and_run_again(arguments, ".train.partial");
}

#[test]
fn a_graph_that_is_stopped_leaves_nothing() {
    let split = corpus().join("whole/train");
    let facts = split.join("facts");
    let arguments = |out: &Path| {
        let [facts, split, out] = [&facts, &split, out].map(|path| text(path).to_owned());
        let [graph, relations, corpus, to] = ["graph", "--relations", "--corpus", "--out"].map(str::to_owned);
        vec![graph, relations, facts, corpus, split, to, out]
    };
    stopped_and_run_again(arguments, ".out.work");
}

#[test]
fn a_report_that_is_stopped_leaves_nothing() {
    let split = corpus().join("whole/train");
    let arguments = |out: &Path| ["report", text(&split), "--out", text(out)].map(str::to_owned).into();
    stopped_and_run_again(arguments, ".scratch");
}

#[test]
fn what_a_model_does_goes_on_where_it_was_stopped() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 12, ..fixture.config() };
    let run = fixture.train(&config, "model", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = |name: &str| text(&fixture.path(name)).to_owned();
    let none: [PathBuf; 0] = [];

    let train = ["train", "--config", &path("settings.json"), "--out", &path("stopped")].map(str::to_owned);
    let run = stop(&["INT"], &fixture.path("stopped"), &train, || fixture.path("stopped/last/state.json").is_file());
    assert_eq!(run.code, Some(130), "{}", run.stderr);
    assert!(
        run.stderr.ends_with("stopped by SIGINT: --resume goes on from the last whole epoch, if there is one\n"),
        "{}",
        run.stderr
    );
    assert_eq!(hidden(fixture.folder.path()), none);
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    assert!(resumed.code == Some(0) && !resumed.stderr.contains("epoch 1:"), "{}", resumed.stderr);
    for checkpoint in ["best", "last"] {
        let [whole, stopped] = ["model", "stopped"].map(|run| content(&fixture.path(run).join(checkpoint)));
        assert!(whole == stopped, "{checkpoint}");
    }

    let split = ["synthesize", "--docs", "600", "--first", "99", "--split", "many", "--facts", "4", "--out"];
    assert_eq!(docre(split.iter().copied().chain([text(&fixture.path("corpus"))])).code, Some(0));
    let score = |out: &str| {
        let [checkpoint, split, out] = ["model/best", "corpus/many", out].map(path);
        let arguments = ["score", "--checkpoint", &checkpoint, "--corpus", &split, "--out", &out, "--run-id", "run"];
        arguments.map(str::to_owned)
    };
    let work = fixture.path("parts/.scores.work");
    // Names alone are looked at: files come and go there as parts are made.
    let is_part = |entry: fs::DirEntry| {
        !text(Path::new(&entry.file_name())).starts_with('.')
            && entry.path().join("scores/part-00000.parquet").is_file()
    };
    let has_part = || fs::read_dir(&work).is_ok_and(|entries| entries.flatten().any(is_part));
    let run = stop(&["TERM"], &fixture.path("parts"), &score("parts"), has_part);
    let said = "stopped by SIGTERM: the same command goes on with what is left to do\n";
    assert!(run.code == Some(143) && run.stderr.ends_with(said), "{}", run.stderr);
    assert_eq!(hidden(fixture.folder.path()), std::slice::from_ref(&work), "its finished parts are kept");
    let tables = ["traces", "claims", "scores"].map(|name| format!("{name}/part-00000.parquet"));
    assert!(content(&work).iter().all(|(path, _)| tables.iter().any(|table| path.ends_with(table))));
    let [again, whole] = ["parts", "all"].map(|out| docre(score(out)));
    assert!(again.code == Some(0) && again.stderr.contains(" were there already)"), "{}", again.stderr);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert!(content(&fixture.path("parts")) == content(&fixture.path("all")));
    assert_eq!(hidden(fixture.folder.path()), none);

    // The disk is full: there is no part to go on from, and nothing stays. Up to date, it clears what others left.
    let cramped = cramped(1, score("full"));
    assert!(hidden(fixture.folder.path()).is_empty() && !fixture.path("full").exists());
    let again = docre(score("full"));
    assert!(cramped.code == Some(1) && cramped.stderr.contains("File too large"), "{}", cramped.stderr);
    assert_eq!((again.code, again.stderr.contains("were there already")), (Some(0), false), "{}", again.stderr);
    let part = fixture.path("full/.scores.work/0123456789abcdef0123456789abcdef");
    fs::create_dir_all(&part).unwrap();
    fs::create_dir(part.join("scores")).unwrap();
    fs::create_dir(fixture.path("full/.relations.replaced")).unwrap();
    fs::write(fixture.path("full/.relations.lock"), "").unwrap();
    assert!(docre(score("full")).stderr.contains("up to date"));
    assert_eq!(hidden(fixture.folder.path()), none);

    let long = corpus().join("whole/train");
    let [encoder, out] = ["model/best", "encoded"].map(path);
    let encode = ["encode", "--corpus", text(&long), "--encoder", &encoder, "--out", &out].map(str::to_owned);
    let run = stop(&["HUP"], &fixture.path("encoded"), &encode, || fixture.path("encoded/.pieces.partial").is_dir());
    assert_eq!((run.code, run.stderr.as_str()), (Some(129), "stopped by SIGHUP: run it again\n"));
    assert_eq!(hidden(fixture.folder.path()), none);
}

#[test]
fn a_pipeline_that_is_stopped_goes_on_with_the_stage_in_hand() {
    let stage = |name: &str, documents: usize| {
        format!(
            "[[stage]]\nname = \"{name}\"\nkind = \"synthesize\"\nsplit = \"{name}\"\ndocuments = {documents}\n\
             outputs = {{ tables = \"{name}\" }}\n"
        )
    };
    let pipeline = stage("short", 3) + &stage("long", 4000);
    let (whole, stopped) = (Place::new(&pipeline), Place::new(&pipeline));
    whole.run(&[]);
    let (file, runs) = (stopped.path("tiny.toml"), stopped.path("runs"));
    let arguments = ["run", text(&file), "--runs", text(&runs)].map(str::to_owned);
    let run = stop(&["TERM"], &runs, &arguments, || stopped.path("runs/tiny/.work/long").is_dir());
    let said = "stopped by SIGTERM: the same command goes on where it stopped\n";
    assert!(run.code == Some(143) && run.stderr.ends_with(said), "{}", run.stderr);
    assert_eq!(hidden(&runs), [] as [PathBuf; 0]);
    assert_eq!(stopped.run(&[]), ["long"]);
    assert!(outputs(&runs.join("tiny")) == outputs(&whole.path("runs/tiny")));
}

#[test]
fn a_signal_that_is_sent_twice_is_one() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("corpora");
    // As `timeout` sends it.
    let run = stop(&["TERM", "TERM"], &out, &convert(corpus(), &out), || !hidden(&out).is_empty());
    assert_eq!((run.code, run.stderr.as_str()), (Some(143), "stopped by SIGTERM: run it again\n"));
    assert!(!out.exists());
}

#[test]
fn a_second_signal_ends_a_command_that_does_not_hear_the_first() {
    let split = corpus().join("whole/train");
    let mut child =
        start(&["convert", "--to", "docred", text(&split)].map(str::to_owned), Stdio::null()).spawn().unwrap();
    // Nobody reads on, so that it waits until it can write.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    while child.try_wait().unwrap().is_none() {
        send(&child, &["INT"]);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_signal_that_the_program_was_started_to_ignore_is_ignored() {
    let folder = TempDir::new().unwrap();
    let mut ignoring = Command::new("env");
    ignoring.args(["--ignore-signal=HUP", env!("CARGO_BIN_EXE_docre")]).args(convert(corpus(), folder.path()));
    let mut child = ignoring.stderr(Stdio::null()).spawn().unwrap();
    while hidden(folder.path()).is_empty() && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    send(&child, &["HUP"]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// `docre graph --relations -` in a folder, with a temporary folder of its own in `tmp`.
fn piped(folder: &Path) -> Command {
    let split = corpus().join("whole/train");
    let (out, tmp) = (folder.join("graph"), folder.join("tmp"));
    fs::create_dir_all(&tmp).unwrap();
    let arguments = ["graph", "--relations", "-", "--corpus", text(&split), "--out", text(&out)].map(str::to_owned);
    let mut command = start(&arguments, Stdio::piped());
    command.env("TMPDIR", tmp);
    command
}

#[test]
fn a_command_that_waits_for_its_input_is_stopped_too() {
    let folder = TempDir::new().unwrap();
    let child = piped(folder.path()).spawn().unwrap();
    while fs::read_dir(folder.path().join("tmp")).unwrap().next().is_none() {
        thread::yield_now();
    }
    send(&child, &["INT"]);
    let mut child = child;
    // Open to the end, with nothing written.
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "stopped by SIGINT: run it again\n");
    assert!(fs::read_dir(folder.path().join("tmp")).unwrap().next().is_none(), "its scratch is gone");
    assert!(!folder.path().join("graph").exists());
}

#[test]
fn nothing_that_others_put_into_the_temporary_folder_is_read_or_touched() {
    let folder = TempDir::new().unwrap();
    let split = corpus().join("whole/train");
    let facts = stream::send::<FactRow, _>(&split, Vec::new()).unwrap();
    let run = |plant: &str| {
        let template = piped(folder.path());
        let mut command = Command::new("sh");
        // The process keeps its number as it becomes the program.
        command.args(["-c", &format!("old=\"$TMPDIR/docre-$$\"; {plant}; exec \"$@\""), "sh"]);
        command.arg(template.get_program()).args(template.get_args()).env("TMPDIR", folder.path().join("tmp"));
        command.env("FACTS", split.join("facts")).env("HOME", folder.path());
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&facts).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        fs::remove_dir_all(folder.path().join("graph")).unwrap();
        stderr
    };
    let alone = run("true");
    let stale = "mkdir -p \"$old/stdin/relations\" && cp \"$FACTS/part-00000.parquet\" \"$old/stdin/relations/part-00001.parquet\"";
    assert_eq!(run(stale), alone, "a dead process's facts are not these");
    let planted = files(&folder.path().join("tmp"));
    assert_eq!(planted.len(), 1, "what was planted stays, and nothing else: {planted:?}");
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/notes.txt"), "mine").unwrap();
    assert_eq!(run("ln -s \"$HOME/mine\" \"$old\""), alone);
    assert_eq!(content(&folder.path().join("mine")), [(PathBuf::from("notes.txt"), b"mine".to_vec())]);
}
