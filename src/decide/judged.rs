//! Scores of a labelled split, each right or wrong: what a decision is fitted on, and what figures over scores are of.
//!
//! What counts is what counts in an evaluation of predictions: a pair that is no candidate has neither facts nor scores,
//! the two directions of an undirected relation are one, and documents without labels are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ground::counts::Counts;
use table::rows::{DocumentRow, EntityRow, FactRow, PairRow, ScoreRow};
use table::{Text, Walk, undirected_relations};

use crate::claims::Types;
use crate::consistent::{above, in_order};
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

/// What was scored of a labelled document, and what holds.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedDocument {
    /// Its name.
    pub doc_id: Text,
    /// The scores that a decision may claim, with their relations: of types that it allows, and not more of a pair than
    /// it gives. In an order that is not that of the table.
    pub scores: Vec<(Text, Judged)>,
    /// The relation of each of its facts, those without a score included.
    pub facts: Vec<Text>,
}

/// What is known of scores once all are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judging {
    /// The run that the first of them names; `None`: there are none.
    pub run_id: Option<Text>,
    /// How far below the threshold they reach.
    pub reach: f32,
    /// Labelled documents on which the decision was fitted.
    pub fitted_on: u64,
    /// Documents without labels, which were passed over.
    pub unlabelled: u64,
}

/// Judges the scores of the labelled documents of a split, one after the other: what is in memory is a document's.
///
/// # Errors
/// Where a table cannot be used, or there are scores of documents that the split lacks, or in another order.
pub fn judge(
    scores: &[PathBuf],
    split: &Path,
    decision: &Decision,
    mut each: impl FnMut(JudgedDocument),
) -> Result<Judging, DecideError> {
    let mut runs = Runs::open(scores, decision)?;
    let judge = Judge { decision, undirected: undirected_relations(split)? };
    let mut judging = Judging { run_id: None, reach: runs.reach(), fitted_on: 0, unlabelled: 0 };
    for document in Walk::<(EntityRow, PairRow, FactRow)>::open(split)? {
        let (DocumentRow { doc_id, labelled, .. }, (entities, pairs, facts)) = document?;
        let scores = runs.of(&doc_id)?;
        judging.run_id = judging.run_id.or_else(|| scores.first().map(|score| score.run_id.clone()));
        judging.unlabelled += u64::from(!labelled);
        if labelled {
            judging.fitted_on += u64::from(decision.was_fitted_on(&doc_id));
            let types = decision.asks_types().then(|| Types::new(entities));
            each(judge.document(doc_id, scores, &pairs, &facts, types.as_ref())?);
        }
    }
    runs.finish()?;
    Ok(judging)
}

/// By what scores are judged.
struct Judge<'a> {
    decision: &'a Decision,
    undirected: BTreeSet<Text>,
}

/// A fact, or a claim of one.
type Claim = (u32, u32, Text);

impl Judge<'_> {
    /// A claim as facts have it: of an undirected relation a fact has one direction, and a claim counts in either.
    fn claim(&self, head: u32, tail: u32, relation: &Text) -> Claim {
        match self.undirected.contains(relation) {
            true => (head.min(tail), head.max(tail), relation.clone()),
            false => (head, tail, relation.clone()),
        }
    }

    fn document(
        &self,
        doc_id: Text,
        mut scores: Vec<ScoreRow>,
        pairs: &[PairRow],
        facts: &[FactRow],
        types: Option<&Types>,
    ) -> Result<JudgedDocument, DecideError> {
        scores.sort_by(in_order);
        let left_out: BTreeSet<(u32, u32)> =
            pairs.iter().filter(|pair| !pair.candidate).map(|pair| (pair.head, pair.tail)).collect();
        let counts = |(head, tail, _): &Claim| !left_out.contains(&(*head, *tail));
        let facts = facts.iter().map(|fact| self.claim(fact.head, fact.tail, &fact.relation));
        let facts: BTreeSet<Claim> = facts.filter(counts).collect();
        let margins = self.margins(&scores, types)?.into_iter().filter(|(claim, _)| counts(claim));
        let judged = |(claim, margin): (Claim, f32)| {
            let holds = facts.contains(&claim);
            (claim.2, Judged { margin, holds })
        };
        let scores = margins.map(judged).collect();
        Ok(JudgedDocument { doc_id, scores, facts: facts.into_iter().map(|(_, _, relation)| relation).collect() })
    }

    /// How far above the threshold each claim lies that the decision may make.
    fn margins(&self, scores: &[ScoreRow], types: Option<&Types>) -> Result<BTreeMap<Claim, f32>, DecideError> {
        let mut margins: BTreeMap<Claim, f32> = BTreeMap::new();
        for pair in scores.chunk_by(|one, other| (one.head, one.tail) == (other.head, other.tail)) {
            let mut taken = 0;
            for score in pair {
                if taken < self.decision.most_labels.unwrap_or(score.most_labels as usize)
                    && types.map_or(Ok(true), |types| types.allow(self.decision, score))?
                {
                    taken += 1;
                    let claim = self.claim(score.head, score.tail, &score.relation);
                    let margin = margins.entry(claim).or_insert(f32::NEG_INFINITY);
                    *margin = margin.max(above(score));
                }
            }
        }
        Ok(margins)
    }
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
    /// Takes the scores that a decision may claim.
    pub fn take(scores: &[PathBuf], split: &Path, decision: &Decision) -> Result<Self, DecideError> {
        let mut evidence = Self::default();
        evidence.reach = judge(scores, split, decision, |document| evidence.add(document))?.reach;
        let best_first = |one: &Judged, other: &Judged| other.margin.total_cmp(&one.margin);
        evidence.relations.values_mut().for_each(|relation| relation.scores.sort_by(best_first));
        if evidence.facts() == 0 { Err(DecideError::Unlabelled(split.to_path_buf())) } else { Ok(evidence) }
    }

    fn add(&mut self, document: JudgedDocument) {
        self.documents.insert(hashed(&document.doc_id));
        for relation in document.facts {
            self.relations.entry(relation).or_default().facts += 1;
        }
        for (relation, judged) in document.scores {
            self.relations.entry(relation).or_default().scores.push(judged);
        }
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
