//! What is decided, as a small JSON file has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use ground::choice;
use ground::identity::digest;
use ground::parsed::TypePair;
use ground::settings::{self, Settings, at_least};
use ground::{Text, present};

use crate::error::DecideError;

/// How relations are chosen among scores. Nothing set, it is the model's own threshold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decision {
    /// How far above the threshold class's logit a relation's must lie; below 0, how far below it may.
    pub shift: f32,
    /// The same of single relations, in its place.
    pub shifts: BTreeMap<Text, f32>,
    /// What makes probabilities of logits; none: the sigmoid of their difference.
    pub calibration: Option<Calibration>,
    /// Relations that a pair is given at most; none: as many as the model gives.
    pub most_labels: Option<usize>,
    /// The types of entities that a relation may join. One that is not named may join any.
    pub types: BTreeMap<Text, BTreeSet<TypePair>>,
    /// Relations that hold together with another in the other direction, each pair of them named once; of itself, one that
    /// holds both ways.
    pub inverses: BTreeMap<Text, Text>,
    /// How several runs are joined.
    pub ensemble: Ensemble,
    /// The documents on which it was fitted, each by a short hash of its name.
    pub fitted_on: BTreeSet<Text>,
}

/// What makes a probability of how far a logit is above the threshold class's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The sigmoid of it, divided by this.
    Temperature(f32),
    /// The probability of the last step that it reaches; below the first, that of the first.
    Steps(Vec<Step>),
}

/// A probability from a place on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// How far a logit is above the threshold class's.
    pub margin: f32,
    /// How probable its relation is.
    pub probability: f32,
}

/// What is averaged where several runs have scored the same documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ensemble {
    /// How far the logits are above the threshold classes'.
    #[default]
    Margins,
    /// The sigmoids of that.
    Probabilities,
}

choice!(Ensemble, "ensemble", { Margins => "margins", Probabilities => "probabilities" });

impl Decision {
    /// Reads the file at a path.
    ///
    /// # Errors
    /// Where it cannot be read, or something in it is out of its range.
    pub fn read(path: &Path) -> Result<Self, DecideError> {
        let text = ground::read_text(path).map_err(|source| DecideError::Read { path: path.to_path_buf(), source })?;
        let refused = |reason| DecideError::Decision { path: path.to_path_buf(), reason };
        let decision: Self = settings::from_json(&text).map_err(refused)?;
        decision.check().map_err(refused)?;
        Ok(decision)
    }

    /// The same where there is a file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn find(path: &Path) -> Result<Option<Self>, DecideError> {
        let refused = |source| DecideError::Read { path: path.to_path_buf(), source };
        present(path.metadata()).map_err(refused)?.map(|_| Self::read(path)).transpose()
    }

    /// How far above the threshold class's logit that of a relation must lie.
    pub fn shift_of(&self, relation: &str) -> f32 {
        self.shifts.get(relation).copied().unwrap_or(self.shift)
    }

    /// Whether it was fitted on a document.
    pub(crate) fn was_fitted_on(&self, document: &str) -> bool {
        !self.fitted_on.is_empty() && self.fitted_on.contains(&hashed(document))
    }

    /// The least of the shifts.
    pub(crate) fn least_shift(&self) -> f32 {
        self.shifts.values().copied().fold(self.shift, f32::min)
    }

    /// Whether it asks for the types of entities.
    pub fn asks_types(&self) -> bool {
        !self.types.is_empty()
    }
}

impl Settings for Decision {
    fn check(&self) -> Result<(), String> {
        finite("shift", self.shift)?;
        self.shifts.iter().try_for_each(|(relation, shift)| finite(&format!("shifts.{relation}"), *shift))?;
        at_least("most_labels", self.most_labels.unwrap_or(1), 1)?;
        self.calibration.as_ref().map_or(Ok(()), Calibration::check)?;
        let mut partners: BTreeMap<&str, &str> = BTreeMap::new();
        for (relation, inverse) in self.inverses.iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
            let known = partners.insert(relation, inverse).filter(|known| *known != &**inverse);
            if let Some(known) = known {
                return Err(format!("`inverses`: expected one inverse of `{relation}`, got `{known}` and `{inverse}`"));
            }
        }
        Ok(())
    }
}

impl Calibration {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Temperature(t) if t.is_finite() && *t > 0.0 => Ok(()),
            Self::Temperature(t) => Err(format!("`calibration.temperature`: expected a number above 0, got {t}")),
            Self::Steps(steps) if steps.is_empty() => {
                Err("`calibration.steps`: expected at least one, got none".to_owned())
            }
            Self::Steps(steps) => {
                steps.iter().zip(steps.iter().skip(1).map(Some).chain([None])).try_for_each(check_step)
            }
        }
    }
}

/// A step and the next.
fn check_step((step, next): (&Step, Option<&Step>)) -> Result<(), String> {
    let Step { margin, probability } = *step;
    finite("calibration.steps.margin", margin)?;
    settings::within("calibration.steps.probability", probability, 0.0, 1.0)?;
    match next {
        Some(next) if next.margin <= margin || next.probability < probability => Err(format!(
            "`calibration.steps`: expected greater margins and no smaller probabilities from step to step, got {} and {} \
             behind {margin} and {probability}",
            next.margin, next.probability
        )),
        _ => Ok(()),
    }
}

fn finite(name: &str, got: f32) -> Result<(), String> {
    if got.is_finite() { Ok(()) } else { Err(format!("`{name}`: expected a finite number, got {got}")) }
}

/// A document's name as a decision has it. Two of thousands may have one hash: for warnings, that is rare enough.
pub(crate) fn hashed(document: &str) -> Text {
    digest(document.as_bytes()).chars().take(8).collect::<String>().into()
}
