//! From many documents with labels that are often wrong to few that are right: a run that begins with what another has
//! learnt, whatever its relations, and one that a teacher tells more than the labels do.

use std::collections::BTreeMap;
use std::fs;

use candle_core::{Device, Tensor};
use docre::checkpoint::{Card, Checkpoint, ModelConfig};
use docre::model::atlop::AtlopConfig;
use docre::model::docre_ii::DocreIiConfig;
use docre::model::docre_sd::DocreSdConfig;
use docre::model::pair::Mentions;
use docre::model::teaching::Teaching;
use docre::model::threshold_loss::ThresholdLoss;
use docre::train::config::{EncoderSource, SecondStage, TrainConfig};

use crate::support::{docre, files, rows};
use crate::train::{Fixture, copy_after, docre_ii, second_stage};

/// A model of each kind, trained at once or in two stages as its paper has it.
fn every_kind(loss: ThresholdLoss, teaching: Teaching) -> Vec<(&'static str, ModelConfig)> {
    vec![
        (
            "atlop",
            ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 4, loss, teaching, ..AtlopConfig::default() }),
        ),
        ("docre-ii", ModelConfig::DocreIi(DocreIiConfig { loss, teaching, ..docre_ii() })),
        (
            "docre-sd",
            ModelConfig::DocreSd(DocreSdConfig { embedding: 16, block: 4, loss, teaching, ..DocreSdConfig::default() }),
        ),
    ]
}

/// The settings of a model; DocRE-II takes its two stages.
fn with(fixture: &Fixture, kind: &str, model: &ModelConfig) -> TrainConfig {
    let second_stage = (kind == "docre-ii").then(|| SecondStage { epochs: 1, ..second_stage() });
    TrainConfig { model: model.clone(), epochs: 1, second_stage, ..fixture.config() }
}

/// The same, going on from a checkpoint whose encoder it takes, and learning nothing: what it ends with it began with.
fn going_on(fixture: &Fixture, config: &TrainConfig, from: &str) -> TrainConfig {
    let checkpoint = fixture.path(from);
    let still = |second: SecondStage| SecondStage { base_rate: 0.0, inference_rate: 0.0, ..second };
    TrainConfig {
        encoder: EncoderSource::Pretrained(checkpoint.to_str().unwrap().to_owned()),
        begin_with: Some(checkpoint),
        encoder_rate: 0.0,
        head_rate: 0.0,
        second_stage: config.second_stage.clone().map(still),
        ..config.clone()
    }
}

/// The corpus of a fixture with one relation renamed in both splits, and without another.
fn other_relations(fixture: &Fixture, renamed: (&str, &str), left_out: &str) {
    for (split, documents, first) in [("train", "12", "0"), ("dev", "4", "12")] {
        let out = fixture.path("json");
        let made = ["synthesize", "--docs", documents, "--first", first, "--split", split, "--facts", "4", "--json"];
        assert_eq!(docre(made.iter().copied().chain(["--out", out.to_str().unwrap()])).code, Some(0));
        let path = out.join(format!("{split}.json"));
        let mut documents: Vec<serde_json::Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for document in &mut documents {
            let labels = document["labels"].as_array_mut().unwrap();
            labels.retain(|fact| fact["r"] != left_out);
            labels.iter_mut().filter(|fact| fact["r"] == renamed.0).for_each(|fact| fact["r"] = renamed.1.into());
        }
        fs::write(&path, serde_json::to_string(&documents).unwrap()).unwrap();
        let (corpus, source) = (fixture.path("other"), path.to_str().unwrap());
        let converted = ["convert", "--format", "docred", "--split", split, "--out", corpus.to_str().unwrap(), source];
        let run = docre(converted);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
}

fn load(fixture: &Fixture, path: &str) -> Checkpoint {
    Checkpoint::load(&fixture.path(path), &Device::Cpu).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

/// The bits of each relation's row of a variable, and of the threshold's.
fn by_relation(checkpoint: &Checkpoint, name: &str) -> BTreeMap<String, Vec<u32>> {
    let names = ["threshold".to_owned()].into_iter().chain(checkpoint.config.relations.iter().map(ToString::to_string));
    let row = |row: usize| bits(&checkpoint.weights[name].get(row).unwrap());
    names.enumerate().map(|(place, name)| (name, row(place))).collect()
}

#[test]
fn every_kind_goes_on_from_a_whole_checkpoint() {
    let fixture = Fixture::new();
    for (kind, model) in every_kind(ThresholdLoss::default(), Teaching::None) {
        let noisy = with(&fixture, kind, &model);
        assert_eq!(fixture.train(&noisy, &format!("{kind}-noisy"), &[]).code, Some(0));
        let run = fixture.train(&going_on(&fixture, &noisy, &format!("{kind}-noisy/best")), kind, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let (before, after) = (load(&fixture, &format!("{kind}-noisy/best")), load(&fixture, &format!("{kind}/best")));
        let n_all = before.weights.len();
        assert!(
            run.stderr.contains(&format!("noisy/best: {n_all} of {n_all} variables as they are\n")),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("random") && !run.stderr.contains("not used"), "{}", run.stderr);
        assert_eq!(before.config.tokenizer, after.config.tokenizer);
        for (name, tensor) in &before.weights {
            assert_eq!(bits(&after.weights[name]), bits(tensor), "{kind}: {name}");
        }
        let settings = Card::find(&fixture.path(&format!("{kind}/best"))).unwrap().unwrap().settings;
        assert_eq!(settings["begin_with"], *before.fingerprint);
    }
    // One that begins with nothing learns other weights.
    let other = load(&fixture, "atlop/best");
    let run = fixture.train(&fixture.config(), "plain", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_ne!(bits(&load(&fixture, "plain/best").weights["bilinear.weight"]), bits(&other.weights["bilinear.weight"]));
}

#[test]
fn a_run_that_begins_with_a_checkpoint_goes_on_from_any_epoch() {
    let fixture = Fixture::new();
    let noisy = with(&fixture, "docre-ii", &ModelConfig::DocreIi(docre_ii()));
    assert_eq!(fixture.train(&noisy, "noisy", &[]).code, Some(0));
    let learning = TrainConfig { second_stage: Some(second_stage()), epochs: 2, ..fixture.config() };
    let begun = going_on(&fixture, &learning, "noisy/best");
    let (encoder, begin_with) = (begun.encoder, begun.begin_with);
    let config = TrainConfig { model: ModelConfig::DocreIi(docre_ii()), encoder, begin_with, ..learning };
    let stopped = copy_after(2, &fixture, &config);
    let resumed = fixture.train(&config, "stopped", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    for checkpoint in ["base", "best", "last"] {
        let bytes = |folder| files(folder).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
        assert_eq!(bytes(&stopped.join(checkpoint)), bytes(&fixture.path("whole").join(checkpoint)));
    }
    // With another checkpoint it is another run.
    let other = TrainConfig { begin_with: Some(fixture.path("noisy/base")), ..config };
    let refused = fixture.train(&other, "stopped", &["--resume"]);
    assert!(refused.stderr.contains("expected a run of these settings on this corpus"), "{}", refused.stderr);
}

#[test]
fn rows_of_relations_are_taken_over_by_name() {
    let fixture = Fixture::new();
    let of_all = rows(&fixture.path("corpus/train"), "SELECT relation FROM relation_types ORDER BY relation");
    let [renamed, left_out] = [&of_all[0], &of_all[of_all.len() - 1]];
    other_relations(&fixture, (renamed, "Z99"), left_out);
    let classes = [
        ("atlop", &["bilinear.weight", "bilinear.bias"][..]),
        ("docre-ii", &["classifier.weight", "inference.classifier.bias", "inference.relations"][..]),
        ("docre-sd", &["reasoning.classifier.weight"][..]),
    ];
    for ((kind, model), (_, by_class)) in every_kind(ThresholdLoss::default(), Teaching::None).into_iter().zip(classes)
    {
        let noisy = with(&fixture, kind, &model);
        assert_eq!(fixture.train(&noisy, &format!("{kind}-noisy"), &[]).code, Some(0));
        let clean = going_on(&fixture, &noisy, &format!("{kind}-noisy/best"));
        let clean = TrainConfig { corpus: fixture.path("other"), ..clean };
        let run = fixture.train(&clean, kind, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let (before, after) = (load(&fixture, &format!("{kind}-noisy/best")), load(&fixture, &format!("{kind}/best")));
        let (n_before, n_after) = (before.config.relations.len(), after.config.relations.len());
        assert_eq!(n_after, n_before - 1);
        for told in [
            format!(" the rows of {} of {n_after} relations\n", n_after - 1),
            "1 begin at random, as it does not know them: relations `Z99`\n".to_owned(),
            format!("2 are no relations of the model, and left aside: `{renamed}`, `{left_out}`\n"),
        ] {
            assert!(run.stderr.contains(&told), "{told}: {}", run.stderr);
        }
        for name in by_class {
            let (before, after) = (by_relation(&before, name), by_relation(&after, name));
            assert_eq!(after.len(), n_after + 1);
            for (relation, row) in &after {
                assert_eq!(before.get(relation), (relation != "Z99").then_some(row), "{kind}: {name} of {relation}");
            }
            assert!(before.values().all(|row| *row != after["Z99"]), "{kind}: {name}");
        }
        let unlike = |name: &String| bits(&before.weights[name]) != bits(&after.weights[name]);
        let others = before.weights.keys().filter(|name| !ModelConfig::has_row_a_class(name));
        assert_eq!(others.filter(|name| unlike(name)).count(), 0, "{kind}");
    }
    let of_base = |freeze_base| {
        let second = SecondStage { freeze_base, base_rate: 0.0, epochs: 1, ..second_stage() };
        let base = fixture.path("docre-ii-noisy/base");
        TrainConfig {
            model: ModelConfig::DocreIi(docre_ii()),
            corpus: fixture.path("other"),
            encoder: EncoderSource::Pretrained(base.to_str().unwrap().to_owned()),
            base: Some(base),
            second_stage: Some(second),
            ..fixture.config()
        }
    };
    let run = fixture.train(&of_base(false), "over", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("1 begin at random, as it does not know them: relations `Z99`"), "{}", run.stderr);
    let (before, after) = (load(&fixture, "docre-ii-noisy/base"), load(&fixture, "over/best"));
    let (before, after) = (by_relation(&before, "classifier.weight"), by_relation(&after, "classifier.weight"));
    assert!(after.iter().all(|(relation, row)| relation == "Z99" || before[relation] == *row));
    let refused = fixture.train(&of_base(true), "frozen", &[]);
    let told = "expected the relations of the model, as the base stays as it is: it lacks `Z99`";
    assert!(refused.code == Some(1) && refused.stderr.contains(told), "{}", refused.stderr);
}

#[test]
fn another_kind_takes_what_fits_and_another_reading_is_refused() {
    let fixture = Fixture::new();
    let atlop = with(&fixture, "atlop", &fixture.config().model);
    assert_eq!(fixture.train(&atlop, "atlop", &[]).code, Some(0));
    let inferring = with(&fixture, "docre-ii", &ModelConfig::DocreIi(docre_ii()));
    let run = fixture.train(&going_on(&fixture, &inferring, "atlop/best"), "inferring", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("2 have no place in the model, and are left aside: variables `bilinear.bias`"));
    assert!(run.stderr.contains(" begin as they do without it: variables `classifier.bias`"), "{}", run.stderr);
    let (before, after) = (load(&fixture, "atlop/best"), load(&fixture, "inferring/best"));
    assert_eq!(bits(&before.weights["head_extractor.weight"]), bits(&after.weights["head_extractor.weight"]));
    // An encoder is taken from a checkpoint by itself too.
    let encoder_alone = TrainConfig { begin_with: None, ..going_on(&fixture, &inferring, "atlop/best") };
    assert_eq!(fixture.train(&encoder_alone, "encoder", &[]).code, Some(0));
    let after = load(&fixture, "encoder/best");
    let is_of_encoder = |name: &str| name.starts_with("model.");
    assert!(
        before
            .weights
            .iter()
            .filter(|(name, _)| is_of_encoder(name))
            .all(|(name, of)| bits(&after.weights[name]) == bits(of))
    );
    assert_ne!(bits(&before.weights["head_extractor.weight"]), bits(&after.weights["head_extractor.weight"]));

    let refused = |config: &TrainConfig, expected: &str| {
        let run = fixture.train(config, "refused", &[]);
        assert!(run.code == Some(1) && run.stderr.contains(expected), "{}", run.stderr);
    };
    // Of other documents an encoder from nothing has other pieces.
    let EncoderSource::Scratch(scratch) = fixture.config().encoder else { panic!("another encoder") };
    let other = EncoderSource::Scratch(docre::train::config::Scratch { vocabulary: 150, ..scratch });
    let scratch = TrainConfig { encoder: other, ..going_on(&fixture, &atlop, "atlop/best") };
    refused(&scratch, "atlop/best: expected the tokenizer of the model\nhint: take its encoder too");
    let both =
        ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 4, mentions: Mentions::Both, ..AtlopConfig::default() });
    refused(
        &going_on(&fixture, &TrainConfig { model: both, ..atlop.clone() }, "atlop/best"),
        "atlop/best: expected the `averaged_layers` and `mentions` of the model",
    );
    refused(
        &TrainConfig { begin_with: Some(fixture.path("atlop")), ..atlop },
        "atlop: expected a checkpoint, found a run: `best` in it is one",
    );
}

#[test]
fn a_teachers_logits_teach_every_kind_and_the_card_tells_the_loss() {
    let fixture = Fixture::new();
    assert_eq!(fixture.train(&with(&fixture, "atlop", &fixture.config().model), "teacher", &[]).code, Some(0));
    let loss = ThresholdLoss::AdaptiveFocal { gamma: 2.0 };
    for (kind, model) in every_kind(loss, Teaching::Mse { weight: 0.5 }) {
        let config = with(&fixture, kind, &model);
        let alone = fixture.train(&config, kind, &[]);
        assert!(alone.stderr.contains("`teacher`: expected a checkpoint, as `teaching` is `mse`"), "{}", alone.stderr);
        let taught = TrainConfig { teacher: Some(fixture.path("teacher/best")), ..config };
        let run = fixture.train(&taught, kind, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        // Every step of every stage has it.
        let untaught = "SELECT count(*) FROM training_log WHERE auxiliary_loss IS NULL OR auxiliary_loss <= 0";
        assert_eq!(rows(&fixture.path(kind), untaught), ["0"]);
        let best = fixture.path(&format!("{kind}/best"));
        let shown = docre(["checkpoint", "show", best.to_str().unwrap()]).stdout;
        assert!(shown.contains("loss          adaptive-focal, gamma 2.0\n"), "{shown}");
        let settings = Card::find(&best).unwrap().unwrap().settings;
        assert_eq!(settings["model"]["loss"], serde_json::json!({"kind": "adaptive-focal", "gamma": 2.0}));
        assert_eq!(
            load(&fixture, &format!("{kind}/best")).config.model.judged(),
            (loss, Teaching::Mse { weight: 0.5 })
        );
    }
    // A teacher that tells other relations is refused.
    other_relations(&fixture, ("P27", "Z99"), "none");
    let (_, model) = every_kind(loss, Teaching::Kl { weight: 1.0 }).remove(0);
    let other = TrainConfig {
        corpus: fixture.path("other"),
        teacher: Some(fixture.path("teacher/best")),
        ..with(&fixture, "atlop", &model)
    };
    let refused = fixture.train(&other, "refused", &[]);
    assert!(refused.stderr.contains("teacher/best: expected the relations of the model"), "{}", refused.stderr);
    // One that shows where to look may tell other relations.
    let shown = AtlopConfig { embedding: 16, block: 4, attention_weight: 0.1, ..AtlopConfig::default() };
    let run = fixture.train(&TrainConfig { model: ModelConfig::Atlop(shown), ..other }, "shown", &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}
