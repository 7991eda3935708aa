//! Evidence: what its losses are and which way they lead, against plain arithmetic over a document's attention.

use candle_core::{DType, Device, Tensor};
use encoder::{EncoderConfig, Input};
use ground::random::Random;
use nn::{Mode, Weights};

use super::batches::{documents, models};
use super::{distance, example};
use crate::all_pairs::AllPairs;
use crate::atlop::AtlopConfig;
use crate::docre_ii::DocreIiConfig;
use crate::docre_sd::DocreSdConfig;
use crate::evidence::Taught;
use crate::example::Example;
use crate::predict::{Budget, Found, LEAST_SHARE, predict_traced};
use crate::{Lesson, Loss, Model, ModelConfig, Task};

/// The same model where that teaches it evidence.
fn taught_by(config: ModelConfig, Taught { evidence, attention }: Taught) -> ModelConfig {
    let (evidence_weight, attention_weight) = (evidence, attention);
    match config {
        ModelConfig::Atlop(config) => ModelConfig::Atlop(AtlopConfig { evidence_weight, attention_weight, ..config }),
        ModelConfig::DocreIi(config) => {
            ModelConfig::DocreIi(DocreIiConfig { evidence_weight, attention_weight, ..config })
        }
        ModelConfig::DocreSd(config) => {
            ModelConfig::DocreSd(DocreSdConfig { evidence_weight, attention_weight, ..config })
        }
    }
}

/// The same model where gold evidence teaches it.
fn taught(config: ModelConfig, evidence: f64) -> ModelConfig {
    taught_by(config, Taught { evidence, attention: 0.0 })
}

/// The same model where a teacher shows it where to look.
fn attentive(config: ModelConfig, attention: f64) -> ModelConfig {
    taught_by(config, Taught { evidence: 0.0, attention })
}

/// A model in a type over an encoder of 64 positions, nothing dropped.
fn model(config: &ModelConfig, kind: DType) -> (Box<dyn Model>, Weights) {
    build(config, kind, 7)
}

fn build(config: &ModelConfig, kind: DType, seed: u64) -> (Box<dyn Model>, Weights) {
    let small = EncoderConfig::small(1100, 16, 2, 4);
    let (hidden_dropout_prob, attention_probs_dropout_prob) = (0.0, 0.0);
    let encoder =
        EncoderConfig { max_position_embeddings: 64, hidden_dropout_prob, attention_probs_dropout_prob, ..small };
    let mut weights = Weights::fresh(seed, &Device::Cpu).computing_in(kind);
    let model = config.build(&Task { encoder: &encoder, n_classes: 12, most_labels: 4 }, &mut weights).unwrap();
    (model, weights)
}

fn lesson(examples: &[Example]) -> Lesson<'_> {
    Lesson { examples, progress: 0.5, teacher: None, attention: None, shared: Random::new(5) }
}

/// Documents of some sentences, the last of which may be cut off, with evidence for some pairs: of none, of some that are
/// cut off, of entities that are.
fn supported() -> Vec<Example> {
    let mut random = Random::new(3);
    let mut documents = documents();
    for (place, example) in documents.iter_mut().enumerate() {
        let last = example.ids.len() as u32 - 1;
        let n_sentences = 2 + place as u32 % 4;
        example.sentences = (0..n_sentences).map(|sentence| 1 + sentence * (last - 1) / n_sentences).collect();
        if place % 3 == 0 {
            example.sentences.push(last);
        }
        let n_sentences = example.sentences.len();
        for &pair in &example.pairs {
            if random.chance(0.4) {
                let mut sentences: Vec<u32> = (0..=random.below(3)).map(|_| random.below(n_sentences) as u32).collect();
                sentences.sort_unstable();
                sentences.dedup();
                example.evidence.push((pair, sentences));
            }
        }
        // Of a pair that nobody asks about.
        example.evidence.push(((0, 0), vec![0]));
    }
    documents
}

/// The mean attention of an entity's mentions, `(heads, pieces)`; `None` where it has none.
fn of_entity(shares: &Tensor, example: &Example, entity: u32, both: bool) -> Option<Tensor> {
    let (entity, n) = (entity as usize, example.mentions.len());
    let first: usize = example.n_mentions[..entity].iter().sum();
    let of_starts = first..first + example.n_mentions[entity];
    let rows: Vec<usize> =
        if both { of_starts.clone().chain(of_starts.map(|row| n + row)).collect() } else { of_starts.collect() };
    let rows: Vec<Tensor> = rows.iter().map(|&row| shares.get(row).unwrap()).collect();
    (!rows.is_empty()).then(|| Tensor::stack(&rows, 0).unwrap().mean(0).unwrap())
}

/// Whether entities are what both markers are, and whether products of their attentions are added up.
fn ways(config: &ModelConfig) -> [bool; 2] {
    let both = config.reads().1 == crate::pair::Mentions::Both;
    [both, format!("{config:?}").contains("pair_feature: Released")]
}

/// What the encoder attends to from mentions, `(heads, pieces)` each; `None` where there are none.
fn attention(model: &dyn Model, example: &Example, both: bool) -> Option<Tensor> {
    let rows = if both { [&*example.mentions, &example.mention_ends].concat() } else { example.mentions.clone() };
    let input = Input { ids: &example.ids, rows: &rows };
    let encoded = model.encoder().encode(&[input], &mut Mode::Evaluate).unwrap();
    encoded.attention.first().map(|attention| attention.shares.get(0).unwrap())
}

/// What the context of a pair is made of, `(pieces)`; `None` where an entity is not there.
fn of_pair(shares: &Tensor, example: &Example, pair: (u32, u32), [both, released]: [bool; 2]) -> Option<Tensor> {
    let [head, tail] = [pair.0, pair.1].map(|entity| of_entity(shares, example, entity, both));
    let joint = (head? * tail?).unwrap();
    let joint = if released { joint.sum(0).unwrap() } else { joint.mean(0).unwrap() };
    Some(joint.broadcast_div(&(joint.sum_all().unwrap() + 1e-5).unwrap()).unwrap())
}

/// The loss and of how many pairs it is the mean, pair by pair and sentence by sentence.
fn naive(model: &dyn Model, config: &ModelConfig, examples: &[Example]) -> (Tensor, usize) {
    let ways = ways(config);
    let (mut sum, mut n_pairs): (Option<Tensor>, usize) = (None, 0);
    for example in examples {
        let Some(shares) = attention(model, example, ways[0]) else { continue };
        let last = example.ids.len() - 1;
        let end = |sentence: usize| example.sentences.get(sentence + 1).map_or(last, |&next| next as usize);
        for (pair, sentences) in &example.evidence {
            let q = of_pair(&shares, example, *pair, ways);
            let gold = sentences.iter().map(|&sentence| sentence as usize);
            let gold: Vec<usize> =
                gold.filter(|&sentence| (example.sentences[sentence] as usize) < end(sentence)).collect();
            let (Some(q), true) = (q, example.pairs.contains(pair) && !gold.is_empty()) else {
                continue;
            };
            let share = 1.0 / gold.len() as f64;
            for sentence in gold {
                let first = example.sentences[sentence] as usize;
                let of_sentence = q.narrow(0, first, end(sentence) - first).unwrap().sum_all().unwrap();
                let log = (of_sentence + 1e-10).unwrap().log().unwrap();
                let added = ((share.ln() - log).unwrap() * share).unwrap();
                sum = Some(sum.map_or_else(|| added.clone(), |sum| (sum + &added).unwrap()));
            }
            n_pairs += 1;
        }
    }
    ((sum.unwrap() / n_pairs as f64).unwrap(), n_pairs)
}

/// That two losses and their gradients are the same.
fn assert_same(config: &ModelConfig, weights: &Weights, [found, expected]: [&Tensor; 2]) {
    let [number, wanted] =
        [found, expected].map(|loss| f64::from(loss.to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap()));
    assert!((number - wanted).abs() < 1e-4, "{config:?}: {number} for {wanted}");
    let [found, expected] = [found, expected].map(|loss| loss.backward().unwrap());
    let mut n_learnt = 0;
    for (name, variable) in weights.variables() {
        let Some(expected) = expected.get(variable) else {
            assert!(found.get(variable).is_none(), "{config:?}: {name}");
            continue;
        };
        let scale: f32 = expected.abs().unwrap().max_all().unwrap().to_scalar().unwrap();
        let off = distance(found.get(variable).unwrap(), expected);
        let rounded = name.ends_with("key.bias");
        assert!(off <= 1e-3 * scale || rounded, "{config:?}: {name}: {off} of {scale}");
        n_learnt += usize::from(scale > 0.0);
    }
    assert!(n_learnt > 10, "{n_learnt}");
}

#[test]
fn the_loss_and_its_gradient_are_those_of_plain_arithmetic() {
    let examples = supported();
    for config in models().into_iter().map(|config| taught(config, 0.3)) {
        for kind in [DType::F32, DType::F64] {
            let (model, weights) = model(&config, kind);
            let found = model.loss(&lesson(&examples), &mut Random::new(1)).unwrap().unwrap().evidence.unwrap();
            let (expected, n_pairs) = naive(&*model, &config, &examples);
            assert_eq!(model.n_taught(&examples), n_pairs);
            assert_same(&config, &weights, [&found, &(expected * 0.3).unwrap()]);
        }
    }
}

/// The mean over all pairs of what a model's context lacks of a teacher's, piece by piece.
fn naive_of_teacher([model, teacher]: [(&dyn Model, &ModelConfig); 2], examples: &[Example]) -> Tensor {
    let (mut sum, mut n_pairs): (Option<Tensor>, usize) = (None, 0);
    for example in examples {
        let of = |(model, config): (&dyn Model, &ModelConfig)| attention(model, example, ways(config)[0]);
        let [own, shown] = [of(model), of(teacher)];
        for &pair in &example.pairs {
            n_pairs += 1;
            let of = |shares: &Option<Tensor>, config| of_pair(shares.as_ref()?, example, pair, ways(config));
            let (Some(own), Some(shown)) = (of(&own, model.1), of(&shown, teacher.1)) else { continue };
            let shown = shown.to_dtype(own.dtype()).unwrap().detach();
            let log = |shares: &Tensor| (shares + 1e-10).unwrap().log().unwrap();
            let apart = (&shown * (log(&shown) - log(&own)).unwrap()).unwrap().sum_all().unwrap();
            sum = Some(sum.map_or_else(|| apart.clone(), |sum| (sum + &apart).unwrap()));
        }
    }
    (sum.unwrap() / n_pairs as f64).unwrap()
}

#[test]
fn pairs_that_are_only_met_teach_no_evidence() {
    let mut example = supported().swap_remove(2);
    assert!(example.evidence.iter().filter(|(pair, _)| example.pairs.contains(pair)).count() > 1);
    let asked = example.evidence[0].0;
    (example.pairs, example.labels) = (vec![asked], vec![Vec::new()]);
    let examples = [example];
    let all = AllPairs::of(&examples);
    assert!(all.examples[0].pairs.len() > 1);
    assert!(all.examples[0].evidence.iter().all(|(pair, _)| *pair == asked));
}

#[test]
fn a_teachers_attention_teaches_as_plain_arithmetic_says() {
    let examples = supported();
    let longest = examples.iter().map(|example| example.ids.len()).max().unwrap();
    let n_pairs: usize = examples.iter().map(|example| example.pairs.len()).sum();
    let configs = models();
    for (config, of_teacher) in configs.iter().zip(configs.iter().cycle().skip(1)) {
        let (teacher, _) = build(of_teacher, DType::F32, 8);
        let shown = teacher.attention(&examples).unwrap().unwrap();
        assert_eq!((shown.dims(), shown.dtype()), ([n_pairs, longest].as_slice(), DType::F32));
        for kind in [DType::F32, DType::F64] {
            let (model, weights) = model(&attentive(config.clone(), 0.3), kind);
            let auxiliary = |attention: Tensor| {
                let lesson = Lesson { attention: Some(attention), ..lesson(&examples) };
                let loss = model.loss(&lesson, &mut Random::new(1)).unwrap().unwrap();
                assert!(loss.evidence.is_none() && model.n_taught(&examples) == 0);
                loss.auxiliary.unwrap()
            };
            let expected = naive_of_teacher([(&*model, config), (&*teacher, of_teacher)], &examples);
            // Of a teacher that looks nowhere nothing is learnt: what else is auxiliary is left.
            let others = auxiliary(shown.zeros_like().unwrap());
            let expected = (expected.to_dtype(others.dtype()).unwrap() * 0.3).unwrap();
            assert!(expected.to_dtype(DType::F32).unwrap().to_scalar::<f32>().unwrap() > 1e-3);
            assert_same(config, &weights, [&auxiliary(shown.clone()), &(others + expected).unwrap()]);
            let alone = model.loss(&lesson(&examples), &mut Random::new(1)).unwrap_err().to_string();
            assert!(alone.starts_with("expected the attention of a teacher, found none"), "{alone}");
        }
    }
}

#[test]
fn what_is_not_taught_is_not_there_and_leaves_the_rest_as_it_is() {
    let examples = supported();
    let bare: Vec<Example> = examples
        .iter()
        .map(|example| Example { sentences: Vec::new(), evidence: Vec::new(), ..example.clone() })
        .collect();
    for config in models() {
        let losses = |config: &ModelConfig, examples: &[Example]| {
            let (model, weights) = model(config, DType::F32);
            let loss = model.loss(&lesson(examples), &mut Random::new(1)).unwrap().unwrap();
            let scores = model.score(examples).unwrap().unwrap();
            (loss, scores, model.n_taught(examples), weights)
        };
        let (without, scores, n_taught, weights) = losses(&config, &examples);
        let (plain, plain_scores, _, plain_weights) = losses(&config, &bare);
        let (with, taught_scores, ..) = losses(&taught(config.clone(), 0.3), &examples);
        assert!(without.evidence.is_none() && scores.sentences.is_none() && n_taught == 0);
        assert!(with.evidence.is_some() && taught_scores.sentences.is_some());
        let bits = |tensor: &Tensor| {
            let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        for other in [&plain, &with] {
            assert_eq!(bits(&without.threshold), bits(&other.threshold), "{config:?}");
            assert_eq!(without.auxiliary.as_ref().map(bits), other.auxiliary.as_ref().map(bits), "{config:?}");
        }
        for other in [&plain_scores, &taught_scores] {
            assert_eq!(bits(&scores.logits), bits(&other.logits), "{config:?}");
        }
        let grads = |loss: &Loss| loss.shared([0.5, 0.25, 0.7]).unwrap().backward().unwrap();
        let (found, expected) = (grads(&without), grads(&plain));
        for ((name, variable), (_, other)) in weights.variables().iter().zip(plain_weights.variables()) {
            assert_eq!(found.get(variable).map(bits), expected.get(other).map(bits), "{config:?}: {name}");
        }
    }
}

#[test]
fn evidence_that_is_learnt_is_found() {
    // Two entities meet in two of four sentences; the others are about each by itself.
    let config = taught(models().remove(0), 1.0);
    let (model, weights) = model(&config, DType::F32);
    let mut example = Example { sentences: vec![1, 11, 21, 31], ..example(0) };
    example.evidence = vec![((0, 1), vec![2]), ((1, 2), vec![0, 3])];
    let options = nn::optimizer::AdamOptions::default();
    let group = |_: &str| Some(nn::optimizer::Group { rate: 0.01, decay: 0.0 });
    let mut adam = nn::optimizer::AdamW::new(weights.variables(), group, options).unwrap();
    for _ in 0..60 {
        let loss = model.loss(&lesson(std::slice::from_ref(&example)), &mut Random::new(1)).unwrap().unwrap();
        adam.step(&loss.evidence.unwrap().backward().unwrap(), 1.0).unwrap();
    }
    let shares = model.score(std::slice::from_ref(&example)).unwrap().unwrap().sentences.unwrap();
    let of = |pair: (u32, u32)| {
        let place = example.pairs.iter().position(|other| *other == pair).unwrap();
        shares.get(place).unwrap().to_vec1::<f32>().unwrap()
    };
    assert!(of((0, 1))[2] > 0.8, "{:?}", of((0, 1)));
    let both = of((2, 1));
    assert!(both[0].min(both[3]) > 0.25 && both[1] + both[2] < 0.2, "{both:?}");
}

/// In chunks, in batches and alone; of pairs of which nothing is predicted nothing is told.
#[test]
fn shares_are_those_of_their_pairs_however_many_are_scored_together() {
    let documents: Vec<Example> =
        supported().into_iter().filter(|document| !document.pairs.is_empty() && document.pairs.len() < 15).collect();
    let workers = ground::workers::Workers::new().unwrap();
    for config in models().into_iter().map(|config| taught(config, 0.3)) {
        let (model, _) = model(&config, DType::F32);
        let wanted = crate::decode::Wanted::within(0.05);
        let found = |pairs, pieces| {
            predict_traced(&workers, &*model, documents.clone(), wanted, Budget { pieces, pairs }).unwrap()
        };
        let (few, many): (Vec<Found>, Vec<Found>) = (found(3, 1), found(100_000, 100_000));
        for ((document, few), many) in documents.iter().zip(&few).zip(&many) {
            let all = model.score(std::slice::from_ref(document)).unwrap().unwrap();
            let rows = all.sentences.unwrap().to_vec2::<f32>().unwrap();
            let predicted = |pair: (u32, u32)| {
                many.predictions.iter().any(|found| (found.head, found.tail) == pair)
                    || many.given.iter().any(|given| (given.prediction.head, given.prediction.tail) == pair)
            };
            let mut expected = Vec::new();
            for (&pair, row) in document.pairs.iter().zip(&rows).filter(|(pair, _)| predicted(**pair)) {
                assert!(row.iter().sum::<f32>() < 1.0001);
                let told = (0..).zip(row).filter(|(_, share)| **share >= LEAST_SHARE);
                expected.extend(told.map(|(sentence, share)| (pair.0, pair.1, sentence, *share)));
            }
            for found in [few, many] {
                assert_eq!(found.sentences.len(), expected.len(), "{config:?}");
                for (found, expected) in found.sentences.iter().zip(&expected) {
                    assert_eq!((found.head, found.tail, found.sentence), (expected.0, expected.1, expected.2));
                    assert!((found.share - expected.3).abs() < 1e-5);
                }
            }
        }
    }
}
