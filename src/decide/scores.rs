//! Scores of a document as a decision sees them: finite, each relation of a pair once, by pair and the best first.

use std::cmp::Ordering;

use table::Text;
use table::rows::ScoreRow;

/// A score, and how far it lies above the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// As the table has it, or as it was joined.
    pub row: ScoreRow,
    /// How far the logit lies above the threshold class's. Of a mean it is that itself: the difference of logits that are
    /// made of it would be rounded, and part what lies equally high.
    pub above: f32,
}

impl Score {
    /// One of a table.
    pub fn new(row: ScoreRow) -> Self {
        Self { above: row.logit - row.threshold_logit, row }
    }

    /// The same so far above the threshold.
    pub fn at(self, above: f32) -> Self {
        Self { above, row: ScoreRow { logit: self.row.threshold_logit + above, ..self.row } }
    }

    /// Its head and its tail.
    pub fn pair(&self) -> (u32, u32) {
        (self.row.head, self.row.tail)
    }

    /// What it says something of.
    pub fn key(&self) -> (u32, u32, Text) {
        (self.row.head, self.row.tail, self.row.relation.clone())
    }
}

/// The order of the table: by pair, the best first.
pub fn in_order(one: &Score, other: &Score) -> Ordering {
    one.pair().cmp(&other.pair()).then(other.above.total_cmp(&one.above))
}

/// A document's rows, which anybody may have written, of a run with this name and margin. In whatever order they come, it
/// is the table's.
///
/// # Errors
/// Expected, then got.
pub fn checked(rows: Vec<ScoreRow>, run_id: &str, margin: f32) -> Result<Vec<Score>, String> {
    let mut scores: Vec<Score> = rows.into_iter().map(Score::new).collect();
    scores.iter().try_for_each(|score| check(score, run_id, margin))?;
    if !scores.is_sorted_by(|one, other| in_order(one, other).is_le()) {
        scores.sort_by(in_order);
    }
    for pair in scores.chunk_by(|one, other| one.pair() == other.pair()) {
        let mut relations: Vec<&str> = pair.iter().map(|score| &*score.row.relation).collect();
        relations.sort_unstable();
        let twice = relations.iter().zip(relations.iter().skip(1)).find(|(one, next)| one == next);
        if let Some(((twice, _), (head, tail))) = twice.zip(pair.first().map(Score::pair)) {
            return Err(format!("expected a relation of a pair once, got `{twice}` of {head} and {tail} again"));
        }
    }
    Ok(scores)
}

fn check(Score { row, above }: &Score, run_id: &str, margin: f32) -> Result<(), String> {
    if *row.run_id != *run_id {
        return Err(format!("expected scores of one run, got `{run_id}` and `{}`", row.run_id));
    }
    if row.margin.to_bits() != margin.to_bits() {
        return Err(format!("expected one `margin`, got {margin} and {}", row.margin));
    }
    let base = [row.base_logit, row.base_threshold_logit].into_iter().flatten();
    match [row.logit, row.threshold_logit, *above].into_iter().chain(base).find(|logit| !logit.is_finite()) {
        Some(logit) => Err(format!("expected finite logits, got {logit}")),
        None => Ok(()),
    }
}
