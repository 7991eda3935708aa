//! DocRE-II: "Towards Better Document-level Relation Extraction via Iterative Inference" (Zhang et al. 2022).
//!
//! A base gives each pair a feature, F, and a first prediction. The inference module ([`inference`]) embeds what is
//! predicted, R, and lets pairs attend to each other's F and R; its prediction is embedded again, K times. With `K = 0`
//! the model is its base alone, which the first stage of training fits; the second fits the whole, from predictions
//! made worse on purpose ([`noise`]).
//!
//! Beside the adaptive-threshold losses of base and module, the second stage has a contrastive loss between M, what the
//! module makes of (F, R), and M̂, what it makes of (R̂, F), the two reversed and R̂ with other noise:
//! `L_C = 2 − cos(MLP(M̂), sg(M)) − cos(MLP(M), sg(M̂))`, where sg stops the gradient.
//!
//! Projections that compare states have layer norm where the released program has batch norm: a document's loss does
//! not depend on what it is batched with.

mod config;
pub(crate) mod inference;
pub(crate) mod noise;

use std::ops::Range;

use candle_core::{DType, Result, Tensor, bail};

use encoder::Encoder;
use ground::random::Random;
use nn::layers::linear;
use nn::ops::{Places, gather, is_fused};
use nn::{Linear, Mode, Weights};

use crate::attention::rows_at_once;
use crate::attention::{Matrices, matrices, matrix_bytes};
use crate::base::PairBase;
use crate::chunks::{by_rows, chunks, pairs_at_once, rows_of};
use crate::contract::{Lesson, Loss, Model, Need, Scores, Taker, Task};
use crate::decode::{Predicted, decode};
use crate::example::{Example, indicators, labels};
use crate::loss::{adaptive_threshold, among_others, among_others_of_padded, cosine};
use crate::pair_matrix::{PairMatrix, by_document, by_documents, entities_in_pairs};
use crate::trace::{Held, Span};
pub use config::{Attention, Contrastive, DocreIiConfig};
use inference::Inference;
use noise::noisy;

/// The model.
#[derive(Debug, Clone)]
pub struct DocreIi {
    base: PairBase,
    classifier: Linear,
    /// None where K is 0.
    inference: Option<Inference>,
    config: DocreIiConfig,
    n_classes: usize,
    most_labels: usize,
}

impl DocreIi {
    /// A model whose variables stand in `weights`: those of the base in ATLOP's names, `pair_feature` and `classifier`;
    /// all others under `inference`.
    ///
    /// # Errors
    /// Where the configuration does not fit itself, or a weight is missing or misshapen.
    pub fn new(task: &Task, config: &DocreIiConfig, weights: &mut Weights) -> Result<Self> {
        config.check().map_err(candle_core::Error::Msg)?;
        let feature = (config.pair_feature, config.embedding, config.block);
        let dropout = task.encoder.hidden_dropout_prob;
        let base = PairBase::new(task.encoder, feature, weights)?;
        let classifier = linear(weights, "classifier", task.n_classes, config.embedding)?;
        let inference = if config.iterations == 0 {
            None
        } else {
            // The module begins by reading features as the base has learnt to.
            for part in ["weight", "bias"] {
                weights.copy(&format!("inference.classifier.{part}"), &format!("classifier.{part}"))?;
            }
            Some(Inference::new(config, task.n_classes, dropout, weights)?)
        };
        Ok(Self {
            base,
            classifier,
            inference,
            config: config.clone(),
            n_classes: task.n_classes,
            most_labels: task.most_labels,
        })
    }

    /// The base's logits, `W_r F + b_r`, in f32.
    fn first_logits(&self, features: &Tensor) -> Result<Tensor> {
        self.classifier.forward(features)?.to_dtype(DType::F32)
    }

    /// The relations predicted for each pair, sorted.
    fn predicted(&self, logits: &Tensor) -> Result<Vec<Vec<u32>>> {
        self.read(logits, |_, _, _| ())
    }

    /// The same, and each relation with its pair's place and the threshold class's logit.
    fn read(&self, logits: &Tensor, mut each: impl FnMut(usize, Predicted, f32)) -> Result<Vec<Vec<u32>>> {
        let mut sets = Vec::with_capacity(logits.dim(0)?);
        for rows in chunks(logits.dim(0)?, pairs_at_once(self.n_classes)) {
            for logits in rows_of(logits, &rows)?.to_vec2::<f32>()? {
                let found = decode(&logits, self.most_labels);
                let with_threshold = found.iter().zip(logits.first().into_iter().cycle());
                with_threshold.for_each(|(relation, threshold)| each(sets.len(), *relation, *threshold));
                let mut classes: Vec<u32> = found.iter().map(|found| found.class).collect();
                classes.sort_unstable();
                sets.push(classes);
            }
        }
        Ok(sets)
    }

    /// R: `(pairs, width)` in the type of the features.
    fn embed(&self, inference: &Inference, sets: &[Vec<u32>], features: &Tensor) -> Result<Tensor> {
        inference.embed(&indicators(sets, self.n_classes, features.device())?.to_dtype(features.dtype())?)
    }

    /// Reads each document anew, with what was predicted for it, until nothing changes or K times: the logits of all
    /// pairs as their documents were last read; `held` gets what that is.
    fn iterate(
        &self,
        inference: &Inference,
        (features, readings): (&Tensor, &mut [Reading]),
        held: &mut Vec<Held>,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let (mut read, mut matrices) = (Read::default(), Matrices::default());
        for iteration in 1..=self.config.iterations as u32 {
            let n_readings = readings.len();
            let mut open: Vec<&mut Reading> = readings.iter_mut().filter(|reading| reading.is_open).collect();
            if open.is_empty() {
                break;
            }
            let is_whole = open.len() == n_readings;
            let features = if is_whole { features.clone() } else { rows_of_open(features, &open)? };
            // What is closed stays so: as many are the same.
            if matrices.len() != open.len() {
                matrices = open.iter().map(|reading| reading.matrix.clone()).collect::<Vec<_>>().into();
            }
            let sets: Vec<Vec<u32>> = open.iter().flat_map(|reading| reading.sets.iter().cloned()).collect();
            let logits = self.think(inference, features, &sets, &matrices, mode)?;
            self.take(&mut open, &logits, iteration, held)?;
            read.add(&mut open, logits, is_whole)?;
        }
        read.last(readings)
    }

    /// The logits of the module by what is predicted for each pair.
    fn think(
        &self,
        inference: &Inference,
        features: Tensor,
        sets: &[Vec<u32>],
        matrices: &Matrices,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let at_once = rows_at_once(&features, mode);
        let [relations] = by_rows(sets.len(), at_once, |rows| {
            let features = rows_of(&features, &rows)?;
            Ok([self.embed(inference, sets.get(rows).unwrap_or_default(), &features)?])
        })?;
        let states = inference.refine([features, relations], matrices, mode)?;
        let [logits] = by_rows(sets.len(), at_once, |rows| Ok([inference.classify(&rows_of(&states, &rows)?)?]))?;
        Ok(logits)
    }

    /// Takes over what the module thinks of documents at an iteration: all of it is read back from the device at once.
    fn take(&self, open: &mut [&mut Reading], logits: &Tensor, iteration: u32, held: &mut Vec<Held>) -> Result<()> {
        let from = held.len();
        let span = Span { since: iteration, until: self.config.iterations as u32, changed: 0 };
        let sets = self.read(logits, |pair, relation, threshold| {
            held.push(Held { pair: pair as u32, span, relation, threshold });
        })?;
        let (mut sets, mut first, mut held) = (sets.into_iter(), 0, held.iter_mut().skip(from).peekable());
        for reading in open {
            let n_pairs = reading.sets.len();
            reading.update(sets.by_ref().take(n_pairs).collect(), iteration);
            while let Some(held) = held.next_if(|held| (held.pair as usize) < first + n_pairs) {
                held.pair = (held.pair as usize - first + reading.first_pair) as u32;
                reading.mark(held);
            }
            first += n_pairs;
        }
        Ok(())
    }

    /// The documents as the base reads them, and what each pair is given by it.
    fn readings(&self, examples: &[Example], features: &Tensor, at_once: usize) -> Result<(Vec<Reading>, Vec<Held>)> {
        let (mut sets, mut held) = (Vec::with_capacity(features.dim(0)?), Vec::new());
        for rows in chunks(features.dim(0)?, at_once) {
            let span = Span { since: 0, until: 0, changed: 0 };
            sets.extend(self.read(&self.first_logits(&rows_of(features, &rows)?)?, |pair, relation, threshold| {
                held.push(Held { pair: (rows.start + pair) as u32, span, relation, threshold });
            })?);
        }
        let (mut first, mut sets) = (0, sets.into_iter());
        let reading = |matrix: &PairMatrix| {
            let (matrix, n_pairs, first_pair) = (matrix.clone(), matrix.n_pairs(), first);
            first += n_pairs;
            let (sets, changed) = (sets.by_ref().take(n_pairs).collect(), vec![0; n_pairs]);
            Reading { matrix, first_pair, row: None, sets, changed, is_open: true }
        };
        Ok((matrices(examples).iter().map(reading).collect(), held))
    }

    /// What the module makes of each document, the iteration at which each pair last changed, and its trace.
    fn infer(
        &self,
        inference: &Inference,
        examples: &[Example],
        features: &Tensor,
        at_once: usize,
    ) -> Result<(Tensor, Vec<u32>, Vec<Held>)> {
        let (mut readings, mut held) = self.readings(examples, features, at_once)?;
        let mode = &mut Mode::InChunks(at_once);
        let logits = self.iterate(inference, (features, &mut readings), &mut held, mode)?;
        let changed = readings.iter().flat_map(|reading| &reading.changed).copied().collect();
        // Each iteration's came in the order of pairs.
        held.sort_by_key(|held| held.pair);
        Ok((logits, changed, held))
    }

    /// The module's adaptive-threshold loss, and the contrastive one.
    fn inference_losses(
        &self,
        inference: &Inference,
        examples: &[Example],
        [features, logits, labels]: [&Tensor; 3],
        random: &mut Random,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let matrices = matrices(examples);
        let found = self.predicted(&logits.detach())?;
        let gold: Vec<&Vec<u32>> = examples.iter().flat_map(|example| &example.labels).collect();
        let mut relations = || {
            let sets = noisy(&found, &gold, self.n_classes, self.config.noise, random);
            self.embed(inference, &sets, features)
        };
        let (relations, others) = (relations()?, relations()?);
        let mode = &mut Mode::Train(random);
        let states = inference.forward(features, &relations, &matrices, mode)?;
        let loss = adaptive_threshold(&inference.classify(&states)?, labels)?;
        if self.config.contrastive.is_none() {
            return Ok((loss, None));
        }
        let reversed = inference.forward(&others, features, &matrices, mode)?;
        let projected = [inference.project(&states)?, inference.project(&reversed)?];
        Ok((loss, Some(self.config.contrastive.loss([&states, &reversed], projected.each_ref(), &matrices)?)))
    }
}

/// A document as it was last read.
struct Reading {
    matrix: PairMatrix,
    /// The place of its first pair among those of all documents.
    first_pair: usize,
    /// Where what the module thinks of its first pair stands in all that is kept of that, once it has read it.
    row: Option<usize>,
    /// What is predicted for each pair.
    sets: Vec<Vec<u32>>,
    /// The iteration at which that last changed.
    changed: Vec<u32>,
    /// Whether to read it again may change something.
    is_open: bool,
}

impl Reading {
    fn update(&mut self, sets: Vec<Vec<u32>>, iteration: u32) {
        self.is_open = sets != self.sets;
        for ((changed, before), after) in self.changed.iter_mut().zip(&self.sets).zip(&sets) {
            if before != after {
                *changed = iteration;
            }
        }
        self.sets = sets;
    }

    /// Tells of what a pair is given when that last changed, and until when it holds: if the document is read again, not
    /// even the logits stay.
    fn mark(&self, held: &mut Held) {
        let changed = self.changed.get(held.pair as usize - self.first_pair);
        debug_assert!(changed.is_some(), "a pair of the document");
        held.span.changed = changed.copied().unwrap_or_default();
        if self.is_open {
            held.span.until = held.span.since;
        }
    }
}

/// What the module thought of documents when they were last read, and of some before.
#[derive(Default)]
struct Read {
    logits: Vec<Tensor>,
    n_rows: usize,
}

impl Read {
    /// Keeps what it thinks of the documents that are read, and nothing else where that is all of them.
    fn add(&mut self, read: &mut [&mut Reading], logits: Tensor, is_whole: bool) -> Result<()> {
        if is_whole {
            *self = Self::default();
        }
        let mut row = self.n_rows;
        for reading in read {
            reading.row = Some(row);
            row += reading.sets.len();
        }
        self.n_rows += logits.dim(0)?;
        self.logits.push(logits);
        Ok(())
    }

    /// What it thought last, in the order of documents.
    fn last(self, readings: &[Reading]) -> Result<Tensor> {
        let logits = Tensor::cat(&self.logits, 0)?;
        if self.logits.len() == 1 {
            return Ok(logits);
        }
        let mut places = Vec::new();
        for reading in readings {
            let Some(row) = reading.row else { bail!("inference: expected every document to be read") };
            places.extend((row..row + reading.sets.len()).map(|row| row as u32));
        }
        gather(&logits, &Places::new(places, logits.device())?)
    }
}

/// The rows of the documents that are to be read.
fn rows_of_open(features: &Tensor, open: &[&mut Reading]) -> Result<Tensor> {
    let places = open.iter().flat_map(|reading| reading.first_pair..reading.first_pair + reading.sets.len());
    gather(features, &Places::new(places.map(|row| row as u32).collect::<Vec<u32>>(), features.device())?)
}

/// What some of the pairs were given, whose places are counted from the first of them.
fn within(held: &[Held], rows: &Range<usize>) -> Vec<Held> {
    let place = |row: usize| held.partition_point(|held| (held.pair as usize) < row);
    let some = held.get(place(rows.start)..place(rows.end)).unwrap_or_default();
    some.iter().map(|held| Held { pair: held.pair - rows.start as u32, ..*held }).collect()
}

impl Contrastive {
    /// The mean over pairs; states and their projections are `(pairs, width)`.
    fn loss(self, states: [&Tensor; 2], projected: [&Tensor; 2], matrices: &[PairMatrix]) -> Result<Tensor> {
        let losses = match self {
            Self::Simclr if is_fused(projected[0]) => {
                by_document(matrices, projected, |[one, other]| among_others(&one, &other))?
            }
            Self::Simclr => {
                by_documents(matrices, projected, |[one, other], there| among_others_of_padded(&one, &other, &there))?
            }
            Self::StopGradient | Self::None => {
                let [forth, back] = [(projected[1], states[0]), (projected[0], states[1])]
                    .map(|(projected, fixed)| cosine(projected, &fixed.detach()));
                (2.0 - (forth? + back?)?)?
            }
        };
        losses.mean_all()
    }
}

impl Model for DocreIi {
    fn encoder(&self) -> &Encoder {
        self.base.encoder()
    }

    fn width(&self) -> usize {
        self.config.embedding
    }

    /// Beside the features two states and what a layer makes of them, keys and values of both units, and logits: nine
    /// tensors, and two more that the allocator has not yet given back (measured).
    fn need(&self, example: &Example) -> Need {
        let (width, pairs) = (self.config.embedding as u64, example.pairs.len() as u64);
        if self.inference.is_none() {
            return Need::of(pairs, width);
        }
        let matrix = matrix_bytes(entities_in_pairs(example), self.config.heads, is_fused(&self.classifier.bias));
        // What a pair was given: nothing to most of them, so one relation an iteration is ample.
        let held = (size_of::<Held>() as u64).div_ceil(4) * (self.config.iterations as u64 + 1);
        Need::of(pairs, 11 * width + self.n_classes as u64 + held).and(matrix)
    }

    fn score_in_chunks(&self, examples: &[Example], at_once: usize, found: Taker<'_>) -> Result<()> {
        let Some(features) = self.base.forward(examples, &mut Mode::InChunks(at_once))? else { return Ok(()) };
        let base = |rows: &Range<usize>| self.first_logits(&rows_of(&features, rows)?);
        let Some(inference) = &self.inference else {
            return chunks(features.dim(0)?, at_once).try_for_each(|rows| found(base(&rows)?.into()));
        };
        let (logits, changed, held) = self.infer(inference, examples, &features, at_once)?;
        // The base's logits are made anew: kept, they would be as many again.
        chunks(changed.len(), at_once).try_for_each(|rows| {
            let (logits, base) = (rows_of(&logits, &rows)?, Some(base(&rows)?));
            let held = within(&held, &rows);
            found(Scores { logits, base, changed: changed.get(rows).map(<[u32]>::to_vec), held })
        })
    }

    fn features(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.base.forward(examples, &mut Mode::Evaluate)
    }

    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>> {
        let examples = lesson.examples;
        let Some(features) = self.base.forward(examples, &mut Mode::Train(random))? else { return Ok(None) };
        let logits = self.first_logits(&features)?;
        let labels = labels(examples, self.n_classes, features.device())?;
        let of_base = adaptive_threshold(&logits, &labels)?;
        let Some(inference) = &self.inference else { return Ok(Some(Loss::from(of_base))) };
        let (threshold, auxiliary) =
            self.inference_losses(inference, examples, [&features, &logits, &labels], random)?;
        Ok(Some(Loss { threshold: (of_base + threshold)?, auxiliary }))
    }

    fn mean_weights(&self) -> Result<Option<[f64; 2]>> {
        self.inference.as_ref().map(Inference::mean_weights).transpose()
    }
}
