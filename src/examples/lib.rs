//! The documents of a split as a model sees them, read side by side from its tables: where rows become numbers.
//!
//! Training and scoring read a split alike, here. This crate computes nothing.

mod rows;

use std::path::{Path, PathBuf};

use ground::hint::{Hint, Words};
use ground::up_to_error;
use model::example::{Example, Relations};
use pieces::{CutOff, Cutter, PiecesError, stored};
use table::rows::{PairRow, PieceRow};
use table::{Followers, Standing, TableError};

pub use rows::{Misfit, example};

use rows::{push, without_pairs};

/// Documents at a time: what is in memory at once.
const DOCUMENTS_AT_ONCE: usize = 256;
/// Pairs after which no further document is read at the same time.
const PAIRS_AT_ONCE: usize = 1 << 20;

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

/// The documents of a split in order, some hundred at a time or, where they have many pairs, fewer.
///
/// # Errors
/// Where a table is missing; later, where one is damaged or replaced, or rows do not fit each other or the relations.
pub fn examples<'c>(
    split: &Path,
    cutter: &'c mut Cutter,
    relations: &'c Relations,
) -> Result<impl Iterator<Item = Result<Vec<Example>, ExamplesError>> + use<'c>, TableError> {
    let standing = Standing::of(split)?;
    let mut pairs = Followers::<(PairRow,)>::open(split, &standing)?;
    let mut rows = stored::read(split, cutter)?.flat_map(one_by_one);
    let split = split.to_path_buf();
    let mut next = move || {
        let (mut part, mut n_pairs) = (Vec::new(), 0);
        while part.len() < DOCUMENTS_AT_ONCE && n_pairs < PAIRS_AT_ONCE {
            let Some(pieces) = rows.next() else { break };
            let example = with_pairs(&pieces?, &mut pairs, relations, &split)?;
            n_pairs += example.pairs.len();
            part.push(example);
        }
        if part.is_empty() {
            pairs.finish()?;
            return Ok(None);
        }
        Ok(Some(part))
    };
    Ok(up_to_error(move || match next() {
        Ok(Some(part)) => Ok(Some(part)),
        ended => standing.confirm(ended),
    }))
}

/// A document and its pairs, which are never in memory as rows.
fn with_pairs(
    pieces: &PieceRow,
    pairs: &mut Followers<(PairRow,)>,
    relations: &Relations,
    split: &Path,
) -> Result<Example, ExamplesError> {
    let misfit = |reason| ExamplesError::Misfit { split: split.to_path_buf(), reason };
    let mut example = without_pairs(pieces).map_err(misfit)?;
    while let Some(pair) = pairs.next_of(&pieces.doc_id)? {
        push(&mut example, &pair, relations).map_err(misfit)?;
    }
    Ok(example)
}

/// What a document lost at its end; of facts those of its labels.
pub fn cut_off(example: &Example) -> CutOff {
    let pairs = example.pairs.iter().zip(&example.labels);
    let facts = pairs.flat_map(|(pair, labels)| labels.iter().map(|_| *pair));
    if example.truncated > 0 { CutOff::of(example.n_mentions.iter().copied(), facts) } else { CutOff::default() }
}

fn one_by_one(rows: Result<Vec<PieceRow>, PiecesError>) -> Vec<Result<PieceRow, PiecesError>> {
    match rows {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}
