//! What every model is to those that train it and score with it.

use candle_core::{Result, Tensor};

use encoder::{Encoder, EncoderConfig};
use ground::random::Random;

use crate::example::Example;
use crate::trace::Held;

/// Takes what a model thinks of some pairs, then of the next.
pub type Taker<'t> = &'t mut dyn FnMut(Scores) -> Result<()>;

/// What training and scoring ask of every model.
pub trait Model: Send + Sync {
    /// The encoder.
    fn encoder(&self) -> &Encoder;

    /// The width of its vectors of pairs.
    fn width(&self) -> usize;

    /// What scoring a document holds in memory from its first pair to its last.
    fn need(&self, example: &Example) -> Need {
        Need::of(example.pairs.len() as u64, 0)
    }

    /// What training on a document holds in memory until its way back is done, in f32 with fused operations; measured, and
    /// rather too much than too little.
    fn training_need(&self, example: &Example) -> Need;

    /// What it thinks of the pairs of some documents, in order, at most so many at a time.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary, or `found` fails.
    fn score_in_chunks(&self, examples: &[Example], at_once: usize, found: Taker<'_>) -> Result<()>;

    /// What it thinks of all pairs of some documents, in order; `None` where they have no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    fn score(&self, examples: &[Example]) -> Result<Option<Scores>> {
        let mut all = None;
        self.score_in_chunks(examples, usize::MAX, &mut |scores| {
            all = Some(scores);
            Ok(())
        })?;
        Ok(all)
    }

    /// F of all pairs that it looks at, `(pairs, width)`, as scoring makes it; `None` where they have no pair, or it has
    /// no module over a base.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    fn features(&self, _examples: &[Example]) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// What the contexts of all pairs of some documents are made of, in order, as scoring makes them: the shares that pieces
    /// have, `(pairs, pieces)` in f32, padded by zeros to the longest document; `None` where they have no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    fn attention(&self, examples: &[Example]) -> Result<Option<Tensor>>;

    /// What there is to learn from some documents; `None` where they have no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>>;

    /// Of how many pairs of some documents the threshold losses are means.
    fn n_judged(&self, examples: &[Example]) -> usize {
        examples.iter().map(|example| example.pairs.len()).sum()
    }

    /// Of how many pairs of some documents the evidence loss is the mean.
    fn n_taught(&self, _examples: &[Example]) -> usize {
        0
    }

    /// After a step: what the model keeps beside its variables.
    ///
    /// # Errors
    /// Where the device refuses.
    fn follow(&self) -> Result<()> {
        Ok(())
    }

    /// The mean |weight| with which it looks at features and at predicted relations, where it looks at both.
    ///
    /// # Errors
    /// Where the device refuses.
    fn mean_weights(&self) -> Result<Option<[f64; 2]>> {
        Ok(None)
    }
}

/// What scoring one document takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Pairs that the model looks at, asked about or not.
    pub pairs: u64,
    /// Bytes, nearly; what is made in chunks does not count.
    pub bytes: u64,
}

/// Bytes of a pair beside tensors: in the example, its place in the matrix, what is predicted for it.
const BYTES_OF_PAIR: u64 = 128;

impl Need {
    /// That of so many pairs, of each of which the model holds so many numbers.
    pub fn of(pairs: u64, numbers: u64) -> Self {
        Self { pairs, bytes: pairs.saturating_mul(BYTES_OF_PAIR + 4 * numbers) }
    }

    /// With so many bytes more.
    #[must_use]
    pub fn and(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.saturating_add(bytes), ..self }
    }
}

/// What a model thinks of pairs.
#[derive(Debug, Clone)]
pub struct Scores {
    /// `(pairs, classes)` in f32.
    pub logits: Tensor,
    /// The same before inference, where the model has an inference module.
    pub base: Option<Tensor>,
    /// The iteration at which each pair's prediction last changed, 0 for never, where the model iterates.
    pub changed: Option<Vec<u32>>,
    /// What each pair was given from which iteration to which, pair by pair, the first iteration first and the best first,
    /// where the model iterates.
    pub held: Vec<Held>,
    /// The shares that sentences have of their contexts, `(pairs, sentences)` in f32, where the model learns what is
    /// evidence; padded to the most sentences of any document.
    pub sentences: Option<Tensor>,
}

/// What a model learns from.
#[derive(Debug, Clone)]
pub struct Lesson<'a> {
    /// Documents with labels.
    pub examples: &'a [Example],
    /// The share of the stage's steps that are done.
    pub progress: f64,
    /// A teacher's logits of their pairs, `(pairs, classes)`, where there is a teacher.
    pub teacher: Option<Tensor>,
    /// What the contexts of their pairs are made of with the teacher, `(pairs, pieces)` ([`Model::attention`]).
    pub attention: Option<Tensor>,
    /// Random numbers that all parts of a step share, whichever thread has which: each begins with the same one.
    pub shared: Random,
}

/// What a model learns: scalars, means over pairs.
#[derive(Debug, Clone)]
pub struct Loss {
    /// The losses of its predictions by labels.
    pub threshold: Tensor,
    /// What its training adds to them.
    pub auxiliary: Option<Tensor>,
    /// What it is taught of evidence: the mean over those pairs that have any.
    pub evidence: Option<Tensor>,
}

impl From<Tensor> for Scores {
    fn from(logits: Tensor) -> Self {
        Self { logits, base: None, changed: None, held: Vec::new(), sentences: None }
    }
}

impl From<Tensor> for Loss {
    fn from(threshold: Tensor) -> Self {
        Self { threshold, auxiliary: None, evidence: None }
    }
}

impl Loss {
    /// The sum of all, each times its share.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn shared(&self, [threshold, auxiliary, evidence]: [f64; 3]) -> Result<Tensor> {
        let sum = match &self.auxiliary {
            Some(more) if threshold.to_bits() != auxiliary.to_bits() => {
                (&self.threshold * threshold)? + (more * auxiliary)?
            }
            _ => self.of_relations()? * threshold,
        }?;
        self.evidence.as_ref().map_or(Ok(sum.clone()), |more| sum + (more * evidence)?)
    }

    /// The sum.
    ///
    /// # Errors
    /// Where the device refuses.
    pub fn total(&self) -> Result<Tensor> {
        let sum = self.of_relations()?;
        self.evidence.as_ref().map_or(Ok(sum.clone()), |more| sum + more)
    }

    fn of_relations(&self) -> Result<Tensor> {
        match &self.auxiliary {
            Some(auxiliary) => &self.threshold + auxiliary,
            None => Ok(self.threshold.clone()),
        }
    }
}

/// What a model is made for.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The encoder's shape.
    pub encoder: &'a EncoderConfig,
    /// Classes, the threshold included.
    pub n_classes: usize,
    /// Relations that a pair is given at most.
    pub most_labels: usize,
}
