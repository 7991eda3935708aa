//! The scores of a document → what is claimed of it.

use std::collections::{BTreeMap, BTreeSet};

use ground::parsed::TypePair;
use table::Text;
use table::rows::{EntityRow, RelationRow};

use crate::decision::{Calibration, Decision};
use crate::error::DecideError;
use crate::scores::Score;

/// σ of how far a logit is above the threshold class's.
pub fn probability(logit: f32, threshold: f32) -> f32 {
    1.0 / (1.0 + (threshold - logit).exp())
}

impl Decision {
    /// How probable a relation is whose logit lies so far above the threshold class's.
    pub fn probability(&self, above: f32) -> f32 {
        match &self.calibration {
            None => probability(above, 0.0),
            Some(Calibration::Temperature(t)) => probability(above / t, 0.0),
            Some(Calibration::Steps(steps)) => {
                let reached = steps.partition_point(|step| step.margin <= above);
                debug_assert!(!steps.is_empty(), "a decision is checked");
                steps.get(reached.saturating_sub(1)).map_or(f32::NAN, |step| step.probability)
            }
        }
    }

    /// Whether a score is above the threshold as it is decided. One that is not shifted is the model's, to the last bit:
    /// the difference of two numbers is above 0 where one is above the other.
    fn is_above(&self, score: &Score) -> bool {
        score.above > self.shift_of(&score.row.relation)
    }
}

/// The types of a document's entities, by their numbers.
pub struct Types(BTreeMap<u32, Text>);

impl Types {
    /// Those of its rows.
    pub fn new(entities: Vec<EntityRow>) -> Self {
        Self(entities.into_iter().map(|entity| (entity.entity_id, entity.r#type)).collect())
    }

    /// That of an entity of a document.
    pub fn of(&self, document: &Text, entity: u32) -> Result<&Text, DecideError> {
        self.0.get(&entity).ok_or_else(|| DecideError::Entity { document: document.to_string(), entity })
    }

    /// Takes out of pairs of types those that two of the entities have.
    pub fn meet(&self, pairs: &mut BTreeSet<&TypePair>) {
        let kinds: BTreeSet<&Text> = if pairs.is_empty() { BTreeSet::new() } else { self.0.values().collect() };
        pairs.retain(|pair| !kinds.iter().any(|head| kinds.iter().any(|tail| pair.fits(head, tail))));
    }

    /// Whether a relation may join the entities of a score.
    pub fn allow(&self, decision: &Decision, Score { row, .. }: &Score) -> Result<bool, DecideError> {
        let Some(allowed) = decision.types.get(&row.relation) else { return Ok(true) };
        let (head, tail) = (self.of(&row.doc_id, row.head)?, self.of(&row.doc_id, row.tail)?);
        Ok(allowed.iter().any(|pair| pair.fits(head, tail)))
    }
}

/// What is claimed of a document. Scores come pair by pair, the best first, and so do claims.
pub fn claims(
    decision: &Decision,
    run_id: Option<&Text>,
    scores: &[Score],
    types: Option<&Types>,
    into: &mut Vec<RelationRow>,
) -> Result<(), DecideError> {
    for pair in scores.chunk_by(|one, other| one.pair() == other.pair()) {
        let mut rank = 0;
        for score in pair.iter().filter(|score| decision.is_above(score)) {
            if !types.map_or(Ok(true), |types| types.allow(decision, score))? {
                continue;
            }
            if decision.most_labels.unwrap_or(score.row.most_labels as usize) <= rank as usize {
                break;
            }
            rank += 1;
            into.push(claim(decision, run_id, score, rank));
        }
    }
    Ok(())
}

fn claim(decision: &Decision, run_id: Option<&Text>, Score { row: score, above }: &Score, rank: u32) -> RelationRow {
    let base = score.base_logit.zip(score.base_threshold_logit);
    RelationRow {
        run_id: run_id.unwrap_or(&score.run_id).clone(),
        doc_id: score.doc_id.clone(),
        head: score.head,
        tail: score.tail,
        relation: score.relation.clone(),
        logit: score.logit,
        threshold_logit: score.threshold_logit,
        probability: decision.probability(*above),
        rank,
        base_probability: base.map(|(logit, threshold)| probability(logit, threshold)),
        iteration: score.iteration,
    }
}
