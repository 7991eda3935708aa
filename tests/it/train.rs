//! Training on the command line: runs that go on, checkpoints, and what is refused.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use candle_core::Tensor;
use docre::checkpoint::{Checkpoint, ModelConfig};
use docre::ground::observe::{Event, unheard};
use docre::model::atlop::AtlopConfig;
use docre::model::docre_ii::{Attention, Contrastive, DocreIiConfig};
use docre::model::docre_sd::{Distillation, DocreSdConfig};
use docre::nn::device::DeviceChoice;
use docre::pieces::Markers;
use docre::train;
use docre::train::config::{EncoderSource, Scratch, SecondStage, TrainConfig};
use serde_json::json;
use tempfile::TempDir;

use crate::pipeline_of_models::{encoder, scale};
use crate::support::{Run, build_as_the_program, command, docre, files, rows};

/// A corpus of a few synthetic documents.
pub struct Fixture {
    pub folder: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        build_as_the_program();
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
            model: ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 4, ..AtlopConfig::default() }),
            encoder: EncoderSource::Scratch(scratch),
            corpus: self.path("corpus"),
            train: "train".into(),
            dev: "dev".into(),
            corpora: Vec::new(),
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
            markers: Markers::Star,
            most_pairs: None,
            second_stage: Some(second_stage()),
            teacher: None,
            base: None,
            begin_with: None,
        }
    }

    /// The same of a model that infers, trained for long enough to predict something.
    pub fn inferring(&self) -> TrainConfig {
        TrainConfig {
            model: ModelConfig::DocreIi(docre_ii()),
            epochs: 12,
            second_stage: Some(SecondStage { epochs: 12, ..second_stage() }),
            ..self.config()
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

/// A second stage that is short and fast.
pub fn second_stage() -> SecondStage {
    SecondStage { epochs: 2, base_rate: 1e-3, inference_rate: 1e-2, ..SecondStage::default() }
}

fn checkpoints(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    ["base", "best", "last"]
        .iter()
        .flat_map(|name| files(&run.join(name)))
        .map(|(path, bytes)| (path.strip_prefix(run).unwrap().to_path_buf(), bytes))
        .collect()
}

/// Copies the run as it stands after some epoch: what a killed process leaves.
pub fn copy_after(last: u32, fixture: &Fixture, config: &TrainConfig) -> PathBuf {
    let (whole, stopped) = (fixture.path("whole"), fixture.path("stopped"));
    let observe = |event: Event| {
        if let Event::Line(line) = event
            && line.contains(&format!("epoch {last}: "))
        {
            for (path, bytes) in files(&whole) {
                let copy = stopped.join(path.strip_prefix(&whole).unwrap());
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::write(copy, bytes).unwrap();
            }
        }
    };
    train::train(config, &whole, false, DeviceChoice::Cpu, &observe).unwrap();
    stopped
}

#[test]
fn a_resumed_run_equals_one_that_was_never_stopped() {
    let fixture = Fixture::new();
    let config = fixture.config();
    let stopped = copy_after(1, &fixture, &config);
    assert_ne!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(!resumed.stderr.contains("epoch 1:") && resumed.stderr.contains("epoch 2:"), "{}", resumed.stderr);
    assert_eq!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
    let log = rows(&stopped, "SELECT count(*), max(step), max(epoch), count(dev_f1) FROM training_log");
    // Twelve documents in batches of 3, two batches a step: two steps an epoch.
    assert_eq!(log, ["6,6,3,3"]);
}

/// A small DocRE-II.
pub fn docre_ii() -> DocreIiConfig {
    DocreIiConfig { embedding: 16, block: 4, ..DocreIiConfig::default() }
}

#[test]
fn a_run_of_two_stages_goes_on_from_any_epoch() {
    // Three epochs of the base, two of the whole: stopped within the first stage, between the two, within the second.
    for last in [2, 3, 4] {
        let fixture = Fixture::new();
        let config = TrainConfig { model: ModelConfig::DocreIi(docre_ii()), ..fixture.config() };
        let stopped = copy_after(last, &fixture, &config);
        let resumed = fixture.train(&config, "stopped", &["--resume"]);
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        assert_eq!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
        let log = rows(
            &stopped,
            "SELECT stage, count(*) AS steps, max(step) AS last, min(epoch) AS e, count(auxiliary_loss) AS auxiliary, \
             count(feature_weight) AS features, count(relation_weight) AS relations, count(dev_f1) AS f1 \
             FROM training_log GROUP BY stage ORDER BY stage",
        );
        assert_eq!(log, ["1,6,6,1,0,0,0,3", "2,4,10,4,4,2,2,2"]);
        let parts = "SELECT count(*) FROM training_log WHERE abs(loss - threshold_loss - coalesce(auxiliary_loss, 0)) > 0.000000001";
        assert_eq!(rows(&stopped, parts), ["0"]);
    }
}

#[test]
fn docre_sd_goes_on_and_learns_from_a_teacher() {
    let fixture = Fixture::new();
    let small = DocreSdConfig { embedding: 16, block: 4, ..DocreSdConfig::default() };
    let with = |model: DocreSdConfig, teacher: Option<PathBuf>| TrainConfig {
        model: ModelConfig::DocreSd(model),
        second_stage: None,
        teacher,
        ..fixture.config()
    };
    // The moving average is no variable of the optimizer, and goes on as well.
    let config = with(DocreSdConfig { moving_average: true, ..small.clone() }, None);
    let stopped = copy_after(2, &fixture, &config);
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
    assert_eq!(rows(&stopped, "SELECT count(*), count(auxiliary_loss), max(stage) FROM training_log"), ["6,6,1"]);
    let pupil = DocreSdConfig { distillation: Distillation::Teacher, highway: true, ..small.clone() };
    let taught = fixture.train(&with(pupil.clone(), Some(fixture.path("whole/best"))), "taught", &[]);
    assert_eq!(taught.code, Some(0), "{}", taught.stderr);
    let refused = |config: &TrainConfig, expected: &str| {
        let run = fixture.train(config, "refused", &[]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    refused(&with(pupil.clone(), None), "`teacher`: expected a checkpoint, as `distillation` is `teacher`");
    refused(&with(small, Some(fixture.path("whole/best"))), "`teacher`: expected none, as the model does not learn");
    refused(&with(pupil.clone(), Some(fixture.path("nowhere"))), "config.json: cannot read");
    let EncoderSource::Scratch(scratch) = fixture.config().encoder else { panic!("another encoder") };
    let other = EncoderSource::Scratch(Scratch { vocabulary: 150, ..scratch });
    let other = TrainConfig { encoder: other, ..with(pupil, Some(fixture.path("whole/best"))) };
    refused(&other, "expected the tokenizer of the model");
}

#[test]
fn the_first_stage_leaves_a_base_and_the_second_the_whole() {
    let fixture = Fixture::new();
    let train = |name: &str, model: DocreIiConfig, second_stage: SecondStage| {
        let config = TrainConfig {
            model: ModelConfig::DocreIi(model),
            second_stage: Some(second_stage),
            epochs: 2,
            ..fixture.config()
        };
        let run = fixture.train(&config, name, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let load = |part: &str| Checkpoint::load(&fixture.path(name).join(part), &candle_core::Device::Cpu).ok();
        (load("base"), load("best").unwrap())
    };
    let differing = |one: &Checkpoint, other: &Checkpoint| -> Vec<String> {
        let bits = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let differs = |(name, tensor): &(&String, &candle_core::Tensor)| bits(tensor) != bits(&other.weights[*name]);
        one.weights.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    };
    let second = second_stage();
    let (base, best) = train("whole", docre_ii(), second.clone());
    let base = base.unwrap();
    assert_eq!(base.config.model, ModelConfig::DocreIi(DocreIiConfig { iterations: 0, ..docre_ii() }));
    assert_eq!(best.config.model, ModelConfig::DocreIi(docre_ii()));
    assert!(base.weights.keys().all(|name| !name.starts_with("inference.")));
    assert!(best.weights.keys().any(|name| name.starts_with("inference.")));
    assert_eq!(differing(&base, &best).len(), base.weights.len());
    let frozen = SecondStage { freeze_base: true, ..second.clone() };
    let (base, best) = train("frozen", docre_ii(), frozen);
    assert_eq!(differing(&base.unwrap(), &best), [""; 0]);
    let at_once = SecondStage { pretrain_base: false, ..second.clone() };
    let (base, _) = train("at once", docre_ii(), at_once);
    assert!(base.is_none());
    let log =
        rows(&fixture.path("at once"), "SELECT DISTINCT stage, max(epoch) AS epochs FROM training_log GROUP BY stage");
    assert_eq!(log, ["1,4"]);
    let variants = [
        DocreIiConfig { fusion: false, layers: 1, ..docre_ii() },
        DocreIiConfig { attention: Attention::Full, contrastive: Contrastive::Simclr, ..docre_ii() },
        DocreIiConfig { contrastive: Contrastive::None, ..docre_ii() },
    ];
    for (place, model) in variants.into_iter().enumerate() {
        train(&format!("variant {place}"), model, SecondStage { epochs: 1, ..second.clone() });
    }
    let (base, _) = train("base alone", DocreIiConfig { iterations: 0, ..docre_ii() }, second);
    assert!(base.is_none());
}

#[test]
fn docre_sd_is_trained_over_a_base_where_settings_say_so() {
    let fixture = Fixture::new();
    let model = ModelConfig::DocreSd(DocreSdConfig { embedding: 16, block: 4, ..DocreSdConfig::default() });
    let second = SecondStage { freeze_base: true, ..second_stage() };
    let config = TrainConfig { model, second_stage: Some(second), ..fixture.config() };
    let two_stages = fixture.train(&config, "two", &[]);
    assert_eq!(two_stages.code, Some(0), "{}", two_stages.stderr);
    assert!(two_stages.stderr.contains("stage 1, epoch 3: ") && two_stages.stderr.contains("stage 2, epoch 5: "));
    let load = |name: &str| Checkpoint::load(&fixture.path(name), &candle_core::Device::Cpu).unwrap().weights;
    let bits = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (base, whole) = (load("two/base"), load("two/best"));
    let (of_classifier, frozen): (Vec<&String>, _) = base.keys().partition(|name| name.starts_with("classifier."));
    assert!(frozen.iter().all(|name| bits(&whole[*name]) == bits(&base[*name])));
    // The reasoning module has taken the classifier over, and trained it on.
    for name in of_classifier {
        let apart: f32 =
            bits(&whole[&format!("reasoning.{name}")]).iter().zip(bits(&base[name])).map(|(a, b)| (a - b).abs()).sum();
        let size: f32 = bits(&base[name]).iter().map(|value| value.abs()).sum();
        assert!(apart > 0.0 && apart < size, "{name}: {apart} of {size}");
    }
    // A base of DocRE-II is one of DocRE-SD; to name it is enough.
    let docre_ii = TrainConfig { model: ModelConfig::DocreIi(docre_ii()), ..fixture.config() };
    assert_eq!(fixture.train(&docre_ii, "other", &[]).code, Some(0));
    let over = TrainConfig { base: Some(fixture.path("other/base")), ..config };
    let run = fixture.train(&over, "over", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("\nepoch 1: ") && !fixture.path("over/base").exists(), "{}", run.stderr);
    let silent = TrainConfig { second_stage: None, ..over };
    assert_eq!(silent.second_stage(), Some(SecondStage::default()));
    assert_eq!(TrainConfig { base: None, ..silent }.second_stage(), None);
}

#[test]
fn a_base_that_is_trained_already_takes_the_place_of_the_first_stage() {
    let fixture = Fixture::new();
    let second = SecondStage { freeze_base: true, ..second_stage() };
    let with = |model: DocreIiConfig, base: Option<&str>| TrainConfig {
        model: ModelConfig::DocreIi(model),
        base: base.map(|name| fixture.path(name)),
        second_stage: Some(second.clone()),
        ..fixture.config()
    };
    let two_stages = fixture.train(&with(docre_ii(), None), "two", &[]);
    assert_eq!(two_stages.code, Some(0), "{}", two_stages.stderr);
    assert!(two_stages.stderr.contains("stage 1, epoch 3: ") && two_stages.stderr.contains("stage 2, epoch 4: "));
    // What comes after the base may be other than in the run that has trained it.
    let config = with(DocreIiConfig { layers: 1, fusion: false, ..docre_ii() }, Some("two/base"));
    let stopped = copy_after(1, &fixture, &config);
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("\nepoch 2: ") && !resumed.stderr.contains("epoch 1: "), "{}", resumed.stderr);
    assert_eq!(checkpoints(&stopped), checkpoints(&fixture.path("whole")));
    assert!(!stopped.join("base").exists());
    let log = "SELECT min(stage) AS least, max(stage) AS most, min(epoch) AS first, max(epoch) AS last, \
               count(auxiliary_loss) AS auxiliary FROM training_log";
    assert_eq!(rows(&stopped, log), ["2,2,1,2,4"]);
    let load = |name: &str| Checkpoint::load(&fixture.path(name), &candle_core::Device::Cpu).unwrap().weights;
    let bits = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let whole = load("whole/best");
    // The base was frozen: it is still the one that was given.
    assert!(load("two/base").iter().all(|(name, tensor)| bits(&whole[name]) == bits(tensor)));
    let refused = |config: &TrainConfig, expected: &str| {
        let run = fixture.train(config, "refused", &[]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    let whole = with(docre_ii(), Some("two/best"));
    refused(
        &whole,
        "two/best: expected the base of the model alone, got one with more\nhint: name the checkpoint `base`",
    );
    refused(
        &with(docre_ii(), Some("two")),
        "two: expected a checkpoint, found a run: `best` in it is one, `base` another",
    );
    let wider = with(DocreIiConfig { embedding: 32, ..docre_ii() }, Some("two/base"));
    refused(&wider, "two/base: expected the base of the model");
    refused(&with(docre_ii(), Some("nowhere")), "nowhere/config.json: cannot read");
    let atlop = TrainConfig { base: whole.base.clone(), ..fixture.config() };
    refused(&atlop, "`base`: expected none, as the model has no base");
    let at_once = SecondStage { pretrain_base: false, freeze_base: false, ..second.clone() };
    let at_once = TrainConfig { second_stage: Some(at_once), ..whole };
    refused(&at_once, "`base`: expected none, as `second_stage.pretrain_base` is false");
    let EncoderSource::Scratch(scratch) = fixture.config().encoder else { panic!("another encoder") };
    let deeper = EncoderSource::Scratch(Scratch { layers: 2, ..scratch.clone() });
    refused(
        &TrainConfig { encoder: deeper, ..with(docre_ii(), Some("two/base")) },
        "expected the encoder of the model",
    );
    let other = EncoderSource::Scratch(Scratch { vocabulary: 150, ..scratch });
    refused(&TrainConfig { encoder: other, ..with(docre_ii(), Some("two/base")) }, "expected the tokenizer of the");
}

#[test]
fn a_run_killed_within_an_epoch_ends_with_the_same_bytes() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 40, ..fixture.config() };
    assert_eq!(fixture.train(&config, "whole", &[]).code, Some(0));
    let expected = checkpoints(&fixture.path("whole"));
    let settings = fixture.path("settings.json");
    let mut n_killed = 0;
    for round in 0..4_u64 {
        let out = fixture.path(&format!("killed-{round}"));
        let arguments = ["train", "--config", settings.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let mut child = command(arguments).stderr(Stdio::null()).spawn().unwrap();
        let is_saved = || out.join("last/state.json").is_file();
        while !is_saved() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        // Each round some way further into the run; an epoch takes a few milliseconds.
        thread::sleep(Duration::from_millis(7 * round));
        n_killed += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        let resumed = docre(arguments.iter().chain(&["--resume"]));
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        assert!(!resumed.stderr.contains("epoch 1:"), "{}", resumed.stderr);
        assert!(checkpoints(&out) == expected, "round {round}");
        let log = "SELECT step, epoch, loss, gradient_norm, dev_f1 FROM training_log";
        assert_eq!(rows(&out, log), rows(&fixture.path("whole"), log));
    }
    println!("killed on the way: {n_killed} of 4");
    assert!(n_killed > 0);
}

#[test]
fn a_run_whose_folder_is_removed_does_not_end_well() {
    let fixture = Fixture::new();
    for epochs in [1, 3] {
        let config = TrainConfig { epochs, ..fixture.config() };
        let out = fixture.path("gone");
        let remove = |event: Event| {
            if matches!(event, Event::Line(_)) {
                fs::remove_dir_all(&out).unwrap();
            }
        };
        let refused = train::train(&config, &out, false, DeviceChoice::Cpu, &remove).unwrap_err().to_string();
        assert!(refused.contains("was removed or replaced while docre wrote into it"), "{epochs}: {refused}");
    }
}

#[test]
fn training_lowers_the_loss() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 8, ..fixture.config() };
    train::train(&config, &fixture.path("run"), false, DeviceChoice::Cpu, &unheard).unwrap();
    let losses = "SELECT avg(loss) AS loss FROM training_log GROUP BY epoch ORDER BY epoch";
    let losses: Vec<f64> = rows(&fixture.path("run"), losses).iter().map(|loss| loss.parse().unwrap()).collect();
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
    let none = ModelConfig::DocreIi(DocreIiConfig { layers: 0, ..docre_ii() });
    refused(&TrainConfig { model: none, ..config.clone() }, "other", &[], "`model`: `N_I`: expected at least 1, got 0");
    let endless = ModelConfig::DocreIi(DocreIiConfig { iterations: 1 << 40, ..docre_ii() });
    refused(&TrainConfig { model: endless, ..config.clone() }, "other", &[], "`model`: `K`: expected 0 to 1000");
    let uneven = ModelConfig::Atlop(AtlopConfig { embedding: 7, block: 8, ..AtlopConfig::default() });
    refused(
        &TrainConfig { model: uneven, ..config.clone() },
        "other",
        &[],
        "settings.json: `model`: `block`: expected a",
    );
    let EncoderSource::Scratch(scratch) = &config.encoder else { panic!("expected an encoder from scratch") };
    for (wrong, expected) in [
        (Scratch { heads: 3, ..scratch.clone() }, "`encoder.scratch.heads`: expected a divisor"),
        (Scratch { dropout: 1.5, ..scratch.clone() }, "`encoder.scratch.dropout`: expected 0 or more and less than 1"),
        (Scratch { hidden: 1 << 40, ..scratch.clone() }, "`encoder.scratch.hidden`: expected 1 to"),
    ] {
        refused(&TrainConfig { encoder: EncoderSource::Scratch(wrong), ..config.clone() }, "other", &[], expected);
    }
    let corpus = fixture.path("corpus");
    let source = fixture.path("empty.json");
    let bare = crate::support::DOCUMENT.split(",\n  \"labels\"").next().unwrap();
    fs::write(&source, format!("[{bare}, \"labels\": []}}]")).unwrap();
    let arguments = ["convert", "--format", "docred", "--split", "empty", "--out"];
    let empty =
        docre(arguments.iter().map(Into::into).chain([corpus.clone().into_os_string(), source.into_os_string()]));
    assert_eq!(empty.code, Some(0), "{}", empty.stderr);
    let nothing = "empty: expected documents with facts, found none";
    refused(&TrainConfig { dev: "empty".into(), ..config.clone() }, "other", &[], nothing);
    for (table, split) in
        [("documents", "dev"), ("tokens", "dev"), ("mentions", "train"), ("pairs", "dev"), ("relation_types", "dev")]
    {
        let part = Path::new(table).join("part-00000.parquet");
        fs::create_dir_all(corpus.join("mixed").join(table)).unwrap();
        fs::copy(corpus.join(split).join(&part), corpus.join("mixed").join(&part)).unwrap();
    }
    let stray = "tables `documents` and `mentions` were made from different sources";
    refused(&TrainConfig { dev: "mixed".into(), ..config.clone() }, "other", &[], stray);
    let neither = SecondStage { pretrain_base: false, freeze_base: true, ..SecondStage::default() };
    refused(&TrainConfig { second_stage: Some(neither), ..config.clone() }, "other", &[], "or the base learns nothing");
    for (wrong, expected) in [
        (TrainConfig { epochs: u32::MAX, ..config.clone() }, "`epochs`: expected 1 to 1000000, got 4294967295"),
        (
            TrainConfig { second_stage: Some(SecondStage { epochs: 1 << 30, ..second_stage() }), ..config.clone() },
            "`second_stage.epochs`: expected 1 to 1000000, got 1073741824",
        ),
    ] {
        refused(&wrong, "other", &[], expected);
    }
    // After a step that is the epoch's only one the dev split shows it.
    let rate = 1e10;
    let rates =
        TrainConfig { encoder_rate: rate, head_rate: rate, clip: 1e30, warm_up: 0.0, batch: 12, ..config.clone() };
    refused(&rates, "other", &[], "step 1: on dev: document `");
    refused(
        &rates,
        "other",
        &[],
        "expected finite logits, got NaN\nhint: where that is a NaN, training has diverged: try smaller learning rates",
    );
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
fn a_setting_that_does_not_fit_is_named() {
    let fixture = Fixture::new();
    let settings = fixture.path("unknown.json");
    let refused = |text: &str, expected: &str| {
        fs::write(&settings, text).unwrap();
        let run = docre(["train", "--config", settings.to_str().unwrap(), "--out", "nowhere"]);
        assert_eq!(run.code, Some(1));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    let usual = serde_json::to_value(fixture.config()).unwrap();
    let cases = [
        (
            "/epochs",
            json!(1.5),
            "unknown.json: `epochs`: expected a whole number of 0 or more, got floating point `1.5`",
        ),
        ("/model", json!("atlop"), "`model`: expected settings by name, got string \"atlop\""),
        ("/model/kind", json!("docre"), "`model`: `kind`: unknown variant `docre`, expected one of `atlop`"),
        ("/model/embedding", json!(-1), "`model`: `embedding`: expected a whole number of 0 or more, got integer `-1`"),
        ("/model", json!({"kind": "atlop", "heads": 4}), "`model`: unknown field `heads`, expected one of `emb"),
        ("/encoder/scratch", json!({"layer": 1}), "unknown.json: `encoder.scratch`: unknown field `layer`"),
        ("/encoder", json!({}), "`encoder`: expected one of `pretrained` and `scratch`, got neither"),
        ("/encoder/scratch/layers", json!("2"), "`encoder.scratch.layers`: expected a whole number of 0 or more"),
    ];
    for (setting, value, expected) in cases {
        let mut faulty = usual.clone();
        *faulty.pointer_mut(setting).unwrap() = value;
        refused(&faulty.to_string(), expected);
    }
    refused("{\"epochs\": 3,\n \"epochs\": 4}", "duplicate field `epochs`");
    refused("{\"epochs\": 3,\n 4}", "at line 2 column 2");
}

#[test]
fn a_checkpoint_reads_back_and_a_damaged_one_is_refused() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 1, ..fixture.config() };
    assert_eq!(fixture.train(&config, "run", &[]).code, Some(0));
    let best = fixture.path("run/best");
    let load = || Checkpoint::load(&best, &candle_core::Device::Cpu);
    let checkpoint = load().unwrap();
    let mode = |file: &str| fs::metadata(best.join(file)).unwrap().permissions().mode();
    assert_eq!(mode("model.safetensors"), mode("config.json"));
    let of_run = Checkpoint::load(&fixture.path("run"), &candle_core::Device::Cpu).err().unwrap().to_string();
    assert!(of_run.contains("expected a checkpoint, found a run: `best` in it is one"), "{of_run}");
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
    // The vocabulary of 200 pieces is this checkpoint's, the other is the golden tokenizer's.
    assert!(error.contains("tokenizer.json: expected at most 200 pieces, as the encoder knows, "), "{error}");
    let config = fs::read_to_string(best.join("config.json")).unwrap();
    let deep = config.replace("\"averaged_layers\": 1", "\"averaged_layers\": 9");
    fs::write(best.join("config.json"), deep).unwrap();
    let error = load().err().unwrap().to_string();
    assert!(
        error.contains("config.json: `averaged_layers`: expected 1 to the 1 that the encoder has, got 9"),
        "{error}"
    );
    fs::write(best.join("config.json"), config.replace("\"vocab_size\": 200", "\"vocab_size\": 2000")).unwrap();
    let error = load().err().unwrap().to_string();
    assert!(error.contains("tokenizer.json: expected the tokenizer `bert:"), "{error}");
}

#[test]
fn a_damaged_run_is_not_gone_on_with() {
    let fixture = Fixture::new();
    let config = fixture.config();
    let stopped = copy_after(1, &fixture, &config);
    let damages = [
        ("last/model.safetensors", "last/model.safetensors: "),
        ("last/optimizer.safetensors", "last/optimizer.safetensors: "),
        ("last/state.json", "last/state.json: "),
        ("last/config.json", "last/config.json: "),
        ("best/model.safetensors", "best/model.safetensors: "),
        ("training_log/part-00000.parquet", "training_log/part-00000.parquet: "),
    ];
    for (file, expected) in damages {
        let whole = fs::read(stopped.join(file)).unwrap();
        fs::write(stopped.join(file), &whole[..whole.len() / 2]).unwrap();
        let before = checkpoints(&stopped);
        let run = fixture.train(&config, "stopped", &["--resume"]);
        assert_eq!(run.code, Some(1), "{file}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{file}: {}", run.stderr);
        assert!(checkpoints(&stopped) == before, "{file}");
        fs::write(stopped.join(file), whole).unwrap();
    }
    let lost = |part: &str| {
        let [there, away] = [part, "away"].map(|name| stopped.join(name));
        fs::rename(&there, &away).unwrap();
        let run = fixture.train(&config, "stopped", &["--resume"]);
        let expected = format!("{part}: expected what the run has left there so far, found nothing\nhint: put it back");
        assert_eq!((run.code, run.stderr.contains(&expected)), (Some(1), true), "{part}: {}", run.stderr);
        fs::rename(away, there).unwrap();
    };
    lost("training_log");
    assert_eq!(fixture.train(&config, "stopped", &["--resume"]).code, Some(0));
    // A run that has ended is looked at, too; one without a last checkpoint begins anew, and says so.
    lost("best");
    fs::remove_dir_all(stopped.join("best")).unwrap();
    fs::rename(stopped.join("last"), stopped.join("best")).unwrap();
    let run = fixture.train(&config, "stopped", &["--resume"]);
    assert_eq!((run.code, run.stderr.contains("training begins anew")), (Some(0), true), "{}", run.stderr);
}

/// Copies a checkpoint of the fixture.
fn copy(fixture: &Fixture, from: &str, to: &str) {
    for (path, bytes) in files(&fixture.path(from)) {
        let copy = fixture.path(to).join(path.file_name().unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, bytes).unwrap();
    }
}

#[test]
fn nothing_of_another_run_is_replaced() {
    let fixture = Fixture::new();
    let config = TrainConfig { epochs: 1, ..fixture.config() };
    let other = TrainConfig { seed: 6, ..config.clone() };
    assert_eq!(fixture.train(&config, "run", &[]).code, Some(0));
    let refused = |out: &str, expected: &str| {
        let before = files(&fixture.path(out));
        for more in [&[][..], &["--resume"]] {
            let run = fixture.train(&other, out, more);
            assert!(run.code == Some(1) && run.stderr.contains(expected), "{out}: {}", run.stderr);
        }
        assert!(files(&fixture.path(out)) == before, "{out}");
    };
    for checkpoint in ["best", "base", "last"] {
        let out = format!("only {checkpoint}");
        copy(&fixture, "run/best", &format!("{out}/{checkpoint}"));
        let expected = "expected a checkpoint of this run, found another\nhint: move";
        refused(&out, &format!("{checkpoint}: {expected}"));
    }
    copy(&fixture, "run/training_log", "only log/training_log");
    refused("only log", "expected a run of these settings");
    // What a run leaves that is killed between its log and its checkpoint.
    let begun = fixture.train(&config, "only log", &[]);
    assert_eq!((begun.code, begun.stderr.contains("training begins anew")), (Some(0), true), "{}", begun.stderr);
}

#[test]
fn an_encoder_is_known_by_its_content() {
    let fixture = Fixture::new();
    let pretrained = |name: &str| {
        let encoder = EncoderSource::Pretrained(fixture.path(name).to_str().unwrap().to_owned());
        TrainConfig { encoder, epochs: 2, second_stage: None, ..fixture.config() }
    };
    encoder(&fixture.path("encoder"));
    copy(&fixture, "encoder", "moved");
    let stopped = copy_after(1, &fixture, &pretrained("encoder"));
    scale(&fixture.path("encoder"));
    let refused = fixture.train(&pretrained("encoder"), "stopped", &["--resume"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("with this encoder"), "{}", refused.stderr);
    let resumed = fixture.train(&pretrained("moved"), "stopped", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(checkpoints(&stopped) == checkpoints(&fixture.path("whole")));
}

#[test]
fn a_full_disk_leaves_the_earlier_checkpoint() {
    let fixture = Fixture::new();
    let config = fixture.config();
    let out = fixture.path("stopped");
    fs::create_dir(&out).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&out).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: a small tmpfs cannot be mounted here");
        return;
    }
    copy_after(1, &fixture, &config);
    let before = checkpoints(&out);
    // Fills the disk but for 32 kB, of which the weights alone need more.
    let _ = fs::write(out.join("filler"), vec![0; 8 << 20]);
    let filled = fs::metadata(out.join("filler")).unwrap().len();
    fs::File::options().write(true).open(out.join("filler")).unwrap().set_len(filled - (32 << 10)).unwrap();
    let full = fixture.train(&config, "stopped", &["--resume"]);
    let kept = checkpoints(&out);
    fs::remove_file(out.join("filler")).unwrap();
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    let ended = checkpoints(&out);
    assert!(Command::new("umount").arg(&out).status().unwrap().success());
    assert_eq!(full.code, Some(1), "{}", full.stderr);
    assert!(full.stderr.contains("No space left on device"), "{}", full.stderr);
    assert!(kept == before, "{}", full.stderr);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(ended == checkpoints(&fixture.path("whole")));
}

#[test]
fn an_encoder_with_too_small_a_vocabulary_is_refused() {
    let fixture = Fixture::new();
    let (golden, encoder) = (crate::golden::folder("atlop_bert"), fixture.path("encoder"));
    fs::create_dir(&encoder).unwrap();
    for file in ["tokenizer.json", "model.safetensors"] {
        fs::copy(golden.join(file), encoder.join(file)).unwrap();
    }
    let shape = fs::read_to_string(golden.join("config.json")).unwrap();
    fs::write(encoder.join("config.json"), shape.replace("\"vocab_size\": 1200", "\"vocab_size\": 100")).unwrap();
    let source = EncoderSource::Pretrained(encoder.to_str().unwrap().into());
    let run = fixture.train(&TrainConfig { encoder: source, ..fixture.config() }, "run", &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let expected = "expected at most 100 pieces in its vocabulary, the tokenizer has ";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    assert!(!fixture.path("run/best").exists());
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
    let config = TrainConfig { encoder, epochs: 1, second_stage: None, ..fixture.config() };
    save(&weights);
    let run = fixture.train(&config, "known", &[]);
    assert!(run.stderr.starts_with("note: 2 weights are not used: `model.pooler.dense.bias`"), "{}", run.stderr);
    let model = ModelConfig::Atlop(AtlopConfig { averaged_layers: 9, ..AtlopConfig::default() });
    let run = fixture.train(&TrainConfig { model, ..config.clone() }, "deep", &[]);
    let expected = "settings: `averaged_layers`: expected 1 to the 3 that the encoder has, got 9";
    assert!(run.code == Some(1) && run.stderr.contains(expected), "{}", run.stderr);
    let absent = "model.encoder.layer.0.output.dense.weight";
    save(&weights.clone().into_iter().filter(|(name, _)| name != absent).collect());
    let run = fixture.train(&config, "lacking", &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let expected = format!("encoder: expected the weights that its `config.json` promises: weight `{absent}`: ");
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
    weights.insert("decoder.weight".to_owned(), Tensor::new(&[1f32], &cpu).unwrap());
    save(&weights);
    let run = fixture.train(&config, "unknown", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: 1 weight is not used: `decoder.weight`\n"), "{}", run.stderr);
}
