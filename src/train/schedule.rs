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

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn the_schedule_rises_and_falls_in_lines() {
        let schedule = Schedule::new(10, 0.2);
        let factors: Vec<f64> = [0, 1, 2, 6, 9, 10].map(|step| schedule.factor(step)).to_vec();
        // Two steps of rise; then (10 − step) / 8.
        assert_eq!(factors, [0.0, 0.5, 1.0, 0.5, 0.125, 0.0]);
    }
}
