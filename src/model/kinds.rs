//! The kinds of model, by name: settings → a model.

use candle_core::Result;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use ground::settings::{Fields, from_fields};
use nn::Weights;

use crate::atlop::{Atlop, AtlopConfig};
use crate::contract::{Model, Task};
use crate::docre_ii::{DocreIi, DocreIiConfig};
use crate::docre_sd::{Distillation, DocreSd, DocreSdConfig};
use crate::pair::Mentions;
use crate::recipe::{Recipe, from_fields_by_recipe};

/// A model's kind and its shape beside the encoder's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// ATLOP (Zhou et al. 2021).
    Atlop(AtlopConfig),
    /// DocRE-II (Zhang et al. 2022).
    DocreIi(DocreIiConfig),
    /// DocRE-SD (Zhang et al. 2023).
    DocreSd(DocreSdConfig),
}

/// What `kind` may say.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Atlop,
    DocreIi,
    DocreSd,
}

impl<'de> Deserialize<'de> for ModelConfig {
    /// The settings that `kind` has; serde's own way would not tell which of them does not fit.
    fn deserialize<D: Deserializer<'de>>(source: D) -> std::result::Result<Self, D::Error> {
        Self::of_fields(Fields::deserialize(source)?)
    }
}

/// Keys that checkpoints of earlier versions lack, and what their models are nevertheless.
const BEFORE: [(&str, &str, &str); 1] = [("docre-ii", "pairs", "candidates")];

impl ModelConfig {
    /// A model as a checkpoint has it: a key that it lacks has the value that was the only one when it was written.
    ///
    /// # Errors
    /// Where the settings are not those of a model.
    pub fn of_checkpoint<'de, D: Deserializer<'de>>(source: D) -> std::result::Result<Self, D::Error> {
        let mut fields = Fields::deserialize(source)?;
        let has = |fields: &Fields, key: &str| fields.0.iter().any(|(name, _)| name == key);
        let is = |fields: &Fields, kind: &str| fields.0.iter().any(|(name, value)| name == "kind" && value == kind);
        for (kind, key, value) in BEFORE {
            if is(&fields, kind) && !has(&fields, key) {
                fields.0.push((key.to_owned(), value.into()));
            }
        }
        Self::of_fields(fields)
    }

    fn of_fields<E: Error>(mut fields: Fields) -> std::result::Result<Self, E> {
        let kind = fields.take("kind").ok_or_else(|| E::missing_field("kind"))?;
        Ok(match Kind::deserialize(kind).map_err(|error| E::custom(format!("`kind`: {error}")))? {
            Kind::Atlop => Self::Atlop(from_fields(fields)?),
            Kind::DocreIi => Self::DocreIi(from_fields_by_recipe(fields)?),
            Kind::DocreSd => Self::DocreSd(from_fields_by_recipe(fields)?),
        })
    }

    /// A model of each kind, with its paper's settings.
    pub fn every_kind() -> [Self; 3] {
        [
            Self::Atlop(AtlopConfig::default()),
            Self::DocreIi(DocreIiConfig::default()),
            Self::DocreSd(DocreSdConfig::default()),
        ]
    }

    /// The same model where it infers so many times, 0 for its base alone; `None` where it cannot be asked for that.
    pub fn with_iterations(&self, iterations: usize) -> Option<Self> {
        match self {
            // A base alone can be asked for nothing else.
            Self::DocreIi(config) if config.iterations > 0 || iterations == 0 => {
                Some(Self::DocreIi(DocreIiConfig { iterations, ..config.clone() }))
            }
            _ => None,
        }
    }

    /// The recipe of its settings, where they were given by one.
    pub fn recipe(&self) -> Option<Recipe> {
        match self {
            Self::Atlop(_) => None,
            Self::DocreIi(config) => config.recipe,
            Self::DocreSd(config) => config.recipe,
        }
    }

    /// The same settings by themselves: what a checkpoint says of its model, whatever becomes of the recipe.
    #[must_use]
    pub fn spelt_out(&self) -> Self {
        match self {
            Self::Atlop(config) => Self::Atlop(config.clone()),
            Self::DocreIi(config) => Self::DocreIi(DocreIiConfig { recipe: None, ..config.clone() }),
            Self::DocreSd(config) => Self::DocreSd(DocreSdConfig { recipe: None, ..config.clone() }),
        }
    }

    /// How often it infers.
    pub fn iterations(&self) -> usize {
        match self {
            Self::DocreIi(config) => config.iterations,
            Self::Atlop(_) | Self::DocreSd(_) => 0,
        }
    }

    /// The model over some weights.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn build(&self, task: &Task, weights: &mut Weights) -> Result<Box<dyn Model>> {
        Ok(match self {
            Self::Atlop(config) => Box::new(Atlop::new(task, config, weights)?),
            Self::DocreIi(config) => Box::new(DocreIi::new(task, config, weights)?),
            Self::DocreSd(config) => Box::new(DocreSd::new(task, config, weights)?),
        })
    }

    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::Atlop(config) => config.check(),
            Self::DocreIi(config) => config.check(),
            Self::DocreSd(config) => config.check(),
        }
    }

    /// How many of the encoder's last layers it reads, and what mentions are to it.
    pub fn reads(&self) -> (usize, Mentions) {
        match self {
            Self::Atlop(config) => (config.averaged_layers, config.mentions),
            Self::DocreIi(config) => (config.averaged_layers, config.mentions),
            Self::DocreSd(config) => (config.averaged_layers, config.mentions),
        }
    }

    /// How much it counts what is taught of evidence, 0 where nothing is.
    pub fn evidence_weight(&self) -> f64 {
        match self {
            Self::Atlop(config) => config.evidence_weight,
            Self::DocreIi(config) => config.evidence_weight,
            Self::DocreSd(config) => config.evidence_weight,
        }
    }

    /// Whether it learns from a teacher's predictions.
    pub fn has_teacher(&self) -> bool {
        matches!(self, Self::DocreSd(config) if config.distillation == Distillation::Teacher)
    }

    /// The part of the model that can be trained before the whole, where there is one: it classifies features as they
    /// are.
    pub fn base(&self) -> Option<Self> {
        let base = match self {
            Self::DocreIi(config) if config.iterations > 0 => {
                DocreIiConfig { iterations: 0, recipe: None, ..config.clone() }
            }
            Self::DocreSd(config) => {
                let base = DocreIiConfig::base_of(&config.shape());
                DocreIiConfig { evidence_weight: config.evidence_weight, ..base }
            }
            _ => return None,
        };
        Some(Self::DocreIi(base))
    }

    /// That part with the settings that its features hang on, all others at their defaults.
    pub fn base_of_features(&self) -> Option<Self> {
        let Self::DocreIi(base) = self.base()? else { return None };
        Some(Self::DocreIi(DocreIiConfig::base_of(&base.shape())))
    }

    /// Whether its paper trains that part first.
    pub fn is_staged(&self) -> bool {
        matches!(self, Self::DocreIi(_))
    }

    /// What the names of the variables begin with that it has beside its base, where it has a base.
    pub fn module(&self) -> Option<&'static str> {
        match self {
            Self::Atlop(_) => None,
            Self::DocreIi(_) => Some("inference"),
            Self::DocreSd(_) => Some("reasoning"),
        }
    }
}
