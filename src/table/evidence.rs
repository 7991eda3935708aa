//! The table `evidence` of a table of relations: it lies beside it, and both are of one making.

use std::path::{Path, PathBuf};

use super::beside::parent;
use super::{TableError, TableFiles, fingerprint};

const RELATIONS: &str = "relations";
const EVIDENCE: &str = "evidence";

/// Where the evidence of the relations at a path lies, a folder that holds the table or the table itself. What lies there
/// from other relations is none of theirs.
///
/// # Errors
/// Where the system refuses to look.
pub fn evidence_of(relations: &Path) -> Result<Option<PathBuf>, TableError> {
    let holds = TableFiles::find(relations, RELATIONS)?.is_some();
    let folder = if holds { relations } else { parent(relations) };
    let made = fingerprint(folder, EVIDENCE)?;
    let is_theirs = made.is_some() && made == fingerprint(folder, RELATIONS)?;
    Ok(is_theirs.then(|| folder.join(EVIDENCE)))
}
