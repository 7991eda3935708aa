//! Folders that are made where they are missing, and what stands in their way.

use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ground::present;

use super::TableError;
use super::beside::{parent, through};

/// Makes a folder and those above it, where they are missing. Through a link, what it points to is made.
///
/// # Errors
/// Where what is no folder stands in the way, or the system refuses.
pub fn make_folder(path: &Path) -> Result<(), TableError> {
    Made::missing(path).map(Made::keep)
}

/// Folders that were made where they were missing: those to which nothing came until this is dropped go again.
#[derive(Debug)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder, and its like above it, as [`make_folder`] does.
    pub(super) fn missing(path: &Path) -> Result<Self, TableError> {
        let mut made = Self(Vec::new());
        made.make(path)?;
        Ok(made)
    }

    fn make(&mut self, path: &Path) -> Result<(), TableError> {
        if path.as_os_str().is_empty() || is_folder(path)? {
            return Ok(());
        }
        let target = &*through(path)?;
        self.make(parent(target))?;
        match fs::create_dir(target) {
            Ok(()) => self.0.push(target.to_path_buf()),
            // Another process may make it at the same time.
            Err(found) if found.kind() == ErrorKind::AlreadyExists && is_folder(target)? => {}
            Err(source) => return Err(TableError::io(target, "create the folder")(source)),
        }
        Ok(())
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // The lowest first. The system removes none in which there is anything.
        let _ = self.0.iter().rev().try_for_each(fs::remove_dir);
    }
}

/// Refuses a file's path where no folder is there for it.
pub(super) fn check_above(path: &Path) -> Result<(), TableError> {
    let folder = parent(path);
    if is_folder(folder)? {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().into();
    Err(TableError::NoFolder { folder: folder.to_path_buf(), name })
}

/// That what stands at a path is somebody's.
pub fn not_ours(path: PathBuf) -> TableError {
    match fs::symlink_metadata(&path) {
        Ok(found) if !found.is_dir() => TableError::Taken { path, found: called(found.file_type()) },
        _ => TableError::Foreign { path },
    }
}

fn is_folder(path: &Path) -> Result<bool, TableError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            Err(TableError::NotAFolder { path: path.to_path_buf(), found: called(found.file_type()) })
        }
        // A file above counts as nothing here, and is told when its turn comes.
        found => Ok(present(found).map_err(TableError::io(path, "look at it"))?.is_some()),
    }
}

/// What people call it.
pub(super) fn called(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_file() => "a file",
        kind if kind.is_symlink() => "a link",
        _ => "something else",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use tempfile::TempDir;

    use super::super::{Lock, Staging};
    use super::*;

    #[test]
    fn folders_to_which_nothing_came_go_again() {
        let above = TempDir::new().unwrap();
        let [top, deep] = ["a", "a/b/c"].map(|path| above.path().join(path));
        drop(Made::missing(&deep).unwrap());
        assert!(!top.exists());
        drop(Lock::inside(&deep).unwrap());
        assert!(!top.exists());
        let two = [deep.join("one"), deep.join("two")].map(|target| Staging::begin(&target).unwrap());
        assert!(deep.exists());
        two.into_iter().rev().for_each(drop);
        assert!(!top.exists());
        let made = Made::missing(&deep).unwrap();
        fs::write(top.join("mine"), "").unwrap();
        drop(made);
        assert!(top.join("mine").exists() && !top.join("b").exists());
        drop(Made::missing(&top).unwrap());
        Staging::begin(&deep).unwrap().commit().unwrap();
        make_folder(&deep.join("kept")).unwrap();
        assert!(deep.join("kept").exists());
    }
}
