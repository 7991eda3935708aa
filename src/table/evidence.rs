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
    Ok(own(beside::<RelationRow, EvidenceRow>(relations)?))
}

/// Where the weights of sentences of the scores at a path lie, likewise.
///
/// # Errors
/// Where the system refuses to look.
pub fn weights_of(scores: &Path) -> Result<Option<PathBuf>, TableError> {
    Ok(own(weights_beside(scores)?))
}

/// Where weights of sentences lie beside the scores at a path, and whether they are theirs.
///
/// # Errors
/// Where the system refuses to look.
pub fn weights_beside(scores: &Path) -> Result<Option<(PathBuf, bool)>, TableError> {
    beside::<ScoreRow, SentenceWeightRow>(scores)
}

/// The files of a table of some rows at a path, a folder that holds it or the table itself, and where it lies.
///
/// # Errors
/// Where the system refuses to look.
pub fn in_or_at<R: Row>(path: &Path) -> Result<Option<(PathBuf, TableFiles)>, TableError> {
    let name = &R::schema().name;
    match TableFiles::find(path, name)? {
        Some(files) => Ok(Some((path.join(name), files))),
        None => Ok(TableFiles::at(path)?.map(|files| (path.to_path_buf(), files))),
    }
}

fn own(beside: Option<(PathBuf, bool)>) -> Option<PathBuf> {
    beside.filter(|(_, is_of_it)| *is_of_it).map(|(place, _)| place)
}

/// Where a table lies beside another, and whether it is of one making with that.
fn beside<Of: Row, R: Row>(path: &Path) -> Result<Option<(PathBuf, bool)>, TableError> {
    let name = &R::schema().name;
    let Some((place, files)) = in_or_at::<Of>(path)? else { return Ok(None) };
    let folder = parent(&place);
    if TableFiles::find(folder, name)?.is_none() {
        return Ok(None);
    }
    let made = fingerprint(folder, name)?;
    let is_of_it = made.is_some() && made == files.fingerprint()?;
    Ok(Some((folder.join(name), is_of_it)))
}
