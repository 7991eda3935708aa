//! Relations and their inverses: what holds from head to tail, and what then holds from tail to head.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use table::Text;
use table::rows::ScoreRow;

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
    pub fn consistent(&self, scores: Vec<ScoreRow>) -> Vec<ScoreRow> {
        if self.0.is_empty() {
            return scores;
        }
        let key = |score: &ScoreRow| (score.head, score.tail, score.relation.clone());
        let known: BTreeMap<_, f32> = scores.iter().map(|score| (key(score), above(score))).collect();
        let mut all = Vec::with_capacity(scores.len());
        for score in scores {
            let Some(inverse) = self.0.get(&score.relation) else {
                all.push(score);
                continue;
            };
            let other = known.get(&(score.tail, score.head, inverse.clone()));
            let mean = f32::midpoint(above(&score), *other.unwrap_or(&-score.margin));
            let logit = score.threshold_logit + mean;
            if other.is_none() {
                all.push(turned(&score, inverse, logit));
            }
            all.push(ScoreRow { logit, ..score });
        }
        all.sort_by(in_order);
        all
    }
}

/// The order of the table: by pair, the best first.
pub fn in_order(one: &ScoreRow, other: &ScoreRow) -> Ordering {
    (one.head, one.tail).cmp(&(other.head, other.tail)).then(other.logit.total_cmp(&one.logit))
}

/// How far a logit lies above the threshold class's.
pub fn above(score: &ScoreRow) -> f32 {
    score.logit - score.threshold_logit
}

/// A score that no run gave: that of the inverse in the other direction.
fn turned(score: &ScoreRow, inverse: &Text, logit: f32) -> ScoreRow {
    ScoreRow {
        head: score.tail,
        tail: score.head,
        relation: inverse.clone(),
        logit,
        base_logit: None,
        base_threshold_logit: None,
        iteration: None,
        ..score.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::score;

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
