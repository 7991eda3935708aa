//! Why no page can be made.

use std::io;
use std::path::PathBuf;

use ground::hint::{Hint, Words};
use ground::manifest::ManifestError;
use submission::SubmissionError;
use table::TableError;

/// Why no page can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A table is missing or damaged, or the page cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The predictions cannot be read.
    #[error(transparent)]
    Predictions(SubmissionError),
    /// The folder holds nothing that a page could show.
    #[error("{}: expected the folder of a run, found none of its tables: {tables}", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// What was looked for.
        tables: String,
    },
    /// No prediction is about the split.
    #[error("{}: expected predictions about the documents of {}, got {rows} that name others", predictions.display(), split.display())]
    Elsewhere {
        /// The predictions.
        predictions: PathBuf,
        /// The split's folder.
        split: PathBuf,
        /// How many there are.
        rows: u64,
    },
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The page cannot be written.
    #[error("cannot write the page")]
    Write(#[from] io::Error),
}

impl From<SubmissionError> for ReportError {
    fn from(error: SubmissionError) -> Self {
        match error {
            SubmissionError::Table(error) => Self::Table(error),
            error => Self::Predictions(error),
        }
    }
}

impl Hint for ReportError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::NoRun { .. } => {
                Some("name a folder that `docre run` made, such as `runs/sample`, or that of a split".into())
            }
            Self::Elsewhere { .. } => {
                Some("name predictions about these documents, or the split that they are of: `--corpus`".into())
            }
            Self::Table(error) => error.hint(),
            Self::Predictions(error) => error.hint(),
            _ => None,
        }
    }
}
