//! Labelled pairs → checkpoints: one loop over epochs and steps.
//!
//! Nothing random has a state that must be kept: the order of an epoch's documents depends on the seed and the epoch,
//! the masks of a step on the seed and the step. So a run that goes on from its last whole epoch comes to the same
//! weights as one that was never stopped.

pub mod batches;
pub mod config;
mod error;
pub mod optimizer;
mod prepare;
pub mod schedule;
mod state;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use candle_core::Result as TensorResult;
use candle_core::backprop::GradStore;

pub use config::TrainConfig;
pub use error::TrainError;
pub use state::{BEST, LAST};

use crate::device::{Compute, DeviceChoice};
use crate::encoder::{Mode, Unused, Weights};
use crate::metrics::Counts;
use crate::model::atlop::Atlop;
use crate::model::batch::{Example, labels};
use crate::model::loss::adaptive_threshold;
use crate::random::Random;
use crate::score::predict::predict;
use crate::score::{PIECES_AT_ONCE, ScoreError};
use crate::table::rows::TrainingLogRow;
use crate::table::{self, Staging};
use crate::workers::Workers;
use optimizer::{AdamOptions, AdamW, Group};
use prepare::Prepared;
use schedule::Schedule;
use state::{Saved, State};

/// Sets the stream of masks apart from that of orders.
const MASKS: u64 = 0x6D61_736B;

/// An epoch that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: u32,
    /// The mean loss of its steps.
    pub loss: f64,
    /// Documents that it trained on, a second.
    pub documents_per_second: f64,
    /// What the model then did on the dev split.
    pub dev: Counts,
    /// Whether no epoch before it was as good.
    pub is_best: bool,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The device is open.
    Device(&'a Compute),
    /// Weights of the encoder will not be used.
    Unused(&'a Unused),
    /// A step was taken, of so many.
    Step(u64, u64),
    /// An epoch has ended and is saved.
    Epoch(Epoch),
}

/// A run that has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// The epoch whose checkpoint is the best.
    pub best_epoch: u32,
    /// Its F1 on the dev split.
    pub best_f1: f64,
    /// Epochs in all.
    pub epochs: u32,
}

/// Trains a model into the folder `out`: `best` and `last` are checkpoints, `training_log` a table. With `resume` a run
/// that was stopped goes on from its last whole epoch, and comes to the same weights if the device is the same.
///
/// # Errors
/// Where settings, corpus or encoder cannot be used, the folder holds a run that is not to be resumed, or training
/// diverges. Checkpoints that were there stay.
pub fn train(
    config: &TrainConfig,
    out: &Path,
    resume: bool,
    device: DeviceChoice,
    observe: &mut dyn FnMut(Event),
) -> Result<Trained, TrainError> {
    config.check().map_err(TrainError::Config)?;
    let _lock = state::lock(out)?;
    let state = State::read(out)?;
    if state.is_some() && !resume {
        return Err(TrainError::Exists(out.to_path_buf()));
    }
    let compute = device.open(config.precision)?;
    observe(Event::Device(&compute));
    let prepared = Prepared::read(config)?;
    let identity = identity(config, &prepared);
    if state.as_ref().is_some_and(|state| state.run != identity) {
        return Err(TrainError::OtherRun(out.to_path_buf()));
    }
    let saved = state.map(|state| state.load(out)).transpose()?;
    let mut run = Run::new(config, out, &prepared, identity, &compute, saved)?;
    let unused = run.weights.unused();
    if !unused.is_empty() {
        observe(Event::Unused(&unused));
    }
    while !run.is_over() {
        run.epoch(observe)?;
    }
    let (best_epoch, best_f1) = run.best().unwrap_or_default();
    Ok(Trained { best_epoch, best_f1, epochs: run.epochs })
}

/// Identifies settings and corpus.
fn identity(config: &TrainConfig, prepared: &Prepared) -> String {
    let text = format!("train {} {config:?} {}", env!("CARGO_PKG_VERSION"), prepared.fingerprint);
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// A run under way.
struct Run<'a> {
    workers: Workers,
    compute: &'a Compute,
    config: &'a TrainConfig,
    out: &'a Path,
    prepared: &'a Prepared,
    identity: String,
    model: Atlop,
    /// The same variables, without gradients.
    judge: Atlop,
    weights: Weights,
    adam: AdamW,
    schedule: Schedule,
    steps: u64,
    epochs: u32,
    log: Vec<TrainingLogRow>,
}

impl<'a> Run<'a> {
    fn new(
        config: &'a TrainConfig,
        out: &'a Path,
        prepared: &'a Prepared,
        identity: String,
        compute: &'a Compute,
        saved: Option<Saved>,
    ) -> Result<Self, TrainError> {
        let weights = match &saved {
            Some(saved) => Weights::given(saved.weights.clone(), "", config.seed, &compute.device),
            None => prepared.weights(config.seed, &compute.device)?,
        };
        let mut weights = weights.computing_in(compute.precision.dtype());
        let model = prepared.checkpoint.build(&mut weights)?;
        let mut weights = weights.detached();
        let judge = prepared.checkpoint.build(&mut weights)?;
        let options = AdamOptions { clip: Some(config.clip), ..AdamOptions::default() };
        let mut adam = AdamW::new(weights.variables(), |name| Some(group(config, name)), options)?;
        let (mut epochs, mut log) = (0, Vec::new());
        if let Some(saved) = saved {
            adam.restore(&saved.moments, saved.state.steps)?;
            (epochs, log) = (saved.state.epochs, saved.log);
        }
        let batches = prepared.train.len().div_ceil(config.batch);
        let steps = batches.div_ceil(config.accumulation) as u64 * u64::from(config.epochs);
        let schedule = Schedule::new(steps, config.warm_up);
        let workers = compute.workers()?;
        Ok(Self {
            workers,
            compute,
            config,
            out,
            prepared,
            identity,
            model,
            judge,
            weights,
            adam,
            schedule,
            steps,
            epochs,
            log,
        })
    }

    /// The best epoch and its F1; of equals the first.
    fn best(&self) -> Option<(u32, f64)> {
        let ended = self.log.iter().filter_map(|row| Some((row.epoch, row.dev_f1?)));
        ended.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }

    fn is_over(&self) -> bool {
        let waited = self.epochs - self.best().map_or(0, |(epoch, _)| epoch);
        self.epochs >= self.config.epochs || self.config.patience.is_some_and(|patience| waited >= patience)
    }

    fn epoch(&mut self, observe: &mut dyn FnMut(Event)) -> Result<(), TrainError> {
        let (epoch, begun, start) = (self.epochs + 1, Instant::now(), self.log.len());
        let lengths: Vec<usize> = self.prepared.train.iter().map(|example| example.ids.len()).collect();
        let mut random = Random::stream(self.config.seed, u64::from(epoch));
        let order = batches::batches(&lengths, self.config.batch, &mut random);
        for batches in order.chunks(self.config.accumulation) {
            self.step(epoch, batches)?;
            observe(Event::Step(self.adam.steps(), self.steps));
        }
        let documents_per_second = lengths.len() as f64 / begun.elapsed().as_secs_f64();
        let losses: Vec<f64> = self.log.iter().skip(start).map(|row| row.loss).collect();
        let (dev, before) = (self.evaluate()?, self.best());
        if let Some(row) = self.log.last_mut() {
            row.dev_f1 = Some(dev.f1());
        }
        self.epochs = epoch;
        let is_best = before.is_none_or(|(_, f1)| dev.f1() > f1);
        self.save(is_best)?;
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        observe(Event::Epoch(Epoch { epoch, loss, documents_per_second, dev, is_best }));
        Ok(())
    }

    /// One step on some batches, which are computed side by side and added up in their order.
    fn step(&mut self, epoch: u32, batches: &[Vec<usize>]) -> Result<(), TrainError> {
        let (begun, step) = (Instant::now(), self.adam.steps() + 1);
        let fault = |source| TrainError::Step { step, source };
        let batches: Vec<Vec<Example>> = batches.iter().map(|batch| self.examples(batch)).collect();
        let n_pairs: usize = batches.iter().flatten().map(|example| example.pairs.len()).sum();
        let parts = self.workers.run((0u64..).zip(&batches).collect(), |(place, batch)| {
            let stream = (step - 1) * self.config.accumulation as u64 + place;
            let mut random = Random::stream(self.config.seed ^ MASKS, stream);
            let (loss, grads) = self.gradients(batch, n_pairs, &mut random).map_err(fault)?;
            if loss.is_finite() { Ok((loss, grads)) } else { Err(diverged(step, loss, batch)) }
        });
        let mut parts = parts?.into_iter();
        let Some((mut loss, mut grads)) = parts.next() else { return Ok(()) };
        for (other, more) in parts {
            loss += other;
            grads.extend(more).map_err(fault)?;
        }
        let factor = self.schedule.factor(step - 1);
        let gradient_norm = self.adam.step(&grads, factor).map_err(fault)?;
        let n_documents = batches.iter().map(Vec::len).sum::<usize>();
        self.log.push(TrainingLogRow {
            step,
            epoch,
            stage: 1,
            loss: f64::from(loss),
            encoder_rate: self.config.encoder_rate * factor,
            head_rate: self.config.head_rate * factor,
            gradient_norm,
            documents_per_second: n_documents as f64 / begun.elapsed().as_secs_f64(),
            dev_f1: None,
        });
        Ok(())
    }

    fn examples(&self, places: &[usize]) -> Vec<Example> {
        places.iter().filter_map(|&place| self.prepared.train.get(place).cloned()).collect()
    }

    /// A batch's share of the mean loss over the step's pairs, and the gradients of that.
    fn gradients(&self, batch: &[Example], n_pairs: usize, random: &mut Random) -> TensorResult<(f32, GradStore)> {
        let mut mode = Mode::train(random, &self.compute.device)?;
        let Some(logits) = self.model.forward(batch, &mut mode)? else {
            candle_core::bail!("expected pairs in every batch, found none");
        };
        let labels = labels(batch, logits.dim(1)?, logits.device())?;
        let share = logits.dim(0)? as f64 / n_pairs as f64;
        let loss = (adaptive_threshold(&logits, &labels)? * share)?;
        Ok((loss.to_scalar::<f32>()?, loss.backward()?))
    }

    /// Predicts the dev split as scoring does, and counts.
    fn evaluate(&self) -> Result<Counts, TrainError> {
        let dev = self.prepared.dev.clone();
        let predicted = predict(&self.workers, &self.judge, dev, self.config.most_labels, PIECES_AT_ONCE)
            .map_err(ScoreError::from)?;
        let documents = self.prepared.dev.iter().zip(predicted);
        Ok(documents
            .map(|(example, predicted)| {
                let gold = facts(example);
                let found = predicted.iter().map(|found| (found.head, found.tail, found.relation.class));
                let true_positives = found.filter(|fact| gold.contains(fact)).count() as u64;
                Counts { true_positives, predicted: predicted.len() as u64, gold: gold.len() as u64, known: 0 }
            })
            .sum())
    }

    /// The best checkpoint goes first and the state last: killed in between, the run does the epoch again and writes
    /// the same.
    fn save(&self, is_best: bool) -> Result<(), TrainError> {
        let (checkpoint, tokenizer) = (&self.prepared.checkpoint, &self.prepared.tokenizer);
        if is_best {
            let staging = Staging::begin_over(&self.out.join(BEST), crate::checkpoint::holds_only_a_checkpoint)?;
            checkpoint.save(staging.folder(), tokenizer, self.weights.variables())?;
            staging.commit()?;
        }
        table::write(self.out, &self.identity, self.log.clone())?;
        let staging = Staging::begin_over(&self.out.join(LAST), crate::checkpoint::holds_only_a_checkpoint)?;
        checkpoint.save(staging.folder(), tokenizer, self.weights.variables())?;
        let state = State { run: self.identity.clone(), epochs: self.epochs, steps: self.adam.steps() };
        state.save(staging.folder(), &self.adam)?;
        Ok(staging.commit()?)
    }
}

/// How a variable learns.
fn group(config: &TrainConfig, name: &str) -> Group {
    let rate = if name.starts_with("model.") { config.encoder_rate } else { config.head_rate };
    let is_bias = name.rsplit('.').next() == Some("bias");
    let decays = !is_bias && !name.contains("LayerNorm");
    Group { rate, decay: if decays { config.weight_decay } else { 0.0 } }
}

/// What holds in a document: (head, tail, class).
fn facts(example: &Example) -> BTreeSet<(u32, u32, u32)> {
    let pairs = example.pairs.iter().zip(&example.labels);
    pairs.flat_map(|(&(head, tail), classes)| classes.iter().map(move |&class| (head, tail, class))).collect()
}

fn diverged(step: u64, loss: f32, batch: &[Example]) -> TrainError {
    let document = batch.first().map(|example| example.doc_id.to_string()).unwrap_or_default();
    TrainError::Diverged { step, loss, document }
}
