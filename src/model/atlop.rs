//! ATLOP: "Document-Level Relation Extraction with Adaptive Thresholding and Localized Context Pooling" (Zhou et al.
//! 2021), in the names of its published checkpoints: `model.*` (the encoder), `head_extractor`, `tail_extractor`,
//! `bilinear`.

use candle_core::{DType, Result, Tensor};
use serde::{Deserialize, Serialize};

use encoder::Encoder;
use ground::random::Random;
use nn::{Mode, Weights};

use crate::absent::Absent;
use crate::base::{Ends, PairFeature, Shape, check_layers};
use crate::bilinear::Bilinear;
use crate::bounds::check_blocks;
use crate::chunks::chunks;
use crate::contract::{Lesson, Loss, Model, Need, Scores, Taker, Task};
use crate::evidence::Taught;
use crate::example::{Example, labels};
use crate::pair::{Mentions, PairFeatures};
use crate::teaching::{Teaching, added};
use crate::threshold_loss::ThresholdLoss;

/// The model's shape beside its encoder's. Absent fields have the paper's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AtlopConfig {
    /// Width of the head and tail vectors.
    pub embedding: usize,
    /// Width of a block of the grouped bilinear classifier.
    pub block: usize,
    /// How many of the encoder's last layers are read: their mean.
    pub averaged_layers: usize,
    /// Which markers' states and attention are a mention's.
    pub mentions: Mentions,
    /// What judges predictions by labels.
    pub loss: ThresholdLoss,
    /// What is learnt from a teacher.
    pub teaching: Teaching,
    /// How much it counts what a pair's context is made of, as its evidence teaches it; with 0 nothing is taught.
    pub evidence_weight: f64,
    /// How much it counts what a pair's context is made of, as a teacher's attention teaches it; with 0 nothing is taught.
    pub attention_weight: f64,
}

impl Default for AtlopConfig {
    fn default() -> Self {
        let (loss, teaching) = (ThresholdLoss::default(), Teaching::None);
        let (averaged_layers, mentions) = (1, Mentions::Opening);
        let (evidence_weight, attention_weight) = (0.0, 0.0);
        Self { embedding: 768, block: 64, averaged_layers, mentions, loss, teaching, evidence_weight, attention_weight }
    }
}

/// The model.
#[derive(Debug, Clone)]
pub struct Atlop {
    ends: Ends,
    bilinear: Bilinear,
    width: usize,
    n_classes: usize,
    loss: ThresholdLoss,
    teaching: Teaching,
    taught: Taught,
}

impl Atlop {
    /// A model whose variables stand in `weights`.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(task: &Task, config: &AtlopConfig, weights: &mut Weights) -> Result<Self> {
        let shape = Shape {
            width: config.embedding,
            block: config.block,
            feature: PairFeature::GroupedBilinear,
            averaged_layers: config.averaged_layers,
            mentions: config.mentions,
            normed: false,
            taught: config.taught(),
        };
        Ok(Self {
            ends: Ends::new(task.encoder, &shape, weights)?,
            bilinear: Bilinear::new(weights, "bilinear", config.embedding, config.block, task.n_classes)?,
            width: config.embedding,
            n_classes: task.n_classes,
            loss: config.loss,
            teaching: config.teaching,
            taught: config.taught(),
        })
    }

    /// Logits of all pairs of a batch in order, `(pairs, classes)` in f32; `None` where it has no pair.
    ///
    /// # Errors
    /// Where a piece is not in the encoder's vocabulary.
    pub fn forward(&self, examples: &[Example], mode: &mut Mode) -> Result<Option<Tensor>> {
        let Some(pairs) = self.ends.forward(examples, mode)? else { return Ok(None) };
        self.absent(examples)?.leave_out_of_all(self.classify(&pairs)?).map(Some)
    }

    fn absent(&self, examples: &[Example]) -> Result<Absent> {
        Absent::of(examples, self.n_classes, self.bilinear.device())
    }

    /// The classifier's logits of pairs with these features, of all classes.
    ///
    /// # Errors
    /// Where the shapes do not fit.
    pub fn classify(&self, pairs: &PairFeatures) -> Result<Tensor> {
        self.logits(&self.ends.of(pairs)?)
    }

    fn logits(&self, [heads, tails]: &[Tensor; 2]) -> Result<Tensor> {
        self.bilinear.forward(heads, tails)?.to_dtype(DType::F32)
    }
}

impl AtlopConfig {
    /// Whether a model can be made of it.
    ///
    /// # Errors
    /// The first field that does not fit, expected then got.
    pub fn check(&self) -> std::result::Result<(), String> {
        check_blocks(self.embedding, self.block)?;
        check_layers(self.averaged_layers)?;
        self.taught().check()?;
        self.loss.check()?;
        self.teaching.check()
    }

    /// What teaches it what is evidence.
    pub fn taught(&self) -> Taught {
        Taught { evidence: self.evidence_weight, attention: self.attention_weight }
    }
}

impl Model for Atlop {
    fn encoder(&self) -> &Encoder {
        self.ends.encoder()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn training_need(&self, example: &Example) -> Need {
        Need::of(
            example.pairs.len() as u64,
            self.ends.training_numbers(example, self.n_classes * self.loss.share_of_memory()),
        )
    }

    fn score_in_chunks(&self, examples: &[Example], at_once: usize, found: Taker<'_>) -> Result<()> {
        let mode = &mut Mode::InChunks(at_once);
        let encoded = self.ends.encode(examples, mode)?;
        let Some(pooled) = self.ends.pool(examples, &encoded, mode)? else { return Ok(()) };
        let mut chunks = chunks(pooled.n_pairs(), pooled.pairs_at_once(at_once));
        let absent = self.absent(examples)?;
        chunks.try_for_each(|rows| {
            let pairs = pooled.features(&rows)?;
            let logits = absent.leave_out(self.classify(&pairs)?, &rows)?;
            found(Scores { sentences: pairs.sentences()?, ..logits.into() })
        })
    }

    fn attention(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.ends.attention(examples)
    }

    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>> {
        let Some(pairs) = self.ends.forward(lesson.examples, &mut Mode::Train(random))? else { return Ok(None) };
        let logits = self.absent(lesson.examples)?.leave_out_of_all(self.classify(&pairs)?)?;
        let labels = labels(lesson.examples, logits.dim(1)?, logits.device())?;
        let threshold = self.loss.judge(lesson, self.n_classes, logits.device())?.of(&logits, &labels)?;
        let attention = self.taught.by_teacher(lesson.attention.as_ref(), pairs.pieces()?.as_ref())?;
        let auxiliary = added(self.teaching.of(lesson.teacher.as_ref(), [&logits])?, attention)?;
        let evidence = self.taught.by_gold(lesson.examples, pairs.sentences()?.as_ref())?;
        Ok(Some(Loss { threshold, auxiliary, evidence }))
    }

    fn n_taught(&self, examples: &[Example]) -> usize {
        self.taught.n_pairs(examples)
    }
}
