//! One process at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ground::present;

use super::TableError;
use super::beside::{parent, sibling};

/// Keeps other processes from a file or folder until it is dropped.
///
/// The lock is the system's, on a file of its own: a process that dies, however it does, releases it, and the file that
/// it leaves holds nobody up.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Held: closing it releases the lock.
    file: File,
}

impl Lock {
    /// Keeps others from `target`, by a hidden file beside it: `target` itself may be replaced.
    ///
    /// # Errors
    /// Where another process holds it, or the system refuses.
    pub fn beside(target: &Path) -> Result<Self, TableError> {
        Self::hold(sibling(target, "lock"), target)
    }

    /// Keeps others out of a folder, which is made where it is missing, by a hidden file in it.
    ///
    /// # Errors
    /// As [`Self::beside`].
    pub fn inside(folder: &Path) -> Result<Self, TableError> {
        fs::create_dir_all(folder).map_err(TableError::io(folder, "create the folder"))?;
        Self::hold(folder.join(".lock"), folder)
    }

    /// Refuses a folder that was removed, or in whose place another stands, since it was locked: what goes to its path
    /// does not come to where the rest is.
    ///
    /// # Errors
    /// Where it was, or the system refuses to look.
    pub fn check(&self) -> Result<(), TableError> {
        if is_at(&self.file, &self.path).map_err(TableError::io(&self.path, "look at it"))? {
            return Ok(());
        }
        Err(TableError::Gone { path: parent(&self.path).to_path_buf() })
    }

    /// Its last holder removes the file, so a lock counts only while the file still bears its name.
    fn hold(path: PathBuf, target: &Path) -> Result<Self, TableError> {
        loop {
            let file = File::create(&path).map_err(TableError::io(&path, "create the file"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(TableError::Busy { path: target.to_path_buf() }),
                Err(TryLockError::Error(source)) => return Err(TableError::io(&path, "lock the file")(source)),
            }
            if is_at(&file, &path).map_err(TableError::io(&path, "lock the file"))? {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for Lock {
    /// The file goes before the lock: nobody finds it free and then gone.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes a file that its maker locks as long as he lives, unless he does.
pub(super) fn remove_unless_held(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    if file.try_lock().is_ok() { fs::remove_file(path) } else { Ok(()) }
}

/// Whether somebody holds the lock of a file. One that cannot be asked counts as held.
pub(super) fn is_held(path: &Path) -> bool {
    match File::options().write(true).open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Whether an open file is the one of that name.
#[cfg(unix)]
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let Some(named) = present(fs::metadata(path))? else { return Ok(false) };
    let open = file.metadata()?;
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
pub(super) fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    Ok(path.exists())
}
