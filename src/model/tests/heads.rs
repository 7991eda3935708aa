//! DocRE-SD's heads: what each is worth on documents whose implied facts all follow its pattern.
//!
//! The documents are given as pair features, not as text, so that a test can say what a pair's feature tells: of the
//! facts from its head to its tail alone, or of those in the other direction too.

use crate::attention::{Matrices, matrices};
use crate::docre_sd::DocreSdConfig;
use crate::docre_sd::reasoning::ReasoningLayer;
use crate::example::{Example, THRESHOLD, labels};
use crate::loss::adaptive_threshold;
use candle_core::{Device, Tensor};
use ground::counts::Counts;
use ground::pattern::Pattern;
use ground::random::Random;
use nn::optimizer::{AdamOptions, AdamW, Group};
use nn::{Init, Linear, Mode, Weights};
use rayon::prelude::*;

use super::docre_ii::all_pairs;
use super::docre_sd::couple;

const N_ENTITIES: u32 = 7;
const WIDTH: usize = 32;
const IMPLIED: u32 = 1;
const BATCH: usize = 8;
const STEPS: usize = 400;

/// What a pair's feature tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// The facts from its head to its tail.
    OneWay,
    /// Those from its tail to its head too.
    BothWays,
}

/// Documents of a few facts of two relations; the first joined to the second as the pattern says implies a third. All
/// pairs' features, `(documents·pairs, width)`, and the examples with the third as their labels.
fn documents(pattern: Pattern, telling: Telling, count: usize, random: &mut Random) -> (Tensor, Vec<Example>) {
    let mut examples = vec![all_pairs(N_ENTITIES); count];
    let mut rows: Vec<f32> = Vec::new();
    for example in &mut examples {
        let pairs = example.pairs.clone();
        let facts: Vec<[bool; 2]> = pairs.iter().map(|_| [random.chance(0.12), random.chance(0.12)]).collect();
        let of = |pair: (u32, u32)| pairs.iter().position(|&other| other == pair).map_or([false; 2], |row| facts[row]);
        for (&(s, o), labels) in pairs.iter().zip(&mut example.labels) {
            let told = if telling == Telling::BothWays { of((o, s)) } else { [false; 2] };
            let told = of((s, o)).into_iter().chain(told).map(|fact| if fact { 4.0 } else { 0.0 });
            rows.extend(told.chain((4..WIDTH).map(|_| random.normal() as f32)));
            let implies = |i| matches!(couple(pattern, (s, o), i).map(of), [[true, _], [_, true]]);
            if (0..N_ENTITIES).filter(|&i| i != s && i != o).any(implies) {
                labels.push(IMPLIED);
            }
        }
    }
    (Tensor::from_vec(rows, (count * examples[0].pairs.len(), WIDTH), &Device::Cpu).unwrap(), examples)
}

/// F1 on fresh documents of reasoning layers with these heads, trained on others.
fn f1(pattern: Pattern, patterns: Vec<Pattern>, telling: Telling, n_layers: usize, seed: u64) -> f64 {
    let config = DocreSdConfig { embedding: WIDTH, patterns, layers: n_layers, ..DocreSdConfig::default() };
    let mut weights = Weights::fresh(seed, &Device::Cpu);
    let layers: Vec<ReasoningLayer> = (0..config.layers)
        .map(|place| ReasoningLayer::new(&config, 0.0, &mut weights, &format!("layer.{place}")).unwrap())
        .collect();
    let classifier = Linear::new(&mut weights, "classifier", (2, WIDTH), [Init::Uniform(0.2); 2]).unwrap();
    let logits = |features: &Tensor, matrices: &Matrices| {
        let pass =
            |pairs: Tensor, layer: &ReasoningLayer| layer.forward(&pairs, matrices, &mut Mode::Evaluate).unwrap();
        classifier.forward(&layers.iter().fold(features.clone(), pass)).unwrap()
    };
    let group = |_: &str| Some(Group { rate: 3e-3, decay: 0.0 });
    let mut adam = AdamW::new(weights.variables(), group, AdamOptions::default()).unwrap();
    let mut random = Random::new(seed);
    for step in 0..STEPS {
        let (features, examples) = documents(pattern, telling, BATCH, &mut random);
        let labels = labels(&examples, 2, &Device::Cpu).unwrap();
        let loss = adaptive_threshold(&logits(&features, &matrices(&examples)), &labels).unwrap();
        adam.step(&loss.backward().unwrap(), 1.0 - step as f64 / STEPS as f64).unwrap();
    }
    let (features, examples) = documents(pattern, telling, 100, &mut random);
    let logits = logits(&features, &matrices(&examples)).to_vec2::<f32>().unwrap();
    let found = logits.iter().map(|row| row[IMPLIED as usize] > row[THRESHOLD as usize]);
    let gold = examples.iter().flat_map(|example| &example.labels).map(|labels| !labels.is_empty());
    let counts = found.zip(gold).map(|(found, gold)| Counts {
        true_positives: u64::from(found && gold),
        predicted: u64::from(found),
        gold: u64::from(gold),
        known: 0,
    });
    counts.sum::<Counts>().f1()
}

/// All heads, and another's in place of that of the pattern.
fn with_and_without(pattern: Pattern) -> [Vec<Pattern>; 2] {
    let others: Vec<Pattern> = Pattern::ALL.into_iter().filter(|&other| other != pattern).collect();
    [Pattern::ALL.to_vec(), [others.as_slice(), &others[..1]].concat()]
}

#[test]
fn each_head_infers_what_no_other_can() {
    let trials: Vec<(Pattern, u64)> =
        Pattern::ALL.into_iter().flat_map(|pattern| (1..=3).map(move |seed| (pattern, seed))).collect();
    let found = trials.into_par_iter().map(|(pattern, seed)| {
        let of = |patterns| f1(pattern, patterns, Telling::OneWay, 1, seed);
        (pattern, seed, with_and_without(pattern).map(of))
    });
    for (pattern, seed, [with, without]) in found.collect::<Vec<_>>() {
        println!("{pattern:?}, seed {seed}: F1 {with:.3} with its head, {without:.3} without");
        assert!(with > 0.95 && without < 0.6, "{pattern:?}, seed {seed}: {with} with, {without} without");
    }
}

/// Why a head is not missed on text: there a pair's feature is made of both entities and of what joins them.
#[test]
fn other_heads_stand_in_where_features_tell_both_ways_or_layers_are_two() {
    for (telling, n_layers) in [(Telling::BothWays, 1), (Telling::OneWay, 2)] {
        let [_, without] = with_and_without(Pattern::Forward);
        let without = f1(Pattern::Forward, without, telling, n_layers, 1);
        println!("{telling:?}, {n_layers} layers: F1 {without:.3} without its head");
        assert!(without > 0.9, "{telling:?}, {n_layers} layers: {without}");
    }
}
