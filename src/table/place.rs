//! A name and what stands under it: put there in one step, or put back.

use std::fs;
use std::io;
use std::path::Path;

use ground::present;

use super::TableError;
use super::aside::{ASIDE, stands};
use super::beside::{parent, sibling, sync_folder, through};
use super::folder::{called, not_ours};
use super::lock::Lock;
use super::ours::Ours;

/// Puts a finished file or folder at the name `target`, in place of what stood there, which is removed. `made` lies on
/// the same file system, and its content is durable.
///
/// The two are exchanged, so that whoever looks finds the one or the other, and a process that is killed leaves the old
/// content where the new was made. Where the file system cannot exchange, the old content stands aside for a moment,
/// where [`found_under`](super::found_under) finds it.
///
/// # Errors
/// Where the system refuses; the old content stands then.
pub fn put(made: &Path, target: &Path) -> Result<(), TableError> {
    let target = &*through(target)?;
    let fault = || TableError::io(target, "rename the finished work to it");
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let is_plain = !stands(target)? || !(is_folder(made) || is_folder(target));
    if is_plain {
        fs::rename(made, target).map_err(fault())?;
    } else if !exchange(made, target).map_err(fault())? {
        set_aside(made, target)?;
    }
    sync_folder(parent(target))?;
    remove(made)
}

/// Gives a folder its name by two renames.
fn set_aside(made: &Path, target: &Path) -> Result<(), TableError> {
    let aside = sibling(target, ASIDE);
    if stands(&aside)? {
        return Err(not_ours(aside));
    }
    fs::rename(target, &aside).map_err(TableError::io(target, "set it aside"))?;
    fs::rename(made, target).map_err(|error| {
        // Put the old content back: a failed write must cost nothing that was there.
        let _ = fs::rename(&aside, target);
        TableError::io(target, "rename the finished work to it")(error)
    })?;
    sync_folder(parent(target))?;
    remove(&aside)
}

/// Exchanges two paths; `false` where this cannot be done in one step.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(error) if [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::PERM].contains(&error) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Elsewhere no system can.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Puts back what a process that died had set aside; for writers, who say of a name that it is up to date.
///
/// # Errors
/// Where it is not ours, another process is at work on it, or the system refuses.
pub fn restore(target: &Path, ours: Ours) -> Result<(), TableError> {
    let target = through(target)?;
    if stands(&target)? || !stands(&sibling(&target, ASIDE))? {
        return Ok(());
    }
    let _lock = Lock::beside(&target)?;
    recover(&target, ours)
}

/// Refuses a place that nothing of docre's may take, before there is anything to put there; what a process that died has
/// left beside it is put back or cleared.
///
/// # Errors
/// Where something else stands there or beside it, another process is at work on it, or the system refuses.
pub fn check_place(target: &Path, ours: Ours) -> Result<(), TableError> {
    let target = through(target)?;
    if stands(&sibling(&target, "partial"))? || stands(&sibling(&target, ASIDE))? {
        let _lock = Lock::beside(&target)?;
        recover(&target, ours)?;
    }
    ours.check(&target)
}

/// Under the lock: puts back or clears what a process that died has left beside `target`. What docre did not leave is
/// not touched.
pub(super) fn recover(target: &Path, ours: Ours) -> Result<(), TableError> {
    let (partial, aside) = (sibling(target, "partial"), sibling(target, ASIDE));
    for left in [&partial, &aside] {
        if stands(left)? && !ours.is_left(left) {
            return Err(not_ours(left.clone()));
        }
    }
    if stands(&aside)? && !stands(target)? {
        fs::rename(&aside, target).map_err(TableError::io(target, "put it back"))?;
    }
    remove(&aside)?;
    remove(&partial)
}

/// Whether a file stands where one is to go.
///
/// # Errors
/// Where something else does, which no file takes the place of: a folder, a pipe, a device. None is opened.
pub fn is_file(path: &Path) -> Result<bool, TableError> {
    let found = present(fs::metadata(path)).map_err(TableError::io(path, "look at it"))?;
    match found {
        Some(found) if !found.is_file() => {
            Err(TableError::NotAFile { path: path.to_path_buf(), found: called(found.file_type()) })
        }
        found => Ok(found.is_some()),
    }
}

fn remove(path: &Path) -> Result<(), TableError> {
    let Some(found) = present(fs::symlink_metadata(path)).map_err(TableError::io(path, "look at it"))? else {
        return Ok(());
    };
    let removed = if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    present(removed).map_err(TableError::io(path, "remove")).map(drop)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn folder(path: &Path, file: &str) {
        fs::create_dir(path).unwrap();
        fs::write(path.join(file), file).unwrap();
    }

    #[test]
    fn both_ways_put_the_new_in_place_of_the_old_and_leave_nothing_beside() {
        for way in [put, set_aside] {
            let above = TempDir::new().unwrap();
            let (made, target) = (above.path().join("made"), above.path().join("target"));
            folder(&made, "new");
            folder(&target, "old");
            way(&made, &target).unwrap();
            assert!(target.join("new").exists() && !target.join("old").exists());
            assert_eq!(fs::read_dir(above.path()).unwrap().count(), 1);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_file_system_exchanges_two_folders_in_one_step() {
        let above = TempDir::new().unwrap();
        let [one, other] = ["one", "other"].map(|name| above.path().join(name));
        folder(&one, "1");
        folder(&other, "2");
        assert!(exchange(&one, &other).unwrap());
        assert!(one.join("2").exists() && other.join("1").exists());
    }

    #[test]
    fn a_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_file() {
        let above = TempDir::new().unwrap();
        let (made, target) = (above.path().join("made"), above.path().join("target"));
        folder(&target, "old");
        fs::write(&made, "new").unwrap();
        put(&made, &target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        folder(&made, "newer");
        put(&made, &target).unwrap();
        assert!(target.join("newer").exists() && !made.exists());
    }

    #[test]
    fn the_way_of_two_renames_replaces_nobodys_folder() {
        let above = TempDir::new().unwrap();
        let (made, target) = (above.path().join("made"), above.path().join("target"));
        folder(&made, "new");
        folder(&target, "old");
        folder(&above.path().join(".target.replaced"), "mine");
        assert!(matches!(set_aside(&made, &target), Err(TableError::Foreign { .. })));
        assert!(target.join("old").exists() && above.path().join(".target.replaced/mine").exists());
    }
}
