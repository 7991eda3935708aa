//! DocRE-SD's reasoning layers: a pair attends to couples of pairs that meet in a bridge.

use std::ops::Range;

use candle_core::{Result, Tensor};

use ground::pattern::Pattern;
use nn::layers::{Activation, FeedForward, Normed, linear};
use nn::ops::{add_bias, dropout, gelu, matmul, mix};
use nn::{Init, Linear, Mode, Weights};

use super::config::DocreSdConfig;
use crate::attention::Matrices;
use crate::attention::{Heads, Reach, rows_at_once};
use crate::chunks::{by_rows, rows_of};
use crate::pair_matrix::Axis;

/// The axes of a pattern's first and its second pair.
pub fn axes(pattern: Pattern) -> &'static [Axis] {
    match pattern {
        Pattern::Forward => &[Axis::HeadRow, Axis::TailColumn],
        Pattern::Inward => &[Axis::HeadRow, Axis::TailRow],
        Pattern::Backward => &[Axis::TailRow, Axis::HeadColumn],
        Pattern::Outward => &[Axis::HeadColumn, Axis::TailColumn],
    }
}

/// Reasoning multi-head self-attention (R-MSA): each head has one pattern.
///
/// Key and value of the bridge i are linear in its two pairs: `W [k₁; k₂] + b = W₁k₁ + (W₂k₂ + b)` with `W = [W₁, W₂]`.
/// So what each pair is as the first and as the second of a couple is computed once for each pair. The pair itself is one
/// more key, as it is.
#[derive(Debug, Clone)]
pub struct ReasoningAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    /// Of each head: `(w, 2·w)` and `(w)`.
    bridge_keys: Vec<Linear>,
    bridge_values: Vec<Linear>,
    heads: Heads,
}

impl ReasoningAttention {
    /// The unit `NAME`: `query`, `key`, `value`, and for each head H `bridge_key.H` and `bridge_value.H`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(config: &DocreSdConfig, dropout: f64, weights: &mut Weights, name: &str) -> Result<Self> {
        let (embedding, n_heads) = (config.embedding, config.patterns.len());
        let width = embedding / n_heads.max(1);
        let mut bridges = |part: &str| -> Result<Vec<Linear>> {
            (0..n_heads).map(|head| linear(weights, &format!("{name}.{part}.{head}"), width, 2 * width)).collect()
        };
        let (bridge_keys, bridge_values) = (bridges("bridge_key")?, bridges("bridge_value")?);
        let mut part = |part: &str| linear(weights, &format!("{name}.{part}"), embedding, embedding);
        let reach = config.patterns.iter().map(|pattern| Reach::Along(axes(*pattern))).collect();
        Ok(Self {
            query: part("query")?,
            key: part("key")?,
            value: part("value")?,
            bridge_keys,
            bridge_values,
            heads: Heads { reach, itself: 0.0, dropout },
        })
    }

    /// What each pair gathers: `(pairs, width)` → `(pairs, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    #[cfg(test)]
    pub fn forward(&self, pairs: &Tensor, matrices: &Matrices, mode: &mut Mode) -> Result<Tensor> {
        let memory = self.remember(pairs, usize::MAX)?;
        self.gather(pairs, &(0..pairs.dim(0)?), &memory, matrices, mode)
    }

    /// Keys and values of each pair by itself, as the first and as the second of a couple, so many pairs at a time:
    /// `(pairs, width)` each.
    fn remember(&self, pairs: &Tensor, at_once: usize) -> Result<[Tensor; 6]> {
        by_rows(pairs.dim(0)?, at_once, |rows| {
            let pairs = rows_of(pairs, &rows)?;
            let (keys, values) = (self.key.forward(&pairs)?, self.value.forward(&pairs)?);
            let [first_keys, second_keys] = couples(&self.bridge_keys, &keys)?;
            let [first_values, second_values] = couples(&self.bridge_values, &values)?;
            Ok([keys, values, first_keys, first_values, second_keys, second_values])
        })
    }

    /// What some of the pairs gather from all.
    fn gather(
        &self,
        pairs: &Tensor,
        rows: &Range<usize>,
        [keys, values, first_keys, first_values, second_keys, second_values]: &[Tensor; 6],
        matrices: &Matrices,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let memory = [[keys, values], [first_keys, first_values], [second_keys, second_values]];
        self.heads.attend_rows(&self.query.forward(pairs)?, rows, &memory, matrices, mode)
    }
}

/// What pairs are as the first and as the second of a couple, head by head: `W₁k` and `W₂k + b`, `(pairs, width)` each.
fn couples(bridges: &[Linear], rows: &Tensor) -> Result<[Tensor; 2]> {
    let mut heads = [Vec::with_capacity(bridges.len()), Vec::with_capacity(bridges.len())];
    for (place, bridge) in bridges.iter().enumerate() {
        let (width, _) = bridge.weight.dims2()?;
        let rows = rows.narrow(1, place * width, width)?.contiguous()?;
        let half = |first| matmul(&rows, &bridge.weight.narrow(1, first, width)?.to_dtype(rows.dtype())?.t()?);
        heads[0].push(half(0)?);
        heads[1].push(add_bias(&half(width)?, &bridge.bias)?);
    }
    let [first, second] = heads.map(|heads| Tensor::cat(&heads, 1));
    Ok([first?, second?])
}

/// One reasoning layer.
#[derive(Debug, Clone)]
pub struct ReasoningLayer {
    attention: ReasoningAttention,
    update: Update,
}

/// What a layer makes of what its pairs gather.
#[derive(Debug, Clone)]
enum Update {
    FeedForward { output: Normed, inner: FeedForward },
    Highway(Highway),
}

impl ReasoningLayer {
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
    pub fn forward(&self, pairs: &Tensor, matrices: &Matrices, mode: &mut Mode) -> Result<Tensor> {
        let at_once = rows_at_once(pairs, mode);
        let memory = self.attention.remember(pairs, at_once)?;
        let [updated] = by_rows(pairs.dim(0)?, at_once, |rows| {
            let pairs = rows_of(pairs, &rows)?;
            let gathered = self.attention.gather(&pairs, &rows, &memory, matrices, mode)?;
            Ok([self.update(&gathered, &pairs, mode)?])
        })?;
        Ok(updated)
    }

    fn update(&self, gathered: &Tensor, pairs: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        match &self.update {
            Update::FeedForward { output, inner } => {
                let joined = output.forward(gathered, Some(pairs), mode)?;
                inner.forward(&joined, &joined, mode)
            }
            Update::Highway(highway) => highway.forward(gathered, pairs, mode),
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
        let mixed = mix(&self.gate.forward(&inner)?, &transformed, &inner)?;
        self.outer.forward(&mixed, Some(pairs), mode)
    }
}
