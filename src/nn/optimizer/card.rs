//! A step over all variables at once, on a CUDA device: two kernels, however many variables there are.

use candle_core::{DType, Result, Tensor, bail};

use kernels::{Grid, Kernel, Module, Scalar, address, launch};

use super::{AdamOptions, Slot, Update};

/// Values that a block takes, as the kernels have it.
const STRETCH: usize = 1 << 14;
const THREADS: u32 = 256;

/// Variables, their moments and their gradients, by their places in the device's memory.
pub struct Step<'s> {
    /// Held as long as their places are used.
    slots: &'s [(&'s Slot, Tensor)],
    /// Of each slot: variable, first and second moment, gradient, and how many numbers they have.
    places: Tensor,
    /// Of each stretch: its slot, and its number among those of the slot.
    stretches: Tensor,
    of_slot: Vec<u32>,
}

impl<'s> Step<'s> {
    /// Of variables and their gradients; `None` where they are not on a CUDA device in f32, or there are none.
    pub fn new(slots: &'s [(&'s Slot, Tensor)]) -> Result<Option<Self>> {
        let fits = |tensor: &Tensor| tensor.device().is_cuda() && tensor.dtype() == DType::F32;
        let Some((first, _)) = slots.first() else { return Ok(None) };
        if !slots.iter().all(|(slot, grad)| fits(slot.variable.as_tensor()) && fits(grad)) {
            return Ok(None);
        }
        let (mut places, mut stretches, mut of_slot) = (Vec::new(), Vec::new(), Vec::new());
        for ((slot, grad), place) in slots.iter().zip(0u32..) {
            let length = grad.elem_count();
            if length != slot.variable.elem_count() {
                bail!("gradient of `{}`: expected {} numbers, got {length}", slot.name, slot.variable.elem_count());
            }
            for tensor in [slot.variable.as_tensor(), &slot.first, &slot.second, grad] {
                places.push(address(tensor)?.cast_signed());
            }
            places.push(length.cast_signed() as i64);
            let count = length.div_ceil(STRETCH) as u32;
            stretches.extend((0..count).flat_map(|number| [place, number]));
            of_slot.extend((0..count).map(|_| place));
        }
        let device = first.variable.device();
        let (places, stretches) = (Tensor::new(places, device)?, Tensor::new(stretches, device)?);
        Ok(Some(Self { slots, places, stretches, of_slot }))
    }

    fn grid(&self) -> Grid {
        Grid::row(self.of_slot.len(), THREADS)
    }

    /// Σ g² of each variable's gradient.
    pub fn squares(&self) -> Result<Vec<f64>> {
        let kernel = Kernel { module: Module::Adam, name: "squares" };
        let output = [(DType::F32, self.of_slot.len().into())];
        let made = launch(kernel, self.grid(), &[&self.places, &self.stretches], &output, &[])?.pop();
        let Some(made) = made else { bail!("kernel `squares`: expected a result") };
        let mut sums = vec![0.0; self.slots.len()];
        for (&slot, sum) in self.of_slot.iter().zip(made.tensor().to_vec1::<f32>()?) {
            if let Some(total) = sums.get_mut(slot as usize) {
                *total += f64::from(sum);
            }
        }
        Ok(sums)
    }

    /// Changes variables and moments, with gradients times `scale`.
    pub fn learn(&self, scale: f64, updates: &[Update], options: AdamOptions) -> Result<()> {
        let Some(Update { root, epsilon, .. }) = updates.first() else { return Ok(()) };
        let rates = updates.iter().flat_map(|update| [update.keep as f32, update.rate as f32]);
        let rates = Tensor::from_iter(rates, self.places.device())?;
        let numbers = [scale, options.betas.0, options.betas.1, *root, *epsilon];
        let scalars = numbers.map(|number| Scalar::F32(number as f32));
        let inputs = [&self.places, &self.stretches, &rates];
        launch(Kernel { module: Module::Adam, name: "adamw" }, self.grid(), &inputs, &[], &scalars).map(drop)
    }
}
