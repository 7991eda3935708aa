//! One process at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ground::present;
#[cfg(unix)]
use rustix::fs::OFlags;

use super::TableError;
use super::beside::{parent, sibling};
use super::folder::Made;

/// Keeps other processes from a file or folder until it is dropped.
///
/// The lock is the system's, on a file of its own: a process that dies, however it does, releases it, and the file that
/// it leaves holds nobody up.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Held: closing it releases the lock.
    file: File,
    /// The folders above it that were made for it.
    made: Option<Made>,
}

impl Lock {
    /// Keeps others from `target`, by a hidden file beside it: `target` itself may be replaced.
    ///
    /// # Errors
    /// Where another process holds it, or the system refuses.
    pub fn beside(target: &Path) -> Result<Self, TableError> {
        patiently(|| Self::hold(sibling(target, "lock"), target))
    }

    /// Keeps others out of a folder, which is made where it is missing, by a hidden file in it. One that was made and that
    /// nothing came to goes with the lock.
    ///
    /// # Errors
    /// As [`Self::beside`].
    pub fn inside(folder: &Path) -> Result<Self, TableError> {
        let made = Made::missing(folder)?;
        let mut lock = patiently(|| Self::hold(folder.join(".lock"), folder))?;
        lock.made = Some(made);
        Ok(lock)
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
            let file = open_own(&path, true).map_err(TableError::io(&path, "create the file"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(TableError::Busy { path: target.to_path_buf() }),
                Err(TryLockError::Error(source)) => return Err(TableError::io(&path, "lock the file")(source)),
            }
            if is_at(&file, &path).map_err(TableError::io(&path, "lock the file"))? {
                return Ok(Self { path, file, made: None });
            }
        }
    }
}

impl Drop for Lock {
    /// The file goes before the lock: nobody finds it free and then gone. One with content is somebody's, and stays.
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|found| found.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
        drop(self.made.take());
    }
}

/// How often, and how long apart, a lock is tried that is held.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// Who looks whether a lock is free, or clears what its dead holder left, holds it for a moment, a long one where the
/// machine is busy: that is waited for.
fn patiently(hold: impl Fn() -> Result<Lock, TableError>) -> Result<Lock, TableError> {
    for _ in 0..TRIES {
        match hold() {
            Err(TableError::Busy { .. }) => thread::sleep(PAUSE),
            held => return held,
        }
    }
    hold()
}

/// Opens a file that is to be ours and may be another's: neither through a link nor waiting for the other end of a pipe,
/// and what is in it stays.
fn open_own(path: &Path, create: bool) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(create).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Fewer bits than an `i32` has.
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| if path.is_symlink() { not_a_file() } else { error })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

fn not_a_file() -> io::Error {
    io::Error::other("expected a file, found a link, a pipe or a device")
}

/// Removes a file that its maker locks as long as he lives, unless he does.
pub(super) fn remove_unless_held(path: &Path) -> io::Result<()> {
    let file = open_own(path, false)?;
    if file.try_lock().is_ok() { fs::remove_file(path) } else { Ok(()) }
}

/// Whether somebody holds the lock of a file. One that cannot be asked counts as held.
pub(super) fn is_held(path: &Path) -> bool {
    match open_own(path, false) {
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
