//! Rows of `annotated` in the place of a split's folder: a table, or an Arrow stream on stdin.

use std::path::{Path, PathBuf};

use anyhow::bail;
use docre::corpus::annotated::{set_down, set_down_table, table_at};
use docre::table::rows::AnnotatedRow;
use docre::table::stream;

use super::pipe::{self, Scratch};
use super::{Usage, split_folder, splits_in};

/// What rows on stdin are called in messages.
const STDIN: &str = "standard input";

/// The split that a command is to work on.
pub struct Taken {
    /// Its folder: its own, or one that goes when the command ends.
    pub folder: PathBuf,
    /// Whether it came as rows.
    pub is_rows: bool,
}

/// The split that stands in a corpus, or the rows that stand or come in its place, set down as one.
///
/// # Errors
/// Where there is none, or a row is wrong.
pub fn split(corpus: &Path, split: Option<&str>, scratch: &mut Scratch) -> anyhow::Result<Taken> {
    if pipe::is(corpus) && split.is_some() {
        bail!(Usage("`--split`: expected none: rows on stdin are one split".to_owned()));
    }
    let path = split.map_or_else(|| corpus.to_path_buf(), |split| corpus.join(split));
    match rows(&path, "rows", scratch)? {
        Some(folder) => Ok(Taken { folder, is_rows: true }),
        None => Ok(Taken { folder: split_folder(corpus, split)?, is_rows: false }),
    }
}

/// The folder in which the rows at a path, or on stdin, were set down as a split of some name; `None` where there are none.
///
/// # Errors
/// Where a row is wrong.
pub fn rows(path: &Path, name: &str, scratch: &mut Scratch) -> anyhow::Result<Option<PathBuf>> {
    if pipe::is(path) {
        let folder = scratch.folder(name)?;
        set_down(stream::receive::<AnnotatedRow>(pipe::stdin())?, Path::new(STDIN), &folder)?;
        return Ok(Some(folder));
    }
    // A corpus of splits goes before it.
    let table = if splits_in(path)?.is_empty() { table_at(path)? } else { None };
    let Some(table) = table else { return Ok(None) };
    let folder = scratch.folder(name)?;
    set_down_table(&table, &folder)?;
    Ok(Some(folder))
}
