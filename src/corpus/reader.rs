//! What every source format is to a conversion.

use std::io;

use table::Text;

use crate::document::Document;
use crate::fault::Fault;
use crate::source::{Input, Unreadable};

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
    Io(io::Error),
    /// The file is not of this format at all: nothing can be taken from it.
    #[error("{0}")]
    Format(String),
    /// The file is damaged from here on: what came before stands.
    #[error("{0}")]
    Damaged(String),
}

/// What is no text, and what is damaged, is told inside an error of reading.
impl From<io::Error> for CutError {
    fn from(error: io::Error) -> Self {
        match Unreadable::within(&error) {
            Some(Unreadable::Foreign(what)) => Self::Format(what.clone()),
            Some(Unreadable::Damaged(reason)) => Self::Damaged(reason.clone()),
            None => Self::Io(error),
        }
    }
}

/// The records of a file in order. After an error nothing more comes.
pub type Records = Box<dyn Iterator<Item = Result<Record, CutError>> + Send>;

/// A source format.
pub trait Reader: Send + Sync {
    /// Opens a source and cuts it into records.
    fn records(&self, input: Input) -> Result<Records, CutError>;

    /// Whether a folder is one source; else it stands for the files in it.
    fn takes_folders(&self) -> bool {
        false
    }

    /// The document of one record, without what is wrong in it: that is among [`Document::losses`]. Only where nothing
    /// can be made of the record is it a reject.
    fn parse(&self, record: &Record) -> Result<Document, Reject>;

    /// The documents of one record, where it can have several.
    fn parse_all(&self, record: &Record) -> Vec<Result<Document, Reject>> {
        vec![self.parse(record)]
    }
}
