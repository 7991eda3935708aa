//! What is predicted of a document → rows of the tables `scores`, `claims` and `traces`.

use checkpoint::CheckpointConfig;
use ground::whole;
use model::predict::{Found, Given, Prediction, SentenceShare};
use model::trace::{Change, Span, changes};
use table::Text;
use table::rows::{ClaimRow, ScoreRow, SentenceWeightRow, TraceRow};

use super::error::ScoreError;

/// What all rows of a run have in common.
pub struct Rows<'a> {
    /// What the run is called.
    pub run_id: Text,
    /// How far below the threshold scores are kept.
    pub margin: f32,
    /// The relations, and how many a pair is given.
    pub config: &'a CheckpointConfig,
}

impl Rows<'_> {
    /// The relation of a class.
    fn relation(&self, class: u32) -> Result<&Text, ScoreError> {
        let relations = &self.config.relations;
        let name = (class as usize).checked_sub(1).and_then(|place| relations.get(place));
        name.ok_or_else(|| ScoreError::Class { class, known: relations.len() })
    }

    fn iterations(&self) -> u32 {
        whole(self.config.model.iterations())
    }

    /// What the model thinks.
    pub fn scores(&self, doc_id: &Text, found: &Found) -> impl Iterator<Item = Result<ScoreRow, ScoreError>> {
        found.predictions.iter().map(|prediction| {
            let Prediction { head, tail, relation, threshold, base, iteration } = *prediction;
            Ok(ScoreRow {
                run_id: self.run_id.clone(),
                doc_id: doc_id.clone(),
                head,
                tail,
                relation: self.relation(relation.class)?.clone(),
                logit: relation.logit,
                threshold_logit: threshold,
                base_logit: base.map(|base| base.relation),
                base_threshold_logit: base.map(|base| base.threshold),
                iteration,
                margin: self.margin,
                most_labels: whole(self.config.most_labels),
            })
        })
    }

    /// What it looks at for that.
    pub fn sentences(
        &self,
        doc_id: &Text,
        found: &Found,
    ) -> impl Iterator<Item = Result<SentenceWeightRow, ScoreError>> {
        found.sentences.iter().map(|&SentenceShare { head, tail, sentence, share }| {
            Ok(SentenceWeightRow {
                run_id: self.run_id.clone(),
                doc_id: doc_id.clone(),
                head,
                tail,
                sent_id: sentence,
                weight: share,
            })
        })
    }

    /// What it claims at which iterations; what does not iterate claims once.
    pub fn claims(&self, doc_id: &Text, found: &Found) -> impl Iterator<Item = Result<ClaimRow, ScoreError>> {
        let once = Span { since: 0, until: 0, changed: 0 };
        let is_claimed = |prediction: &&Prediction| {
            let Prediction { relation, threshold, iteration, .. } = prediction;
            iteration.is_none() && relation.logit > *threshold && (relation.rank as usize) < self.config.most_labels
        };
        let of_one = found.predictions.iter().filter(is_claimed).map(move |prediction| (once, prediction));
        let given = found.given.iter().map(|Given { span, prediction }| (*span, prediction));
        of_one.chain(given).map(|(span, prediction)| self.claim(doc_id, span, prediction))
    }

    fn claim(&self, doc_id: &Text, span: Span, prediction: &Prediction) -> Result<ClaimRow, ScoreError> {
        let Prediction { head, tail, relation, threshold, base, iteration } = *prediction;
        Ok(ClaimRow {
            run_id: self.run_id.clone(),
            doc_id: doc_id.clone(),
            head,
            tail,
            relation: self.relation(relation.class)?.clone(),
            since: span.since,
            until: span.until,
            logit: relation.logit,
            threshold_logit: threshold,
            base_logit: base.map(|base| base.relation),
            base_threshold_logit: base.map(|base| base.threshold),
            iteration,
            iterations: self.iterations(),
            most_labels: whole(self.config.most_labels),
        })
    }

    /// Where inference changed that.
    pub fn traces(&self, doc_id: &Text, found: &Found) -> impl Iterator<Item = Result<TraceRow, ScoreError>> {
        let pair_of = |given: &Given| (given.prediction.head, given.prediction.tail);
        let pairs = found.given.chunk_by(move |one, other| pair_of(one) == pair_of(other));
        let pairs = pairs.filter_map(move |given| Some((pair_of(given.first()?), given)));
        pairs.flat_map(move |(pair, given)| {
            let classes: Vec<(Span, u32)> =
                given.iter().map(|given| (given.span, given.prediction.relation.class)).collect();
            changes(&classes, self.iterations()).into_iter().map(move |change| self.trace(doc_id, pair, &change))
        })
    }

    fn trace(&self, doc_id: &Text, (head, tail): (u32, u32), change: &Change) -> Result<TraceRow, ScoreError> {
        Ok(TraceRow {
            run_id: self.run_id.clone(),
            doc_id: doc_id.clone(),
            head,
            tail,
            iteration: change.iteration,
            before: self.named(&change.before)?,
            after: self.named(&change.after)?,
        })
    }

    /// The relations of classes, sorted.
    fn named(&self, classes: &[u32]) -> Result<Vec<Text>, ScoreError> {
        let named = classes.iter().map(|&class| self.relation(class).cloned());
        let mut named: Vec<Text> = named.collect::<Result<_, _>>()?;
        named.sort_unstable();
        Ok(named)
    }
}
