//! DocRE-SD: its attention against the reference and against the naive form; its branches and losses.

use std::collections::BTreeMap;

use crate::attention::{Matrices, matrices};
use crate::docre_ii::{DocreIi, DocreIiConfig};
use crate::docre_sd::reasoning::{ReasoningAttention, ReasoningLayer};
use crate::docre_sd::{Distillation, DocreSd, DocreSdConfig, Masking, Start, masked_by_chance, taught};
use crate::example::Example;
use crate::loss::{divergence, relative_entropy};
use crate::pair_matrix::PairMatrix;
use crate::{Lesson, Model, ModelConfig, Task};
use candle_core::{DType, Device, Tensor, Var, safetensors};
use encoder::{read_config, read_weights};
use ground::pattern::Pattern;
use ground::random::Random;
use nn::{Mode, Weights};

use super::docre_ii::{
    all_pairs, check_alike, gather, linear, masked_rows, naive_attention, permuted, ragged, random_rows, row_of,
};
use super::large_documents::check_chunks;
use super::{distance, encoder_folder, examples, folder};

/// The reference's names and ours.
const NAMES: [(&str, &str); 10] = [
    ("query", "attention.query"),
    ("key", "attention.key"),
    ("value", "attention.value"),
    ("bin_k", "attention.bridge_key"),
    ("bin_v", "attention.bridge_value"),
    ("Output.dense1", "highway.inner"),
    ("Output.H", "highway.transform"),
    ("Output.T", "highway.gate"),
    ("Output.dense3", "highway.outer"),
    ("Output.LayerNorm3", "highway.outer.LayerNorm"),
];

fn reference() -> Weights {
    Weights::given(reference_tensors(), "", 0, &Device::Cpu)
}

fn reference_tensors() -> BTreeMap<String, Tensor> {
    let tensors = safetensors::load(folder("docre_sd_reasoning").join("weights.safetensors"), &Device::Cpu).unwrap();
    let ours = |(name, tensor): (String, Tensor)| {
        let (from, to) = NAMES.into_iter().find(|(from, _)| name.starts_with(&format!("{from}."))).unwrap();
        (format!("layer.{to}{}", &name[from.len()..]), tensor)
    };
    tensors.into_iter().map(ours).collect()
}

fn small(embedding: usize) -> DocreSdConfig {
    DocreSdConfig { embedding, block: 8, ..DocreSdConfig::default() }
}

#[test]
fn reasoning_attention_equals_the_reference() {
    let expected = safetensors::load(folder("docre_sd_reasoning").join("expected.safetensors"), &Device::Cpu).unwrap();
    let mask = &expected["mask"];
    let matrices = matrices(&[all_pairs(6), all_pairs(4)]);
    let input = Var::from_tensor(&expected["features"]).unwrap();
    let (mut weights, config) = (reference(), DocreSdConfig { highway: true, ..small(32) });
    let layer = ReasoningLayer::new(&config, 0.0, &mut weights, "layer").unwrap();
    let attention = ReasoningAttention::new(&config, 0.0, &mut weights, "layer.attention").unwrap();
    assert!(weights.unused().is_empty(), "{:?}", weights.unused());
    let features = masked_rows(&input, mask);
    let context = attention.forward(&features, &matrices, &mut Mode::Evaluate).unwrap();
    let off = distance(&context, &masked_rows(&expected["context"], mask));
    assert!(off < 1e-4, "context differs by {off}");
    let output = layer.forward(&features, &matrices, &mut Mode::Evaluate).unwrap();
    let off = distance(&output, &masked_rows(&expected["output_with_highway"], mask));
    assert!(off < 1e-4, "output differs by {off}");
    // The rows of a layer norm all have the same length, so both gradients are 0 but for rounding.
    let grads = output.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let off = distance(grads.get(&input).unwrap(), &expected["grad.features"]);
    assert!(off < 1e-4, "gradient differs by {off}");
}

/// The layer as it is unless settings say otherwise: what the reference's attention gathers, then the plain arithmetic of
/// two norms and a feed-forward network.
#[test]
fn the_usual_layer_is_what_its_formula_says() {
    let expected = safetensors::load(folder("docre_sd_reasoning").join("expected.safetensors"), &Device::Cpu).unwrap();
    let mask = &expected["mask"];
    let matrices = matrices(&[all_pairs(6), all_pairs(4)]);
    let input = Var::from_tensor(&expected["features"]).unwrap();
    // The attention is the reference's; the rest is drawn.
    let mut given = reference_tensors();
    given.retain(|name, _| name.starts_with("layer.attention"));
    let mut weights = Weights::given(given, "layer.attention", 3, &Device::Cpu);
    let layer = ReasoningLayer::new(&small(32), 0.0, &mut weights, "layer").unwrap();
    let attention = ReasoningAttention::new(&small(32), 0.0, &mut weights, "layer.attention").unwrap();
    let features = masked_rows(&input, mask);
    let found = layer.forward(&features, &matrices, &mut Mode::Evaluate).unwrap();
    let plain = |context: &Tensor, features: &Tensor| {
        let norm = |name: &str, x: Tensor| {
            let [weight, shift] =
                ["weight", "bias"].map(|part| weights.variables()[&format!("{name}.LayerNorm.{part}")].clone());
            let centred = x.broadcast_sub(&x.mean_keepdim(1).unwrap()).unwrap();
            let deviation = (centred.sqr().unwrap().mean_keepdim(1).unwrap() + 1e-12).unwrap().sqrt().unwrap();
            let normed = centred.broadcast_div(&deviation).unwrap().broadcast_mul(&weight).unwrap();
            normed.broadcast_add(&shift).unwrap()
        };
        let joined = (features + linear(&weights, "layer.output", context)).unwrap();
        let joined = norm("layer.output", joined);
        let inside = linear(&weights, "layer.update.inner", &joined).gelu_erf().unwrap();
        norm("layer.update.outer", (&joined + linear(&weights, "layer.update.outer", &inside)).unwrap())
    };
    let of_reference = plain(&masked_rows(&expected["context"], mask), &features);
    assert!(distance(&found, &of_reference) < 1e-4, "{}", distance(&found, &of_reference));
    let context = attention.forward(&features, &matrices, &mut Mode::Evaluate).unwrap();
    let variables = weights.variables().iter().map(|(name, variable)| (name.as_str(), variable));
    // Of keys' biases no gradient is left but rounding.
    let variables = variables.filter(|(name, _)| !name.contains("key") || !name.ends_with("bias"));
    check_alike(&found, &plain(&context, &features), &variables.chain([("input", &input)]).collect::<Vec<_>>());
}

/// The type of CUDA devices, whose rounding alone may tell: 8 bits of mantissa.
#[test]
fn in_16_bits_reasoning_is_near_the_reference() {
    let expected = safetensors::load(folder("docre_sd_reasoning").join("expected.safetensors"), &Device::Cpu).unwrap();
    let (mask, input) = (&expected["mask"], Var::from_tensor(&expected["features"]).unwrap());
    let config = DocreSdConfig { highway: true, ..small(32) };
    let layer = ReasoningLayer::new(&config, 0.0, &mut reference(), "layer").unwrap();
    let features = masked_rows(&input, mask).to_dtype(DType::BF16).unwrap();
    let matrices = matrices(&[all_pairs(6), all_pairs(4)]);
    let output = layer.forward(&features, &matrices, &mut Mode::Evaluate).unwrap();
    assert_eq!(output.dtype(), DType::BF16);
    // The rows of a layer norm: their numbers lie around 1.
    let off = distance(&output, &masked_rows(&expected["output_with_highway"], mask));
    assert!(off < 5e-2, "output differs by {off}");
    let grads = output.to_dtype(DType::F32).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(grads.get(&input).is_some_and(|grad| grad.dtype() == DType::F32));
}

/// The two pairs that meet in bridge i.
pub fn couple(pattern: Pattern, (s, o): (u32, u32), i: u32) -> [(u32, u32); 2] {
    match pattern {
        Pattern::Forward => [(s, i), (i, o)],
        Pattern::Inward => [(s, i), (o, i)],
        Pattern::Backward => [(o, i), (i, s)],
        Pattern::Outward => [(i, s), (i, o)],
    }
}

#[test]
fn factored_reasoning_equals_the_naive_form() {
    let example = ragged();
    let (n_pairs, width) = (example.pairs.len(), 3);
    let config = DocreSdConfig { patterns: [Pattern::ALL, Pattern::ALL].concat(), ..small(24) };
    let mut weights = Weights::fresh(3, &Device::Cpu);
    let unit = ReasoningAttention::new(&config, 0.0, &mut weights, "unit").unwrap();
    let input = random_rows(n_pairs, 24, 1);
    let matrices = Matrices::from(vec![PairMatrix::new(&example)]);
    let found = unit.forward(&input, &matrices, &mut Mode::Evaluate).unwrap();
    let parts = ["query", "key", "value"].map(|part| linear(&weights, &format!("unit.{part}"), &input));
    let heads: Vec<Tensor> = (0..8)
        .map(|head| {
            let [queries, keys, values] =
                parts.each_ref().map(|part| part.narrow(1, head * width, width).unwrap().contiguous().unwrap());
            let rows = |place: usize| -> Vec<Vec<u32>> {
                let of_pair = |&pair: &(u32, u32)| -> Vec<u32> {
                    let row = |i| {
                        let couple = couple(config.patterns[head], pair, i).map(|pair| row_of(&example, pair));
                        couple.iter().all(Option::is_some).then(|| couple[place]).flatten().unwrap_or(u32::MAX)
                    };
                    (0..6).map(row).collect()
                };
                example.pairs.iter().map(of_pair).collect()
            };
            let (first, second) = (rows(0), rows(1));
            let bridged = |own: &Tensor, part: &str| {
                let both = Tensor::cat(&[gather(own, &first), gather(own, &second)], 2).unwrap();
                let flat = both.reshape((n_pairs * 6, 2 * width)).unwrap();
                let keys =
                    linear(&weights, &format!("unit.{part}.{head}"), &flat).reshape((n_pairs, 6, width)).unwrap();
                Tensor::cat(&[own.unsqueeze(1).unwrap(), keys], 1).unwrap()
            };
            let more = first.iter().flat_map(|rows| {
                std::iter::once(0f32).chain(rows.iter().map(|&row| if row == u32::MAX { -1e30 } else { 0.0 }))
            });
            let more = Tensor::from_iter(more, &Device::Cpu).unwrap().reshape((n_pairs, 7)).unwrap();
            naive_attention(&queries, &bridged(&keys, "bridge_key"), &bridged(&values, "bridge_value"), &more)
        })
        .collect();
    let variables = weights.variables().iter().map(|(name, variable)| (name.as_str(), variable));
    let variables: Vec<_> = variables.chain([("input", &input)]).collect();
    check_alike(&found, &Tensor::cat(&heads, 1).unwrap(), &variables);
}

/// A small model over the golden encoder, and its variables.
fn model(config: &DocreSdConfig) -> (DocreSd, Weights) {
    let mut given = read_weights(&encoder_folder(), &Device::Cpu).unwrap();
    given.retain(|name, _| name.starts_with("model."));
    let mut weights = Weights::given(given, "model.", 7, &Device::Cpu);
    let task = Task { encoder: &read_config(&encoder_folder()).unwrap(), n_classes: 97, most_labels: 4 };
    (DocreSd::new(&task, config, &mut weights).unwrap(), weights)
}

fn logits(model: &dyn Model, examples: &[Example]) -> Tensor {
    model.score(examples).unwrap().unwrap().logits
}

#[test]
fn the_order_of_entities_and_the_batch_do_not_matter() {
    let examples = examples();
    let (model, _) = model(&small(16));
    let together = logits(&model, &examples);
    let alone: Vec<Tensor> = examples.iter().map(|example| logits(&model, std::slice::from_ref(example))).collect();
    assert!(distance(&together, &Tensor::cat(&alone, 0).unwrap()) < 1e-4);
    let order: Vec<usize> = (0..examples[0].n_entities()).rev().collect();
    assert!(distance(&logits(&model, &[permuted(&examples[0], &order)]), &alone[0]) < 1e-4);
}

#[test]
fn pairs_are_reasoned_over_whether_they_are_asked_about_or_not() {
    let examples = &examples()[..2];
    let (model, _) = model(&small(16));
    let mut some = examples.to_vec();
    for example in &mut some {
        let asked = example.pairs.iter().map(|(head, tail)| head < tail);
        let kept: Vec<usize> = asked.enumerate().filter(|(_, asked)| *asked).map(|(place, _)| place).collect();
        example.labels = kept.iter().map(|&place| example.labels[place].clone()).collect();
        example.pairs = kept.iter().map(|&place| example.pairs[place]).collect();
    }
    let all_pairs = examples.iter().flat_map(|example| &example.pairs);
    let rows: Vec<u32> = (0..).zip(all_pairs).filter(|(_, (head, tail))| head < tail).map(|(row, _)| row).collect();
    let expected = logits(&model, examples).index_select(&Tensor::new(rows, &Device::Cpu).unwrap(), 0).unwrap();
    assert!(distance(&logits(&model, &some), &expected) < 1e-4);
    let loss = model.loss(&lesson(&some, 1.0, None), &mut Random::new(1)).unwrap().unwrap().total().unwrap();
    assert!(loss.to_scalar::<f32>().unwrap().is_finite());
    // Who asks about nothing gets nothing.
    some.truncate(1);
    some[0].pairs.clear();
    assert!(model.score(&some).unwrap().is_none());
}

#[test]
fn pairs_are_scored_in_chunks_alike() {
    let mut examples = examples();
    for config in [small(16), DocreSdConfig { highway: true, ..small(16) }] {
        check_chunks(&model(&config).0, &examples);
    }
    for example in &mut examples {
        example.pairs.retain(|(head, tail)| head < tail);
        example.labels.truncate(example.pairs.len());
    }
    check_chunks(&model(&small(16)).0, &examples);
}

#[test]
fn absent_pairs_do_not_matter_to_others() {
    let example = ragged();
    let config = small(16);
    let mut weights = Weights::fresh(3, &Device::Cpu);
    let layer = ReasoningLayer::new(&config, 0.0, &mut weights, "layer").unwrap();
    let input = random_rows(example.pairs.len(), 16, 1).as_tensor().clone();
    let run = |example: &Example, input: &Tensor| {
        let matrices = Matrices::from(vec![PairMatrix::new(example)]);
        layer.forward(input, &matrices, &mut Mode::Evaluate).unwrap()
    };
    let kept = (0..).zip(&example.pairs).filter(|(_, pair)| row_of(&example, **pair).is_some());
    let kept: Vec<u32> = kept.map(|(row, _)| row).collect();
    let rows = |all: &Tensor| all.index_select(&Tensor::new(kept.as_slice(), &Device::Cpu).unwrap(), 0).unwrap();
    let mut without = example.clone();
    without.pairs.retain(|&pair| row_of(&example, pair).is_some());
    assert!(without.pairs.len() < example.pairs.len());
    assert!(distance(&rows(&run(&example, &input)), &run(&without, &rows(&input))) < 1e-5);
}

fn lesson(examples: &[Example], progress: f64, teacher: Option<Tensor>) -> Lesson<'_> {
    Lesson { examples, progress, teacher, attention: None, shared: Random::new(0) }
}

#[test]
fn every_variable_learns() {
    let examples = &examples()[..3];
    let configs = [
        small(16),
        DocreSdConfig { moving_average: true, curriculum: false, ..small(16) },
        DocreSdConfig { masking: Masking::Chance, ..small(16) },
        DocreSdConfig { highway: true, distillation: Distillation::RDrop, ..small(16) },
        DocreSdConfig { patterns: vec![Pattern::Inward; 2], distillation: Distillation::None, ..small(16) },
        DocreSdConfig { distillation: Distillation::Teacher, ..small(16) },
    ];
    for config in configs {
        let (model, weights) = model(&config);
        let teacher = (config.distillation == Distillation::Teacher).then(|| logits(&model, examples));
        let loss = model.loss(&lesson(examples, 1.0, teacher), &mut Random::new(1)).unwrap().unwrap();
        assert_eq!(loss.auxiliary.is_none(), config.distillation == Distillation::None);
        let grads = loss.total().unwrap().backward().unwrap();
        for (name, variable) in weights.variables().iter().filter(|(name, _)| !name.starts_with("average.")) {
            let grad = grads.get(variable).unwrap_or_else(|| panic!("{name}: no gradient"));
            let norm: f32 = grad.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
            assert!(norm.is_finite() && norm > 0.0, "{config:?}: {name}: {norm}");
        }
        assert!(weights.variables().keys().all(|name| !name.starts_with("average.")) || config.moving_average);
    }
}

#[test]
fn branches_differ_by_what_is_masked() {
    let examples = &examples()[..1];
    let mut given = read_weights(&encoder_folder(), &Device::Cpu).unwrap();
    given.retain(|name, _| name.starts_with("model."));
    let mut still = read_config(&encoder_folder()).unwrap();
    (still.hidden_dropout_prob, still.attention_probs_dropout_prob) = (0.0, 0.0);
    let mut weights = Weights::given(given, "model.", 7, &Device::Cpu);
    let task = Task { encoder: &still, n_classes: 97, most_labels: 4 };
    let model = DocreSd::new(&task, &small(16), &mut weights).unwrap();
    let parts = |progress: f64| {
        let loss = model.loss(&lesson(examples, progress, None), &mut Random::new(1)).unwrap().unwrap();
        let number = |loss: Tensor| loss.to_scalar::<f32>().unwrap();
        (number(loss.threshold), number(loss.auxiliary.unwrap()))
    };
    // Without dropout and masks the branches are one.
    let (threshold, divergence) = parts(0.0);
    assert!(divergence.abs() < 1e-6, "{divergence}");
    let alone = DocreSd::new(&task, &DocreSdConfig { distillation: Distillation::None, ..small(16) }, &mut weights);
    let alone = alone.unwrap().loss(&lesson(examples, 0.0, None), &mut Random::new(1)).unwrap().unwrap();
    assert!((threshold - 2.0 * alone.threshold.to_scalar::<f32>().unwrap()).abs() < 1e-4);
    assert!(parts(0.5).1 > 1e-4);
    let config = small(16);
    assert_eq!([0.0, 0.2, 0.9].map(|progress| config.masked_share(progress)), [0.0, 0.2, 0.5]);
    let fixed = DocreSdConfig { curriculum: false, mask_rate: 0.3, ..config };
    assert_eq!([0.0, 0.9].map(|progress| fixed.masked_share(progress)), [0.3, 0.3]);
}

#[test]
fn pairs_are_masked_by_chance_as_the_released_program_does() {
    let config = DocreSdConfig { masking: Masking::Chance, ..small(16) };
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    for (progress, drawn, expected) in
        [(0.0, 0.0, 0.1), (0.0, 1.0, 0.2), (0.1, 0.5, 0.2), (0.9, 1.0, 0.5), (0.9, 0.5, 0.3)]
    {
        near(config.masked_chance(progress, drawn), expected);
    }
    near(DocreSdConfig { mask_rate: 0.05, ..config.clone() }.masked_chance(0.9, 0.5), 0.05);
    // 4,000 pairs, each fourth with a relation.
    let labels = (0..4000).map(|pair| if pair % 4 == 0 { vec![1] } else { Vec::new() }).collect();
    let example = Example { pairs: vec![(0, 1); 4000], labels, ..Example::default() };
    let places = masked_by_chance(&[example], 0.4, &mut Random::new(3));
    let share = |with: bool| {
        let of = places.iter().enumerate().filter(|(pair, _)| (pair % 4 == 0) == with).map(|(_, place)| *place);
        let of: Vec<f32> = of.collect();
        of.iter().sum::<f32>() / of.len() as f32
    };
    assert!((share(true) - 0.4).abs() < 0.05 && (share(false) - 0.2).abs() < 0.03, "{places:?}");
    // Branches differ from the first step on.
    let (model, _) = model(&config);
    let loss = model.loss(&lesson(&examples()[..3], 0.0, None), &mut Random::new(1)).unwrap().unwrap();
    assert!(loss.auxiliary.unwrap().to_scalar::<f32>().unwrap() > 1e-4);
}

/// The first pass is the same with one branch and with two; what the second adds tells what it drops.
#[test]
fn r_drop_passes_the_encoder_twice() {
    let examples = &examples()[..1];
    let mut given = read_weights(&encoder_folder(), &Device::Cpu).unwrap();
    given.retain(|name, _| name.starts_with("model."));
    let mut weights = Weights::given(given, "model.", 7, &Device::Cpu);
    let mut config = read_config(&encoder_folder()).unwrap();
    let mut auxiliary = |attention: f64| {
        // Nothing but the encoder's attention drops anything.
        (config.hidden_dropout_prob, config.attention_probs_dropout_prob) = (0.0, attention);
        let task = Task { encoder: &config, n_classes: 97, most_labels: 4 };
        let settings = DocreSdConfig { distillation: Distillation::RDrop, ..small(16) };
        let model = DocreSd::new(&task, &settings, &mut weights).unwrap();
        let loss = model.loss(&lesson(examples, 0.0, None), &mut Random::new(1)).unwrap().unwrap();
        loss.auxiliary.unwrap().to_scalar::<f32>().unwrap()
    };
    assert!(auxiliary(0.0).abs() < 1e-6);
    assert!(auxiliary(0.3) > 1e-6);
}

/// With `start = "identity"` a model over a trained base says what that says, to the bit; what its layers make of pairs
/// is learnt all the same.
#[test]
fn layers_may_begin_by_passing_the_base_on() {
    let examples = examples();
    let encoder = read_config(&encoder_folder()).unwrap();
    let task = Task { encoder: &encoder, n_classes: 97, most_labels: 4 };
    let mut weights = Weights::fresh(3, &Device::Cpu);
    let base = DocreIiConfig { iterations: 0, embedding: 16, block: 8, ..DocreIiConfig::default() };
    let expected = logits(&DocreIi::new(&task, &base, &mut weights).unwrap(), &examples);
    let trained: BTreeMap<String, Tensor> =
        weights.variables().iter().map(|(name, variable)| (name.clone(), variable.as_detached_tensor())).collect();
    let over = |config: &DocreSdConfig| {
        let mut weights = Weights::given(trained.clone(), "model.", 5, &Device::Cpu);
        (DocreSd::new(&task, config, &mut weights).unwrap(), weights)
    };
    let (drawn, _) = over(&small(16));
    assert!(distance(&logits(&drawn, &examples), &expected) > 0.1);
    let config = DocreSdConfig { start: Start::Identity, ..small(16) };
    let (model, weights) = over(&config);
    assert_eq!(distance(&logits(&model, &examples), &expected), 0.0);
    check_chunks(&model, &examples);
    // Its layers learn as soon as what they say is heard.
    let heard = &weights.variables()["reasoning.output.weight"];
    let learns = || {
        let loss = model.loss(&lesson(&examples, 1.0, None), &mut Random::new(1)).unwrap().unwrap();
        let grads = loss.total().unwrap().backward().unwrap();
        let norm = |name: &str| {
            let grad = grads.get(&weights.variables()[name]).unwrap();
            grad.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()
        };
        (norm("reasoning.output.weight"), norm("reasoning.layer.0.attention.value.weight"))
    };
    let (of_output, of_layer) = learns();
    assert!(of_output > 0.0 && of_layer == 0.0, "{of_output} {of_layer}");
    heard.set(&(heard.as_detached_tensor() + 0.01).unwrap()).unwrap();
    assert!(learns().1 > 0.0);
    assert!(distance(&logits(&model, &examples), &expected) > 0.0);
}

/// The released program counts the labels' losses and the branches' divergence ten times, what the average teaches once,
/// and 2 − 2cos a tenth.
#[test]
fn the_moving_average_counts_what_it_counts_in_the_released_program() {
    let rows = |rows: [[f32; 2]; 2]| Tensor::new(&rows, &Device::Cpu).unwrap();
    let (teacher, others) =
        (rows([[0.5, 0.5], [0.5, 0.5]]).log().unwrap(), rows([[0.25, 0.75], [0.5, 0.5]]).log().unwrap());
    let (states, fixed) = (rows([[1.0, 0.0], [0.0, 1.0]]), rows([[0.0, 2.0], [1.0, 0.0]]));
    let number = |places: [f32; 2]| {
        let places = Tensor::new(&places, &Device::Cpu).unwrap();
        taught([&teacher, &others], [&states, &fixed], &places).unwrap().to_scalar::<f32>().unwrap()
    };
    let entropy = 0.5 * (0.5 * (0.5f32 / 0.25).ln() + 0.5 * (0.5f32 / 0.75).ln());
    // Of a masked pair whose states are at right angles 2 − 2cos is 2.
    for (places, unlike) in [([0.0, 0.0], 0.0), ([1.0, 0.0], 2.0), ([1.0, 1.0], 2.0)] {
        let expected = (entropy + unlike / 10.0) / 10.0;
        assert!((number(places) - expected).abs() < 1e-6, "{places:?}: {} {expected}", number(places));
    }
}

#[test]
fn the_moving_average_follows_the_layers() {
    let (model, weights) = model(&DocreSdConfig { moving_average: true, ..small(16) });
    let [current, average] = ["reasoning", "average"]
        .map(|name| weights.variables()[&format!("{name}.layer.1.attention.query.weight")].clone());
    assert_eq!(distance(&current, &average), 0.0);
    let before = average.as_tensor().copy().unwrap();
    current.set(&(current.as_detached_tensor() + 1.0).unwrap()).unwrap();
    model.follow().unwrap();
    // A hundredth of the way.
    let moved = (average.as_tensor() - before).unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
    assert!((moved - 0.01).abs() < 1e-5, "{moved}");
}

#[test]
fn distributions_are_compared_by_their_relative_entropy() {
    let ln = |shares: [[f32; 2]; 1]| Tensor::new(&shares, &Device::Cpu).unwrap().log().unwrap();
    let (one, other) = (ln([[0.5, 0.5]]), ln([[0.25, 0.75]]));
    let number = |loss: candle_core::Result<Tensor>| loss.unwrap().to_scalar::<f32>().unwrap();
    let forth = 0.5 * (0.5f32 / 0.25).ln() + 0.5 * (0.5f32 / 0.75).ln();
    let back = 0.25 * (0.25f32 / 0.5).ln() + 0.75 * (0.75f32 / 0.5).ln();
    assert!((number(relative_entropy(&one, &other)) - forth).abs() < 1e-6);
    assert!((number(relative_entropy(&other, &one)) - back).abs() < 1e-6);
    assert!((number(divergence(&one, &other)) - f32::midpoint(forth, back)).abs() < 1e-6);
}

#[test]
fn configurations_are_read_strictly_and_checked() {
    let read = |text: &str| serde_json::from_str::<ModelConfig>(text);
    let ModelConfig::DocreSd(config) = read(r#"{"kind": "docre-sd"}"#).unwrap() else { panic!("another model") };
    assert_eq!(config, DocreSdConfig::default());
    let one = r#"{"kind": "docre-sd", "L": 1, "patterns": ["s>i,i>o", "s>i,o>i"], "distillation": "r-drop"}"#;
    let ModelConfig::DocreSd(one) = read(one).unwrap() else { panic!("another model") };
    assert_eq!((one.patterns, one.distillation), (vec![Pattern::Forward, Pattern::Inward], Distillation::RDrop));
    let unknown = read(r#"{"kind": "docre-sd", "patterns": ["x"]}"#).unwrap_err().to_string();
    assert!(unknown.contains("`patterns[0]`: unknown pattern `x`") && unknown.contains("`o>i,i>s`"), "{unknown}");
    let fault = |config: DocreSdConfig| ModelConfig::DocreSd(config).check().unwrap_err();
    let none = fault(DocreSdConfig { layers: 0, ..DocreSdConfig::default() });
    assert_eq!(none, "`L`: expected at least 1, got 0; without reasoning the model is `atlop`");
    let uneven = fault(DocreSdConfig { patterns: vec![Pattern::Forward; 5], ..DocreSdConfig::default() });
    assert_eq!(uneven, "`patterns`: expected as many as divide the embedding of 768, got 5");
    assert!(fault(DocreSdConfig { patterns: Vec::new(), ..DocreSdConfig::default() }).ends_with("got 0"));
    assert_eq!(
        fault(DocreSdConfig { mask_rate: -0.1, ..DocreSdConfig::default() }),
        "`mask_rate`: expected 0 to 1, got -0.1"
    );
    let average = DocreSdConfig { moving_average: true, distillation: Distillation::None, ..DocreSdConfig::default() };
    assert!(fault(average).starts_with("`moving_average`: expected `distillation` to be `self`"));
}
