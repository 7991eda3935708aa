//! `docre run`: what is run, what is skipped and why, and what is refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use docre::pipeline::Pipeline;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{CONVERSION, DOCUMENT, Run, command, corpora, docre, files, rows};

/// Two splits, the facts of one as predictions of themselves, and their metrics.
const TINY: &str = r#"
[sources]
copy = "copy.sql"

[[stage]]
name = "train"
kind = "synthesize"
split = "train"
documents = 4
outputs = { tables = "train" }

[[stage]]
name = "test"
kind = "synthesize"
split = "test"
documents = 3
first = 4
outputs = { tables = "test" }

[[stage]]
name = "copy"
kind = "query"
inputs = { sql = "copy", test = "test" }
outputs = { table = "copied/relations.parquet" }

[[stage]]
name = "evaluate"
kind = "evaluate"
resamples = 10
inputs = { corpus = "test", relations = "copied/relations.parquet", training = "train" }
outputs = { metrics = "figures" }
"#;

const COPY: &str = "SELECT 'copy' AS run_id, doc_id, head, tail, relation FROM test_facts";
const STAGES: [&str; 4] = ["train", "test", "copy", "evaluate"];

/// A working directory with a pipeline file `tiny.toml`.
pub struct Place(TempDir);

impl Place {
    pub fn new(pipeline: &str) -> Self {
        let place = Self(TempDir::new().unwrap());
        place.write("tiny.toml", pipeline);
        place.write("copy.sql", COPY);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// `docre run` here.
    pub fn docre(&self, arguments: &[&str]) -> Run {
        let output = command(["run"].iter().chain(arguments)).current_dir(self.0.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs `tiny.toml` and returns the stages that were not up to date.
    pub fn run(&self, further: &[&str]) -> Vec<String> {
        let run = self.docre(&[&["tiny.toml"], further].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let stage = |line: &str| Some(line.strip_prefix("tiny/")?.split_once(": running")?.0.to_owned());
        run.stderr.lines().filter_map(stage).collect()
    }

    /// The message with which `tiny.toml` fails.
    pub fn failure(&self, further: &[&str]) -> String {
        let run = self.docre(&[&["tiny.toml"], further].concat());
        assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
        run.stderr
    }

    pub fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("runs/tiny/manifest.json")).unwrap()).unwrap()
    }
}

/// What a run leaves, but for the manifest, which has times in it.
pub fn outputs(run_folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let relative =
        |(path, content): (PathBuf, Vec<u8>)| (path.strip_prefix(run_folder).unwrap().to_path_buf(), content);
    files(run_folder).into_iter().map(relative).filter(|(path, _)| path != Path::new("manifest.json")).collect()
}

#[test]
fn stages_run_once_and_are_up_to_date_then() {
    let place = Place::new(TINY);
    assert_eq!(place.run(&[]), STAGES);
    let first = outputs(&place.path("runs/tiny"));
    let again = place.docre(&["tiny.toml"]);
    assert_eq!(again.code, Some(0));
    let lines: Vec<String> = STAGES.iter().map(|stage| format!("tiny/{stage}: up to date")).collect();
    let (stages, summary) = again.stderr.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(stages.lines().collect::<Vec<_>>(), lines);
    assert!(summary.starts_with("tiny: done in ") && summary.ends_with("the tables are in runs/tiny"), "{summary}");
    assert!(again.stdout.starts_with("metric"), "the figures are shown again: {}", again.stdout);
    assert!(outputs(&place.path("runs/tiny")) == first);
    assert_eq!(
        rows(&place.path("runs/tiny"), "SELECT DISTINCT corpus, split, run_id FROM figures"),
        ["tiny,test,copy"]
    );
    let all = "SELECT f1 FROM figures WHERE metric = 'F1' AND scope = 'all' AND relation IS NULL";
    assert_eq!(rows(&place.path("runs/tiny"), all), ["1.0"]);
    assert!(!place.path("runs/tiny/.work").exists());
}

#[test]
fn a_changed_option_runs_its_stage_and_those_behind_it() {
    let place = Place::new(TINY);
    place.run(&[]);
    assert_eq!(place.run(&["--set", "test.documents=2"]), ["test", "copy", "evaluate"]);
    assert_eq!(rows(&place.path("runs/tiny"), "SELECT count(*) FROM test_documents"), ["2"]);
    assert_eq!(place.run(&["--set", "test.documents=2"]), [] as [&str; 0]);
    assert_eq!(place.run(&[]), ["test", "copy", "evaluate"], "without the setting, the file holds again");
    assert_eq!(place.run(&["--set", "evaluate.resamples=20"]), ["evaluate"]);
}

#[test]
fn a_changed_source_runs_the_stages_that_read_it() {
    let place = Place::new(TINY);
    place.run(&[]);
    place.write("copy.sql", &format!("{COPY} WHERE head < tail"));
    assert_eq!(place.run(&[]), ["copy", "evaluate"]);
    place.write("copy.sql", &format!("{COPY} WHERE tail > head"));
    assert_eq!(place.run(&[]), ["copy"], "the same table came out: what stands behind it is up to date");
    place.write("other.sql", COPY);
    assert_eq!(place.run(&["--set", "sources.copy=other.sql"]), ["copy", "evaluate"]);
}

#[test]
fn outputs_that_are_gone_or_damaged_are_made_again() {
    let place = Place::new(TINY);
    place.run(&[]);
    let whole = outputs(&place.path("runs/tiny"));
    fs::remove_dir_all(place.path("runs/tiny/train/mentions")).unwrap();
    let damaged = place.path("runs/tiny/copied/relations.parquet");
    fs::write(&damaged, &fs::read(&damaged).unwrap()[1..]).unwrap();
    fs::remove_dir_all(place.path("runs/tiny/figures")).unwrap();
    assert_eq!(place.run(&[]), ["train", "copy", "evaluate"]);
    assert!(outputs(&place.path("runs/tiny")) == whole);
}

#[test]
fn a_part_of_the_stages_can_be_chosen() {
    let place = Place::new(TINY);
    let missing = place.failure(&["--from", "copy"]);
    assert!(missing.contains("tiny/copy: input `test`: expected runs/tiny/test, found nothing"), "{missing}");
    assert_eq!(place.run(&["--until", "test"]), ["train", "test"]);
    assert_eq!(place.run(&["--from", "test", "--until", "copy"]), ["copy"]);
    assert_eq!(place.run(&["--from", "copy", "--force"]), ["copy", "evaluate"]);
    assert_eq!(place.run(&["--force"]), STAGES);
    assert!(place.failure(&["--from", "copy", "--until", "test"]).contains("comes after the last"));
    let unknown = place.failure(&["--until", "evalute"]);
    assert!(unknown.contains("tiny: unknown stage `evalute`, the nearest known one is `evaluate`"), "{unknown}");
}

#[test]
fn a_dry_run_tells_what_would_run_and_changes_nothing() {
    let place = Place::new(TINY);
    let dry = place.docre(&["tiny.toml", "--dry-run"]);
    let expected = [
        "tiny/train: to run: it has not run yet",
        "tiny/test: to run: it has not run yet",
        "tiny/copy: to run: input `test` is made anew",
        "tiny/evaluate: to run: input `test` is made anew",
    ];
    assert_eq!(dry.stdout.lines().collect::<Vec<_>>(), expected, "{}", dry.stderr);
    assert!(!place.path("runs").exists());
    place.run(&[]);
    let before = files(&place.path("runs"));
    let dry = place.docre(&["tiny.toml", "--dry-run", "--set", "train.documents=5"]);
    let expected = [
        "tiny/train: to run: option `documents` changed from 4 to 5",
        "tiny/test: up to date",
        "tiny/copy: up to date",
        "tiny/evaluate: to run: input `train` is made anew",
    ];
    assert_eq!(dry.stdout.lines().collect::<Vec<_>>(), expected);
    assert!(files(&place.path("runs")) == before);
}

#[test]
fn the_manifest_says_what_was_made_of_what() {
    let place = Place::new(TINY);
    place.run(&[]);
    let manifest = place.manifest();
    assert_eq!(manifest["pipeline"], "tiny");
    let stages = manifest["stages"].as_array().unwrap();
    assert_eq!(stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect::<Vec<_>>(), STAGES);
    let copy = &stages[2];
    assert_eq!((&copy["kind"], &copy["docre"]), (&"query".into(), &env!("CARGO_PKG_VERSION").into()));
    assert_eq!(copy["inputs"]["sql"][0]["path"], "copy.sql");
    let hash = |bytes: &[u8]| Value::from(&blake3::hash(bytes).to_hex()[..32]);
    assert_eq!(copy["inputs"]["sql"][0]["hash"], hash(COPY.as_bytes()));
    let made = fs::read(place.path("runs/tiny/copied/relations.parquet")).unwrap();
    assert_eq!(copy["outputs"]["table"]["hash"], hash(&made));
    assert_eq!(stages[3]["inputs"]["relations"][0], copy["outputs"]["table"]);
    assert!(copy["seconds"].as_f64().unwrap() >= 0.0 && copy["started"].as_u64().unwrap() > 0);
    assert_eq!(copy["build"], docre::BUILD);
    place.write("runs/tiny/manifest.json", "{");
    let broken = place.failure(&[]);
    assert!(broken.contains("runs/tiny/manifest.json: expected a manifest"), "{broken}");
}

#[test]
fn a_file_with_a_fault_is_refused_before_anything_runs() {
    let cases = [
        (
            "documents = 4",
            "documnets = 4",
            "stage `train`: unknown key `documnets`, the nearest known one is `documents`",
        ),
        (
            "documents = 4",
            "documents = \"4\"",
            "stage `train`: `documents`: expected a whole number of 0 or more, got string \"4\"",
        ),
        ("documents = 4\n", "", "stage `train`: missing field `documents`"),
        ("documents = 4", "documents = ", "line 9, column 13: "),
        ("[sources]", "[source]", "unknown key `source`, the nearest known one is `sources`"),
        (
            "kind = \"query\"",
            "kind = \"querry\"",
            "stage `copy`: unknown kind `querry`, the nearest known one is `query`",
        ),
        ("name = \"test\"", "name = \"train\"", "two stages are named `train`"),
        (
            "tables = \"test\"",
            "tables = \"train\"",
            "stage `test`: `train` is made twice, by stage `train` and by stage `test`",
        ),
        (
            "tables = \"test\"",
            "tables = \"train/x\"",
            "`train/x` of stage `test` and `train` of stage `train` lie one inside the other",
        ),
        ("tables = \"test\"", "tables = \"../test\"", "stage `test`: output `../test`: expected the path of a visible"),
        (
            "tables = \"test\"",
            "table = \"test\"",
            "stage `test`: unknown output `table`, the nearest known one is `tables`",
        ),
        (
            "corpus = \"test\"",
            "corpus = \"tset\"",
            "stage `evaluate`: unknown source or output `tset`, the nearest known one is `test`",
        ),
        ("corpus = \"test\", ", "", "stage `evaluate`: expected an input `corpus`, got none"),
        (
            "test = \"test\"",
            "test = \"figures\"",
            "stages that read one another's outputs in no circle, got `copy`, which reads from `evaluate`, which reads \
             from `copy`",
        ),
        ("test = \"test\"", "test = [\"test\", \"train\"]", "stage `copy`: input `test`: expected one name, got 2"),
        ("training =", "trainig =", "stage `evaluate`: unknown input `trainig`, the nearest known one is `training`"),
    ];
    for (from, to, expected) in cases {
        let place = Place::new(&TINY.replacen(from, to, 1));
        let message = place.failure(&[]);
        assert!(message.starts_with("error: tiny.toml: ") && message.contains(expected), "{to}: {message}");
        assert!(!place.path("runs").exists(), "{to}");
    }
    let place = Place::new(TINY);
    let unknown = place.failure(&["--set", "train.document=1"]);
    assert!(unknown.contains("unknown key `document`, the nearest known one is `documents`"), "{unknown}");
    assert!(place.failure(&["--set", "trian.documents=1"]).contains("--set trian.documents=1: unknown stage `trian`"));
    let formless = place.docre(&["tiny.toml", "--set", "documents"]);
    assert_eq!(formless.code, Some(2));
    assert!(formless.stderr.contains("expected STAGE.KEY=VALUE"), "{}", formless.stderr);
}

#[test]
fn a_pipeline_without_its_sources_is_left_out() {
    let place = Place::new(TINY);
    fs::remove_file(place.path("copy.sql")).unwrap();
    let message = place.failure(&[]);
    assert!(message.starts_with("error: tiny: left out: `copy.sql` is not there"), "{message}");
    assert_eq!(place.run(&["--until", "test"]), ["train", "test"], "stages that do not need it run");
    fs::create_dir(place.path("pipelines")).unwrap();
    place.write("pipelines/absent.toml", TINY);
    place.write("pipelines/present.toml", TINY.split("[[stage]]\nname = \"copy\"").next().unwrap());
    for arguments in [&["--all"][..], &["pipelines/absent.toml", "pipelines/present.toml"]] {
        let run = place.docre(arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("absent: left out: `copy.sql` is not there\nhint: "), "{}", run.stderr);
        assert!(place.path("runs/present/test/facts").is_dir() && !place.path("runs/absent").exists());
    }
    place.write("pipelines/broken.toml", "stage = 3");
    assert_eq!(place.docre(&["--all"]).code, Some(1));
    for further in [&["--from", "test"][..], &["--until", "test"], &["--set", "test.documents=2"]] {
        for files in [&["--all"][..], &["pipelines/absent.toml", "pipelines/present.toml"]] {
            let run = place.docre(&[files, further].concat());
            assert_eq!(run.code, Some(2), "{}", run.stderr);
            assert!(run.stderr.contains("are of one pipeline: expected one file, got "), "{}", run.stderr);
        }
    }
    let alike = place.docre(&["pipelines/present.toml", "present.toml"]);
    assert_eq!(alike.code, Some(2), "{}", alike.stderr);
    assert!(alike.stderr.contains("got pipelines/present.toml and present.toml"), "{}", alike.stderr);
}

#[test]
fn an_optional_stage_without_its_source_is_left_out_with_those_that_need_it() {
    let optional = |text: &str, stage: &str| {
        text.replace(&format!("name = \"{stage}\"\n"), &format!("name = \"{stage}\"\noptional = true\n"))
    };
    let one = optional(TINY, "copy");
    let message = Place::new(&one).failure(&[]);
    let reason =
        "stage `evaluate`: expected `optional = true`, as `copied/relations.parquet` is of the optional stage `copy`";
    assert!(message.contains(reason), "{message}");
    let place = Place::new(&optional(&one, "evaluate"));
    fs::remove_file(place.path("copy.sql")).unwrap();
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told = "tiny: without the stages `copy`, `evaluate`, as `copy.sql` is not there\n";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(place.path("runs/tiny/test/facts").is_dir() && !place.path("runs/tiny/figures").exists());
    let message = place.failure(&["--until", "evaluate"]);
    assert!(message.contains("stage `evaluate`: the run is without the stages `copy`"), "{message}");
    // What is asked for without it is not told, and once its source is there it runs.
    place.write("copy.sql", COPY);
    assert_eq!(place.run(&[]), ["copy", "evaluate"]);
    // What is not there for once was made all the same.
    fs::rename(place.path("copy.sql"), place.path("away.sql")).unwrap();
    assert_eq!(place.run(&["--set", "train.seed=5"]), ["train"]);
    fs::rename(place.path("away.sql"), place.path("copy.sql")).unwrap();
    assert_eq!(place.run(&[]), ["train"]);
}

#[cfg(unix)]
#[test]
fn an_output_goes_to_where_a_link_in_its_place_leads() {
    let place = Place::new(TINY);
    fs::create_dir_all(place.path("runs/tiny")).unwrap();
    fs::create_dir(place.path("far")).unwrap();
    let link = place.path("runs/tiny/train");
    std::os::unix::fs::symlink(place.path("far/train"), &link).unwrap();
    place.run(&[]);
    assert!(link.is_symlink() && place.path("far/train/facts").is_dir());
    assert_eq!(place.run(&["--set", "train.documents=5"]), ["train", "evaluate"]);
    let names = fs::read_dir(place.path("far")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!((link.is_symlink(), names.collect::<Vec<_>>()), (true, vec!["train".into()]));
}

#[test]
fn what_no_stage_makes_any_more_is_told() {
    let place = Place::new(TINY);
    place.run(&[]);
    place.write(
        "tiny.toml",
        &TINY.replace("name = \"evaluate\"", "name = \"judge\"").replace("\"figures\"", "\"judged\""),
    );
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("tiny: no stage makes `figures` any more: it stays as it is\n"), "{}", run.stderr);
    assert!(!place.docre(&["tiny.toml"]).stderr.contains("any more"));
}

#[test]
fn a_second_run_is_kept_out() {
    let place = Place::new(TINY);
    place.run(&["--until", "train"]);
    let held = fs::File::create(place.path("runs/tiny/.lock")).unwrap();
    held.lock().unwrap();
    assert!(place.failure(&[]).contains("runs/tiny: another docre is writing it"));
    assert_eq!(place.docre(&["tiny.toml", "--dry-run"]).code, Some(0));
}

#[test]
fn a_failed_stage_keeps_what_was_there() {
    let place = Place::new(TINY);
    place.run(&[]);
    let before = outputs(&place.path("runs/tiny"));
    place.write("copy.sql", "SELECT nothing FROM nowhere");
    let message = place.failure(&[]);
    assert!(message.contains("tiny/copy: copy.sql: ") && message.contains("tables here: "), "{message}");
    let visible = |(path, _): &(PathBuf, Vec<u8>)| !path.starts_with(".work");
    assert!(outputs(&place.path("runs/tiny")).into_iter().filter(visible).collect::<Vec<_>>() == before);
    place.write("copy.sql", COPY);
    assert_eq!(place.run(&[]), [] as [&str; 0]);
}

#[test]
fn killed_at_any_moment_and_run_again_gives_the_same_bytes() {
    let pipeline = TINY.replace("documents = 4", "documents = 600").replace("documents = 3", "documents = 300");
    let uninterrupted = Place::new(&pipeline);
    assert_eq!(uninterrupted.run(&[]), STAGES);
    let expected = outputs(&uninterrupted.path("runs/tiny"));
    // What the run has got to when it is killed; each is seen on the way to the next.
    for reached in [".lock", ".work/train", "train", ".work/test", "manifest.json", "test", "copied/relations.parquet"]
    {
        let place = Place::new(&pipeline);
        let mut run = command(["run", "tiny.toml"]);
        let mut child = run.current_dir(place.0.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !place.path("runs/tiny").join(reached).exists() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        let _ = child.kill();
        child.wait().unwrap();
        for (path, content) in outputs(&place.path("runs/tiny")) {
            let hidden = [".work", ".lock", ".manifest"];
            let visible = !hidden.iter().any(|name| path.to_str().unwrap().starts_with(name));
            let whole = || expected.iter().any(|(other, bytes)| *other == path && *bytes == content);
            assert!(!visible || whole(), "{reached}: {} is not whole", path.display());
        }
        place.run(&[]);
        let left = outputs(&place.path("runs/tiny"));
        assert!(left == expected, "{reached}: {:?}", left.iter().map(|(path, _)| path).collect::<Vec<_>>());
    }
}

#[test]
fn rejected_records_are_told_each_time() {
    let place = Place::new(CONVERSION);
    let damaged = DOCUMENT.replace("Altomonte", "Elsewhere").replace(r#""sents""#, r#""sentences""#);
    place.write("dev.json", &format!("[{DOCUMENT}, {damaged}]"));
    let refused = place.failure(&[]);
    let share = "1 of 2 documents were rejected, more than a share of 0.1 (`max_rejected`); 1 for the reason dev.json: record 2";
    assert!(refused.contains(share), "{refused}");
    place.write("tiny.toml", &CONVERSION.replace("kind = \"convert\"", "kind = \"convert\"\nmax_rejected = 0.5"));
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(
        run.stderr.contains("tiny/dev: 1 of 2 documents were rejected") && run.stderr.contains("Elsewhere"),
        "{}",
        run.stderr
    );
    assert_eq!(place.manifest()["stages"][0]["rejected"], 1);
    assert_eq!(rows(&place.path("runs/tiny/dev"), "SELECT doc_id FROM documents"), ["Altomonte"]);
    let again = place.docre(&["tiny.toml"]);
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert!(
        again.stderr.contains("tiny/dev: up to date\ntiny/dev: 1 of 2 documents were rejected"),
        "{}",
        again.stderr
    );
    assert!(again.stderr.contains("Elsewhere"), "{}", again.stderr);
    let format = place.failure(&["--set", "dev.format=docrd"]);
    assert!(
        format.contains("stage `dev`: `format`: unknown format `docrd`, the nearest known one is `docred`"),
        "{format}"
    );
}

#[test]
fn several_places_for_a_source_are_looked_at_in_order() {
    let place = Place::new(&TINY.replace(r#"copy = "copy.sql""#, r#"copy = ["first.sql", "copy.sql"]"#));
    assert_eq!(place.run(&[]), STAGES);
    assert_eq!(place.manifest()["stages"][2]["inputs"]["sql"][0]["path"], "copy.sql");
    place.write("first.sql", COPY);
    assert_eq!(place.run(&[]), ["copy"]);
    assert_eq!(place.run(&["--set", "sources.copy=copy.sql"]), ["copy"]);
    let place = Place::new(&TINY.replace(r#"copy = "copy.sql""#, r#"copy = ["one.sql", "other.sql"]"#));
    assert!(place.failure(&[]).contains("left out: `one.sql` or `other.sql` is not there"));
    let place = Place::new(&TINY.replace(r#"copy = "copy.sql""#, "copy = []"));
    assert!(place.failure(&[]).contains("expected a path or several, got none"));
}

#[test]
fn an_output_takes_a_place_without_losing_what_a_killed_run_had() {
    let place = Place::new(TINY);
    place.run(&[]);
    let first = outputs(&place.path("runs/tiny"));
    // As if killed after the outputs were in their places and before the manifest knew.
    let mut manifest = place.manifest();
    manifest["stages"].as_array_mut().unwrap().truncate(2);
    place.write("runs/tiny/manifest.json", &manifest.to_string());
    assert_eq!(place.run(&[]), ["copy", "evaluate"]);
    assert!(outputs(&place.path("runs/tiny")) == first);
}

#[test]
fn another_build_runs_the_stages_again() {
    let place = Place::new(TINY);
    place.run(&[]);
    let mut manifest = place.manifest();
    for stage in manifest["stages"].as_array_mut().unwrap().iter_mut().take(2) {
        stage["build"] = "0123".into();
    }
    // As docre wrote it before it knew its builds.
    manifest["stages"][3].as_object_mut().unwrap().remove("build");
    place.write("runs/tiny/manifest.json", &manifest.to_string());
    let dry = place.docre(&["tiny.toml", "--dry-run", "--from", "evaluate"]);
    assert_eq!(dry.stdout, "tiny/evaluate: to run: another build of docre made it\n", "{}", dry.stderr);
    assert_eq!(place.run(&[]), ["train", "test", "evaluate"], "the same tables came out: `copy` is up to date");
    assert_eq!(place.run(&[]), [] as [&str; 0]);
}

#[test]
fn a_split_is_the_same_by_itself_and_in_a_pipeline() {
    let place = Place::new(&CONVERSION.replace("inputs", "candidates = [\"LOC:LOC\"]\ninputs"));
    place.write("dev.json", &format!("[{DOCUMENT}]"));
    assert_eq!(place.run(&[]), ["dev"]);
    let (source, alone) = (place.path("dev.json"), place.path("alone"));
    let arguments = ["convert", "--format", "docred", "--split", "dev", "--candidates", "LOC:LOC", "--out"];
    let arguments = arguments.into_iter().map(Into::into).chain([alone.as_os_str().to_owned(), source.into()]);
    assert_eq!(docre(arguments).code, Some(0));
    // The runner tells what it has read, the command reads for itself: the tables name the same origin.
    let told = outputs(&place.path("runs/tiny/dev"));
    assert!(!told.is_empty() && told == outputs(&alone.join("dev")));
}

#[test]
fn the_shipped_pipelines_are_whole() {
    let listed = command(["run", "--all", "--dry-run", "--runs", "target/no-such-folder"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let [stdout, stderr] = [listed.stdout, listed.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(listed.status.code(), Some(0), "{stderr}");
    for name in [
        "biored",
        "biored-minilm",
        "cdr",
        "cdr-minilm",
        "docred",
        "docred-roberta-large",
        "gda",
        "jacred",
        "redocred",
        "redocred-dev",
    ] {
        let planned = ["train-split", "dev-split", "train", "score", "evaluate", "graph", "report"]
            .iter()
            .all(|stage| stdout.contains(&format!("{name}/{stage}: ")));
        assert!(planned || stderr.contains(&format!("{name}: left out: ")), "{name}: {stdout}{stderr}");
    }
    assert!(stderr.contains("own: left out: ") && stderr.contains("`data/own/documents.jsonl`"), "{stderr}");
    assert!(stdout.contains("sample/evaluate: to run"), "{stdout}{stderr}");
}

#[test]
fn the_shipped_pipelines_take_every_kind_of_model() {
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines")).unwrap() {
        let path = file.unwrap().path();
        // `own` trains nothing.
        if path.extension().is_none_or(|ending| ending != "toml") || path.ends_with("own.toml") {
            continue;
        }
        // What only DocRE-II has is told where another takes its place.
        let is_plain = path.file_name().unwrap().to_string_lossy().ends_with("-atlop.toml")
            || path.ends_with("docred-distant.toml")
            || path.ends_with("docred-dreeam.toml");
        for kind in ["atlop", "docre-ii", "docre-sd"] {
            let setting = format!("train.model.kind={kind}");
            let pipeline = Pipeline::read(&path, &[setting]).unwrap();
            assert_eq!(
                pipeline.notes.is_empty(),
                kind == "docre-ii" || is_plain,
                "{}: {:?}",
                path.display(),
                pipeline.notes
            );
        }
    }
}

#[test]
fn the_shipped_pipelines_convert_the_corpora_that_are_there() {
    let Some(corpora) = corpora() else { return };
    let place = Place::new(TINY);
    symlink(fs::canonicalize(corpora).unwrap(), place.path("data")).unwrap();
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines"), place.path("pipelines")).unwrap();
    for (pipeline, n_train, n_dev) in [
        ("biored-minilm", 400, 100),
        ("cdr", 500, 500),
        ("cdr-atlop", 500, 500),
        ("cdr-minilm", 500, 500),
        ("redocred-dev", 400, 100),
    ] {
        let run = place.docre(&[&format!("pipelines/{pipeline}.toml"), "--until", "dev-split"]);
        if run.stderr.contains("left out") {
            println!("skipped: {}", run.stderr);
            continue;
        }
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        for (split, n_documents) in [("train", n_train), ("dev", n_dev)] {
            let tables = place.path("runs").join(pipeline).join(split);
            assert_eq!(rows(&tables, "SELECT count(*) FROM documents"), [n_documents.to_string()], "{pipeline}");
        }
    }
}
