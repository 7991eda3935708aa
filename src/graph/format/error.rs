//! Why a file of a format is not written.

use std::io;
use std::path::Path;

use table::TableError;

use crate::error::GraphError;

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The file cannot be written.
    #[error("cannot write")]
    Io(#[from] io::Error),
    /// A row cannot be written as CSV.
    #[error("cannot write")]
    Csv(#[from] csv::Error),
    /// A row cannot be written as JSON.
    #[error("cannot write")]
    Json(#[from] serde_json::Error),
}

impl WriteError {
    /// The same, with the file that it is about.
    pub(crate) fn at(self, path: &Path) -> GraphError {
        let io = |source| GraphError::Io { path: path.to_path_buf(), action: "write", source };
        match self {
            Self::Table(error) => error.into(),
            Self::Io(error) => io(error),
            Self::Csv(error) => io(error.into()),
            Self::Json(error) => io(error.into()),
        }
    }
}
