//! Batches of documents in operations that are not fused, as on a CUDA device: each document has what it has by itself,
//! and what fused operations give.

use crate::atlop::AtlopConfig;
use crate::attention::{Grids, Heads, Reach};
use crate::attention::{Matrices, matrices};
use crate::base::PairFeature;
use crate::docre_ii::inference::AXES;
use crate::docre_ii::{Attention, Contrastive, DocreIiConfig, Logits};
use crate::docre_sd::DocreSdConfig;
use crate::docre_sd::reasoning::axes;
use crate::example::Example;
use crate::loss::{among_others, among_others_of_padded};
use crate::pair::Mentions;
use crate::pair_matrix::{by_document, by_documents};
use crate::{Lesson, Model, ModelConfig, Task};
use candle_core::{DType, Device, Tensor, Var};
use encoder::EncoderConfig;
use ground::pattern::Pattern;
use ground::random::Random;
use nn::{Mode, Weights};

use super::docre_ii::{all_pairs, check_alike, ragged, random_rows};
use super::large_documents::check_chunks;
use super::{distance, example, examples};

/// Documents of several sizes: longer than the encoder's positions or not, without pairs, with an entity that is cut off,
/// with none that is not, with some pairs only.
pub fn documents() -> Vec<Example> {
    let [mut bare, mut cut, mut unseen, mut asked] = [1, 0, 1, 2].map(example);
    let mut often = example(3);
    often.mentions.splice(..often.n_mentions[0], 1..=60);
    often.n_mentions[0] = 60;
    (bare.pairs, bare.labels) = (Vec::new(), Vec::new());
    let n_kept = cut.mentions.len() - cut.n_mentions[2];
    cut.mentions.truncate(n_kept);
    cut.n_mentions[2] = 0;
    (unseen.mentions, unseen.n_mentions) = (Vec::new(), vec![0; unseen.n_entities()]);
    asked.pairs.retain(|&(head, tail)| (head + 2 * tail) % 4 != 0);
    asked.labels.truncate(asked.pairs.len());
    let mut all = [vec![cut, bare], examples(), vec![unseen, example(9), asked, often]].concat();
    for example in &mut all {
        let last = example.ids.len() as u32 - 1;
        example.mention_ends = example.mentions.iter().map(|start| last.min(start + 2)).collect();
    }
    all
}

/// Three heads' worth of pairs, of which each document has some.
fn sized() -> Vec<Example> {
    [vec![ragged(), all_pairs(2)], vec![all_pairs(5); 3], vec![all_pairs(12), all_pairs(4)]].concat()
}

/// What heads reach, and how many memories they need.
fn reaches() -> [(Vec<Reach>, usize); 5] {
    let along = || AXES.iter().map(|axis| Reach::Along(std::slice::from_ref(axis)));
    let couples = || Pattern::ALL.into_iter().map(|pattern| Reach::Along(axes(pattern)));
    [
        (along().collect(), 1),
        (couples().collect(), 3),
        (vec![Reach::All; 4], 1),
        (along().take(2).chain(couples().take(2)).collect(), 3),
        (along().take(3).chain([Reach::All]).collect(), 1),
    ]
}

#[test]
fn attention_of_a_batch_is_that_of_each_document() {
    let documents = sized();
    let counts: Vec<usize> = documents.iter().map(|document| document.pairs.len()).collect();
    for (reach, n_memories) in reaches() {
        let heads = Heads { reach, itself: 0.7, dropout: 0.0 };
        let rows: Vec<Var> =
            (0..=2 * n_memories).map(|seed| random_rows(counts.iter().sum(), 12, seed as u64)).collect();
        let attend = |kind: DType, matrices: &Matrices, first: usize, count: usize| {
            let part = |rows: &Var| rows.narrow(0, first, count).unwrap().to_dtype(kind).unwrap();
            let rows: Vec<Tensor> = rows.iter().map(part).collect();
            let memory: Vec<[&Tensor; 2]> = rows[1..].chunks(2).map(|pair| [&pair[0], &pair[1]]).collect();
            let found = heads.attend(&rows[0], &memory, matrices, &mut Mode::Evaluate).unwrap();
            found.to_dtype(DType::F32).unwrap()
        };
        let variables: Vec<(&str, &Var)> = rows.iter().map(|rows| ("rows", rows)).collect();
        let whole = |kind, matrices: &Matrices| attend(kind, matrices, 0, counts.iter().sum());
        let alone = |kind| {
            let (mut first, mut parts) = (0, Vec::new());
            for (&count, document) in counts.iter().zip(&documents) {
                parts.push(attend(kind, &matrices(std::slice::from_ref(document)), first, count));
                first += count;
            }
            Tensor::cat(&parts, 0).unwrap()
        };
        let batch = matrices(&documents);
        check_alike(&whole(DType::F64, &batch), &alone(DType::F64), &variables);
        check_alike(&whole(DType::F64, &batch), &whole(DType::F32, &batch), &variables);
        assert!(distance(&whole(DType::BF16, &batch), &alone(DType::BF16)) < 2e-2);
        // Few scores at a time: few documents, and heads by themselves.
        let few = matrices(&documents);
        let grids = Grids::within(600, &heads.reach, &few, &Device::Cpu).unwrap();
        assert!(grids.blocks.len() > 2 * batch.grids.get().unwrap().blocks.len());
        few.grids.set(grids).unwrap();
        check_alike(&whole(DType::F64, &few), &whole(DType::F32, &batch), &variables);
    }
}

#[test]
fn the_number_of_products_does_not_grow_with_that_of_documents() {
    let documents = |times: usize| matrices(&vec![sized(); times].concat());
    for (reach, _) in reaches() {
        let blocks = |times| Grids::new(&reach, &documents(times), &Device::Cpu).unwrap().blocks.len();
        assert!(blocks(20) <= 3 * 4, "{} blocks", blocks(20));
        assert_eq!(blocks(20), blocks(40));
    }
}

#[test]
fn states_are_told_from_those_of_their_own_document() {
    let matrices = matrices(&sized());
    let n_pairs = matrices.iter().map(crate::pair_matrix::PairMatrix::n_pairs).sum();
    let rows = [1, 2].map(|seed| random_rows(n_pairs, 8, seed));
    let rows = rows.each_ref().map(Var::as_tensor);
    let one_by_one = by_document(&matrices, rows, |[one, other]| among_others(&one, &other, 0.1)).unwrap();
    let together =
        by_documents(&matrices, rows, |[one, other], there| among_others_of_padded(&one, &other, &there, 0.1));
    let [one_by_one, together] = [one_by_one, together.unwrap()].map(|losses| losses.mean_all().unwrap());
    assert!(distance(&one_by_one, &together) < 1e-5);
    let [expected, found] = [one_by_one, together].map(|loss| loss.backward().unwrap());
    for rows in rows {
        assert!(distance(expected.get(rows).unwrap(), found.get(rows).unwrap()) < 1e-5);
    }
}

pub fn models() -> Vec<ModelConfig> {
    let docre_ii = || DocreIiConfig { embedding: 16, block: 8, iterations: 2, ..DocreIiConfig::default() };
    vec![
        ModelConfig::Atlop(AtlopConfig { embedding: 16, block: 8, ..AtlopConfig::default() }),
        ModelConfig::DocreIi(docre_ii()),
        ModelConfig::DocreIi(DocreIiConfig {
            attention: Attention::Full,
            pair_feature: PairFeature::GroupedBilinear,
            ..docre_ii()
        }),
        ModelConfig::DocreSd(DocreSdConfig { embedding: 16, block: 8, ..DocreSdConfig::default() }),
        ModelConfig::DocreIi(DocreIiConfig {
            pair_feature: PairFeature::Released,
            averaged_layers: 2,
            mentions: Mentions::Both,
            inference_width: Some(8),
            logits: Logits::Sum,
            ..docre_ii()
        }),
        ModelConfig::DocreSd(DocreSdConfig {
            embedding: 16,
            block: 8,
            pair_feature: PairFeature::Released,
            averaged_layers: 2,
            mentions: Mentions::Both,
            highway: true,
            ..DocreSdConfig::default()
        }),
    ]
}

/// A model in a type, whose encoder has 64 positions.
fn model(config: &ModelConfig, kind: DType) -> (Box<dyn Model>, Weights) {
    let encoder = EncoderConfig { max_position_embeddings: 64, ..EncoderConfig::small(1100, 16, 2, 4) };
    let mut weights = Weights::fresh(7, &Device::Cpu).computing_in(kind);
    let model = config.build(&Task { encoder: &encoder, n_classes: 12, most_labels: 4 }, &mut weights).unwrap();
    (model, weights)
}

fn logits(model: &dyn Model, examples: &[Example]) -> Tensor {
    model.score(examples).unwrap().unwrap().logits
}

/// The logits of a batch and of each document by itself are alike, and so are the gradients of all variables.
fn check(config: &ModelConfig, kind: DType, most: f32) {
    let (model, weights) = model(config, kind);
    let documents = documents();
    let together = logits(&*model, &documents);
    let with_pairs = documents.iter().filter(|document| !document.pairs.is_empty());
    let alone: Vec<Tensor> = with_pairs.map(|document| logits(&*model, std::slice::from_ref(document))).collect();
    let alone = Tensor::cat(&alone, 0).unwrap();
    let off = distance(&together, &alone);
    assert!(off < most, "{config:?}, {kind:?}: {off}");
    let weigh = random_rows(together.dims()[0], 12, 99);
    let grads = |result: &Tensor| (result * weigh.as_tensor()).unwrap().sum_all().unwrap().backward().unwrap();
    let (found, expected) = (grads(&together), grads(&alone));
    for (name, variable) in weights.variables() {
        let Some(expected) = expected.get(variable) else {
            assert!(found.get(variable).is_none(), "{name}");
            continue;
        };
        let scale: f32 = expected.abs().unwrap().max_all().unwrap().to_scalar().unwrap();
        let off = distance(found.get(variable).unwrap(), expected);
        assert!(
            off < 5.0 * most * scale || name.ends_with("key.bias"),
            "{config:?}, {kind:?}: {name}: {off} of {scale}"
        );
    }
}

#[test]
fn a_batch_equals_each_document_by_itself() {
    for config in models() {
        check(&config, DType::F64, 1e-4);
        check(&config, DType::BF16, 3e-2);
        check(&config, DType::F32, 1e-4);
    }
}

#[test]
fn fused_operations_and_others_score_batches_alike() {
    let documents = documents();
    for config in models() {
        let [fused, composed] = [DType::F32, DType::F64].map(|kind| logits(&*model(&config, kind).0, &documents));
        let off = distance(&fused, &composed);
        assert!(off < 1e-4, "{config:?}: {off}");
    }
}

#[test]
fn some_pairs_of_a_batch_are_scored_at_a_time() {
    let documents: Vec<Example> = documents().into_iter().filter(|document| document.pairs.len() < 15).collect();
    for config in models() {
        check_chunks(&*model(&config, DType::F64).0, &documents);
    }
}

/// Of all variables but those of a moving average and what shifts all scores of a pair alike.
#[test]
fn all_of_a_model_learns_from_a_batch() {
    let simclr =
        DocreIiConfig { embedding: 16, block: 8, contrastive: Contrastive::Simclr, ..DocreIiConfig::default() };
    for config in models().into_iter().chain([ModelConfig::DocreIi(simclr)]) {
        let (model, weights) = model(&config, DType::BF16);
        let lesson =
            Lesson { examples: &documents(), progress: 0.5, teacher: None, attention: None, shared: Random::new(0) };
        let loss = model.loss(&lesson, &mut Random::new(1)).unwrap().unwrap().total().unwrap();
        let grads = loss.backward().unwrap();
        for (name, variable) in weights.variables().iter().filter(|(name, _)| !name.starts_with("average.")) {
            let grad = grads.get(variable).unwrap_or_else(|| panic!("{config:?}: {name}: no gradient"));
            let norm: f32 = grad.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
            assert!(norm.is_finite() && (norm > 0.0 || name.ends_with("key.bias")), "{config:?}: {name}: {norm}");
        }
    }
}
