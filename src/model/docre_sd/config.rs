//! DocRE-SD: its settings.

use ground::pattern::Pattern;
use ground::settings::within;
use serde::{Deserialize, Serialize};

use crate::base::{PairFeature, Shape, check_layers};
use crate::bounds::MOST;
use crate::evidence::Taught;
use crate::pair::Mentions;
use crate::recipe::Recipe;
use crate::teaching::Teaching;
use crate::threshold_loss::ThresholdLoss;

/// The least chance of a pair with a relation to be masked, and the greatest at first, as in the released program.
const LEAST_CHANCE: f64 = 0.1;
const FIRST_CHANCE: f64 = 0.2;

/// The model's shape beside its encoder's, and its training's. Absent fields have the paper's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocreSdConfig {
    /// What gave the settings that were not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// Width of all vectors.
    pub embedding: usize,
    /// Width of a block of the grouped bilinear pair feature.
    pub block: usize,
    /// How a pair's feature is made.
    pub pair_feature: PairFeature,
    /// How many of the encoder's last layers are read: their mean.
    pub averaged_layers: usize,
    /// Which markers' states and attention are a mention's.
    pub mentions: Mentions,
    /// What judges predictions by labels, those of each branch.
    pub loss: ThresholdLoss,
    /// What they learn from a teacher, whatever `distillation` says.
    pub teaching: Teaching,
    /// Reasoning layers.
    #[serde(rename = "L")]
    pub layers: usize,
    /// Each head's pattern.
    pub patterns: Vec<Pattern>,
    /// From what the model learns beside the labels.
    pub distillation: Distillation,
    /// γ_max, the greatest share of pairs whose features are masked.
    pub mask_rate: f64,
    /// Whether the share rises with the steps, γ_t = min(γ_max, t/T); else it is γ_max from the first.
    pub curriculum: bool,
    /// Which pairs' features are masked.
    pub masking: Masking,
    /// Whether a third branch, with the moving average of the layers' weights, teaches the masked one too.
    pub moving_average: bool,
    /// Whether layers end in a highway.
    pub highway: bool,
    /// What the layers are before they learn.
    pub start: Start,
    /// How much it counts what a pair's context is made of, as its evidence teaches it; with 0 nothing is taught.
    pub evidence_weight: f64,
    /// How much it counts what a pair's context is made of, as a teacher's attention teaches it; with 0 nothing is taught.
    pub attention_weight: f64,
}

/// What the layers are before they learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// They pass features on: what they make of them is added through a matrix that begins at 0.
    Identity,
    /// They are drawn at random, and what they make of features takes the place of these, as in the paper.
    Random,
}

/// Which pairs' features the masked branch does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Masking {
    /// A share of each document's pairs, γ_t, drawn uniformly, as in the paper.
    Share,
    /// Each pair that is asked about by a chance of its own, as in the released program: r with a relation, r/2 without.
    /// Once a step r is drawn from 0.1 to γ_t, which begins at 0.2.
    Chance,
}

/// From what the model learns beside the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distillation {
    /// From nothing: there is one branch.
    None,
    /// From its other branch, one of the two masked.
    #[serde(rename = "self")]
    Itself,
    /// From its other branch, neither masked: they differ by their dropout (Liang et al. 2021).
    RDrop,
    /// From a trained model's distribution; there is one branch.
    Teacher,
}

impl Default for DocreSdConfig {
    fn default() -> Self {
        Self {
            recipe: None,
            embedding: 768,
            block: 64,
            pair_feature: PairFeature::Ffn,
            averaged_layers: 1,
            mentions: Mentions::Opening,
            loss: ThresholdLoss::default(),
            teaching: Teaching::None,
            layers: 2,
            patterns: Pattern::ALL.to_vec(),
            distillation: Distillation::Itself,
            mask_rate: 0.5,
            curriculum: true,
            masking: Masking::Share,
            moving_average: false,
            highway: false,
            start: Start::Random,
            evidence_weight: 0.0,
            attention_weight: 0.0,
        }
    }
}

impl From<Recipe> for DocreSdConfig {
    /// The paper: Zhang et al. 2023. The released program: model.py and Reasoning_module.py of
    /// github.com/DeepLearnXMU/DocRE-SD.
    fn from(recipe: Recipe) -> Self {
        let docre = Self { recipe: Some(recipe), ..Self::default() };
        match recipe {
            Recipe::Paper | Recipe::Docre => docre,
            Recipe::Released => {
                let base =
                    Self { pair_feature: PairFeature::Released, averaged_layers: 3, mentions: Mentions::Both, ..docre };
                Self { moving_average: true, highway: true, masking: Masking::Chance, ..base }
            }
        }
    }
}

impl DocreSdConfig {
    /// What teaches it what is evidence.
    pub fn taught(&self) -> Taught {
        Taught { evidence: self.evidence_weight, attention: self.attention_weight }
    }

    /// The shape of its base.
    pub(crate) fn shape(&self) -> Shape {
        let Self { embedding: width, block, pair_feature: feature, averaged_layers, mentions, .. } = *self;
        let taught = self.taught();
        Shape { width, block, feature, averaged_layers, mentions, normed: true, taught }
    }

    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> std::result::Result<(), String> {
        let (embedding, n_heads) = (self.embedding, self.patterns.len());
        self.pair_feature.check(embedding, self.block)?;
        check_layers(self.averaged_layers)?;
        if self.layers == 0 {
            return Err("`L`: expected at least 1, got 0; without reasoning the model is `atlop`".to_owned());
        }
        within("L", self.layers, 1, MOST)?;
        if n_heads == 0 || !embedding.is_multiple_of(n_heads) {
            return Err(format!("`patterns`: expected as many as divide the embedding of {embedding}, got {n_heads}"));
        }
        self.loss.check()?;
        self.teaching.check()?;
        within("mask_rate", self.mask_rate, 0.0, 1.0)?;
        self.taught().check()?;
        if self.moving_average && self.distillation != Distillation::Itself {
            return Err(
                "`moving_average`: expected `distillation` to be `self`, whose masked branch it teaches".to_owned()
            );
        }
        Ok(())
    }

    /// The share of pairs that is masked when a share of the steps is done, or the greatest chance of one.
    pub fn masked_share(&self, progress: f64) -> f64 {
        let risen = match self.masking {
            Masking::Share => progress,
            Masking::Chance => progress + FIRST_CHANCE,
        };
        if self.curriculum { self.mask_rate.min(risen) } else { self.mask_rate }
    }

    /// The chance that a pair with a relation is masked in a step of which this is drawn from 0 to 1.
    pub fn masked_chance(&self, progress: f64, drawn: f64) -> f64 {
        let greatest = self.masked_share(progress);
        let least = LEAST_CHANCE.min(greatest);
        least + (greatest - least) * drawn
    }
}
