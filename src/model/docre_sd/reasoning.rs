//! DocRE-SD's reasoning layers: a pair attends to couples of pairs that meet in a bridge.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops::sigmoid;
use serde::{Deserialize, Serialize};

use super::DocreSdConfig;
use crate::encoder::ops::{dropout, gelu};
use crate::encoder::{Init, Linear, Mode, Weights};
use crate::model::layers::{Activation, FeedForward, Normed, linear};
use crate::model::pair_matrix::{Axis, PairMatrix, by_document};

/// How two pairs meet in a bridge i between head s and tail o, under the names that the metrics give these patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// (s, i) and (i, o).
    #[serde(rename = "s>i,i>o")]
    Forward,
    /// (s, i) and (o, i).
    #[serde(rename = "s>i,o>i")]
    Inward,
    /// (o, i) and (i, s).
    #[serde(rename = "o>i,i>s")]
    Backward,
    /// (i, s) and (i, o).
    #[serde(rename = "i>s,i>o")]
    Outward,
}

impl Pattern {
    /// All, in the order of the paper's heads.
    pub const ALL: [Self; 4] = [Self::Forward, Self::Inward, Self::Backward, Self::Outward];

    /// The axes of its first and its second pair.
    pub fn axes(self) -> [Axis; 2] {
        match self {
            Self::Forward => [Axis::HeadRow, Axis::TailColumn],
            Self::Inward => [Axis::HeadRow, Axis::TailRow],
            Self::Backward => [Axis::TailRow, Axis::HeadColumn],
            Self::Outward => [Axis::HeadColumn, Axis::TailColumn],
        }
    }
}

/// Reasoning multi-head self-attention (R-MSA): each head has one pattern.
///
/// Key and value of the bridge i are linear in its two pairs, `W [k₁; k₂] + b` with `W = [W₁, W₂]`. So a score is
/// `q·(W₁k₁ + W₂k₂ + b) = (qW₁)·k₁ + (qW₂)·k₂ + q·b`, two products along axes; and the sum of values with shares a is
/// `(Σ a v₁) W₁ᵀ + (Σ a v₂) W₂ᵀ + b Σ a`. The pair itself is one more key, as it is.
#[derive(Debug, Clone)]
pub struct ReasoningAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    heads: Vec<Head>,
    dropout: f64,
}

#[derive(Debug, Clone)]
struct Head {
    pattern: Pattern,
    /// `(width, 2·width)` and `(width)`, each.
    key: Linear,
    value: Linear,
}

impl ReasoningAttention {
    /// The unit `NAME`: `query`, `key`, `value`, and for each head H `bridge_key.H` and `bridge_value.H`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(config: &DocreSdConfig, dropout: f64, weights: &mut Weights, name: &str) -> Result<Self> {
        let (embedding, width) = (config.embedding, config.embedding / config.patterns.len().max(1));
        let part = |weights: &mut Weights, part: &str| linear(weights, &format!("{name}.{part}"), embedding, embedding);
        let head = |weights: &mut Weights, place: usize, pattern: Pattern| {
            let mut bridge = |part: &str| linear(weights, &format!("{name}.{part}.{place}"), width, 2 * width);
            Ok::<_, candle_core::Error>(Head { pattern, key: bridge("bridge_key")?, value: bridge("bridge_value")? })
        };
        let heads = config.patterns.iter().enumerate().map(|(place, &pattern)| head(weights, place, pattern));
        Ok(Self {
            heads: heads.collect::<Result<_>>()?,
            query: part(weights, "query")?,
            key: part(weights, "key")?,
            value: part(weights, "value")?,
            dropout,
        })
    }

    /// What each pair gathers: `(pairs, width)` → `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, pairs: &Tensor, matrices: &[PairMatrix], mode: &mut Mode) -> Result<Tensor> {
        let width = pairs.dim(1)? / self.heads.len();
        let queries = self.query.forward(pairs)?;
        let (keys, values) = (self.key.forward(pairs)?, self.value.forward(pairs)?);
        by_document(matrices, [&queries, &keys, &values], |matrix, rows| {
            let mut gathered = Vec::with_capacity(self.heads.len());
            for (place, head) in self.heads.iter().enumerate() {
                let mut parts = rows.clone();
                for part in &mut parts {
                    *part = part.narrow(1, place * width, width)?.contiguous()?;
                }
                gathered.push(head.forward(matrix, &parts, self.dropout, mode)?);
            }
            Tensor::cat(&gathered, 1)
        })
    }
}

impl Head {
    fn forward(
        &self,
        matrix: &PairMatrix,
        [queries, keys, values]: &[Tensor; 3],
        probability: f64,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let [first, second] = self.pattern.axes();
        let score = |axis, half| matrix.scores(axis, &queries.matmul(&half)?, keys)?.to_dtype(DType::F32);
        let [of_first, of_second] = halves(&self.key.weight, keys)?;
        let scale = (queries.dim(1)? as f64).powf(-0.5);
        let scores = ((score(first, of_first)? + score(second, of_second)?)? * scale)?;
        let scores = scores.broadcast_add(&matrix.hidden(first)?)?.broadcast_add(&matrix.hidden(second)?)?;
        // The bias adds q·b to all bridges alike; a softmax does not see whether the pair itself loses it instead.
        let own = keys.broadcast_sub(&self.key.bias.to_dtype(keys.dtype())?)?;
        let own = ((queries * own)?.sum_keepdim(1)? * scale)?;
        let [of_own, shares] = matrix.shares(&own, &scores, probability, mode)?;
        let (of_own, shares) = (of_own.to_dtype(values.dtype())?, shares.to_dtype(values.dtype())?);
        let [from_first, from_second] = halves(&self.value.weight, values)?;
        let value = |axis, half: Tensor| matrix.values(axis, &shares, values)?.matmul(&half.t()?);
        let bias = matrix.totals(&shares)?.matmul(&self.value.bias.to_dtype(values.dtype())?.unsqueeze(0)?)?;
        let bridged = ((value(first, from_first)? + value(second, from_second)?)? + bias)?;
        values.broadcast_mul(&of_own)? + bridged
    }
}

/// `(width, 2·width)` → two of `(width, width)`, in the type of some rows.
fn halves(weight: &Tensor, like: &Tensor) -> Result<[Tensor; 2]> {
    let (width, _) = weight.dims2()?;
    let half = |first| weight.narrow(1, first, width)?.contiguous()?.to_dtype(like.dtype());
    Ok([half(0)?, half(width)?])
}

/// One reasoning layer.
#[derive(Debug, Clone)]
pub struct Layer {
    attention: ReasoningAttention,
    update: Update,
}

/// What a layer makes of what its pairs gather.
#[derive(Debug, Clone)]
enum Update {
    FeedForward { output: Normed, inner: FeedForward },
    Highway(Highway),
}

impl Layer {
    /// The layer `NAME`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(config: &DocreSdConfig, dropout: f64, weights: &mut Weights, name: &str) -> Result<Self> {
        let (width, part) = (config.embedding, |part: &str| format!("{name}.{part}"));
        let update = if config.highway {
            Update::Highway(Highway::new(width, dropout, weights, &part("highway"))?)
        } else {
            Update::FeedForward {
                output: Normed::new(weights, &part("output"), width, width, dropout)?,
                inner: FeedForward::new(weights, &part("update"), width, Activation::Gelu, dropout)?,
            }
        };
        Ok(Self { attention: ReasoningAttention::new(config, dropout, weights, &part("attention"))?, update })
    }

    /// `H = LN(F + W_O R-MSA(F) + b)`, `F ← LN(H + FNN(H))`; or the highway. `(pairs, width)` → `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, pairs: &Tensor, matrices: &[PairMatrix], mode: &mut Mode) -> Result<Tensor> {
        let gathered = self.attention.forward(pairs, matrices, mode)?;
        match &self.update {
            Update::FeedForward { output, inner } => {
                let joined = output.forward(&gathered, Some(pairs), mode)?;
                inner.forward(&joined, &joined, mode)
            }
            Update::Highway(highway) => highway.forward(&gathered, pairs, mode),
        }
    }
}

/// The released program's end of a layer: `D = W₁C + b₁`, `t = σ(W_t D + b_t)`,
/// `LN(F + W₃ (t∘gelu(W_h D + b_h) + (1 − t)∘D) + b₃)`.
#[derive(Debug, Clone)]
struct Highway {
    inner: Linear,
    transform: Linear,
    gate: Linear,
    outer: Normed,
    dropout: f64,
}

impl Highway {
    fn new(width: usize, dropout: f64, weights: &mut Weights, name: &str) -> Result<Self> {
        let part = |part: &str| format!("{name}.{part}");
        // At first little is transformed.
        let gate = [Init::Uniform((width as f64).powf(-0.5)), Init::Constant(-1.0)];
        Ok(Self {
            inner: linear(weights, &part("inner"), width, width)?,
            transform: linear(weights, &part("transform"), width, width)?,
            gate: Linear::new(weights, &part("gate"), (width, width), gate)?,
            outer: Normed::new(weights, &part("outer"), width, width, dropout)?,
            dropout,
        })
    }

    fn forward(&self, gathered: &Tensor, pairs: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let inner = dropout(&self.inner.forward(gathered)?, mode.drop(self.dropout))?;
        let transformed = gelu(&self.transform.product(&inner)?, &self.transform.bias)?;
        let gate = sigmoid(&self.gate.forward(&inner)?)?;
        let mixed = (&inner + (gate * (transformed - &inner)?)?)?;
        self.outer.forward(&mixed, Some(pairs), mode)
    }
}
