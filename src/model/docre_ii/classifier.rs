//! What classifies features of the base.

use candle_core::{DType, Result, Tensor};

use nn::layers::{Settled, linear};
use nn::{Init, Linear, Mode, Weights};

use crate::base::PairFeature;
use crate::contract::Task;

/// `W F + b`, in f32; of features of the released programs `W LN(dropout(F))`.
#[derive(Debug, Clone)]
pub enum Classifier {
    Plain(Linear),
    Released {
        norm: Settled,
        /// `(classes, width)`.
        weight: Tensor,
    },
}

impl Classifier {
    /// The layer `classifier`, and in the released programs the norm `classifier.LayerNorm`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(task: &Task, feature: PairFeature, width: usize, weights: &mut Weights) -> Result<Self> {
        if feature != PairFeature::Released {
            return Ok(Self::Plain(linear(weights, "classifier", task.n_classes, width)?));
        }
        let rates = [task.encoder.layer_norm_eps, task.encoder.hidden_dropout_prob];
        let init = Init::Uniform((width as f64).powf(-0.5));
        let weight = weights.take("classifier.weight", (task.n_classes, width), init)?;
        let norm = Settled::alike(weights, ["classifier", "classifier"], width, rates)?;
        Ok(Self::Released { norm, weight: weights.settled(weight)? })
    }

    /// The variables that a classifier of the same width can begin as.
    pub fn parts(&self) -> &'static [&'static str] {
        match self {
            Self::Plain(_) => &["weight", "bias"],
            Self::Released { .. } => &["weight"],
        }
    }

    /// `(pairs, width)` → `(pairs, classes)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, features: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        match self {
            Self::Plain(linear) => linear.forward(features)?.to_dtype(DType::F32),
            Self::Released { norm, weight } => {
                let settled = norm.forward(features, mode)?;
                settled.matmul(&weight.to_dtype(settled.dtype())?.t()?)?.to_dtype(DType::F32)
            }
        }
    }
}
