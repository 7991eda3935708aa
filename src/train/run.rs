//! A stage of training under way: its epochs, its steps, and what it leaves.

use std::path::Path;
use std::time::Instant;

use candle_core::backprop::GradStore;
use candle_core::{Result as TensorResult, Tensor};

use checkpoint::{Card, CheckpointConfig};
use ground::interrupt;
use ground::observe::{Event, Observer, Progress};
use ground::random::Random;
use ground::workers::Workers;
use model::example::Example;
use model::{Lesson, Model};
use nn::Weights;
use nn::device::Compute;
use nn::optimizer::{AdamOptions, AdamW};
use table::rows::{TrainingFigureRow, TrainingLogRow};
use table::{Lock, Staging, TableError};

use super::batches;
use super::config::TrainConfig;
use super::error::TrainError;
use super::features::{Features, OverFeatures};
use super::judge::{Judged, judge};
use super::losses::Losses;
use super::mixture::Mixture;
use super::part::{self, Bound, Scored};
use super::plan::{Stage, stages, undrawn};
use super::prepare::Prepared;
use super::present::{Epoch, Trained};
use super::schedule::Schedule;
use super::state::{LAST, Saved, State, exists};

/// Sets the stream of masks apart from that of orders.
const MASKS: u64 = 0x6D61_736B;
/// Sets the stream of what the parts of a step share apart from both.
const SHARED: u64 = 0x7368_6172;
/// Likewise the streams by which a step draws entities.
const PARTS: u64 = 0x7061_7274;

/// One stage of a run under way.
pub struct Run<'a> {
    pub workers: Workers,
    compute: &'a Compute,
    config: &'a TrainConfig,
    stage: &'a Stage,
    out: &'a Path,
    prepared: &'a Prepared,
    /// The documents that choose the best checkpoint, but for those that are too large.
    dev: Vec<Scored>,
    /// What is to be said of these.
    unscored: Vec<Event>,
    identity: String,
    /// What its checkpoints say of themselves.
    checkpoint: CheckpointConfig,
    model: Box<dyn Model>,
    /// The same variables, without gradients.
    judge: Box<dyn Model>,
    pub weights: Weights,
    adam: AdamW,
    schedule: Schedule,
    /// Steps of the stage in all.
    steps: u64,
    /// Epochs and steps before that its random numbers do not count.
    undrawn: (u32, u64),
    /// The places of the documents that it trains on.
    documents: Vec<usize>,
    /// Which of these an epoch takes.
    mixture: Mixture,
    /// What the base that it stands over does in each dev document.
    of_base: Option<Judged>,
    /// Epochs done.
    epochs: u32,
    log: Vec<TrainingLogRow>,
    /// What it did on the dev splits of several corpora.
    figures: Vec<TrainingFigureRow>,
}

impl<'a> Run<'a> {
    pub fn new(
        config: &'a TrainConfig,
        stage: &'a Stage,
        out: &'a Path,
        prepared: &'a Prepared,
        identity: String,
        compute: &'a Compute,
        saved: Option<Saved>,
    ) -> Result<Self, TrainError> {
        let checkpoint = CheckpointConfig { model: stage.model.clone(), ..prepared.checkpoint.clone() };
        let weights = match &saved {
            Some(saved) if saved.state.stage == stage.number => {
                Weights::given(saved.weights.clone(), "", config.seed, &compute.device)
            }
            _ => prepared.weights(config.seed, stage, out, &compute.device)?,
        };
        let mut weights = weights.computing_in(compute.precision.dtype()).learning(stage.rates.learning());
        let model = checkpoint.build(&mut weights).map_err(|error| prepared.unfit(stage, error))?;
        let mut weights = weights.detached();
        let judge = checkpoint.build(&mut weights)?;
        let options = AdamOptions { clip: Some(config.clip), ..AdamOptions::default() };
        let group = |name: &str| stage.rates.group(name, config.weight_decay);
        let mut adam = AdamW::new(weights.variables(), group, options)?;
        let (mut epochs, mut log, mut figures) = (0, Vec::new(), Vec::new());
        if let Some(saved) = saved {
            if saved.state.stage == stage.number {
                adam.restore(&saved.moments, saved.state.steps)?;
            }
            (epochs, log, figures) = (saved.state.epochs, saved.log, saved.figures);
        }
        let undrawn = undrawn(&log, stage);
        let documents = stage.documents(prepared.train.count(), config.seed);
        let mixture = Mixture::of(&prepared.corpora, &prepared.train, &documents);
        let batches = mixture.count().div_ceil(config.batch);
        let steps = batches.div_ceil(config.accumulation) as u64 * u64::from(stage.epochs);
        let schedule = Schedule::new(steps, config.warm_up);
        let workers = compute.workers()?;
        let (dev, unscored) = part::scored(&*judge, &prepared.dev)?;
        Ok(Self {
            workers,
            compute,
            config,
            stage,
            out,
            prepared,
            dev,
            unscored,
            identity,
            checkpoint,
            model,
            judge,
            weights,
            adam,
            schedule,
            steps,
            undrawn,
            documents,
            mixture,
            of_base: None,
            epochs,
            log,
            figures,
        })
    }

    /// The same over a base that does so in each dev document and, where it stays as it is, has these features.
    pub fn over(mut self, of_base: Option<Judged>, features: Option<Features>) -> Self {
        if let Some(Features { train, dev }) = features {
            self.model = Box::new(OverFeatures { model: self.model, features: train });
            self.judge = Box::new(OverFeatures { model: self.judge, features: dev });
        }
        self.of_base = of_base;
        self
    }

    pub fn trained(&self) -> Trained {
        let (best_epoch, best_f1) = self.best().unwrap_or_default();
        Trained { stage: self.stage.number, best_epoch, best_f1, epochs: self.epochs, base_f1: None }
    }

    /// The stage's best epoch and its F1; of equals the first.
    fn best(&self) -> Option<(u32, f64)> {
        Trained::of_stage(&self.log, self.stage.number).map(|trained| (trained.best_epoch, trained.best_f1))
    }

    pub fn is_over(&self) -> bool {
        self.stage.is_over(&self.log, self.config.patience)
    }

    pub fn epoch(&mut self, lock: &Lock, observe: Observer<'_>) -> Result<(), TrainError> {
        let (epoch, begun, start) = (self.epochs + 1, Instant::now(), self.log.len());
        let drawn = u64::from(epoch - self.undrawn.0);
        let places = self.mixture.of_epoch(self.config.seed, drawn - 1);
        let places: Vec<usize> = places.iter().filter_map(|&place| self.documents.get(place)).copied().collect();
        let lengths: Vec<usize> = places.iter().map(|&place| self.prepared.train.length(place)).collect();
        let mut random = Random::stream(self.config.seed, drawn);
        let order = batches::batches(&lengths, self.config.batch, &mut random);
        for batches in order.chunks(self.config.accumulation) {
            interrupt::check()?;
            self.step(epoch, (&places, batches))?;
            observe(Event::Progress(Progress::step(self.adam.steps(), self.steps)));
        }
        let documents_per_second = lengths.len() as f64 / begun.elapsed().as_secs_f64();
        let losses: Vec<f64> = self.log.iter().skip(start).map(|row| row.loss).collect();
        let (judged, before, mean_weights) = (self.judged()?, self.best(), self.judge.mean_weights()?);
        let dev_f1 = judged.f1();
        if let Some(row) = self.log.last_mut() {
            row.dev_f1 = Some(dev_f1);
            [row.feature_weight, row.relation_weight] = mean_weights.map_or([None; 2], |means| means.map(Some));
        }
        self.epochs = epoch;
        self.figures.extend(judged.rows(&self.prepared.corpora, self.stage.number, epoch));
        let is_best = before.is_none_or(|(_, f1)| dev_f1 > f1);
        // Before, lest it be made anew with half of the run in it; behind, lest the run end well without it.
        lock.check()?;
        self.save(is_best, &judged)?;
        lock.check()?;
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        let stage = (stages(self.config).len() > 1).then_some(self.stage.number);
        let dev = judged.told(&self.prepared.corpora);
        let ended = Epoch { stage, fold: self.stage.fold, number: epoch, loss, documents_per_second, dev, is_best };
        observe(Event::Line(ended.to_string()));
        Ok(())
    }

    /// One step on some batches. Threads share them, and what they find is added up in the batches' order.
    fn step(&mut self, epoch: u32, (places, batches): (&[usize], &[Vec<usize>])) -> Result<(), TrainError> {
        let (begun, taken) = (Instant::now(), self.adam.steps());
        let step = self.log.last().map_or(0, |row| row.step) + 1;
        let (fault, draw) = (|source| TrainError::Step { step, source }, step - self.undrawn.1);
        let shards = batches::shards(batches, self.workers.count());
        let shards: Vec<Vec<Example>> =
            shards.iter().map(|shard| self.examples(places, shard)).collect::<Result<_, _>>()?;
        let shards = self.bound().parts(&*self.model, shards, &mut Random::stream(self.config.seed ^ PARTS, draw));
        let counts = shards.iter().map(|shard| self.counts(shard));
        let all =
            counts.fold([0; 3], |[judged, pairs, taught], more| [judged + more[0], pairs + more[1], taught + more[2]]);
        let parts = self.workers.run((0u64..).zip(&shards).collect(), |(place, batch)| {
            let mut random = Random::stream(self.config.seed ^ MASKS, (draw << 16) + place);
            let shared = Random::stream(self.config.seed ^ SHARED, draw);
            let (losses, grads) = self.gradients(batch, (all, shared), &mut random).map_err(fault)?;
            if losses.total().is_finite() { Ok((losses, grads)) } else { Err(diverged(step, losses, batch)) }
        });
        let mut parts = parts?.into_iter();
        let Some((mut losses, mut grads)) = parts.next() else { return Ok(()) };
        for (others, more) in parts {
            losses = losses.and(others);
            grads.extend(more).map_err(fault)?;
        }
        let factor = self.schedule.factor(taken);
        let gradient_norm = self.adam.step(&grads, factor).map_err(fault)?;
        self.model.follow().map_err(fault)?;
        let n_documents = shards.iter().map(Vec::len).sum::<usize>();
        let [encoder_rate, head_rate] = self.stage.rates.told(&self.stage.model).map(|rate| rate * factor);
        self.log.push(TrainingLogRow {
            step,
            epoch,
            stage: self.stage.number,
            loss: losses.total(),
            threshold_loss: losses.threshold,
            auxiliary_loss: losses.auxiliary,
            evidence_loss: losses.evidence,
            encoder_rate,
            head_rate,
            gradient_norm,
            documents_per_second: n_documents as f64 / begun.elapsed().as_secs_f64(),
            feature_weight: None,
            relation_weight: None,
            dev_f1: None,
        });
        Ok(())
    }

    fn bound(&self) -> Bound {
        Bound::of(self.config)
    }

    /// What is said of documents that are too large to be learnt from, or scored, as a whole.
    ///
    /// # Errors
    /// Where a document cannot be read.
    pub fn large(&mut self) -> Result<Vec<Event>, TrainError> {
        let unscored = std::mem::take(&mut self.unscored);
        let told = self.bound().told(&*self.model, &self.prepared.train, &self.documents)?;
        Ok(told.into_iter().chain(unscored).collect())
    }

    /// Some of the documents in some places, by their places among these.
    fn examples(&self, places: &[usize], some: &[usize]) -> Result<Vec<Example>, TableError> {
        let places = some.iter().filter_map(|&one| places.get(one));
        places.map(|&place| self.prepared.train.read(place)).collect()
    }

    /// Of how many pairs the threshold losses of some documents are means, of how many the evidence loss is, the last, and
    /// of how many all else that is learnt.
    fn counts(&self, examples: &[Example]) -> [usize; 3] {
        let n_pairs = examples.iter().map(|example| example.pairs.len()).sum();
        [self.model.n_judged(examples), n_pairs, self.model.n_taught(examples)]
    }

    /// A batch's share of the mean losses over the step's pairs, which are counted, and the gradients of their sum.
    fn gradients(
        &self,
        batch: &[Example],
        (all, shared): ([usize; 3], Random),
        random: &mut Random,
    ) -> TensorResult<(Losses, GradStore)> {
        let Some(loss) = self.model.loss(&self.lesson(batch, shared)?, random)? else {
            candle_core::bail!("expected pairs in every batch, found none");
        };
        let [judged, pairs, taught] = self.counts(batch);
        let of_taught = taught as f64 / all[2].max(1) as f64;
        let shares = [judged as f64 / all[0] as f64, pairs as f64 / all[1] as f64, of_taught];
        let number = |loss: &Tensor, share| Ok::<_, candle_core::Error>(f64::from(loss.to_scalar::<f32>()?) * share);
        // Before they are read, which waits for the device.
        let grads = loss.shared(shares)?.backward()?;
        let auxiliary = loss.auxiliary.as_ref().map(|loss| number(loss, shares[1])).transpose()?;
        let evidence = loss.evidence.as_ref().map(|loss| number(loss, shares[2])).transpose()?;
        Ok((Losses { threshold: number(&loss.threshold, shares[0])?, auxiliary, evidence }, grads))
    }

    /// What there is to learn of a batch, and of the teacher what the model learns from.
    fn lesson<'b>(&self, batch: &'b [Example], shared: Random) -> TensorResult<Lesson<'b>> {
        let (model, teacher) = (&self.stage.model, self.prepared.teacher.as_ref());
        let logits = teacher.filter(|_| model.learns_predictions()).map(|teacher| teacher.score(batch));
        let attention = teacher.filter(|_| model.taught().attention > 0.0).map(|teacher| teacher.attention(batch));
        Ok(Lesson {
            examples: batch,
            progress: self.adam.steps() as f64 / self.steps as f64,
            teacher: logits.transpose()?.flatten().map(|scores| scores.logits),
            attention: attention.transpose()?.flatten(),
            shared,
        })
    }

    /// What the model does in each dev document.
    fn judged(&self) -> Result<Judged, TrainError> {
        let judged = judge(
            &self.workers,
            &*self.judge,
            (&self.prepared.dev, &self.dev),
            self.config.most_labels,
            &self.compute.device,
        );
        let step = self.log.last().map_or(0, |row| row.step);
        judged.map_err(|error| match error {
            TrainError::Model(source) => TrainError::Dev { step, source },
            error => error,
        })
    }

    /// Refuses to end where a checkpoint of the stage is not there any more.
    pub fn check_saved(&self) -> Result<(), TrainError> {
        for checkpoint in [&*self.stage.best, LAST] {
            let path = self.out.join(checkpoint);
            if !exists(&path)? {
                return Err(TableError::Gone { path }.into());
            }
        }
        Ok(())
    }

    /// The log goes first, by which the checkpoints are known as the run's, and the state last: killed in between, the
    /// run does the epoch again and writes the same.
    fn save(&self, is_best: bool, judged: &Judged) -> Result<(), TrainError> {
        let (checkpoint, tokenizer) = (&self.checkpoint, &self.prepared.tokenizer);
        let base = self.of_base.as_ref().map(|base| judged.beside(base));
        let card = judged.on(Card { base, ..self.prepared.card.clone() }, self.stage.number, self.epochs);
        if self.prepared.corpora.len() > 1 {
            table::write(self.out, &self.identity, self.figures.clone())?;
        }
        table::write(self.out, &self.identity, self.log.clone())?;
        if is_best {
            let staging = Staging::begin_over(&self.out.join(&self.stage.best), checkpoint::OURS)?;
            checkpoint.save(staging.folder(), tokenizer, self.weights.variables())?;
            card.save(staging.folder())?;
            staging.commit()?;
        }
        let staging = Staging::begin_over(&self.out.join(LAST), checkpoint::OURS)?;
        checkpoint.save(staging.folder(), tokenizer, self.weights.variables())?;
        card.save(staging.folder())?;
        let (stage, steps) = (self.stage.number, self.adam.steps());
        let state = State { run: self.identity.clone(), stage, epochs: self.epochs, steps };
        state.save(staging.folder(), &self.adam)?;
        Ok(staging.commit()?)
    }
}

fn diverged(step: u64, losses: Losses, batch: &[Example]) -> TrainError {
    let loss = losses.total() as f32;
    let document = batch.first().map(|example| example.doc_id.to_string()).unwrap_or_default();
    TrainError::Diverged { step, loss, document }
}
