//! The losses of a step.

/// The losses of some of a step's documents, as shares of the mean over the step's pairs.
#[derive(Debug, Clone, Copy)]
pub struct Losses {
    pub threshold: f64,
    pub auxiliary: Option<f64>,
    pub evidence: Option<f64>,
}

impl Losses {
    pub fn total(self) -> f64 {
        self.threshold + self.auxiliary.unwrap_or_default() + self.evidence.unwrap_or_default()
    }

    pub fn and(self, other: Self) -> Self {
        let auxiliary = self.auxiliary.zip(other.auxiliary).map(|(one, other)| one + other);
        // Some have no pair with evidence.
        let evidence = [self.evidence, other.evidence].into_iter().flatten().reduce(|one, other| one + other);
        Self { threshold: self.threshold + other.threshold, auxiliary, evidence }
    }
}
