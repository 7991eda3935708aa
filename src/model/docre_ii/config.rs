//! DocRE-II: its settings.

use ground::settings::within;
use serde::{Deserialize, Serialize};

use super::negatives::Negatives;
use crate::base::{PairFeature, Shape, check_layers};
use crate::bounds::{GREATEST_WIDTH, MOST};
use crate::evidence::Taught;
use crate::pair::Mentions;
use crate::recipe::Recipe;
use crate::teaching::Teaching;
use crate::threshold_loss::ThresholdLoss;

/// The greatest weight and the greatest temperature of a loss: more is a slip.
const GREATEST: f64 = 1000.0;

/// The model's shape beside its encoder's, and its losses'. Absent fields have docre's values, which are those of the
/// paper or were measured to be better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocreIiConfig {
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
    /// What judges predictions by labels, those of the base and of each iteration.
    pub loss: ThresholdLoss,
    /// What they learn from a teacher.
    pub teaching: Teaching,
    /// Width to which the inference module reduces features, by a matrix; absent: it takes them as they are.
    pub inference_width: Option<usize>,
    /// Iterations when scoring; with 0 the model is its base.
    #[serde(rename = "K")]
    pub iterations: usize,
    /// Inference layers.
    #[serde(rename = "N_I")]
    pub layers: usize,
    /// Heads of each attention unit, the four axes in turn.
    pub heads: usize,
    /// Whether a gate joins what the two units of a layer give (Eq. 8 and 9); else F and R are each updated by their own.
    pub fusion: bool,
    /// What the two units of a layer attend to.
    pub memory: Memory,
    /// To which pairs a pair attends.
    pub attention: Attention,
    /// Which pairs of entities there are to attend to.
    pub pairs: Pairs,
    /// The second stage's other loss.
    pub contrastive: Contrastive,
    /// How much that loss counts beside the others; with 0 there is none.
    pub contrastive_weight: f64,
    /// How sharply it tells states apart, where it is that of `SimCLR`.
    pub simclr_temperature: f64,
    /// What the output layer and the classifier of the module are before they learn.
    pub start: Start,
    /// The greatest share of predicted relations that training replaces by wrong ones.
    pub noise: f64,
    /// What training tells the module of each pair, before some of it is made wrong.
    pub noise_on: NoiseOn,
    /// What of a pair's predicted relations is embedded.
    pub embed: Embed,
    /// What an iteration's prediction is made of.
    pub logits: Logits,
    /// Of how many pairs without a relation the losses of the second stage are means.
    pub negatives: Negatives,
    /// Whether the module predicts by the second noisy view too, as in the released program: then each view is compared
    /// with the other one reversed.
    pub second_view: bool,
    /// How much it counts what a pair's context is made of, as its evidence teaches it; with 0 nothing is taught.
    pub evidence_weight: f64,
    /// How much it counts what a pair's context is made of, as a teacher's attention teaches it; with 0 nothing is taught.
    pub attention_weight: f64,
}

/// What the two units of a layer attend to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// One matrix, made of F and R (Eq. 5).
    Common,
    /// Each to its own: F to F, R to R.
    Own,
}

/// What the output layer and the classifier of the module are before they learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The output layer passes features on, nearly, and the classifier is the base's.
    Identity,
    /// They are drawn at random, as in the paper and the released program.
    Random,
}

/// What training tells the module of each pair, before some of it is made wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseOn {
    /// What the base predicts, as in the paper.
    Predictions,
    /// What holds, as in the released program, with its shares.
    Gold,
}

/// What of a pair's predicted relations is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embed {
    /// All of them, added up, as in the released program.
    Set,
    /// The best class, the threshold's too, as in the paper.
    Argmax,
}

/// What an iteration's prediction is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logits {
    /// Its own logits, as in the paper.
    Last,
    /// The base's, its own and those of all iterations before, added up, as in the released program.
    Sum,
}

/// To which pairs a pair attends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attention {
    /// A row or a column in each head.
    ExtendedCross,
    /// All of the document in every head.
    Full,
}

/// Which pairs of entities stand in the matrix. Candidates alone are classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairs {
    /// All, as in the paper.
    All,
    /// The candidates of the corpus: where their types differ, as in CDR, two of the four axes hold nothing.
    Candidates,
}

/// The second stage's other loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrastive {
    /// There is none.
    None,
    /// Pulls the two states of a pair together, with the gradient stopped on one side.
    StopGradient,
    /// Tells a pair's other state from those of the document's other pairs (Chen et al. 2020).
    Simclr,
}

impl Default for DocreIiConfig {
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
            inference_width: None,
            iterations: 3,
            layers: 2,
            heads: 4,
            fusion: true,
            memory: Memory::Common,
            attention: Attention::ExtendedCross,
            pairs: Pairs::All,
            contrastive: Contrastive::StopGradient,
            contrastive_weight: 1.0,
            simclr_temperature: 0.1,
            start: Start::Identity,
            noise: 0.4,
            noise_on: NoiseOn::Predictions,
            embed: Embed::Set,
            logits: Logits::Last,
            negatives: Negatives::All,
            second_view: false,
            evidence_weight: 0.0,
            attention_weight: 0.0,
        }
    }
}

impl From<Recipe> for DocreIiConfig {
    /// The paper: Zhang et al. 2022. The released program: run_bert.sh, model.py and CCNet.py of
    /// github.com/DeepLearnXMU/DocRE-II; there ten times the threshold losses and twice the contrastive one are added up.
    fn from(recipe: Recipe) -> Self {
        let docre = Self { recipe: Some(recipe), ..Self::default() };
        match recipe {
            Recipe::Docre => docre,
            Recipe::Paper => Self { start: Start::Random, embed: Embed::Argmax, ..docre },
            Recipe::Released => Self {
                contrastive_weight: 0.2,
                start: Start::Random,
                noise_on: NoiseOn::Gold,
                logits: Logits::Sum,
                negatives: Negatives::APositive(5),
                second_view: true,
                layers: 1,
                // What concerns the base.
                pair_feature: PairFeature::Released,
                averaged_layers: 3,
                mentions: Mentions::Both,
                inference_width: Some(512),
                ..docre
            },
        }
    }
}

impl DocreIiConfig {
    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> std::result::Result<(), String> {
        let (width, heads) = (self.inner_width(), self.heads);
        self.pair_feature.check(self.embedding, self.block)?;
        check_layers(self.averaged_layers)?;
        within("inference_width", width, 1, GREATEST_WIDTH)?;
        within("K", self.iterations, 0, MOST)?;
        if self.layers == 0 {
            return Err("`N_I`: expected at least 1, got 0; for the base alone set `K` to 0".to_owned());
        }
        within("N_I", self.layers, 1, MOST)?;
        if heads == 0 || !heads.is_multiple_of(4) || !width.is_multiple_of(heads) {
            let of = if self.inference_width.is_some() { "inference width" } else { "embedding" };
            return Err(format!("`heads`: expected a multiple of 4 that divides the {of} of {width}, got {heads}"));
        }
        self.loss.check()?;
        self.teaching.check()?;
        self.check_losses()
    }

    fn check_losses(&self) -> std::result::Result<(), String> {
        within("contrastive_weight", self.contrastive_weight, 0.0, GREATEST)?;
        within("simclr_temperature", self.simclr_temperature, 1.0 / GREATEST, GREATEST)?;
        if self.negatives == Negatives::APositive(0) {
            return Err("`negatives`: expected `all` or at least 1 a positive, got 0".to_owned());
        }
        self.taught().check()?;
        within("noise", self.noise, 0.0, 1.0)
    }

    /// The second stage's other loss, where it has one that counts.
    pub fn contrastive(&self) -> Option<Contrastive> {
        Some(self.contrastive).filter(|&loss| loss != Contrastive::None && self.contrastive_weight > 0.0)
    }

    /// The base alone of a shape.
    pub(crate) fn base_of(shape: &Shape) -> Self {
        let Shape { width, block, feature, averaged_layers, mentions, normed: _, taught: _ } = *shape;
        let base =
            Self { embedding: width, block, pair_feature: feature, averaged_layers, mentions, ..Self::default() };
        Self { iterations: 0, ..base }
    }

    /// What teaches it what is evidence.
    pub fn taught(&self) -> Taught {
        Taught { evidence: self.evidence_weight, attention: self.attention_weight }
    }

    /// The same where that teaches it what is evidence.
    pub(crate) fn taught_by(self, Taught { evidence, attention }: Taught) -> Self {
        Self { evidence_weight: evidence, attention_weight: attention, ..self }
    }

    /// The shape of its base.
    pub(crate) fn shape(&self) -> Shape {
        let Self { embedding: width, block, pair_feature: feature, averaged_layers, mentions, .. } = *self;
        let taught = self.taught();
        Shape { width, block, feature, averaged_layers, mentions, normed: false, taught }
    }

    /// The width of the inference module's vectors.
    pub fn inner_width(&self) -> usize {
        self.inference_width.unwrap_or(self.embedding)
    }
}

impl Embed {
    /// What is embedded of relations, the best first.
    pub fn of(self, set: &[u32]) -> &[u32] {
        match self {
            Self::Set => set,
            Self::Argmax => set.get(..1).unwrap_or_default(),
        }
    }
}
