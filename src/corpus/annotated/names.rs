//! The names of documents that come as rows: each is of one row.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ground::identity;

use super::refused;
use crate::error::CorpusError;
use crate::fault::Fault;

/// The names so far; a few bytes each.
pub struct Names {
    source: PathBuf,
    seen: HashSet<[u8; 16]>,
}

impl Names {
    /// None yet of a source.
    pub fn of(source: &Path) -> Self {
        Self { source: source.to_path_buf(), seen: HashSet::new() }
    }

    /// Adds that of the next row.
    ///
    /// # Errors
    /// Where a row before it has the name.
    pub fn add(&mut self, document: &str) -> Result<(), CorpusError> {
        if self.seen.insert(identity::key(document.as_bytes())) {
            return Ok(());
        }
        let fault = Fault::new("doc_id", "expected a name of its own, got that of a row before it");
        Err(refused(&self.source, document, fault))
    }

    /// Refuses a source without rows, when it has ended.
    ///
    /// # Errors
    /// Where none came.
    pub fn check_any(&self) -> Result<(), CorpusError> {
        let reason = || "expected documents, a row each, got none".to_owned();
        let none = || CorpusError::Format { path: self.source.clone(), reason: reason() };
        if self.seen.is_empty() { Err(none()) } else { Ok(()) }
    }
}
