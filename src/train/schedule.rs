//! Learning rates over the steps of a run.

/// A linear rise over the first steps, then a linear fall to 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    warm_up: u64,
    total: u64,
}

impl Schedule {
    /// The schedule of so many steps, of which a share rises.
    pub fn new(total: u64, warm_up: f64) -> Self {
        Self { warm_up: (total as f64 * warm_up) as u64, total }
    }

    /// The share of the peak rate at a step, from 0: `step / rise` while it rises, `(total − step) / (total − rise)`
    /// after.
    pub fn factor(self, step: u64) -> f64 {
        if step < self.warm_up {
            return step as f64 / self.warm_up as f64;
        }
        self.total.saturating_sub(step) as f64 / (self.total - self.warm_up).max(1) as f64
    }
}
