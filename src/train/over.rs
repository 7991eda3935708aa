//! Whether what another run trains can be what a run begins with, as far as the settings of both tell, before either has
//! begun. What they do not tell, as relations, [`prepare`](super::prepare) finds in the checkpoint.

use checkpoint::ModelConfig;

use super::config::{EncoderSource, Scratch, TrainConfig};

impl TrainConfig {
    /// Whether the model of another run can be this one's base; or that run's base, where it `is_base`.
    ///
    /// # Errors
    /// What it is expected to be.
    pub fn check_base(&self, other: &Self, is_base: bool) -> Result<(), String> {
        self.check_pieces(other)?;
        if let (EncoderSource::Scratch(own), EncoderSource::Scratch(others)) = (&self.encoder, &other.encoder)
            && shape(own) != shape(others)
        {
            return Err("expected the encoder of the model".to_owned());
        }
        let of_other = if is_base { other.model.base() } else { None };
        let model = of_other.as_ref().unwrap_or(&other.model);
        model.check_as_base_of(&self.model).map_err(|what| format!("expected the {what}"))?;
        self.check_evidence_of_base(model).map_err(|what| format!("expected the {what}"))
    }

    /// Whether a base that stays as it is was taught what is evidence, where that is wanted, and by what the model is to be:
    /// that is what its card will say.
    ///
    /// # Errors
    /// What it is expected to be.
    pub(super) fn check_evidence_of_base(&self, base: &ModelConfig) -> Result<(), String> {
        let stays = self.second_stage().is_some_and(|second| second.is_frozen());
        let by = |model: &ModelConfig| [model.taught().evidence, model.taught().attention].map(|weight| weight > 0.0);
        if stays && self.model.taught().is_any() && by(&self.model) != by(base) {
            return Err(
                "base of the model, taught evidence (`evidence_weight`, `attention_weight`) as that is: it stays as it is"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Whether the model of another run reads the same pieces.
    ///
    /// # Errors
    /// What it is expected to read.
    pub fn check_pieces(&self, other: &Self) -> Result<(), String> {
        if self.markers == other.markers { Ok(()) } else { Err("expected the `markers` of the model".to_owned()) }
    }

    /// Whether a model that is to learn from its other branch has one that is the same.
    pub(super) fn has_equal_branches(&self, [hidden, attention]: [f64; 2]) -> bool {
        // The features of a base that stays as it is are made once, nothing dropped.
        let is_frozen = self.second_stage().is_some_and(|second| second.is_frozen());
        self.model.differs_by_dropout() && hidden <= 0.0 && (attention <= 0.0 || is_frozen)
    }
}

/// The settings that the shape of an encoder hangs on: how many pieces it knows the corpus says, too.
fn shape(scratch: &Scratch) -> Scratch {
    Scratch { vocabulary: 0, lower: false, ..scratch.clone() }
}
