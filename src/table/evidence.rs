//! Tables that tell more of the rows of another: they lie beside it, and both are of one making.

use std::path::{Path, PathBuf};

use super::beside::parent;
use super::rows::{EvidenceRow, RelationRow, ScoreRow, SentenceWeightRow};
use super::{Row, TableError, TableFiles, fingerprint};

/// Where the evidence of the relations at a path lies, a folder that holds the table or the table itself. What lies there
/// from other relations is none of theirs.
///
/// # Errors
/// Where the system refuses to look.
pub fn evidence_of(relations: &Path) -> Result<Option<PathBuf>, TableError> {
    made_with::<RelationRow, EvidenceRow>(relations)
}

/// Where the weights of sentences of the scores at a path lie, likewise.
///
/// # Errors
/// Where the system refuses to look.
pub fn weights_of(scores: &Path) -> Result<Option<PathBuf>, TableError> {
    made_with::<ScoreRow, SentenceWeightRow>(scores)
}

fn made_with<Of: Row, R: Row>(path: &Path) -> Result<Option<PathBuf>, TableError> {
    let [of, name] = [Of::schema(), R::schema()].map(|schema| &*schema.name);
    let holds = TableFiles::find(path, of)?.is_some();
    let folder = if holds { path } else { parent(path) };
    let made = fingerprint(folder, name)?;
    let is_of_it = made.is_some() && made == fingerprint(folder, of)?;
    Ok(is_of_it.then(|| folder.join(name)))
}
