//! Scores of all documents, the best first: precision, recall and F1 at every threshold.
//!
//! A score takes 12 bytes, and the scores are sorted once; a resample gives each document a weight and walks them again.
//! So ten million take 120 MB, and a walk of them some hundredths of a second.

use std::ops::AddAssign;

use decide::JudgedDocument;
use ground::counts::Counts;
use table::Text;
use table::rows::PrecisionRecallRow;

/// Thresholds of a curve at most.
const POINTS: u64 = 200;

/// A score.
#[derive(Debug, Clone, Copy)]
struct Claim {
    margin: f32,
    document: u32,
    holds: bool,
}

/// The scores of labelled documents, and their facts.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    /// The greatest margin first.
    claims: Vec<Claim>,
    /// Facts by document, those without a score included.
    facts: Vec<u32>,
}

/// What is claimed from a margin on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cut {
    /// The least that is claimed.
    pub margin: f32,
    pub correct: u64,
    pub predicted: u64,
}

/// What all thresholds together come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OverThresholds {
    /// `None` where there is no fact.
    pub average_precision: Option<f64>,
    /// The highest threshold of the greatest F1; without a correct claim, one above all scores.
    pub best: Cut,
    /// All that is claimed at the lowest.
    pub all: Cut,
    /// Facts.
    pub gold: u64,
}

impl OverThresholds {
    /// A threshold's counts.
    pub fn counts(&self, cut: Cut) -> Counts {
        Counts { true_positives: cut.correct, predicted: cut.predicted, gold: self.gold, known: 0 }
    }

    /// The greatest F1; `None` where there is neither fact nor claim.
    pub fn best_f1(&self) -> Option<f64> {
        self.counts(self.best).f1_of_any()
    }
}

impl Ranking {
    /// The ranking of documents that come one after the other.
    pub fn add(&mut self, document: &JudgedDocument) {
        let number = self.facts.len() as u32;
        self.facts.push(document.facts.len() as u32);
        let claims = document.scores.iter().map(|(_, score)| (score.margin, score.holds));
        self.claims.extend(claims.map(|(margin, holds)| Claim { margin, document: number, holds }));
    }

    /// Puts the best first, once all are there. In which order alike ones come changes nothing: they are claimed together.
    pub fn sort(&mut self) {
        self.claims.sort_unstable_by(|one, other| other.margin.total_cmp(&one.margin));
    }

    /// Documents.
    pub fn documents(&self) -> usize {
        self.facts.len()
    }

    /// Thresholds that tell scores apart, from the highest down, where a document counts as often as its weight says.
    fn cuts(&self, weight: impl Fn(u32) -> u64) -> impl Iterator<Item = Cut> {
        let mut cut = Cut::default();
        self.claims.chunk_by(|one, other| one.margin == other.margin).map(move |alike| {
            for claim in alike {
                let weight = weight(claim.document);
                cut.predicted += weight;
                cut.correct += weight * u64::from(claim.holds);
                cut.margin = claim.margin;
            }
            cut
        })
    }

    /// Average precision, and the best F1.
    pub fn over_thresholds(&self, weight: impl Fn(u32) -> u64) -> OverThresholds {
        let gold = (0..).zip(&self.facts).map(|(document, &facts)| weight(document) * u64::from(facts)).sum();
        let (mut area, mut best, mut all) = (0.0, Cut::default(), Cut::default());
        for cut in self.cuts(weight) {
            // Only what is correct raises either figure.
            if cut.correct > all.correct {
                area += (cut.correct - all.correct) as f64 * cut.correct as f64 / cut.predicted as f64;
                // 2 c / (p + g) > 2 c' / (p' + g), in whole numbers.
                let scaled = |one: Cut, other: Cut| u128::from(one.correct) * u128::from(other.predicted + gold);
                if scaled(cut, best) > scaled(best, cut) {
                    best = cut;
                }
            }
            all = cut;
        }
        OverThresholds { average_precision: (gold > 0).then(|| area / gold as f64), best, all, gold }
    }

    /// The curve of a run: thresholds evenly over the claims, both ends and the best F1 included.
    pub fn curve(&self, run_id: &Text, found: &OverThresholds) -> Vec<PrecisionRecallRow> {
        // One is kept for the best.
        let steps = POINTS - 2;
        let place = |step: u64| 1 + step * found.all.predicted.saturating_sub(1) / steps;
        let mut next = 0;
        let mut kept = Vec::new();
        for cut in self.cuts(|_| 1) {
            let is_next = next <= steps && place(next) <= cut.predicted;
            while next <= steps && place(next) <= cut.predicted {
                next += 1;
            }
            if is_next || cut.predicted == found.best.predicted {
                kept.push(point(run_id, cut, found.counts(cut)));
            }
        }
        kept
    }
}

fn point(run_id: &Text, cut: Cut, counts: Counts) -> PrecisionRecallRow {
    let share = |share: Option<f64>| share.unwrap_or_default();
    PrecisionRecallRow {
        run_id: run_id.clone(),
        margin: cut.margin,
        predicted: cut.predicted,
        correct: cut.correct,
        gold: counts.gold,
        precision: share(counts.precision()),
        recall: share(counts.recall()),
        f1: counts.f1(),
    }
}

/// How often each document was drawn.
pub(super) struct Weights(Vec<u32>);

impl Weights {
    /// Of a resample's draws.
    pub fn of(draws: impl Iterator<Item = usize>, documents: usize) -> Self {
        let mut weights = vec![0; documents];
        draws.filter_map(|document| weights.get_mut(document).map(|weight: &mut u32| weight.add_assign(1))).count();
        Self(weights)
    }

    /// That of a document.
    pub fn of_document(&self, document: u32) -> u64 {
        self.0.get(document as usize).copied().map_or(0, u64::from)
    }
}
