//! ATLOP against the reference: contexts, logits, predictions, loss, gradients, six steps of training.

use std::collections::BTreeSet;
use std::iter::empty;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use docre::encoder::{read_config, read_weights};
use docre::examples::{Batch, Beside, ExamplesError, Misfit, Taken};
use docre::model::atlop::{Atlop, AtlopConfig};
use docre::model::bilinear::Bilinear;
use docre::model::decode::decode;
use docre::model::example::{Example, Relations, labels};
use docre::model::loss::adaptive_threshold;
use docre::model::pair::{Pooling, features};
use docre::model::{Model, Task};
use docre::nn::ops::gather;
use docre::nn::{Init, Mode, Weights};
use docre::pieces::{Cutter, MOST_PIECES, Tokenizer};
use docre::table::rows::{PairRow, PieceRow};

use crate::golden::{FOLDERS, Golden, distance};

const CLASSES: usize = 97;

fn config() -> AtlopConfig {
    AtlopConfig { embedding: 64, block: 16, ..AtlopConfig::default() }
}

/// The reference's relations are numbers; class i is called `i`.
fn relations() -> Relations {
    Relations::new((1..CLASSES).map(|class| class.to_string().into()))
}

/// The golden documents as examples, through rows.
pub fn examples(golden: &Golden) -> Vec<Example> {
    let tokenizer = Tokenizer::load(&golden.folder).unwrap();
    let rows = Cutter::new(tokenizer, MOST_PIECES).cut(&golden.documents).unwrap();
    rows.iter().enumerate().map(|(place, row)| example(golden, place, row)).collect()
}

fn example(golden: &Golden, place: usize, row: &PieceRow) -> Example {
    let (pairs, labels) = (golden.numbers(place, "pairs"), golden.numbers(place, "labels"));
    let pair = |(pair, labels): (&[u32], &[u32])| PairRow {
        doc_id: row.doc_id.clone(),
        head: pair[0],
        tail: pair[1],
        intra: false,
        sentence_distance: 0,
        candidate: true,
        labels: Some((1..CLASSES).filter(|class| labels[*class] == 1).map(|class| class.to_string().into()).collect()),
    };
    let rows: Vec<PairRow> = pairs.chunks(2).zip(labels.chunks(CLASSES)).map(pair).collect();
    example_of(row, &rows).unwrap()
}

/// A document as a model sees it, from its rows.
fn example_of(pieces: &PieceRow, pairs: &[PairRow]) -> Result<Example, Misfit> {
    let (relations, left_out) = (&relations(), &BTreeSet::new());
    let taken = Taken { relations, left_out, passes_over: false, evidence: false, documents: 1 };
    let pairs = pairs.iter().cloned().map(Ok);
    let beside = Beside { entities: Vec::new(), facts: Vec::new(), pairs, tokens: empty() };
    let mut batch = Batch::default();
    match batch.add(pieces, beside, &taken, None, Path::new("golden")) {
        Ok(()) => Ok(batch.examples.remove(0)),
        Err(ExamplesError::Misfit { reason, .. }) => Err(reason),
        Err(error) => panic!("{error}"),
    }
}

/// How the golden model computes. On the CPU f32 takes the fused operations, any other type those composed of candle's.
pub struct Way {
    pub device: Device,
    pub computing: DType,
}

/// On the CPU: fused, and composed in a type that adds no error of its own.
pub const WAYS: [Way; 2] =
    [Way { device: Device::Cpu, computing: DType::F32 }, Way { device: Device::Cpu, computing: DType::F64 }];

pub fn model(golden: &Golden) -> (Atlop, Weights) {
    model_in(golden, &WAYS[0])
}

pub fn model_in(golden: &Golden, way: &Way) -> (Atlop, Weights) {
    let given = read_weights(&golden.folder, &Device::Cpu).unwrap();
    let mut weights = Weights::given(given, "", 0, &way.device).computing_in(way.computing);
    let task = Task { encoder: &read_config(&golden.folder).unwrap(), n_classes: CLASSES, most_labels: 4 };
    let model = Atlop::new(&task, &config(), &mut weights).unwrap();
    let unused = weights.unused();
    assert_eq!((unused.known.len(), unused.others.len()), (2, 0));
    assert_eq!(
        unused.event().unwrap().to_string(),
        "note: 2 weights are not used: `model.pooler.dense.bias`, `model.pooler.dense.weight`"
    );
    (model, weights)
}

pub fn loss(model: &Atlop, examples: &[Example]) -> Tensor {
    let logits = model.forward(examples, &mut Mode::Evaluate).unwrap().unwrap();
    adaptive_threshold(&logits, &labels(examples, CLASSES, logits.device()).unwrap()).unwrap()
}

fn relative(found: f64, expected: f64) -> f64 {
    (found - expected).abs() / expected.abs()
}

/// Entity vectors, contexts and logits within their tolerance, and the same predictions.
pub fn check_features(name: &str, way: &Way) {
    let golden = Golden::open(name);
    let (model, _) = model_in(&golden, way);
    for (place, example) in examples(&golden).iter().enumerate() {
        let example = std::slice::from_ref(example);
        let encoded = model.encoder().encode(&[example[0].input()], &mut Mode::Evaluate).unwrap();
        let pairs = features(example, &encoded, Pooling::default()).unwrap().unwrap();
        for (part, rows, of) in [
            ("head", &pairs.heads, &pairs.entities),
            ("tail", &pairs.tails, &pairs.entities),
            ("context", &pairs.context_of, &pairs.contexts),
        ] {
            let off = distance(&gather(of, rows).unwrap(), golden.tensor(place, part));
            assert!(off < 1e-4, "{name}: document {place}: {part} differs by {off}");
        }
        let logits = model.classify(&pairs).unwrap();
        let off = distance(&logits, golden.tensor(place, "logits"));
        assert!(off < 1e-3, "{name}: document {place}: logits differ by {off}");
        let expected = golden.numbers(place, "prediction");
        for (logits, expected) in logits.to_vec2::<f32>().unwrap().iter().zip(expected.chunks(CLASSES)) {
            let found = decode(logits, 4);
            let mut row = vec![0; CLASSES];
            found.iter().for_each(|relation| row[relation.class as usize] = 1);
            row[0] = u32::from(found.is_empty());
            assert_eq!(row, expected);
        }
    }
}

/// Every document's loss within this share of the reference's.
pub fn check_losses(name: &str, way: &Way, most: f64) {
    let golden = Golden::open(name);
    let (model, _) = model_in(&golden, way);
    for (place, example) in examples(&golden).iter().enumerate() {
        let found = f64::from(loss(&model, std::slice::from_ref(example)).to_scalar::<f32>().unwrap());
        let expected = golden.json["docs"][place]["loss"].as_f64().unwrap();
        assert!(relative(found, expected) < most, "{name}: document {place}: expected {expected}, got {found}");
    }
}

/// The norm of every variable's gradient within this share of the reference's.
pub fn check_gradients(name: &str, way: &Way, most: f64) {
    let golden = Golden::open(name);
    let (model, weights) = model_in(&golden, way);
    let grads = loss(&model, &examples(&golden)[..3]).backward().unwrap();
    let expected = golden.json["training"]["first_gradient_l2"].as_object().unwrap();
    assert_eq!(expected.len(), weights.variables().len());
    for (name, variable) in weights.variables() {
        let grad = grads.get(variable).unwrap_or_else(|| panic!("{name}: no gradient"));
        assert_eq!(grad.dtype(), DType::F32);
        let found = f64::from(grad.sqr().unwrap().sum_all().unwrap().sqrt().unwrap().to_scalar::<f32>().unwrap());
        let expected = expected[name].as_f64().unwrap();
        // A bias of keys shifts each row's scores alike: its gradient is 0 but for rounding.
        let fits = if expected < 1e-6 { found < most * most } else { relative(found, expected) < most };
        assert!(fits && found.is_finite() && found > 0.0, "{name}: expected {expected}, got {found}");
    }
}

#[test]
fn features_logits_and_predictions_equal_the_reference() {
    FOLDERS.iter().for_each(|name| WAYS.iter().for_each(|way| check_features(name, way)));
}

#[test]
fn losses_equal_the_reference() {
    FOLDERS.iter().for_each(|name| WAYS.iter().for_each(|way| check_losses(name, way, 1e-5)));
}

#[test]
fn gradients_equal_the_reference() {
    FOLDERS.iter().for_each(|name| WAYS.iter().for_each(|way| check_gradients(name, way, 1e-3)));
}

/// The type of CUDA devices, whose rounding alone may tell: 8 bits of mantissa.
#[test]
fn in_16_bits_losses_and_gradients_are_near_the_reference() {
    let way = Way { device: Device::Cpu, computing: DType::BF16 };
    for name in FOLDERS {
        check_losses(name, &way, 1e-2);
        check_gradients(name, &way, 1e-1);
    }
}

#[test]
fn a_batch_equals_its_documents_one_by_one() {
    let golden = Golden::open("atlop_roberta");
    let (model, _) = model(&golden);
    let examples = examples(&golden);
    let together = model.forward(&examples, &mut Mode::Evaluate).unwrap().unwrap();
    let alone: Vec<Tensor> = examples
        .iter()
        .map(|example| model.forward(std::slice::from_ref(example), &mut Mode::Evaluate).unwrap().unwrap())
        .collect();
    assert!(distance(&together, &Tensor::cat(&alone, 0).unwrap()) < 1e-5);
}

#[test]
fn gradients_flow_through_windows() {
    let golden = Golden::open("atlop_bert");
    let (model, weights) = model(&golden);
    let grads = loss(&model, &examples(&golden)[3..]).backward().unwrap();
    for (name, variable) in weights.variables() {
        let grad = grads.get(variable).unwrap_or_else(|| panic!("{name}: no gradient"));
        let norm: f32 = grad.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
        assert!(norm.is_finite() && norm > 0.0, "{name}: {norm}");
    }
}

#[test]
fn an_entity_that_is_cut_off_and_a_document_without_pairs_do_no_harm() {
    let golden = Golden::open("atlop_bert");
    let (model, _) = model(&golden);
    let mut cut = examples(&golden).swap_remove(0);
    let first = cut.n_mentions[0];
    cut.mentions.drain(..first);
    cut.n_mentions[0] = 0;
    let empty = Example { ids: cut.ids.clone(), ..Example::default() };
    let bare = Example { n_mentions: vec![0; 5], mentions: Vec::new(), ..cut.clone() };
    let logits = |examples: &[Example]| model.forward(examples, &mut Mode::Evaluate).unwrap();
    assert!(logits(std::slice::from_ref(&empty)).is_none());
    let found = logits(&[cut.clone(), empty, bare]).unwrap();
    assert_eq!(found.dims(), [40, CLASSES]);
    assert!(found.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|logit| logit.is_finite()));
    let alone = logits(std::slice::from_ref(&cut)).unwrap();
    assert!(distance(&found.narrow(0, 0, 20).unwrap(), &alone) < 1e-5);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let piece = PieceRow {
        doc_id: "d".into(),
        encoder: "bert:0".into(),
        ids: vec![2, 9, 3],
        mention_starts: vec![vec![1], vec![]],
        mention_ends: vec![vec![1], vec![]],
        sentence_starts: vec![1],
        truncated: 0,
    };
    let pair = |head, tail, label: &str, candidate| PairRow {
        doc_id: "d".into(),
        head,
        tail,
        intra: true,
        sentence_distance: 0,
        candidate,
        labels: Some(vec![label.into()]),
    };
    let fault = |piece: &PieceRow, pair| example_of(piece, &[pair]).unwrap_err().to_string();
    let unknown = fault(&piece, pair(0, 1, "P17", true));
    assert_eq!(unknown, "document `d`: pair (0, 1): expected one of the model's 96 relations, got `P17`");
    assert!(fault(&piece, pair(0, 2, "1", true)).contains("expected two of the 2 entities"));
    let place = fault(&PieceRow { mention_starts: vec![vec![3]], ..piece.clone() }, pair(0, 1, "1", true));
    assert!(place.contains("mention at piece 3: expected one of its 3 pieces"));
    let ends = fault(&PieceRow { mention_ends: vec![vec![], vec![1]], ..piece.clone() }, pair(0, 1, "1", true));
    assert_eq!(ends, "document `d`: expected `mention_ends` of the mentions of `mention_starts`, got those of others");
    let left_out = example_of(&piece, &[pair(0, 1, "P17", false)]).unwrap();
    assert_eq!((left_out.pairs.len(), left_out.n_mentions), (0, vec![1, 0]));
}

#[test]
fn decoding_takes_the_best_above_the_threshold() {
    let classes = |logits: &[f32], most| decode(logits, most).iter().map(|found| found.class).collect::<Vec<_>>();
    assert_eq!(classes(&[0.0, -1.0, -2.0], 4), [0; 0]);
    assert_eq!(classes(&[0.0, 1.0, 0.0, 3.0, 2.0], 4), [3, 4, 1]);
    assert_eq!(classes(&[0.0, 1.0, 2.0, 2.0], 2), [2, 3]);
    assert_eq!(classes(&[], 4), [0; 0]);
}

#[test]
fn the_loss_is_the_equation() {
    // Two pairs of three classes; relation 1 holds for the first, none for the second.
    let logits = Tensor::new(&[[0.5f32, 1.0, -1.0], [0.0, 2.0, 0.3]], &Device::Cpu).unwrap();
    let labels = Tensor::new(&[[0f32, 1.0, 0.0], [0.0, 0.0, 0.0]], &Device::Cpu).unwrap();
    let found: f32 = adaptive_threshold(&logits, &labels).unwrap().to_scalar().unwrap();
    let log_sum = |logits: &[f32]| logits.iter().map(|logit| logit.exp()).sum::<f32>().ln();
    let first = (log_sum(&[0.5, 1.0]) - 1.0) + (log_sum(&[0.5, -1.0]) - 0.5);
    let second = log_sum(&[0.0, 2.0, 0.3]) - 0.0;
    assert!((found - f32::midpoint(first, second)).abs() < 1e-6);
}

#[test]
fn grouped_bilinear_is_the_published_product() {
    let mut weights = Weights::fresh(5, &Device::Cpu);
    let bilinear = Bilinear::new(&mut weights, "bilinear", 12, 4, 3).unwrap();
    let vectors = |name: &str, weights: &mut Weights| weights.take(name, (70, 12), Init::Normal(1.0)).unwrap();
    let (heads, tails) = (vectors("heads", &mut weights), vectors("tails", &mut weights));
    let outer = heads.reshape((70, 3, 4, 1)).unwrap().broadcast_mul(&tails.reshape((70, 3, 1, 4)).unwrap()).unwrap();
    let [weight, bias] =
        ["weight", "bias"].map(|part| weights.variables()[&format!("bilinear.{part}")].as_tensor().clone());
    let flat = outer.reshape((70, 48)).unwrap().matmul(&weight.t().unwrap()).unwrap().broadcast_add(&bias).unwrap();
    let found = bilinear.forward(&heads, &tails).unwrap();
    assert!(distance(&found, &flat) < 1e-5);
    let grads = |logits: Tensor| logits.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    let (found, expected) = (grads(found), grads(flat));
    for (name, variable) in weights.variables() {
        let off = distance(found.get(variable).unwrap(), expected.get(variable).unwrap());
        assert!(off < 1e-3, "{name}: gradient differs by {off}");
    }
    let wide = [&heads, &tails].map(|vectors| vectors.to_dtype(DType::F64).unwrap());
    assert!(
        distance(&bilinear.forward(&wide[0], &wide[1]).unwrap(), &bilinear.forward(&heads, &tails).unwrap()) < 1e-5
    );
    let error = Bilinear::new(&mut weights, "b", 12, 5, 3).unwrap_err().to_string();
    assert!(error.contains("`block`: expected a divisor of 12, got 5"), "{error}");
}
