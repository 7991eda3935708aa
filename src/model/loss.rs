//! Losses: the adaptive-threshold loss that all models share, unless another takes its place
//! ([`crate::threshold_loss`]), and what compares two states or two predictions.

use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::log_softmax;

/// Keeps a class out of a softmax; −∞ would give NaN. The logit of a class that is absent of a pair ([`crate::absent`]).
pub(crate) const FAR: f64 = -1e30;

/// 1 for each class that is there, 0 for one that is absent of its pair: `(pairs, classes)`.
///
/// # Errors
/// Where the device refuses.
pub fn present(logits: &Tensor) -> Result<Tensor> {
    logits.detach().gt(FAR / 2.0)?.to_dtype(logits.dtype())
}

/// The adaptive-threshold loss (Zhou et al. 2021, equation 10): the mean over pairs of `L₁ + L₂`, with P the relations
/// that hold, N the others, and TH the threshold class: `L₁ = −Σ_{r∈P} log softmax_{P∪TH}(r)` and `L₂ = −log
/// softmax_{N∪TH}(TH)`.
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

/// `x / ‖x‖`, row by row, in f32.
fn unit(x: &Tensor) -> Result<Tensor> {
    let x = x.to_dtype(DType::F32)?;
    let norm = (x.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    x.broadcast_div(&norm)
}

/// The cosines of the rows of two `(rows, width)` tensors: `(rows)`.
///
/// # Errors
/// Where the shapes differ.
pub fn cosine(one: &Tensor, other: &Tensor) -> Result<Tensor> {
    (unit(one)? * unit(other)?)?.sum(D::Minus1)
}

/// How badly each row is told from the others by its partner (SimCLR's loss, Chen et al. 2020), both ways:
/// `−½ log softmax_j(cos(x_i, y_j)/τ)_i − ½ log softmax_j(cos(x_j, y_i)/τ)_i`. `(rows, width)` twice → `(rows)`.
///
/// # Errors
/// Where the shapes differ.
pub fn among_others(one: &Tensor, other: &Tensor, temperature: f64) -> Result<Tensor> {
    let alike = (unit(one)?.matmul(&unit(other)?.t()?)? / temperature)?;
    let all = ((alike.log_sum_exp(1)? + alike.t()?.contiguous()?.log_sum_exp(1)?)? / 2.0)?;
    all - (cosine(one, other)? / temperature)?
}

/// The same of several sets of rows at once, each among its own, `(sets, rows, width)` twice → `(sets, rows)`: what pads a
/// set, where `there` of `(sets, rows)` is 0 and not 1, is none of the others, and gets anything.
///
/// # Errors
/// Where the shapes differ.
pub fn among_others_of_padded(one: &Tensor, other: &Tensor, there: &Tensor, temperature: f64) -> Result<Tensor> {
    let alike = (unit(one)?.matmul(&unit(other)?.t()?)? / temperature)?;
    let far = there.affine(-FAR, FAR)?.unsqueeze(1)?;
    let among = |alike: &Tensor| alike.broadcast_add(&far)?.log_sum_exp(2);
    let all = ((among(&alike)? + among(&alike.transpose(1, 2)?.contiguous()?)?)? / 2.0)?;
    all - (cosine(one, other)? / temperature)?
}

/// The mean over rows of KL(p‖q) = Σ p (log p − log q), for the distributions p and q of two `(rows, classes)` logits.
///
/// # Errors
/// Where the shapes differ.
pub fn relative_entropy(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let (p, q) = (log_softmax(p, D::Minus1)?, log_softmax(q, D::Minus1)?);
    (p.exp()? * (p - q)?)?.sum(D::Minus1)?.mean_all()
}

/// The mean over rows of ½ KL(p‖q) + ½ KL(q‖p).
///
/// # Errors
/// Where the shapes differ.
pub fn divergence(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    (relative_entropy(p, q)? + relative_entropy(q, p)?)? * 0.5
}
