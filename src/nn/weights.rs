//! The variables of a model by name: loaded, or drawn at random.

use std::collections::BTreeMap;
use std::fmt;

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};

use ground::observe::Event;
use ground::random::Random;

use super::ops::add_bias;

/// How a variable begins where it is not loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// One value everywhere.
    Constant(f32),
    /// Normally distributed around 0 with this deviation.
    Normal(f64),
    /// Uniformly distributed between minus and plus this bound.
    Uniform(f64),
    /// The same beside ones where row and column are the same: what goes in comes out, nearly.
    Identity(f64),
    /// Waves of this amplitude along the rows, two of each length, from 2π to 10,000·2π rows (Vaswani et al. 2017):
    /// the nearer two rows stand, the more they are alike.
    Waves(f64),
}

/// A weight as it is computed with.
///
/// # Errors
/// Where its file has codes in the place of numbers, as quantised models do.
fn numbers(name: &str, given: &Tensor) -> Result<Tensor> {
    match given.dtype() {
        DType::F64 | DType::F32 | DType::F16 | DType::BF16 => given.to_dtype(DType::F32),
        other => bail!("weight `{name}`: expected floating-point numbers, got {}", other.as_str()),
    }
}

impl Init {
    fn draw(self, shape: &Shape, random: &mut Random) -> Vec<f32> {
        let width = shape.dims().last().copied().unwrap_or(1).max(1);
        let mut draw = |place: usize| match self {
            Self::Constant(value) => value,
            Self::Normal(deviation) => (random.normal() * deviation) as f32,
            Self::Identity(_) if place / width == place % width => 1.0,
            Self::Uniform(bound) | Self::Identity(bound) => ((2.0 * random.unit() - 1.0) * bound) as f32,
            Self::Waves(amplitude) => (wave(place / width, place % width, width) * amplitude) as f32,
        };
        (0..shape.elem_count()).map(&mut draw).collect()
    }
}

/// The sine, in odd columns the cosine, that stands in a column of a row.
fn wave(row: usize, column: usize, width: usize) -> f64 {
    let pair = (column / 2 * 2) as f64 / width as f64;
    let angle = row as f64 / 10_000f64.powf(pair);
    if column.is_multiple_of(2) { angle.sin() } else { angle.cos() }
}

/// Every variable of a model, by its published name, in f32.
///
/// A model takes its variables by name and shape as it is built. Building it once more gives a second view of the same
/// variables; after [`Weights::detached`] a view for evaluation, which records no gradients and sees each update.
#[derive(Debug)]
pub struct Weights {
    given: BTreeMap<String, Tensor>,
    /// Names that begin so must be given.
    required: Option<String>,
    seed: u64,
    variables: BTreeMap<String, Var>,
    device: Device,
    computing: DType,
    /// Variables whose names begin so are taken with gradients; none at all where it is absent.
    learning: Option<&'static str>,
    /// Whether variables no longer change.
    fixed: bool,
}

/// Weights that a file holds and a model has no place for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unused {
    /// Those that encoders are published with, and that no model here needs: the pooler, heads of pre-training tasks,
    /// tables of positions.
    pub known: Vec<String>,
    /// All others: the file may be that of another model.
    pub others: Vec<String>,
}

impl Unused {
    fn new<'n>(names: impl Iterator<Item = &'n String>) -> Self {
        let (known, others) = names.cloned().partition(|name| is_known(name));
        Self { known, others }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.others.is_empty()
    }

    /// What is told of them: a warning where some are not known, else a note; nothing where there is none.
    pub fn event(&self) -> Option<Event> {
        let told = self.to_string();
        let event = if self.others.is_empty() { Event::Note(told) } else { Event::Warning(told) };
        (!self.is_empty()).then_some(event)
    }
}

fn is_known(name: &str) -> bool {
    let of_bert = ["model.pooler.", "cls.", "lm_head."];
    let of_electra = ["discriminator_predictions.", "generator_predictions.", "generator_lm_head."];
    let tables = [".position_ids", ".token_type_ids"];
    of_bert.iter().chain(&of_electra).any(|part| name.starts_with(part))
        || tables.iter().any(|table| name.ends_with(table))
}

impl fmt::Display for Unused {
    /// Those that are not known, where there are any, else the others.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = if self.others.is_empty() { &self.known } else { &self.others };
        let some: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
        let more = if names.len() > some.len() { ", …" } else { "" };
        let count = if names.len() == 1 { "1 weight is".to_owned() } else { format!("{} weights are", names.len()) };
        write!(formatter, "{count} not used: {}{more}", some.join(", "))
    }
}

impl Weights {
    /// Variables drawn at random. A variable's values depend on the seed and on its name alone.
    pub fn fresh(seed: u64, device: &Device) -> Self {
        Self {
            given: BTreeMap::new(),
            required: None,
            seed,
            variables: BTreeMap::new(),
            device: device.clone(),
            computing: DType::F32,
            learning: Some(""),
            fixed: false,
        }
    }

    /// Variables whose names begin with `prefix` from `given`, each of which must be there, and the others at random.
    /// With an empty prefix nothing is drawn.
    pub fn given(given: BTreeMap<String, Tensor>, prefix: &str, seed: u64, device: &Device) -> Self {
        Self { given, required: Some(prefix.to_owned()), ..Self::fresh(seed, device) }
    }

    /// The variable of a name, made on first use.
    ///
    /// # Errors
    /// Where it is required and missing, or has another shape.
    pub fn take(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Tensor> {
        self.take_alike(name, name, shape, init)
    }

    /// The same; where it is neither given nor required, it begins as what is given, or else drawn so, under the name
    /// `other`.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub fn take_alike(&mut self, name: &str, other: &str, shape: impl Into<Shape>, init: Init) -> Result<Tensor> {
        let shape = shape.into();
        if !self.variables.contains_key(name) {
            let other_given = || self.given.get(other).filter(|_| !self.is_required(name));
            let values = match self.given.get(name).or_else(other_given) {
                Some(given) => numbers(name, given)?.to_device(&self.device)?,
                None => self.draw(name, other, &shape, init)?,
            };
            self.variables.insert(name.to_owned(), Var::from_tensor(&values.contiguous()?)?);
        }
        match self.variables.get(name) {
            Some(variable) if variable.shape() != &shape => {
                bail!("weight `{name}`: expected shape {shape:?}, got {:?}", variable.shape())
            }
            Some(variable) if self.learning.is_some_and(|prefix| name.starts_with(prefix)) => {
                Ok(variable.as_tensor().clone())
            }
            Some(variable) => Ok(variable.as_detached_tensor()),
            None => bail!("weight `{name}`: not there"),
        }
    }

    /// The variable of a name, which begins, where it is not given, as another that was taken.
    ///
    /// # Errors
    /// Where there is no such other.
    pub fn copy(&mut self, name: &str, of: &str) -> Result<[Var; 2]> {
        let Some(original) = self.variables.get(of).cloned() else { bail!("weight `{of}`: not there") };
        if !self.variables.contains_key(name) {
            let values = match self.given.get(name) {
                Some(given) => given.clone(),
                None if self.is_required(name) => bail!("weight `{name}`: expected, found no such weight"),
                None => original.as_detached_tensor(),
            };
            let values = numbers(name, &values)?.to_device(&self.device)?.copy()?;
            self.variables.insert(name.to_owned(), Var::from_tensor(&values)?);
        }
        match self.variables.get(name) {
            Some(copy) => Ok([copy.clone(), original]),
            None => bail!("weight `{name}`: not there"),
        }
    }

    fn draw(&self, name: &str, other: &str, shape: &Shape, init: Init) -> Result<Tensor> {
        if self.is_required(name) {
            bail!("weight `{name}`: expected shape {shape:?}, found no such weight");
        }
        let place = other.bytes().fold(0u64, |place, byte| place.wrapping_mul(257).wrapping_add(u64::from(byte)));
        let values = init.draw(shape, &mut Random::stream(self.seed, place));
        Tensor::from_vec(values, shape, &self.device)
    }

    fn is_required(&self, name: &str) -> bool {
        self.required.as_ref().is_some_and(|prefix| name.starts_with(prefix))
    }

    /// Names that were given and that no model has taken.
    pub fn unused(&self) -> Unused {
        Unused::new(self.given.keys().filter(|name| !self.variables.contains_key(*name)))
    }

    /// From now on, models are built that compute matrix products in this type; variables stay in f32.
    #[must_use]
    pub fn computing_in(mut self, computing: DType) -> Self {
        self.computing = computing;
        self
    }

    /// The type of matrix products.
    pub fn computing(&self) -> DType {
        self.computing
    }

    /// From now on, variables are taken without gradients unless their names begin so.
    #[must_use]
    pub fn learning(mut self, prefix: &'static str) -> Self {
        self.learning = Some(prefix);
        self
    }

    /// From now on, variables are taken without gradients.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.learning = None;
        self
    }

    /// From now on, variables are taken without gradients, and never change: models may keep what they make of them.
    #[must_use]
    pub fn fixed(mut self) -> Self {
        self.fixed = true;
        self.detached()
    }

    /// Whether variables no longer change.
    pub fn are_fixed(&self) -> bool {
        self.fixed
    }

    /// A matrix in the type of products, where it no longer changes.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn settled(&self, matrix: Tensor) -> Result<Tensor> {
        if self.fixed { matrix.to_dtype(self.computing) } else { Ok(matrix) }
    }

    /// The variables that were taken, by name.
    pub fn variables(&self) -> &BTreeMap<String, Var> {
        &self.variables
    }
}

/// `x Wᵀ + b`; the weight is `(out, in)`, as published.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `(out, in)`.
    pub weight: Tensor,
    /// `(out)`.
    pub bias: Tensor,
}

impl Linear {
    /// The layer `NAME.weight`, `NAME.bias`, with its bias at 0 or drawn like the weight.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        (out, of): (usize, usize),
        [weight, bias]: [Init; 2],
    ) -> Result<Self> {
        let weight = weights.take(&format!("{name}.weight"), (out, of), weight)?;
        Ok(Self { weight: weights.settled(weight)?, bias: weights.take(&format!("{name}.bias"), out, bias)? })
    }

    /// The layer `NAME` without a bias at first, its weight normally distributed; where that is drawn, it begins as the
    /// weight of the layer `other`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn alike(
        weights: &mut Weights,
        name: &str,
        other: &str,
        (out, of): (usize, usize),
        deviation: f64,
    ) -> Result<Self> {
        let [weight, like] = [name, other].map(|name| format!("{name}.weight"));
        let weight = weights.take_alike(&weight, &like, (out, of), Init::Normal(deviation))?;
        Ok(Self {
            weight: weights.settled(weight)?,
            bias: weights.take(&format!("{name}.bias"), out, Init::Constant(0.0))?,
        })
    }

    /// `x Wᵀ` for `x` of `(rows, in)`: `(rows, out)`, in the type of `x`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn product(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight.to_dtype(x.dtype())?.t()?)
    }

    /// `x Wᵀ + b`.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        add_bias(&self.product(x)?, &self.bias)
    }
}

/// Layer norm's weight and bias, `(width)` each.
#[derive(Debug, Clone)]
pub struct Norm {
    /// Multiplies.
    pub weight: Tensor,
    /// Is added.
    pub shift: Tensor,
}

impl Norm {
    /// The norm `NAME.weight`, `NAME.bias`.
    ///
    /// # Errors
    /// Where a weight is missing or misshapen.
    pub fn new(weights: &mut Weights, name: &str, width: usize) -> Result<Self> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), width, Init::Constant(1.0))?,
            shift: weights.take(&format!("{name}.bias"), width, Init::Constant(0.0))?,
        })
    }
}
