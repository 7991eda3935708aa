//! The scores of several runs → one for each relation of a pair that any of them has scored.

use std::collections::BTreeMap;

use table::rows::ScoreRow;

use crate::decision::Ensemble;
use crate::fusion;
use crate::scores::{Score, in_order};

impl Ensemble {
    /// How far above the threshold class's a logit lies by the mean of so many runs, each of which scores a relation once.
    /// What one has not scored lies at the margin below the threshold, the most that it can be.
    fn mean(self, found: &[(usize, Score)], n_runs: usize, margin: f32) -> f32 {
        let missing = std::iter::repeat_n(-margin, n_runs.saturating_sub(found.len()));
        let margins = found.iter().map(|(_, score)| score.above).chain(missing).map(f64::from);
        let mean = match self {
            Self::Margins | Self::Fusion => margins.sum::<f64>() / n_runs as f64,
            // The odds of the mean; a probability next to 1 would be 1, and its odds without end.
            Self::Probabilities => ln_of_sum(margins.clone()) - ln_of_sum(margins.map(|margin| -margin)),
        };
        mean as f32
    }

    /// Joins the scores of a document by several runs of one margin. Where they are fused, the first is of documents, the
    /// second of their evidence, and a pair without evidence has `without` in place of its score.
    pub fn join(self, runs: Vec<Vec<Score>>, margin: f32, without: f32) -> Vec<Score> {
        let n_runs = runs.len();
        let mut all: Vec<(usize, Score)> = runs
            .into_iter()
            .enumerate()
            .flat_map(|(run, scores)| scores.into_iter().map(move |score| (run, score)))
            .collect();
        all.sort_by_cached_key(|(run, score)| (score.key(), *run));
        let pairs = all.chunk_by(|(_, one), (_, other)| one.pair() == other.pair());
        let mut joined: Vec<Score> = pairs.flat_map(|pair| self.joined(pair, n_runs, [margin, without])).collect();
        joined.sort_by(in_order);
        joined
    }

    /// One score of those that runs gave each relation of a pair.
    fn joined(self, pair: &[(usize, Score)], n_runs: usize, [margin, without]: [f32; 2]) -> Vec<Score> {
        // One of the pair, whichever runs have scored a relation.
        let thresholds: BTreeMap<usize, f32> =
            pair.iter().map(|(run, score)| (*run, score.row.threshold_logit)).collect();
        let threshold_logit = thresholds.values().sum::<f32>() / thresholds.len() as f32;
        let lowest = |(_, score): &(usize, Score)| score.above;
        let of_evidence = pair.iter().filter(|(run, _)| *run == fusion::EVIDENCE).map(lowest).reduce(f32::min);
        let absent = [-margin, of_evidence.map_or(without, |lowest| lowest.min(-margin))];
        let relations = pair.chunk_by(|(_, one), (_, other)| one.row.relation == other.row.relation);
        let joined = relations.filter_map(|group| {
            let (_, first) = group.first()?;
            debug_assert!(group.is_sorted_by(|(one, _), (other, _)| one < other), "a run scores a relation once");
            let row = ScoreRow {
                threshold_logit,
                base_logit: None,
                base_threshold_logit: None,
                iteration: None,
                margin,
                ..first.row.clone()
            };
            match self {
                // What lies below both margins is not among scores of this margin either.
                Self::Fusion => {
                    Some(Score::new(row).at(fusion::sum(group, absent))).filter(|score| score.above > -margin)
                }
                _ => Some(Score::new(row).at(self.mean(group, n_runs, margin))),
            }
        });
        joined.collect()
    }
}

/// ln Σ σ(margin).
fn ln_of_sum(margins: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = margins.map(|margin| margin.min(0.0) - (-margin.abs()).exp().ln_1p()).collect();
    let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    greatest + logs.iter().map(|log| (log - greatest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::seen as score;

    #[test]
    fn margins_are_averaged_and_what_is_missing_is_at_its_runs_margin() {
        let runs = vec![
            vec![score(0, 1, "a", 3.0), score(0, 1, "b", -2.0)],
            vec![score(0, 1, "b", 4.0), score(2, 1, "a", 5.0)],
        ];
        let found = Ensemble::Margins.join(runs, 4.0, 0.0);
        // b: (-2 + 4) / 2; a: (3 - 4) / 2, and (-4 + 5) / 2.
        assert_eq!(found, [score(0, 1, "b", 1.0), score(0, 1, "a", -0.5), score(2, 1, "a", 0.5)]);
    }

    #[test]
    fn probabilities_are_averaged() {
        let odds = |odds: f32| odds.ln();
        let runs = vec![vec![score(0, 1, "a", odds(4.0))], vec![score(0, 1, "a", odds(1.5))]];
        let found = Ensemble::Probabilities.join(runs, 4.0, 0.0);
        // 0.8 and 0.6: 0.7, whose odds are 7 to 3.
        assert!((found[0].above - odds(7.0 / 3.0)).abs() < 1e-6, "{found:?}");
        assert!((found[0].row.margin - 4.0).abs() < 1e-6);
    }

    #[test]
    fn probabilities_next_to_1_are_told_apart() {
        let above = |one: f32, other: f32| {
            let runs = vec![vec![score(0, 1, "a", one)], vec![score(0, 1, "a", other)]];
            Ensemble::Probabilities.join(runs, 4.0, 0.0)[0].above
        };
        // (e^-40 + e^-45) / 2 is lacking of 1, and (e^-100 + e^-100) / 2.
        let lacking = f64::midpoint((-40.0_f64).exp(), (-45.0_f64).exp());
        assert!((f64::from(above(40.0, 45.0)) + lacking.ln()).abs() < 1e-5);
        assert!((above(100.0, 100.0) - 100.0).abs() < 1e-5);
        assert!((above(-40.0, -45.0) + above(40.0, 45.0)).abs() < 1e-5);
    }
}
