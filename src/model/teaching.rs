//! What a model learns from a teacher's logits, beside the labels: knowledge distillation (Hinton et al. 2015), whatever
//! the model is.

use candle_core::{D, Result, Tensor, bail};
use ground::settings::within;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::loss::{present, relative_entropy};
use crate::named::by_name;

/// The greatest weight: more is a slip.
const GREATEST: f64 = 1000.0;

/// How its predictions are to resemble the teacher's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Teaching {
    /// There is no teacher.
    #[default]
    None,
    /// The mean over pairs and classes of `(l − t)²` is added, times the weight: what KD-DocRE adds with weight 1 for
    /// documents with distant labels (Tan et al. 2022; `forward` in model.py of github.com/tonytan48/KD-DocRE).
    Mse {
        /// The weight.
        weight: f64,
    },
    /// The mean over pairs of `KL(softmax(t) ‖ softmax(l))` is added, times the weight.
    Kl {
        /// The weight.
        weight: f64,
    },
}

/// The settings that it is read from.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Told {
    None {},
    Mse {
        #[serde(default = "one")]
        weight: f64,
    },
    Kl {
        #[serde(default = "one")]
        weight: f64,
    },
}

fn one() -> f64 {
    1.0
}

impl Serialize for Teaching {
    fn serialize<S: Serializer>(&self, target: S) -> std::result::Result<S::Ok, S::Error> {
        match *self {
            Self::None => target.serialize_str("none"),
            Self::Mse { weight } => Told::Mse { weight }.serialize(target),
            Self::Kl { weight } => Told::Kl { weight }.serialize(target),
        }
    }
}

impl<'de> Deserialize<'de> for Teaching {
    fn deserialize<S: Deserializer<'de>>(source: S) -> std::result::Result<Self, S::Error> {
        by_name(source).map(|told| match told {
            Told::None {} => Self::None,
            Told::Mse { weight } => Self::Mse { weight },
            Told::Kl { weight } => Self::Kl { weight },
        })
    }
}

impl Teaching {
    /// Whether a model can learn so.
    ///
    /// # Errors
    /// Where the weight is out of its range, expected then got.
    pub fn check(self) -> std::result::Result<(), String> {
        match self {
            Self::None => Ok(()),
            Self::Mse { weight } | Self::Kl { weight } => within("teaching.weight", weight, 0.0, GREATEST),
        }
    }

    /// What each of some predictions of the same pairs, `(pairs, classes)`, lacks of the teacher's, added up; `None` where
    /// there is no teacher.
    ///
    /// # Errors
    /// Where the teacher's logits are not there, or the shapes differ.
    pub fn of<'t>(
        self,
        teacher: Option<&Tensor>,
        predictions: impl IntoIterator<Item = &'t Tensor>,
    ) -> Result<Option<Tensor>> {
        if self == Self::None {
            return Ok(None);
        }
        let Some(teacher) = teacher.map(Tensor::detach) else { bail!("expected a teacher, found none") };
        predictions.into_iter().try_fold(None, |sum, logits| added(sum, self.one(&teacher, logits)?))
    }

    fn one(self, teacher: &Tensor, logits: &Tensor) -> Result<Option<Tensor>> {
        match self {
            Self::None => Ok(None),
            Self::Mse { weight } => (squares(teacher, logits)?.mean_all()? * weight).map(Some),
            Self::Kl { weight } => (relative_entropy(teacher, logits)? * weight).map(Some),
        }
    }
}

/// `(l − t)²`, of a pair of which classes are absent as many times as much as it has fewer of them: the mean over classes is
/// that over those that are there. `(pairs, classes)` twice → the same.
fn squares(teacher: &Tensor, logits: &Tensor) -> Result<Tensor> {
    let present = present(logits)?;
    let n_present = present.sum_keepdim(D::Minus1)?;
    let scale = (n_present.affine(0.0, logits.dim(1)? as f64)? / n_present)?;
    // Two absent logits may be far from each other.
    ((logits - teacher)? * present)?.sqr()?.broadcast_mul(&scale)
}

/// The sum of what there is.
///
/// # Errors
/// Where the shapes differ.
pub fn added(one: Option<Tensor>, other: Option<Tensor>) -> Result<Option<Tensor>> {
    match (one, other) {
        (Some(one), Some(other)) => (one + other).map(Some),
        (one, other) => Ok(one.or(other)),
    }
}
