//! A folder that appears whole or not at all.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::TableError;
use super::write::{parent, sync_folder};

/// Work in progress towards a folder: files go into a hidden sibling, which [`Staging::commit`] renames.
///
/// Killed at any moment, a process leaves under the folder's name what stood there before, nothing, or the whole new
/// content; the next [`Staging::begin`] on the same folder puts the old content back where it stood aside, and clears
/// what the dead process left. A lock, released by the system with the process, keeps a second writer out.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    partial: PathBuf,
    replaced: PathBuf,
    /// Held, never read: closing it releases the lock.
    lock: Option<File>,
}

const LOCK: &str = ".lock";

impl Staging {
    /// Starts work towards the folder `target`, creating the folders above it.
    pub fn begin(target: &Path) -> Result<Self, TableError> {
        let partial = sibling(target, "partial");
        let replaced = sibling(target, "replaced");
        fs::create_dir_all(&partial).map_err(TableError::io(&partial, "create the folder"))?;
        let path = partial.join(LOCK);
        let lock = File::create(&path).map_err(TableError::io(&path, "create the file"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TableError::Busy { path: target.to_path_buf() }),
            Err(TryLockError::Error(source)) => return Err(TableError::io(&path, "lock the file")(source)),
        }
        let staging = Self { target: target.to_path_buf(), partial, replaced, lock: Some(lock) };
        staging.recover()?;
        Ok(staging)
    }

    /// Where the files go.
    pub fn folder(&self) -> &Path {
        &self.partial
    }

    /// Gives the folder its final name, in place of what stood there.
    pub fn commit(mut self) -> Result<(), TableError> {
        let lock = self.partial.join(LOCK);
        sync_tree(&self.partial)?;
        fs::remove_file(&lock).map_err(TableError::io(&lock, "remove"))?;
        if self.target.exists() {
            fs::rename(&self.target, &self.replaced).map_err(TableError::io(&self.target, "set it aside"))?;
        }
        if let Err(error) = fs::rename(&self.partial, &self.target) {
            // Put the old content back: a failed write must cost nothing that was there.
            let _ = fs::rename(&self.replaced, &self.target);
            return Err(TableError::io(&self.target, "rename the finished folder to it")(error));
        }
        self.lock = None;
        sync_folder(parent(&self.target))?;
        remove_if_there(&self.replaced)
    }

    /// Puts back or clears what a process that died has left.
    fn recover(&self) -> Result<(), TableError> {
        if self.replaced.exists() && !self.target.exists() {
            fs::rename(&self.replaced, &self.target).map_err(TableError::io(&self.target, "put it back"))?;
        }
        remove_if_there(&self.replaced)?;
        let entries = fs::read_dir(&self.partial).map_err(TableError::io(&self.partial, "list the folder"))?;
        for entry in entries {
            let path = entry.map_err(TableError::io(&self.partial, "list the folder"))?.path();
            if path.is_dir() {
                remove_if_there(&path)?;
            } else if path.file_name().is_some_and(|name| name != LOCK) {
                fs::remove_file(&path).map_err(TableError::io(&path, "remove"))?;
            }
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // Work that was not committed leaves nothing; a failure here leaves a hidden folder for the next `begin`.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// `.NAME.ROLE` beside `NAME`: on the same file system, so that a rename is atomic.
fn sibling(target: &Path, role: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{role}"))
}

fn remove_if_there(folder: &Path) -> Result<(), TableError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(TableError::io(folder, "remove"))?;
    }
    Ok(())
}

fn sync_tree(folder: &Path) -> Result<(), TableError> {
    for entry in fs::read_dir(folder).map_err(TableError::io(folder, "list the folder"))? {
        let path = entry.map_err(TableError::io(folder, "list the folder"))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        }
    }
    sync_folder(folder)
}
