//! What the models have in common before they reason: the vectors of a pair's ends, and its feature.

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use encoder::{Encoded, Encoder, EncoderConfig, Input};
use ground::settings::within;
use nn::layers::linear;
use nn::ops::{Places, add_bias, gather, matmul, relu};
use nn::{Linear, Mode, Weights};

use crate::bilinear::Bilinear;
use crate::bounds::{GREATEST_WIDTH, check_blocks};
use crate::chunks::by_rows;
use crate::example::Example;
use crate::pair::{PairFeatures, Pooled, features};

/// The encoder and the vectors of a pair's two ends, in the names of ATLOP's published checkpoints: `model.*`,
/// `head_extractor`, `tail_extractor`.
#[derive(Debug, Clone)]
pub struct Ends {
    encoder: Encoder,
    head_extractor: Linear,
    tail_extractor: Linear,
    width: usize,
    /// The encoder's.
    hidden: usize,
}

impl Ends {
    /// Ends of a width, whose variables stand in `weights`.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(encoder: &EncoderConfig, width: usize, weights: &mut Weights) -> Result<Self> {
        // First the encoder, whose weights are given where it is pretrained: a file that lies about its width is found
        // out before anything of that width is drawn.
        let built = Encoder::new(encoder, weights, "model")?;
        Ok(Self {
            encoder: built,
            head_extractor: linear(weights, "head_extractor", width, 2 * encoder.hidden_size)?,
            tail_extractor: linear(weights, "tail_extractor", width, 2 * encoder.hidden_size)?,
            width,
            hidden: encoder.hidden_size,
        })
    }

    /// The ends of all pairs of a batch in order; `None` where it has no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<[Tensor; 2]>> {
        features(examples, &self.encode(examples, mode)?)?.map(|pairs| self.of(&pairs)).transpose()
    }

    /// What the encoder makes of a batch.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn encode(&self, examples: &[Example], mode: &mut Mode) -> Result<Encoded> {
        let inputs: Vec<Input> = examples.iter().map(Example::input).collect();
        self.encoder.encode(&inputs, mode)
    }

    /// `z_s = tanh(W_s [h_s; c_so])` and `z_o = tanh(W_o [h_o; c_so])`, `(pairs, width)` each.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn of(&self, pairs: &PairFeatures) -> Result<[Tensor; 2]> {
        Ok([extract(&self.head_extractor, pairs, &pairs.heads)?, extract(&self.tail_extractor, pairs, &pairs.tails)?])
    }

    /// Numbers that training holds of each pair of a document, of its ends, its feature and a loss over classes.
    pub fn training_numbers(&self, example: &Example, n_classes: usize) -> u64 {
        (32 * self.width + 8 * self.hidden + 7 * example.ids.len() + 32 * n_classes) as u64
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

/// `tanh(W [h; c] + b)`, with the products of each entity and of each context made once, and added up in f32, as are
/// their gradients over pairs: `(pairs, width)`.
fn extract(linear: &Linear, pairs: &PairFeatures, ends: &Places) -> Result<Tensor> {
    let (hidden, of) = (pairs.entities.dim(1)?, pairs.entities.dtype());
    let half = |part: &Tensor, first| {
        matmul(part, &linear.weight.narrow(1, first, hidden)?.to_dtype(of)?.t()?)?.to_dtype(DType::F32)
    };
    let of_entities = gather(&add_bias(&half(&pairs.entities, 0)?, &linear.bias)?, ends)?;
    let of_contexts = gather(&half(&pairs.contexts, hidden)?, &pairs.context_of)?;
    (of_entities + of_contexts)?.tanh()?.to_dtype(of)
}

/// How the two ends make the feature of their pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairFeature {
    /// A feed-forward network over both, as in the papers.
    #[default]
    Ffn,
    /// Their grouped bilinear product, as in the released programs.
    GroupedBilinear,
}

impl PairFeature {
    /// Whether vectors of a width can make it, in such blocks where it has blocks.
    ///
    /// # Errors
    /// The field that does not fit, expected then got.
    pub fn check(self, embedding: usize, block: usize) -> std::result::Result<(), String> {
        match self {
            Self::Ffn => within("embedding", embedding, 1, GREATEST_WIDTH),
            Self::GroupedBilinear => check_blocks(embedding, block),
        }
    }
}

/// A pair's feature from its ends.
#[derive(Debug, Clone)]
pub struct PairBase {
    ends: Ends,
    feature: Feature,
}

#[derive(Debug, Clone)]
enum Feature {
    Ffn { inner: Linear, outer: Linear },
    GroupedBilinear(Bilinear),
}

impl PairBase {
    /// Features of a width; `block` is that of a grouped bilinear product.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(
        encoder: &EncoderConfig,
        (feature, width, block): (PairFeature, usize, usize),
        weights: &mut Weights,
    ) -> Result<Self> {
        let feature = match feature {
            PairFeature::Ffn => Feature::Ffn {
                inner: linear(weights, "pair_feature.inner", width, 2 * width)?,
                outer: linear(weights, "pair_feature.outer", width, width)?,
            },
            PairFeature::GroupedBilinear => {
                Feature::GroupedBilinear(Bilinear::new(weights, "pair_feature", width, block, width)?)
            }
        };
        Ok(Self { ends: Ends::new(encoder, width, weights)?, feature })
    }

    /// `F_so` of all pairs of a batch in order, `(pairs, width)`; `None` where it has no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<Tensor>> {
        let encoded = self.ends.encode(examples, mode)?;
        let Some(pooled) = Pooled::new(examples, &encoded)? else { return Ok(None) };
        let [features] = by_rows(pooled.n_pairs(), pooled.pairs_at_once(mode.rows_at_once()), |rows| {
            Ok([self.feature(self.ends.of(&pooled.features(&rows)?)?)?])
        })?;
        Ok(Some(features))
    }

    /// `F_so` of pairs by the vectors of their ends.
    fn feature(&self, [heads, tails]: [Tensor; 2]) -> Result<Tensor> {
        match &self.feature {
            Feature::Ffn { inner, outer } => {
                outer.forward(&relu(&inner.product(&Tensor::cat(&[heads, tails], 1)?)?, &inner.bias)?)
            }
            // Beside ATLOP's logits it gives features here: what follows computes with them as with all others.
            Feature::GroupedBilinear(bilinear) => bilinear.forward(&heads, &tails)?.to_dtype(heads.dtype()),
        }
    }

    /// Where pairs begin.
    pub fn ends(&self) -> &Ends {
        &self.ends
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        self.ends.encoder()
    }
}
