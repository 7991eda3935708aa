//! A decision over scores in memory, a document at a time, as they come from a model: what [`decide`](crate::decide()) does
//! with a table of them.

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::path::PathBuf;

use table::Text;
use table::rows::{EntityRow, EvidenceRow, RelationRow, ScoreRow, SentenceWeightRow};

use crate::claims::{Types, claims};
use crate::consistent::Inverses;
use crate::decision::{Decision, FittedRun};
use crate::ended::Claims;
use crate::error::DecideError;
use crate::scores::checked;
use crate::shares::Shares;

/// A decision, and the run over whose scores it is taken.
pub struct Decider {
    decision: Decision,
    inverses: Inverses,
    run: FittedRun,
    margin: f32,
}

/// What was met where it was taken.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Facts that were claimed.
    pub claims: u64,
    /// Documents that have scores.
    scored: u64,
    /// Documents on which the decision was fitted.
    fitted_on: u64,
    /// Relations that the decision names and a score is of.
    named: BTreeSet<Text>,
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        self.claims += other.claims;
        self.scored += other.scored;
        self.fitted_on += other.fitted_on;
        self.named.extend(other.named.iter().cloned());
    }
}

impl Decider {
    /// A decision over the scores of a run, which reach so far below the threshold.
    pub fn new(decision: Decision, run: FittedRun, margin: f32) -> Self {
        Self { inverses: Inverses::new(&decision.inverses), decision, run, margin }
    }

    /// Whether it asks for the types of entities.
    pub fn asks_types(&self) -> bool {
        self.decision.asks_types()
    }

    /// What is claimed of a document, by its scores and its entities, which count where types are asked for.
    ///
    /// # Errors
    /// Where a logit is not finite, or an entity that counts is not there.
    pub fn claim(
        &self,
        document: &Text,
        scores: Vec<ScoreRow>,
        entities: Option<Vec<EntityRow>>,
        tally: &mut Tally,
    ) -> Result<Vec<RelationRow>, DecideError> {
        let refused = |reason| {
            let (path, document) = (PathBuf::from("scores"), document.to_string());
            DecideError::Scores { path, document, reason }
        };
        let scores = checked(scores, &self.run.run_id, self.margin).map_err(refused)?;
        if scores.is_empty() {
            return Ok(Vec::new());
        }
        tally.scored += 1;
        tally.fitted_on += u64::from(self.decision.was_fitted_on(document));
        let names = self.decision.names();
        if tally.named.len() < names.len() {
            let named = scores.iter().map(|score| &score.row.relation).filter(|relation| names.contains(*relation));
            tally.named.extend(named.cloned());
        }
        let (scores, types) = (self.inverses.consistent(scores), entities.map(Types::new));
        let mut claimed = Vec::new();
        claims(&self.decision, Some(&self.run.run_id), &scores, types.as_ref(), &mut claimed)?;
        tally.claims += claimed.len() as u64;
        Ok(claimed)
    }

    /// The evidence of a document's claims, by the weights of its sentences.
    pub fn evidence(&self, weights: &[SentenceWeightRow], claims: &[RelationRow]) -> Vec<EvidenceRow> {
        let mut evidence = Vec::new();
        Shares::of_run(weights).evidence(claims, self.decision.evidence_threshold(), &mut evidence);
        evidence
    }

    /// What is to be said of all that was met.
    pub fn claims(&self, tally: &Tally) -> Claims {
        let runs = if tally.scored > 0 { vec![self.run.clone()] } else { Vec::new() };
        Claims {
            count: tally.claims,
            fitted_on: tally.fitted_on,
            unscored: self.decision.names().difference(&tally.named).cloned().collect(),
            fitted_elsewhere: self.decision.fitted_elsewhere(&runs),
            unmet: Vec::new(),
            lacking: None,
        }
    }
}
