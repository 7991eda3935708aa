//! ATLOP: "Document-Level Relation Extraction with Adaptive Thresholding and Localized Context Pooling" (Zhou et al.
//! 2021), in the names of its published checkpoints: `model.*` (the encoder), `head_extractor`, `tail_extractor`,
//! `bilinear`.

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::batch::Example;
use super::bilinear::Bilinear;
use super::pair::{PairFeatures, features};
use crate::encoder::{Encoder, EncoderConfig, Init, Input, Linear, Mode, Weights};

/// The model's shape beside its encoder's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtlopConfig {
    /// Width of the head and tail vectors.
    pub embedding: usize,
    /// Width of a block of the grouped bilinear classifier.
    pub block: usize,
    /// Classes, the threshold included.
    pub classes: usize,
}

/// The model.
#[derive(Debug, Clone)]
pub struct Atlop {
    encoder: Encoder,
    head_extractor: Linear,
    tail_extractor: Linear,
    bilinear: Bilinear,
}

impl Atlop {
    /// A model whose variables stand in `weights`.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(encoder: &EncoderConfig, config: &AtlopConfig, weights: &mut Weights) -> Result<Self> {
        let of = 2 * encoder.hidden_size;
        let init = Init::Uniform((of as f64).powf(-0.5));
        let mut extractor = |name| Linear::new(weights, name, (config.embedding, of), [init; 2]);
        Ok(Self {
            head_extractor: extractor("head_extractor")?,
            tail_extractor: extractor("tail_extractor")?,
            bilinear: Bilinear::new(weights, "bilinear", config.embedding, config.block, config.classes)?,
            encoder: Encoder::new(encoder, weights, "model")?,
        })
    }

    /// Logits of all pairs of a batch in order, `(pairs, classes)` in f32; `None` where it has no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<Tensor>> {
        let inputs: Vec<Input> = examples.iter().map(Example::input).collect();
        let encoded = self.encoder.encode(&inputs, mode)?;
        features(examples, &encoded)?.map(|pairs| self.classify(&pairs)).transpose()
    }

    /// `z_s = tanh(W_s [h_s; c_so])`, `z_o = tanh(W_o [h_o; c_so])`, and the classifier's logits.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn classify(&self, pairs: &PairFeatures) -> Result<Tensor> {
        let heads = extract(&self.head_extractor, pairs, &pairs.heads)?;
        let tails = extract(&self.tail_extractor, pairs, &pairs.tails)?;
        self.bilinear.forward(&heads, &tails)?.to_dtype(DType::F32)
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

/// `tanh(W [h; c] + b)`, with the products of each entity and of each context made once, and added up in f32, as are
/// their gradients over pairs: `(pairs, embedding)`.
fn extract(linear: &Linear, pairs: &PairFeatures, ends: &Tensor) -> Result<Tensor> {
    let (hidden, of) = (pairs.entities.dim(1)?, pairs.entities.dtype());
    let half = |part: &Tensor, first| {
        part.matmul(&linear.weight.narrow(1, first, hidden)?.to_dtype(of)?.t()?)?.to_dtype(DType::F32)
    };
    let of_entities = half(&pairs.entities, 0)?.broadcast_add(&linear.bias)?.index_select(ends, 0)?;
    let of_contexts = half(&pairs.contexts, hidden)?.index_select(&pairs.context_of, 0)?;
    (of_entities + of_contexts)?.tanh()?.to_dtype(of)
}
