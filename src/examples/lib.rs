//! The documents of a split as a model sees them, read side by side from its tables: where rows become numbers.
//!
//! Training and scoring read a split alike, here. This crate computes nothing.

mod rows;

use std::path::{Path, PathBuf};

use ground::hint::{Hint, Words};
use model::example::{Example, Relations};
use pieces::{Cutter, PiecesError, stage};
use table::rows::{PairRow, PieceRow};
use table::{Followers, TableError};

pub use rows::{Misfit, example};

/// Documents at a time: what is in memory at once.
const DOCUMENTS_AT_ONCE: usize = 256;

/// Why a split cannot be read as examples.
#[derive(Debug, thiserror::Error)]
pub enum ExamplesError {
    /// The documents cannot be cut.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows do not fit each other or the model.
    #[error("{}: {reason}", split.display())]
    Misfit {
        /// The split's folder.
        split: PathBuf,
        /// What does not fit.
        reason: Misfit,
    },
}

impl Hint for ExamplesError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Pieces(error) => error.hint(),
            Self::Table(error) => error.hint(),
            Self::Misfit { .. } => None,
        }
    }
}

/// The documents of a split in order, some hundred at a time.
///
/// # Errors
/// Where a table is missing; later, where one is damaged or rows do not fit each other or the relations.
pub fn examples<'c>(
    split: &Path,
    cutter: &'c mut Cutter,
    relations: &'c Relations,
) -> Result<impl Iterator<Item = Result<Vec<Example>, ExamplesError>> + use<'c>, TableError> {
    let mut pairs = Followers::<(PairRow,)>::open(split)?;
    let mut rows = stage::read(split, cutter)?.flat_map(one_by_one);
    let split = split.to_path_buf();
    let mut next = move || {
        let part = rows.by_ref().take(DOCUMENTS_AT_ONCE);
        let next = |pieces: Result<PieceRow, PiecesError>| -> Result<Example, ExamplesError> {
            let pieces = pieces?;
            let (pairs,) = pairs.of(&pieces.doc_id)?;
            let misfit = |reason| ExamplesError::Misfit { split: split.clone(), reason };
            example(&pieces, &pairs, relations).map_err(misfit)
        };
        let part: Vec<Example> = part.map(next).collect::<Result<_, _>>()?;
        if part.is_empty() {
            pairs.finish()?;
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
