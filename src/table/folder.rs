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
    if path.as_os_str().is_empty() || is_folder(path)? {
        return Ok(());
    }
    let target = &*through(path)?;
    make_folder(parent(target))?;
    match fs::create_dir(target) {
        // Another process may make it at the same time.
        Err(found) if found.kind() == ErrorKind::AlreadyExists && is_folder(target)? => Ok(()),
        made => made.map_err(TableError::io(target, "create the folder")),
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
