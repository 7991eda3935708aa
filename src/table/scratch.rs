//! A folder for what is sorted on disk.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tempfile::{Builder, TempDir};

use super::beside::{is_random, parent, sibling};
use super::folder::check_above;
use super::{Lock, TableError};

/// The end of the name of such a folder.
const SCRATCH: &str = ".scratch";

/// A hidden folder beside what is made, removed when it is dropped: on the same disk, and under a name of its own, so that
/// two processes do not share one. One that is killed leaves its folder, which the next beside the same target removes.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Held, never read: it says that the folder's process lives.
    _lock: Lock,
}

impl Scratch {
    /// A new folder beside `target`.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn beside(target: &Path) -> Result<Self, TableError> {
        check_above(target)?;
        remove_leftovers(target);
        let prefix = sibling(target, "");
        let mut builder = Builder::new();
        builder.prefix(prefix.file_name().unwrap_or_default()).suffix(SCRATCH);
        loop {
            let folder =
                builder.tempdir_in(parent(target)).map_err(TableError::io(target, "create a folder beside it"))?;
            match Lock::inside(folder.path()) {
                // Before it is locked, another process may take it for a dead one's, and lock or remove it.
                Err(TableError::Busy { .. }) => {}
                Err(TableError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                lock => return Ok(Self { _lock: lock?, folder }),
            }
        }
    }

    /// A folder of that name in it, not yet made.
    pub fn folder(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

/// Removes the folders of processes that were killed. What cannot be removed hinders nobody.
fn remove_leftovers(target: &Path) {
    let prefix = sibling(target, "");
    let prefix = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Ok(entries) = fs::read_dir(parent(target)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let random = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(SCRATCH));
        if !random.is_some_and(is_random) || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let is_locked = fs::symlink_metadata(entry.path().join(".lock")).is_ok_and(|found| found.is_file());
        if !is_locked {
            // Its process was killed as it began or ended, where the folder is empty; else it is somebody's.
            let _ = fs::remove_dir(entry.path());
        } else if let Ok(_held) = Lock::inside(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn scratch_goes_with_its_holder_or_when_he_is_dead() {
        let folder = TempDir::new().unwrap();
        let target = folder.path().join("page.html");
        let dead = folder.path().join(".page.html.AbCdEf.scratch");
        for foreign in [".page.html.x.y.scratch", ".page.html.mine.scratch", ".other.html.AbCdEf.scratch"] {
            fs::create_dir(folder.path().join(foreign)).unwrap();
        }
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(".lock"), "").unwrap();
        let (one, other) = (Scratch::beside(&target).unwrap(), Scratch::beside(&target).unwrap());
        assert!(!dead.exists());
        assert_eq!(names(folder.path()).len(), 5, "three of others, and the two that live");
        assert_ne!(one.folder("runs"), other.folder("runs"));
        drop((one, other));
        assert_eq!(names(folder.path()).len(), 3);
    }
}
