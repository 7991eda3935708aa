//! The documents of a split as a model sees them, read side by side from its tables.

use std::path::Path;

use super::ScoreError;
use crate::model::batch::{Example, Relations};
use crate::pieces::{Cutter, PiecesError, stage};
use crate::table::rows::{PairRow, PieceRow};
use crate::table::{Cursor, TableError};

/// Documents at a time: what is in memory at once.
const DOCUMENTS_AT_ONCE: usize = 256;

/// The documents of a split in order, some hundred at a time.
///
/// # Errors
/// Where a table is missing; later, where one is damaged or rows do not fit each other or the relations.
pub fn examples<'c>(
    split: &Path,
    cutter: &'c mut Cutter,
    relations: &'c Relations,
) -> Result<impl Iterator<Item = Result<Vec<Example>, ScoreError>> + use<'c>, TableError> {
    let mut pairs = Cursor::<PairRow>::open(split)?;
    let mut rows = stage::read(split, cutter)?.flat_map(one_by_one);
    let split = split.to_path_buf();
    let mut next = move || {
        let part = rows.by_ref().take(DOCUMENTS_AT_ONCE);
        let example = |pieces: Result<PieceRow, PiecesError>| -> Result<Example, ScoreError> {
            let pieces = pieces?;
            let pairs = pairs.take_while(|pair| pair.doc_id == pieces.doc_id)?;
            let misfit = |reason| ScoreError::Batch { split: split.clone(), reason };
            Example::new(&pieces, &pairs, relations).map_err(misfit)
        };
        let part: Vec<Example> = part.map(example).collect::<Result<_, _>>()?;
        if part.is_empty() {
            pairs.end(&split, |pair| pair.doc_id)?;
            return Ok(None);
        }
        Ok(Some(part))
    };
    Ok(std::iter::from_fn(move || next().transpose()))
}

fn one_by_one(rows: Result<Vec<PieceRow>, PiecesError>) -> Vec<Result<PieceRow, PiecesError>> {
    match rows {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}
