//! Scores of a labelled split, each right or wrong: what a decision is fitted on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ground::counts::Counts;
use table::rows::{DocumentRow, EntityRow, PairRow};
use table::{Text, Walk, undirected_relations};

use crate::claims::{Types, claims};
use crate::decision::{Decision, hashed};
use crate::error::DecideError;
use crate::runs::Runs;
use crate::scores::Score;

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

/// What a claim is about: of an undirected relation the same in both directions.
type Claim = (u32, u32, Text);

/// What holds of a document.
struct Truth<'a> {
    undirected: &'a BTreeSet<Text>,
    facts: BTreeSet<Claim>,
    /// Pairs that nobody asks about.
    left_out: BTreeSet<(u32, u32)>,
}

impl<'a> Truth<'a> {
    /// Facts about pairs that are no candidates do not count, as in an evaluation.
    fn new(undirected: &'a BTreeSet<Text>, pairs: &[PairRow]) -> Self {
        let left_out = pairs.iter().filter(|pair| !pair.candidate).map(|pair| (pair.head, pair.tail)).collect();
        let mut truth = Self { undirected, facts: BTreeSet::new(), left_out };
        let named = pairs.iter().flat_map(|pair| pair.labels.iter().flatten().map(move |label| (pair, label)));
        truth.facts = named.filter_map(|(pair, label)| truth.claim(pair.head, pair.tail, label)).collect();
        truth
    }

    /// What is claimed; `None`: it is about a pair that nobody asks about, and does not count.
    fn claim(&self, head: u32, tail: u32, relation: &Text) -> Option<Claim> {
        let is_asked = !self.left_out.contains(&(head, tail));
        // A fact of an undirected relation has one direction, and a prediction counts in either.
        let (one, other) =
            if self.undirected.contains(relation) { (head.min(tail), head.max(tail)) } else { (head, tail) };
        is_asked.then(|| (one, other, relation.clone()))
    }
}

/// Goes through the scores of the documents with labels. Returns how far below the threshold they reach.
fn each_labelled(
    scores: &[PathBuf],
    split: &Path,
    decision: &Decision,
    mut visit: impl FnMut(&Text, &[Score], &Truth<'_>, Option<&Types>) -> Result<(), DecideError>,
) -> Result<f32, DecideError> {
    let mut runs = Runs::open(scores, decision)?;
    let undirected = undirected_relations(split)?;
    for document in Walk::<(EntityRow, PairRow)>::open(split)? {
        let (DocumentRow { doc_id, labelled, .. }, (entities, pairs)) = document?;
        let scores = runs.of(&doc_id)?;
        if labelled {
            let types = decision.asks_types().then(|| Types::new(entities));
            visit(&doc_id, &scores, &Truth::new(&undirected, &pairs), types.as_ref())?;
        }
    }
    runs.finish()?;
    Ok(runs.reach())
}

/// What decisions claim of a labelled split, counted as in an evaluation. They join runs and keep types alike.
pub fn counts<const N: usize>(
    scores: &[PathBuf],
    split: &Path,
    decisions: [&Decision; N],
) -> Result<[Counts; N], DecideError> {
    let mut counts = [Counts::default(); N];
    let Some(first) = decisions.first() else { return Ok(counts) };
    each_labelled(scores, split, first, |_, scores, truth, types| {
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

impl Evidence {
    /// Takes the scores that a decision may claim: of types that it allows, and not more of a pair than it gives.
    pub fn take(scores: &[PathBuf], split: &Path, decision: &Decision) -> Result<Self, DecideError> {
        let mut evidence = Self::default();
        evidence.reach = each_labelled(scores, split, decision, |doc_id, scores, truth, types| {
            evidence.documents.insert(hashed(doc_id));
            evidence.add(decision, scores, truth, types)
        })?;
        let best_first = |one: &Judged, other: &Judged| other.margin.total_cmp(&one.margin);
        evidence.relations.values_mut().for_each(|relation| relation.scores.sort_by(best_first));
        if evidence.facts() == 0 { Err(DecideError::Unlabelled(split.to_path_buf())) } else { Ok(evidence) }
    }

    fn add(
        &mut self,
        decision: &Decision,
        scores: &[Score],
        truth: &Truth<'_>,
        types: Option<&Types>,
    ) -> Result<(), DecideError> {
        let mut margins: BTreeMap<Claim, f32> = BTreeMap::new();
        for pair in scores.chunk_by(|one, other| one.pair() == other.pair()) {
            let mut taken = 0;
            for score in pair {
                if taken < decision.most_labels.unwrap_or(score.row.most_labels as usize)
                    && types.map_or(Ok(true), |types| types.allow(decision, score))?
                {
                    taken += 1;
                    let Some(claim) = truth.claim(score.row.head, score.row.tail, &score.row.relation) else {
                        continue;
                    };
                    let margin = margins.entry(claim).or_insert(score.above);
                    *margin = margin.max(score.above);
                }
            }
        }
        for (_, _, relation) in &truth.facts {
            self.relations.entry(relation.clone()).or_default().facts += 1;
        }
        for (claim, margin) in margins {
            let holds = truth.facts.contains(&claim);
            self.relations.entry(claim.2).or_default().scores.push(Judged { margin, holds });
        }
        Ok(())
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
