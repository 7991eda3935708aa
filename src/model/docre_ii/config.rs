//! DocRE-II: its settings.

use ground::settings::within;
use serde::{Deserialize, Serialize};

use crate::base::PairFeature;
use crate::bounds::MOST;

/// The model's shape beside its encoder's, and its losses'. Absent fields have the paper's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocreIiConfig {
    /// Width of all vectors.
    pub embedding: usize,
    /// Width of a block of the grouped bilinear pair feature.
    pub block: usize,
    /// How a pair's feature is made.
    pub pair_feature: PairFeature,
    /// Iterations when scoring; with 0 the model is its base.
    #[serde(rename = "K")]
    pub iterations: usize,
    /// Inference layers.
    #[serde(rename = "N_I")]
    pub layers: usize,
    /// Heads of each attention unit, the four axes in turn.
    pub heads: usize,
    /// Whether the two units of a layer attend to one memory, made of F and R; else each to its own matrix.
    pub fusion: bool,
    /// To which pairs a pair attends.
    pub attention: Attention,
    /// Which pairs of entities there are to attend to.
    pub pairs: Pairs,
    /// The second stage's other loss.
    pub contrastive: Contrastive,
    /// The greatest share of predicted relations that training replaces by wrong ones.
    pub noise: f64,
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
            embedding: 768,
            block: 64,
            pair_feature: PairFeature::Ffn,
            iterations: 3,
            layers: 2,
            heads: 4,
            fusion: true,
            attention: Attention::ExtendedCross,
            pairs: Pairs::All,
            contrastive: Contrastive::StopGradient,
            noise: 0.4,
        }
    }
}

impl DocreIiConfig {
    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> std::result::Result<(), String> {
        let Self { embedding, heads, .. } = *self;
        self.pair_feature.check(embedding, self.block)?;
        within("K", self.iterations, 0, MOST)?;
        if self.layers == 0 {
            return Err("`N_I`: expected at least 1, got 0; for the base alone set `K` to 0".to_owned());
        }
        within("N_I", self.layers, 1, MOST)?;
        if heads == 0 || !heads.is_multiple_of(4) || !embedding.is_multiple_of(heads) {
            return Err(format!(
                "`heads`: expected a multiple of 4 that divides the embedding of {embedding}, got {heads}"
            ));
        }
        within("noise", self.noise, 0.0, 1.0)
    }
}

impl Contrastive {
    /// Whether there is no such loss.
    pub fn is_none(self) -> bool {
        self == Self::None
    }
}
