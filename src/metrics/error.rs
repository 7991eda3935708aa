//! Why an evaluation cannot be done.

use std::path::PathBuf;

use polars::prelude::{PolarsError, PolarsResult};

use decide::DecideError;
use ground::caught::{Caught, caught};
use ground::hint::{Hint, Words};
use submission::SubmissionError;
use table::TableError;

/// Why an evaluation cannot be done. Each says where first, then what was expected and what was there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("`{}`: cannot read", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A table has no file.
    #[error("`{}`: expected a table, a folder of Parquet files such as `part-00000.parquet`; got none", .0.display())]
    NoTable(PathBuf),
    /// The system refuses to look for a table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A table cannot be read or queried.
    #[error("`{place}`: cannot query")]
    Query {
        /// The table's folder, or the question asked.
        place: String,
        /// What polars says.
        source: PolarsError,
    },
    /// The engine has given up on a table.
    #[error("`{place}`: cannot query: a table is damaged, or of a kind that no reader here knows")]
    Engine {
        /// The table's folder, or the question asked.
        place: String,
        /// What it said.
        source: Caught,
    },
    /// Predictions are given twice: they would count as two runs.
    #[error("`{}`: expected the predictions of each run once, got these twice", .0.display())]
    Twice(PathBuf),
    /// No prediction is about the split.
    #[error("`{}`: expected predictions about the documents of `{}`, got {rows} that name others, such as `{document}`", predictions.display(), split.display())]
    Elsewhere {
        /// The predictions.
        predictions: PathBuf,
        /// The split's folder.
        split: PathBuf,
        /// Rows of predictions.
        rows: u64,
        /// A document that one names.
        document: String,
    },
    /// A table's column is of another type, or not there.
    #[error("`{}`: column `{column}`: expected {expected}, got {got}", folder.display())]
    Column {
        /// The table's folder.
        folder: PathBuf,
        /// The column's name.
        column: String,
        /// Its type by the schema.
        expected: String,
        /// The type found, or `none`.
        got: String,
    },
    /// A table's rows contradict its schema.
    #[error("`{}`: {reason}", folder.display())]
    Rows {
        /// The table's folder.
        folder: PathBuf,
        /// Expected, then got.
        reason: String,
    },
    /// Scores cannot be judged.
    #[error(transparent)]
    Scores(#[from] DecideError),
    /// A JSON file is not what it should be.
    #[error(transparent)]
    Submission(#[from] SubmissionError),
    /// The split says of no document which relations hold.
    #[error("`{}`: expected labelled documents, the split has no labels", .0.display())]
    Unlabelled(PathBuf),
    /// Facts cannot be numbered in 64 bits.
    #[error("`{}`: expected a split whose facts can be numbered in 64 bits, got {entities} entities and {relations} relations", folder.display())]
    TooLarge {
        /// The split's folder.
        folder: PathBuf,
        /// Entities (or names) of the split.
        entities: u64,
        /// Relations in use.
        relations: u64,
    },
    /// Two evaluations are not of the same documents.
    #[error("expected two runs on the same split, got `{}` and `{}`", .0.display(), .1.display())]
    OtherSplit(PathBuf, PathBuf),
}

impl Hint for Error {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Unlabelled(_) => Some(
                "evaluate on a labelled split, or submit the predictions where the corpus is scored officially".into(),
            ),
            Self::Elsewhere { .. } => {
                Some("compare their `doc_id` with that of `documents`: they may be of another split or corpus".into())
            }
            Self::Table(error) => error.hint(),
            Self::Scores(error) => error.hint(),
            Self::Submission(error) => error.hint(),
            _ => None,
        }
    }
}

/// Turns polars' error into ours, with the place that it comes from.
pub(super) fn query(place: impl Into<String>) -> impl FnOnce(PolarsError) -> Error {
    let place = place.into();
    move |source| Error::Query { place, source }
}

/// What the engine answers, its panics as errors with the place that they come from.
pub(super) fn asked<T>(place: impl Into<String>, ask: impl FnOnce() -> PolarsResult<T>) -> Result<T, Error> {
    match caught(ask) {
        Ok(answer) => answer.map_err(query(place)),
        Err(source) => Err(Error::Engine { place: place.into(), source }),
    }
}

/// A cell of a column that has a value in every row.
///
/// # Errors
/// Where it has none: figures must not be made of it.
pub(crate) fn given<T>(cell: Option<T>, column: &str) -> PolarsResult<T> {
    let reason = || format!("column `{column}`: expected a value in every row, found a null");
    cell.ok_or_else(|| PolarsError::ComputeError(reason().into()))
}
