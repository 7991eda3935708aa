//! What processes that were killed have left in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::beside::sibling;
use super::lock::is_held;
use super::ours::Ours;
use super::staging::Staging;

/// Clears what writers of folders in `folder` have left that were killed: hidden siblings, which their lock without a
/// holder betrays. What stood aside is put back. What a living process holds stays, and so does what is not `ours`.
///
/// A stage calls this before it looks whether its own output is up to date: such a stage begins no [`Staging`], and those
/// of others are in the same folder. Nothing hangs on it, so that what the system refuses is left for the next.
pub fn clear_leftovers(folder: &Path, ours: Ours) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    let targets = entries.filter_map(|entry| locked(&entry.ok()?.path()));
    let left: Vec<PathBuf> = targets.filter(|target| is_left(target, ours)).collect();
    for target in left {
        // Under the lock: begun and given up, it leaves what stands under the name alone.
        drop(Staging::begin_over(&target, ours));
    }
}

/// What the lock of this name keeps others from.
fn locked(lock: &Path) -> Option<PathBuf> {
    let name = lock.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(".lock")?;
    (!name.is_empty()).then(|| lock.with_file_name(name))
}

/// Whether a dead process was at work on a folder of ours. Another program's lock stands beside none.
fn is_left(target: &Path, ours: Ours) -> bool {
    let lock = sibling(target, "lock");
    let is_lock = fs::symlink_metadata(&lock).is_ok_and(|found| found.is_file() && found.len() == 0);
    let stands = |place: &Path| fs::symlink_metadata(place).is_ok();
    let is_whole = |place: &Path| fs::symlink_metadata(place).is_ok_and(|found| found.is_dir()) && (ours.is)(place);
    let places = [sibling(target, "partial"), sibling(target, "replaced")];
    let mut left = places.iter().filter(|place| stands(place));
    is_lock
        && (stands(target) || places.iter().any(|place| stands(place)))
        && (!stands(target) || is_whole(target))
        && left.all(|place| ours.is_left(place))
        && !is_held(&lock)
}
