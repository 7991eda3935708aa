//! Finished outputs into their places in the run folder.

use std::fs;
use std::io;
use std::path::Path;

/// Puts a finished file or folder at `target`, in place of what stood there. `made` stays where it is, so that a run
/// that is killed before the manifest knows of it has lost nothing. Works in `folder`, under names that bear `role`.
///
/// # Errors
/// Where the file system refuses; the old content stands then.
pub fn install(made: &Path, target: &Path, folder: &Path, role: &str) -> io::Result<()> {
    let (new, aside) = (folder.join(format!(".new-{role}")), folder.join(format!(".old-{role}")));
    // Either may be left by a run that was killed in between.
    remove(&new)?;
    remove(&aside)?;
    link(made, &new)?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    if !target.exists() {
        return fs::rename(&new, target);
    }
    fs::rename(target, &aside)?;
    // Put the old content back: a failed run must cost nothing that was there.
    fs::rename(&new, target).inspect_err(|_| drop(fs::rename(&aside, target)))
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    }
}

/// A second name for every file; a copy where the file system has no such names.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop));
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
