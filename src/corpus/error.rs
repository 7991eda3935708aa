//! Why a corpus cannot be made.

use std::io;
use std::path::{Path, PathBuf};

use ground::excerpt::quoted;
use ground::hint::{Hint, Words};
use submission::SubmissionError;
use table::TableError;
use table::rows::RejectRow;

use crate::cut::CutError;

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
    #[error("{}: no document could be read{}", display(inputs), indented(reasons))]
    NoDocument {
        /// The sources.
        inputs: Vec<PathBuf>,
        /// What was lost, and the commonest reasons.
        reasons: Vec<String>,
    },
    /// More documents were lost than may be.
    #[error("{lost} of {} documents were rejected, more than a share of {most} (`max_rejected`); {reason}", lost + taken)]
    TooManyLost {
        /// Documents that were not taken over.
        lost: u64,
        /// Documents that were.
        taken: u64,
        /// The share that may be lost.
        most: f64,
        /// The commonest reason.
        reason: String,
    },
    /// The tables of something else stand where these were to go.
    #[error("{}: holds tables that were made from other input, with other options or by another build of docre", target.display())]
    Exists {
        /// The folder.
        target: PathBuf,
    },
    /// An option of a synthetic corpus is out of its range, or a file is given to a format that has none such.
    #[error("{0}")]
    Options(String),
    /// The output refuses.
    #[error("cannot write")]
    Write(#[from] io::Error),
    /// Tables are to be written as a folder, and none is named.
    #[error("expected a folder to write `{format}` to, got stdout")]
    NoFolder {
        /// The format.
        format: &'static str,
    },
    /// Something stands in the folder that is to be written.
    #[error("{}: expected a new or an empty folder, got one in which somebody may be at work", path.display())]
    FolderStands {
        /// The folder.
        path: PathBuf,
    },
    /// Predictions cannot be read.
    #[error(transparent)]
    Predictions(#[from] SubmissionError),
    /// All predictions are about documents that are not in the split.
    #[error("{}: expected predictions about documents of the split, got those of {documents} others, such as `{stray}`", path.display())]
    Strangers {
        /// The predictions.
        path: PathBuf,
        /// Documents that they name.
        documents: usize,
        /// One of them.
        stray: String,
    },
    /// A table cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl CorpusError {
    /// Why a source cannot be cut.
    pub(crate) fn of_source(path: &Path, error: CutError) -> Self {
        let path = path.to_path_buf();
        match error {
            CutError::Io(source) => Self::Read { path, source },
            CutError::Format(reason) | CutError::Damaged(reason) => Self::Format { path, reason },
        }
    }
}

impl CorpusError {
    /// The same with another name for a source and for what lies within it.
    #[must_use]
    pub fn renamed(self, from: &Path, to: &Path) -> Self {
        let renamed = |path: PathBuf| match path.strip_prefix(from) {
            Ok(inner) if inner.as_os_str().is_empty() => to.to_path_buf(),
            Ok(inner) => to.join(inner),
            Err(_) => path,
        };
        match self {
            Self::Read { path, source } => Self::Read { path: renamed(path), source },
            Self::Format { path, reason } => Self::Format { path: renamed(path), reason },
            Self::NoDocument { inputs, reasons } => {
                Self::NoDocument { inputs: inputs.into_iter().map(renamed).collect(), reasons }
            }
            other => other,
        }
    }
}

impl Hint for CorpusError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Exists { .. } => Some("pass `--force` to replace them, or choose another `--out`".into()),
            Self::TooManyLost { .. } => Some(
                "mend the source or choose another `format`; where the rest is worth having, raise `max_rejected`"
                    .into(),
            ),
            Self::Format { path, .. } | Self::Read { path, .. } if is_of_brat(path) => {
                Some("`--format brat` reads a folder of texts and their annotations".into())
            }
            Self::Format { reason, .. } if ["`<?xml", "`<collection"].iter().any(|start| reason.contains(start)) => {
                Some("`--format bioc` reads BioC, in XML and JSON".into())
            }
            Self::NoDocument { reasons, .. } if are_limits(reasons) => None,
            Self::NoDocument { .. } => Some("check that `--format` names the format of the files".into()),
            Self::Table(error) => error.hint(),
            Self::NoFolder { .. } => Some("name one with `--out`".into()),
            Self::FolderStands { .. } => Some("choose another `--out`".into()),
            Self::Predictions(error) => error.hint(),
            _ => None,
        }
    }
}

fn display(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn indented(reasons: &[String]) -> String {
    reasons.iter().map(|reason| format!("\n  {}", reason.trim_start())).collect()
}

/// Whether what was lost was too much each time, whose reason names the option that allows more.
fn are_limits(reasons: &[String]) -> bool {
    // The first line counts.
    reasons.split_first().is_some_and(|(_, reasons)| reasons.iter().all(|reason| reason.contains("`--most-")))
}

/// A row of `rejects` as one line: file, record, name, field, reason.
pub fn reject_line(reject: &RejectRow) -> String {
    let name = reject.name.as_ref().map(|name| format!(" ({})", quoted(name))).unwrap_or_default();
    format!("{}: record {}{name}: {}: {}", reject.source, reject.record, reject.column, reject.reason)
}

/// Whether annotations of brat stand there, or a folder of them.
fn is_of_brat(path: &Path) -> bool {
    let is =
        |path: &Path| path.extension().is_some_and(|ending| ["ann", "a1", "a2"].iter().any(|kind| ending == *kind));
    let holds = || path.read_dir().is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|it| is(&it.path()))));
    is(path) || holds()
}
