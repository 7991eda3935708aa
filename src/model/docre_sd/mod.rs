//! DocRE-SD: "Exploring Self-Distillation Based Relational Reasoning Training for Document-Level Relation Extraction"
//! (Zhang et al. 2023).
//!
//! A base gives each pair a feature; reasoning layers ([`reasoning`]) let a pair attend to couples of pairs that could
//! imply it; a classifier reads the result. Training has two branches that share all weights: one sees the features as
//! they are, the other some of them replaced by a learned vector, so that these pairs can only be inferred. Both learn
//! the labels, and each the other's distribution. Scoring takes the first.
//!
//! The layers see all pairs of a document's entities ([`crate::all_pairs`]), asked about or not.

mod config;
pub(crate) mod reasoning;

use candle_core::{DType, Result, Tensor, Var};

use encoder::Encoder;
use ground::random::Random;
use nn::layers::linear_alike;
use nn::ops::is_fused;
use nn::{Init, Linear, Mode, Weights};

use crate::absent::Absent;
use crate::all_pairs::{AllPairs, n_pairs};
use crate::attention::matrix_bytes;
use crate::base::{PairBase, PairsRead};
use crate::chunks::{by_rows, chunks, rows_of};
use crate::contract::{Lesson, Loss, Model, Need, Scores, Taker, Task};
use crate::example::{Example, labels};
use crate::loss::{cosine, divergence, relative_entropy};
use crate::pair_matrix::PairMatrix;
use crate::teaching::added;
pub use config::{Distillation, DocreSdConfig, Masking, Start};
use reasoning::ReasoningLayer;

/// How slowly the moving average forgets, as in the released program.
const MEMORY: f64 = 0.99;
/// What it counts that the masked branch learns the moving average's distribution: in the released program the other losses
/// count ten times as much.
const TAUGHT: f64 = 0.1;
/// The same of 2 − 2cos, by which the states of masked pairs are to resemble the moving average's: a tenth again.
const RESEMBLANCE: f64 = 0.01;

/// The model.
#[derive(Debug, Clone)]
pub struct DocreSd {
    base: PairBase,
    layers: Vec<ReasoningLayer>,
    /// What it reads of what the layers make, where they begin by passing features on.
    output: Option<Linear>,
    classifier: Linear,
    /// Stands in for masked features: `(1, width)`; only where a branch is masked.
    mask: Option<Tensor>,
    average: Option<Average>,
    config: DocreSdConfig,
    n_classes: usize,
}

/// The moving average of the layers.
#[derive(Debug, Clone)]
struct Average {
    layers: Vec<ReasoningLayer>,
    /// Each averaged variable and the one that it follows.
    variables: Vec<[Var; 2]>,
}

impl DocreSd {
    /// A model whose variables stand in `weights`: those of the base in ATLOP's names and `pair_feature`; all others
    /// under `reasoning` and `average`. Over a trained base it begins by classifying as that does.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(task: &Task, config: &DocreSdConfig, weights: &mut Weights) -> Result<Self> {
        config.check().map_err(candle_core::Error::Msg)?;
        let dropout = task.encoder.hidden_dropout_prob;
        let layers = layers(config, dropout, weights, "reasoning")?;
        let average = config.moving_average.then(|| Average::new(config, dropout, weights)).transpose()?;
        let has_mask = config.distillation == Distillation::Itself;
        let mask = || weights.take("reasoning.mask", (1, config.embedding), Init::Normal(0.02));
        let mask = has_mask.then(mask).transpose()?;
        let (square, nothing) = ((config.embedding, config.embedding), [Init::Constant(0.0); 2]);
        let output = (config.start == Start::Identity)
            .then(|| Linear::new(weights, "reasoning.output", square, nothing))
            .transpose()?;
        Ok(Self {
            base: PairBase::new(task.encoder, &config.shape(), weights)?,
            layers,
            output,
            // Over a trained base it begins as that base's.
            classifier: linear_alike(weights, "reasoning.classifier", "classifier", task.n_classes, config.embedding)?,
            mask,
            average,
            config: config.clone(),
            n_classes: task.n_classes,
        })
    }

    /// What the layers make of all pairs' features, and the logits of those that are asked about: `(pairs, width)`,
    /// `(asked, classes)` in f32.
    fn reason(
        &self,
        layers: &[ReasoningLayer],
        features: &Tensor,
        (all, absent): (&AllPairs, &Absent),
        mode: &mut Mode,
    ) -> Result<[Tensor; 2]> {
        let pairs = self.states(layers, features.clone(), all, mode)?;
        let logits = self.classify(&all.asked(&pairs, &(0..all.n_asked()))?)?;
        Ok([pairs, absent.leave_out_of_all(logits)?])
    }

    /// What layers make of the features of all pairs, which are used up; `F + W M + b`, where they begin by passing F on.
    fn states(&self, layers: &[ReasoningLayer], features: Tensor, all: &AllPairs, mode: &mut Mode) -> Result<Tensor> {
        let passed = self.output.as_ref().map(|output| (output, features.clone()));
        let states = layers.iter().try_fold(features, |pairs, layer| layer.forward(&pairs, all.matrices(), mode))?;
        let Some((output, features)) = passed else { return Ok(states) };
        let [states] = by_rows(states.dim(0)?, mode.rows_at_once(), |rows| {
            Ok([(rows_of(&features, &rows)? + output.forward(&rows_of(&states, &rows)?)?)?])
        })?;
        Ok(states)
    }

    fn classify(&self, pairs: &Tensor) -> Result<Tensor> {
        self.classifier.forward(pairs)?.to_dtype(DType::F32)
    }

    /// 1 for each pair that the masked branch does not see, else 0.
    fn masked(&self, lesson: &Lesson, all: &AllPairs, random: &mut Random) -> Vec<f32> {
        match self.config.masking {
            Masking::Share => masked_share(all.matrices(), self.config.masked_share(lesson.progress), random),
            Masking::Chance => {
                let drawn = lesson.shared.clone().unit();
                all.spread(masked_by_chance(lesson.examples, self.config.masked_chance(lesson.progress, drawn), random))
            }
        }
    }

    /// The other branch's logits, and what there is to learn beside the labels.
    fn distil(
        &self,
        features: &Tensor,
        logits: &Tensor,
        lesson: &Lesson,
        (all, absent): (&AllPairs, &Absent),
        random: &mut Random,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let other = |features: &Tensor, random: &mut Random| {
            self.reason(&self.layers, features, (all, absent), &mut Mode::Train(random))
        };
        match (self.config.distillation, &self.mask) {
            (Distillation::Teacher, _) => {
                let Some(teacher) = &lesson.teacher else { candle_core::bail!("expected a teacher, found none") };
                Ok((None, Some(relative_entropy(&teacher.detach(), logits)?)))
            }
            (Distillation::RDrop, _) => {
                // The whole model anew: its encoder drops other values too.
                let Some(anew) = self.base.forward(&all.examples, &mut Mode::Train(random))? else {
                    candle_core::bail!("expected features of the pairs, found none")
                };
                let [_, others] = other(&anew, random)?;
                let divergence = divergence(&others, logits)?;
                Ok((Some(others), Some(divergence)))
            }
            (Distillation::Itself, Some(mask)) => {
                let places = self.masked(lesson, all, random);
                let places = Tensor::new(places, features.device())?;
                let [states, others] = other(&replaced(features, mask, &places)?, random)?;
                let mut divergence = divergence(&others, logits)?;
                if let Some(average) = &self.average {
                    let [fixed, teacher] =
                        self.reason(&average.layers, features, (all, absent), &mut Mode::Evaluate)?;
                    let learnt = taught([&teacher.detach(), &others], [&states, &fixed.detach()], &places)?;
                    divergence = (divergence + learnt)?;
                }
                Ok((Some(others), Some(divergence)))
            }
            _ => Ok((None, None)),
        }
    }
}

/// Features with the mask in masked places: `(pairs, width)`, `(1, width)` and `(pairs)`, 1 or 0.
fn replaced(features: &Tensor, mask: &Tensor, places: &Tensor) -> Result<Tensor> {
    let places = places.unsqueeze(1)?.to_dtype(features.dtype())?;
    features.broadcast_mul(&(1.0 - &places)?)? + places.matmul(&mask.to_dtype(features.dtype())?)?
}

/// What the masked branch is to learn from the moving average: its logits, and, as the mean over masked pairs, where its
/// states point. `places` is 1 for each pair that is masked, else 0.
pub(crate) fn taught(
    [teacher, logits]: [&Tensor; 2],
    [states, fixed]: [&Tensor; 2],
    places: &Tensor,
) -> Result<Tensor> {
    let apart = (2.0 - (cosine(states, fixed)? * 2.0)?)?;
    let n_masked = places.sum_all()?.to_scalar::<f32>()?.max(1.0);
    let unlike = ((apart * places)?.sum_all()? * (RESEMBLANCE / f64::from(n_masked)))?;
    (relative_entropy(teacher, logits)? * TAUGHT)? + unlike
}

/// 1 for each pair that is masked, else 0: of pairs with a relation by this chance, of others by half of it.
pub(crate) fn masked_by_chance(examples: &[Example], chance: f64, random: &mut Random) -> Vec<f32> {
    let labels = examples.iter().flat_map(|example| &example.labels);
    let chances = labels.map(|labels| if labels.is_empty() { chance / 2.0 } else { chance });
    chances.map(|chance| if random.chance(chance) { 1.0 } else { 0.0 }).collect()
}

/// 1 for each pair that is masked, else 0: this share of each document's pairs, drawn uniformly.
fn masked_share(matrices: &[PairMatrix], share: f64, random: &mut Random) -> Vec<f32> {
    let mut places = Vec::new();
    for n_pairs in matrices.iter().map(PairMatrix::n_pairs) {
        let n_masked = (share * n_pairs as f64).round() as usize;
        let mut of_document: Vec<f32> = (0..n_pairs).map(|pair| if pair < n_masked { 1.0 } else { 0.0 }).collect();
        random.shuffle(&mut of_document);
        places.extend(of_document);
    }
    places
}

fn layers(config: &DocreSdConfig, dropout: f64, weights: &mut Weights, name: &str) -> Result<Vec<ReasoningLayer>> {
    (0..config.layers)
        .map(|place| ReasoningLayer::new(config, dropout, weights, &format!("{name}.layer.{place}")))
        .collect()
}

impl Average {
    /// The average of the layers under `reasoning`, under `average`: at first the same.
    fn new(config: &DocreSdConfig, dropout: f64, weights: &mut Weights) -> Result<Self> {
        let names = weights.variables().keys().filter_map(|name| name.strip_prefix("reasoning.layer"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        let mut variables = Vec::with_capacity(names.len());
        for rest in names {
            variables.push(weights.copy(&format!("average.layer{rest}"), &format!("reasoning.layer{rest}"))?);
        }
        Ok(Self { layers: layers(config, dropout, weights, "average")?, variables })
    }
}

impl Model for DocreSd {
    fn encoder(&self) -> &Encoder {
        self.base.encoder()
    }

    fn width(&self) -> usize {
        self.config.embedding
    }

    /// The states, their keys and values by themselves and in couples, and what a layer makes of them.
    fn need(&self, example: &Example) -> Need {
        let pairs = n_pairs(example);
        // Every entity of a pair, there or not, has a row and a column.
        let n_entities = if pairs == 0 { 0 } else { example.n_entities() as u64 };
        let matrix = matrix_bytes(n_entities, self.config.patterns.len(), is_fused(&self.classifier.bias));
        let tensors = if self.output.is_some() { 9 } else { 8 };
        let sentences = if self.config.taught().is_any() { example.sentences.len() as u64 } else { 0 };
        Need::of(pairs, tensors * self.config.embedding as u64 + sentences).and(matrix)
    }

    /// Beside the base's, in each branch what its layers and its ends make, and its loss; an average learns nothing.
    fn training_need(&self, example: &Example) -> Need {
        let n_classes = self.n_classes * self.config.loss.share_of_memory();
        let (of_base, width) = (self.base.ends().training_numbers(example, n_classes), self.config.embedding);
        let (of_branch, of_loss) = ((36 * self.config.layers + 12) * width, 32 * n_classes);
        let further = match self.config.distillation {
            Distillation::None | Distillation::Teacher => 0,
            Distillation::Itself => of_branch + of_loss,
            Distillation::RDrop => of_branch + of_base as usize,
        };
        let average = if self.average.is_some() { 22 * width + of_loss } else { 0 };
        Need::of(self.need(example).pairs, of_base + (of_branch + further + average) as u64)
    }

    fn score_in_chunks(&self, examples: &[Example], at_once: usize, found: Taker<'_>) -> Result<()> {
        let (all, mut mode) = (AllPairs::of(examples), Mode::InChunks(at_once));
        let Some(read) = self.base.read(&all.examples, &mut mode)? else { return Ok(()) };
        let states = self.states(&self.layers, read.features, &all, &mut mode)?;
        let absent = Absent::of(examples, self.n_classes, states.device())?;
        chunks(all.n_asked(), at_once).try_for_each(|rows| {
            let sentences = read.sentences.as_ref().map(|sentences| all.asked(sentences, &rows)).transpose()?;
            let logits = absent.leave_out(self.classify(&all.asked(&states, &rows)?)?, &rows)?;
            found(Scores { sentences, ..logits.into() })
        })
    }

    fn features(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.base.forward(&AllPairs::of(examples).examples, &mut Mode::Evaluate)
    }

    fn attention(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.base.ends().attention(examples)
    }

    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>> {
        let all = AllPairs::of(lesson.examples);
        let Some(read) = self.base.read(&all.examples, &mut Mode::Train(random))? else { return Ok(None) };
        let PairsRead { features, sentences, pieces } = read;
        let taught = self.config.taught();
        let evidence = taught.by_gold(&all.examples, sentences.as_ref())?;
        let attention = taught.by_teacher(lesson.attention.as_ref(), all.all_asked(pieces.as_ref())?.as_ref())?;
        let labels = labels(lesson.examples, self.n_classes, features.device())?;
        let absent = Absent::of(lesson.examples, self.n_classes, features.device())?;
        let seen = (&all, &absent);
        let [_, logits] = self.reason(&self.layers, &features, seen, &mut Mode::Train(random))?;
        let (others, distilled) = self.distil(&features, &logits, lesson, seen, random)?;
        let judge = self.config.loss.judge(lesson, self.n_classes, features.device())?;
        let mut threshold = judge.of(&logits, &labels)?;
        if let Some(others) = &others {
            threshold = (threshold + judge.of(others, &labels)?)?;
        }
        let predictions = [&logits].into_iter().chain(&others);
        let auxiliary = added(distilled, self.config.teaching.of(lesson.teacher.as_ref(), predictions)?)?;
        let auxiliary = added(auxiliary, attention)?;
        Ok(Some(Loss { threshold, auxiliary, evidence }))
    }

    fn n_taught(&self, examples: &[Example]) -> usize {
        self.config.taught().n_pairs(examples)
    }

    fn follow(&self) -> Result<()> {
        for [average, current] in self.average.iter().flat_map(|average| &average.variables) {
            let (old, new) = (average.as_detached_tensor(), current.as_detached_tensor());
            average.set(&((old * MEMORY)? + (new * (1.0 - MEMORY))?)?)?;
        }
        Ok(())
    }
}
