//! The stages of a run: which model each trains, how long and how fast.

use checkpoint::{BASE, BEST};
use model::ModelConfig;
use nn::optimizer::Group;

use super::config::TrainConfig;

/// One stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its place, from 1.
    pub number: u32,
    /// The model that it trains: all of it, or its base.
    pub model: ModelConfig,
    /// Passes over the training documents.
    pub epochs: u32,
    /// Peak learning rates.
    pub rates: Rates,
    /// The folder of its best checkpoint.
    pub best: &'static str,
}

/// Peak learning rates; what has none stays as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// What the names of the module's variables begin with that reasons over the base, where there is one.
    pub module: Option<&'static str>,
    /// Of the encoder.
    pub encoder: Option<f64>,
    /// Of the rest of the base; of all the rest, where the model is trained at once.
    pub base: Option<f64>,
    /// Of that module.
    pub inference: Option<f64>,
}

impl Rates {
    /// That of a variable.
    fn of(&self, name: &str) -> Option<f64> {
        match name.split('.').next() {
            Some("model") => self.encoder,
            // A moving average follows others.
            Some("average") => None,
            first if first == self.module => self.inference,
            _ => self.base,
        }
    }

    /// What the names of all variables that learn begin with.
    pub fn learning(&self) -> &'static str {
        self.module.filter(|_| self.encoder.is_none() && self.base.is_none()).unwrap_or_default()
    }

    /// How a variable learns, where it does: biases and norms do not decay.
    pub fn group(&self, name: &str, decay: f64) -> Option<Group> {
        let is_bias = name.rsplit('.').next() == Some("bias");
        let decays = !is_bias && !name.contains("LayerNorm");
        Some(Group { rate: self.of(name)?, decay: if decays { decay } else { 0.0 } })
    }

    /// The rates that the log tells: of the encoder, and of what the stage is there for.
    pub fn told(&self, model: &ModelConfig) -> [f64; 2] {
        let rest = if model.base().is_some() { self.inference } else { self.base };
        [self.encoder, rest].map(Option::unwrap_or_default)
    }
}

/// The stages of a run with these settings: two where the model has a base that is trained before it, the second alone
/// where that was done in another run.
///
/// Where the base is not trained before, the one stage has the epochs of both, and the base its own rates.
pub fn stages(config: &TrainConfig) -> Vec<Stage> {
    let second = config.second_stage();
    let rates = Rates {
        module: config.model.module(),
        encoder: Some(config.encoder_rate),
        base: Some(config.head_rate),
        inference: Some(second.as_ref().map_or(config.head_rate, |second| second.inference_rate)),
    };
    let whole = Stage { number: 1, model: config.model.spelt_out(), epochs: config.epochs, rates, best: BEST };
    let (Some(base), Some(second)) = (config.model.base(), second) else { return vec![whole] };
    if !second.pretrain_base {
        return vec![Stage { epochs: config.epochs + second.epochs, ..whole }];
    }
    let rate = if second.freeze_base { None } else { Some(second.base_rate) };
    let first = Stage { model: base, best: BASE, ..whole.clone() };
    let last = Stage { number: 2, epochs: second.epochs, rates: Rates { encoder: rate, base: rate, ..rates }, ..whole };
    if config.base.is_some() { vec![last] } else { vec![first, last] }
}

impl TrainConfig {
    /// Whether a first stage trains the base, whose checkpoint the run leaves too.
    pub fn trains_base(&self) -> bool {
        stages(self).iter().any(|stage| stage.best == BASE)
    }
}
