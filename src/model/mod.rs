//! The models, one file each, over batches of documents.
//!
//! A batch ([`batch`]) goes through the encoder; entities are pooled and pairs of them get their local context
//! ([`pair`]) and the vectors of their two ends ([`base`]). ATLOP ([`atlop`]) classifies these ([`bilinear`]); DocRE-II
//! ([`docre_ii`]) and DocRE-SD ([`docre_sd`]) first let pairs learn from each other ([`attention`]), along the axes of
//! the document's matrix of pairs ([`pair_matrix`]). Each pair gets a logit for each relation and for the threshold
//! class, which is class 0; [`loss`] trains them and [`decode`] reads them.
//!
//! To all else a model is what [`ModelConfig::build`] gives: a [`Model`].

pub mod atlop;
pub mod attention;
pub mod base;
pub mod batch;
pub mod bilinear;
pub mod decode;
pub mod docre_ii;
pub mod docre_sd;
mod layers;
pub mod loss;
pub mod pair;
pub mod pair_matrix;

use candle_core::{Result, Tensor};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::encoder::{Encoder, EncoderConfig, Weights};
use crate::random::Random;
use crate::settings::{Fields, from_fields};
use atlop::{Atlop, AtlopConfig};
use batch::Example;
use docre_ii::{DocreIi, DocreIiConfig};
use docre_sd::{Distillation, DocreSd, DocreSdConfig};

/// What training and scoring ask of every model.
pub trait Model: Send + Sync {
    /// The encoder.
    fn encoder(&self) -> &Encoder;

    /// What it thinks of all pairs of some documents, in order; `None` where they have no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    fn score(&self, examples: &[Example]) -> Result<Option<Scores>>;

    /// What there is to learn from some documents; `None` where they have no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>>;

    /// After a step: what the model keeps beside its variables.
    ///
    /// # Errors
    /// Where the device refuses.
    fn follow(&self) -> Result<()> {
        Ok(())
    }

    /// The mean |weight| with which it looks at features and at predicted relations, where it looks at both.
    ///
    /// # Errors
    /// Where the device refuses.
    fn mean_weights(&self) -> Result<Option<[f64; 2]>> {
        Ok(None)
    }
}

/// What a model thinks of pairs.
#[derive(Debug, Clone)]
pub struct Scores {
    /// `(pairs, classes)` in f32.
    pub logits: Tensor,
    /// The same before inference, where the model has an inference module.
    pub base: Option<Tensor>,
    /// The iteration at which each pair's prediction last changed, 0 for never, where the model iterates.
    pub changed: Option<Vec<u32>>,
}

/// What a model learns from.
#[derive(Debug, Clone)]
pub struct Lesson<'a> {
    /// Documents with labels.
    pub examples: &'a [Example],
    /// The share of the stage's steps that are done.
    pub progress: f64,
    /// A teacher's logits of their pairs, `(pairs, classes)`, where there is a teacher.
    pub teacher: Option<Tensor>,
}

/// What a model learns: scalars, means over pairs.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The adaptive-threshold losses of its predictions.
    pub threshold: Tensor,
    /// What its training adds to them.
    pub auxiliary: Option<Tensor>,
}

impl From<Tensor> for Scores {
    fn from(logits: Tensor) -> Self {
        Self { logits, base: None, changed: None }
    }
}

impl From<Tensor> for Loss {
    fn from(threshold: Tensor) -> Self {
        Self { threshold, auxiliary: None }
    }
}

impl Loss {
    /// The sum.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn total(&self) -> Result<Tensor> {
        match &self.auxiliary {
            Some(auxiliary) => &self.threshold + auxiliary,
            None => Ok(self.threshold.clone()),
        }
    }
}

/// The widest vectors that a model may have: more is a slip.
const GREATEST_WIDTH: usize = 1 << 16;
/// The most layers, heads and iterations that a model may have: more is a slip.
pub const MOST: usize = 1000;

/// Whether a count is one that a model may have.
fn check_count(name: &str, count: usize, least: usize, most: usize) -> std::result::Result<(), String> {
    match count {
        _ if (least..=most).contains(&count) => Ok(()),
        _ => Err(format!("`{name}`: expected {least} to {most}, got {count}")),
    }
}

/// Whether vectors of a width can be cut into such blocks.
fn check_blocks(embedding: usize, block: usize) -> std::result::Result<(), String> {
    check_count("embedding", embedding, 1, GREATEST_WIDTH)?;
    match block {
        1.. if embedding.is_multiple_of(block) => Ok(()),
        _ => Err(format!("`block`: expected a divisor of {embedding}, got {block}")),
    }
}

/// What a model is made for.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The encoder's shape.
    pub encoder: &'a EncoderConfig,
    /// Classes, the threshold included.
    pub n_classes: usize,
    /// Relations that a pair is given at most.
    pub most_labels: usize,
}

/// A model's kind and its shape beside the encoder's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// ATLOP (Zhou et al. 2021).
    Atlop(AtlopConfig),
    /// DocRE-II (Zhang et al. 2022).
    DocreIi(DocreIiConfig),
    /// DocRE-SD (Zhang et al. 2023).
    DocreSd(DocreSdConfig),
}

/// What `kind` may say.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Atlop,
    DocreIi,
    DocreSd,
}

impl<'de> Deserialize<'de> for ModelConfig {
    /// The settings that `kind` has; serde's own way would not tell which of them does not fit.
    fn deserialize<D: Deserializer<'de>>(source: D) -> std::result::Result<Self, D::Error> {
        let mut fields = Fields::deserialize(source)?;
        let kind = fields.take("kind").ok_or_else(|| D::Error::missing_field("kind"))?;
        Ok(match Kind::deserialize(kind).map_err(|error| D::Error::custom(format!("`kind`: {error}")))? {
            Kind::Atlop => Self::Atlop(from_fields(fields)?),
            Kind::DocreIi => Self::DocreIi(from_fields(fields)?),
            Kind::DocreSd => Self::DocreSd(from_fields(fields)?),
        })
    }
}

impl ModelConfig {
    /// The model over some weights.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn build(&self, task: &Task, weights: &mut Weights) -> Result<Box<dyn Model>> {
        Ok(match self {
            Self::Atlop(config) => Box::new(Atlop::new(task, config, weights)?),
            Self::DocreIi(config) => Box::new(DocreIi::new(task, config, weights)?),
            Self::DocreSd(config) => Box::new(DocreSd::new(task, config, weights)?),
        })
    }

    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::Atlop(config) => check_blocks(config.embedding, config.block),
            Self::DocreIi(config) => config.check(),
            Self::DocreSd(config) => config.check(),
        }
    }

    /// Whether it learns from a teacher's predictions.
    pub fn has_teacher(&self) -> bool {
        matches!(self, Self::DocreSd(config) if config.distillation == Distillation::Teacher)
    }

    /// The part of the model that can be trained before the whole, where there is one: it classifies features as they
    /// are.
    pub fn base(&self) -> Option<Self> {
        let base = match self {
            Self::DocreIi(config) if config.iterations > 0 => DocreIiConfig { iterations: 0, ..config.clone() },
            Self::DocreSd(config) => {
                let DocreSdConfig { embedding, block, pair_feature, .. } = *config;
                DocreIiConfig { embedding, block, pair_feature, iterations: 0, ..DocreIiConfig::default() }
            }
            _ => return None,
        };
        Some(Self::DocreIi(base))
    }

    /// Whether its paper trains that part first.
    pub fn is_staged(&self) -> bool {
        matches!(self, Self::DocreIi(_))
    }

    /// What the names of the variables begin with that it has beside its base, where it has a base.
    pub fn module(&self) -> Option<&'static str> {
        match self {
            Self::Atlop(_) => None,
            Self::DocreIi(_) => Some("inference"),
            Self::DocreSd(_) => Some("reasoning"),
        }
    }
}
