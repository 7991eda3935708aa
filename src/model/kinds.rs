//! The kinds of model, by name: settings → a model.

use candle_core::Result;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use ground::settings::{Fields, from_fields};
use nn::Weights;

use crate::atlop::{Atlop, AtlopConfig};
use crate::base::PairFeature;
use crate::contract::{Model, Task};
use crate::docre_ii::{DocreIi, DocreIiConfig};
use crate::docre_sd::{Distillation, DocreSd, DocreSdConfig};
use crate::evidence::Taught;
use crate::pair::Mentions;
use crate::recipe::{Recipe, beside, from_fields_by_recipe};
use crate::teaching::Teaching;
use crate::threshold_loss::ThresholdLoss;

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

    /// What judges its predictions by labels, and how by a teacher.
    pub fn judged(&self) -> (ThresholdLoss, Teaching) {
        match self {
            Self::Atlop(config) => (config.loss, config.teaching),
            Self::DocreIi(config) => (config.loss, config.teaching),
            Self::DocreSd(config) => (config.loss, config.teaching),
        }
    }

    /// What teaches it what is evidence.
    pub fn taught(&self) -> Taught {
        match self {
            Self::Atlop(config) => config.taught(),
            Self::DocreIi(config) => config.taught(),
            Self::DocreSd(config) => config.taught(),
        }
    }

    /// Whether it learns from a teacher's predictions.
    pub fn learns_predictions(&self) -> bool {
        let is_distilled = matches!(self, Self::DocreSd(config) if config.distillation == Distillation::Teacher);
        is_distilled || self.judged().1 != Teaching::None
    }

    /// Whether it learns from a teacher: what that predicts, or where it looks.
    pub fn has_teacher(&self) -> bool {
        self.learns_predictions() || self.taught().attention > 0.0
    }

    /// The part of the model that can be trained before the whole, where there is one: it classifies features as they
    /// are.
    pub fn base(&self) -> Option<Self> {
        let base = match self {
            Self::DocreIi(config) if config.iterations > 0 => {
                DocreIiConfig { iterations: 0, recipe: None, ..config.clone() }
            }
            Self::DocreSd(config) => {
                let (loss, teaching) = (config.loss, config.teaching);
                DocreIiConfig { loss, teaching, ..DocreIiConfig::base_of(&config.shape()) }.taught_by(config.taught())
            }
            _ => return None,
        };
        Some(Self::DocreIi(base))
    }

    /// Whether it can be the base of another model, as far as settings tell.
    ///
    /// # Errors
    /// What it is expected to be.
    pub fn check_as_base_of(&self, whole: &Self) -> std::result::Result<(), &'static str> {
        let Some(Self::DocreIi(base)) = whole.base() else { return Ok(()) };
        if self.reads() != whole.reads() {
            return Err("`averaged_layers` and `mentions` of the model");
        }
        let Self::DocreIi(own) = self else { return Err("base of the model, a `docre-ii` with a `K` of 0") };
        if own.iterations > 0 {
            return Err("base of the model alone, with a `K` of 0");
        }
        let is_same = own.embedding == base.embedding && own.pair_feature == base.pair_feature;
        // Of the other features nothing has blocks.
        if !is_same || own.block != base.block && base.pair_feature != PairFeature::Ffn {
            return Err("`embedding`, `pair_feature` and `block` of the model");
        }
        Ok(())
    }

    /// The keys whose values are not those of its recipe, where it has one.
    pub fn beside_recipe(&self) -> Vec<String> {
        match self {
            Self::Atlop(_) => Vec::new(),
            Self::DocreIi(config) => config.recipe.map_or_else(Vec::new, |recipe| beside(config, recipe)),
            Self::DocreSd(config) => config.recipe.map_or_else(Vec::new, |recipe| beside(config, recipe)),
        }
    }

    /// Whether its two branches differ by nothing but what is dropped.
    pub fn differs_by_dropout(&self) -> bool {
        matches!(self, Self::DocreSd(config) if config.distillation == Distillation::RDrop)
    }

    /// That part as the bases of folds are trained: with the settings that its features hang on, what judges them and what
    /// teaches them evidence, all others at their defaults.
    pub fn base_of_folds(&self) -> Option<Self> {
        let Self::DocreIi(base) = self.base_of_features()? else { return None };
        let (loss, teaching) = self.judged();
        Some(Self::DocreIi(DocreIiConfig { loss, teaching, ..base }.taught_by(self.taught())))
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

    /// Whether a variable of a model of any kind has a row for each class.
    pub fn has_row_a_class(variable: &str) -> bool {
        let layer = variable.rsplit_once('.').map_or(variable, |(layer, _)| layer);
        let is_classifier = ["bilinear", "classifier", "inference.classifier", "reasoning.classifier"].contains(&layer);
        is_classifier || variable == "inference.relations"
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
