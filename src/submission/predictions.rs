//! Predicted facts: a table by any program, or a submission.

use std::path::{Path, PathBuf};

use table::rows::{PredictionRow, RelationRow};
use table::{Row, Table, TableError, TableFiles};

use crate::{NO_ENTITY, Predicted, SubmissionError, read_submission_about};

/// Facts a few thousand at a time.
type Batches = Box<dyn Iterator<Item = Result<Vec<PredictionRow>, TableError>>>;

/// The facts at a path about a split: the table `relations` in a folder, a folder of Parquet files or one of them, and any other
/// file is a submission in DocRED's JSON.
///
/// # Errors
/// Where there are none; later, where a table is damaged or a probability is none.
pub fn read(
    path: &Path,
    split: &Path,
) -> Result<impl Iterator<Item = Result<PredictionRow, SubmissionError>>, SubmissionError> {
    let name = path.to_path_buf();
    let rows = batches(path, split)?.flat_map(|batch| match batch {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(SubmissionError::from(error))],
    });
    Ok(rows.map(move |row| checked(row?, &name)))
}

fn batches(path: &Path, split: &Path) -> Result<Batches, SubmissionError> {
    let is_table = path.extension().is_some_and(|extension| extension == "parquet");
    if path.is_file() && !is_table {
        return Ok(Box::new(std::iter::once(Ok(submission(path, split)?))));
    }
    Ok(Box::new(Table::<PredictionRow>::require_at(&place(path)?)?.conformed()?))
}

/// Where the facts of a path lie: in a folder of tables, they are `relations`.
///
/// # Errors
/// Where there are none.
pub fn place(path: &Path) -> Result<PathBuf, SubmissionError> {
    if TableFiles::at(path)?.is_some() {
        return Ok(path.to_path_buf());
    }
    Table::<RelationRow>::require(path)?;
    Ok(path.join(&RelationRow::schema().name))
}

/// A submission's entries, but for those about entities that the split has lost. Their scores are probabilities where all
/// of them could be.
fn submission(path: &Path, split: &Path) -> Result<Vec<PredictionRow>, SubmissionError> {
    let entries = read_submission_about(path, split)?;
    let scored = entries.iter().all(|entry| entry.score.is_some_and(|score| (0.0..=1.0).contains(&score)));
    let row = |entry: Predicted| PredictionRow {
        run_id: None,
        doc_id: entry.title.into(),
        head: entry.head,
        tail: entry.tail,
        relation: entry.relation.into(),
        probability: entry.score.filter(|_| scored).map(|score| score as f32),
        evidence: entry.evidence,
        attributes: None,
    };
    let is_there = |entry: &Predicted| entry.head != NO_ENTITY && entry.tail != NO_ENTITY;
    Ok(entries.into_iter().filter(is_there).map(row).collect())
}

fn checked(row: PredictionRow, path: &Path) -> Result<PredictionRow, SubmissionError> {
    match row.probability {
        Some(found) if !(0.0..=1.0).contains(&found) => {
            Err(SubmissionError::Probability { path: path.to_path_buf(), doc_id: row.doc_id.to_string(), found })
        }
        // A zero may be negative, which its bytes would not sort.
        Some(found) => Ok(PredictionRow { probability: Some(found.abs()), ..row }),
        None => Ok(row),
    }
}
