//! What judges predictions by labels: losses that set relations and the threshold class against each other. A pair is
//! then given the relations whose logit is above the threshold's, whichever of them a model has learnt by.
//!
//! All are means over pairs of what follows for one, with P the relations that hold, N the others, TH the threshold
//! class, and `p_r = exp(l_r) / (exp(l_r) + exp(l_TH))`. A class that is absent of a pair ([`crate::absent`]) is in none of
//! these.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::log_softmax;
use ground::random::Random;
use ground::settings::within;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::contract::Lesson;
use crate::loss::{FAR, adaptive_threshold, present};
use crate::named::by_name;

/// The greatest exponent and the greatest weight: more is a slip.
const GREATEST: f64 = 1000.0;
/// Sets the stream that draws relations apart from others that all parts of a step share.
const SAMPLED: u64 = 0x7361_6D70;

/// The loss.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ThresholdLoss {
    /// [`adaptive_threshold`] (Zhou et al. 2021).
    #[default]
    AdaptiveThreshold,
    /// The adaptive focal loss (Tan et al. 2022; `AFLoss` in losses.py of github.com/tonytan48/KD-DocRE): each relation
    /// that holds is set against TH by itself, and the less probable it is, the more it counts, up to twice:
    /// `−Σ_{r∈P} (1 + (1 − p_r)^γ) log p_r − log softmax_{N∪TH}(TH)`.
    AdaptiveFocal {
        /// γ.
        gamma: f64,
    },
    /// The pairwise moving-threshold loss with entropy minimisation (Guo et al. 2023; `PMTEMloss` and `PMTEMloss_NS` in
    /// losses.py of github.com/guojiapub/PEMSCL): each relation is set against TH by itself, and is to be told from it
    /// surely, with `H(p) = −p log p − (1 − p) log(1 − p)`:
    /// `−Σ_{r∈P} log p_r − Σ_{r∈N} log(1 − p_r) + λ₁/|P| Σ_{r∈P} H(p_r) + λ₂/|N| Σ_{r∈N} H(p_r)`.
    ///
    /// Where labels are incomplete, pairs without a relation may have one: these are judged by some relations alone,
    /// drawn for each step; the others are left out of both sums over N, whose |N| stays.
    MovingThreshold {
        /// λ₁.
        holding_entropy: f64,
        /// λ₂.
        other_entropy: f64,
        /// The share of relations by which pairs without one are judged: with 1 all.
        sampled: f64,
    },
}

/// The settings that a loss is read from.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Told {
    AdaptiveThreshold {},
    AdaptiveFocal {
        #[serde(default = "one")]
        gamma: f64,
    },
    MovingThreshold {
        #[serde(default = "one")]
        holding_entropy: f64,
        #[serde(default = "one")]
        other_entropy: f64,
        #[serde(default = "one")]
        sampled: f64,
    },
}

/// What the released programs have for each.
fn one() -> f64 {
    1.0
}

impl Serialize for ThresholdLoss {
    fn serialize<S: Serializer>(&self, target: S) -> std::result::Result<S::Ok, S::Error> {
        match *self {
            Self::AdaptiveThreshold => target.serialize_str("adaptive-threshold"),
            Self::AdaptiveFocal { gamma } => Told::AdaptiveFocal { gamma }.serialize(target),
            Self::MovingThreshold { holding_entropy, other_entropy, sampled } => {
                Told::MovingThreshold { holding_entropy, other_entropy, sampled }.serialize(target)
            }
        }
    }
}

impl<'de> Deserialize<'de> for ThresholdLoss {
    fn deserialize<S: Deserializer<'de>>(source: S) -> std::result::Result<Self, S::Error> {
        by_name(source).map(|told| match told {
            Told::AdaptiveThreshold {} => Self::AdaptiveThreshold,
            Told::AdaptiveFocal { gamma } => Self::AdaptiveFocal { gamma },
            Told::MovingThreshold { holding_entropy, other_entropy, sampled } => {
                Self::MovingThreshold { holding_entropy, other_entropy, sampled }
            }
        })
    }
}

impl ThresholdLoss {
    /// Whether it can judge.
    ///
    /// # Errors
    /// The first number that is out of its range, expected then got.
    pub fn check(self) -> std::result::Result<(), String> {
        match self {
            Self::AdaptiveThreshold => Ok(()),
            Self::AdaptiveFocal { gamma } => within("loss.gamma", gamma, 0.0, GREATEST),
            Self::MovingThreshold { holding_entropy, other_entropy, sampled } => {
                within("loss.holding_entropy", holding_entropy, 0.0, GREATEST)?;
                within("loss.other_entropy", other_entropy, 0.0, GREATEST)?;
                within("loss.sampled", sampled, 0.0, 1.0)?;
                // Then no label would ever say of a pair that it has no relation.
                if sampled > 0.0 { Ok(()) } else { Err(format!("`loss.sampled`: expected above 0, got {sampled}")) }
            }
        }
    }

    /// How many times as much memory as the adaptive-threshold loss it takes, rather too much than too little.
    pub fn share_of_memory(self) -> usize {
        if self == Self::AdaptiveThreshold { 1 } else { 2 }
    }

    /// The judge of a lesson: the same for all predictions of a step, in whichever thread.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn judge(self, lesson: &Lesson, n_classes: usize, device: &Device) -> Result<Judge> {
        let Self::MovingThreshold { sampled, .. } = self else { return Ok(Judge { loss: self, drawn: None }) };
        if sampled >= 1.0 {
            return Ok(Judge { loss: self, drawn: None });
        }
        let mut random = Random::new(lesson.shared.clone().next_u64() ^ SAMPLED);
        let drawn: Vec<f32> = (0..n_classes).map(|_| if random.chance(sampled) { 1.0 } else { 0.0 }).collect();
        Ok(Judge { loss: self, drawn: Some(Tensor::from_vec(drawn, (1, n_classes), device)?) })
    }
}

/// A loss with what was drawn for a step.
#[derive(Debug, Clone)]
pub struct Judge {
    loss: ThresholdLoss,
    /// `(1, classes)`, 1 for each class by which pairs without a relation are judged; `None`: all.
    drawn: Option<Tensor>,
}

impl Judge {
    /// The mean over pairs. `logits` and `labels` are `(pairs, classes)`, TH is class 0 and its label 0. A scalar.
    ///
    /// # Errors
    /// Where the shapes differ.
    pub fn of(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        match self.loss {
            ThresholdLoss::AdaptiveThreshold => adaptive_threshold(logits, labels),
            ThresholdLoss::AdaptiveFocal { gamma } => adaptive_focal(logits, labels, gamma),
            ThresholdLoss::MovingThreshold { holding_entropy, other_entropy, .. } => {
                moving_threshold(logits, labels, self.drawn.as_ref(), [holding_entropy, other_entropy])
            }
        }
    }
}

/// `log p_r` and `log(1 − p_r)` of every class against TH: `(pairs, classes)` each.
fn against_threshold(logits: &Tensor) -> Result<[Tensor; 2]> {
    let threshold = logits.narrow(1, 0, 1)?;
    // Taken off from both, it changes neither, nor their gradients.
    let greater = logits.broadcast_maximum(&threshold)?.detach();
    let of_class = (logits - &greater)?;
    let of_threshold = threshold.broadcast_sub(&greater)?;
    let sum = (of_class.exp()? + of_threshold.exp()?)?.log()?;
    Ok([(of_class - &sum)?, (of_threshold - sum)?])
}

fn adaptive_focal(logits: &Tensor, labels: &Tensor, gamma: f64) -> Result<Tensor> {
    let [holds, fails] = against_threshold(logits)?;
    // (1 − p)^γ as a power of e: of p = 1 it has a gradient too.
    let focus = ((fails * gamma)?.exp()? + 1.0)?;
    let holding = ((holds * focus)? * labels)?.sum(D::Minus1)?;
    let others = log_softmax(&(logits + (labels * FAR)?)?, D::Minus1)?;
    (holding + others.narrow(1, 0, 1)?.squeeze(1)?)?.mean_all()?.neg()
}

fn moving_threshold(
    logits: &Tensor,
    labels: &Tensor,
    drawn: Option<&Tensor>,
    [holding_entropy, other_entropy]: [f64; 2],
) -> Result<Tensor> {
    let n_pairs = logits.dim(0)?;
    let [holds, fails] = against_threshold(logits)?;
    let relations = present(logits)?.slice_assign(&[0..n_pairs, 0..1], &labels.zeros_like()?.narrow(1, 0, 1)?)?;
    let others = (relations - labels)?;
    let [n_holding, n_others] = [labels.sum_keepdim(D::Minus1)?, others.sum_keepdim(D::Minus1)?];
    let others = match drawn {
        None => others,
        Some(drawn) => {
            let is_without = n_holding.eq(0.0)?.to_dtype(labels.dtype())?;
            let left_out = is_without.broadcast_mul(&drawn.to_dtype(labels.dtype())?.affine(-1.0, 1.0)?)?;
            (others * left_out.affine(-1.0, 1.0)?)?
        }
    };
    let entropy = ((holds.exp()? * &holds)? + (fails.exp()? * &fails)?)?.neg()?;
    let surely = |of: &Tensor, count: &Tensor, weight: f64| {
        let counts = count.maximum(&count.ones_like()?)?;
        ((&entropy * of)?.sum_keepdim(D::Minus1)? / counts)? * weight
    };
    let told = ((holds * labels)? + (fails * &others)?)?.sum_keepdim(D::Minus1)?.neg()?;
    let unsure = (surely(labels, &n_holding, holding_entropy)? + surely(&others, &n_others, other_entropy)?)?;
    (told + unsure)?.mean_all()
}
