//! What stands beside a file or folder while it is made: hidden siblings, and the folder above.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::TableError;

/// Links that lead from one to another: the system follows no more either.
const MOST_LINKS: usize = 40;

/// `.NAME.ROLE` beside `NAME`: hidden, and on the same file system, so that a rename is atomic.
pub fn sibling(target: &Path, role: &str) -> PathBuf {
    let target = named(target);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{role}"))
}

/// Whether a text is what a file or folder for a while has in its name, lest two have the same: `tempfile` puts it there.
pub fn is_random(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The folder that holds a path.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path that ends in a name: one that ends in none, as `.` and `a/..` do, is resolved.
pub(super) fn named(path: &Path) -> Cow<'_, Path> {
    let resolved = if path.file_name().is_none() { path.canonicalize().ok() } else { None };
    resolved.map_or(Cow::Borrowed(path), Cow::Owned)
}

/// What a path leads to, be it there or not: a link stays a link, and what it points to is written. What stands beside a
/// folder is called like it, so that a path has its name.
///
/// # Errors
/// Where links lead to no end.
pub fn through(path: &Path) -> Result<PathBuf, TableError> {
    // With a slash behind it, a link is what it points to.
    let bare = |path: &Path| path.components().collect::<PathBuf>();
    let mut reached = bare(&named(path));
    for _ in 0..MOST_LINKS {
        let Ok(named) = fs::read_link(&reached) else { return Ok(reached) };
        reached = bare(&parent(&reached).join(named));
    }
    Err(TableError::io(path, "follow the link")(io::Error::other("it leads to no end")))
}

/// Makes a folder's entries durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), TableError> {
    let opened = File::open(folder).map_err(TableError::io(folder, "open the folder"))?;
    opened.sync_all().map_err(TableError::io(folder, "write the folder"))
}
