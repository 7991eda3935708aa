//! Rows of `annotated` in the place of a split's folder: a table, or an Arrow stream on stdin.

use std::path::{Path, PathBuf};

use anyhow::bail;
use docre::corpus::annotated::{set_down, table_at};
use docre::table::rows::AnnotatedRow;
use docre::table::{Table, TableError, found_under, stream};

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
    let path = path_of(corpus, split)?;
    match rows(&path, "rows", scratch)? {
        Some(folder) => Ok(Taken { folder, is_rows: true }),
        None => Ok(Taken { folder: split_folder(corpus, split)?, is_rows: false }),
    }
}

/// Where the split is, if it is not `-`.
///
/// # Errors
/// Where a split of rows is asked for, which are one.
pub fn path_of(corpus: &Path, split: Option<&str>) -> anyhow::Result<PathBuf> {
    let Some(split) = split else { return Ok(corpus.to_path_buf()) };
    if pipe::is(corpus) {
        bail!(Usage("`--split`: expected none: rows on stdin are one split".to_owned()));
    }
    let path = corpus.join(split);
    if !found_under(&path).exists() && splits_in(corpus)?.is_empty() && table_at(corpus)?.is_some() {
        let corpus = corpus.display();
        bail!(Usage(format!(
            "`--split`: expected none: the rows of `annotated` in {corpus} are one split, got `{split}`"
        )));
    }
    Ok(path)
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
    // A corpus of splits goes before it.
    let table = if splits_in(path)?.is_empty() { table_at(path)? } else { None };
    let Some(table) = table else { return Ok(None) };
    let rows = Table::<AnnotatedRow>::require_at(&table)?.conformed()?;
    Ok(Some((table, Box::new(rows))))
}
