//! Training on the command line: runs that go on, checkpoints, and what is refused.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use docre::checkpoint::{Checkpoint, ModelConfig};
use docre::device::DeviceChoice;
use docre::random::Random;
use docre::train::batches::batches;
use docre::train::config::{EncoderSource, Scratch, TrainConfig};
use docre::train::schedule::Schedule;
use docre::train::{self, Event};
use tempfile::TempDir;

use crate::support::{Run, docre, files, rows};

/// A corpus of a few synthetic documents.
pub struct Fixture {
    pub folder: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        let fixture = Self { folder: TempDir::new().unwrap() };
        for (first, docs, split) in [("0", "12", "train"), ("12", "4", "dev")] {
            let corpus = fixture.path("corpus");
            let arguments = ["synthesize", "--docs", docs, "--first", first, "--split", split, "--facts", "4", "--out"];
            let run = docre(arguments.iter().map(Into::into).chain([corpus.into_os_string()]));
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
        fixture
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config(&self) -> TrainConfig {
        let scratch = Scratch {
            layers: 1,
            hidden: 16,
            heads: 2,
            inner: 16,
            vocabulary: 200,
            lower: true,
            positions: 512,
            dropout: 0.1,
        };
        TrainConfig {
            model: ModelConfig::Atlop { embedding: 16, block: 4 },
            encoder: EncoderSource::Scratch(scratch),
            corpus: self.path("corpus"),
            train: "train".into(),
            dev: "dev".into(),
            encoder_rate: 1e-2,
            head_rate: 1e-2,
            weight_decay: 0.01,
            warm_up: 0.1,
            clip: 1.0,
            epochs: 3,
            batch: 3,
            accumulation: 2,
            precision: None,
            seed: 5,
            patience: None,
            most_labels: 4,
            most_pieces: 1024,
        }
    }

    /// `docre train` with these settings into the folder of a name.
    pub fn train(&self, config: &TrainConfig, out: &str, more: &[&str]) -> Run {
        let settings = self.path("settings.json");
        fs::write(&settings, serde_json::to_string(config).unwrap()).unwrap();
        let out = self.path(out);
        let arguments = ["train", "--config", settings.to_str().unwrap(), "--out", out.to_str().unwrap()];
        docre(arguments.iter().chain(more))
    }
}

fn checkpoints(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    ["best", "last"]
        .iter()
        .flat_map(|name| files(&run.join(name)))
        .map(|(path, bytes)| (path.strip_prefix(run).unwrap().to_path_buf(), bytes))
        .collect()
}

/// Copies the run as it stands after its first epoch: what a killed process leaves.
fn copy_after_first_epoch(fixture: &Fixture, config: &TrainConfig) -> PathBuf {
    let (whole, stopped) = (fixture.path("whole"), fixture.path("stopped"));
    let mut observe = |event: Event| {
        if let Event::Epoch(epoch) = event
            && epoch.epoch == 1
        {
            for (path, bytes) in files(&whole) {
                let copy = stopped.join(path.strip_prefix(&whole).unwrap());
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::write(copy, bytes).unwrap();
            }
        }
    };
    train::train(config, &whole, false, DeviceChoice::Cpu, &mut observe).unwrap();
    stopped
}

#[test]
fn a_resumed_run_equals_one_that_was_never_stopped() {
    let fixture = Fixture::new();
    let config = fixture.config();
    let stopped = copy_after_first_epoch(&fixture, &config);
    assert_ne!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(!resumed.stderr.contains("epoch 1:") && resumed.stderr.contains("epoch 2:"), "{}", resumed.stderr);
    assert_eq!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
    let log = rows(&stopped, "SELECT count(*), max(step), max(epoch), count(dev_f1) FROM training_log");
    // Twelve documents in batches of 3, two batches a step: two steps an epoch.
    assert_eq!(log, ["6,6,3,3"]);
}

#[test]
fn training_lowers_the_loss() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 8, ..fixture.config() };
    let mut losses = Vec::new();
    let mut observe = |event: Event| {
        if let Event::Epoch(epoch) = event {
            losses.push(epoch.loss);
        }
    };
    train::train(&config, &fixture.path("run"), false, DeviceChoice::Cpu, &mut observe).unwrap();
    assert!(losses[7] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn what_cannot_be_trained_is_refused_and_earlier_checkpoints_stay() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 1, ..fixture.config() };
    assert_eq!(fixture.train(&config, "run", &[]).code, Some(0));
    let before = files(&fixture.path("run"));
    let refused = |config: &TrainConfig, out: &str, more: &[&str], expected: &str| {
        let run = fixture.train(config, out, more);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "expected `{expected}`, got {}", run.stderr);
    };
    refused(&config, "run", &[], "holds a training run\nhint: pass `--resume`");
    refused(&TrainConfig { seed: 6, ..config.clone() }, "run", &["--resume"], "expected a run of these settings");
    refused(&TrainConfig { clip: 0.0, ..config.clone() }, "other", &[], "`clip`: expected more than 0, got 0");
    refused(&TrainConfig { dev: "absent".into(), ..config.clone() }, "other", &[], "no table `pairs` here");
    let nowhere = EncoderSource::Pretrained("no/such-encoder".into());
    refused(
        &TrainConfig { encoder: nowhere, ..config.clone() },
        "other",
        &[],
        "encoder `no/such-encoder`: no such folder",
    );
    let corpus = EncoderSource::Pretrained(fixture.path("corpus").to_str().unwrap().into());
    refused(&TrainConfig { encoder: corpus, ..config.clone() }, "other", &[], "config.json: cannot read");
    let rates = TrainConfig { encoder_rate: 1e30, head_rate: 1e30, epochs: 9, warm_up: 0.0, ..config.clone() };
    refused(&rates, "other", &[], "expected a");
    assert_eq!(files(&fixture.path("run")), before);
}

#[test]
fn unlabelled_documents_and_unknown_settings_are_refused() {
    let fixture = Fixture::new();
    let source = fixture.path("bare.json");
    fs::write(
        &source,
        format!("[{}]", crate::support::DOCUMENT.split(",\n  \"labels\"").next().unwrap().to_owned() + "}"),
    )
    .unwrap();
    let corpus = fixture.path("corpus");
    let arguments = ["convert", "--format", "docred", "--split", "bare", "--unlabelled", "--out"];
    let run = docre(arguments.iter().map(Into::into).chain([corpus.into_os_string(), source.into_os_string()]));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run = fixture.train(&TrainConfig { train: "bare".into(), ..fixture.config() }, "run", &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("document `Altomonte`: expected labels, it has none"), "{}", run.stderr);
    let settings = fixture.path("unknown.json");
    fs::write(&settings, r#"{"epoch": 3}"#).unwrap();
    let run = docre(["train", "--config", settings.to_str().unwrap(), "--out", "nowhere"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("unknown field `epoch`"), "{}", run.stderr);
}

#[test]
fn a_checkpoint_reads_back_and_a_damaged_one_is_refused() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 1, ..fixture.config() };
    assert_eq!(fixture.train(&config, "run", &[]).code, Some(0));
    let best = fixture.path("run/best");
    let load = || Checkpoint::load(&best, &candle_core::Device::Cpu);
    let checkpoint = load().unwrap();
    assert_eq!(checkpoint.tokenizer.identity(), &*checkpoint.config.tokenizer);
    let (model, unused) = checkpoint.model(&DeviceChoice::Cpu.open(None).unwrap()).unwrap();
    assert!(unused.is_empty());
    assert_eq!(model.encoder().config(), &checkpoint.config.encoder);
    let weights = fs::read(best.join("model.safetensors")).unwrap();
    fs::write(best.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    let error = load().err().unwrap().to_string();
    assert!(error.contains("model.safetensors: expected a whole safetensors file"), "{error}");
    fs::copy(crate::golden::folder("atlop_bert").join("tokenizer.json"), best.join("tokenizer.json")).unwrap();
    let error = load().err().unwrap().to_string();
    assert!(error.contains("tokenizer.json: expected the tokenizer `bert:"), "{error}");
}

#[test]
fn weights_of_an_encoder_that_are_not_used_are_told() {
    let fixture = Fixture::new();
    let folder = fixture.path("encoder");
    fs::create_dir(&folder).unwrap();
    let golden = crate::golden::folder("atlop_bert");
    for name in ["config.json", "tokenizer.json"] {
        fs::copy(golden.join(name), folder.join(name)).unwrap();
    }
    let cpu = candle_core::Device::Cpu;
    let mut weights = candle_core::safetensors::load(golden.join("model.safetensors"), &cpu).unwrap();
    weights.retain(|name, _| name.starts_with("model."));
    let save = |weights: &HashMap<String, Tensor>| {
        candle_core::safetensors::save(weights, folder.join("model.safetensors")).unwrap();
    };
    let encoder = EncoderSource::Pretrained(folder.to_str().unwrap().to_owned());
    let config = TrainConfig { encoder, epochs: 1, ..fixture.config() };
    save(&weights);
    let run = fixture.train(&config, "known", &[]);
    assert!(run.stderr.starts_with("note: 2 weights are not used: `model.pooler.dense.bias`"), "{}", run.stderr);
    weights.insert("decoder.weight".to_owned(), Tensor::new(&[1f32], &cpu).unwrap());
    save(&weights);
    let run = fixture.train(&config, "unknown", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: 1 weight is not used: `decoder.weight`\n"), "{}", run.stderr);
}

#[test]
fn the_schedule_rises_and_falls_in_lines() {
    let schedule = Schedule::new(10, 0.2);
    let factors: Vec<f64> = [0, 1, 2, 6, 9, 10].map(|step| schedule.factor(step)).to_vec();
    // Two steps of rise; then (10 − step) / 8.
    assert_eq!(factors, [0.0, 0.5, 1.0, 0.5, 0.125, 0.0]);
}

#[test]
fn an_epoch_takes_each_document_once_in_batches_of_like_length() {
    let lengths: Vec<usize> = (0..80).map(|place| place * 7 % 80).collect();
    let found = batches(&lengths, 5, &mut Random::new(1));
    let mut places = found.concat();
    places.sort_unstable();
    assert_eq!(places, (0..80).collect::<Vec<_>>());
    let spread = |batch: &Vec<usize>| {
        let lengths = batch.iter().map(|&place| lengths[place]);
        lengths.clone().max().unwrap() - lengths.min().unwrap()
    };
    // One bucket, whose lengths are 0 to 79: five in a row to a batch.
    assert!(found.iter().all(|batch| spread(batch) == 4));
    assert_ne!(found, batches(&lengths, 5, &mut Random::new(2)));
}
