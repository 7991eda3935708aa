//! How much of what a model looks at for a pair each sentence has: of one run, or the mean of several.

use std::collections::BTreeMap;
use std::path::PathBuf;

use table::rows::{EvidenceRow, RelationRow, SentenceWeightRow};
use table::{Cursor, Row, Table, TableError, Text};

use crate::decision::{Decision, Ensemble};
use crate::error::DecideError;

/// Runs over the same documents, or one, or none.
pub struct Sentences {
    runs: Vec<(PathBuf, Cursor<SentenceWeightRow>)>,
}

/// The shares of the sentences of a document's pairs, as each of several runs has them.
#[derive(Debug, Default)]
pub struct Shares {
    runs: Vec<OfPairs>,
}

/// Those of one run.
type OfPairs = BTreeMap<(u32, u32), BTreeMap<u32, f32>>;

/// Tables of weights that lie beside tables of scores.
#[derive(Debug, Default)]
pub struct WeightsBeside {
    /// Those that are of one making with the scores. Of runs of which some have none, those of the others.
    pub own: Vec<PathBuf>,
    /// What is to be said of those that are of other scores.
    pub told: Vec<String>,
}

/// The tables of weights that lie beside tables of scores.
///
/// # Errors
/// Where the system refuses to look.
pub fn weights_beside(scores: &[PathBuf]) -> Result<WeightsBeside, TableError> {
    let mut found = WeightsBeside::default();
    for path in scores {
        match table::weights_beside(path)? {
            Some((place, true)) => found.own.push(place),
            Some((place, false)) => {
                found.told.push(format!("{}: is of other scores than these, and is passed over", place.display()));
            }
            None => {}
        }
    }
    Ok(found)
}

/// What is to be said where evidence is asked for, and the weights of sentences are not known of all runs.
pub fn lacking(decision: &Decision, weights: usize, scores: usize) -> Option<String> {
    // Of evidence alone there are none.
    let runs = if decision.ensemble == Ensemble::Fusion { 1 } else { scores };
    match weights {
        0 if decision.evidence_threshold.is_some() => Some(
            "the decision says above which weight a sentence is evidence, and no `sentence_weights` are beside the scores: \
             none is told"
                .to_owned(),
        ),
        0 => None,
        some if some < runs => Some(format!(
            "evidence is by the `sentence_weights` of {some} runs of {runs}: beside the scores of the others there are none"
        )),
        _ => None,
    }
}

impl Sentences {
    /// Their beginnings.
    pub fn open(paths: &[PathBuf]) -> Result<Self, TableError> {
        let open = |path: &PathBuf| Ok::<_, TableError>((path.clone(), Table::require_at(path)?.cursor()?));
        Ok(Self { runs: paths.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Those of a document, where it is the next that has any.
    pub fn of(&mut self, document: &Text) -> Result<Shares, DecideError> {
        let mut shares = Shares::default();
        for (path, rows) in &mut self.runs {
            let rows = rows.of(document)?;
            for row in &rows {
                if !(row.weight >= 0.0 && row.weight <= 1.0 + f32::EPSILON * 64.0) {
                    let reason = format!("`weight`: expected a share of 1, got {}", row.weight);
                    return Err(DecideError::Scores { path: path.clone(), document: document.to_string(), reason });
                }
            }
            shares.runs.push(of_pairs(&rows));
        }
        Ok(shares)
    }

    /// Refuses what is left behind the last document.
    pub fn finish(&mut self) -> Result<(), TableError> {
        for (path, rows) in &mut self.runs {
            if let Some(row) = rows.peek()? {
                let (folder, document) = (path.clone(), row.doc_id.to_string());
                return Err(TableError::Stray { folder, table: SentenceWeightRow::schema().name.clone(), document });
            }
        }
        Ok(())
    }
}

fn of_pairs(rows: &[SentenceWeightRow]) -> OfPairs {
    let mut pairs = OfPairs::new();
    for row in rows {
        pairs.entry((row.head, row.tail)).or_default().insert(row.sent_id, row.weight);
    }
    pairs
}

impl Shares {
    /// Those of one run, of the rows of a document.
    pub fn of_run(rows: &[SentenceWeightRow]) -> Self {
        Self { runs: vec![of_pairs(rows)] }
    }

    /// Those of a pair, by their sentences: the mean of the runs that tell of it. A run tells of pairs that it has scored,
    /// and of sentences that have more than next to nothing. A pair's context is the same in the other direction, of which
    /// alone it may tell.
    pub fn of(&self, (head, tail): (u32, u32)) -> impl Iterator<Item = (u32, f32)> + use<> {
        let of_run = |run| BTreeMap::get(run, &(head, tail)).or_else(|| run.get(&(tail, head)));
        let told: Vec<&BTreeMap<u32, f32>> = self.runs.iter().filter_map(of_run).collect();
        let mut mean: BTreeMap<u32, f32> = BTreeMap::new();
        for (&sentence, share) in told.iter().copied().flatten() {
            *mean.entry(sentence).or_default() += share / told.len() as f32;
        }
        mean.into_iter()
    }

    /// The evidence of a document's claims, which come pair by pair.
    pub fn evidence(&self, claims: &[RelationRow], threshold: f32, into: &mut Vec<EvidenceRow>) {
        for pair in claims.chunk_by(|one, other| (one.head, one.tail) == (other.head, other.tail)) {
            let Some(claim) = pair.first() else { continue };
            let above = self.of((claim.head, claim.tail)).filter(|(_, share)| *share > threshold);
            into.extend(above.map(|(sent_id, weight)| EvidenceRow {
                run_id: claim.run_id.clone(),
                doc_id: claim.doc_id.clone(),
                head: claim.head,
                tail: claim.tail,
                sent_id,
                weight,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_mean_of_the_runs_that_tell_of_a_pair_in_either_direction() {
        let row = |(head, tail, sent_id, weight): (u32, u32, u32, f32)| {
            let (run_id, doc_id) = ("run".into(), "d".into());
            SentenceWeightRow { run_id, doc_id, head, tail, sent_id, weight }
        };
        let one = [(0, 1, 0, 0.35), (0, 1, 1, 0.5), (0, 2, 0, 0.75)].map(row);
        let other = [(1, 0, 0, 0.35)].map(row);
        let shares = Shares { runs: vec![of_pairs(&one), of_pairs(&other)] };
        let of = |pair| shares.of(pair).collect::<Vec<_>>();
        assert_eq!([of((0, 1)), of((1, 0))], [[(0, 0.35), (1, 0.25)], [(0, 0.35), (1, 0.25)]]);
        assert_eq!([of((0, 2)), of((2, 0))], [[(0, 0.75)], [(0, 0.75)]]);
        assert_eq!(of((1, 2)), []);
    }
}
