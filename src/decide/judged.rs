//! Scores of a labelled split, each right or wrong: what a decision is fitted on, and what figures over scores are of.
//!
//! What counts is what counts in an evaluation of predictions: a pair that is no candidate has neither facts nor scores,
//! the two directions of an undirected relation are one, and documents without labels are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ground::counts::Counts;
use table::rows::{DocumentRow, EntityRow, FactRow, PairRow};
use table::{Text, Undirected, Walk, undirected_relations};

use crate::claims::{Types, claims};
use crate::decision::{Decision, FittedRun, hashed};
use crate::error::DecideError;
use crate::runs::Runs;
use crate::scores::Score;
use crate::shares::{Sentences, Shares};

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
    /// The runs that have any of them.
    pub runs: Vec<FittedRun>,
    /// What is to be said where the decision was fitted on other scores than these.
    pub fitted_elsewhere: Option<String>,
}

/// A fact, or a claim of one.
type Claim = (u32, u32, Text);

/// What holds of a document.
struct Truth<'a> {
    undirected: &'a Undirected,
    facts: BTreeSet<Claim>,
    /// Pairs that nobody asks about.
    left_out: BTreeSet<(u32, u32)>,
    /// The sentences that support facts, of those for which any are named.
    evidence: BTreeMap<Claim, BTreeSet<u32>>,
}

impl<'a> Truth<'a> {
    fn new(undirected: &'a Undirected, pairs: &[PairRow], facts: &[FactRow]) -> Self {
        let left_out = pairs.iter().filter(|pair| !pair.candidate).map(|pair| (pair.head, pair.tail)).collect();
        let mut truth = Self { undirected, facts: BTreeSet::new(), left_out, evidence: BTreeMap::new() };
        truth.facts = facts.iter().filter_map(|fact| truth.claim(fact.head, fact.tail, &fact.relation)).collect();
        for fact in facts.iter().filter(|fact| !fact.evidence.is_empty()) {
            if let Some(claim) = truth.claim(fact.head, fact.tail, &fact.relation) {
                truth.evidence.entry(claim).or_default().extend(&fact.evidence);
            }
        }
        truth
    }

    /// A claim as facts have it: of an undirected relation a fact has one direction, and a claim counts in either. `None`:
    /// it is about a pair that nobody asks about, and does not count.
    fn claim(&self, head: u32, tail: u32, relation: &Text) -> Option<Claim> {
        let (head, tail) =
            if self.undirected.contains(relation) { (head.min(tail), head.max(tail)) } else { (head, tail) };
        (!self.left_out.contains(&(head, tail))).then(|| (head, tail, relation.clone()))
    }

    /// What a decision may claim, each judged.
    fn judged(
        &self,
        decision: &Decision,
        doc_id: Text,
        scores: &[Score],
        types: Option<&Types>,
    ) -> Result<JudgedDocument, DecideError> {
        let mut margins: BTreeMap<Claim, f32> = BTreeMap::new();
        for pair in scores.chunk_by(|one, other| one.pair() == other.pair()) {
            let mut taken = 0;
            for score in pair {
                if taken < decision.most_labels.unwrap_or(score.row.most_labels as usize)
                    && types.map_or(Ok(true), |types| types.allow(decision, score))?
                {
                    taken += 1;
                    let claim = self.claim(score.row.head, score.row.tail, &score.row.relation);
                    let Some(claim) = claim else { continue };
                    let margin = margins.entry(claim).or_insert(score.above);
                    *margin = margin.max(score.above);
                }
            }
        }
        let judged = |(claim, margin): (Claim, f32)| {
            let holds = self.facts.contains(&claim);
            (claim.2, Judged { margin, holds })
        };
        let scores = margins.into_iter().map(judged).collect();
        Ok(JudgedDocument {
            doc_id,
            scores,
            facts: self.facts.iter().map(|(_, _, relation)| relation.clone()).collect(),
        })
    }
}

/// The scores of a document, and the shares of its sentences.
type Weighed<'a> = (&'a [Score], &'a Shares);

/// Goes through the scores of the documents with labels.
fn each_labelled(
    [scores, weights]: [&[PathBuf]; 2],
    split: &Path,
    decision: &Decision,
    mut visit: impl FnMut(Text, Weighed<'_>, &Truth<'_>, Option<&Types>) -> Result<(), DecideError>,
) -> Result<Judging, DecideError> {
    let mut sentences = Sentences::open(weights)?;
    let mut runs = Runs::open(scores, decision, None)?;
    runs.check_once()?;
    let undirected = undirected_relations(split)?;
    let mut judging = Judging {
        run_id: runs.run_id().cloned(),
        reach: runs.reach(),
        fitted_on: 0,
        unlabelled: 0,
        runs: runs.all(),
        fitted_elsewhere: runs.fitted_elsewhere(decision),
    };
    for document in Walk::<(EntityRow, PairRow, FactRow)>::open(split)? {
        let (DocumentRow { doc_id, labelled, .. }, (entities, pairs, facts)) = document?;
        let (scores, shares) = (runs.of(&doc_id)?, sentences.of(&doc_id)?);
        judging.unlabelled += u64::from(!labelled);
        if labelled {
            judging.fitted_on += u64::from(decision.was_fitted_on(&doc_id));
            let types = decision.asks_types().then(|| Types::new(entities));
            visit(doc_id, (&scores, &shares), &Truth::new(&undirected, &pairs, &facts), types.as_ref())?;
        }
    }
    runs.finish()?;
    sentences.finish()?;
    Ok(judging)
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
    each_labelled([scores, &[]], split, decision, |doc_id, (scores, _), truth, types| {
        each(truth.judged(decision, doc_id, scores, types)?);
        Ok(())
    })
}

/// What decisions claim of a labelled split, counted as in an evaluation. They join runs and keep types alike.
pub fn counts<const N: usize>(
    scores: &[PathBuf],
    split: &Path,
    decisions: [&Decision; N],
) -> Result<[Counts; N], DecideError> {
    let mut counts = [Counts::default(); N];
    let Some(first) = decisions.first() else { return Ok(counts) };
    each_labelled([scores, &[]], split, first, |_, (scores, _), truth, types| {
        for (decision, counts) in decisions.iter().zip(&mut counts) {
            let mut rows = Vec::new();
            claims(decision, None, scores, types, &mut rows)?;
            let claimed = rows.iter().filter_map(|row| truth.claim(row.head, row.tail, &row.relation));
            let claimed: BTreeSet<Claim> = claimed.collect();
            counts.gold += truth.facts.len() as u64;
            counts.predicted += claimed.len() as u64;
            counts.true_positives += claimed.intersection(&truth.facts).count() as u64;
        }
        Ok(())
    })?;
    Ok(counts)
}

/// The sentences of what a decision claims of a labelled split, each with its weight and whether it is evidence, and
/// how many sentences the evidence of all facts has: counted as in an evaluation.
pub fn sentences(of: [&[PathBuf]; 2], split: &Path, decision: &Decision) -> Result<OfRelation, DecideError> {
    let mut sentences = OfRelation::default();
    each_labelled(of, split, decision, |_, (scores, shares), truth, types| {
        let mut rows = Vec::new();
        claims(decision, None, scores, types, &mut rows)?;
        let mut claimed: BTreeMap<Claim, BTreeMap<u32, f32>> = BTreeMap::new();
        for row in &rows {
            if let Some(claim) = truth.claim(row.head, row.tail, &row.relation) {
                claimed.entry(claim).or_default().extend(shares.of((row.head, row.tail)));
            }
        }
        for (claim, shares) in claimed {
            let holds = |sentence| truth.evidence.get(&claim).is_some_and(|gold| gold.contains(sentence));
            sentences.scores.extend(shares.iter().map(|(sentence, &margin)| Judged { margin, holds: holds(sentence) }));
        }
        sentences.facts += truth.evidence.values().map(|sentences| sentences.len() as u64).sum::<u64>();
        Ok(())
    })?;
    sentences.scores.sort_by(|one, other| other.margin.total_cmp(&one.margin));
    Ok(sentences)
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
    /// The runs that have any of the scores.
    pub runs: Vec<FittedRun>,
}

impl Evidence {
    /// Takes the scores that a decision may claim.
    pub fn take(scores: &[PathBuf], split: &Path, decision: &Decision) -> Result<Self, DecideError> {
        let mut evidence = Self::default();
        let judging = judge(scores, split, decision, |document| evidence.add(document))?;
        (evidence.reach, evidence.runs) = (judging.reach, judging.runs);
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

    /// Scores of all relations, by how far they lie above the thresholds of a decision, the greatest margin first.
    pub fn above(&self, decision: &Decision) -> OfRelation {
        let above = self.relations.iter().flat_map(|(relation, of)| {
            let shift = decision.shift_of(relation);
            of.scores.iter().map(move |score| Judged { margin: score.margin - shift, ..*score })
        });
        let mut scores: Vec<Judged> = above.collect();
        scores.sort_by(|one, other| other.margin.total_cmp(&one.margin));
        OfRelation { scores, facts: self.facts() }
    }
}
