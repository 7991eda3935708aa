//! Scores of all documents, the best first: precision, recall and F1 at every threshold.
//!
//! A score takes 12 bytes, and the scores are sorted once. A resample gives each document a weight and walks them again;
//! several walk together, so that a score is looked up once for all of them. Ten million scores take 120 MB.

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
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct OverThresholds {
    /// The highest threshold of the greatest F1; without a correct claim, one above all scores.
    pub best: Cut,
    /// All that is claimed at the lowest.
    pub all: Cut,
    /// Facts.
    pub gold: u64,
    /// The sum of precision by correct claims.
    area: f64,
}

impl OverThresholds {
    /// Goes down to a threshold, which claims more that is correct, or nothing more.
    fn step(&mut self, cut: Cut) {
        if cut.correct > self.all.correct {
            self.area += (cut.correct - self.all.correct) as f64 * cut.correct as f64 / cut.predicted as f64;
            // 2 c / (p + g) > 2 c' / (p' + g), in whole numbers.
            let scaled = |one: Cut, other: Cut| u128::from(one.correct) * u128::from(other.predicted + self.gold);
            if scaled(cut, self.best) > scaled(self.best, cut) {
                self.best = cut;
            }
        }
        self.all = cut;
    }

    /// A threshold's counts.
    pub fn counts(&self, cut: Cut) -> Counts {
        Counts { true_positives: cut.correct, predicted: cut.predicted, gold: self.gold, known: 0 }
    }

    /// `None` where there is no fact.
    pub fn average_precision(&self) -> Option<f64> {
        (self.gold > 0).then(|| self.area / self.gold as f64)
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

    /// Scores that no threshold tells apart, from the highest down.
    fn alike(&self) -> impl Iterator<Item = &[Claim]> {
        self.claims.chunk_by(|one, other| one.margin.total_cmp(&other.margin).is_eq())
    }

    /// Average precision and the best F1 of `N` resamples, in which a document counts as often as its weights say.
    pub fn over_thresholds<const N: usize>(&self, weights: &[[u32; N]]) -> [OverThresholds; N] {
        debug_assert_eq!(weights.len(), self.documents(), "each document has its weights");
        let mut found = [OverThresholds::default(); N];
        for (&facts, weights) in self.facts.iter().zip(weights) {
            found
                .iter_mut()
                .zip(weights)
                .for_each(|(found, &weight)| found.gold += u64::from(facts) * u64::from(weight));
        }
        let (mut predicted, mut correct) = ([0; N], [0; N]);
        let mut last = 0.0;
        let step = |found: &mut [OverThresholds; N], margin: f32, predicted: &[u64; N], correct: &[u64; N]| {
            for (found, (&predicted, &correct)) in found.iter_mut().zip(predicted.iter().zip(correct)) {
                found.step(Cut { margin, correct, predicted });
            }
        };
        for alike in self.alike() {
            let mut gains = false;
            for claim in alike {
                let Some(weights) = weights.get(claim.document as usize) else { continue };
                add(&mut predicted, weights);
                if claim.holds {
                    add(&mut correct, weights);
                    gains = true;
                }
                last = claim.margin;
            }
            // Only what is correct raises either figure.
            if gains {
                step(&mut found, last, &predicted, &correct);
            }
        }
        step(&mut found, last, &predicted, &correct);
        found
    }

    /// The curve of a run: thresholds evenly over the claims, both ends, the best F1 and the model's own threshold included.
    pub fn curve(&self, run_id: &Text, found: &OverThresholds) -> Vec<PrecisionRecallRow> {
        // One is kept for the best, and one for the model's own.
        let steps = POINTS - 3;
        let place = |step: u64| 1 + step * found.all.predicted.saturating_sub(1) / steps;
        let mut next = 0;
        let mut kept = Vec::new();
        let mut cut = Cut::default();
        let mut groups = self.alike().peekable();
        while let Some(alike) = groups.next() {
            for claim in alike {
                cut.predicted += 1;
                cut.correct += u64::from(claim.holds);
                cut.margin = claim.margin;
            }
            let is_next = next <= steps && place(next) <= cut.predicted;
            while next <= steps && place(next) <= cut.predicted {
                next += 1;
            }
            let is_above = |claims: &&[Claim]| claims.first().is_some_and(|claim| claim.margin > 0.0);
            let is_own = is_above(&alike) && !groups.peek().is_some_and(is_above);
            if is_next || is_own || cut.predicted == found.best.predicted {
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

fn add<const N: usize>(sums: &mut [u64; N], weights: &[u32; N]) {
    sums.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += u64::from(weight));
}
