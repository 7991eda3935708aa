//! `docre run` on stages that train and score: what is made, what is gone on from, and what is refused.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::thread;

use candle_core::{Device, Tensor, safetensors};

use crate::models::{splits, training};
use crate::pipeline::{Place, outputs};
use crate::support::{command, rows};

/// Two splits, a model of the one that the other chooses, its relations, and their metrics.
static MODEL: LazyLock<String> = LazyLock::new(|| {
    let outputs = r#"checkpoint = "model", log = "training_log""#;
    splits(12, 4) + &training("train", r#"kind = "atlop", embedding = 16, block = 4"#, "epochs = 6", "", outputs) + REST
});

const REST: &str = r#"
[[stage]]
name = "score"
kind = "score"
inputs = { checkpoint = "model", corpus = "dev" }
outputs = { relations = "relations" }

[[stage]]
name = "evaluate"
kind = "evaluate"
resamples = 10
inputs = { corpus = "dev", relations = "relations", training = "train" }
outputs = { metrics = "metrics" }
"#;
const STAGES: [&str; 5] = ["train-split", "dev-split", "train", "score", "evaluate"];

/// What a run leaves, but for its times: the manifest, and the log, which has rates in it.
fn content(place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let timeless = |(path, _): &(PathBuf, Vec<u8>)| !path.starts_with("training_log");
    outputs(&place.path("runs/tiny")).into_iter().filter(timeless).collect()
}

/// Starts `tiny.toml` and kills it once `reached` says so of the run folder.
fn kill_when(place: &Place, reached: impl Fn(&Path) -> bool) {
    let mut run = command(["run", "tiny.toml"]);
    run.current_dir(place.path("")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.spawn().unwrap();
    while !reached(&place.path("runs/tiny")) && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    let _ = child.kill();
    child.wait().unwrap();
}

/// Whether some folder of a stage's recipe has, below it, what `found` looks for.
fn in_work(run: &Path, stage: &str, found: impl Fn(&Path) -> bool) -> bool {
    let recipes = fs::read_dir(run.join(".work").join(stage));
    recipes.is_ok_and(|mut recipes| recipes.any(|recipe| recipe.is_ok_and(|recipe| found(&recipe.path()))))
}

/// The golden encoder without the classifier above it, in a folder that is made.
pub fn encoder(folder: &Path) {
    let golden = crate::golden::folder("atlop_bert");
    fs::create_dir_all(folder).unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::copy(golden.join(file), folder.join(file)).unwrap();
    }
    let mut weights = safetensors::load(golden.join("model.safetensors"), &Device::Cpu).unwrap();
    weights.retain(|name, _| name.starts_with("model."));
    safetensors::save(&weights, folder.join("model.safetensors")).unwrap();
}

/// The encoder in a folder becomes another of the same shape.
pub fn scale(folder: &Path) {
    let file = folder.join("model.safetensors");
    let weights = safetensors::load(&file, &Device::Cpu).unwrap();
    let scaled: HashMap<String, Tensor> =
        weights.into_iter().map(|(name, weight)| (name, (weight * 1.01).unwrap())).collect();
    safetensors::save(&scaled, file).unwrap();
}

/// A Hugging Face cache that holds it as `org/tiny`.
fn cache(place: &Place) -> PathBuf {
    let (cache, model) = (place.path("cache"), place.path("cache/models--org--tiny"));
    encoder(&model.join("snapshots/abc"));
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::write(model.join("refs/main"), "abc").unwrap();
    cache
}

#[test]
fn a_model_is_trained_scored_and_evaluated() {
    let place = Place::new(&MODEL);
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("tiny/train: epoch 6: loss "), "{}", run.stderr);
    assert!(run.stderr.contains("tiny/score: 4 documents, "), "{}", run.stderr);
    assert!(run.stderr.trim_end().ends_with("the tables are in runs/tiny"), "{}", run.stderr);
    let (best, table) = run.stdout.split_once('\n').unwrap();
    assert!(best.starts_with("tiny/train: the best epoch, ") && table.starts_with("metric"), "{}", run.stdout);
    let folder = place.path("runs/tiny");
    // Twelve documents in batches of three: four steps an epoch.
    let log = rows(&folder, "SELECT count(*), max(epoch), count(dev_f1) FROM training_log");
    assert_eq!(log, ["24,6,6"]);
    let best = rows(&folder, "SELECT max(dev_f1) FROM training_log");
    let all = "SELECT f1 FROM metrics WHERE metric = 'F1' AND scope = 'all' AND relation IS NULL";
    assert_eq!(rows(&folder, all), best, "scoring with the best checkpoint gives what training saw");
    let manifest = place.manifest();
    let devices: Vec<bool> = (0..5).map(|stage| manifest["stages"][stage]["device"].is_string()).collect();
    assert_eq!(devices, [false, false, true, true, false]);
    assert!(!folder.join(".work").exists());
    let again = place.docre(&["tiny.toml"]);
    assert_eq!((again.code, &again.stdout), (Some(0), &run.stdout));
    assert!(!again.stderr.contains("running"), "{}", again.stderr);
    // What is decided of a model beside it is no part of the model, but of what it scores.
    let decision = folder.join("model/decision.json");
    fs::write(&decision, r#"{"shift": 0.5}"#).unwrap();
    assert_eq!(place.run(&[]), ["score", "evaluate"]);
    let anew = place.docre(&["tiny.toml", "--from", "train", "--until", "train", "--force"]);
    assert!(anew.stderr.contains("decision.json: decided of the model that is replaced"), "{}", anew.stderr);
    assert!(anew.code == Some(0) && !decision.exists());
}

#[test]
fn settings_reach_into_tables() {
    let place = Place::new(&MODEL);
    let quick = ["--set", "train.epochs=1"];
    assert_eq!(place.run(&quick), STAGES);
    let wider = [&quick[..], &["--set", "train.encoder.scratch.inner=8"]].concat();
    assert_eq!(place.run(&wider), ["train", "score", "evaluate"]);
    assert_eq!(place.run(&wider), [] as [&str; 0]);
    let dry = place.docre(&[&["tiny.toml", "--dry-run"], &wider[..], &["--set", "train.model.block=8"]].concat());
    let changed = "tiny/train: to run: option `model` changed from ";
    assert!(dry.stdout.contains(changed) && dry.stdout.contains(r#""block":8"#), "{}", dry.stdout);
    let cases = [
        ("train.epochs.last=1", "`epochs`: expected a table with the key `last`, got integer"),
        ("train.encoder.scratch.layer=1", "unknown field `layer`, expected one of `layers`"),
        ("train.encoder.pretrained=x", "`encoder`: expected one of `pretrained` and `scratch`, got both"),
        ("train.model.kind=\"docre\"", "unknown variant `docre`, expected "),
        ("train.epoch=1", "unknown key `epoch`, the nearest known one is `epochs`"),
        ("train.corpus=x", "unknown key `corpus`"),
        ("train.noise=0.1", "unknown key `noise`, it is one of `model`: model = { noise = … }"),
        ("train.epochs=0", "`epochs`: expected at least 1, got 0"),
        ("train.inputs.encoder=dev", "`encoder`: expected it once, as an input or as an option, got it twice"),
    ];
    for (setting, expected) in cases {
        let message = place.failure(&["--set", setting]);
        assert!(message.contains(expected), "{setting}: {message}");
    }
    let neither = Place::new(&MODEL.replace("encoder.scratch =", "#"));
    assert!(
        neither.failure(&[]).contains("`encoder`: expected it once, as an input or as an option, got it not at all")
    );
}

#[test]
fn another_kind_of_model_takes_what_it_knows_of_the_file() {
    let own = r#"model = { kind = "docre-ii", embedding = 16, block = 4, pair_feature = "grouped-bilinear", K = 2 }"#;
    let place = Place::new(&MODEL.replace(r#"model = { kind = "atlop", embedding = 16, block = 4 }"#, own));
    let dry = |settings: &[&str]| {
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        place.docre(&[&["tiny.toml", "--dry-run"], &settings[..]].concat())
    };
    for (kind, left_out) in [("atlop", "`K`, `pair_feature`"), ("docre-sd", "`K`")] {
        for setting in [format!("train.model.kind={kind}"), format!("model.kind=\"{kind}\"")] {
            let run = dry(&[&setting]);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            let told = format!("tiny: --set {setting}: leaves out the file's {left_out}: this kind has none\n");
            assert_eq!(run.stderr, told);
        }
    }
    let by_recipe = r#"model = { kind = "docre-ii", recipe = "docre", embedding = 16, block = 4 }"#;
    let of_recipe = Place::new(&MODEL.replace(r#"model = { kind = "atlop", embedding = 16, block = 4 }"#, by_recipe));
    let run = of_recipe.docre(&["tiny.toml", "--dry-run", "--set", "model.kind=atlop"]);
    let told = "tiny: --set model.kind=atlop: leaves out the file's `recipe`: this kind has none\n";
    assert_eq!((run.code, &*run.stderr), (Some(0), told));
    let run = of_recipe.docre(&["tiny.toml", "--dry-run", "--set", "model.kind=docre-sd"]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    let same = dry(&["model.kind=docre-ii", "model.K=1"]);
    assert_eq!((same.code, &*same.stderr), (Some(0), ""));
    // A key of a setting is not left out, whichever setting comes first.
    for settings in [["model.L=1", "model.kind=atlop"], ["model.kind=atlop", "model.L=1"]] {
        let run = dry(&settings);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains("unknown field `L`"), "{}", run.stderr);
    }
    assert!(place.failure(&["--set", "modle.kind=atlop"]).contains("unknown stage `modle`"));
    let several = place.failure(&["--set", "outputs.tables=x"]);
    assert!(
        several.contains("expected a stage before `outputs`, both `train-split` and `dev-split` have it"),
        "{several}"
    );
}

#[test]
fn a_base_is_an_input_of_training() {
    let stage = training(
        "whole",
        r#"kind = "docre-ii", embedding = 16, block = 4"#,
        "epochs = 6\nsecond_stage = { epochs = 2 }",
        r#", base = "model""#,
        r#"checkpoint = "whole", log = "whole_log""#,
    );
    let base = r#"kind = "docre-ii", K = 0, embedding"#;
    let pipeline = MODEL.replace(r#"kind = "atlop", embedding"#, base).replace("epochs = 6", "epochs = 1") + &stage;
    let place = Place::new(&pipeline);
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("tiny/whole: the best of stage 2, epoch "), "{}", run.stdout);
    let refused = place.failure(&["--set", "whole.model.K=0"]);
    assert!(refused.contains("stage `whole`: `base`: expected none, as the model has no base"), "{refused}");
    for option in ["base", "teacher"] {
        let message = place.failure(&["--set", &format!("train.{option}=x")]);
        assert!(message.contains(&format!("unknown key `{option}`")), "{message}");
    }
    let pupil = ["whole.model.kind=docre-sd", "whole.model.distillation=teacher"];
    let inputs = "whole.inputs={ train = \"train\", dev = \"dev\", teacher = \"model\" }";
    let taught = [pupil[0], pupil[1], inputs].map(|setting| ["--set", setting]).concat();
    let dry = place.docre(&[&["tiny.toml", "--dry-run"], &taught[..]].concat());
    assert!(dry.stdout.contains("tiny/whole: to run: option `model` changed"), "{}{}", dry.stdout, dry.stderr);
    let without =
        place.failure(&[&taught[..4], &["--set", "whole.inputs={ train = \"train\", dev = \"dev\" }"]].concat());
    assert!(without.contains("`teacher`: expected a checkpoint, as `distillation` is `teacher`"), "{without}");
    let outputs = "whole.outputs={ checkpoint = \"whole\", log = \"whole_log\", base = \"whole_base\" }";
    let no_first = place.failure(&["--set", outputs]);
    assert!(no_first.contains("stage `whole`: output `base`: expected none, as no first stage trains"), "{no_first}");
    let two_stages = ["--set", "whole.inputs={ train = \"train\", dev = \"dev\" }", "--set", outputs];
    let made = place.docre(&[&["tiny.toml", "--set", "whole.epochs=1"], &two_stages[..]].concat());
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(place.path("runs/tiny/whole_base/model.safetensors").is_file());
}

#[test]
fn killed_training_goes_on_from_its_last_whole_epoch() {
    let pipeline = MODEL.replace("epochs = 6", "epochs = 20");
    let whole = Place::new(&pipeline);
    assert_eq!(whole.run(&[]), STAGES);
    let killed = Place::new(&pipeline);
    kill_when(&killed, |run| in_work(run, "train", |recipe| recipe.join("last/state.json").is_file()));
    assert!(!killed.path("runs/tiny/model").exists(), "killed in training");
    let run = killed.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stderr.contains("epoch 1:") && run.stderr.contains("epoch 20:"), "{}", run.stderr);
    assert!(content(&killed) == content(&whole));
}

#[test]
fn killed_when_the_model_is_in_its_place_trains_no_more() {
    let place = Place::new(&MODEL);
    kill_when(&place, |run| run.join("model").is_dir());
    let run = place.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stderr.contains("epoch "), "{}", run.stderr);
    assert_eq!(rows(&place.path("runs/tiny"), "SELECT count(*) FROM training_log"), ["24"]);
}

#[test]
fn killed_scoring_goes_on_from_its_finished_parts() {
    let many = MODEL.replacen("documents = 4\nfirst = 12", "documents = 1500\nfirst = 12", 1);
    let pipeline = many.replace("epochs = 6", "epochs = 1");
    let whole = Place::new(&pipeline);
    assert_eq!(whole.run(&[]), STAGES);
    let killed = Place::new(&pipeline);
    let has_part = |recipe: &Path| {
        let parts = fs::read_dir(recipe.join(".scores.work"));
        parts.is_ok_and(|mut parts| parts.any(|part| part.is_ok_and(|part| part.path().join("scores").is_dir())))
    };
    kill_when(&killed, |run| in_work(run, "score", has_part));
    assert!(!killed.path("runs/tiny/relations").exists(), "killed in scoring");
    let run = killed.docre(&["tiny.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("tiny/score: 1500 documents (") && run.stderr.contains("were there"), "{}", run.stderr);
    assert!(content(&killed) == content(&whole));
}

#[test]
fn an_encoder_is_a_folder_or_a_name_in_the_cache() {
    let pretrained = MODEL
        .replace(
            "[[stage]]\nname = \"train-split\"",
            "[sources]\nencoder = [\"encoders/tiny\", \"org/tiny\"]\n\n[[stage]]\nname = \"train-split\"",
        )
        .replace("encoder.scratch =", "#")
        .replace("epochs = 6", "epochs = 1\nmost_pieces = 50")
        .replace("dev = \"dev\" }\noutputs = { check", "dev = \"dev\", encoder = \"encoder\" }\noutputs = { check");
    let pretrained = pretrained
        + r#"
[[stage]]
name = "encode"
kind = "encode"
most_pieces = 40
inputs = { corpus = "dev", encoder = "encoder" }
outputs = { pieces = "pieces" }
"#;
    let place = Place::new(&pretrained);
    let missing = place.failure(&[]);
    assert!(missing.contains("tiny: left out: `encoders/tiny` or `org/tiny` is not there\nhint: "), "{missing}");
    let mut run = command(["run", "tiny.toml"]);
    let run = run.current_dir(place.path("")).env("HF_HUB_CACHE", cache(&place)).output().unwrap();
    let told = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(0), "{told}");
    let cut =
        |stage: &str, warning: &str| assert!(told.contains(&format!("tiny/{stage}: warning: {warning}")), "{told}");
    cut("encode", "4 documents were cut off at 40 pieces");
    // Twelve documents to train on and four of dev.
    cut("train", "16 documents were cut off at 50 pieces");
    cut("score", "4 documents were cut off at 50 pieces");
    let warnings: Vec<_> =
        place.manifest()["stages"].as_array().unwrap().iter().map(|s| s["warnings"].clone()).collect();
    let begins = |warning: &serde_json::Value| {
        warning[0].as_str().is_some_and(|told| told.starts_with("warning: 4 documents were cut off at 40 pieces: "))
    };
    assert!(warnings.iter().any(begins), "{warnings:?}");
    assert_eq!(place.manifest()["stages"][2]["inputs"]["encoder"][0]["path"], "org/tiny");
    assert_eq!(rows(&place.path("runs/tiny"), "SELECT count(*) FROM pieces"), ["4"]);
    encoder(&place.path("encoders/tiny"));
    assert_eq!(place.run(&[]), ["train", "encode"], "another place, the same model: scoring is up to date");
}

#[test]
fn an_encoder_that_an_option_names_is_an_input() {
    let named = MODEL.replace("encoder.scratch =", "encoder.pretrained = \"encoders/tiny\" #");
    let place = Place::new(&named.replace("epochs = 6", "epochs = 1"));
    let missing = place.failure(&[]);
    assert!(missing.contains("tiny: left out: `encoders/tiny` is not there\nhint: "), "{missing}");
    encoder(&place.path("encoders/tiny"));
    assert_eq!(place.run(&[]), STAGES);
    assert_eq!(place.run(&[]), [""; 0]);
    scale(&place.path("encoders/tiny"));
    let told = place.docre(&["tiny.toml", "--dry-run"]).stdout;
    assert!(told.contains("tiny/train: to run: input `encoder` changed\n"), "{told}");
    assert_eq!(place.run(&[])[0], "train");
}

#[test]
fn a_device_that_is_not_there_is_refused_before_anything_runs() {
    let place = Place::new(&MODEL);
    let unknown = place.docre(&["tiny.toml", "--device", "gpu"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("expected `auto`, `cpu` or `cuda:N`"), "{}", unknown.stderr);
    assert!(place.failure(&["--device", "cuda:3"]).contains("device `cuda:3`"));
    assert!(!place.path("runs").exists());
    assert_eq!(place.run(&["--device", "cpu", "--until", "dev-split"]), ["train-split", "dev-split"]);
}

#[test]
fn the_sample_pipeline_runs_to_its_end_when_made_small() {
    let place = Place::new(&MODEL);
    symlink(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines"), place.path("pipelines")).unwrap();
    let documents = ["train-split.documents=8", "dev-split.documents=4", "test-split.documents=4"];
    let small = [&documents[..], &["train.epochs=1", "train.second_stage.epochs=1"]].concat();
    let settings: Vec<&str> = small.iter().flat_map(|setting| ["--set", setting]).collect();
    let run =
        place.docre(&[&["pipelines/sample.toml", "--set", "train.encoder.scratch.layers=1"], &settings[..]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.starts_with("sample/train: the best of stage 2, epoch 2 of 2, has a dev F1 of "),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("IgnF1"), "{}", run.stdout);
}
