//! Why a corpus cannot be made.

use std::io;
use std::path::PathBuf;

use ground::excerpt::quoted;
use ground::hint::{Hint, Words};
use table::TableError;
use table::rows::RejectRow;

/// Why a corpus could not be made. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A source cannot be read.
    #[error("{}: cannot read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A source is not of its format.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Expected, then found.
        reason: String,
    },
    /// Not one document could be taken over.
    #[error("{}: no document could be read{}", display(inputs), first_reasons(rejects))]
    NoDocument {
        /// The sources.
        inputs: Vec<PathBuf>,
        /// The first few reasons.
        rejects: Vec<RejectRow>,
    },
    /// The tables of something else stand where these were to go.
    #[error("{}: holds tables that were made from other input, with other options or by another build of docre", target.display())]
    Exists {
        /// The folder.
        target: PathBuf,
    },
    /// An option of a synthetic corpus is out of its range.
    #[error("{0}")]
    Options(String),
    /// The output refuses.
    #[error("cannot write")]
    Write(#[from] io::Error),
    /// A table cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Hint for CorpusError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Exists { .. } => Some("pass `--force` to replace them, or choose another `--out`".into()),
            Self::NoDocument { .. } => Some("check that `--format` names the format of the files".into()),
            Self::Table(error) => error.hint(),
            _ => None,
        }
    }
}

fn display(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn first_reasons(rejects: &[RejectRow]) -> String {
    rejects.iter().map(|reject| format!("\n  {}", reject_line(reject))).collect()
}

/// A reject as one line: file, record, name, field, reason.
pub fn reject_line(reject: &RejectRow) -> String {
    let name = reject.name.as_ref().map(|name| format!(" ({})", quoted(name))).unwrap_or_default();
    format!("{}: record {}{name}: {}: {}", reject.source, reject.record, reject.column, reject.reason)
}
