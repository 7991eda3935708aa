//! A model that is loaded: documents → what is predicted of them. Scoring a split and scoring in memory both go through it.

use std::path::Path;

use checkpoint::{Checkpoint, CheckpointConfig};
use examples::{Batch, DOCUMENTS_AT_ONCE, cut_off};
use ground::identity::Identity;
use ground::interrupt;
use ground::workers::Workers;
use model::Model;
use model::decode::Wanted;
use model::example::Example;
use model::predict::{Budget, Found, predict_traced};
use nn::Unused;
use nn::device::Compute;
use pieces::CutOff;
use table::Text;

use super::error::ScoreError;
use super::first::First;
use super::limit::take_out;
use super::on_evidence::{Cut, OnEvidence, SharesOf, in_order, with_cuts};
use super::parts::{self, Part};
use super::purpose::Met;
use super::request::Options;
use super::rows::Rows;

/// Documents of a part on a CUDA device, which is idle where a part ends.
const DOCUMENTS_ON_A_CARD: usize = 2048;

/// A model, and what its scores hang on.
pub struct Core {
    /// What the checkpoint says of itself.
    pub config: CheckpointConfig,
    /// Where it computes.
    pub compute: Compute,
    /// Identifies the checkpoint, and how often it infers.
    fingerprint: String,
    run_id: Text,
    options: Options,
    workers: Workers,
    model: Box<dyn Model>,
    /// How much is computed at a time.
    budget: Budget,
}

/// Documents that are scored together.
pub struct Documents {
    /// As a model sees them.
    examples: Vec<Example>,
    /// What is evidence in them, where that alone is scored.
    cuts: Option<Vec<Cut>>,
}

/// Documents that are read, and kept as a part, at a time on a device.
pub fn documents_at_once(compute: &Compute) -> usize {
    if compute.device.is_cpu() { DOCUMENTS_AT_ONCE } else { DOCUMENTS_ON_A_CARD }
}

impl Core {
    /// That of a checkpoint, and the weights that it has no place for.
    pub fn load(
        checkpoint: &Checkpoint,
        compute: Compute,
        run_id: &str,
        options: &Options,
    ) -> Result<(Self, Unused), ScoreError> {
        let (model, unused) = checkpoint.model(&compute)?;
        let (workers, budget) = (compute.scorers()?, Budget::on(&compute.device, &*model, options.pieces_at_once));
        let (config, fingerprint) = (checkpoint.config.clone(), checkpoint.fingerprint.clone());
        let (run_id, options) = (run_id.into(), options.clone());
        Ok((Self { config, compute, fingerprint, run_id, options, workers, model, budget }, unused))
    }

    /// Documents that are read, and kept as a part, at a time.
    pub fn documents_at_once(&self) -> usize {
        documents_at_once(&self.compute)
    }

    /// What makes rows of what is found.
    pub fn rows(&self) -> Rows<'_> {
        Rows { run_id: self.run_id.clone(), margin: self.options.margin, config: &self.config }
    }

    /// A part that is not scored yet, with its documents.
    pub fn begin(&self, batch: Batch, first: Option<&First>) -> (Part, Documents) {
        let Options { most_pairs, margin, .. } = &self.options;
        let Batch { examples, profile, passed_over: foreign, .. } = batch;
        let (examples, too_large) = take_out(&*self.model, examples, *most_pairs);
        let begun = |example| match first {
            Some(first) => first.begun(example),
            None => example,
        };
        let examples: Vec<Example> = examples.into_iter().map(begun).collect();
        let identity = Identity::of("part").field("checkpoint", &self.fingerprint).field("run_id", &*self.run_id);
        let identity = identity.field("compute", &self.compute.to_string()).field("budget", &self.budget.pieces);
        let identity = identity.field("margin", margin);
        let key = examples.iter().fold(identity, parts::with_example).finish();
        let mut lost = CutOff::default();
        examples.iter().for_each(|example| lost += cut_off(example));
        let (documents, met) = (examples.len() as u64, Met { profile, foreign });
        (Part { key, documents, cut_off: lost, too_large, met, found: None }, Documents { examples, cuts: None })
    }

    /// The same of what is evidence in them alone.
    ///
    /// # Errors
    /// Where the evidence is of other documents.
    pub fn begin_on_evidence(
        &self,
        batch: Batch,
        (evidence, shares): (&OnEvidence, &SharesOf),
    ) -> Result<(Part, Documents), ScoreError> {
        let (part, Documents { examples, .. }) = self.begin(batch, None);
        let cuts = evidence.cuts(&examples, shares)?;
        let key = with_cuts(Identity::of("part on evidence").field("part", &part.key), &cuts).finish();
        Ok((Part { key, ..part }, Documents { examples, cuts: Some(cuts) }))
    }

    /// The part with what is predicted, unless it is kept below a folder, with the weights of sentences or without.
    pub fn finish(&self, part: Part, documents: Documents, kept: (&Path, bool)) -> Result<Part, ScoreError> {
        if part.is_kept(kept)? {
            return Ok(part);
        }
        Ok(Part { found: Some(self.predict(documents)?), ..part })
    }

    /// The name of each document and what is predicted of it.
    pub fn predict(&self, documents: Documents) -> Result<Vec<(Text, Found)>, ScoreError> {
        let Documents { examples, cuts } = documents;
        let names: Vec<Text> = examples.iter().map(|example| example.doc_id.clone()).collect();
        let wanted = Wanted::within(self.options.margin);
        let found = match cuts {
            Some(cuts) => self.predict_cuts(&examples, &cuts, wanted.or_best())?,
            None => self.predict_each(examples, wanted)?,
        };
        Ok(names.into_iter().zip(found).collect())
    }

    /// What is predicted of documents cut by cut, as many of these at a time as there are documents: however many pairs have
    /// evidence of their own, no more is in memory.
    fn predict_cuts(&self, examples: &[Example], cuts: &[Cut], wanted: Wanted) -> Result<Vec<Found>, ScoreError> {
        let mut found = vec![Found::default(); examples.len()];
        for some in cuts.chunks(self.documents_at_once()) {
            let documents = some.iter().map(|cut| cut.example(examples)).collect::<Result<_, _>>()?;
            for (cut, of_cut) in some.iter().zip(self.predict_each(documents, wanted)?) {
                cut.give(of_cut, found.get_mut(cut.document).ok_or(ScoreError::Cut)?);
            }
        }
        found.iter_mut().for_each(in_order);
        Ok(found)
    }

    fn predict_each(&self, examples: Vec<Example>, wanted: Wanted) -> Result<Vec<Found>, ScoreError> {
        let predicted = predict_traced(&self.workers, &*self.model, examples, wanted, self.budget);
        if predicted.is_err() {
            interrupt::check()?;
        }
        Ok(predicted?)
    }
}
