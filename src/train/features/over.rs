//! A model that is given the features of its documents' pairs, and does not ask its base.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use encoder::Encoder;
use ground::random::Random;
use model::contract::Taker;
use model::example::{Example, Kept};
use model::{Lesson, Loss, Model, Need};
use table::Text;

use super::of_document;

/// Where the features of a split's documents come from.
pub enum Source {
    /// They are there, by document.
    Kept(BTreeMap<Text, Kept>),
    /// Bases make them.
    Made(Makers),
}

/// Bases, and which of them reads a document; the first, where it is not said.
pub struct Makers {
    pub bases: Vec<Arc<dyn Model>>,
    pub of: BTreeMap<Text, usize>,
}

impl Source {
    fn of(&self, example: &Example) -> Result<Kept> {
        match self {
            Self::Kept(kept) => match kept.get(&example.doc_id) {
                Some(kept) => Ok(kept.clone()),
                None => bail!("document `{}`: expected kept features, found none", example.doc_id),
            },
            Self::Made(Makers { bases, of }) => {
                let base = of.get(&example.doc_id).copied().unwrap_or_default();
                let Some(base) = bases.get(base) else { bail!("expected base {base}, there are {}", bases.len()) };
                of_document(&**base, example).map(Kept)
            }
        }
    }

    fn with(&self, examples: &[Example]) -> Result<Vec<Example>> {
        let with = |example: &Example| {
            let kept = (!example.pairs.is_empty()).then(|| self.of(example)).transpose()?;
            Ok(Example { kept, ..example.clone() })
        };
        examples.iter().map(with).collect()
    }
}

/// The model.
pub struct OverFeatures {
    /// What it is without.
    pub model: Box<dyn Model>,
    /// The features.
    pub features: Arc<Source>,
}

impl Model for OverFeatures {
    fn encoder(&self) -> &Encoder {
        self.model.encoder()
    }

    fn width(&self) -> usize {
        self.model.width()
    }

    fn need(&self, example: &Example) -> Need {
        self.model.need(example)
    }

    fn training_need(&self, example: &Example) -> Need {
        self.model.training_need(example)
    }

    fn n_judged(&self, examples: &[Example]) -> usize {
        self.model.n_judged(examples)
    }

    fn score_in_chunks(&self, examples: &[Example], at_once: usize, found: Taker<'_>) -> Result<()> {
        self.model.score_in_chunks(&self.features.with(examples)?, at_once, found)
    }

    fn attention(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.model.attention(examples)
    }

    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>> {
        let examples = self.features.with(lesson.examples)?;
        self.model.loss(&Lesson { examples: &examples, ..lesson.clone() }, random)
    }

    fn follow(&self) -> Result<()> {
        self.model.follow()
    }

    fn mean_weights(&self) -> Result<Option<[f64; 2]>> {
        self.model.mean_weights()
    }
}
