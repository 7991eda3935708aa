//! What the layers of the reasoning modules are made of.

use candle_core::{Result, Tensor};

use crate::ops::{gelu, normalize, relu};
use crate::{Init, Linear, Mode, Norm, Weights};

/// Is added to a variance, as in BERT.
const EPSILON: f64 = 1e-12;

/// The layer `NAME.weight`, `NAME.bias`, drawn as widely as it has inputs: between ±1/√inputs.
///
/// # Errors
/// Where a weight is missing or misshapen.
pub fn linear(weights: &mut Weights, name: &str, out: usize, of: usize) -> Result<Linear> {
    linear_alike(weights, name, name, out, of)
}

/// The same; where it is not given, it begins as the layer `other`, given or drawn so.
///
/// # Errors
/// Where a weight is missing or misshapen.
pub fn linear_alike(weights: &mut Weights, name: &str, other: &str, out: usize, of: usize) -> Result<Linear> {
    let init = Init::Uniform((of as f64).powf(-0.5));
    let [weight, bias] = ["weight", "bias"].map(|part| [name, other].map(|layer| format!("{layer}.{part}")));
    let weight = weights.take_alike(&weight[0], &weight[1], (out, of), init)?;
    Ok(Linear { weight: weights.settled(weight)?, bias: weights.take_alike(&bias[0], &bias[1], out, init)? })
}

/// `LN(dropout(x Wᵀ + b) + residual)`.
#[derive(Debug, Clone)]
pub struct Normed {
    linear: Linear,
    norm: Norm,
    dropout: f64,
}

impl Normed {
    /// The layer `NAME` and the norm `NAME.LayerNorm`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(weights: &mut Weights, name: &str, out: usize, of: usize, dropout: f64) -> Result<Self> {
        Self::of(linear(weights, name, out, of)?, weights, name, dropout)
    }

    /// The same; where it is drawn, it begins by passing on the first `out` of its inputs, nearly.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn passing(weights: &mut Weights, name: &str, out: usize, of: usize, dropout: f64) -> Result<Self> {
        let bound = (of as f64).powf(-0.5) / 10.0;
        let linear = Linear::new(weights, name, (out, of), [Init::Identity(bound), Init::Uniform(bound)])?;
        Self::of(linear, weights, name, dropout)
    }

    fn of(linear: Linear, weights: &mut Weights, name: &str, dropout: f64) -> Result<Self> {
        let norm = Norm::new(weights, &format!("{name}.LayerNorm"), linear.weight.dim(0)?)?;
        Ok(Self { linear, norm, dropout })
    }

    /// `(rows, in)` and, where there is one, a residual of `(rows, out)` → `(rows, out)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, x: &Tensor, residual: Option<&Tensor>, mode: &mut Mode) -> Result<Tensor> {
        let product = self.linear.product(x)?;
        let nothing = if residual.is_none() { Some(product.zeros_like()?) } else { None };
        let residual = residual.or(nothing.as_ref()).unwrap_or(&product);
        let affine = [&self.linear.bias, &self.norm.weight, &self.norm.shift];
        normalize(&product, residual, affine, EPSILON, mode.drop(self.dropout))
    }

    /// `(out, in)`.
    pub fn weight(&self) -> &Tensor {
        &self.linear.weight
    }

    /// What the norm multiplies with: `(out)`.
    pub fn scale(&self) -> &Tensor {
        &self.norm.weight
    }
}

/// `LN(dropout(x))`.
#[derive(Debug, Clone)]
pub struct Settled {
    norm: Norm,
    epsilon: f64,
    dropout: f64,
}

impl Settled {
    /// The norm `NAME.LayerNorm`; where it is not given, it begins as `OTHER.LayerNorm`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn alike(
        weights: &mut Weights,
        [name, other]: [&str; 2],
        width: usize,
        [epsilon, dropout]: [f64; 2],
    ) -> Result<Self> {
        let mut take = |part: &str, value| {
            let [name, other] = [name, other].map(|layer| format!("{layer}.LayerNorm.{part}"));
            weights.take_alike(&name, &other, width, Init::Constant(value))
        };
        let norm = Norm { weight: take("weight", 1.0)?, shift: take("bias", 0.0)? };
        Ok(Self { norm, epsilon, dropout })
    }

    /// `(rows, width)` → `(rows, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, x: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let affine = [&self.norm.weight.zeros_like()?, &self.norm.weight, &self.norm.shift];
        normalize(x, &x.zeros_like()?, affine, self.epsilon, mode.drop(self.dropout))
    }
}

/// What stands between the two layers of a feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x·Φ(x).
    Gelu,
}

/// `LN(FNN(x) + residual)`, twice as wide inside.
#[derive(Debug, Clone)]
pub struct FeedForward {
    inner: Linear,
    activation: Activation,
    outer: Normed,
}

impl FeedForward {
    /// The layers `NAME.inner` and `NAME.outer`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(weights: &mut Weights, name: &str, width: usize, activation: Activation, dropout: f64) -> Result<Self> {
        Ok(Self {
            inner: linear(weights, &format!("{name}.inner"), 2 * width, width)?,
            activation,
            outer: Normed::new(weights, &format!("{name}.outer"), width, 2 * width, dropout)?,
        })
    }

    /// `(rows, width)` twice → `(rows, width)`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, x: &Tensor, residual: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        let (product, bias) = (self.inner.product(x)?, &self.inner.bias);
        let inside = match self.activation {
            Activation::Relu => relu(&product, bias)?,
            Activation::Gelu => gelu(&product, bias)?,
        };
        self.outer.forward(&inside, Some(residual), mode)
    }
}
