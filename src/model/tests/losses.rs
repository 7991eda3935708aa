//! Losses by labels and by a teacher: their equations, number by number, and their gradients by differences.

use crate::atlop::AtlopConfig;
use crate::base::PairFeature;
use crate::docre_ii::DocreIiConfig;
use crate::docre_sd::{Distillation, DocreSdConfig};
use crate::example::{Example, labels};
use crate::loss::adaptive_threshold;
use crate::teaching::Teaching;
use crate::threshold_loss::ThresholdLoss;
use crate::{Lesson, Model, ModelConfig, Task};
use candle_core::{DType, Device, Tensor, Var};
use encoder::EncoderConfig;
use ground::random::Random;
use nn::Weights;

use super::{distance, example};

pub const CLASSES: usize = 12;

pub const FOCAL: ThresholdLoss = ThresholdLoss::AdaptiveFocal { gamma: 2.0 };
pub const MOVING: ThresholdLoss = moving(0.7, 0.3, 1.0);
const SAMPLED: ThresholdLoss = moving(0.7, 0.3, 0.5);
/// Of pairs without a relation it learns nothing: none is ever drawn.
const SILENT: ThresholdLoss = moving(0.0, 0.0, f64::MIN_POSITIVE);

const fn moving(holding_entropy: f64, other_entropy: f64, sampled: f64) -> ThresholdLoss {
    ThresholdLoss::MovingThreshold { holding_entropy, other_entropy, sampled }
}

pub fn lesson(examples: &[Example]) -> Lesson<'_> {
    Lesson { examples, progress: 0.5, teacher: None, attention: None, shared: Random::new(3) }
}

/// Logits from −20 to 20 and labels of so many pairs: every third has none, others one to three.
pub fn drawn(n_pairs: usize, n_classes: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut random = Random::new(8);
    let logits = (0..n_pairs).map(|_| (0..n_classes).map(|_| 40.0 * random.unit() - 20.0).collect()).collect();
    let mut labels = vec![vec![0.0; n_classes]; n_pairs];
    for (pair, row) in labels.iter_mut().enumerate().filter(|(pair, _)| pair % 3 > 0) {
        (0..=pair % 3).for_each(|_| row[1 + random.below(n_classes - 1)] = 1.0);
    }
    (logits, labels)
}

pub fn tensor(rows: &[Vec<f64>], kind: DType) -> Tensor {
    let (n_rows, width) = (rows.len(), rows[0].len());
    Tensor::from_vec(rows.concat(), (n_rows, width), &Device::Cpu).unwrap().to_dtype(kind).unwrap()
}

pub fn number(scalar: &Tensor) -> f64 {
    scalar.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

/// What a loss makes of rows of numbers, in a type.
fn found(loss: ThresholdLoss, logits: &[Vec<f64>], labels: &[Vec<f64>], kind: DType) -> f64 {
    let judge = loss.judge(&lesson(&[]), logits[0].len(), &Device::Cpu).unwrap();
    number(&judge.of(&tensor(logits, kind), &tensor(labels, kind)).unwrap())
}

/// The classes by which pairs without a relation are judged.
fn kept(loss: ThresholdLoss, n_classes: usize) -> Vec<bool> {
    // A logit far above the threshold is a loss where its class counts.
    let judge = loss.judge(&lesson(&[]), n_classes, &Device::Cpu).unwrap();
    let row = |class: usize| (0..n_classes).map(|of| if of == class { 9.0 } else { -90.0 }).collect::<Vec<f64>>();
    let none = tensor(&[vec![0.0; n_classes]], DType::F64);
    let loss = |class| {
        let mut row = row(class);
        row[0] = 0.0;
        number(&judge.of(&tensor(&[row], DType::F64), &none).unwrap())
    };
    (0..n_classes).map(|class| class > 0 && loss(class) > 1.0).collect()
}

/// The equations, pair by pair and relation by relation.
pub fn naive(loss: ThresholdLoss, logits: &[Vec<f64>], labels: &[Vec<f64>]) -> f64 {
    let kept = match loss {
        ThresholdLoss::MovingThreshold { .. } => kept(loss, logits[0].len()),
        _ => Vec::new(),
    };
    let of_pair = |(logits, labels): (&Vec<f64>, &Vec<f64>)| {
        let log_sum = |classes: &[usize]| classes.iter().map(|&class| logits[class].exp()).sum::<f64>().ln();
        let holding: Vec<usize> = (1..logits.len()).filter(|&class| labels[class] == 1.0).collect();
        let others: Vec<usize> = (1..logits.len()).filter(|&class| labels[class] == 0.0).collect();
        let p = |class: usize| logits[class].exp() / (logits[class].exp() + logits[0].exp());
        let fails = |class: usize| logits[0].exp() / (logits[class].exp() + logits[0].exp());
        let entropy = |class: usize| -p(class) * p(class).ln() - fails(class) * fails(class).ln();
        let among_others = || log_sum(&[&[0], &others[..]].concat()) - logits[0];
        match loss {
            ThresholdLoss::AdaptiveThreshold => {
                let all = log_sum(&[&[0], &holding[..]].concat());
                holding.iter().map(|&class| all - logits[class]).sum::<f64>() + among_others()
            }
            ThresholdLoss::AdaptiveFocal { gamma } => {
                let focal = |&class: &usize| -(1.0 + fails(class).powf(gamma)) * p(class).ln();
                holding.iter().map(focal).sum::<f64>() + among_others()
            }
            ThresholdLoss::MovingThreshold { holding_entropy, other_entropy, .. } => {
                let counted = || others.iter().filter(|&&class| !holding.is_empty() || kept[class]);
                let told = holding.iter().map(|&class| -p(class).ln()).sum::<f64>()
                    + counted().map(|&class| -fails(class).ln()).sum::<f64>();
                let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
                told + holding_entropy * mean(holding.iter().map(|&class| entropy(class)).sum(), holding.len())
                    + other_entropy * mean(counted().map(|&class| entropy(class)).sum(), others.len())
            }
        }
    };
    logits.iter().zip(labels).map(of_pair).sum::<f64>() / logits.len() as f64
}

#[test]
fn the_losses_are_their_equations() {
    let (logits, labels) = drawn(30, CLASSES);
    let all = vec![vec![0.0, 1.0, 1.0]];
    for loss in [ThresholdLoss::AdaptiveThreshold, FOCAL, MOVING, SAMPLED, SILENT, moving(0.0, 1.0, 0.9)] {
        let expected = naive(loss, &logits, &labels);
        for (kind, most) in [(DType::F64, 1e-9), (DType::F32, 1e-5), (DType::BF16, 2e-2)] {
            let found = found(loss, &logits, &labels, kind);
            assert!((found / expected - 1.0).abs() < most, "{loss:?}, {kind:?}: {found}, expected {expected}");
        }
        // Where every relation holds there is no other one.
        let (found, expected) =
            (found(loss, &[vec![0.5, 1.0, -2.0]], &all, DType::F64), naive(loss, &[vec![0.5, 1.0, -2.0]], &all));
        assert!((found - expected).abs() < 1e-9, "{loss:?}: {found}, expected {expected}");
    }
    // One relation of one pair: p = ¾, so −(1 + (¼)²) log ¾ − log ½ over TH and the other, which are alike.
    let (logits, labels) = (vec![vec![0.0, 3f64.ln(), 0.0]], vec![vec![0.0, 1.0, 0.0]]);
    let expected = -(1.0 + 0.0625) * 0.75f64.ln() - 0.5f64.ln();
    assert!((found(FOCAL, &logits, &labels, DType::F64) - expected).abs() < 1e-9);
    // −log ¾ − log ½, and the entropies of ¾ and of ½.
    let entropy = -0.75 * 0.75f64.ln() - 0.25 * 0.25f64.ln();
    let expected = -0.75f64.ln() - 0.5f64.ln() + 0.7 * entropy + 0.3 * 2f64.ln();
    assert!((found(MOVING, &logits, &labels, DType::F64) - expected).abs() < 1e-9);
}

#[test]
fn the_usual_loss_stays_what_it_was() {
    let (logits, labels) = drawn(30, CLASSES);
    let judged = found(ThresholdLoss::default(), &logits, &labels, DType::F32);
    let alone = adaptive_threshold(&tensor(&logits, DType::F32), &tensor(&labels, DType::F32)).unwrap();
    assert_eq!(judged, number(&alone));
}

#[test]
fn the_losses_have_the_gradients_of_their_differences() {
    let (mut logits, labels) = drawn(9, 5);
    // Certain to the last bit, and undecided.
    (logits[0][1], logits[1][0], logits[2][3]) = (400.0, -400.0, logits[2][0]);
    let step = 1e-5;
    for loss in [FOCAL, ThresholdLoss::AdaptiveFocal { gamma: 0.5 }, MOVING, SAMPLED] {
        let judge = loss.judge(&lesson(&[]), 5, &Device::Cpu).unwrap();
        let variable = Var::from_tensor(&tensor(&logits, DType::F64)).unwrap();
        let grads = judge.of(variable.as_tensor(), &tensor(&labels, DType::F64)).unwrap().backward().unwrap();
        let grads: Vec<Vec<f64>> = grads.get(&variable).unwrap().to_vec2().unwrap();
        for (pair, class) in (0..9).flat_map(|pair| (0..5).map(move |class| (pair, class))) {
            let moved = |by: f64| {
                let mut logits = logits.clone();
                logits[pair][class] += by;
                found(loss, &logits, &labels, DType::F64)
            };
            let (found, expected) = (grads[pair][class], (moved(step) - moved(-step)) / (2.0 * step));
            assert!((found - expected).abs() < 1e-5, "{loss:?}: pair {pair}, class {class}: {found}, {expected}");
        }
    }
}

#[test]
fn pairs_without_a_relation_are_judged_by_a_share_of_them() {
    let share = |loss| kept(loss, 1001).iter().filter(|kept| **kept).count();
    assert_eq!([share(MOVING), share(SILENT)], [1000, 0]);
    // To four standard errors of 16.
    assert!(share(SAMPLED).abs_diff(500) < 64);
    let logits = vec![vec![-9.0, 9.0, 9.0]; 4];
    let none = vec![vec![0.0; 3]; 4];
    for loss in [ThresholdLoss::AdaptiveThreshold, FOCAL, MOVING] {
        let found = found(loss, &logits, &none, DType::F32);
        assert!(found.is_finite() && (found - naive(loss, &logits, &none)).abs() < 1e-4 && found > 18.0, "{loss:?}");
    }
    assert_eq!(found(SILENT, &logits, &none, DType::F32), 0.0);
    // Of a pair with a relation all others count.
    let one = vec![vec![0.0, 1.0, 0.0]; 4];
    assert!(found(SILENT, &logits, &one, DType::F32) > 17.0);
}

/// A model of each kind, in all ways in which they predict more than once.
pub fn every_way(loss: ThresholdLoss, teaching: Teaching) -> Vec<ModelConfig> {
    let docre_ii = || DocreIiConfig { embedding: 16, block: 8, loss, teaching, ..DocreIiConfig::default() };
    let docre_sd = |distillation| DocreSdConfig {
        embedding: 16,
        block: 8,
        loss,
        teaching,
        distillation,
        ..DocreSdConfig::default()
    };
    let distillations = [Distillation::None, Distillation::Itself, Distillation::RDrop, Distillation::Teacher];
    let of_sd = distillations.map(docre_sd).map(ModelConfig::DocreSd);
    let first = [
        ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 8, loss, teaching, ..AtlopConfig::default() }),
        ModelConfig::DocreIi(docre_ii()),
        ModelConfig::DocreIi(DocreIiConfig { iterations: 0, ..docre_ii() }),
        ModelConfig::DocreIi(DocreIiConfig { second_view: true, ..docre_ii() }),
        ModelConfig::DocreIi(DocreIiConfig { pair_feature: PairFeature::Released, ..docre_ii() }),
    ];
    let bases = of_sd.iter().filter_map(ModelConfig::base).collect::<Vec<_>>();
    [first.to_vec(), of_sd.to_vec(), bases].concat()
}

fn build(config: &ModelConfig, n_classes: usize) -> (Box<dyn Model>, Weights) {
    let encoder = EncoderConfig { hidden_dropout_prob: 0.0, ..EncoderConfig::small(1100, 16, 2, 4) };
    let encoder = EncoderConfig { attention_probs_dropout_prob: 0.0, ..encoder };
    let mut weights = Weights::fresh(7, &Device::Cpu);
    let model = config.build(&Task { encoder: &encoder, n_classes, most_labels: 4 }, &mut weights).unwrap();
    (model, weights)
}

fn teacher(examples: &[Example]) -> Tensor {
    let n_pairs: usize = examples.iter().map(|example| example.pairs.len()).sum();
    let mut random = Random::new(11);
    let logits: Vec<f32> = (0..n_pairs * CLASSES).map(|_| random.normal() as f32).collect();
    Tensor::from_vec(logits, (n_pairs, CLASSES), &Device::Cpu).unwrap()
}

#[test]
fn whatever_a_model_predicts_is_judged_by_its_loss() {
    let examples: Vec<Example> = [0, 1].map(example).to_vec();
    let mut unlabelled = examples.clone();
    unlabelled.iter_mut().for_each(|example| example.labels.iter_mut().for_each(Vec::clear));
    let with_teacher = |examples| Lesson { teacher: Some(teacher(examples)), ..lesson(examples) };
    // Of pairs without relations this one says nothing, wherever predictions are judged; all others do.
    for config in every_way(SILENT, Teaching::None) {
        let loss = build(&config, CLASSES).0.loss(&with_teacher(&unlabelled), &mut Random::new(1)).unwrap().unwrap();
        assert_eq!(number(&loss.threshold), 0.0, "{config:?}");
    }
    for loss in [FOCAL, SAMPLED] {
        for config in every_way(loss, Teaching::None) {
            let (model, weights) = build(&config, CLASSES);
            let learnt = model.loss(&with_teacher(&examples), &mut Random::new(1)).unwrap().unwrap();
            assert!(number(&learnt.threshold) > 0.0);
            let grads = learnt.total().unwrap().backward().unwrap();
            for (name, variable) in weights.variables().iter().filter(|(name, _)| !name.starts_with("average.")) {
                let grad = grads.get(variable).unwrap_or_else(|| panic!("{config:?}: {name}: no gradient"));
                let norm: f32 = grad.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
                assert!(norm.is_finite() && (norm > 0.0 || name.ends_with("key.bias")), "{config:?}: {name}: {norm}");
            }
        }
    }
    // Of a model that predicts once, the loss is that of its logits.
    let config = &every_way(FOCAL, Teaching::None)[0];
    let (model, _) = build(config, CLASSES);
    let logits = model.score(&examples).unwrap().unwrap().logits;
    let labels = labels(&examples, CLASSES, &Device::Cpu).unwrap();
    let expected = FOCAL.judge(&lesson(&examples), CLASSES, &Device::Cpu).unwrap().of(&logits, &labels).unwrap();
    let found = model.loss(&lesson(&examples), &mut Random::new(1)).unwrap().unwrap().threshold;
    assert!(distance(&found, &expected) < 1e-5);
}

#[test]
fn every_kind_learns_from_a_teachers_logits() {
    let examples: Vec<Example> = [0, 1].map(example).to_vec();
    for teaching in [Teaching::Mse { weight: 0.5 }, Teaching::Kl { weight: 0.5 }] {
        let untaught = every_way(ThresholdLoss::default(), Teaching::None);
        for (config, untaught) in every_way(ThresholdLoss::default(), teaching).into_iter().zip(untaught) {
            assert!(config.has_teacher());
            let taught = Lesson { teacher: Some(teacher(&examples)), ..lesson(&examples) };
            let learnt = |config: &ModelConfig| {
                let loss = build(config, CLASSES).0.loss(&taught, &mut Random::new(1)).unwrap().unwrap();
                [Some(&loss.threshold), loss.auxiliary.as_ref()].map(|loss| loss.map_or(0.0, number))
            };
            let ([threshold, auxiliary], [before, less]) = (learnt(&config), learnt(&untaught));
            assert_eq!(threshold, before, "{config:?}: labels teach the same");
            assert!(auxiliary > less, "{config:?}: {auxiliary}, {less}");
            let (model, _) = build(&config, CLASSES);
            let alone = model.loss(&lesson(&examples), &mut Random::new(1)).unwrap_err().to_string();
            assert!(alone.starts_with("expected a teacher, found none"), "{alone}");
        }
    }
    // (1² + 3²)/2 of each row, times the weight; and of a row with p = (¾, ¼), q = (½, ½).
    let rows = |row: [f32; 2]| Tensor::new(&[row, row], &Device::Cpu).unwrap();
    let of = |teaching: Teaching, teacher: [f32; 2], logits: [f32; 2]| {
        number(&teaching.of(Some(&rows(teacher)), [&rows(logits)]).unwrap().unwrap())
    };
    assert!((of(Teaching::Mse { weight: 2.0 }, [1.0, 2.0], [0.0, 5.0]) - 10.0).abs() < 1e-6);
    // What is absent of both is nothing to learn, however far below all else it is: 1² · 2/1, of two.
    assert!((of(Teaching::Mse { weight: 1.0 }, [2.0, -4e30], [1.0, -1e30]) - 1.0).abs() < 1e-6);
    let expected = 0.75 * (0.75f64 / 0.5).ln() + 0.25 * (0.25f64 / 0.5).ln();
    assert!((of(Teaching::Kl { weight: 2.0 }, [3f32.ln(), 0.0], [1.0, 1.0]) - 2.0 * expected).abs() < 1e-6);
}

#[test]
fn a_loss_is_read_from_its_name_or_a_table() {
    let of = |text: &str| serde_json::from_str::<AtlopConfig>(text).map_err(|error| error.to_string());
    let loss = |text: &str| of(&format!(r#"{{"loss": {text}}}"#)).map(|config| config.loss);
    assert_eq!(of("{}").unwrap().loss, ThresholdLoss::AdaptiveThreshold);
    assert_eq!(loss(r#""adaptive-focal""#), Ok(ThresholdLoss::AdaptiveFocal { gamma: 1.0 }));
    assert_eq!(loss(r#"{"kind": "adaptive-focal", "gamma": 2}"#), Ok(FOCAL));
    assert_eq!(loss(r#""moving-threshold""#), Ok(moving(1.0, 1.0, 1.0)));
    assert_eq!(loss(r#"{"kind": "moving-threshold", "sampled": 0.5}"#), Ok(moving(1.0, 1.0, 0.5)));
    let told = loss(r#""focal""#).unwrap_err();
    assert!(told.contains("unknown variant `focal`, expected one of `adaptive-threshold`, `adaptive-focal`"), "{told}");
    let told = loss(r#"{"kind": "adaptive-focal", "sampled": 1}"#).unwrap_err();
    assert!(told.contains("unknown field `sampled`"), "{told}");
    assert!(loss("1").unwrap_err().contains("a name, or a table with `kind`"));
    for config in [FOCAL, MOVING, ThresholdLoss::default()] {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ThresholdLoss>(&text).unwrap(), config);
    }
    for teaching in [Teaching::None, Teaching::Mse { weight: 1.0 }, Teaching::Kl { weight: 0.25 }] {
        let text = serde_json::to_string(&teaching).unwrap();
        assert_eq!(serde_json::from_str::<Teaching>(&text).unwrap(), teaching);
    }
    assert_eq!(serde_json::from_str::<Teaching>(r#""mse""#).unwrap(), Teaching::Mse { weight: 1.0 });
    let refused = |loss| every_way(loss, Teaching::None).iter().map(|config| config.check().unwrap_err()).collect();
    let told: Vec<String> = refused(ThresholdLoss::AdaptiveFocal { gamma: -1.0 });
    assert!(told.iter().all(|told| told == "`loss.gamma`: expected 0 to 1000, got -1"), "{told:?}");
    let told: Vec<String> = refused(moving(1.0, 1.0, 2.0));
    assert!(told.iter().all(|told| told == "`loss.sampled`: expected 0 to 1, got 2"), "{told:?}");
    let told: Vec<String> = refused(moving(1.0, 1.0, 0.0));
    assert!(told.iter().all(|told| told == "`loss.sampled`: expected above 0, got 0"), "{told:?}");
    let told = every_way(FOCAL, Teaching::Mse { weight: -1.0 })[0].check().unwrap_err();
    assert_eq!(told, "`teaching.weight`: expected 0 to 1000, got -1");
}

#[test]
fn the_variables_with_a_row_for_each_class_are_known() {
    let configs = every_way(FOCAL, Teaching::None).into_iter().map(|config| {
        let released = |config: DocreIiConfig| DocreIiConfig { inference_width: Some(8), ..config };
        if let ModelConfig::DocreIi(config) = config { ModelConfig::DocreIi(released(config)) } else { config }
    });
    for config in every_way(FOCAL, Teaching::None).into_iter().chain(configs) {
        let [few, many] = [5, 6].map(|n_classes| build(&config, n_classes).1);
        for (name, variable) in few.variables() {
            let [few, many] = [variable.dims(), many.variables()[name].dims()];
            let expected = ModelConfig::has_row_a_class(name);
            assert_eq!(few != many, expected, "{config:?}: {name}");
            assert!(!expected || [few[0], many[0]] == [5, 6] && few[1..] == many[1..], "{name}");
        }
    }
}
