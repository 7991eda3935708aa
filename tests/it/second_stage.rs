//! The second stage of training: features that are kept, folds, and the better of the whole and its base.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor, safetensors};
use docre::checkpoint::{Card, Checkpoint, ModelConfig, OfBase};
use docre::examples::{DOCUMENTS_AT_ONCE, Taken, examples};
use docre::model::docre_sd::DocreSdConfig;
use docre::model::example::Example;
use docre::nn::device::DeviceChoice;
use docre::pieces::Cutter;
use docre::train::config::{EncoderSource, SecondStage, TrainConfig};

use crate::pipeline_of_models::{encoder, scale};
use crate::support::{Run, docre, files, rows};
use crate::train::{Fixture, copy_after, docre_ii, second_stage};

/// Two epochs of each stage over a base that stays as it is.
fn frozen(fixture: &Fixture, model: ModelConfig) -> TrainConfig {
    let second = SecondStage { freeze_base: true, ..second_stage() };
    TrainConfig { model, epochs: 2, second_stage: Some(second), ..fixture.config() }
}

fn with(config: &TrainConfig, change: impl FnOnce(&mut SecondStage)) -> TrainConfig {
    let mut second = config.second_stage.clone().unwrap();
    change(&mut second);
    TrainConfig { second_stage: Some(second), ..config.clone() }
}

fn train(fixture: &Fixture, config: &TrainConfig, out: &str, more: &[&str]) -> Run {
    let run = fixture.train(config, out, more);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

fn weights(fixture: &Fixture, path: &str) -> Vec<u8> {
    fs::read(fixture.path(path).join("model.safetensors")).unwrap()
}

/// What of the log hangs on no clock.
fn log(fixture: &Fixture, out: &str, condition: &str) -> Vec<String> {
    let columns = "loss, auxiliary_loss, gradient_norm, feature_weight, dev_f1";
    rows(&fixture.path(out), &format!("SELECT {columns} FROM training_log WHERE {condition} ORDER BY step"))
}

#[test]
fn kept_features_train_as_those_that_are_made_in_each_step() {
    let small = DocreSdConfig { embedding: 16, block: 4, ..DocreSdConfig::default() };
    for model in [ModelConfig::DocreIi(docre_ii()), ModelConfig::DocreSd(small)] {
        let fixture = Fixture::new();
        let kept = frozen(&fixture, model);
        let made = with(&kept, |second| second.most_kept = 0);
        let told = train(&fixture, &kept, "kept", &[]);
        assert!(told.stderr.contains("features of the base, 1 MiB, are kept in "), "{}", told.stderr);
        let told = train(&fixture, &made, "made", &[]);
        assert!(told.stderr.contains("are made anew in each step: they are 1 MiB, and `most_kept` is 0"));
        assert!(fixture.path("kept/base.features").is_dir() && !fixture.path("made/base.features").exists());
        assert_eq!(log(&fixture, "kept", "true"), log(&fixture, "made", "true"));
        for checkpoint in ["base", "best", "last"] {
            let [kept, made] = ["kept", "made"].map(|run| weights(&fixture, &format!("{run}/{checkpoint}")));
            assert!(kept == made, "{checkpoint}");
        }
        // A variant over the same base takes them, another base does not.
        let over = |config: &TrainConfig| TrainConfig { base: Some(fixture.path("kept/base")), ..config.clone() };
        let told = train(&fixture, &over(&kept), "taken", &[]);
        assert!(told.stderr.contains("features of the base are taken from "), "{}", told.stderr);
        let told = train(&fixture, &over(&made), "alone", &[]);
        assert!(told.stderr.contains("are made anew in each step: "), "{}", told.stderr);
        assert!(weights(&fixture, "taken/last") == weights(&fixture, "alone/last"));
        assert_eq!(log(&fixture, "taken", "true"), log(&fixture, "alone", "true"));
        let other = TrainConfig { base: None, seed: 6, ..kept.clone() };
        train(&fixture, &other, "other", &[]);
        fs::remove_dir_all(fixture.path("other/base.features")).unwrap();
        fs::rename(fixture.path("kept/base.features"), fixture.path("other/base.features")).unwrap();
        let other = TrainConfig { base: Some(fixture.path("other/base")), ..kept.clone() };
        let told = train(&fixture, &other, "over other", &[]);
        assert!(told.stderr.contains("are kept in ") && !told.stderr.contains("taken from"), "{}", told.stderr);
    }
}

#[test]
fn damaged_features_are_made_anew_and_nobodys_files_are_replaced() {
    let fixture = Fixture::new();
    let config = frozen(&fixture, ModelConfig::DocreIi(docre_ii()));
    train(&fixture, &config, "run", &[]);
    let (folder, over) = (fixture.path("run/base.features"), Some(fixture.path("run/base")));
    let whole = files(&folder);
    let over = TrainConfig { base: over, ..config };
    let file = folder.join("train.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(train(&fixture, &over, "damaged", &[]).stderr.contains("are kept in "));
    assert!(files(&folder) == whole);
    fs::write(folder.join("mine.txt"), "mine").unwrap();
    fs::remove_file(folder.join("features.json")).unwrap();
    let told = train(&fixture, &over, "foreign", &[]);
    assert!(told.stderr.contains("features of the base are not kept: "), "{}", told.stderr);
    assert!(folder.join("mine.txt").exists());
    assert!(weights(&fixture, "foreign/last") == weights(&fixture, "damaged/last"));
}

/// The documents of the training split as a checkpoint's model sees them.
fn documents(folder: &Path, split: &Path) -> Vec<Example> {
    let checkpoint = Checkpoint::load(folder, &Device::Cpu).unwrap();
    let mut cutter = Cutter::new(checkpoint.tokenizer, checkpoint.config.most_pieces);
    let relations = checkpoint.config.relations();
    let none = BTreeSet::new();
    let documents = DOCUMENTS_AT_ONCE;
    let taken = Taken { relations: &relations, left_out: &none, passes_over: false, evidence: false, documents };
    examples(split, &mut cutter, taken).unwrap().flat_map(|batch| batch.unwrap().examples).collect()
}

/// The values of each document's features, as a base of a run makes them.
fn made_by(fixture: &Fixture, base: &str) -> BTreeMap<String, Vec<f32>> {
    let checkpoint = Checkpoint::load(&fixture.path(base), &Device::Cpu).unwrap();
    let (model, _) = checkpoint.model(&DeviceChoice::Cpu.open(None).unwrap()).unwrap();
    let documents = documents(&fixture.path(base), &fixture.path("corpus/train"));
    let of = |example: &Example| values(&model.features(std::slice::from_ref(example)).unwrap().unwrap());
    documents.iter().map(|example| (example.doc_id.to_string(), of(example))).collect()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn each_document_has_the_features_of_the_base_that_has_not_seen_it() {
    let fixture = Fixture::new();
    let config = with(&frozen(&fixture, ModelConfig::DocreIi(docre_ii())), |second| {
        second.freeze_base = false;
        second.folds = 2;
    });
    // Read from a file, so that one document can be learnt otherwise.
    let train_split = fixture.path("corpus/train");
    let text = docre(["convert", "--to", "docred", train_split.to_str().unwrap()]).stdout;
    let convert = |text: &str| {
        let (source, corpus) = (fixture.path("train.json"), fixture.path("corpus"));
        fs::write(&source, text).unwrap();
        let out = ["--out", corpus.to_str().unwrap(), "--force", source.to_str().unwrap()];
        let run = docre(["convert", "--format", "docred", "--split", "train"].iter().chain(&out));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    };
    convert(&text);
    let told = train(&fixture, &config, "run", &[]).stderr;
    assert!(told.contains("stage 2, without fold 1 of 2, epoch 3: ") && told.contains("stage 4, epoch 7: "), "{told}");
    let stages = rows(&fixture.path("run"), "SELECT DISTINCT stage FROM training_log ORDER BY stage");
    assert_eq!(stages, ["1", "2", "3", "4"]);
    let kept = safetensors::load(fixture.path("run/base.features-of-2-folds/train.safetensors"), &Device::Cpu).unwrap();
    let counts = kept["rows"].to_vec1::<u32>().unwrap();
    let bases = ["run/fold-1", "run/fold-2"].map(|base| made_by(&fixture, base));
    let base = Checkpoint::load(&fixture.path("run/base"), &Device::Cpu).unwrap();
    let order = documents(&fixture.path("run/base"), &train_split);
    let (mut first, mut folds) = (0, BTreeMap::new());
    for (example, count) in order.iter().zip(counts) {
        let found = values(&kept["features"].narrow(0, first, count as usize).unwrap());
        first += count as usize;
        let is_of = |fold: &BTreeMap<String, Vec<f32>>| fold[&*example.doc_id] == found;
        let fold = bases.iter().position(is_of).unwrap_or_else(|| panic!("{}: of neither", example.doc_id));
        folds.insert(example.doc_id.to_string(), fold + 1);
    }
    assert_eq!([1, 2].map(|fold| folds.values().filter(|&&other| other == fold).count()), [6, 6]);
    // All are read by the classifier of the base that knows all documents.
    for fold in ["run/fold-1", "run/fold-2"] {
        let fold = Checkpoint::load(&fixture.path(fold), &Device::Cpu).unwrap();
        for name in ["classifier.weight", "classifier.bias"] {
            assert_eq!(values(&fold.weights[name]), values(&base.weights[name]));
        }
    }

    // A document with other labels, over the same base: the base that leaves it out learns the same, the other not.
    let over = TrainConfig { base: Some(fixture.path("run/base")), ..config };
    fs::remove_dir_all(fixture.path("run/base.features-of-2-folds")).unwrap();
    train(&fixture, &over, "same", &[]);
    let mut labelled: serde_json::Value = serde_json::from_str(&text).unwrap();
    let changed = labelled[0]["title"].as_str().unwrap().to_owned();
    let labels = labelled[0]["labels"].as_array_mut().unwrap();
    labels.truncate(1);
    convert(&labelled.to_string());
    train(&fixture, &over, "changed", &[]);
    assert_eq!(folds.len(), 12, "{changed} among {folds:?}");
    let out = folds[&changed];
    for fold in [1, 2] {
        let [run, same, changed] =
            ["run", "same", "changed"].map(|run| weights(&fixture, &format!("{run}/fold-{fold}")));
        assert!(run == same, "fold {fold} hangs on where its base was trained");
        assert_eq!(same == changed, fold == out, "fold {fold}, left out {out}");
    }
}

#[test]
fn folds_go_on_from_any_epoch_and_are_left_out_where_features_are_kept() {
    // Two epochs of the base, of each fold's and of the whole: stopped in a fold, after it, after both, in the whole.
    let fixture = Fixture::new();
    let config = with(&frozen(&fixture, ModelConfig::DocreIi(docre_ii())), |second| second.folds = 2);
    let weights_of = |run: &Path| -> Vec<(String, Vec<u8>)> {
        let names = ["base", "fold-1", "fold-2", "best", "last", "base.features-of-2-folds"];
        let of = |name: &&str| {
            files(&run.join(name))
                .into_iter()
                .map(|(path, bytes)| (format!("{}", path.strip_prefix(run).unwrap().display()), bytes))
        };
        names.iter().flat_map(of).collect()
    };
    for last in [3, 4, 6, 7] {
        let fixture = Fixture::new();
        let config = TrainConfig { corpus: fixture.path("corpus"), ..config.clone() };
        let stopped = copy_after(last, &fixture, &config);
        // What is half done beside the checkpoints is not gone on with.
        let _ = fs::remove_dir_all(stopped.join("base.features-of-2-folds"));
        train(&fixture, &config, "stopped", &["--resume"]);
        assert!(weights_of(&stopped) == weights_of(&fixture.path("whole")), "{last}");
        if last == 7 {
            let over = TrainConfig { base: Some(fixture.path("whole/base")), ..config.clone() };
            let told = train(&fixture, &over, "over", &[]).stderr;
            assert!(told.contains("are taken from ") && !told.contains("without fold"), "{told}");
            assert!(!fixture.path("over/fold-1").exists());
            let again = TrainConfig { base: Some(fixture.path("copy/base")), ..config.clone() };
            fs::create_dir(fixture.path("copy")).unwrap();
            for (path, bytes) in files(&fixture.path("whole/base")) {
                let copy = fixture.path("copy/base").join(path.file_name().unwrap());
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::write(copy, bytes).unwrap();
            }
            assert!(train(&fixture, &again, "again", &[]).stderr.contains("without fold 2 of 2"));
            assert!(weights(&fixture, "over/last") == weights(&fixture, "again/last"));
            assert_eq!(log(&fixture, "over", "stage = 4"), log(&fixture, "again", "stage = 4"));
        }
    }
}

#[test]
fn a_run_trains_the_folds_that_it_did_without_where_their_features_are_gone() {
    let fixture = Fixture::new();
    let config = with(&frozen(&fixture, ModelConfig::DocreIi(docre_ii())), |second| second.folds = 2);
    train(&fixture, &config, "first", &[]);
    let over = |config: &TrainConfig| TrainConfig { base: Some(fixture.path("first/base")), ..config.clone() };
    // It finds features, and is stopped in its one stage.
    let stopped = copy_after(1, &fixture, &over(&config));
    assert!(!stopped.join("fold-1").exists());
    train(&fixture, &TrainConfig { seed: 6, ..over(&config) }, "second", &[]);
    let told = train(&fixture, &over(&config), "stopped", &["--resume"]).stderr;
    assert!(told.contains("goes back to stage 2") && told.contains("stage 3, without fold 2 of 2"), "{told}");
    for checkpoint in ["best", "last"] {
        let [whole, resumed] = ["whole", "stopped"].map(|run| weights(&fixture, &format!("{run}/{checkpoint}")));
        assert!(whole == resumed, "{checkpoint}");
    }
    assert_eq!(log(&fixture, "stopped", "stage = 4"), log(&fixture, "whole", "stage = 4"));
    // A run that has ended needs neither.
    fs::remove_dir_all(stopped.join("fold-1")).unwrap();
    fs::remove_dir_all(fixture.path("first/base.features-of-2-folds")).unwrap();
    let before = files(&stopped);
    train(&fixture, &over(&config), "stopped", &["--resume"]);
    assert!(files(&stopped) == before);
}

#[test]
fn features_of_folds_are_of_their_encoder() {
    let fixture = Fixture::new();
    encoder(&fixture.path("encoder"));
    let pretrained = EncoderSource::Pretrained(fixture.path("encoder").to_str().unwrap().to_owned());
    let config = TrainConfig { encoder: pretrained, epochs: 1, ..frozen(&fixture, ModelConfig::DocreIi(docre_ii())) };
    let config = with(&config, |second| (second.folds, second.epochs) = (2, 1));
    train(&fixture, &config, "run", &[]);
    let over = TrainConfig { base: Some(fixture.path("run/base")), ..config };
    assert!(train(&fixture, &over, "same", &[]).stderr.contains("are taken from "));
    scale(&fixture.path("encoder"));
    assert!(train(&fixture, &over, "other", &[]).stderr.contains("without fold 2 of 2"));
}

#[test]
fn folds_that_cannot_be_are_refused() {
    let fixture = Fixture::new();
    let config = frozen(&fixture, ModelConfig::DocreIi(docre_ii()));
    for (folds, expected) in
        [(1, "`second_stage.folds`: expected 0, or 2 to 100, got 1"), (13, "at most the 12 documents")]
    {
        let run = fixture.train(&with(&config, |second| second.folds = folds), "refused", &[]);
        assert!(run.code == Some(1) && run.stderr.contains(expected), "{}", run.stderr);
    }
    let at_once = with(&config, |second| (second.pretrain_base, second.freeze_base, second.folds) = (false, false, 2));
    let run = fixture.train(&at_once, "refused", &[]);
    assert!(run.stderr.contains("`second_stage.folds`: expected `pretrain_base`"), "{}", run.stderr);
}

#[test]
fn a_run_says_whether_the_whole_is_better_than_its_base() {
    let fixture = Fixture::new();
    let config = TrainConfig { model: ModelConfig::DocreIi(docre_ii()), epochs: 2, ..fixture.config() };
    let of_run = train(&fixture, &config, "run", &[]).stderr;
    let best = fixture.path("run/best");
    let card = Card::find(&best).unwrap().unwrap();
    let of_base = card.base.unwrap();
    let log = "SELECT max(dev_f1) FROM training_log WHERE stage = 1";
    assert_eq!(rows(&fixture.path("run"), log), [format!("{:?}", of_base.f1)]);
    assert!((of_base.difference - (card.figures.unwrap().f1 - of_base.f1)).abs() < 1e-12);
    assert!(of_base.low.unwrap() <= of_base.difference && of_base.difference <= of_base.high.unwrap());
    assert_eq!(of_run.contains("is not above the"), !of_base.is_worse(), "{of_run}");
    assert_eq!(Card::find(&fixture.path("run/base")).unwrap().unwrap().base, None);
    let last = Card::find(&fixture.path("run/last")).unwrap().unwrap();
    assert_eq!(last.base.unwrap().f1, of_base.f1);

    // Both outcomes, told at the end of a run that has nothing left to do.
    let show = || docre(["checkpoint", "show", best.to_str().unwrap()]).stdout;
    let against = |f1: f64| {
        let difference = 0.5 - f1;
        let base = OfBase { precision: None, recall: Some(f1), f1, difference, low: Some(-1.0), high: Some(1.0) };
        let text = serde_json::to_string(&Card { base: Some(base), ..card.clone() }).unwrap();
        fs::write(best.join("card.json"), text).unwrap();
        train(&fixture, &config, "run", &["--resume"]).stderr
    };
    for base in [0.5, 0.75] {
        let (told, f1) = (against(base), 100.0 * base);
        let expected =
            format!("F1 50.00 on dev is not above the {f1:.2} of its base: as far as dev tells, score with that, ");
        assert!(told.contains(&(expected + "`base` beside `best`, in a pipeline the stage's output `base`")), "{told}");
        let shown = show();
        let expected = format!(
            "its base      P - R {f1:.2} F1 {f1:.2}; the model is not better: score with the base, F1 {:+.2}",
            50.0 - f1
        );
        assert!(shown.contains(&expected), "{shown}");
    }
    let told = against(0.25);
    assert!(!told.contains(" on dev is not above"), "{told}");
    assert!(told.contains(", its base 25.00") || told.contains(", which is not above its base's 25.00"), "{told}");
    assert!(show().contains("; the model is better, F1 +25.00 (-100.00 to +100.00)"), "{}", show());
}
