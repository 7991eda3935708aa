//! What the models have in common before they reason: the vectors of a pair's ends, and its feature.

use candle_core::{DType, Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use encoder::{Encoded, Encoder, EncoderConfig, Input};
use ground::settings::within;
use nn::layers::linear;
use nn::ops::{Places, add_bias, gather, matmul, relu};
use nn::{Linear, Mode, Weights};

use crate::bilinear::Bilinear;
use crate::bounds::{GREATEST_WIDTH, check_blocks};
use crate::chunks::by_rows;
use crate::example::{Example, Kept};
use crate::pair::{PairFeatures, Pooled, features};

/// The encoder and the vectors of a pair's two ends, in the names of ATLOP's published checkpoints: `model.*`,
/// `head_extractor`, `tail_extractor`.
#[derive(Debug, Clone)]
pub struct Ends {
    encoder: Encoder,
    head_extractor: Linear,
    tail_extractor: Linear,
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

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

/// The features of all pairs of a batch that were kept; `None` where those of no document were.
fn kept(examples: &[Example]) -> Result<Option<Tensor>> {
    let kept = examples.iter().filter(|example| !example.pairs.is_empty()).map(|example| (example, &example.kept));
    if kept.clone().all(|(_, kept)| kept.is_none()) {
        return Ok(None);
    }
    let rows = kept.map(|(example, kept)| match kept {
        Some(Kept(rows)) if rows.dim(0)? == example.pairs.len() => Ok(rows),
        Some(Kept(rows)) => {
            let (expected, got) = (example.pairs.len(), rows.dim(0)?);
            bail!("document `{}`: expected kept features of {expected} pairs, got {got}", example.doc_id)
        }
        None => bail!("document `{}`: expected kept features, as others of its batch have", example.doc_id),
    });
    Tensor::cat(&rows.collect::<Result<Vec<_>>>()?, 0).map(Some)
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

    /// `F_so` of all pairs of a batch in order, `(pairs, width)`; `None` where it has no pair. What was kept of them is
    /// given as it is.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary, or what was kept is not of these pairs.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<Tensor>> {
        if let Some(kept) = kept(examples)? {
            return kept.to_device(self.ends.head_extractor.weight.device()).map(Some);
        }
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

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        self.ends.encoder()
    }
}
