//! Tables → DocRED's JSON.

use std::io;
use std::path::Path;

use table::{TableError, write_same};

use crate::error::CorpusError;
use crate::formats::docred;
use crate::tables;

/// Writes the tables of a split as DocRED's JSON to a file, which appears whole or not at all, or to stdout. A file that
/// stands already is left where it has the same bytes, and else replaced only where `force` is set.
///
/// # Errors
/// Where a table is missing or damaged, or the output refuses.
pub fn export(folder: &Path, out: Option<&Path>, force: bool) -> Result<(), CorpusError> {
    let documents = tables::read(folder)?.map(|document| document.map_err(CorpusError::from));
    match out {
        None => docred::write(documents, &mut io::stdout().lock()),
        Some(path) => write_same(path, force, |file| docred::write(documents, file)).map_err(|error| match error {
            CorpusError::Write(source) => TableError::Io { path: path.to_path_buf(), action: "write", source }.into(),
            other => other,
        }),
    }
}
