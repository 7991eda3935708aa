//! DocRE-II: "Towards Better Document-level Relation Extraction via Iterative Inference" (Zhang et al. 2022).
//!
//! A base gives each pair a feature, F, and a first prediction. The inference module ([`inference`]) embeds what is
//! predicted, R, and lets pairs attend to each other's F and R; its prediction is embedded again, K times. With `K = 0`
//! the model is its base alone, which the first stage of training fits; the second fits the whole, from predictions
//! made worse on purpose ([`noise`]).
//!
//! What the second stage learns is in [`losses`]; where the released program chose otherwise than the paper, its choice is
//! a setting ([`DocreIiConfig`]).

mod config;
mod classifier;
pub(crate) mod inference;
pub(crate) mod losses;
pub(crate) mod negatives;
pub(crate) mod noise;
mod reading;

use std::ops::Range;

use candle_core::{Device, Error, Result, Tensor};

use encoder::Encoder;
use ground::interrupt;
use ground::random::Random;
use nn::ops::is_fused;
use nn::{Mode, Weights};

use crate::absent::Absent;
use crate::all_pairs::{AllPairs, n_pairs};
use crate::attention::rows_at_once;
use crate::attention::{Matrices, matrix_bytes};
use crate::base::{PairBase, PairsRead};
use crate::chunks::{by_rows, chunks, pairs_at_once, rows_of};
use crate::contract::{Lesson, Loss, Model, Need, Scores, Taker, Task};
use crate::decode::{Predicted, decode, given};
use crate::example::{Example, indicators, labels};
use crate::pair_matrix::{PairMatrix, entities_in_pairs};
use crate::teaching::added;
use crate::trace::{Held, Span};
use classifier::Classifier;
pub use config::{Attention, Contrastive, DocreIiConfig, Embed, Logits, Memory, NoiseOn, Pairs, Start};
use inference::Inference;
pub use negatives::Negatives;
use reading::{Read, Reading, first, rows_of_open, within};

/// The model.
#[derive(Debug, Clone)]
pub struct DocreIi {
    base: PairBase,
    classifier: Classifier,
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
        let dropout = task.encoder.hidden_dropout_prob;
        let base = PairBase::new(task.encoder, &config.shape(), weights)?;
        let classifier = Classifier::new(task, config.pair_feature, config.embedding, weights)?;
        let inference = if config.iterations == 0 {
            None
        } else {
            // The module begins by reading features as the base has learnt to, where it is as wide.
            if config.start == Start::Identity && config.inference_width.is_none() {
                for part in classifier.parts() {
                    weights.copy(&format!("inference.classifier.{part}"), &format!("classifier.{part}"))?;
                }
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
    fn first_logits(&self, features: &Tensor, mode: &mut Mode) -> Result<Tensor> {
        self.classifier.forward(features, mode)
    }

    /// The relations predicted for each pair, the best first.
    fn predicted(&self, logits: &Tensor) -> Result<Vec<Vec<u32>>> {
        self.read(logits, |_, _, _| ())
    }

    /// The same, and each relation with its pair's place and the threshold class's logit.
    fn read(&self, logits: &Tensor, each: impl FnMut(usize, Predicted, f32)) -> Result<Vec<Vec<u32>>> {
        self.read_by(logits, |_, logits| decode(logits, self.most_labels), each)
    }

    /// The same, where something else says what a pair is given.
    fn read_by(
        &self,
        logits: &Tensor,
        found: impl Fn(usize, &[f32]) -> Vec<Predicted>,
        mut each: impl FnMut(usize, Predicted, f32),
    ) -> Result<Vec<Vec<u32>>> {
        let mut sets = Vec::with_capacity(logits.dim(0)?);
        for rows in chunks(logits.dim(0)?, pairs_at_once(self.n_classes)) {
            for logits in rows_of(logits, &rows)?.to_vec2::<f32>()? {
                let found = found(sets.len(), &logits);
                let with_threshold = found.iter().zip(logits.first().into_iter().cycle());
                with_threshold.for_each(|(relation, threshold)| each(sets.len(), *relation, *threshold));
                sets.push(found.iter().map(|found| found.class).collect());
            }
        }
        Ok(sets)
    }

    /// R: `(pairs, width)` in the type of the features, by the relations of each pair, the best first.
    fn embed(&self, inference: &Inference, sets: &[Vec<u32>], features: &Tensor) -> Result<Tensor> {
        let sets: Vec<&[u32]> = sets.iter().map(|set| self.config.embed.of(set)).collect();
        inference.embed(&indicators(&sets, self.n_classes, features.device())?.to_dtype(features.dtype())?)
    }

    /// Reads each document anew, with what was predicted for it, until nothing changes or K times: the logits of all
    /// pairs as their documents were last read; `held` gets what that is. Where logits are added up, `sum` has the
    /// base's, and each document is read K times.
    fn iterate(
        &self,
        inference: &Inference,
        (features, readings, absent): (&Tensor, &mut [Reading], &Absent),
        mut sum: Option<Tensor>,
        held: &mut Vec<Held>,
        mode: &mut Mode,
    ) -> Result<Tensor> {
        let (mut read, mut matrices) = (Read::default(), Matrices::default());
        for iteration in 1..=self.config.iterations as u32 {
            interrupt::check().map_err(Error::wrap)?;
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
            let absent = if is_whole { absent.clone() } else { absent.some(open.iter().flat_map(|open| open.rows())) };
            let mut logits = absent.leave_out_of_all(self.think(inference, features, &sets, &matrices, mode)?)?;
            if let Some(sum) = &mut sum {
                // No document is closed where they are added up: all have a row in the sum.
                logits = (&*sum + logits)?;
                *sum = logits.clone();
            }
            self.take(&mut open, &logits, iteration, held)?;
            read.add(&mut open, logits, is_whole)?;
        }
        read.last(readings)
    }

    /// The base's logits of all pairs, without what is absent.
    fn all_first_logits(&self, features: &Tensor, absent: &Absent, mode: &Mode) -> Result<Tensor> {
        let at_once = rows_at_once(features, mode);
        let logits = |rows| {
            let logits = self.first_logits(&rows_of(features, &rows)?, &mut Mode::Evaluate)?;
            Ok([absent.leave_out(logits, &rows)?])
        };
        let [logits] = by_rows(features.dim(0)?, at_once, logits)?;
        Ok(logits)
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
            reading.update(sets.by_ref().take(n_pairs).collect(), iteration, &self.config);
            while let Some(held) = held.next_if(|held| (held.pair as usize) < first + n_pairs) {
                held.pair = (held.pair as usize - first + reading.first_pair) as u32;
                reading.mark(held);
            }
            first += n_pairs;
        }
        Ok(())
    }

    /// The documents as the base reads them, and what each pair is given by it; or by another, where a document says so.
    fn readings(
        &self,
        (all, absent): (&AllPairs, &Absent),
        features: &Tensor,
        at_once: usize,
    ) -> Result<(Vec<Reading>, Vec<Held>)> {
        let (mut sets, mut held) = (Vec::with_capacity(features.dim(0)?), Vec::new());
        let first = first(&all.examples);
        for rows in chunks(features.dim(0)?, at_once) {
            let span = Span { since: 0, until: 0, changed: 0 };
            let found = |pair: usize, logits: &[f32]| match first.get(rows.start + pair) {
                Some(Some(classes)) => given(logits, classes),
                _ => decode(logits, self.most_labels),
            };
            let logits = self.first_logits(&rows_of(features, &rows)?, &mut Mode::Evaluate)?;
            sets.extend(self.read_by(&absent.leave_out(logits, &rows)?, found, |pair, relation, threshold| {
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
        Ok((all.matrices().iter().map(reading).collect(), held))
    }

    /// What the module makes of each document, the iteration at which each pair last changed, and its trace.
    fn infer(
        &self,
        inference: &Inference,
        all: &AllPairs,
        features: &Tensor,
        at_once: usize,
    ) -> Result<(Tensor, Vec<u32>, Vec<Held>)> {
        let absent = self.absent(&all.examples, features.device())?;
        let (mut readings, mut held) = self.readings((all, &absent), features, at_once)?;
        let mode = &mut Mode::InChunks(at_once);
        let [reduced] = by_rows(features.dim(0)?, rows_at_once(features, mode), |rows| {
            Ok([inference.reduce(&rows_of(features, &rows)?, mode)?])
        })?;
        let sum = match self.config.logits {
            Logits::Last => None,
            Logits::Sum => Some(self.all_first_logits(features, &absent, mode)?),
        };
        let logits = self.iterate(inference, (&reduced, &mut readings, &absent), sum, &mut held, mode)?;
        let changed = readings.iter().flat_map(|reading| &reading.changed).copied().collect();
        // Each iteration's came in the order of pairs.
        held.sort_by_key(|held| held.pair);
        Ok((logits, changed, all.held_by_asked(held)))
    }

    fn absent(&self, examples: &[Example], device: &Device) -> Result<Absent> {
        Absent::of(examples, self.n_classes, device)
    }

    /// The pairs that meet in the matrix: the base looks at each by itself.
    fn meeting<'e>(&self, examples: &'e [Example]) -> AllPairs<'e> {
        match self.config.pairs {
            Pairs::All if self.inference.is_some() => AllPairs::of(examples),
            Pairs::All | Pairs::Candidates => AllPairs::asked_alone(examples),
        }
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
        let width = self.config.embedding as u64;
        let Some(inference) = &self.inference else { return Need::of(example.pairs.len() as u64, width) };
        let (pairs, n_entities) = match self.config.pairs {
            Pairs::All => (n_pairs(example), example.n_entities() as u64),
            Pairs::Candidates => (example.pairs.len() as u64, entities_in_pairs(example)),
        };
        let n_entities = if pairs == 0 { 0 } else { n_entities };
        let matrix = matrix_bytes(n_entities, self.config.heads, is_fused(inference.bias()));
        // What a pair was given: nothing to most of them, so one relation an iteration is ample.
        let held = (size_of::<Held>() as u64).div_ceil(4) * (self.config.iterations as u64 + 1);
        let logits = if self.config.logits == Logits::Sum { 3 } else { 1 } * self.n_classes as u64;
        let sentences = if self.config.taught().is_any() { example.sentences.len() as u64 } else { 0 };
        Need::of(pairs, 11 * width + logits + held + sentences).and(matrix)
    }

    /// Beside the base's, in each view of the module what its layers and its ends make, and a second loss.
    fn training_need(&self, example: &Example) -> Need {
        let n_classes = self.n_classes * self.config.loss.share_of_memory();
        let of_base = self.base.ends().training_numbers(example, n_classes);
        let (pairs, DocreIiConfig { embedding, layers, .. }) = (self.need(example).pairs, &self.config);
        if self.inference.is_none() {
            return Need::of(pairs, of_base);
        }
        let views = 1 + usize::from(self.config.second_view);
        let views = if self.config.contrastive().is_none() { views } else { 2 * views };
        Need::of(pairs, of_base + (views * (60 * layers + 22) * embedding + 26 * n_classes) as u64)
    }

    fn score_in_chunks(&self, examples: &[Example], at_once: usize, found: Taker<'_>) -> Result<()> {
        let all = self.meeting(examples);
        let Some(read) = self.base.read(&all.examples, &mut Mode::InChunks(at_once))? else { return Ok(()) };
        let PairsRead { features, sentences, .. } = read;
        let of_sentences =
            |rows: &Range<usize>| sentences.as_ref().map(|sentences| all.asked(sentences, rows)).transpose();
        let absent = self.absent(examples, features.device())?;
        let base = |rows: &Range<usize>| {
            absent.leave_out(self.first_logits(&all.asked(&features, rows)?, &mut Mode::Evaluate)?, rows)
        };
        let Some(inference) = &self.inference else {
            return chunks(features.dim(0)?, at_once)
                .try_for_each(|rows| found(Scores { sentences: of_sentences(&rows)?, ..base(&rows)?.into() }));
        };
        let (logits, changed, held) = self.infer(inference, &all, &features, at_once)?;
        // The base's logits are made anew: kept, they would be as many again.
        chunks(all.n_asked(), at_once).try_for_each(|rows| {
            let (logits, base) = (all.asked(&logits, &rows)?, Some(base(&rows)?));
            let held = within(&held, &rows);
            let changed = Some(all.asked_of(&changed, &rows));
            found(Scores { logits, base, changed, held, sentences: of_sentences(&rows)? })
        })
    }

    fn features(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.base.forward(&self.meeting(examples).examples, &mut Mode::Evaluate)
    }

    fn attention(&self, examples: &[Example]) -> Result<Option<Tensor>> {
        self.base.ends().attention(examples)
    }

    fn loss(&self, lesson: &Lesson, random: &mut Random) -> Result<Option<Loss>> {
        let (examples, all) = (lesson.examples, self.meeting(lesson.examples));
        let Some(read) = self.base.read(&all.examples, &mut Mode::Train(random))? else { return Ok(None) };
        let PairsRead { features, sentences, pieces } = read;
        let taught = self.config.taught();
        let evidence = taught.by_gold(&all.examples, sentences.as_ref())?;
        let attention = taught.by_teacher(lesson.attention.as_ref(), all.all_asked(pieces.as_ref())?.as_ref())?;
        let logits = self.first_logits(&features, &mut Mode::Train(random))?;
        let logits = self.absent(&all.examples, features.device())?.leave_out_of_all(logits)?;
        let labels = labels(examples, self.n_classes, features.device())?;
        let judge = self.config.loss.judge(lesson, self.n_classes, features.device())?;
        let loss = if let Some(inference) = &self.inference {
            self.losses(inference, (lesson, &all, &judge), [&features, &logits, &labels], random)?
        } else {
            let auxiliary = self.config.teaching.of(lesson.teacher.as_ref(), [&logits])?;
            Loss { auxiliary, ..judge.of(&logits, &labels)?.into() }
        };
        Ok(Some(Loss { auxiliary: added(loss.auxiliary, attention)?, evidence, ..loss }))
    }

    fn n_taught(&self, examples: &[Example]) -> usize {
        self.config.taught().n_pairs(examples)
    }

    fn n_judged(&self, examples: &[Example]) -> usize {
        let labels = || examples.iter().flat_map(|example| &example.labels);
        let positives = labels().filter(|classes| !classes.is_empty()).count();
        let others = labels().count() - positives;
        positives + if self.inference.is_some() { self.config.negatives.drawn(positives, others) } else { others }
    }

    fn mean_weights(&self) -> Result<Option<[f64; 2]>> {
        self.inference.as_ref().map(Inference::mean_weights).transpose()
    }
}
