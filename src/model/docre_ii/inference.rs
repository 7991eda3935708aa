//! DocRE-II's inference module: it refines the relations of all pairs by their features and by what is predicted.

use std::ops::Range;

use candle_core::{D, DType, Result, Tensor};

use nn::layers::{Activation, FeedForward, Normed, linear};
use nn::ops::{dropout, mix};
use nn::{Init, Linear, Mode, Weights};

use super::config::{Attention, DocreIiConfig, Memory, Start};
use crate::attention::Matrices;
use crate::attention::{Heads, Reach, rows_at_once};
use crate::chunks::{by_rows, rows_of};
use crate::pair_matrix::Axis;

/// The axes of the four kinds of heads.
pub static AXES: [Axis; 4] = [Axis::HeadRow, Axis::TailColumn, Axis::HeadColumn, Axis::TailRow];

/// What the released program adds to the score of a pair with itself.
const ITSELF: f64 = 1.0;

/// Extended cross attention: a pair attends, head by head, to the pairs along one of four axes; it is itself a key of
/// each head, once.
#[derive(Debug, Clone)]
pub struct CrossAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: Heads,
    dropout: f64,
}

impl CrossAttention {
    /// The unit `NAME`: `query`, `key`, `value`, `output`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(config: &DocreIiConfig, dropout: f64, weights: &mut Weights, name: &str) -> Result<Self> {
        let mut part = |part: &str| linear(weights, &format!("{name}.{part}"), config.embedding, config.embedding);
        Ok(Self {
            query: part("query")?,
            key: part("key")?,
            value: part("value")?,
            output: part("output")?,
            heads: heads(config, dropout),
            dropout,
        })
    }

    /// Queries of some pairs and the memory of the same pairs, `(pairs, width)` each → `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    #[cfg(test)]
    pub fn forward(&self, queries: &Tensor, memory: &Tensor, matrices: &Matrices, mode: &mut Mode) -> Result<Tensor> {
        let memory = self.remember(memory, usize::MAX)?;
        self.gather(queries, &(0..queries.dim(0)?), &memory, matrices, mode)
    }

    /// Keys and values of a memory, `(pairs, width)` each, so many rows of them at a time.
    fn remember(&self, memory: &Tensor, at_once: usize) -> Result<[Tensor; 2]> {
        by_rows(memory.dim(0)?, at_once, |rows| {
            let memory = rows_of(memory, &rows)?;
            Ok([self.key.forward(&memory)?, self.value.forward(&memory)?])
        })
    }

    /// What some of the pairs gather from all.
    fn gather(
        &self,
        queries: &Tensor,
        rows: &Range<usize>,
        [keys, values]: &[Tensor; 2],
        matrices: &Matrices,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let queries = self.query.forward(queries)?;
        let attended = self.heads.attend_rows(&queries, rows, &[[keys, values]], matrices, mode)?;
        dropout(&self.output.forward(&attended)?, mode.drop(self.dropout))
    }
}

fn heads(config: &DocreIiConfig, dropout: f64) -> Heads {
    let (reach, itself): (Vec<Reach>, f64) = match config.attention {
        Attention::ExtendedCross => {
            (AXES.iter().map(|axis| Reach::Along(std::slice::from_ref(axis))).collect(), ITSELF)
        }
        Attention::Full => (vec![Reach::All], 0.0),
    };
    Heads { reach: reach.into_iter().cycle().take(config.heads).collect(), itself, dropout }
}

/// One inference layer.
#[derive(Debug, Clone)]
pub struct InferenceLayer {
    /// The common memory of both units; none where each attends to its own matrix.
    memory: Option<Normed>,
    feature_attention: CrossAttention,
    relation_attention: CrossAttention,
    /// Joins what the units give; none without fusion, where each updates its own matrix.
    gate: Option<Linear>,
    feature_update: FeedForward,
    relation_update: FeedForward,
}

impl InferenceLayer {
    /// The layer `NAME`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(config: &DocreIiConfig, dropout: f64, weights: &mut Weights, name: &str) -> Result<Self> {
        let width = config.embedding;
        let part = |part: &str| format!("{name}.{part}");
        let update = |weights: &mut Weights, name: &str| {
            FeedForward::new(weights, &part(name), width, Activation::Relu, dropout)
        };
        Ok(Self {
            memory: (config.memory == Memory::Common)
                .then(|| Normed::new(weights, &part("memory"), width, 2 * width, dropout))
                .transpose()?,
            feature_attention: CrossAttention::new(config, dropout, weights, &part("feature_attention"))?,
            relation_attention: CrossAttention::new(config, dropout, weights, &part("relation_attention"))?,
            gate: config.fusion.then(|| linear(weights, &part("gate"), width, 2 * width)).transpose()?,
            feature_update: update(weights, "feature_update")?,
            relation_update: update(weights, "relation_update")?,
        })
    }

    /// `M = LN(W [F, R] + b)`; F̃ and R̃ attend to it; `s = σ(W_g [F̃, R̃] + b_g)`, `M̃ = s∘F̃ + (1 − s)∘R̃`;
    /// `F ← LN(F + FNN(M̃))`, `R ← LN(R + FNN′(M̃))`; without a gate, `LN(F + FNN(F̃))` and `LN(R + FNN′(R̃))`. All are
    /// `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(
        &self,
        [features, relations]: [&Tensor; 2],
        matrices: &Matrices,
        mode: &mut Mode,
    ) -> Result<[Tensor; 2]> {
        let (n_pairs, at_once) = (features.dim(0)?, rows_at_once(features, mode));
        let [for_features, for_relations] = self.remember([features, relations], at_once, mode)?;
        by_rows(n_pairs, at_once, |rows| {
            let (features, relations) = (rows_of(features, &rows)?, rows_of(relations, &rows)?);
            let from_features = self.feature_attention.gather(&features, &rows, &for_features, matrices, mode)?;
            let from_relations = self.relation_attention.gather(&relations, &rows, &for_relations, matrices, mode)?;
            let gathered = match &self.gate {
                Some(gate) => {
                    let gate = gate.forward(&Tensor::cat(&[&from_features, &from_relations], 1)?)?;
                    let joined = mix(&gate, &from_features, &from_relations)?;
                    [joined.clone(), joined]
                }
                None => [from_features, from_relations],
            };
            Ok([
                self.feature_update.forward(&gathered[0], &features, mode)?,
                self.relation_update.forward(&gathered[1], &relations, mode)?,
            ])
        })
    }

    /// Keys and values of both units.
    fn remember(
        &self,
        [features, relations]: [&Tensor; 2],
        at_once: usize,
        mode: &mut Mode,
    ) -> Result<[[Tensor; 2]; 2]> {
        let memory = match &self.memory {
            Some(memory) => Some(joined(memory, [features, relations], at_once, mode)?),
            None => None,
        };
        let (of_features, of_relations) = (memory.as_ref().unwrap_or(features), memory.as_ref().unwrap_or(relations));
        Ok([
            self.feature_attention.remember(of_features, at_once)?,
            self.relation_attention.remember(of_relations, at_once)?,
        ])
    }
}

/// Layers and what reads them.
#[derive(Debug, Clone)]
pub struct Inference {
    /// From features to the width of the module, where that is another: the weight, and what training drops.
    reduction: Option<(Tensor, f64)>,
    /// `(classes, width)`.
    embeddings: Tensor,
    layers: Vec<InferenceLayer>,
    output: Normed,
    classifier: Linear,
    /// Before the contrastive loss, where there is one.
    projection: Option<(Normed, Linear)>,
}

impl Inference {
    /// The module under the name `inference`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(config: &DocreIiConfig, n_classes: usize, dropout: f64, weights: &mut Weights) -> Result<Self> {
        let reduction = config.inference_width.map(|width| reduction(width, config.embedding, weights)).transpose()?;
        // All of the module is as wide as what it takes.
        let config = &DocreIiConfig { embedding: config.inner_width(), ..config.clone() };
        let width = config.embedding;
        // Glorot and Bengio's bound.
        let init = Init::Uniform((6.0 / (n_classes + width) as f64).sqrt());
        let layer = |place, weights: &mut Weights| {
            InferenceLayer::new(config, dropout, weights, &format!("inference.layer.{place}"))
        };
        Ok(Self {
            reduction: reduction.map(|weight| (weight, dropout)),
            embeddings: weights.take("inference.relations", (n_classes, width), init)?,
            layers: (0..config.layers).map(|place| layer(place, weights)).collect::<Result<_>>()?,
            output: match config.start {
                Start::Identity => Normed::passing(weights, "inference.output", width, 2 * width, dropout)?,
                Start::Random => Normed::new(weights, "inference.output", width, 2 * width, dropout)?,
            },
            classifier: linear(weights, "inference.classifier", n_classes, width)?,
            projection: config.contrastive().map(|_| projection(width, weights)).transpose()?,
        })
    }

    /// Features as the module takes them, `dropout(W F)` where it reduces them: `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn reduce(&self, features: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        match &self.reduction {
            Some((weight, probability)) => {
                let reduced = features.matmul(&weight.to_dtype(features.dtype())?.t()?)?;
                dropout(&reduced, mode.drop(*probability))
            }
            None => Ok(features.clone()),
        }
    }

    /// A vector of the device and type of the others.
    pub fn bias(&self) -> &Tensor {
        &self.classifier.bias
    }

    /// The sum of the embeddings of each pair's relations: sets of `(pairs, classes)`, 1 or 0 → `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn embed(&self, sets: &Tensor) -> Result<Tensor> {
        sets.matmul(&self.embeddings.to_dtype(sets.dtype())?)
    }

    /// `LN(W [F, R] + b)` after all layers: `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(
        &self,
        features: &Tensor,
        relations: &Tensor,
        matrices: &Matrices,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        self.refine([features.clone(), relations.clone()], matrices, mode)
    }

    /// The same of tensors that are used up, so that a layer's are gone when the next one's are made.
    pub fn refine(&self, mut states: [Tensor; 2], matrices: &Matrices, mode: &mut Mode) -> Result<Tensor> {
        for layer in &self.layers {
            states = layer.forward(states.each_ref(), matrices, mode)?;
        }
        let at_once = rows_at_once(&states[0], mode);
        joined(&self.output, states.each_ref(), at_once, mode)
    }

    /// The logits of what [`Inference::forward`] gives: `(pairs, classes)` in f32.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn classify(&self, states: &Tensor) -> Result<Tensor> {
        self.classifier.forward(states)?.to_dtype(DType::F32)
    }

    /// The same states as the contrastive loss compares them: `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn project(&self, states: &Tensor) -> Result<Tensor> {
        match &self.projection {
            Some((inner, outer)) => outer.forward(&inner.forward(states, None, &mut Mode::Evaluate)?.relu()?),
            None => Ok(states.clone()),
        }
    }

    /// The mean |weight| with which the classifier looks at F and at R (W_c of Eq. 12, Figure 5). It does so through the
    /// output layer: the paper's one layer is two here, as in the released program, with a norm between them. That takes
    /// each column's mean, and scales every pair's state by itself, F and R alike, which does not count here.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn mean_weights(&self) -> Result<[f64; 2]> {
        let numbers = |weight: &Tensor| weight.detach().to_dtype(DType::F32);
        let output = numbers(self.output.weight())?;
        let output = output.broadcast_sub(&output.mean_keepdim(0)?)?;
        let classifier = numbers(&self.classifier.weight)?.broadcast_mul(&numbers(self.output.scale())?)?;
        let weight = classifier.matmul(&output)?;
        let half = weight.dim(D::Minus1)? / 2;
        let mean = |first| weight.narrow(1, first, half)?.abs()?.mean_all()?.to_scalar::<f32>();
        Ok([f64::from(mean(0)?), f64::from(mean(half)?)])
    }
}

/// `LN(W [F, R] + b)`: `(pairs, width)`.
fn joined(layer: &Normed, states: [&Tensor; 2], at_once: usize, mode: &mut Mode) -> Result<Tensor> {
    let [joined] = by_rows(states[0].dim(0)?, at_once, |rows| {
        let [features, relations] = [rows_of(states[0], &rows)?, rows_of(states[1], &rows)?];
        Ok([layer.forward(&Tensor::cat(&[features, relations], 1)?, None, mode)?])
    })?;
    Ok(joined)
}

/// `inference.reduction.weight`: `(width, of)`.
fn reduction(width: usize, of: usize, weights: &mut Weights) -> Result<Tensor> {
    let init = Init::Uniform((of as f64).powf(-0.5));
    let weight = weights.take("inference.reduction.weight", (width, of), init)?;
    weights.settled(weight)
}

fn projection(width: usize, weights: &mut Weights) -> Result<(Normed, Linear)> {
    let inner = Normed::new(weights, "inference.projection.inner", width, width, 0.0)?;
    Ok((inner, linear(weights, "inference.projection.outer", width, width)?))
}
