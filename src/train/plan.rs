//! The stages of a run: which model each trains, on what, how long and how fast.

use std::collections::BTreeSet;
use std::path::Path;

use checkpoint::{BASE, BEST};
use ground::random::Random;
use model::ModelConfig;
use nn::optimizer::Group;
use table::rows::TrainingLogRow;

use super::config::TrainConfig;
use super::present::{Fold, Trained};

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
    pub best: String,
    /// Which documents it leaves out, where it trains a base for them.
    pub fold: Option<Fold>,
}

impl Stage {
    /// Whether it begins with a base that is trained.
    pub fn is_over_a_base(&self) -> bool {
        self.number > 1 && self.fold.is_none()
    }

    /// Whether features of a base that stays as it is are what it is there for, or what it learns from.
    pub fn needs_features(&self) -> bool {
        self.fold.is_some() || self.is_over_a_base() && self.rates.freeze_base()
    }

    /// Whether its best checkpoint is to be in the run's folder, once it was reached: a fold's base is needed for
    /// features alone, and was not trained where these were found.
    pub fn is_left_in(&self, out: &Path) -> bool {
        self.fold.is_none() || out.join(&self.best).exists()
    }

    /// Whether it has had its epochs, or waited for a better one as long as it may.
    pub fn is_over(&self, log: &[TrainingLogRow], patience: Option<u32>) -> bool {
        let Some(Trained { best_epoch, epochs, .. }) = Trained::of_stage(log, self.number) else { return false };
        let first = log.iter().find(|row| row.stage == self.number).map_or(epochs, |row| row.epoch);
        epochs - first + 1 >= self.epochs || patience.is_some_and(|patience| epochs - best_epoch >= patience)
    }

    /// The places of the documents that it trains on, of so many.
    pub fn documents(&self, n_documents: usize, seed: u64) -> Vec<usize> {
        let Some(Fold { number, of }) = self.fold else { return (0..n_documents).collect() };
        let folds = folds(n_documents, of, seed);
        (0..n_documents).zip(folds).filter(|(_, fold)| *fold != number).map(|(place, _)| place).collect()
    }
}

/// Sets the stream that deals documents apart from others.
const FOLDS: u64 = 0x666F_6C64;

/// The fold of each of so many documents, by place: dealt out in turn after a shuffle, so that folds differ by one
/// document at most.
pub fn folds(n_documents: usize, of: u32, seed: u64) -> Vec<u32> {
    let mut order: Vec<usize> = (0..n_documents).collect();
    Random::stream(seed ^ FOLDS, u64::from(of)).shuffle(&mut order);
    let mut folds = vec![0; n_documents];
    for (place, fold) in order.into_iter().zip((1..=of).cycle()) {
        if let Some(slot) = folds.get_mut(place) {
            *slot = fold;
        }
    }
    folds
}

/// Epochs and steps before a stage that its random numbers do not count: to the base of a fold, all, so that it is
/// trained alike wherever it is; to others those of folds, so that they are trained alike where these were left out.
pub fn undrawn(log: &[TrainingLogRow], stage: &Stage) -> (u32, u64) {
    let first = if stage.fold.is_some() { 1 } else { 2 };
    let before = || log.iter().filter(|row| (first..stage.number).contains(&row.stage));
    (before().map(|row| row.epoch).collect::<BTreeSet<_>>().len() as u32, before().count() as u64)
}

/// What the names of the variables begin with by which a base reads its features.
pub const CLASSIFIER: &str = "classifier";

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
    /// Whether the base is read by a classifier that stays as it is.
    pub keeps_classifier: bool,
}

impl Rates {
    /// That of a variable.
    fn of(&self, name: &str) -> Option<f64> {
        match name.split('.').next() {
            Some("model") => self.encoder,
            // A moving average follows others.
            Some("average") => None,
            Some(CLASSIFIER) if self.keeps_classifier => None,
            first if first == self.module => self.inference,
            _ => self.base,
        }
    }

    /// What the names of all variables that learn begin with.
    pub fn learning(&self) -> &'static str {
        self.module.filter(|_| self.freeze_base()).unwrap_or_default()
    }

    /// Whether the base stays as it is.
    pub fn freeze_base(&self) -> bool {
        self.encoder.is_none() && self.base.is_none()
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
/// where that was done in another run; between them, where there are folds, the base of each.
///
/// Where the base is not trained before, the one stage has the epochs of both, and the base its own rates.
pub fn stages(config: &TrainConfig) -> Vec<Stage> {
    let second = config.second_stage();
    let rates = Rates {
        module: config.model.module(),
        encoder: Some(config.encoder_rate),
        base: Some(config.head_rate),
        inference: Some(second.as_ref().map_or(config.head_rate, |second| second.inference_rate)),
        keeps_classifier: false,
    };
    let (model, best, fold) = (config.model.spelt_out(), BEST.to_owned(), None);
    let whole = Stage { number: 1, model, epochs: config.epochs, rates, best, fold };
    let (Some(base), Some(second)) = (config.model.base(), second) else { return vec![whole] };
    if !second.pretrain_base {
        return vec![Stage { epochs: config.epochs + second.epochs, ..whole }];
    }
    let rate = if second.is_frozen() { None } else { Some(second.base_rate) };
    let first = Stage { model: base, best: BASE.to_owned(), ..whole.clone() };
    let of_fold = |number| Stage {
        number: 1 + number,
        rates: Rates { keeps_classifier: true, ..rates },
        best: fold_folder(number),
        fold: Some(Fold { number, of: second.folds }),
        ..first.clone()
    };
    let of_folds: Vec<Stage> = (1..=second.folds).map(of_fold).collect();
    let rates = Rates { encoder: rate, base: rate, ..rates };
    let last = Stage { number: 2 + second.folds, epochs: second.epochs, rates, ..whole };
    let first = if config.base.is_some() { None } else { Some(first) };
    first.into_iter().chain(of_folds).chain([last]).collect()
}

/// The folder of the checkpoint of a fold's base.
pub fn fold_folder(number: u32) -> String {
    format!("fold-{number}")
}

impl TrainConfig {
    /// Whether a first stage trains the base, whose checkpoint the run leaves too.
    pub fn trains_base(&self) -> bool {
        stages(self).iter().any(|stage| stage.best == BASE)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    fn staged(base: Option<&str>, folds: u32) -> Vec<Stage> {
        let text = format!(
            r#"{{"model": {{"kind": "docre-ii"}}, "encoder": {{"pretrained": "e"}}, "corpus": "c", "encoder_rate": 1,
            "head_rate": 1, "epochs": 3, "second_stage": {{"epochs": 2, "folds": {folds}}}}}"#
        );
        let config: TrainConfig = serde_json::from_str(&text).unwrap();
        stages(&TrainConfig { base: base.map(Into::into), ..config })
    }

    #[test]
    fn the_bases_of_folds_come_between_the_base_and_the_whole() {
        let told = |base, folds| {
            let stages = staged(base, folds).into_iter();
            let told = stages.map(|stage| format!("{} {} {}", stage.number, stage.best, stage.needs_features()));
            told.collect::<Vec<_>>()
        };
        assert_eq!(told(None, 0), ["1 base false", "2 best false"]);
        assert_eq!(told(None, 2), ["1 base false", "2 fold-1 true", "3 fold-2 true", "4 best true"]);
        assert_eq!(told(Some("b"), 2), ["2 fold-1 true", "3 fold-2 true", "4 best true"]);
        let folds = staged(None, 2);
        assert!(folds[1].rates.group("classifier.weight", 0.0).is_none());
        assert!(folds[1].rates.group("head_extractor.weight", 0.0).is_some());
        assert!(folds[0].rates.group("classifier.weight", 0.0).is_some());
        assert!(folds[3].rates.freeze_base() && folds[3].rates.group("classifier.weight", 0.0).is_none());
    }

    #[test]
    fn a_fold_trains_on_the_documents_of_all_others() {
        let dealt = folds(11, 3, 7);
        let sizes: Vec<usize> = (1..=3).map(|fold| dealt.iter().filter(|&&other| other == fold).count()).collect();
        assert_eq!(sizes, [4, 4, 3]);
        assert_ne!(dealt, folds(11, 3, 8));
        for stage in staged(None, 3).iter().filter(|stage| stage.fold.is_some()) {
            let number = stage.fold.unwrap().number;
            let expected = (0..11).zip(&dealt).filter(|(_, fold)| **fold != number).map(|(place, _)| place);
            assert_eq!(stage.documents(11, 7), expected.collect::<Vec<_>>());
        }
    }
}
