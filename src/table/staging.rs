//! A folder that appears whole or not at all.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use ground::present;

use super::TableError;
use super::beside::{parent, sibling, sync_folder, through};
use super::folder::Made;
use super::lock::Lock;
use super::ours::Ours;
use super::place::{put, recover};

/// Work in progress towards a folder: files go into a hidden sibling, which [`Staging::commit`] exchanges for what
/// stands under the folder's name.
///
/// Killed at any moment, a process leaves under the folder's name what stood there before, or the whole new content;
/// where the file system cannot exchange two folders, perhaps nothing, and the old content beside it, where
/// [`found_under`](super::found_under) finds it. The next [`Staging::begin`] on the same folder puts it back, and
/// clears what the dead process left. A lock, released by the system with the process, keeps a second writer out. A
/// folder that docre did not make, or that holds more than that, is never replaced.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    partial: PathBuf,
    ours: Ours,
    /// Held, never read.
    lock: Option<Lock>,
    /// The folders above that were made for it: they go with work that is not committed.
    made: Option<Made>,
    committed: bool,
}

impl Staging {
    /// Starts work towards the folder `target`, creating the folders above it.
    ///
    /// # Errors
    /// Where something that is no table stands there, the program was started in it, another process is at work on it, or
    /// the system refuses.
    pub fn begin(target: &Path) -> Result<Self, TableError> {
        Self::begin_over(target, Ours::TABLES)
    }

    /// The same for a folder of other content, which may replace what `ours` says is of its kind.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_over(target: &Path, ours: Ours) -> Result<Self, TableError> {
        // A link stays a link: what it points to is replaced.
        let target = through(target)?;
        let made = Some(Made::missing(parent(&target))?);
        let lock = Some(Lock::beside(&target)?);
        let partial = sibling(&target, "partial");
        let mut staging = Self { target, partial, ours, lock, made, committed: true };
        recover(&staging.target, ours)?;
        staging.ours.check(&staging.target)?;
        check_elsewhere(&staging.target)?;
        fs::create_dir(&staging.partial).map_err(TableError::io(&staging.partial, "create the folder"))?;
        staging.committed = false;
        Ok(staging)
    }

    /// Where the files go.
    pub fn folder(&self) -> &Path {
        &self.partial
    }

    /// Gives the folder its final name, in place of what stood there.
    ///
    /// # Errors
    /// Where the system refuses, or somebody has put files there in the meantime; the old content stands then.
    pub fn commit(mut self) -> Result<(), TableError> {
        sync_tree(&self.partial)?;
        self.ours.check(&self.target)?;
        put(&self.partial, &self.target)?;
        self.committed = true;
        Ok(())
    }

    /// Takes away what stood under the folder's name, and puts nothing there.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn clear(self) -> Result<(), TableError> {
        self.ours.check(&self.target)?;
        // In one step, and gone with the rest of this work.
        let moved = fs::rename(&self.target, self.partial.join("old"));
        present(moved).map_err(TableError::io(&self.target, "remove"))?;
        sync_folder(parent(&self.target))
    }
}

impl Drop for Staging {
    /// Work that was not committed leaves nothing; where that fails, the next `begin` clears it.
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_dir_all(&self.partial);
        }
        drop(self.lock.take());
        drop(self.made.take());
    }
}

/// Refuses the folder in which the program was started, and those above it: whoever called it would stand in the old one,
/// which is gone.
fn check_elsewhere(target: &Path) -> Result<(), TableError> {
    let is_in = |here: PathBuf| target.canonicalize().is_ok_and(|target| here.starts_with(target));
    if env::current_dir().is_ok_and(is_in) {
        return Err(TableError::Here { path: target.to_path_buf() });
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
