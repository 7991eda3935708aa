//! AdamW (Loshchilov and Hutter 2019) with groups of variables, clipping, and a state that can be saved.

#[cfg(feature = "cuda")]
mod card;

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use crate::ops::numeric::{in_vectors, sum_of};
use crate::ops::{is_fused, operand, values, values_mut};

/// Values that one task takes: the unit of order for sums.
const VALUES_AT_ONCE: usize = 1 << 14;

/// How the variables of one group learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Learning rate, before the schedule's factor.
    pub rate: f64,
    /// Decoupled weight decay: the share of a variable, times its rate, that each step takes away.
    pub decay: f64,
}

/// What all groups share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamOptions {
    /// β₁ and β₂: how slowly the two moments forget.
    pub betas: (f64, f64),
    /// ε, added to the root of the second moment.
    pub epsilon: f64,
    /// The global L2 norm to which gradients are scaled down; `None` leaves them.
    pub clip: Option<f64>,
}

impl Default for AdamOptions {
    /// The published values for fine-tuning BERT.
    fn default() -> Self {
        Self { betas: (0.9, 0.999), epsilon: 1e-6, clip: Some(1.0) }
    }
}

/// A variable, how it learns, and its moments.
struct Slot {
    name: String,
    variable: Var,
    group: Group,
    first: Tensor,
    second: Tensor,
}

/// The optimizer of a model's variables.
pub struct AdamW {
    options: AdamOptions,
    slots: Vec<Slot>,
    steps: u64,
}

impl AdamW {
    /// An optimizer at its start. `group` says how the variable of a name learns; `None` freezes it.
    ///
    /// # Errors
    /// Where the device has no room for the moments.
    pub fn new(
        variables: &BTreeMap<String, Var>,
        group: impl Fn(&str) -> Option<Group>,
        options: AdamOptions,
    ) -> Result<Self> {
        let mut slots = Vec::with_capacity(variables.len());
        for (name, variable) in variables {
            let Some(group) = group(name) else { continue };
            let (first, second) =
                (variable.as_detached_tensor().zeros_like()?, variable.as_detached_tensor().zeros_like()?);
            slots.push(Slot { name: name.clone(), variable: variable.clone(), group, first, second });
        }
        Ok(Self { options, slots, steps: 0 })
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes one step, with every group's rate times `factor`, and returns the gradients' global L2 norm before
    /// clipping. A variable without a gradient stays.
    ///
    /// # Errors
    /// Where a gradient is not finite: it is named, and no variable changes.
    pub fn step(&mut self, grads: &GradStore, factor: f64) -> Result<f64> {
        #[cfg(feature = "cuda")]
        if let Some(norm) = self.step_on_card(grads, factor)? {
            self.steps += 1;
            return Ok(norm);
        }
        let (slots, found): (Vec<&Slot>, Vec<&Tensor>) = self.learning(grads).unzip();
        let norm = norm(&slots, &sums_of_squares(&found)?)?;
        let scale = self.scale(norm);
        self.steps += 1;
        for slot in &mut self.slots {
            if let Some(grad) = grads.get(&slot.variable) {
                slot.learn(&grad.contiguous()?, scale, factor, self.options, self.steps)?;
            }
        }
        Ok(norm)
    }

    /// The same where a CUDA device does it all at once; `None` where it does not.
    #[cfg(feature = "cuda")]
    fn step_on_card(&self, grads: &GradStore, factor: f64) -> Result<Option<f64>> {
        let slots = self.learning(grads).map(|(slot, grad)| Ok((slot, grad.contiguous()?)));
        let slots = slots.collect::<Result<Vec<_>>>()?;
        let Some(step) = card::Step::new(&slots)? else { return Ok(None) };
        let slots: Vec<&Slot> = slots.iter().map(|(slot, _)| *slot).collect();
        let norm = norm(&slots, &step.squares()?)?;
        let updates: Vec<Update> = slots.iter().map(|slot| slot.update(factor, self.options, self.steps + 1)).collect();
        step.learn(self.scale(norm), &updates, self.options)?;
        Ok(Some(norm))
    }

    /// The variables that have a gradient.
    fn learning<'s>(&'s self, grads: &'s GradStore) -> impl Iterator<Item = (&'s Slot, &'s Tensor)> {
        self.slots.iter().filter_map(|slot| Some((slot, grads.get(&slot.variable)?)))
    }

    /// What gradients of a global norm are multiplied with.
    fn scale(&self, norm: f64) -> f64 {
        self.options.clip.map_or(1.0, |most| (most / (norm + 1e-6)).min(1.0))
    }
}

/// The global norm of the gradients of some variables, by the sums of their squares.
fn norm(slots: &[&Slot], squares: &[f64]) -> Result<f64> {
    match slots.iter().zip(squares).find(|(_, squares)| !squares.is_finite()) {
        Some((slot, squares)) => {
            bail!("gradient of `{}`: expected finite numbers, got a norm of {}", slot.name, squares.sqrt())
        }
        None => Ok(squares.iter().sum::<f64>().sqrt()),
    }
}

impl AdamW {
    /// Copies of the moments by name, `NAME.first` and `NAME.second`; with [`AdamW::steps`] all that a resumed run needs.
    ///
    /// # Errors
    /// Where the device has no room for them.
    pub fn moments(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut moments = BTreeMap::new();
        for slot in &self.slots {
            moments.insert(format!("{}.first", slot.name), slot.first.copy()?);
            moments.insert(format!("{}.second", slot.name), slot.second.copy()?);
        }
        Ok(moments)
    }

    /// Goes on where a saved run stopped.
    ///
    /// # Errors
    /// Where a moment is missing or has another shape than its variable: nothing changes then.
    pub fn restore(&mut self, moments: &BTreeMap<String, Tensor>, steps: u64) -> Result<()> {
        let mut restored = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let moment = |part: &str| match moments.get(&format!("{}.{part}", slot.name)) {
                // A copy of one's own: steps change it in place.
                Some(moment) if moment.shape() == slot.variable.shape() => {
                    moment.to_device(slot.variable.device())?.contiguous()?.copy()
                }
                Some(moment) => {
                    let expected = slot.variable.shape();
                    bail!("optimizer: `{}.{part}`: expected shape {expected:?}, got {:?}", slot.name, moment.shape())
                }
                None => bail!("optimizer: `{}.{part}`: expected it among the moments, found none", slot.name),
            };
            restored.push((moment("first")?, moment("second")?));
        }
        for (slot, (first, second)) in self.slots.iter_mut().zip(restored) {
            (slot.first, slot.second) = (first, second);
        }
        self.steps = steps;
        Ok(())
    }
}

/// Of each gradient. Those of another device come over all at once.
fn sums_of_squares(grads: &[&Tensor]) -> Result<Vec<f64>> {
    if grads.iter().all(|grad| is_fused(grad)) {
        return grads.iter().map(|grad| sum_of_squares(grad)).collect();
    }
    let sum = |grad: &&Tensor| grad.detach().to_dtype(DType::F32)?.sqr()?.sum_all();
    let sums = Tensor::stack(&grads.iter().map(sum).collect::<Result<Vec<_>>>()?, 0)?.to_vec1::<f32>()?;
    Ok(sums.into_iter().map(f64::from).collect())
}

/// In f64 over parts of fixed size, so that the number of threads does not matter.
fn sum_of_squares(grad: &Tensor) -> Result<f64> {
    let grad = grad.contiguous()?;
    let grad = operand(&grad);
    let parts = grad.values()?.par_chunks(VALUES_AT_ONCE);
    let parts: Vec<f32> = parts.map(|part| sum_of(part, part, |one, other| one * other)).collect();
    Ok(parts.into_iter().map(f64::from).sum())
}

/// The numbers of one step for one group.
#[derive(Debug, Clone, Copy)]
struct Update {
    /// 1 − rate·decay.
    keep: f64,
    /// rate / (1 − β₁ᵗ).
    rate: f64,
    /// 1 / √(1 − β₂ᵗ).
    root: f64,
    epsilon: f64,
}

/// `moment ← β·moment + (1 − β)·scale·grad`, or with the gradient's square.
#[derive(Debug, Clone, Copy)]
struct Moment {
    beta: f64,
    scale: f64,
    squared: bool,
}

impl Slot {
    /// The numbers of its next step.
    fn update(&self, factor: f64, options: AdamOptions, steps: u64) -> Update {
        let (first, second) = options.betas;
        let rate = self.group.rate * factor;
        let power = steps as f64;
        Update {
            keep: 1.0 - rate * self.group.decay,
            rate: rate / (1.0 - first.powf(power)),
            root: (1.0 - second.powf(power)).sqrt().recip(),
            epsilon: options.epsilon,
        }
    }

    fn learn(&mut self, grad: &Tensor, scale: f64, factor: f64, options: AdamOptions, steps: u64) -> Result<()> {
        let (first, second) = options.betas;
        let update = self.update(factor, options, steps);
        self.first = Moment { beta: first, scale, squared: false }.apply(&self.first, grad)?;
        self.second = Moment { beta: second, scale, squared: true }.apply(&self.second, grad)?;
        update.apply(&self.variable, &self.first, &self.second)
    }
}

impl Moment {
    fn apply(self, moment: &Tensor, grad: &Tensor) -> Result<Tensor> {
        if is_fused(moment) {
            moment.inplace_op2(grad, &self)?;
            return Ok(moment.clone());
        }
        let grad = (grad.detach() * self.scale)?;
        let grad = if self.squared { grad.sqr()? } else { grad };
        (moment * self.beta)? + (grad * (1.0 - self.beta))?
    }
}

impl Update {
    /// `variable ← keep·variable − rate·first / (root·√second + ε)`.
    fn apply(self, variable: &Var, first: &Tensor, second: &Tensor) -> Result<()> {
        if is_fused(variable) {
            return variable.as_tensor().inplace_op3(first, second, &self);
        }
        let step = (first / ((second.sqrt()? * self.root)? + self.epsilon)?)?;
        variable.set(&((variable.as_detached_tensor() * self.keep)? - (step * self.rate)?)?)
    }
}

impl InplaceOp2 for Moment {
    fn name(&self) -> &'static str {
        "moment"
    }

    fn cpu_fwd(&self, moment: &mut CpuStorage, layout: &Layout, grad: &CpuStorage, of: &Layout) -> Result<()> {
        let (beta, share, scale) = (self.beta as f32, (1.0 - self.beta) as f32, self.scale as f32);
        let grads = values(grad, of)?.par_chunks(VALUES_AT_ONCE);
        values_mut(moment, layout)?.par_chunks_mut(VALUES_AT_ONCE).zip(grads).for_each(|(moments, grads)| {
            in_vectors(|| {
                for (moment, grad) in moments.iter_mut().zip(grads) {
                    let grad = grad * scale;
                    *moment = beta * *moment + share * if self.squared { grad * grad } else { grad };
                }
            });
        });
        Ok(())
    }
}

impl InplaceOp3 for Update {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        variable: &mut CpuStorage,
        layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> Result<()> {
        let [keep, rate, root, epsilon] = [self.keep, self.rate, self.root, self.epsilon].map(|value| value as f32);
        let first = values(first, first_layout)?.par_chunks(VALUES_AT_ONCE);
        let moments = first.zip(values(second, second_layout)?.par_chunks(VALUES_AT_ONCE));
        let variables = values_mut(variable, layout)?.par_chunks_mut(VALUES_AT_ONCE);
        variables.zip(moments).for_each(|(variables, (first, second))| {
            in_vectors(|| {
                for ((variable, first), second) in variables.iter_mut().zip(first).zip(second) {
                    *variable = keep * *variable - rate * first / (root * second.sqrt() + epsilon);
                }
            });
        });
        Ok(())
    }
}
