//! How much of what a model looks at for a pair each sentence has: of one run, or the mean of several.

use std::collections::BTreeMap;
use std::path::PathBuf;

use table::rows::{EvidenceRow, RelationRow, SentenceWeightRow};
use table::{Cursor, Row, Table, TableError, Text};

use crate::decision::{Decision, Ensemble};
use crate::error::DecideError;

/// Above which share a sentence is evidence, unless a decision says otherwise: as in DREEAM.
pub const THRESHOLD: f32 = 0.2;

/// Runs over the same documents, or one, or none.
pub struct Sentences {
    runs: Vec<(PathBuf, Cursor<SentenceWeightRow>)>,
}

/// The shares of the sentences of a document's pairs.
#[derive(Debug, Default)]
pub struct Shares(BTreeMap<(u32, u32), BTreeMap<u32, f32>>);

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
        let n_runs = self.runs.len();
        for (path, rows) in &mut self.runs {
            for row in rows.of(document)? {
                if !(row.weight >= 0.0 && row.weight <= 1.0 + f32::EPSILON * 64.0) {
                    let reason = format!("`weight`: expected a share of 1, got {}", row.weight);
                    return Err(DecideError::Scores { path: path.clone(), document: document.to_string(), reason });
                }
                shares.add(&row, n_runs);
            }
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

impl Shares {
    /// Adds what one of several runs says.
    pub fn add(&mut self, row: &SentenceWeightRow, n_runs: usize) {
        let of_pair = self.0.entry((row.head, row.tail)).or_default();
        // What a run does not list has next to nothing.
        *of_pair.entry(row.sent_id).or_default() += row.weight / n_runs as f32;
    }

    /// Those of a pair: its context is the same in the other direction, of which alone scores may tell.
    pub fn of(&self, (head, tail): (u32, u32)) -> impl Iterator<Item = (u32, f32)> + '_ {
        let shares = self.0.get(&(head, tail)).or_else(|| self.0.get(&(tail, head)));
        shares.into_iter().flatten().map(|(&sentence, &share)| (sentence, share))
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
