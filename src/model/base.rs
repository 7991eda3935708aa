//! What the models have in common before they reason: the vectors of a pair's ends, and its feature.
//!
//! What the released programs of DocRE-II and DocRE-SD do otherwise than their papers say is there by settings: the mean
//! of the last layers, both markers of a mention, the vector of the document beside each end, and what becomes of the
//! grouped bilinear product.

use candle_core::{DType, Error, Result, Tensor, bail};
use serde::{Deserialize, Serialize};

use encoder::{Encoded, Encoder, EncoderConfig, Input};
use ground::settings::within;
use nn::layers::{Settled, linear};
use nn::ops::{Places, add_bias, gather, matmul, relu};
use nn::{Linear, Mode, Weights};

use crate::bilinear::Bilinear;
use crate::bounds::{GREATEST_WIDTH, MOST, check_blocks};
use crate::chunks::by_rows;
use crate::evidence::Taught;
use crate::example::{Example, Kept};
use crate::pair::{Mentions, PairFeatures, Pooled, Pooling, features};

/// The encoder and the vectors of a pair's two ends, in the names of ATLOP's published checkpoints: `model.*`,
/// `head_extractor`, `tail_extractor`.
#[derive(Debug, Clone)]
pub struct Ends {
    encoder: Encoder,
    head_extractor: Linear,
    tail_extractor: Linear,
    pooling: Pooling,
    width: usize,
    /// The encoder's.
    hidden: usize,
}

/// The shape of a base beside its encoder's.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Width of vectors.
    pub width: usize,
    /// Width of a block of a grouped bilinear product.
    pub block: usize,
    /// How a pair's feature is made.
    pub feature: PairFeature,
    /// How many of the encoder's last layers are read.
    pub averaged_layers: usize,
    /// What mentions are.
    pub mentions: Mentions,
    /// Whether features of the released programs end in dropout and a norm.
    pub normed: bool,
    /// What teaches it what is evidence.
    pub taught: Taught,
}

impl Ends {
    /// Ends of a shape, whose variables stand in `weights`.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(encoder: &EncoderConfig, shape: &Shape, weights: &mut Weights) -> Result<Self> {
        // First the encoder, whose weights are given where it is pretrained: a file that lies about its width is found
        // out before anything of that width is drawn.
        let built = Encoder::new(encoder, weights, "model")?.averaging(shape.averaged_layers)?;
        let released = shape.feature == PairFeature::Released;
        let Taught { attention, .. } = shape.taught;
        let pooling =
            Pooling { mentions: shape.mentions, released, sentences: shape.taught.is_any(), pieces: attention > 0.0 };
        let of = if pooling.released { 3 } else { 2 } * encoder.hidden_size;
        Ok(Self {
            encoder: built,
            head_extractor: linear(weights, "head_extractor", shape.width, of)?,
            tail_extractor: linear(weights, "tail_extractor", shape.width, of)?,
            pooling,
            width: shape.width,
            hidden: encoder.hidden_size,
        })
    }

    /// What classifiers see of all pairs of a batch in order; `None` where it has no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<PairFeatures>> {
        features(examples, &self.encode(examples, mode)?, self.pooling_in(mode))
    }

    /// The shares that pieces have of the contexts of the pairs of some documents, as [`crate::Model::attention`] has them.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn attention(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        let encoded = self.encode(examples, &mut Mode::Evaluate)?;
        let pairs = features(examples, &encoded, Pooling { sentences: false, pieces: true, ..self.pooling })?;
        pairs.map_or(Ok(None), |pairs| pairs.pieces())
    }

    /// What is made of a batch: what pieces are to its pairs is asked for where that is learnt.
    fn pooling_in(&self, mode: &Mode) -> Pooling {
        Pooling { pieces: self.pooling.pieces && matches!(mode, Mode::Train(_)), ..self.pooling }
    }

    /// What the encoder makes of a batch.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn encode(&self, examples: &[Example], mode: &mut Mode) -> Result<Encoded> {
        let rows = examples.iter().map(|example| self.pooling.mentions.rows(example)).collect::<Result<Vec<_>>>()?;
        let inputs: Vec<Input> =
            examples.iter().zip(&rows).map(|(example, rows)| Input { ids: &example.ids, rows }).collect();
        self.encoder.encode(&inputs, mode)
    }

    /// A batch as the encoder reads it in a mode; `None` where it has no pair.
    ///
    /// # Errors
    /// Where the examples are not those that were encoded.
    pub fn pool<'e>(&self, examples: &'e [Example], encoded: &'e Encoded, mode: &Mode) -> Result<Option<Pooled<'e>>> {
        Pooled::new(examples, encoded, self.pooling_in(mode))
    }

    /// `z_s = tanh(W_s [h_s; c_so])` and `z_o = tanh(W_o [h_o; c_so])`, `(pairs, width)` each; with the document's vector
    /// `[h_s; c_so; d]` and `[h_o; c_so; d]`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn of(&self, pairs: &PairFeatures) -> Result<[Tensor; 2]> {
        Ok([extract(&self.head_extractor, pairs, &pairs.heads)?, extract(&self.tail_extractor, pairs, &pairs.tails)?])
    }

    /// Numbers that training holds of each pair of a document, of its ends, its feature and a loss over classes.
    pub fn training_numbers(&self, example: &Example, n_classes: usize) -> u64 {
        // The shares of sentences come of those of pieces, whose gradients add up; beside a teacher's stand those of both
        // directions of a pair, their logarithms and differences, and the gradients of all.
        let of_sentences = if self.pooling.sentences { 2 } else { 0 };
        let of_pieces = if self.pooling.pieces { 9 } else { 0 };
        let pieces = (7 + of_sentences + of_pieces) * example.ids.len();
        (32 * self.width + 8 * self.hidden + pieces + 32 * n_classes) as u64
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

/// `tanh(W [h; c] + b)`, or that of `[h; c; d]`, with the products of each entity, of each context and of each document
/// made once, and added up in f32, as are their gradients over pairs: `(pairs, width)`.
fn extract(linear: &Linear, pairs: &PairFeatures, ends: &Places) -> Result<Tensor> {
    let (hidden, of) = (pairs.entities.dim(1)?, pairs.entities.dtype());
    let share = |part: &Tensor, first| {
        matmul(part, &linear.weight.narrow(1, first, hidden)?.to_dtype(of)?.t()?)?.to_dtype(DType::F32)
    };
    let of_entities = gather(&add_bias(&share(&pairs.entities, 0)?, &linear.bias)?, ends)?;
    let of_contexts = gather(&share(&pairs.contexts, hidden)?, &pairs.context_of)?;
    let mut sum = (of_entities + of_contexts)?;
    if let Some((documents, places)) = &pairs.documents {
        sum = (sum + gather(&share(documents, 2 * hidden)?, places)?)?;
    }
    sum.tanh()?.to_dtype(of)
}

/// How the two ends make the feature of their pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairFeature {
    /// A feed-forward network over both, as in the papers.
    #[default]
    Ffn,
    /// Their grouped bilinear product.
    GroupedBilinear,
    /// As in the released programs of DocRE-II and DocRE-SD: `relu` of their grouped bilinear product, in DocRE-SD with
    /// dropout and a norm after it; each end is made of its document's vector, too.
    Released,
}

impl PairFeature {
    /// Whether vectors of a width can make it, in such blocks where it has blocks.
    ///
    /// # Errors
    /// The field that does not fit, expected then got.
    pub fn check(self, embedding: usize, block: usize) -> std::result::Result<(), String> {
        match self {
            Self::Ffn => within("embedding", embedding, 1, GREATEST_WIDTH),
            Self::GroupedBilinear | Self::Released => check_blocks(embedding, block),
        }
    }
}

/// Whether so many of an encoder's layers may be read.
///
/// # Errors
/// Expected, then got.
pub fn check_layers(averaged: usize) -> std::result::Result<(), String> {
    within("averaged_layers", averaged, 1, MOST)
}

/// What a base makes of the pairs of a batch, in order.
#[derive(Debug, Clone)]
pub struct PairsRead {
    /// `F_so`: `(pairs, width)`.
    pub features: Tensor,
    /// The shares that sentences have of their contexts, `(pairs, sentences)` in f32, where these are learnt and made.
    pub sentences: Option<Tensor>,
    /// The same of pieces, `(pairs, pieces)`, in training.
    pub pieces: Option<Tensor>,
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
    Released { product: Bilinear, norm: Option<Settled> },
}

impl PairBase {
    /// Features of a shape.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(encoder: &EncoderConfig, shape: &Shape, weights: &mut Weights) -> Result<Self> {
        let &Shape { width, block, .. } = shape;
        let product = |weights: &mut Weights| Bilinear::new(weights, "pair_feature", width, block, width);
        let feature = match shape.feature {
            PairFeature::Ffn => Feature::Ffn {
                inner: linear(weights, "pair_feature.inner", width, 2 * width)?,
                outer: linear(weights, "pair_feature.outer", width, width)?,
            },
            PairFeature::GroupedBilinear => Feature::GroupedBilinear(product(weights)?),
            PairFeature::Released => {
                let rates = [encoder.layer_norm_eps, encoder.hidden_dropout_prob];
                // Over a base that has learnt to classify features with a norm of its own it begins as that.
                let mut norm = || Settled::alike(weights, ["pair_feature", "classifier"], width, rates);
                let norm = shape.normed.then(&mut norm).transpose()?;
                Feature::Released { product: product(weights)?, norm }
            }
        };
        Ok(Self { ends: Ends::new(encoder, shape, weights)?, feature })
    }

    /// `F_so` of all pairs of a batch in order, `(pairs, width)`; `None` where it has no pair. What was kept of them is
    /// given as it is.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary, or what was kept is not of these pairs.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<Tensor>> {
        Ok(self.read(examples, mode)?.map(|read| read.features))
    }

    /// The same, and what sentences are to the same pairs.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn read(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<PairsRead>> {
        if let Some(kept) = kept(examples)? {
            let features = kept.to_device(self.ends.head_extractor.weight.device())?;
            return Ok(Some(PairsRead { features, sentences: None, pieces: None }));
        }
        let encoded = self.ends.encode(examples, mode)?;
        let Some(pooled) = self.ends.pool(examples, &encoded, mode)? else { return Ok(None) };
        let (n_pairs, at_once) = (pooled.n_pairs(), pooled.pairs_at_once(mode.rows_at_once()));
        let mut read = |rows| {
            let pairs = pooled.features(&rows)?;
            let features = self.feature(self.ends.of(&pairs)?, mode)?;
            Ok::<_, Error>(PairsRead { features, sentences: pairs.sentences()?, pieces: pairs.pieces()? })
        };
        if n_pairs <= at_once {
            return read(0..n_pairs).map(Some);
        }
        // None trains: of pieces nothing is asked.
        if !self.ends.pooling.sentences {
            let [features] = by_rows(n_pairs, at_once, |rows| Ok([read(rows)?.features]))?;
            return Ok(Some(PairsRead { features, sentences: None, pieces: None }));
        }
        let [features, sentences] = by_rows(n_pairs, at_once, |rows| match read(rows)? {
            PairsRead { features, sentences: Some(sentences), .. } => Ok([features, sentences]),
            PairsRead { .. } => bail!("expected the shares of sentences, found none"),
        })?;
        Ok(Some(PairsRead { features, sentences: Some(sentences), pieces: None }))
    }

    /// `F_so` of pairs by the vectors of their ends.
    fn feature(&self, [heads, tails]: [Tensor; 2], mode: &mut Mode) -> Result<Tensor> {
        match &self.feature {
            Feature::Ffn { inner, outer } => {
                outer.forward(&relu(&inner.product(&Tensor::cat(&[heads, tails], 1)?)?, &inner.bias)?)
            }
            // Beside ATLOP's logits it gives features here: what follows computes with them as with all others.
            Feature::GroupedBilinear(bilinear) => bilinear.forward(&heads, &tails)?.to_dtype(heads.dtype()),
            Feature::Released { product, norm } => {
                let feature = product.forward(&heads, &tails)?.relu()?.to_dtype(heads.dtype())?;
                norm.as_ref().map_or(Ok(feature.clone()), |norm| norm.forward(&feature, mode))
            }
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
