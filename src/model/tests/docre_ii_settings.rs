//! DocRE-II's settings: what each changes of the model, its losses and its predictions, against plain arithmetic.

use std::collections::BTreeSet;

use crate::attention::matrices;
use crate::base::{PairBase, PairFeature};
use crate::decode::decode;
use crate::docre_ii::inference::{CrossAttention, Inference, InferenceLayer};
use crate::docre_ii::losses::apart;
use crate::docre_ii::negatives::Sample;
use crate::docre_ii::noise::{Classes, DRAWN, Told, noisy, noisy_gold, shares};
use crate::docre_ii::{
    Attention, Contrastive, DocreIi, DocreIiConfig, Embed, Logits, Memory, Negatives, NoiseOn, Start,
};
use crate::example::Example;
use crate::loss::among_others;
use crate::pair_matrix::by_document;
use crate::recipe::Recipe;
use crate::{Lesson, Loss, Model, ModelConfig, Task};
use candle_core::{Device, Tensor};
use encoder::{EncoderConfig, read_config, read_weights};
use ground::random::Random;
use nn::{Mode, Weights};

use super::docre_ii::{all_pairs, check_alike, linear, random_rows, small};
use super::large_documents::check_chunks;
use super::{distance, encoder_folder, examples};

const CLASSES: usize = 97;
const MOST: usize = 4;

/// The golden encoder, without dropout.
fn still() -> EncoderConfig {
    let encoder = read_config(&encoder_folder()).unwrap();
    EncoderConfig { hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0, ..encoder }
}

/// A small model over it, and its variables.
fn model(config: &DocreIiConfig) -> (DocreIi, Weights) {
    let mut given = read_weights(&encoder_folder(), &Device::Cpu).unwrap();
    given.retain(|name, _| name.starts_with("model."));
    let mut weights = Weights::given(given, "model.", 7, &Device::Cpu);
    let task = Task { encoder: &still(), n_classes: CLASSES, most_labels: MOST };
    (DocreIi::new(&task, config, &mut weights).unwrap(), weights)
}

fn lesson(examples: &[Example]) -> Lesson<'_> {
    Lesson { examples, progress: 0.0, teacher: None, attention: None, shared: Random::new(5) }
}

/// What the parts of a small model make of documents, put together by hand.
struct Parts {
    config: DocreIiConfig,
    weights: Weights,
    inference: Inference,
    features: Tensor,
    examples: Vec<Example>,
}

impl Parts {
    fn new(config: &DocreIiConfig, mut weights: Weights, examples: &[Example]) -> Self {
        let base = PairBase::new(&still(), &config.shape(), &mut weights).unwrap();
        let features = base.forward(examples, &mut Mode::Evaluate).unwrap().unwrap();
        let inference = Inference::new(config, CLASSES, 0.0, &mut weights).unwrap();
        Self { config: config.clone(), inference, features, examples: examples.to_vec(), weights }
    }

    fn first_logits(&self) -> Tensor {
        linear(&self.weights, "classifier", &self.features)
    }

    /// Each pair's relations, the best first.
    fn predicted(logits: &Tensor) -> Vec<Vec<u32>> {
        let rows = logits.to_vec2::<f32>().unwrap();
        rows.iter().map(|row| decode(row, MOST).iter().map(|found| found.class).collect()).collect()
    }

    /// The embeddings of each pair's relations, added up; or that of the best.
    fn embedded(&self, sets: &[Vec<u32>]) -> Tensor {
        let embeddings = self.weights.variables()["inference.relations"].as_tensor();
        let rows: Vec<Tensor> = sets
            .iter()
            .map(|set| {
                let of = match self.config.embed {
                    _ if set.is_empty() => vec![0],
                    Embed::Set => set.clone(),
                    Embed::Argmax => vec![set[0]],
                };
                embeddings.index_select(&Tensor::new(of, &Device::Cpu).unwrap(), 0).unwrap().sum(0).unwrap()
            })
            .collect();
        Tensor::stack(&rows, 0).unwrap()
    }

    /// What the module makes of two matrices.
    fn states(&self, [features, relations]: [&Tensor; 2]) -> Tensor {
        self.inference.forward(features, relations, &matrices(&self.examples), &mut Mode::Evaluate).unwrap()
    }

    fn classified(&self, states: &Tensor) -> Tensor {
        linear(&self.weights, "inference.classifier", states)
    }

    /// `W₂ relu(LN(W₁ x + b₁)) + b₂`.
    fn projected(&self, states: &Tensor) -> Tensor {
        let inner = normed(&self.weights, "inference.projection.inner", states, None).relu().unwrap();
        linear(&self.weights, "inference.projection.outer", &inner)
    }
}

/// `LN(W x + b + residual)`.
fn normed(weights: &Weights, name: &str, x: &Tensor, residual: Option<&Tensor>) -> Tensor {
    let x = linear(weights, name, x);
    let x = residual.map_or(x.clone(), |residual| (&x + residual).unwrap());
    let centred = x.broadcast_sub(&x.mean_keepdim(1).unwrap()).unwrap();
    let length = (centred.sqr().unwrap().mean_keepdim(1).unwrap() + 1e-12).unwrap().sqrt().unwrap();
    let part = |part: &str| weights.variables()[&format!("{name}.LayerNorm.{part}")].as_tensor().clone();
    let scaled = centred.broadcast_div(&length).unwrap().broadcast_mul(&part("weight")).unwrap();
    scaled.broadcast_add(&part("bias")).unwrap()
}

/// `LN(W₂ relu(W₁ x + b₁) + b₂ + residual)`.
fn updated(weights: &Weights, name: &str, x: &Tensor, residual: &Tensor) -> Tensor {
    let inner = linear(weights, &format!("{name}.inner"), x).relu().unwrap();
    normed(weights, &format!("{name}.outer"), &inner, Some(residual))
}

#[test]
fn each_part_has_its_variables_and_no_others() {
    let names = |config: &DocreIiConfig| -> BTreeSet<String> {
        let all = model(config).1.variables().keys().cloned().collect::<Vec<_>>();
        all.into_iter().filter(|name| name.starts_with("inference")).collect()
    };
    let part_of = |names: &BTreeSet<String>, part: &str| names.iter().any(|name| name.contains(part));
    let usual = names(&small(16));
    for (fusion, memory) in [(true, Memory::Common), (true, Memory::Own), (false, Memory::Common), (false, Memory::Own)]
    {
        let found = names(&DocreIiConfig { fusion, memory, ..small(16) });
        assert_eq!(part_of(&found, ".gate."), fusion);
        assert_eq!(part_of(&found, ".memory."), memory == Memory::Common);
        let rest = |names: &BTreeSet<String>| -> Vec<String> {
            names.iter().filter(|name| !name.contains(".gate.") && !name.contains(".memory")).cloned().collect()
        };
        assert_eq!(rest(&found), rest(&usual), "{fusion}, {memory:?}");
    }
    let none = DocreIiConfig { contrastive: Contrastive::None, ..small(16) };
    for config in [none, DocreIiConfig { contrastive_weight: 0.0, ..small(16) }] {
        let found = names(&config);
        assert!(part_of(&usual, "projection") && !part_of(&found, "projection"));
        assert_eq!(found.len(), usual.iter().filter(|name| !name.contains("projection")).count());
    }
}

#[test]
fn a_layer_equals_the_naive_form_with_and_without_gate_and_common_memory() {
    let examples = [all_pairs(4), all_pairs(3)];
    let matrices = matrices(&examples);
    let [features, relations] = [1, 2].map(|seed| random_rows(18, 16, seed));
    let mode = &mut Mode::Evaluate;
    for (fusion, memory) in [(true, Memory::Common), (true, Memory::Own), (false, Memory::Common), (false, Memory::Own)]
    {
        let config = DocreIiConfig { fusion, memory, ..small(16) };
        let mut weights = Weights::fresh(3, &Device::Cpu);
        let layer = InferenceLayer::new(&config, 0.0, &mut weights, "layer").unwrap();
        let found = layer.forward([features.as_tensor(), relations.as_tensor()], &matrices, mode).unwrap();
        let found = Tensor::cat(&found, 1).unwrap();
        let both = Tensor::cat(&[features.as_tensor(), relations.as_tensor()], 1).unwrap();
        let [of_features, of_relations] = match memory {
            Memory::Common => {
                let common = normed(&weights, "layer.memory", &both, None);
                [common.clone(), common]
            }
            Memory::Own => [features.as_tensor().clone(), relations.as_tensor().clone()],
        };
        let mut attended = |name: &str, queries: &Tensor, memory: &Tensor| {
            let unit = CrossAttention::new(&config, 0.0, &mut weights, &format!("layer.{name}")).unwrap();
            unit.forward(queries, memory, &matrices, &mut Mode::Evaluate).unwrap()
        };
        let from_features = attended("feature_attention", &features, &of_features);
        let from_relations = attended("relation_attention", &relations, &of_relations);
        let [for_features, for_relations] = if fusion {
            let both = Tensor::cat(&[&from_features, &from_relations], 1).unwrap();
            let gate = candle_nn::ops::sigmoid(&linear(&weights, "layer.gate", &both)).unwrap();
            let joined =
                ((&gate * &from_features).unwrap() + ((1.0 - &gate).unwrap() * &from_relations).unwrap()).unwrap();
            [joined.clone(), joined]
        } else {
            [from_features, from_relations]
        };
        let expected = [
            updated(&weights, "layer.feature_update", &for_features, &features),
            updated(&weights, "layer.relation_update", &for_relations, &relations),
        ];
        let inputs = [("features", &features), ("relations", &relations)].into_iter();
        let variables = weights.variables().iter().map(|(name, variable)| (name.as_str(), variable));
        check_alike(&found, &Tensor::cat(&expected, 1).unwrap(), &inputs.chain(variables).collect::<Vec<_>>());
    }
}

/// One number.
fn number(loss: &Tensor) -> f32 {
    loss.to_scalar().unwrap()
}

/// The numbers of `(rows, width)`.
fn rows_of(x: &Tensor) -> Vec<Vec<f64>> {
    x.to_vec2::<f32>().unwrap().into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect()
}

fn cosine_of(one: &[f64], other: &[f64]) -> f64 {
    let dot = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// Eq. 14: `2 − cos(p, f) − cos(p′, f′)`, row by row, averaged.
fn equation_14(projected: [&Tensor; 2], fixed: [&Tensor; 2]) -> f64 {
    let [[p, others_p], [f, others_f]] = [projected, fixed].map(|both| both.map(rows_of));
    let of = |row: usize| 2.0 - cosine_of(&p[row], &f[row]) - cosine_of(&others_p[row], &others_f[row]);
    (0..p.len()).map(of).sum::<f64>() / p.len() as f64
}

#[test]
fn the_contrastive_loss_is_equation_14_and_stops_the_gradient_on_one_side() {
    let [p, others_p, f, others_f] = [1, 2, 3, 4].map(|seed| random_rows(5, 6, seed));
    let loss = |p: &Tensor, f: &Tensor| apart([p, &others_p], [f, &others_f]).unwrap();
    let found = loss(&p, &f);
    let expected = |p: &Tensor| equation_14([p, &others_p], [&f, &others_f]);
    assert!((f64::from(number(&found)) - expected(&p)).abs() < 1e-6);
    let grads = found.backward().unwrap();
    assert!(grads.get(&f).is_none() && grads.get(&others_f).is_none(), "a gradient passes where it is stopped");
    let found = rows_of(grads.get(&p).unwrap());
    assert!(grads.get(&others_p).is_some());
    // Slopes by differences, in the numbers of the naive form.
    for (row, column) in [(0, 0), (2, 3), (4, 5)] {
        let moved = |by: f32| {
            let mut rows = p.to_vec2::<f32>().unwrap();
            rows[row][column] += by;
            expected(&Tensor::new(rows, &Device::Cpu).unwrap())
        };
        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        assert!((found[row][column] - slope).abs() < 1e-3, "{} and {slope}", found[row][column]);
    }
}

/// Adaptive-threshold loss of some rows, or of all, by plain arithmetic.
fn threshold_loss(logits: &Tensor, gold: &[&Vec<u32>], rows: Option<&[u32]>) -> f64 {
    let logits = rows_of(logits);
    let all: Vec<u32> = (0..logits.len() as u32).collect();
    let rows = rows.unwrap_or(&all);
    let of = |row: &u32| {
        let (logits, gold) = (&logits[*row as usize], gold[*row as usize]);
        let lse = |classes: &mut dyn Iterator<Item = usize>| classes.map(|class| logits[class].exp()).sum::<f64>().ln();
        let holds = |class: usize| gold.contains(&(class as u32));
        let among = lse(&mut (0..CLASSES).filter(|&class| class == 0 || holds(class)));
        let first: f64 = gold.iter().map(|&class| among - logits[class as usize]).sum();
        first + lse(&mut (0..CLASSES).filter(|&class| !holds(class))) - logits[0]
    };
    rows.iter().map(of).sum::<f64>() / rows.len() as f64
}

/// What a model is to learn, put together from its parts: the threshold losses, and what is added to them.
fn expected_losses(parts: &Parts, shared: &mut Random, random: &mut Random) -> (f64, Option<Tensor>) {
    let config = &parts.config;
    let gold: Vec<&Vec<u32>> = parts.examples.iter().flat_map(|example| &example.labels).collect();
    let some = config.negatives != Negatives::All;
    let of_base = some.then(|| Sample::draw(&gold, config.negatives, random).rows());
    let mut threshold = threshold_loss(&parts.first_logits(), &gold, of_base.as_deref());
    let found = Parts::predicted(&parts.first_logits());
    let [first, second] = [false, true].map(|is_second| {
        let shares = shares(config.noise_on, config.noise, shared);
        let on_gold = config.noise_on == NoiseOn::Gold;
        let sample = Sample::draw(&gold, if on_gold && !some { DRAWN } else { config.negatives }, random);
        let Told { sets, is_wrong } = if on_gold {
            noisy_gold(&gold, &sample, &Classes::all(CLASSES), shares, random)
        } else {
            noisy(&found, &gold, &Classes::all(CLASSES), shares[0], random)
        };
        let rows = some.then(|| if is_second { sample.rows_of_second(&is_wrong, random) } else { sample.rows() });
        (parts.embedded(&sets), rows)
    });
    let states = parts.states([&parts.features, &first.0]);
    threshold += threshold_loss(&parts.classified(&states), &gold, first.1.as_deref());
    let others = parts.states([&parts.features, &second.0]);
    if config.second_view {
        threshold += threshold_loss(&parts.classified(&others), &gold, second.1.as_deref());
    }
    if config.contrastive == Contrastive::None || config.contrastive_weight == 0.0 {
        return (threshold, None);
    }
    let reversed = parts.states([&second.0, &parts.features]);
    let cosines = |projected: &Tensor, fixed: &Tensor| {
        let unit = |x: &Tensor| x.broadcast_div(&x.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap()).unwrap();
        (unit(projected) * unit(&fixed.detach())).unwrap().sum(1).unwrap()
    };
    let compared = match (config.contrastive, config.second_view) {
        (Contrastive::Simclr, _) => {
            let both = [parts.projected(&states), parts.projected(&reversed)];
            let of = |[one, other]: [Tensor; 2]| among_others(&one, &other, config.simclr_temperature);
            by_document(&matrices(&parts.examples), both.each_ref(), of).unwrap()
        }
        (_, false) => {
            let (forth, back) = (parts.projected(&reversed), parts.projected(&states));
            (2.0 - (cosines(&forth, &states) + cosines(&back, &reversed)).unwrap()).unwrap()
        }
        (_, true) => {
            let first_reversed = parts.states([&first.0, &parts.features]);
            let (one, other) = (parts.projected(&states), parts.projected(&others));
            (2.0 - (cosines(&one, &reversed) + cosines(&other, &first_reversed)).unwrap()).unwrap()
        }
    };
    (threshold, Some((compared.mean_all().unwrap() * config.contrastive_weight).unwrap()))
}

/// Settings that change what is learnt, one by one and together.
fn lessons() -> Vec<DocreIiConfig> {
    let usual = small(16);
    vec![
        usual.clone(),
        DocreIiConfig { noise: 0.0, ..usual.clone() },
        DocreIiConfig { contrastive_weight: 0.2, start: Start::Random, ..usual.clone() },
        DocreIiConfig { contrastive_weight: 0.0, ..usual.clone() },
        DocreIiConfig { contrastive: Contrastive::Simclr, simclr_temperature: 0.5, ..usual.clone() },
        DocreIiConfig { contrastive: Contrastive::Simclr, second_view: true, ..usual.clone() },
        DocreIiConfig { contrastive: Contrastive::None, second_view: true, ..usual.clone() },
        DocreIiConfig { noise_on: NoiseOn::Gold, ..usual.clone() },
        DocreIiConfig { embed: Embed::Argmax, fusion: false, ..usual.clone() },
        DocreIiConfig { negatives: Negatives::APositive(1), memory: Memory::Own, ..usual.clone() },
        DocreIiConfig { negatives: Negatives::APositive(1), second_view: true, ..usual },
        of(Recipe::Paper),
        of(Recipe::Released),
        of(Recipe::Docre),
    ]
}

/// A small model by a recipe, over the base of the others: what that of the released program computes is in golden files.
fn of(recipe: Recipe) -> DocreIiConfig {
    let DocreIiConfig { averaged_layers, mentions, inference_width, .. } = DocreIiConfig::default();
    let module = DocreIiConfig { averaged_layers, mentions, inference_width, ..DocreIiConfig::from(recipe) };
    DocreIiConfig { embedding: 16, block: 8, pair_feature: PairFeature::GroupedBilinear, ..module }
}

#[test]
fn what_is_learnt_is_what_the_settings_say() {
    let examples = &examples()[..3];
    for config in lessons() {
        let (model, weights) = model(&config);
        let Loss { threshold, auxiliary, .. } = model.loss(&lesson(examples), &mut Random::new(1)).unwrap().unwrap();
        let parts = Parts::new(&config, weights, examples);
        let (expected, added) = expected_losses(&parts, &mut Random::new(5), &mut Random::new(1));
        let off = (f64::from(number(&threshold)) - expected).abs();
        assert!(off < 1e-4 * expected, "{config:?}: {} for {expected}", number(&threshold));
        assert_eq!(auxiliary.is_some(), added.is_some(), "{config:?}");
        let (Some(found), Some(expected)) = (auxiliary, added) else { continue };
        assert!((number(&found) - number(&expected)).abs() < 1e-4 * number(&expected), "{config:?}");
        let [found, expected] = [found, expected].map(|loss| loss.backward().unwrap());
        for (name, variable) in parts.weights.variables().iter().filter(|(name, _)| !name.starts_with("model.")) {
            let [Some(found), Some(expected)] = [found.get(variable), expected.get(variable)] else {
                assert_eq!(found.get(variable).is_some(), expected.get(variable).is_some(), "{config:?}: {name}");
                continue;
            };
            let most = number(&expected.abs().unwrap().flatten_all().unwrap().max(0).unwrap());
            let off = distance(found, expected);
            assert!(off < 1e-2 * most || off < 1e-5, "{config:?}: {name}: {off} of {most}");
        }
    }
}

#[test]
fn what_is_made_wrong_is_drawn_once_a_step() {
    let all = examples();
    for noise_on in [NoiseOn::Predictions, NoiseOn::Gold] {
        let (model, _) = model(&DocreIiConfig { noise_on, ..small(16) });
        let parts = [&all[..1], &all[1..]].map(|part| model.shares(&lesson(part)));
        assert_eq!(parts[0], parts[1], "the parts of a step make as much wrong");
        assert_ne!(parts[0][0], parts[0][1], "each view has its own");
        let next = Lesson { shared: Random::new(6), ..lesson(&all) };
        assert_ne!(model.shares(&next), parts[0]);
        // And it is what is learnt from, whatever is drawn for each pair.
        let loss = |lesson: &Lesson| number(&model.loss(lesson, &mut Random::new(1)).unwrap().unwrap().threshold);
        assert_ne!(loss(&lesson(&all)).to_bits(), loss(&next).to_bits(), "{noise_on:?}");
    }
}

#[test]
fn every_variable_learns_by_every_setting_and_recipe() {
    let examples = &examples()[..3];
    let more = [
        DocreIiConfig { fusion: false, ..small(16) },
        DocreIiConfig { memory: Memory::Own, ..small(16) },
        DocreIiConfig { fusion: false, memory: Memory::Own, ..small(16) },
        DocreIiConfig { attention: Attention::Full, ..small(16) },
        DocreIiConfig { logits: Logits::Sum, ..small(16) },
        DocreIiConfig { pair_feature: PairFeature::GroupedBilinear, start: Start::Random, ..small(16) },
    ];
    for config in lessons().into_iter().chain(more) {
        let (model, weights) = model(&config);
        let loss = model.loss(&lesson(examples), &mut Random::new(1)).unwrap().unwrap();
        assert_eq!(loss.auxiliary.is_some(), config.contrastive().is_some());
        let grads = loss.total().unwrap().backward().unwrap();
        for (name, variable) in weights.variables() {
            let grad = grads.get(variable).unwrap_or_else(|| panic!("{config:?}: {name}: no gradient"));
            let norm = number(&grad.sqr().unwrap().sum_all().unwrap());
            // A bias of keys shifts all scores of a pair alike: its gradient is 0 but for rounding.
            assert!(norm.is_finite() && (norm > 0.0 || name.ends_with("key.bias")), "{config:?}: {name}: {norm}");
        }
    }
}

/// Settings that change how it predicts.
fn predictors() -> Vec<DocreIiConfig> {
    let sum = DocreIiConfig { logits: Logits::Sum, start: Start::Random, ..small(16) };
    let argmax = DocreIiConfig { embed: Embed::Argmax, ..small(16) };
    vec![small(16), sum.clone(), argmax, DocreIiConfig { embed: Embed::Argmax, ..sum }, of(Recipe::Released)]
}

#[test]
fn iterations_predict_what_the_settings_say() {
    let examples = examples();
    for config in predictors() {
        let (model, weights) = model(&DocreIiConfig { iterations: 4, ..config.clone() });
        let parts = Parts::new(&config, weights, &examples);
        let base = parts.first_logits();
        let (mut logits, mut sets) = (base.clone(), Parts::predicted(&base));
        let mut changed = vec![0; sets.len()];
        for iteration in 1..=4 {
            let own = parts.classified(&parts.states([&parts.features, &parts.embedded(&sets)]));
            logits = if config.logits == Logits::Sum { (logits + own).unwrap() } else { own };
            let next = Parts::predicted(&logits);
            let members = |set: &Vec<u32>| set.iter().copied().collect::<BTreeSet<u32>>();
            for ((changed, before), after) in changed.iter_mut().zip(&sets).zip(&next) {
                if members(before) != members(after) {
                    *changed = iteration;
                }
            }
            sets = next;
        }
        let found = model.score(&examples).unwrap().unwrap();
        assert!(distance(&found.logits, &logits) < 1e-3, "{config:?}");
        assert!(distance(&found.base.unwrap(), &base) < 1e-4, "{config:?}");
        assert_eq!(found.changed.unwrap(), changed, "{config:?}");
    }
}

#[test]
fn what_pairs_were_given_on_the_way_is_what_fewer_iterations_give() {
    let examples = examples();
    for config in predictors() {
        let scored =
            |iterations| model(&DocreIiConfig { iterations, ..config.clone() }).0.score(&examples).unwrap().unwrap();
        let whole = scored(3);
        for iteration in 0..=3 {
            let fewer = scored(iteration);
            let mut expected = Vec::new();
            for (pair, logits) in (0..).zip(fewer.logits.to_vec2::<f32>().unwrap()) {
                let changed = fewer.changed.as_ref().map_or(0, |changed| changed[pair as usize]);
                let found = decode(&logits, MOST).into_iter();
                expected.extend(found.map(|relation| (pair, changed, relation, logits[0])));
            }
            let holds = |since: u32, until: u32| (since..=until).contains(&(iteration as u32));
            let then = whole.held.iter().filter(|held| holds(held.span.since, held.span.until));
            let then: Vec<_> = then.map(|held| (held.pair, held.span.changed, held.relation, held.threshold)).collect();
            assert_eq!(then, expected, "{config:?}: {iteration}");
        }
        check_chunks(&model(&config).0, &examples);
    }
}

/// 4,000 pairs, of which 500 have two relations.
fn many() -> Vec<Vec<u32>> {
    (0..4000).map(|pair| if pair % 8 == 0 { vec![1, 3] } else { Vec::new() }).collect()
}

#[test]
fn negatives_are_drawn_for_each_positive() {
    let gold = many();
    let gold: Vec<&Vec<u32>> = gold.iter().collect();
    let draw = |negatives, seed| Sample::draw(&gold, negatives, &mut Random::new(seed));
    let five = draw(Negatives::APositive(5), 1);
    assert_eq!((five.positives.len(), five.negatives.len()), (500, 2500));
    assert!(five.positives.iter().all(|row| row % 8 == 0) && five.negatives.iter().all(|row| row % 8 != 0));
    let distinct: BTreeSet<u32> = five.rows().into_iter().collect();
    assert_eq!(distinct.len(), 3000);
    assert_eq!(five, draw(Negatives::APositive(5), 1));
    assert_ne!(five, draw(Negatives::APositive(5), 2));
    assert_eq!(draw(Negatives::APositive(9), 1).negatives.len(), 3500, "no more than there are");
    assert_eq!(draw(Negatives::All, 1).rows(), (0..4000).collect::<Vec<u32>>());
    // Where no pair has a relation, as many as for one.
    let none = Sample::draw(&gold[1..8], Negatives::APositive(5), &mut Random::new(1));
    assert_eq!((none.positives.len(), none.negatives.len()), (0, 5));
    // Of the second view: the positives, a fifth of the negatives, and what it is told wrongly.
    let mut is_wrong = vec![false; 4000];
    is_wrong[1..8].fill(true);
    let second = five.rows_of_second(&is_wrong, &mut Random::new(3));
    assert!(five.positives.iter().chain(&[1, 2, 3, 4, 5, 6, 7]).all(|row| second.contains(row)));
    assert!(second.len().abs_diff(1007) < 100, "{}", second.len());
    assert!(second.is_sorted_by(|one, next| one < next));
}

#[test]
fn noise_on_gold_has_the_released_shares() {
    let gold = many();
    let gold: Vec<&Vec<u32>> = gold.iter().collect();
    let sample = Sample::draw(&gold, DRAWN, &mut Random::new(1));
    let Told { sets, is_wrong } = noisy_gold(&gold, &sample, &Classes::all(6), [0.3, 0.1], &mut Random::new(2));
    let wrong = |of: &[u32]| of.iter().filter(|row| is_wrong[**row as usize]).count();
    // 0.3 · 500 + 1 and 0.1 · 2,500 + 1.
    assert_eq!((wrong(&sample.positives), wrong(&sample.negatives)), (151, 251));
    assert_eq!(is_wrong.iter().filter(|is_wrong| **is_wrong).count(), 402);
    for ((set, gold), is_wrong) in sets.iter().zip(&gold).zip(&is_wrong) {
        if *is_wrong {
            assert!(set.len() <= 1 && !set.iter().any(|class| gold.contains(class) || *class == 0 || *class >= 6));
            assert!(!(set.is_empty() && gold.is_empty()), "the threshold class holds where nothing else does");
        } else {
            assert_eq!(&set, gold);
        }
    }
    let all: Vec<[f64; 2]> = (0..400).map(|seed| shares(NoiseOn::Gold, 0.4, &mut Random::new(seed))).collect();
    for (place, [least, most]) in [[0.2, 0.5], [0.05, 0.15]].into_iter().enumerate() {
        let found = all.iter().map(|shares| shares[place]);
        assert!(found.clone().all(|share| (least..=most).contains(&share)));
        let mean = found.sum::<f64>() / 400.0;
        assert!((mean - f64::midpoint(least, most)).abs() < (most - least) / 20.0, "{mean}");
    }
}

#[test]
fn losses_of_drawn_pairs_count_by_how_many_are_drawn() {
    let examples = &examples()[..2];
    let labels = || examples.iter().flat_map(|example| &example.labels);
    let (pairs, positives) = (labels().count(), labels().filter(|set| !set.is_empty()).count());
    let judged = |config: &DocreIiConfig| model(config).0.n_judged(examples);
    assert_eq!(judged(&small(16)), pairs);
    let one = DocreIiConfig { negatives: Negatives::APositive(1), ..small(16) };
    assert_eq!(judged(&one), 2 * positives);
    // The first stage has all pairs.
    assert_eq!(judged(&DocreIiConfig { iterations: 0, ..one }), pairs);
}

#[test]
fn the_mean_weights_are_those_with_which_the_classifier_sees_both_matrices() {
    let config = small(16);
    let weights_of = |config: &DocreIiConfig| {
        let (model, weights) = model(config);
        (model.mean_weights().unwrap().unwrap(), weights)
    };
    let (found, weights) = weights_of(&config);
    let rows = |name: &str| rows_of(weights.variables()[name].as_tensor());
    let (output, classifier) = (rows("inference.output.weight"), rows("inference.classifier.weight"));
    // The norm's own weights begin at 1.
    let centred = |row: usize, column: usize| {
        output[row][column] - output.iter().map(|row| row[column]).sum::<f64>() / output.len() as f64
    };
    let weight = |class: &Vec<f64>, column: usize| -> f64 {
        class.iter().enumerate().map(|(row, weight)| weight * centred(row, column)).sum()
    };
    for (found, columns) in found.into_iter().zip([0..16, 16..32]) {
        let all: Vec<f64> = classifier
            .iter()
            .flat_map(|class| columns.clone().map(move |column| (class, column)))
            .map(|(class, column)| weight(class, column).abs())
            .collect();
        let expected = all.iter().sum::<f64>() / all.len() as f64;
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
    // What it begins with: nearly blind to R, or seeing both alike.
    assert!(found[0] > 5.0 * found[1], "{found:?}");
    let ([features, relations], _) = weights_of(&DocreIiConfig { start: Start::Random, ..small(64) });
    assert!((0.9..1.1).contains(&(features / relations)), "{features} and {relations}");
}

#[test]
fn at_random_the_module_begins_with_no_likeness_to_its_base() {
    let examples = examples();
    let (model, weights) = model(&DocreIiConfig { start: Start::Random, ..small(16) });
    let variable = |name: &str| weights.variables()[name].as_tensor().clone();
    let [own, of_base] = ["inference.classifier.weight", "classifier.weight"].map(variable);
    assert!(distance(&own, &of_base) > 0.1);
    let output = variable("inference.output.weight");
    let bound = (32f32).powf(-0.5);
    let most = number(&output.abs().unwrap().max_all().unwrap());
    assert!(most <= bound && most > 0.9 * bound, "{most}");
    assert!(model.score(&examples).is_ok());
}

#[test]
fn a_recipe_gives_the_settings_that_are_absent() {
    let read = |text: &str| match serde_json::from_str::<ModelConfig>(text) {
        Ok(ModelConfig::DocreIi(config)) => Ok(config),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    let usual = DocreIiConfig::default();
    for recipe in [Recipe::Paper, Recipe::Released, Recipe::Docre] {
        let name = serde_json::to_value(recipe).unwrap();
        let config = read(&format!(r#"{{"kind": "docre-ii", "recipe": {name}}}"#)).unwrap();
        assert_eq!(config, DocreIiConfig::from(recipe));
        assert_eq!(config.recipe, Some(recipe));
        assert_eq!(config.check(), Ok(()));
        // A checkpoint has what it says, spelt out.
        let model = ModelConfig::DocreIi(config.clone());
        assert_eq!(model.recipe(), Some(recipe));
        let spelt_out = serde_json::to_value(model.spelt_out()).unwrap();
        assert!(spelt_out.get("recipe").is_none());
        let again = serde_json::from_value::<ModelConfig>(spelt_out).unwrap();
        assert_eq!(again, ModelConfig::DocreIi(DocreIiConfig { recipe: None, ..config }));
        // What is trained first is by none.
        assert_eq!(model.base().unwrap().recipe(), None);
        // And read with its name it is the same.
        assert_eq!(serde_json::from_value::<ModelConfig>(serde_json::to_value(&model).unwrap()).unwrap(), model);
    }
    assert_eq!(DocreIiConfig { recipe: None, ..DocreIiConfig::from(Recipe::Docre) }, usual);
    let mixed =
        r#"{"kind": "docre-ii", "N_I": 3, "recipe": "released", "noise_on": "predictions", "negatives": "all"}"#;
    let mixed = read(mixed).unwrap();
    assert_eq!((mixed.layers, mixed.noise_on, mixed.negatives), (3, NoiseOn::Predictions, Negatives::All));
    assert_eq!((mixed.logits, mixed.second_view, mixed.start), (Logits::Sum, true, Start::Random));
    let unknown = read(r#"{"kind": "docre-ii", "recipe": "own"}"#).unwrap_err();
    assert!(unknown.contains("`recipe`: unknown variant `own`, expected one of `paper`, `released`"), "{unknown}");
    let number = read(r#"{"kind": "docre-ii", "recipe": 3}"#).unwrap_err();
    assert!(number.contains("`recipe`: expected a name, got 3"), "{number}");
    let atlop = serde_json::from_str::<ModelConfig>(r#"{"kind": "atlop", "recipe": "paper"}"#).unwrap_err();
    assert!(atlop.to_string().contains("unknown field `recipe`"), "{atlop}");
}

#[test]
fn the_settings_of_losses_are_checked() {
    let read = |text: &str| {
        let config = serde_json::from_str::<ModelConfig>(&format!(r#"{{"kind": "docre-ii", {text}}}"#));
        config.map_err(|error| error.to_string()).and_then(|config| config.check())
    };
    for good in [r#""negatives": 5"#, r#""negatives": "all""#, r#""contrastive_weight": 0"#, r#""recipe": "released""#]
    {
        assert_eq!(read(good), Ok(()), "{good}");
    }
    for (bad, expected) in [
        (r#""negatives": 0"#, "`negatives`: expected `all` or at least 1 a positive, got 0"),
        (r#""negatives": -1"#, "`negatives`: expected `all` or a whole number of 1 or more, got integer `-1`"),
        (r#""negatives": "none""#, "`negatives`: expected `all` or a whole number of 1 or more, got string \"none\""),
        (r#""contrastive_weight": -0.1"#, "`contrastive_weight`: expected 0 to 1000, got -0.1"),
        (r#""simclr_temperature": 0"#, "`simclr_temperature`: expected 0.001 to 1000, got 0"),
        (r#""start": "base""#, "`start`: unknown variant `base`, expected `identity` or `random`"),
    ] {
        assert_eq!(read(bad), Err(expected.to_owned()));
    }
}
