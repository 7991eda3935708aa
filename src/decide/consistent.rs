//! Relations and their inverses: what holds from head to tail, and what then holds from tail to head.

use std::collections::BTreeMap;

use table::Text;
use table::rows::ScoreRow;

use crate::scores::{Score, in_order};

/// Relations and their inverses, in both directions.
pub struct Inverses(BTreeMap<Text, Text>);

impl Inverses {
    /// Those of which each pair is named once.
    pub fn new(named: &BTreeMap<Text, Text>) -> Self {
        let both = named.iter().flat_map(|(one, other)| [(one, other), (other, one)]);
        Self(both.map(|(one, other)| (one.clone(), other.clone())).collect())
    }

    /// The scores of a document, in which a relation and its inverse lie equally far above the threshold: as far as they
    /// did on average. What was not scored lies at the run's margin below it, the most that it can be.
    pub fn consistent(&self, scores: Vec<Score>) -> Vec<Score> {
        if self.0.is_empty() {
            return scores;
        }
        let known: BTreeMap<_, f32> = scores.iter().map(|score| (score.key(), score.above)).collect();
        let thresholds: BTreeMap<_, f32> =
            scores.iter().map(|score| (score.pair(), score.row.threshold_logit)).collect();
        let mut all = Vec::with_capacity(scores.len());
        for score in scores {
            let Some(inverse) = self.0.get(&score.row.relation) else {
                all.push(score);
                continue;
            };
            let (head, tail) = score.pair();
            let other = known.get(&(tail, head, inverse.clone()));
            let mean = f32::midpoint(score.above, *other.unwrap_or(&-score.row.margin));
            if other.is_none() {
                let threshold = thresholds.get(&(tail, head)).copied();
                all.push(turned(&score, inverse, threshold).at(mean));
            }
            all.push(score.at(mean));
        }
        all.sort_by(in_order);
        all
    }
}

/// What no run scored: that of the inverse in the other direction, where another relation may have told the threshold.
fn turned(Score { row, above }: &Score, inverse: &Text, threshold: Option<f32>) -> Score {
    let row = ScoreRow {
        head: row.tail,
        tail: row.head,
        relation: inverse.clone(),
        threshold_logit: threshold.unwrap_or(row.threshold_logit),
        base_logit: None,
        base_threshold_logit: None,
        iteration: None,
        ..row.clone()
    };
    Score { row, above: *above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::seen as score;

    #[test]
    fn a_relation_and_its_inverse_are_equally_far_above_the_threshold() {
        let inverses = Inverses::new(&BTreeMap::from([("parent".into(), "child".into())]));
        // 3 above, and 1 below in the other direction: (3 - 1) / 2 = 1. `other` has no inverse.
        let scores = vec![score(0, 1, "parent", 3.0), score(0, 1, "other", 2.0), score(1, 0, "child", -1.0)];
        let found = inverses.consistent(scores);
        let expected = [score(0, 1, "other", 2.0), score(0, 1, "parent", 1.0), score(1, 0, "child", 1.0)];
        assert_eq!(found, expected);
        // Not scored, it lies at the margin of 4 below: (6 - 4) / 2 = 1, now in both directions.
        let found = inverses.consistent(vec![score(0, 1, "child", 6.0)]);
        assert_eq!(found, [score(0, 1, "child", 1.0), score(1, 0, "parent", 1.0)]);
    }

    #[test]
    fn a_symmetric_relation_is_its_own_inverse() {
        let inverses = Inverses::new(&BTreeMap::from([("sibling".into(), "sibling".into())]));
        let found = inverses.consistent(vec![score(0, 1, "sibling", 2.0), score(1, 0, "sibling", -3.0)]);
        // (2 - 3) / 2
        assert_eq!(found, [score(0, 1, "sibling", -0.5), score(1, 0, "sibling", -0.5)]);
    }
}
