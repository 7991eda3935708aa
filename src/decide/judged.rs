//! Scores of a labelled split, each right or wrong: what a decision is fitted on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ground::counts::Counts;
use table::rows::{DocumentRow, EntityRow, PairRow, ScoreRow};
use table::{Text, Undirected, Walk, undirected_relations};

use crate::claims::Types;
use crate::consistent::above;
use crate::decision::{Decision, hashed};
use crate::error::DecideError;
use crate::runs::Runs;

/// A score, and whether its relation holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// How far the logit lies above the threshold class's.
    pub margin: f32,
    /// Whether the relation holds.
    pub holds: bool,
}

/// Scores and facts of one relation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OfRelation {
    /// The scores, the greatest margin first once all are there.
    pub scores: Vec<Judged>,
    /// Facts, those without a score included.
    pub facts: u64,
}

/// Scores and facts of a split.
#[derive(Debug, Default)]
pub struct Evidence {
    /// By relation.
    pub relations: BTreeMap<Text, OfRelation>,
    /// The documents, by hashes of their names.
    pub documents: BTreeSet<Text>,
    /// How far below the threshold the scores reach.
    pub reach: f32,
}

impl Evidence {
    /// Takes the scores that a decision may claim: of types that it allows, and not more of a pair than it gives. Facts
    /// about pairs that are no candidates do not count, as in an evaluation.
    pub fn take(scores: &[PathBuf], split: &Path, decision: &Decision) -> Result<Self, DecideError> {
        let mut runs = Runs::open(scores, decision)?;
        let undirected = undirected_relations(split)?;
        let mut evidence = Self { reach: runs.reach(), ..Self::default() };
        for document in Walk::<(EntityRow, PairRow)>::open(split)? {
            let (DocumentRow { doc_id, labelled, .. }, (entities, pairs)) = document?;
            let scores = runs.of(&doc_id)?;
            if labelled {
                let types = decision.asks_types().then(|| Types::new(entities));
                evidence.documents.insert(hashed(&doc_id));
                evidence.add(decision, &undirected, scores, &pairs, types.as_ref())?;
            }
        }
        runs.finish()?;
        let best_first = |one: &Judged, other: &Judged| other.margin.total_cmp(&one.margin);
        evidence.relations.values_mut().for_each(|relation| relation.scores.sort_by(best_first));
        if evidence.facts() == 0 { Err(DecideError::Unlabelled(split.to_path_buf())) } else { Ok(evidence) }
    }

    fn add(
        &mut self,
        decision: &Decision,
        undirected: &Undirected,
        scores: Vec<ScoreRow>,
        pairs: &[PairRow],
        types: Option<&Types>,
    ) -> Result<(), DecideError> {
        // A fact of an undirected relation has one direction, and a prediction counts in either.
        let key = |head: u32, tail: u32, relation: &Text| match undirected.contains(relation) {
            true => (head.min(tail), head.max(tail), relation.clone()),
            false => (head, tail, relation.clone()),
        };
        let asked = pairs.iter().filter(|pair| pair.candidate);
        let named = asked.flat_map(|pair| pair.labels.iter().flatten().map(|label| key(pair.head, pair.tail, label)));
        let facts: BTreeSet<_> = named.collect();
        let mut margins: BTreeMap<_, f32> = BTreeMap::new();
        for pair in scores.chunk_by(|one, other| (one.head, one.tail) == (other.head, other.tail)) {
            let mut taken = 0;
            for score in pair {
                if taken < decision.most_labels.unwrap_or(score.most_labels as usize)
                    && types.map_or(Ok(true), |types| types.allow(decision, score))?
                {
                    taken += 1;
                    let margin = margins.entry(key(score.head, score.tail, &score.relation)).or_insert(f32::MIN);
                    *margin = margin.max(above(score));
                }
            }
        }
        for (_, _, relation) in &facts {
            self.relations.entry(relation.clone()).or_default().facts += 1;
        }
        for (claim, margin) in margins {
            let holds = facts.contains(&claim);
            self.relations.entry(claim.2).or_default().scores.push(Judged { margin, holds });
        }
        Ok(())
    }

    /// Facts, those without a score included.
    pub fn facts(&self) -> u64 {
        self.relations.values().map(|relation| relation.facts).sum()
    }

    /// Scores of all relations, the greatest margin first.
    pub fn pooled(&self) -> OfRelation {
        let mut scores: Vec<Judged> = self.relations.values().flat_map(|of| &of.scores).copied().collect();
        scores.sort_by(|one, other| other.margin.total_cmp(&one.margin));
        OfRelation { scores, facts: self.facts() }
    }

    /// What a decision claims of them, counted.
    pub fn counts(&self, decision: &Decision) -> Counts {
        let mut counts = Counts { gold: self.facts(), ..Counts::default() };
        for (relation, of) in &self.relations {
            let shift = decision.shift_of(relation);
            for score in of.scores.iter().take_while(|score| score.margin > shift) {
                counts.predicted += 1;
                counts.true_positives += u64::from(score.holds);
            }
        }
        counts
    }
}
