//! What stands aside for a moment while another takes its name, and is found there.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use ground::present;

use super::TableError;
use super::beside::{sibling, through};

/// The role of the sibling that holds old content between two renames.
pub(super) const ASIDE: &str = "replaced";

/// Where what bears a name is to be read: under it, or beside it where a process died when it stood aside. Nothing is
/// moved, as a writer may be at work on it.
pub fn found_under(path: &Path) -> Cow<'_, Path> {
    if matches!(present(fs::metadata(path)), Ok(None))
        && let Ok(target) = through(path)
    {
        let aside = sibling(&target, ASIDE);
        if aside.is_dir() {
            return Cow::Owned(aside);
        }
    }
    Cow::Borrowed(path)
}

/// The path for which a hidden folder stands, by [`found_under`]; for whoever lists a folder.
pub fn stands_for(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(ASIDE)?.strip_suffix('.')?;
    let named = path.with_file_name(name);
    (!name.is_empty() && found_under(&named) == path).then_some(named)
}

/// Whether anything bears a name, a link that leads nowhere included.
pub(super) fn stands(path: &Path) -> Result<bool, TableError> {
    Ok(present(fs::symlink_metadata(path)).map_err(TableError::io(path, "look at it"))?.is_some())
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
    fn what_stands_aside_is_found_through_a_link() {
        let above = TempDir::new().unwrap();
        let [target, aside] = ["target", ".target.replaced"].map(|name| above.path().join(name));
        folder(&aside, "old");
        assert_eq!(found_under(&target), aside);
        assert_eq!(stands_for(&aside), Some(target.clone()));
        #[cfg(unix)]
        {
            let link = above.path().join("link");
            std::os::unix::fs::symlink("target", &link).unwrap();
            assert_eq!(found_under(&link), aside);
        }
        folder(&target, "new");
        assert_eq!(found_under(&target), target);
        assert_eq!(stands_for(&aside), None);
    }
}
