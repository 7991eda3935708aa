//! What a document says nothing of: to it a model is one that does not have these relations.

use std::collections::BTreeMap;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use encoder::EncoderConfig;
use ground::random::Random;
use nn::Weights;

use crate::absent::Absent;
use crate::docre_ii::{Contrastive, DocreIiConfig, Embed, Logits, Negatives, NoiseOn};
use crate::docre_sd::DocreSdConfig;
use crate::example::{Example, Relations};
use crate::teaching::Teaching;
use crate::threshold_loss::ThresholdLoss;
use crate::{Lesson, Model, ModelConfig, Task};

use super::losses::{CLASSES, FOCAL, MOVING, drawn, every_way, lesson, naive, number, tensor};
use super::{distance, example};

/// Relations that the documents do not annotate.
const ABSENT: [u32; 4] = [2, 5, 6, 11];

fn kept() -> Vec<u32> {
    (0..CLASSES as u32).filter(|class| !ABSENT.contains(class)).collect()
}

/// The columns, or the rows, of the classes that are left.
fn left(of: &Tensor, dimension: D) -> Tensor {
    of.contiguous().unwrap().index_select(&Tensor::new(kept(), &Device::Cpu).unwrap(), dimension).unwrap()
}

/// Two documents with relations of the classes that are left, which say nothing of the others; and the same for a model that
/// has those alone.
fn documents() -> [Vec<Example>; 2] {
    let mut random = Random::new(4);
    let mut of_few: Vec<Example> = [0, 1].map(example).to_vec();
    for labels in of_few.iter_mut().flat_map(|example| &mut example.labels) {
        *labels = if random.chance(0.4) { vec![1 + random.below(kept().len() - 1) as u32] } else { Vec::new() };
    }
    let mut of_all = of_few.clone();
    for example in &mut of_all {
        example.absent = ABSENT.to_vec();
        example.labels.iter_mut().flatten().for_each(|class| *class = kept()[*class as usize]);
    }
    [of_all, of_few]
}

fn encoder() -> EncoderConfig {
    let encoder = EncoderConfig::small(1100, 16, 2, 4);
    EncoderConfig { hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0, ..encoder }
}

fn build(config: &ModelConfig, n_classes: usize, weights: &mut Weights) -> Box<dyn Model> {
    config.build(&Task { encoder: &encoder(), n_classes, most_labels: 4 }, weights).unwrap()
}

/// A model of all classes, and the same without some of them, with their variables.
fn both(config: &ModelConfig) -> [(Box<dyn Model>, Weights); 2] {
    let mut weights = Weights::fresh(7, &Device::Cpu);
    let of_all = build(config, CLASSES, &mut weights);
    let variables = weights.variables().iter().map(|(name, variable)| {
        let values = variable.as_detached_tensor();
        let by_class = ModelConfig::has_row_a_class(name);
        (name.clone(), if by_class { left(&values, D::Minus(values.rank())) } else { values.copy().unwrap() })
    });
    let mut given = Weights::given(variables.collect::<BTreeMap<_, _>>(), "", 7, &Device::Cpu);
    let of_few = build(config, kept().len(), &mut given);
    [(of_all, weights), (of_few, given)]
}

/// All ways in which models predict and learn, but for what is drawn by the number of classes.
fn ways() -> Vec<ModelConfig> {
    let base = DocreIiConfig { embedding: 16, block: 8, ..DocreIiConfig::default() };
    let of_docre_ii = [
        DocreIiConfig { noise: 1.0, ..base.clone() },
        DocreIiConfig {
            noise_on: NoiseOn::Gold,
            second_view: true,
            negatives: Negatives::APositive(2),
            ..base.clone()
        },
        DocreIiConfig { embed: Embed::Argmax, logits: Logits::Sum, contrastive: Contrastive::Simclr, ..base },
    ];
    let of_docre_sd = DocreSdConfig { embedding: 16, block: 8, moving_average: true, ..DocreSdConfig::default() };
    let further = of_docre_ii.map(ModelConfig::DocreIi).into_iter().chain([ModelConfig::DocreSd(of_docre_sd)]);
    let of_losses = [(ThresholdLoss::default(), Teaching::Mse { weight: 0.5 }), (MOVING, Teaching::Kl { weight: 0.5 })];
    let usual = of_losses.into_iter().chain([(FOCAL, Teaching::None)]);
    usual.flat_map(|(loss, teaching)| every_way(loss, teaching)).chain(further).collect()
}

fn teacher(n_pairs: usize) -> Tensor {
    let mut random = Random::new(11);
    let logits: Vec<f32> = (0..n_pairs * CLASSES).map(|_| random.normal() as f32).collect();
    Tensor::from_vec(logits, (n_pairs, CLASSES), &Device::Cpu).unwrap()
}

/// Logits of which some are left out, as a model leaves them.
fn without(logits: &Tensor, absent: &[&[u32]]) -> Result<Tensor> {
    let document = |absent: &&[u32]| Example { absent: absent.to_vec(), pairs: vec![(0, 1)], ..Example::default() };
    let documents: Vec<Example> = absent.iter().map(document).collect();
    let absent = Absent::of(&documents, CLASSES, &Device::Cpu)?;
    absent.leave_out_of_all(logits.to_dtype(DType::F32)?)
}

#[test]
fn a_corpus_says_nothing_of_relations_that_it_does_not_have() {
    let model = Relations::new(["a", "b", "c", "d"].map(Into::into));
    let names = [("own a", "a"), ("d", "d"), ("also a", "a"), ("z", "left out")];
    let corpus = model.called(&names.map(|(own, name)| (own.into(), name.into())).into());
    let classes = ["own a", "also a", "d", "a", "z"].map(|name| corpus.class(name));
    assert_eq!(classes, [Some(1), Some(1), Some(4), None, None]);
    assert_eq!((corpus.absent(), corpus.names()), (&[2, 3][..], model.names()));
    assert_eq!(model.absent(), [0; 0]);
}

#[test]
fn losses_are_those_of_the_columns_that_are_left() {
    let (logits, labels) = drawn(30, CLASSES);
    let labels: Vec<Vec<f64>> = labels
        .into_iter()
        .map(|mut row| {
            ABSENT.iter().for_each(|&class| row[class as usize] = 0.0);
            row
        })
        .collect();
    let few = |rows: &[Vec<f64>]| -> Vec<Vec<f64>> {
        rows.iter().map(|row| kept().iter().map(|&class| row[class as usize]).collect()).collect()
    };
    for loss in [ThresholdLoss::AdaptiveThreshold, FOCAL, MOVING] {
        let judge = loss.judge(&lesson(&[]), CLASSES, &Device::Cpu).unwrap();
        let [all, of_few] = [tensor(&logits, DType::F32), left(&tensor(&logits, DType::F32), D::Minus1)];
        let [all, of_few] = [all, of_few].map(|logits| Var::from_tensor(&logits).unwrap());
        let found =
            judge.of(&without(all.as_tensor(), &[&ABSENT[..]; 30]).unwrap(), &tensor(&labels, DType::F32)).unwrap();
        let expected = judge.of(of_few.as_tensor(), &tensor(&few(&labels), DType::F32)).unwrap();
        let by_hand = naive(loss, &few(&logits), &few(&labels));
        assert!((number(&found) / by_hand - 1.0).abs() < 1e-5, "{loss:?}: {}, {by_hand}", number(&found));
        let [found, expected] =
            [(found, &all), (expected, &of_few)].map(|(loss, of)| loss.backward().unwrap().remove(of).unwrap());
        assert!(distance(&left(&found, D::Minus1), &expected) < 1e-6, "{loss:?}");
        let of_absent = Tensor::new(&ABSENT, &Device::Cpu).unwrap();
        let of_absent = found.index_select(&of_absent, 1).unwrap().abs().unwrap().sum_all().unwrap();
        assert_eq!(number(&of_absent), 0.0, "{loss:?}");
    }
    // Each pair has its own: both rows have half of the loss that they would have alone.
    let two = [logits[1].clone(), logits[2].clone()];
    for teaching in [Teaching::Mse { weight: 3.0 }, Teaching::Kl { weight: 3.0 }] {
        let given = [&ABSENT[..], &[1, 2, 3][..]];
        let (teacher, all) = (teacher(2), tensor(&two, DType::F32));
        let of = |teacher: &Tensor, logits: &Tensor| number(&teaching.of(Some(teacher), [logits]).unwrap().unwrap());
        let found = of(&without(&teacher, &given).unwrap(), &without(&all, &given).unwrap());
        let alone = |row: usize| {
            let kept: Vec<u32> = (0..CLASSES as u32).filter(|class| !given[row].contains(class)).collect();
            let kept = Tensor::new(kept, &Device::Cpu).unwrap();
            let [teacher, logits] =
                [&teacher, &all].map(|of| of.narrow(0, row, 1).unwrap().index_select(&kept, 1).unwrap());
            of(&teacher, &logits)
        };
        assert!((found / f64::midpoint(alone(0), alone(1)) - 1.0).abs() < 1e-5, "{teaching:?}");
    }
}

#[test]
fn a_model_learns_as_if_it_did_not_have_what_is_absent() {
    let [of_all, of_few] = documents();
    let n_pairs = of_all.iter().map(|example| example.pairs.len()).sum();
    let teacher = teacher(n_pairs);
    let teachers = [without(&teacher, &vec![&ABSENT[..]; n_pairs]).unwrap(), left(&teacher, D::Minus1)];
    for config in ways() {
        let lessons = [&of_all, &of_few].into_iter().zip(teachers.clone());
        let learnt = both(&config).into_iter().zip(lessons).map(|((model, weights), (examples, teacher))| {
            let lesson = Lesson { teacher: Some(teacher), ..lesson(examples) };
            let loss = model.loss(&lesson, &mut Random::new(1)).unwrap().unwrap();
            let grads = loss.total().unwrap().backward().unwrap();
            (number(&loss.threshold), loss.auxiliary.as_ref().map(number), weights, grads)
        });
        let [found, expected] = learnt.collect::<Vec<_>>().try_into().ok().unwrap();
        let near = |one: f64, other: f64| (one - other).abs() < 1e-5 * (1.0 + other.abs());
        assert!(near(found.0, expected.0), "{config:?}: {}, {}", found.0, expected.0);
        assert!(near(found.1.unwrap_or(0.0), expected.1.unwrap_or(0.0)), "{config:?}: {:?}, {:?}", found.1, expected.1);
        for (name, variable) in found.2.variables() {
            let (found, expected) = (found.3.get(variable), expected.3.get(&expected.2.variables()[name]));
            assert_eq!(found.is_some(), expected.is_some(), "{config:?}: {name}");
            let (Some(found), Some(expected)) = (found, expected) else { continue };
            let of_left =
                if ModelConfig::has_row_a_class(name) { left(found, D::Minus(found.rank())) } else { found.clone() };
            let most = 1e-4 * (1.0 + distance(expected, &expected.zeros_like().unwrap()));
            let away = distance(&of_left, expected);
            assert!(away < most, "{config:?}: {name}: {away}, at most {most}");
            if ModelConfig::has_row_a_class(name) {
                let of_absent = Tensor::new(&ABSENT, &Device::Cpu).unwrap();
                let of_absent = found.contiguous().unwrap().index_select(&of_absent, 0).unwrap();
                assert_eq!(distance(&of_absent, &of_absent.zeros_like().unwrap()), 0.0, "{config:?}: {name}");
            }
        }
    }
}

#[test]
fn a_model_scores_as_if_it_did_not_have_what_is_absent() {
    let [of_all, of_few] = documents();
    for config in ways() {
        let [(all, _), (few, _)] = both(&config);
        let [found, expected] =
            [(all, &of_all), (few, &of_few)].map(|(model, examples)| model.score(examples).unwrap().unwrap());
        assert!(distance(&left(&found.logits, D::Minus1), &expected.logits) < 1e-4, "{config:?}");
        let greatest = left_out(&found.logits);
        assert!(greatest < -1e29, "{config:?}: {greatest}");
        assert_eq!(found.changed, expected.changed, "{config:?}");
        let held = |held: &[crate::trace::Held], classes: &[u32]| {
            held.iter().map(|held| (held.pair, held.span, classes[held.relation.class as usize])).collect::<Vec<_>>()
        };
        let all: Vec<u32> = (0..CLASSES as u32).collect();
        assert_eq!(held(&found.held, &all), held(&expected.held, &kept()), "{config:?}");
    }
}

/// The greatest logit of what is absent.
fn left_out(logits: &Tensor) -> f32 {
    let absent = logits.index_select(&Tensor::new(&ABSENT, &Device::Cpu).unwrap(), 1).unwrap();
    absent.flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

#[test]
fn documents_of_one_batch_say_nothing_of_different_relations() {
    let [mut examples, _] = documents();
    examples[1].absent = vec![1, 3];
    examples[1].labels.iter_mut().for_each(|labels| labels.retain(|class| ![1, 3].contains(class)));
    for config in every_way(MOVING, Teaching::None).into_iter().filter(|config| config.base().is_none()) {
        let mut weights = Weights::fresh(7, &Device::Cpu);
        let model = build(&config, CLASSES, &mut weights);
        let of = |examples: &[Example]| {
            let loss = model.loss(&lesson(examples), &mut Random::new(1)).unwrap().unwrap();
            number(&loss.threshold) * model.n_judged(examples) as f64
        };
        let (found, expected) = (of(&examples), of(&examples[..1]) + of(&examples[1..]));
        assert!((found / expected - 1.0).abs() < 1e-5, "{config:?}: {found}, {expected}");
    }
}
