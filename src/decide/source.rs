//! Where the scores of a run come from: the table `scores`, or of one iteration of its model the table `claims`.

use std::path::{Path, PathBuf};

use table::rows::{ClaimRow, ScoreRow};
use table::{Cursor, Row, Table, TableError, TableFiles, Text};

use crate::error::DecideError;

/// A run's scores, as they are read.
pub struct Source {
    rows: Rows,
    path: PathBuf,
    /// How far below the threshold they reach; `None`: there are none.
    pub margin: Option<f32>,
}

enum Rows {
    Scores(Cursor<ScoreRow>),
    /// Those of an iteration.
    Claims(Cursor<ClaimRow>, u32),
}

/// The files of the scores at a path: a folder that holds the table, or the table itself.
pub fn files(path: &Path, iteration: Option<u32>) -> Result<TableFiles, TableError> {
    let schema = if iteration.is_some() { ClaimRow::schema() } else { ScoreRow::schema() };
    match TableFiles::find(path, &schema.name)? {
        Some(files) => Ok(files),
        None => TableFiles::require_at(path),
    }
}

fn table<R: Row + 'static>(path: &Path) -> Result<Table<R>, TableError> {
    let is_above = TableFiles::find(path, &R::schema().name)?.is_some();
    if is_above { Table::require(path) } else { Table::require_at(path) }
}

impl Source {
    /// Its beginning.
    pub fn open(path: &Path, iteration: Option<u32>) -> Result<Self, DecideError> {
        let (rows, margin) = match iteration {
            None => {
                let table = table::<ScoreRow>(path)?;
                let first = table.cursor()?.next_if(|_| true)?;
                (Rows::Scores(table.cursor()?), first.map(|row| row.margin))
            }
            Some(wanted) => {
                let table = table::<ClaimRow>(path)?;
                let first = table.cursor()?.next_if(|_| true)?;
                if let Some(ClaimRow { iterations, .. }) = first.as_ref().filter(|row| wanted > row.iterations) {
                    return Err(DecideError::Iteration { path: path.to_path_buf(), wanted, most: *iterations });
                }
                // Nothing is known of what lay below the threshold.
                (Rows::Claims(table.cursor()?, wanted), first.map(|_| 0.0))
            }
        };
        Ok(Self { rows, path: path.to_path_buf(), margin })
    }

    /// The scores of the next document that has any; none may be left of it at an iteration.
    pub fn next(&mut self) -> Result<Option<Vec<ScoreRow>>, TableError> {
        match &mut self.rows {
            Rows::Scores(scores) => {
                let Some(first) = scores.next_if(|_| true)? else { return Ok(None) };
                let doc_id = first.doc_id.clone();
                let mut rows = vec![first];
                rows.append(&mut scores.of(&doc_id)?);
                Ok(Some(rows))
            }
            Rows::Claims(claims, iteration) => {
                let Some(first) = claims.next_if(|_| true)? else { return Ok(None) };
                let doc_id = first.doc_id.clone();
                let rows = std::iter::once(first).chain(claims.of(&doc_id)?);
                Ok(Some(rows.filter_map(|claim| at(claim, *iteration)).collect()))
            }
        }
    }

    /// Those of a document, where it is the next.
    pub fn of(&mut self, document: &Text) -> Result<Vec<ScoreRow>, TableError> {
        match &mut self.rows {
            Rows::Scores(scores) => scores.of(document),
            Rows::Claims(claims, iteration) => {
                Ok(claims.of(document)?.into_iter().filter_map(|claim| at(claim, *iteration)).collect())
            }
        }
    }

    /// Refuses what is left behind the last document.
    pub fn finish(&mut self) -> Result<(), TableError> {
        let (schema, document) = match &mut self.rows {
            Rows::Scores(scores) => (ScoreRow::schema(), scores.next_if(|_| true)?.map(|row| row.doc_id)),
            Rows::Claims(claims, _) => (ClaimRow::schema(), claims.next_if(|_| true)?.map(|row| row.doc_id)),
        };
        let Some(document) = document else { return Ok(()) };
        let (folder, table) = (self.path.clone(), schema.name.clone());
        Err(TableError::Stray { folder, table, document: document.to_string() })
    }
}

/// The score of a claim, where it is one at an iteration: as a model has it that infers so often. The base alone has
/// nothing to tell of what was before it.
fn at(claim: ClaimRow, iteration: u32) -> Option<ScoreRow> {
    let infers = iteration > 0;
    (claim.since..=claim.until).contains(&iteration).then(|| ScoreRow {
        run_id: claim.run_id,
        doc_id: claim.doc_id,
        head: claim.head,
        tail: claim.tail,
        relation: claim.relation,
        logit: claim.logit,
        threshold_logit: claim.threshold_logit,
        base_logit: claim.base_logit.filter(|_| infers),
        base_threshold_logit: claim.base_threshold_logit.filter(|_| infers),
        iteration: claim.iteration.filter(|_| infers),
        margin: 0.0,
        most_labels: claim.most_labels,
    })
}
