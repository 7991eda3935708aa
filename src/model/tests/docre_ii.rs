//! DocRE-II: its inference layers against the reference and against plain arithmetic; its predictions and losses.

use std::collections::BTreeMap;

use crate::attention::{Heads, Reach};
use crate::attention::{Matrices, matrices};
use crate::base::PairFeature;
use crate::docre_ii::inference::{AXES, CrossAttention, Inference, InferenceLayer};
use crate::docre_ii::noise::{Classes, Told, noisy, shares};
use crate::docre_ii::{Attention, Contrastive, DocreIi, DocreIiConfig, NoiseOn, Pairs};
use crate::docre_sd::reasoning::axes;
use crate::example::Example;
use crate::loss::{among_others, cosine};
use crate::pair_matrix::{Axis, PairMatrix};
use crate::{Lesson, Model, ModelConfig, Task};
use candle_core::{DType, Device, Tensor, Var, safetensors};
use encoder::{read_config, read_weights};
use ground::pattern::Pattern;
use ground::random::Random;
use nn::{Mode, Weights};

use super::large_documents::check_chunks;
use super::{distance, encoder_folder, examples, folder};

/// The reference's names and ours.
const NAMES: [(&str, &str); 13] = [
    ("combine.0", "memory"),
    ("combine.2", "memory.LayerNorm"),
    ("Self_Attention.mid_output.0", "feature_attention.output"),
    ("Self_Attention", "feature_attention"),
    ("Cross_Attention.mid_output.0", "relation_attention.output"),
    ("Cross_Attention", "relation_attention"),
    ("gate.0", "gate"),
    ("mid_output.dense1", "feature_update.inner"),
    ("mid_output.dense2", "feature_update.outer"),
    ("mid_output.LayerNorm2", "feature_update.outer.LayerNorm"),
    ("mid_output1.dense1", "relation_update.inner"),
    ("mid_output1.dense2", "relation_update.outer"),
    ("mid_output1.LayerNorm2", "relation_update.outer.LayerNorm"),
];

fn ours(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("dense.0") {
        return format!("inference.output{rest}");
    }
    if let Some(rest) = name.strip_prefix("dense.2") {
        return format!("inference.output.LayerNorm{rest}");
    }
    let (place, part) = name.strip_prefix("Layers.").unwrap().split_once('.').unwrap();
    let (from, to) = NAMES.into_iter().find(|(from, _)| part.starts_with(&format!("{from}."))).unwrap();
    format!("inference.layer.{place}.{to}{}", &part[from.len()..])
}

/// The reference's weights under our names; its attention units have a norm that they do not use.
fn reference() -> Weights {
    let tensors = safetensors::load(folder("docre_ii_inference").join("weights.safetensors"), &Device::Cpu).unwrap();
    let used = tensors.into_iter().filter(|(name, _)| !name.contains("Attention.LayerNorm"));
    let given: BTreeMap<String, Tensor> = used.map(|(name, tensor)| (ours(&name), tensor)).collect();
    Weights::given(given, "inference.layer", 0, &Device::Cpu)
}

/// A model of a width.
pub fn small(embedding: usize) -> DocreIiConfig {
    DocreIiConfig { embedding, block: 8, ..DocreIiConfig::default() }
}

/// A document of entities with one mention each and all pairs of them.
pub fn all_pairs(n_entities: u32) -> Example {
    let pairs = (0..n_entities).flat_map(|head| (0..n_entities).map(move |tail| (head, tail)));
    let pairs: Vec<(u32, u32)> = pairs.filter(|(head, tail)| head != tail).collect();
    Example {
        n_mentions: vec![1; n_entities as usize],
        labels: vec![Vec::new(); pairs.len()],
        pairs,
        ..Example::default()
    }
}

/// The rows of `(batch, N, N, width)` that the mask leaves.
pub fn masked_rows(grid: &Tensor, mask: &Tensor) -> Tensor {
    let places = mask.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let places: Vec<u32> = (0..).zip(places).filter(|(_, one)| *one > 0.0).map(|(place, _)| place).collect();
    let width = grid.dims()[3];
    grid.reshape(((), width)).unwrap().index_select(&Tensor::new(places, &Device::Cpu).unwrap(), 0).unwrap()
}

#[test]
fn inference_layers_equal_the_reference() {
    let expected = safetensors::load(folder("docre_ii_inference").join("expected.safetensors"), &Device::Cpu).unwrap();
    let mask = &expected["mask"];
    let matrices = matrices(&[all_pairs(6), all_pairs(4)]);
    let inputs = ["features", "relations"].map(|name| Var::from_tensor(&expected[name]).unwrap());
    let [features, relations] = inputs.each_ref().map(|input| masked_rows(input, mask));
    let (mut weights, config) = (reference(), small(32));
    let mode = &mut Mode::Evaluate;
    let check = |what: &str, found: &Tensor, expected: &Tensor| {
        let off = distance(found, expected);
        assert!(off < 1e-4, "{what} differs by {off}");
    };
    let memory = masked_rows(&expected["layer0.memory"], mask);
    for (name, queries) in [("feature_attention", &features), ("relation_attention", &relations)] {
        let unit = CrossAttention::new(&config, 0.0, &mut weights, &format!("inference.layer.0.{name}")).unwrap();
        let found = unit.forward(queries, &memory, &matrices, mode).unwrap();
        check(name, &found, &expected[&format!("layer0.{name}")]);
    }
    let layer = InferenceLayer::new(&config, 0.0, &mut weights, "inference.layer.0").unwrap();
    let [new_features, new_relations] = layer.forward([&features, &relations], &matrices, mode).unwrap();
    check("features", &new_features, &masked_rows(&expected["layer0.features"], mask));
    check("relations", &new_relations, &masked_rows(&expected["layer0.relations"], mask));
    let inference = Inference::new(&config, 5, 0.0, &mut weights).unwrap();
    assert!(weights.unused().is_empty(), "{:?}", weights.unused());
    let output = inference.forward(&features, &relations, &matrices, mode).unwrap();
    check("output", &output, &masked_rows(&expected["output"], mask));
    let grads = output.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    // The rows of a layer norm all have the same length, so both gradients are 0 but for rounding.
    for (name, input) in ["features", "relations"].into_iter().zip(&inputs) {
        let off = distance(grads.get(input).unwrap(), &expected[&format!("grad.{name}")]);
        assert!(off < 1e-4, "gradient of {name} differs by {off}");
    }
}

/// The type of CUDA devices, whose rounding alone may tell: 8 bits of mantissa.
#[test]
fn in_16_bits_inference_is_near_the_reference() {
    let expected = safetensors::load(folder("docre_ii_inference").join("expected.safetensors"), &Device::Cpu).unwrap();
    let mask = &expected["mask"];
    let inputs = ["features", "relations"].map(|name| Var::from_tensor(&expected[name]).unwrap());
    let [features, relations] = inputs.each_ref().map(|input| masked_rows(input, mask).to_dtype(DType::BF16).unwrap());
    let inference = Inference::new(&small(32), 5, 0.0, &mut reference()).unwrap();
    let matrices = matrices(&[all_pairs(6), all_pairs(4)]);
    let output = inference.forward(&features, &relations, &matrices, &mut Mode::Evaluate).unwrap();
    assert_eq!(output.dtype(), DType::BF16);
    // The rows of a layer norm: their numbers lie around 1.
    let off = distance(&output, &masked_rows(&expected["output"], mask));
    assert!(off < 5e-2, "output differs by {off}");
    let grads = output.to_dtype(DType::F32).unwrap().sum_all().unwrap().backward().unwrap();
    assert!(inputs.iter().all(|input| grads.get(input).is_some_and(|grad| grad.dtype() == DType::F32)));
}

/// A document that asks for some pairs only, one of whose entities is cut off.
pub fn ragged() -> Example {
    let mut example = all_pairs(6);
    example.pairs.retain(|&(head, tail)| (head + 2 * tail) % 4 != 0);
    example.labels.truncate(example.pairs.len());
    example.n_mentions[2] = 0;
    example
}

/// Normally distributed numbers.
pub fn random_rows(rows: usize, width: usize, seed: u64) -> Var {
    let mut random = Random::new(seed);
    let values: Vec<f32> = (0..rows * width).map(|_| random.normal() as f32).collect();
    Var::from_vec(values, (rows, width), &Device::Cpu).unwrap()
}

/// The linear layer of a name.
pub fn linear(weights: &Weights, name: &str, x: &Tensor) -> Tensor {
    let [weight, bias] =
        ["weight", "bias"].map(|part| weights.variables()[&format!("{name}.{part}")].as_tensor().clone());
    x.matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap()
}

/// Two results are alike, and so are the gradients of one weighted sum of them by some variables.
pub fn check_alike(found: &Tensor, expected: &Tensor, variables: &[(&str, &Var)]) {
    let off = distance(found, expected);
    assert!(off < 1e-4, "differs by {off}");
    let weigh = random_rows(found.dims()[0], found.dims()[1], 99);
    let grads = |result: &Tensor| (result * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    let (found, expected) = (grads(found), grads(expected));
    for (name, variable) in variables {
        let expected = expected.get(variable).unwrap();
        let most: f32 = expected.abs().unwrap().max_all().unwrap().to_scalar().unwrap();
        let off = distance(found.get(variable).unwrap(), expected);
        assert!(off < 1e-3 * most || (off < 1e-4 && name.ends_with("key.bias")), "{name}: {off} of {most}");
    }
}

/// The pair that bridge i stands for.
fn bridge(axis: Axis, (s, o): (u32, u32), i: u32) -> (u32, u32) {
    match axis {
        Axis::HeadRow => (s, i),
        Axis::TailColumn => (i, o),
        Axis::HeadColumn => (i, s),
        Axis::TailRow => (o, i),
    }
}

/// Attention of each row to rows of its own, `places` for each, built in full: `(rows, places, width)` keys and values.
/// `more` is added to the scores.
pub fn naive_attention(queries: &Tensor, keys: &Tensor, values: &Tensor, more: &Tensor) -> Tensor {
    let scores = keys.broadcast_mul(&queries.unsqueeze(1).unwrap()).unwrap().sum(2).unwrap();
    let scores = ((scores * (queries.dims()[1] as f64).powf(-0.5)).unwrap() + more).unwrap();
    let shares = candle_nn::ops::softmax(&scores, 1).unwrap();
    values.broadcast_mul(&shares.unsqueeze(2).unwrap()).unwrap().sum(1).unwrap()
}

/// Rows by number for each row, `u32::MAX` for zeros: `(rows, places, width)`.
pub fn gather(rows: &Tensor, numbers: &[Vec<u32>]) -> Tensor {
    let flat = Tensor::new(numbers.concat(), &Device::Cpu).unwrap();
    let gathered = rows.contiguous().unwrap().index_select(&flat, 0).unwrap();
    gathered.reshape((numbers.len(), numbers[0].len(), rows.dims()[1])).unwrap()
}

/// The number of a pair's row, where other pairs see it.
pub fn row_of(example: &Example, pair: (u32, u32)) -> Option<u32> {
    let there = |entity: u32| example.n_mentions[entity as usize] > 0;
    let row = example.pairs.iter().position(|&one| one == pair)?;
    (there(pair.0) && there(pair.1)).then_some(row as u32)
}

#[test]
fn factored_attention_equals_the_naive_form() {
    let (example, config) = (ragged(), DocreIiConfig { heads: 8, ..small(16) });
    let (n_pairs, width) = (example.pairs.len(), 2);
    let mut weights = Weights::fresh(3, &Device::Cpu);
    let unit = CrossAttention::new(&config, 0.0, &mut weights, "unit").unwrap();
    let [queries, memory] = [1, 2].map(|seed| random_rows(n_pairs, 16, seed));
    let matrices = Matrices::from(vec![PairMatrix::new(&example)]);
    let found = unit.forward(&queries, &memory, &matrices, &mut Mode::Evaluate).unwrap();
    let project = |part: &str, x: &Tensor| linear(&weights, &format!("unit.{part}"), x);
    let parts = [project("query", &queries), project("key", &memory), project("value", &memory)];
    let heads: Vec<Tensor> = (0..8)
        .map(|head| {
            let [queries, keys, values] = parts.each_ref().map(|part| part.narrow(1, head * width, width).unwrap());
            let seen: Vec<Vec<u32>> = example
                .pairs
                .iter()
                .zip(0..)
                .map(|(&pair, row)| {
                    let bridges = (0..6).map(|i| bridge(AXES[head % 4], pair, i));
                    let rows = bridges.map(|other| row_of(&example, other).filter(|_| other != pair));
                    // The pair itself is a key once.
                    std::iter::once(row).chain(rows.map(|row| row.unwrap_or(u32::MAX))).collect()
                })
                .collect();
            // Its score is one greater; bridges that are no pairs do not count.
            let more = seen.iter().flatten().zip((0..7).cycle()).map(|(&row, place)| match (row, place) {
                (_, 0) => 1f32,
                (u32::MAX, _) => -1e30,
                _ => 0.0,
            });
            let more = Tensor::from_iter(more, &Device::Cpu).unwrap().reshape((n_pairs, 7)).unwrap();
            naive_attention(&queries, &gather(&keys, &seen), &gather(&values, &seen), &more)
        })
        .collect();
    let expected = project("output", &Tensor::cat(&heads, 1).unwrap());
    let inputs = [("queries", &queries), ("memory", &memory)].into_iter();
    let variables = weights.variables().iter().map(|(name, variable)| (name.as_str(), variable));
    check_alike(&found, &expected, &inputs.chain(variables).collect::<Vec<_>>());
}

#[test]
fn both_forms_of_attention_agree() {
    let reaches: [Vec<Reach>; 3] = [
        AXES.iter().map(|axis| Reach::Along(std::slice::from_ref(axis))).collect(),
        Pattern::ALL.map(|pattern| Reach::Along(axes(pattern))).to_vec(),
        vec![Reach::All; 4],
    ];
    let documents = [ragged(), all_pairs(2), all_pairs(5)];
    let matrices = matrices(&documents);
    let n_pairs = documents.iter().map(|document| document.pairs.len()).sum();
    for (reach, n_memories) in reaches.into_iter().zip([1, 3, 1]) {
        let heads = Heads { reach, itself: 0.7, dropout: 0.0 };
        let rows: Vec<Var> = (0..=2 * n_memories).map(|seed| random_rows(n_pairs, 12, seed)).collect();
        let attend = |kind: DType| {
            let rows: Vec<Tensor> = rows.iter().map(|rows| rows.to_dtype(kind).unwrap()).collect();
            let memory: Vec<[&Tensor; 2]> = rows[1..].chunks(2).map(|pair| [&pair[0], &pair[1]]).collect();
            let found = heads.attend(&rows[0], &memory, &matrices, &mut Mode::Evaluate).unwrap();
            found.to_dtype(DType::F32).unwrap()
        };
        check_alike(
            &attend(DType::F32),
            &attend(DType::F64),
            &rows.iter().map(|rows| ("rows", rows)).collect::<Vec<_>>(),
        );
    }
}

#[test]
fn attention_drops_shares_alike_forward_and_backward() {
    let matrices = matrices(&[all_pairs(5)]);
    let heads = Heads { reach: vec![Reach::Along(&[Axis::HeadRow]); 2], itself: 1.0, dropout: 0.5 };
    let rows = [1, 2, 3].map(|seed| random_rows(20, 8, seed));
    let attend = |values: &Tensor| {
        let mode = &mut Mode::Train(&mut Random::new(5));
        heads.attend(&rows[0], &[[rows[1].as_tensor(), values]], &matrices, mode).unwrap().sum_all().unwrap()
    };
    // It is linear in the values: the loss is their product with its gradient.
    let loss = attend(rows[2].as_tensor());
    let grads = loss.backward().unwrap();
    let product = (grads.get(&rows[2]).unwrap() * rows[2].as_tensor()).unwrap().sum_all().unwrap();
    assert!(distance(&loss, &product) < 1e-4);
    // A slope along the keys' gradient, by differences.
    let along = grads.get(&rows[1]).unwrap();
    let shifted = |by: f64| {
        let keys = (rows[1].as_tensor() + (along * by).unwrap()).unwrap();
        let mode = &mut Mode::Train(&mut Random::new(5));
        let memory = [[&keys, rows[2].as_tensor()]];
        let found = heads.attend(&rows[0], &memory, &matrices, mode).unwrap().to_dtype(DType::F64).unwrap();
        found.sum_all().unwrap().to_scalar::<f64>().unwrap()
    };
    let slope = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
    let expected: f32 = along.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
    assert!((slope / f64::from(expected) - 1.0).abs() < 1e-2, "{slope} against {expected}");
}

/// A small model over the golden encoder, and its variables.
fn model(config: &DocreIiConfig) -> (DocreIi, Weights) {
    let mut given = read_weights(&encoder_folder(), &Device::Cpu).unwrap();
    given.retain(|name, _| name.starts_with("model."));
    let mut weights = Weights::given(given, "model.", 7, &Device::Cpu);
    let task = Task { encoder: &read_config(&encoder_folder()).unwrap(), n_classes: 97, most_labels: 4 };
    (DocreIi::new(&task, config, &mut weights).unwrap(), weights)
}

fn logits(model: &dyn Model, examples: &[Example]) -> Tensor {
    model.score(examples).unwrap().unwrap().logits
}

#[test]
fn without_iterations_the_model_is_its_base() {
    let examples = examples();
    let scores = model(&small(16)).0.score(&examples).unwrap().unwrap();
    let (base, weights) = model(&DocreIiConfig { iterations: 0, ..small(16) });
    assert!(weights.variables().keys().all(|name| !name.starts_with("inference")));
    let found = base.score(&examples).unwrap().unwrap();
    assert!(found.base.is_none() && found.changed.is_none());
    assert_eq!(distance(&found.logits, &scores.base.unwrap()), 0.0);
    assert!(distance(&found.logits, &scores.logits) > 0.1);
}

/// Drawn at random, the module orders a pair's relations nearly as the base does: what was learnt is not learnt anew.
#[test]
fn the_module_begins_as_its_base() {
    let examples = examples();
    for pair_feature in [PairFeature::Ffn, PairFeature::GroupedBilinear] {
        let config = DocreIiConfig { pair_feature, iterations: 1, ..small(64) };
        let scores = model(&config).0.score(&examples).unwrap().unwrap();
        let centred = |logits: Tensor| logits.broadcast_sub(&logits.mean_keepdim(1).unwrap()).unwrap();
        let [found, base] = [scores.logits, scores.base.unwrap()].map(centred);
        let alike = cosine(&found, &base).unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(alike > 0.5, "{pair_feature:?}: {alike}");
    }
}

#[test]
fn a_checkpoint_without_the_modules_classifier_is_refused() {
    let config = small(16);
    let variables = model(&config).1.variables().clone();
    let missing = "inference.classifier.bias";
    let given = variables.into_iter().filter(|(name, _)| name != missing);
    let given = given.map(|(name, variable)| (name, variable.as_detached_tensor())).collect();
    let encoder = read_config(&encoder_folder()).unwrap();
    let task = Task { encoder: &encoder, n_classes: 97, most_labels: 4 };
    let error = DocreIi::new(&task, &config, &mut Weights::given(given, "", 0, &Device::Cpu)).unwrap_err();
    assert!(error.to_string().contains(missing), "{error}");
}

#[test]
fn iterations_are_told_where_a_prediction_last_changed() {
    let examples = examples();
    let scores = [1, 2, 5].map(|iterations| {
        let (model, _) = model(&DocreIiConfig { iterations, ..small(16) });
        model.score(&examples).unwrap().unwrap()
    });
    let decoded = |logits: &Tensor| -> Vec<Vec<u32>> {
        let rows = logits.to_vec2::<f32>().unwrap();
        let set = |row: &Vec<f32>| crate::decode::decode(row, 4).iter().map(|found| found.class).collect();
        rows.iter()
            .map(set)
            .map(|mut set: Vec<u32>| {
                set.sort_unstable();
                set
            })
            .collect()
    };
    let (base, first) = (decoded(scores[0].base.as_ref().unwrap()), decoded(&scores[0].logits));
    let changed = scores[0].changed.as_ref().unwrap();
    assert!(changed.contains(&1));
    for ((base, first), changed) in base.iter().zip(&first).zip(changed) {
        assert_eq!(base != first, *changed == 1);
    }
    for (one, most) in scores.iter().zip([1, 2, 5]) {
        assert!(one.changed.as_ref().unwrap().iter().all(|iteration| *iteration <= most));
    }
    // A document that stops changing early is at rest: more iterations give the same.
    let settled = scores[1].changed.as_ref().unwrap().iter().all(|iteration| *iteration < 2);
    assert!(!settled || distance(&scores[1].logits, &scores[2].logits) < 1e-6);
}

#[test]
fn what_pairs_were_given_at_each_iteration_is_what_fewer_iterations_give() {
    let examples = examples();
    let most = 4;
    let scored = |iterations| model(&DocreIiConfig { iterations, ..small(16) }).0.score(&examples).unwrap().unwrap();
    let whole = scored(most as usize);
    assert!(whole.held.iter().any(|held| held.span.since == 0) && whole.held.iter().any(|held| held.span.since > 1));
    for iteration in 0..=most {
        let fewer = scored(iteration as usize);
        let mut expected = Vec::new();
        for (pair, logits) in (0..).zip(fewer.logits.to_vec2::<f32>().unwrap()) {
            let changed = fewer.changed.as_ref().map_or(0, |changed| changed[pair as usize]);
            let found = crate::decode::decode(&logits, 4);
            expected.extend(found.into_iter().map(|relation| (pair, changed, relation, logits[0])));
        }
        let then = whole.held.iter().filter(|held| (held.span.since..=held.span.until).contains(&iteration));
        let then: Vec<_> = then.map(|held| (held.pair, held.span.changed, held.relation, held.threshold)).collect();
        assert_eq!(then, expected, "{iteration}");
    }
}

/// Documents that ask about some pairs alone: heads are the even entities, tails the odd ones.
fn between_two_types(examples: &[Example]) -> (Vec<Example>, Vec<u32>) {
    let is_asked = |&(head, tail): &(u32, u32)| head % 2 == 0 && tail % 2 == 1;
    let of = |example: &Example| {
        let kept: Vec<usize> = (0..example.pairs.len()).filter(|&place| is_asked(&example.pairs[place])).collect();
        Example {
            pairs: kept.iter().map(|&place| example.pairs[place]).collect(),
            labels: kept.iter().map(|&place| example.labels[place].clone()).collect(),
            ..example.clone()
        }
    };
    let all = examples.iter().flat_map(|example| &example.pairs);
    let rows = (0..).zip(all).filter(|(_, pair)| is_asked(pair)).map(|(row, _)| row).collect();
    (examples.iter().map(of).collect(), rows)
}

/// Pairs meet in the matrix of all, whether they are asked about or not; what is said is said of those that are.
#[test]
fn pairs_are_inferred_over_whether_they_are_asked_about_or_not() {
    let examples = examples();
    let (asked, rows) = between_two_types(&examples);
    let config = DocreIiConfig { contrastive: Contrastive::Simclr, ..small(16) };
    let (model_of_all, _) = model(&config);
    let (whole, some) = (model_of_all.score(&examples).unwrap().unwrap(), model_of_all.score(&asked).unwrap().unwrap());
    let among = |all: &Tensor| all.index_select(&Tensor::new(rows.as_slice(), &Device::Cpu).unwrap(), 0).unwrap();
    assert!(distance(&some.logits, &among(&whole.logits)) < 1e-4);
    assert!(distance(some.base.as_ref().unwrap(), &among(whole.base.as_ref().unwrap())) < 1e-4);
    let changed = whole.changed.unwrap();
    assert_eq!(some.changed.unwrap(), rows.iter().map(|&row| changed[row as usize]).collect::<Vec<_>>());
    let held = whole.held.iter().filter_map(|held| {
        let place = rows.iter().position(|&row| row == held.pair)?;
        Some((place as u32, held.span, held.relation.class))
    });
    let expected: Vec<_> = held.collect();
    let found: Vec<_> = some.held.iter().map(|held| (held.pair, held.span, held.relation.class)).collect();
    assert!(!found.is_empty());
    assert_eq!(found, expected);
    check_chunks(&model_of_all, &asked);
    let lesson = Lesson { examples: &asked, progress: 0.0, teacher: None, attention: None, shared: Random::new(0) };
    let loss = model_of_all.loss(&lesson, &mut Random::new(1)).unwrap().unwrap().total().unwrap();
    assert!(loss.to_scalar::<f32>().unwrap().is_finite());
    // Among candidates alone two of the four axes are empty.
    let (of_candidates, _) = model(&DocreIiConfig { pairs: Pairs::Candidates, ..config });
    assert!(distance(&logits(&of_candidates, &asked), &some.logits) > 1e-2);
    assert_eq!(of_candidates.need(&asked[3]).pairs, asked[3].pairs.len() as u64);
    assert_eq!(model_of_all.need(&asked[3]).pairs, examples[3].pairs.len() as u64);
    // Who asks about nothing gets nothing.
    let nothing = [Example { pairs: Vec::new(), labels: Vec::new(), ..examples[0].clone() }];
    assert!(model_of_all.score(&nothing).unwrap().is_none());
}

/// Where a corpus asks about all pairs, as DocRED does, both settings are the same, to the bit.
#[test]
fn where_all_pairs_are_asked_about_none_is_added() {
    let examples = examples();
    for contrastive in [Contrastive::StopGradient, Contrastive::Simclr] {
        let found = [Pairs::All, Pairs::Candidates].map(|pairs| {
            let (model, weights) = model(&DocreIiConfig { pairs, contrastive, ..small(16) });
            let lesson =
                Lesson { examples: &examples, progress: 0.0, teacher: None, attention: None, shared: Random::new(0) };
            let loss = model.loss(&lesson, &mut Random::new(1)).unwrap().unwrap().total().unwrap();
            let grads = loss.backward().unwrap();
            let numbers = |x: &Tensor| -> Vec<u32> {
                x.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
            };
            let grads: Vec<Vec<u32>> =
                weights.variables().values().map(|variable| numbers(grads.get(variable).unwrap())).collect();
            (numbers(&loss), grads, numbers(&logits(&model, &examples)))
        });
        assert!(found[0] == found[1]);
    }
}

/// What another system gives the pairs of a document, the first of which is at this place.
type First<'f> = &'f dyn Fn(&Example, usize) -> Vec<(u32, u32, u32)>;

/// Another system's relations take the place of the base's predictions; its own change nothing.
#[test]
fn inference_may_begin_with_what_another_predicts() {
    let examples = examples();
    let (model, _) = model(&small(16));
    let usual = model.score(&examples).unwrap().unwrap();
    let begun_with = |first: First| {
        let mut firsts = 0;
        let with = |example: &Example| {
            let first = Some(first(example, firsts));
            firsts += example.pairs.len();
            Example { first, ..example.clone() }
        };
        let begun: Vec<Example> = examples.iter().map(with).collect();
        check_chunks(&model, &begun);
        model.score(&begun).unwrap().unwrap()
    };
    let own = begun_with(&|example: &Example, first: usize| {
        let here = usual.held.iter().filter(|held| held.span.since == 0);
        let here = here.filter(|held| (first..first + example.pairs.len()).contains(&(held.pair as usize)));
        let fact = |held: &crate::trace::Held| {
            let (head, tail) = example.pairs[held.pair as usize - first];
            (head, tail, held.relation.class)
        };
        here.map(fact).collect()
    });
    assert_eq!(distance(&own.logits, &usual.logits), 0.0);
    assert_eq!((&own.changed, &own.held), (&usual.changed, &usual.held));
    assert!(usual.held.iter().any(|held| held.span.since == 0));
    let others =
        begun_with(&|example: &Example, _| example.pairs.iter().map(|&(head, tail)| (head, tail, 7)).collect());
    assert!(distance(&others.logits, &usual.logits) > 1e-3);
    let of_first = others.held.iter().filter(|held| held.span.since == 0);
    assert!(
        of_first.clone().count() == usual.logits.dims()[0] && of_first.clone().all(|held| held.relation.class == 7)
    );
    // The base still says what it says.
    assert_eq!(distance(others.base.as_ref().unwrap(), usual.base.as_ref().unwrap()), 0.0);
}

#[test]
fn a_checkpoint_of_before_infers_over_its_candidates() {
    let read = |text: &str| ModelConfig::of_checkpoint(&mut serde_json::Deserializer::from_str(text)).unwrap();
    let pairs = |text: &str| match read(text) {
        ModelConfig::DocreIi(config) => config.pairs,
        other => panic!("{other:?}"),
    };
    assert_eq!(pairs(r#"{"kind": "docre-ii"}"#), Pairs::Candidates);
    assert_eq!(pairs(r#"{"kind": "docre-ii", "pairs": "all"}"#), Pairs::All);
    assert_eq!(DocreIiConfig::default().pairs, Pairs::All);
    assert!(matches!(read(r#"{"kind": "atlop"}"#), ModelConfig::Atlop(_)));
}

/// The same document with its entities in another order; `order` gives the old number of each new entity.
pub fn permuted(example: &Example, order: &[usize]) -> Example {
    let starts: Vec<usize> = example
        .n_mentions
        .iter()
        .scan(0, |next, count| {
            *next += count;
            Some(*next - count)
        })
        .collect();
    let new = |old: u32| order.iter().position(|&entity| entity == old as usize).unwrap() as u32;
    let mentions = order.iter().flat_map(|&old| &example.mentions[starts[old]..starts[old] + example.n_mentions[old]]);
    Example {
        mentions: mentions.copied().collect(),
        n_mentions: order.iter().map(|&old| example.n_mentions[old]).collect(),
        pairs: example.pairs.iter().map(|&(head, tail)| (new(head), new(tail))).collect(),
        ..example.clone()
    }
}

#[test]
fn the_order_of_entities_and_the_batch_do_not_matter() {
    let examples = examples();
    for attention in [Attention::ExtendedCross, Attention::Full] {
        let (model, _) = model(&DocreIiConfig { attention, ..small(16) });
        let together = logits(&model, &examples);
        let alone: Vec<Tensor> = examples.iter().map(|example| logits(&model, std::slice::from_ref(example))).collect();
        assert!(distance(&together, &Tensor::cat(&alone, 0).unwrap()) < 1e-4);
        let n_entities = examples[0].n_entities();
        let order: Vec<usize> = (0..n_entities).rev().collect();
        assert!(distance(&logits(&model, &[permuted(&examples[0], &order)]), &alone[0]) < 1e-4);
    }
}

#[test]
fn pairs_are_scored_in_chunks_alike() {
    let examples = examples();
    let (base, fusion) = (DocreIiConfig { iterations: 0, ..small(16) }, DocreIiConfig { fusion: false, ..small(16) });
    for config in [small(16), base, fusion, DocreIiConfig { attention: Attention::Full, ..small(16) }] {
        check_chunks(&model(&config).0, &examples);
    }
}

#[test]
fn absent_pairs_do_not_matter_to_others() {
    let whole = examples().swap_remove(0);
    let last = whole.n_entities() as u32 - 1;
    let mut cut = whole.clone();
    let n_kept = cut.mentions.len() - cut.n_mentions[last as usize];
    cut.mentions.truncate(n_kept);
    cut.n_mentions[last as usize] = 0;
    let mut without = cut.clone();
    without.pairs.retain(|&(head, tail)| head.max(tail) < last);
    without.labels.truncate(without.pairs.len());
    for attention in [Attention::ExtendedCross, Attention::Full] {
        let (model, _) = model(&DocreIiConfig { attention, ..small(16) });
        let (found, expected) =
            (logits(&model, std::slice::from_ref(&cut)), logits(&model, std::slice::from_ref(&without)));
        let kept: Vec<u32> =
            (0..).zip(&cut.pairs).filter(|(_, pair)| pair.0.max(pair.1) < last).map(|(row, _)| row).collect();
        let found = found.index_select(&Tensor::new(kept, &Device::Cpu).unwrap(), 0).unwrap();
        assert!(distance(&found, &expected) < 1e-4);
    }
}

#[test]
fn every_variable_learns() {
    let examples = &examples()[..3];
    let configs = [
        small(16),
        DocreIiConfig { pair_feature: PairFeature::GroupedBilinear, ..small(16) },
        DocreIiConfig { fusion: false, contrastive: Contrastive::Simclr, ..small(16) },
        DocreIiConfig { attention: Attention::Full, contrastive: Contrastive::None, ..small(16) },
    ];
    for config in configs {
        let (model, weights) = model(&config);
        let lesson = Lesson { examples, progress: 0.0, teacher: None, attention: None, shared: Random::new(0) };
        let loss = model.loss(&lesson, &mut Random::new(1)).unwrap().unwrap();
        assert_eq!(loss.auxiliary.is_none(), config.contrastive().is_none());
        let grads = loss.total().unwrap().backward().unwrap();
        for (name, variable) in weights.variables() {
            let grad = grads.get(variable).unwrap_or_else(|| panic!("{name}: no gradient"));
            let norm: f32 = grad.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
            // A bias of keys shifts all scores of a pair alike: its gradient is 0 but for rounding.
            assert!(norm.is_finite() && (norm > 0.0 || name.ends_with("key.bias")), "{config:?}: {name}: {norm}");
        }
        // The same random numbers, the same loss; others, another.
        let total = |seed| {
            let loss = model.loss(&lesson, &mut Random::new(seed)).unwrap().unwrap();
            loss.total().unwrap().to_scalar::<f32>().unwrap()
        };
        assert_eq!(total(1).to_bits(), total(1).to_bits());
        assert_ne!(total(1).to_bits(), total(2).to_bits());
    }
}

#[test]
fn noise_replaces_a_share_by_what_does_not_hold() {
    let gold: Vec<Vec<u32>> = (0..4000).map(|pair| if pair % 8 == 0 { vec![1, 3] } else { Vec::new() }).collect();
    let gold: Vec<&Vec<u32>> = gold.iter().collect();
    let found: Vec<Vec<u32>> = gold.iter().map(|classes| (*classes).clone()).collect();
    let noisy = |found: &[Vec<u32>], gold: &[&Vec<u32>], n_classes, share, seed| {
        let Told { sets, is_wrong } = noisy(found, gold, &Classes::all(n_classes), share, &mut Random::new(seed));
        assert!(found.iter().zip(&sets).zip(&is_wrong).all(|((old, new), is_wrong)| *is_wrong || old == new));
        sets
    };
    assert_eq!(noisy(&found, &gold, 6, 0.0, 1), found);
    let mut found_shares = Vec::new();
    for seed in 0..200 {
        let [share, _] = shares(NoiseOn::Predictions, 0.4, &mut Random::new(1000 + seed));
        let made = noisy(&found, &gold, 6, share, seed);
        let replaced =
            |given: bool| found.iter().zip(&made).filter(|(old, new)| old != new && old.is_empty() != given).count();
        for (old, new) in found.iter().zip(&made).filter(|(old, new)| old != new) {
            assert!(new.len() <= 1 && !new.iter().any(|class| old.contains(class) || *class == 0 || *class >= 6));
        }
        // 500 pairs have relations: of the others as many are given one.
        assert!(replaced(true).abs_diff(replaced(false)) < 60, "{} {}", replaced(true), replaced(false));
        found_shares.push(replaced(true) as f64 / 500.0);
    }
    let (mean, most) = (found_shares.iter().sum::<f64>() / 200.0, found_shares.iter().copied().fold(0.0, f64::max));
    assert!((mean - 0.2).abs() < 0.03 && most < 0.47 && most > 0.33, "{mean} {most}");
    // One class beside the threshold's: what does not hold is the other.
    let gold = [vec![1], Vec::new()];
    let swapped = noisy(&[vec![1], vec![]], &[&gold[0], &gold[1]], 2, 1e9, 3);
    assert_eq!(swapped, [vec![], vec![1]]);
}

#[test]
fn states_are_compared_by_their_angles() {
    let one = Tensor::new(&[[1f32, 0.0], [3.0, 4.0]], &Device::Cpu).unwrap();
    let other = Tensor::new(&[[0f32, 2.0], [6.0, 8.0]], &Device::Cpu).unwrap();
    let cosines = cosine(&one, &other).unwrap().to_vec1::<f32>().unwrap();
    assert!(cosines[0].abs() < 1e-6 && (cosines[1] - 1.0).abs() < 1e-6);
    // Cosines by ten: (0, 6) of the first row, (8, 10) of the second; by columns (0, 8) and (6, 10).
    let found = among_others(&one, &other, 0.1).unwrap().to_vec1::<f32>().unwrap();
    let lse = |a: f32, b: f32| (a.exp() + b.exp()).ln();
    let expected = [f32::midpoint(lse(0.0, 6.0), lse(0.0, 8.0)), f32::midpoint(lse(8.0, 10.0), lse(6.0, 10.0)) - 10.0];
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "expected {expected}, got {found}");
    }
}

#[test]
fn configurations_are_read_strictly_and_checked() {
    let read = |text: &str| serde_json::from_str::<ModelConfig>(text);
    let ModelConfig::DocreIi(config) = read(r#"{"kind": "docre-ii"}"#).unwrap() else { panic!("another model") };
    assert_eq!(config, DocreIiConfig::default());
    assert_eq!((config.iterations, config.layers, config.heads, config.embedding), (3, 2, 4, 768));
    let all = r#"{"kind": "docre-ii", "K": 0, "N_I": 1, "fusion": false, "attention": "full", "contrastive": "simclr",
        "pair_feature": "grouped-bilinear", "noise": 0.1}"#;
    assert_eq!(read(all).unwrap().base(), None);
    assert!(
        read(r#"{"kind": "docre-ii", "K": -1}"#)
            .unwrap_err()
            .to_string()
            .contains("`K`: expected a whole number of 0 or more, got integer `-1`")
    );
    assert!(read(r#"{"kind": "docre-ii", "k": 1}"#).unwrap_err().to_string().contains("unknown field `k`"));
    assert!(read(r#"{"kind": "docre-ii", "attention": "none"}"#).unwrap_err().to_string().contains("`extended-cross`"));
    let fault = |config: DocreIiConfig| ModelConfig::DocreIi(config).check().unwrap_err();
    let none = fault(DocreIiConfig { layers: 0, ..DocreIiConfig::default() });
    assert_eq!(none, "`N_I`: expected at least 1, got 0; for the base alone set `K` to 0");
    for heads in [0, 6, 10, 20] {
        let error = fault(DocreIiConfig { heads, embedding: 90, ..DocreIiConfig::default() });
        assert_eq!(error, format!("`heads`: expected a multiple of 4 that divides the embedding of 90, got {heads}"));
    }
    assert_eq!(fault(DocreIiConfig { noise: 1.5, ..DocreIiConfig::default() }), "`noise`: expected 0 to 1, got 1.5");
    let base = ModelConfig::DocreIi(DocreIiConfig::default()).base().unwrap();
    assert_eq!(base, ModelConfig::DocreIi(DocreIiConfig { iterations: 0, ..DocreIiConfig::default() }));
}
