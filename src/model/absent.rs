//! Classes that a document says nothing of: its corpus annotates other relations. What a classifier makes of its pairs
//! has for these a logit far below all others, from the first moment. So none of them is predicted, no softmax counts
//! them, and losses leave them out ([`present`](crate::loss::present)): it is as if the model did not have them.

use std::collections::BTreeMap;
use std::ops::Range;

use candle_core::{Device, Result, Tensor};

use nn::ops::{Places, gather};

use crate::example::Example;
use crate::loss::FAR;

/// Which classes are absent of which of some pairs.
#[derive(Debug, Clone, Default)]
pub struct Absent {
    /// What is added to the logits of a pair, a row for each set of absent classes, `(sets, classes)`; `None` where none
    /// is absent of any pair.
    sets: Option<Tensor>,
    /// The set of each pair.
    of: Vec<u32>,
}

impl Absent {
    /// Those of all pairs of some documents, in order.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn of(examples: &[Example], n_classes: usize, device: &Device) -> Result<Self> {
        if examples.iter().all(|example| example.absent.is_empty()) {
            return Ok(Self::default());
        }
        let (mut places, mut rows, mut of) = (BTreeMap::new(), Vec::new(), Vec::new());
        for example in examples {
            let next = places.len() as u32;
            let place = *places.entry(&example.absent).or_insert(next);
            if place == next {
                rows.extend(
                    (0..n_classes as u32).map(|class| if example.absent.contains(&class) { FAR as f32 } else { 0.0 }),
                );
            }
            of.resize(of.len() + example.pairs.len(), place);
        }
        Ok(Self { sets: Some(Tensor::from_vec(rows, (places.len(), n_classes), device)?), of })
    }

    /// Those of some of the pairs.
    #[must_use]
    pub fn some(&self, pairs: impl Iterator<Item = usize>) -> Self {
        if self.sets.is_none() {
            return Self::default();
        }
        Self { sets: self.sets.clone(), of: pairs.filter_map(|pair| self.of.get(pair)).copied().collect() }
    }

    /// The logits of some of the pairs, `(some, classes)` in f32, without what is absent.
    ///
    /// # Errors
    /// Where there are not as many, or the device refuses.
    pub fn leave_out(&self, logits: Tensor, some: &Range<usize>) -> Result<Tensor> {
        let Some(sets) = &self.sets else { return Ok(logits) };
        let places = self.of.get(some.clone()).unwrap_or_default();
        let left_out = gather(sets, &Places::new(places, logits.device())?)?;
        logits + left_out
    }

    /// The same of all pairs.
    ///
    /// # Errors
    /// As [`Self::leave_out`].
    pub fn leave_out_of_all(&self, logits: Tensor) -> Result<Tensor> {
        self.leave_out(logits, &(0..self.of.len()))
    }
}
