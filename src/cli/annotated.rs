//! Rows of `annotated` in the place of a split's folder: a table, or an Arrow stream on stdin.

use std::path::{Path, PathBuf};

use anyhow::bail;
use docre::corpus::annotated::set_down;
use docre::table::rows::AnnotatedRow;
use docre::table::{Row, Table, TableError, TableFiles, stream};

use super::pipe::{self, Scratch};
use super::{Usage, holds_documents, split_folder, splits_in};

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
    let path = path_of(corpus, split)?;
    match rows(&path, "rows", scratch)? {
        Some(folder) => Ok(Taken { folder, is_rows: true }),
        None => Ok(Taken { folder: split_folder(corpus, split)?, is_rows: false }),
    }
}

/// Where the split is, if it is not `-`.
///
/// # Errors
/// Where a split of stdin is asked for.
pub fn path_of(corpus: &Path, split: Option<&str>) -> anyhow::Result<PathBuf> {
    if pipe::is(corpus) && split.is_some() {
        bail!(Usage("`--split`: expected none: rows on stdin are one split".to_owned()));
    }
    Ok(split.map_or_else(|| corpus.to_path_buf(), |split| corpus.join(split)))
}

/// The folder in which the rows at a path, or on stdin, were set down as a split of some name; `None` where there are none.
///
/// # Errors
/// Where a row is wrong.
pub fn rows(path: &Path, name: &str, scratch: &mut Scratch) -> anyhow::Result<Option<PathBuf>> {
    let Some((source, rows)) = read(path)? else { return Ok(None) };
    let folder = scratch.folder(name)?;
    set_down(rows, &source, &folder)?;
    Ok(Some(folder))
}

/// Rows as they come, some at a time.
pub type Rows = Box<dyn Iterator<Item = Result<Vec<AnnotatedRow>, TableError>>>;

/// The rows at a path or on stdin, and what messages call the source; `None` where there are none.
///
/// # Errors
/// Where the path leads to no rows, or there is no stream.
pub fn read(path: &Path) -> anyhow::Result<Option<(PathBuf, Rows)>> {
    if pipe::is(path) {
        return Ok(Some((STDIN.into(), Box::new(stream::receive::<AnnotatedRow>(pipe::stdin())?))));
    }
    let Some(table) = table_at(path)? else { return Ok(None) };
    let rows = Table::<AnnotatedRow>::require_at(&table)?.conformed()?;
    Ok(Some((table, Box::new(rows))))
}

/// Where the table is: a file, a folder of files, or in a folder under its name. A split, or a corpus of such, goes before
/// it.
fn table_at(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    if holds_documents(path)? || !splits_in(path)?.is_empty() {
        return Ok(None);
    }
    if TableFiles::at(path)?.is_some() {
        return Ok(Some(path.to_path_buf()));
    }
    let name = &AnnotatedRow::schema().name;
    Ok(TableFiles::find(path, name)?.map(|_| path.join(name)))
}
