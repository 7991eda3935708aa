//! Every model in every type and on every device that it may compute with, beside 32 bits on the CPU: what it learns and
//! what it scores.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};
use docre::encoder::EncoderConfig;
use docre::ground::random::Random;
use docre::model::atlop::AtlopConfig;
use docre::model::base::{PairBase, PairFeature, Shape};
use docre::model::decode::decode;
use docre::model::docre_ii::{Attention, Contrastive, DocreIiConfig, Embed, Logits, Memory};
use docre::model::docre_sd::{Distillation, DocreSdConfig};
use docre::model::evidence::Taught;
use docre::model::example::Example;
use docre::model::pair::Mentions;
use docre::model::recipe::Recipe;
use docre::model::{Lesson, ModelConfig, Scores, Task};
use docre::nn::optimizer::{AdamOptions, AdamW, Group};
use docre::nn::{Mode, Weights};
use serde_json::json;

use crate::atlop::{WAYS, Way};

const CLASSES: usize = 5;
const MOST_LABELS: usize = 2;
const WIDTH: usize = 16;
const POSITIONS: usize = 48;
/// The pieces with which mentions begin tell of which of two sorts an entity is.
const SORTS: [u32; 2] = [7, 8];
/// Steps of the base, then of the whole.
const STEPS: [usize; 2] = [50, 12];

/// How far a way may lie from 32 bits on the CPU, as shares: of a loss, of all gradients, of a variable's gradient, of
/// all scores.
pub struct Bounds {
    pub loss: f64,
    pub whole: f64,
    /// Of each gradient's own length, unless it is off by less than this rounding of the length of all.
    pub gradient: f64,
    pub rounding: f64,
    pub score: f64,
}

/// Where no type has less than 32 bits.
pub const SAME: Bounds = Bounds { loss: 1e-4, whole: 1e-3, gradient: 1e-2, rounding: 1e-7, score: 1e-3 };
/// Where products are in 16 bits, 8 of them mantissa.
pub const NEAR: Bounds = Bounds { loss: 1e-2, whole: 5e-2, gradient: 2.5e-1, rounding: 1.0 / 512.0, score: 2e-2 };

/// Models of all kinds, each part and each way of learning in one of them at least.
fn configs() -> Vec<ModelConfig> {
    use Attention::Full;
    use PairFeature::{GroupedBilinear, Released};
    let ii = DocreIiConfig { embedding: WIDTH, block: 4, ..DocreIiConfig::default() };
    let sd = DocreSdConfig { embedding: WIDTH, block: 4, curriculum: false, ..DocreSdConfig::default() };
    let of_ii = [
        ii.clone(),
        DocreIiConfig { iterations: 0, pair_feature: GroupedBilinear, ..ii.clone() },
        DocreIiConfig { pair_feature: GroupedBilinear, contrastive: Contrastive::Simclr, ..ii.clone() },
        DocreIiConfig { fusion: false, contrastive: Contrastive::Simclr, heads: 8, ..ii.clone() },
        DocreIiConfig { memory: Memory::Own, embed: Embed::Argmax, ..ii.clone() },
        DocreIiConfig { embedding: WIDTH, block: 4, averaged_layers: 2, ..DocreIiConfig::from(Recipe::Released) },
        DocreIiConfig { attention: Full, contrastive: Contrastive::None, ..ii.clone() },
        DocreIiConfig { attention: Full, fusion: false, pair_feature: GroupedBilinear, ..ii.clone() },
        DocreIiConfig {
            pair_feature: Released,
            averaged_layers: 2,
            mentions: Mentions::Both,
            inference_width: Some(WIDTH / 2),
            logits: Logits::Sum,
            ..ii
        },
    ];
    let of_sd = [
        sd.clone(),
        DocreSdConfig { moving_average: true, pair_feature: GroupedBilinear, ..sd.clone() },
        DocreSdConfig { moving_average: true, highway: true, ..sd.clone() },
        DocreSdConfig { distillation: Distillation::RDrop, highway: true, pair_feature: GroupedBilinear, ..sd.clone() },
        DocreSdConfig { distillation: Distillation::None, ..sd.clone() },
        DocreSdConfig { distillation: Distillation::Teacher, ..sd.clone() },
        DocreSdConfig { pair_feature: Released, averaged_layers: 2, mentions: Mentions::Both, highway: true, ..sd },
    ];
    let atlop = ModelConfig::Atlop(AtlopConfig { embedding: WIDTH, block: 4, ..AtlopConfig::default() });
    let others = of_ii.map(ModelConfig::DocreIi).into_iter().chain(of_sd.map(ModelConfig::DocreSd));
    std::iter::once(atlop).chain(others).collect()
}

/// A small encoder of each way to count positions, without dropout.
fn encoders() -> [EncoderConfig; 2] {
    ["bert", "roberta"].map(|family| {
        let padding = usize::from(family == "roberta");
        let positions = if padding == 1 { POSITIONS + 2 } else { POSITIONS };
        let config = json!({
            "model_type": family, "vocab_size": 60, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 32, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
            "max_position_embeddings": positions, "type_vocab_size": 2, "pad_token_id": padding,
        });
        serde_json::from_value(config).unwrap()
    })
}

/// A document of some entities and pieces; each entity is of a sort. Relation 1 leads from the first sort to the second,
/// relation 2 back, relation 3 within the second.
fn document(place: u64, n_entities: u32, n_pieces: usize) -> Example {
    let mut random = Random::new(place);
    let mut ids: Vec<u32> = (0..n_pieces).map(|_| 10 + random.below(50) as u32).collect();
    let n_mentions: Vec<usize> = (0..n_entities).map(|_| 1 + random.below(2)).collect();
    let sorts: Vec<usize> = (0..n_entities).map(|entity| (entity as usize + random.below(2)) % 2).collect();
    let mut places: Vec<u32> = (1..n_pieces as u32 - 1).collect();
    random.shuffle(&mut places);
    let mentions = places[..n_mentions.iter().sum()].to_vec();
    let of_mentions = n_mentions.iter().zip(&sorts).flat_map(|(count, sort)| std::iter::repeat_n(sort, *count));
    mentions.iter().zip(of_mentions).for_each(|(mention, sort)| ids[*mention as usize] = SORTS[*sort]);
    let pairs = (0..n_entities).flat_map(|head| (0..n_entities).map(move |tail| (head, tail)));
    let pairs: Vec<(u32, u32)> = pairs.filter(|(head, tail)| head != tail).collect();
    let label = |&(head, tail): &(u32, u32)| match (sorts[head as usize], sorts[tail as usize]) {
        (0, 1) => vec![1],
        (1, 0) => vec![2],
        (1, 1) => vec![3],
        _ => Vec::new(),
    };
    let labels = pairs.iter().map(label).collect();
    Example { doc_id: format!("{place}").into(), ids, mentions, n_mentions, pairs, labels, ..Example::default() }
}

/// Documents of different lengths: one longer than the encoder's positions, one without pairs, one that asks for some of
/// them only and has lost all mentions of an entity.
fn documents() -> Vec<Example> {
    let mut cut = document(4, 6, 40);
    let lost = cut.n_mentions[5];
    cut.mentions.truncate(cut.mentions.len() - lost);
    cut.n_mentions[5] = 0;
    let kept: Vec<bool> = cut.pairs.iter().map(|(head, tail)| (head + 2 * tail) % 4 != 0).collect();
    let mut keep = kept.iter();
    cut.pairs.retain(|_| *keep.next().unwrap());
    let mut keep = kept.iter();
    cut.labels.retain(|_| *keep.next().unwrap());
    let mut empty = document(3, 3, 20);
    (empty.pairs, empty.labels) = (Vec::new(), Vec::new());
    let mut all = vec![document(1, 3, 17), document(2, 6, 2 * POSITIONS + 9), empty, cut, document(5, 5, 33)];
    for example in &mut all {
        let last = example.ids.len() as u32 - 1;
        example.mention_ends = example.mentions.iter().map(|start| last.min(start + 2)).collect();
    }
    all
}

/// The variables of a model that has learnt the documents in 32 bits on the CPU, its base first: what it predicts does
/// not hang on a bit.
fn learnt(config: &ModelConfig, encoder: &EncoderConfig, examples: &[Example]) -> BTreeMap<String, Tensor> {
    let base = config.base().map(|base| learn(&base, encoder, examples, BTreeMap::new(), STEPS[0]));
    let steps = if base.is_some() { STEPS[1] } else { STEPS[0] };
    learn(config, encoder, examples, base.unwrap_or_default(), steps)
}

fn learn(
    config: &ModelConfig,
    encoder: &EncoderConfig,
    examples: &[Example],
    given: BTreeMap<String, Tensor>,
    steps: usize,
) -> BTreeMap<String, Tensor> {
    // No name begins so: what is not given is drawn.
    let mut weights = Weights::given(given, "-", 1, &Device::Cpu);
    let model = config.build(&task(encoder), &mut weights).unwrap();
    let group = |name: &str| (!name.starts_with("average.")).then_some(Group { rate: 5e-3, decay: 0.0 });
    let mut adam = AdamW::new(weights.variables(), group, AdamOptions::default()).unwrap();
    for step in 0..steps {
        let (teacher, shared) = (teacher(config, examples, &Device::Cpu), Random::new(step as u64));
        let lesson = Lesson { examples, progress: 1.0, teacher, attention: None, shared };
        let loss = model.loss(&lesson, &mut Random::new(step as u64)).unwrap().unwrap().total().unwrap();
        adam.step(&loss.backward().unwrap(), 1.0 - step as f64 / steps as f64).unwrap();
        model.follow().unwrap();
    }
    let values = weights.variables().iter();
    values.map(|(name, variable)| (name.clone(), variable.as_detached_tensor().copy().unwrap())).collect()
}

fn task(encoder: &EncoderConfig) -> Task<'_> {
    Task { encoder, n_classes: CLASSES, most_labels: MOST_LABELS }
}

/// Logits of all pairs from somewhere else, where the model learns from a teacher.
fn teacher(config: &ModelConfig, examples: &[Example], device: &Device) -> Option<Tensor> {
    let n_pairs: usize = examples.iter().map(|example| example.pairs.len()).sum();
    let mut random = Random::new(9);
    let logits: Vec<f32> = (0..n_pairs * CLASSES).map(|_| random.normal() as f32).collect();
    config.has_teacher().then(|| Tensor::from_vec(logits, (n_pairs, CLASSES), device).unwrap())
}

/// Each pair's relations, when they last changed, and each that was held with its pair and its first and last iteration.
type Given = (Vec<Vec<u32>>, Option<Vec<u32>>, Vec<[u32; 4]>);

/// What a model learns and scores.
struct Found {
    losses: [f64; 2],
    gradients: BTreeMap<String, Vec<f64>>,
    scores: Scores,
}

impl Found {
    fn new(
        config: &ModelConfig,
        encoder: &EncoderConfig,
        learnt: &BTreeMap<String, Tensor>,
        examples: &[Example],
        way: &Way,
    ) -> Self {
        let mut weights = Weights::given(learnt.clone(), "", 0, &way.device).computing_in(way.computing);
        let model = config.build(&task(encoder), &mut weights).unwrap();
        // What it knows it learns no more: other labels, and the gradients are great.
        let mut other = examples.to_vec();
        for labels in other.iter_mut().map(|example| &mut example.labels).filter(|labels| !labels.is_empty()) {
            labels.rotate_right(1);
        }
        let teacher = teacher(config, &other, &way.device);
        let lesson = Lesson { examples: &other, progress: 1.0, teacher, attention: None, shared: Random::new(1) };
        let loss = model.loss(&lesson, &mut Random::new(1)).unwrap().unwrap();
        let grads = loss.total().unwrap().backward().unwrap();
        let learning = weights.variables().iter().filter(|(name, _)| !name.starts_with("average."));
        let gradients = learning.map(|(name, variable)| {
            let grad = grads.get(variable).unwrap_or_else(|| panic!("{config:?}: {name}: no gradient"));
            assert_eq!(grad.dtype(), DType::F32, "{config:?}: {name}");
            (name.clone(), numbers(grad))
        });
        let threshold = numbers(&loss.threshold)[0];
        let auxiliary = loss.auxiliary.as_ref().map_or(0.0, |auxiliary| numbers(auxiliary)[0]);
        Self {
            losses: [threshold, auxiliary],
            gradients: gradients.collect(),
            scores: model.score(examples).unwrap().unwrap(),
        }
    }

    /// Which relations each pair is given, by the base and by the whole, and how that came about.
    fn relations(&self) -> Given {
        let logits = self.scores.base.iter().chain([&self.scores.logits]);
        let rows = logits.flat_map(|logits| logits.to_device(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap());
        let found = rows.map(|row| decode(&row, MOST_LABELS).iter().map(|relation| relation.class).collect());
        let held = self.scores.held.iter();
        let held = held.map(|held| [held.pair, held.relation.class, held.span.since, held.span.until]);
        (found.collect(), self.scores.changed.clone(), held.collect())
    }
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// How far numbers lie from others, as a share of their length; they are finite.
pub fn apart(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    norm(found.iter().zip(expected).map(|(found, expected)| found - expected)) / norm(expected.iter().copied())
}

/// What a model learns and scores in a way lies within these bounds of what it does in 32 bits on the CPU.
fn check_model(config: &ModelConfig, encoder: &EncoderConfig, ways: &[(&Way, &Bounds)]) {
    let examples = documents();
    let learnt = learnt(config, encoder, &examples);
    let found = |way| Found::new(config, encoder, &learnt, &examples, way);
    let expected = found(&WAYS[0]);
    let sets: BTreeSet<Vec<u32>> = expected.relations().0.into_iter().collect();
    assert!(sets.len() > 2, "{config:?}: nothing learnt: {sets:?}");
    for (way, bounds) in ways {
        let (found, what) = (found(way), format!("{config:?} over {:?} in {:?}", encoder.family, way.computing));
        for (found, expected) in found.losses.iter().zip(expected.losses) {
            let off = (found - expected).abs();
            assert!(off <= bounds.loss * expected.abs().max(1.0), "{what}: expected a loss of {expected}, got {found}");
        }
        check_gradients(&found, &expected, bounds, &what);
        assert_eq!(found.relations(), expected.relations(), "{what}");
        let all =
            |scores: &Scores| -> Vec<f64> { scores.base.iter().chain([&scores.logits]).flat_map(numbers).collect() };
        let off = apart(&all(&found.scores), &all(&expected.scores));
        assert!(off < bounds.score, "{what}: scores differ by {off}");
    }
}

/// Every variable's gradient is near what is expected, and so are all of them together.
fn check_gradients(found: &Found, expected: &Found, bounds: &Bounds, what: &str) {
    let all = |found: &Found| -> Vec<f64> { found.gradients.values().flatten().copied().collect() };
    let (whole, off) = (norm(all(expected).into_iter()), apart(&all(found), &all(expected)));
    assert!(off < bounds.whole, "{what}: gradients differ by {off}");
    for (name, grad) in &found.gradients {
        let (expected, length) = (&expected.gradients[name], norm(grad.iter().copied()));
        // A bias of keys shifts all scores of a row alike: its gradient is 0 but for rounding.
        if norm(expected.iter().copied()) < 1e-6 * whole {
            assert!(length < bounds.whole * whole, "{what}: gradient of {name}: {length}");
            continue;
        }
        let (off, own) = (apart(grad, expected), norm(expected.iter().copied()));
        let is_near = off < bounds.gradient || off * own < bounds.rounding * whole;
        assert!(is_near && length > 0.0, "{what}: gradient of {name} differs by {off} of {own}, of {whole} in all");
    }
}

/// All models, each over one of the encoders in turn, the first over both.
pub fn check_models(ways: &[(&Way, &Bounds)]) {
    let (configs, encoders) = (configs(), encoders());
    check_model(&configs[0], &encoders[1], ways);
    configs.iter().zip(encoders.iter().cycle()).for_each(|(config, encoder)| check_model(config, encoder, ways));
}

/// The two types that are composed of the tensor library's operations: one that adds no error of its own, and that of
/// CUDA devices.
#[test]
fn all_models_learn_and_score_alike_in_every_type() {
    let way = Way { device: Device::Cpu, computing: DType::BF16 };
    check_models(&[(&WAYS[1], &SAME), (&way, &NEAR)]);
}

#[test]
fn features_are_in_the_type_of_products() {
    let [encoder, _] = encoders();
    for feature in [PairFeature::Ffn, PairFeature::GroupedBilinear, PairFeature::Released] {
        let mut weights = Weights::fresh(1, &Device::Cpu).computing_in(DType::BF16);
        let (width, block, averaged_layers, mentions) = (WIDTH, 4, 1, Mentions::Opening);
        let taught = Taught::default();
        let shape = Shape { width, block, feature, averaged_layers, mentions, normed: true, taught };
        let base = PairBase::new(&encoder, &shape, &mut weights).unwrap();
        let features = base.forward(&documents(), &mut Mode::Evaluate).unwrap().unwrap();
        assert_eq!(features.dtype(), DType::BF16, "{feature:?}");
    }
}
