//! A folder that appears whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use super::beside::{parent, sibling, sync_folder};
use super::lock::{Lock, is_held};
use super::{TableError, is_part_name};

/// Work in progress towards a folder: files go into a hidden sibling, which [`Staging::commit`] renames.
///
/// Killed at any moment, a process leaves under the folder's name what stood there before, nothing, or the whole new
/// content; the next [`Staging::begin`] on the same folder puts the old content back where it stood aside, and clears
/// what the dead process left. A lock, released by the system with the process, keeps a second writer out. A folder
/// that holds anything but tables is never replaced.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    partial: PathBuf,
    replaced: PathBuf,
    /// Held, never read.
    lock: Option<Lock>,
    /// The folder above, where this made it.
    made: Option<PathBuf>,
    committed: bool,
}

impl Staging {
    /// Starts work towards the folder `target`, creating the folders above it.
    ///
    /// # Errors
    /// Where something that is no table stands there, another process is at work on it, or the system refuses.
    pub fn begin(target: &Path) -> Result<Self, TableError> {
        Self::begin_over(target, holds_only_tables)
    }

    /// The same for a folder of other content, which may replace what `ours` says is of its kind.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_over(target: &Path, ours: fn(&Path) -> bool) -> Result<Self, TableError> {
        // A link stays a link: what it points to is replaced.
        let target = if target.is_symlink() {
            target.canonicalize().map_err(TableError::io(target, "follow the link"))?
        } else {
            target.to_path_buf()
        };
        let above = parent(&target);
        let made = (!above.exists()).then(|| above.to_path_buf());
        fs::create_dir_all(above).map_err(TableError::io(above, "create the folder"))?;
        let lock = Some(Lock::beside(&target)?);
        let (partial, replaced) = (sibling(&target, "partial"), sibling(&target, "replaced"));
        let staging = Self { target, partial, replaced, lock, made, committed: false };
        staging.recover()?;
        if staging.target.exists() && !ours(&staging.target) {
            return Err(TableError::Foreign { path: staging.target.clone() });
        }
        fs::create_dir(&staging.partial).map_err(TableError::io(&staging.partial, "create the folder"))?;
        Ok(staging)
    }

    /// Where the files go.
    pub fn folder(&self) -> &Path {
        &self.partial
    }

    /// Gives the folder its final name, in place of what stood there.
    ///
    /// # Errors
    /// Where the system refuses; the old content stands then.
    pub fn commit(mut self) -> Result<(), TableError> {
        sync_tree(&self.partial)?;
        if self.target.exists() {
            fs::rename(&self.target, &self.replaced).map_err(TableError::io(&self.target, "set it aside"))?;
        }
        if let Err(error) = fs::rename(&self.partial, &self.target) {
            // Put the old content back: a failed write must cost nothing that was there.
            let _ = fs::rename(&self.replaced, &self.target);
            return Err(TableError::io(&self.target, "rename the finished folder to it")(error));
        }
        self.committed = true;
        sync_folder(parent(&self.target))?;
        remove_if_there(&self.replaced)
    }

    /// Puts back or clears what a process that died has left.
    fn recover(&self) -> Result<(), TableError> {
        if self.replaced.exists() && !self.target.exists() {
            fs::rename(&self.replaced, &self.target).map_err(TableError::io(&self.target, "put it back"))?;
        }
        remove_if_there(&self.replaced)?;
        remove_if_there(&self.partial)
    }
}

impl Drop for Staging {
    /// Work that was not committed leaves nothing; where that fails, the next `begin` clears it.
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_dir_all(&self.partial);
        }
        drop(self.lock.take());
        if let (false, Some(made)) = (self.committed, &self.made) {
            let _ = fs::remove_dir(made);
        }
    }
}

/// Whether a folder holds nothing but tables, or parts of one, so that replacing it cannot destroy anybody's files. What
/// a process that was killed in the making of one has left is as good as gone; a lock that is held is not.
pub fn holds_only_tables(folder: &Path) -> bool {
    let ours = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_left =
            || name.starts_with('.') && path.extension().is_some_and(|ending| ending == "lock") && !is_held(path);
        if path.is_dir() {
            holds_only_tables(path)
        } else {
            is_part_name(name) || name.starts_with(".part-") || is_left()
        }
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|entry| ours(&entry.path()))))
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
