//! Source formats → the corpus tables, one file a format.
//!
//! A format says how to cut a file into records ([`Reader::records`], sequential, a few records in memory at a time)
//! and how one record becomes a [`Document`] ([`Reader::parse`], pure, run in parallel).

pub mod convert;
pub mod docred;
pub mod document;
pub mod edge_graph;
mod gate;
pub mod gda;
pub mod json;
pub mod jsonl;
mod lines;
pub mod mesh;
pub mod pubtator;
pub mod quote;
pub mod synthesis;
pub mod synthetic;
pub mod tables;
pub mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use document::{Document, Entity, Fact, Fault, Mention, Token};

use crate::table::rows::RejectRow;
use crate::table::{TableError, Text, write_file};

/// Rejects that a summary shows; the table has all.
const SHOWN_REJECTS: usize = 10;

/// One record cut out of a source file: the bytes of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the file, from 1.
    pub number: u64,
    /// Its bytes, not yet known to be UTF-8.
    pub bytes: Vec<u8>,
}

/// A record that could not become a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The document's name, as far as it could be read.
    pub name: Option<Text>,
    /// What is wrong.
    pub fault: Fault,
}

/// Why a file cannot be cut into records, or no further.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is not of this format at all: nothing can be taken from it.
    #[error("{0}")]
    Format(String),
    /// The file is damaged from here on: what came before stands.
    #[error("{0}")]
    Damaged(String),
}

/// The records of a file in order. After an error nothing more comes.
pub type Records = Box<dyn Iterator<Item = Result<Record, CutError>> + Send>;

/// A source format.
pub trait Reader: Send + Sync {
    /// Opens a file (or the folder that is one source) and cuts it into records.
    fn records(&self, path: &Path) -> Result<Records, CutError>;

    /// The document of one record.
    fn parse(&self, record: &Record) -> Result<Document, Reject>;
}

/// The source formats, by the names that the command line and pipeline files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// DocRED's and Re-DocRED's JSON.
    DocRed,
    /// PubTator, as BioCreative's CDR has it.
    PubTator,
    /// The edge-oriented graph's preprocessed files, 17 columns a pair.
    EdgeGraph,
    /// GDA's raw folder.
    Gda,
    /// One document with running text a line.
    Jsonl,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::DocRed, Self::PubTator, Self::EdgeGraph, Self::Gda, Self::Jsonl];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DocRed => "docred",
            Self::PubTator => "pubtator",
            Self::EdgeGraph => "edge-graph",
            Self::Gda => "gda",
            Self::Jsonl => "jsonl",
        }
    }

    /// What reads it.
    pub fn reader(self) -> Box<dyn Reader> {
        match self {
            Self::DocRed => Box::new(docred::DocRed),
            Self::PubTator => Box::new(pubtator::PubTator::default()),
            Self::EdgeGraph => Box::new(edge_graph::EdgeGraph),
            Self::Gda => Box::new(gda::Gda),
            Self::Jsonl => Box::new(jsonl::JsonLines),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| format!("`{name}` is no format"))
    }
}

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
    #[error("{}: holds tables that were made from other input or with other options", target.display())]
    Exists {
        /// The folder.
        target: PathBuf,
    },
    /// An option of a synthetic corpus is out of its range.
    #[error(transparent)]
    Options(#[from] synthetic::OptionsError),
    /// The output refuses.
    #[error("cannot write")]
    Write(#[from] io::Error),
    /// A table cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

fn display(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn first_reasons(rejects: &[RejectRow]) -> String {
    rejects.iter().map(|reject| format!("\n  {}", reject_line(reject))).collect()
}

/// A reject as one line: file, record, name, field, reason.
pub fn reject_line(reject: &RejectRow) -> String {
    let name = reject.name.as_ref().map(|name| format!(" ({})", quote::quoted(name))).unwrap_or_default();
    format!("{}: record {}{name}: {}: {}", reject.source, reject.record, reject.column, reject.reason)
}

/// Writes the tables of a split as DocRED's JSON to a file, which appears whole or not at all, or to stdout. A file that
/// stands already is replaced only where `force` is set.
///
/// # Errors
/// Where a table is missing or damaged, or the output refuses.
pub fn export(folder: &Path, out: Option<&Path>, force: bool) -> Result<(), CorpusError> {
    let documents = tables::read(folder)?.map(|document| document.map_err(CorpusError::from));
    match out {
        None => docred::write(documents, &mut io::stdout().lock()),
        Some(path) => write_file(path, force, |file| docred::write(documents, file)).map_err(|error| match error {
            CorpusError::Write(source) => TableError::Io { path: path.to_path_buf(), action: "write", source }.into(),
            other => other,
        }),
    }
}
