//! Any file, whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use super::TableError;
use super::beside::{is_random, parent, sibling, sync_folder, through};
use super::folder::check_above;
use super::lock::{is_at, remove_unless_held};
use super::place::is_file;

/// The end of the name of a file in the making.
const PARTIAL: &str = ".partial";
/// Bytes of two files that are compared at once.
const PORTION: u64 = 1 << 16;

/// Writes any file so that it appears whole or not at all: a hidden sibling, made durable, then renamed. A file that
/// stands already is replaced only where `force` is set; what is no file, never. Through a link, what it points to is
/// written.
///
/// Each writer has a sibling of its own, so of two at once the last to end is what stands, whole. A writer that is killed
/// leaves its sibling, which the next writer of the same file removes.
///
/// # Errors
/// Those of `content`, and where a file stands there or the file system refuses.
pub fn write_file<E: From<TableError>>(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    if is_file(path)? && !force {
        return Err(TableError::Stands { path: path.to_path_buf() }.into());
    }
    let path = &*through(path)?;
    let made = make(path, content)?;
    Ok(name(made, path, force)?)
}

/// The same, but a file that stands already and has the very bytes that would be written is left, as what a run that
/// was killed has made.
///
/// # Errors
/// As [`write_file`].
pub fn write_same<E: From<TableError>>(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let stands = is_file(path)?;
    let path = &*through(path)?;
    let made = make(path, content)?;
    if stands && is_same(made.path(), path).map_err(TableError::io(path, "read"))? {
        return Ok(());
    }
    Ok(name(made, path, force)?)
}

/// A durable file of the content, beside its path.
fn make<E: From<TableError>>(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<NamedTempFile, E> {
    check_above(path)?;
    remove_leftovers(path)?;
    let partial = begin(path)?;
    let opened = partial.as_file().try_clone().map_err(TableError::io(path, "create the file"))?;
    let mut file = BufWriter::new(opened);
    content(&mut file)?;
    let durable = file.flush().and_then(|()| file.get_ref().sync_all());
    durable.map_err(TableError::io(path, "write"))?;
    Ok(partial)
}

/// Gives a finished file its name.
fn name(made: NamedTempFile, path: &Path, force: bool) -> Result<(), TableError> {
    let persisted = if force { made.persist(path) } else { made.persist_noclobber(path) };
    persisted.map_err(|error| match error.error {
        found if found.kind() == ErrorKind::AlreadyExists => TableError::Stands { path: path.to_path_buf() },
        found => TableError::io(path, "rename a finished file to it")(found),
    })?;
    sync_folder(parent(path))
}

/// Whether two files have the same bytes.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let [one, other] = [File::open(one)?, File::open(other)?];
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let [mut these, mut those] = [(); 2].map(|()| Vec::with_capacity(PORTION as usize));
    loop {
        these.clear();
        those.clear();
        (&one).take(PORTION).read_to_end(&mut these)?;
        (&other).take(PORTION).read_to_end(&mut those)?;
        if these != those || these.is_empty() {
            return Ok(these == those);
        }
    }
}

/// A locked file of a name that no other has: the lock says that its writer lives. It is removed unless it is renamed.
fn begin(path: &Path) -> Result<NamedTempFile, TableError> {
    let fault = || TableError::io(path, "create the file");
    let prefix = sibling(path, "");
    let mut builder = Builder::new();
    builder.prefix(prefix.file_name().unwrap_or_default()).suffix(PARTIAL);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let file = builder.tempfile_in(parent(path)).map_err(fault())?;
        // Before it is locked, another writer may take it for a dead one's, and remove it. Where files cannot be locked
        // at all, none is ever removed.
        let taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        if !taken && is_at(file.as_file(), file.path()).map_err(fault())? {
            return Ok(file);
        }
    }
}

/// Removes what writers of this file have left that were killed.
///
/// # Errors
/// Where the folder cannot be listed.
pub fn remove_leftovers(path: &Path) -> Result<(), TableError> {
    let (folder, prefix) = (parent(path), sibling(path, ""));
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in fs::read_dir(folder).map_err(TableError::io(folder, "list the folder"))? {
        let entry = entry.map_err(TableError::io(folder, "list the folder"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let between = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(PARTIAL));
        // What holds a dot is of another file: `.a.b.XXXXXX.partial` is of `a.b`, not of `a`.
        if between.is_some_and(is_random) {
            // Its writer may end in between, and another user's is not ours to remove.
            let _ = remove_unless_held(&entry.path());
        }
    }
    Ok(())
}
