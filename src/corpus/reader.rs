//! What every source format is to a conversion.

use std::path::Path;

use table::Text;

use crate::cut::CutError;
use crate::document::Document;
use crate::fault::Fault;
use crate::source::Input;

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

    /// What a folder holds that is left aside though it may be data: links.
    fn links(&self, _folder: &Path) -> Vec<String> {
        Vec::new()
    }

    /// The document of one record, without what is wrong in it: that is among [`Document::losses`]. Only where nothing
    /// can be made of the record is it a reject.
    fn parse(&self, record: &Record) -> Result<Document, Reject>;

    /// The documents of one record, where it can have several.
    fn parse_all(&self, record: &Record) -> Vec<Result<Document, Reject>> {
        self.parse_those(record, &|_| true)
    }

    /// Of the documents of one record those that are asked for by name, or all where it has but one. What is wrong with
    /// the record is lost in the first of them.
    fn parse_those(&self, record: &Record, _asked: &dyn Fn(&str) -> bool) -> Vec<Result<Document, Reject>> {
        vec![self.parse(record)]
    }
}
