//! The adaptive-threshold loss (Zhou et al. 2021, equation 10).

use candle_core::{D, Result, Tensor};
use candle_nn::ops::log_softmax;

/// Keeps a class out of a softmax; −∞ would give NaN.
const FAR: f64 = -1e30;

/// The mean over pairs of `L₁ + L₂`, with P the relations that hold, N the others, and TH the threshold class:
/// `L₁ = −Σ_{r∈P} log softmax_{P∪TH}(r)` and `L₂ = −log softmax_{N∪TH}(TH)`.
///
/// `logits` and `labels` are `(pairs, classes)`, TH is class 0 and its label 0. The result is a scalar.
///
/// # Errors
/// Where the shapes differ.
pub fn adaptive_threshold(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (n_pairs, n_classes) = logits.dims2()?;
    let threshold = logits.zeros_like()?.slice_assign(&[0..n_pairs, 0..1], &logits.ones_like()?.narrow(1, 0, 1)?)?;
    let absent = (1.0 - labels)?;
    let holding = log_softmax(&(logits + ((&absent - &threshold)? * FAR)?)?, D::Minus1)?;
    let others = log_softmax(&(logits + (labels * FAR)?)?, D::Minus1)?;
    let sum = ((holding * labels)? + (others * threshold)?)?;
    sum.mean_all()?.affine(-(n_classes as f64), 0.0)
}
