//! Encoders by name: in the cache that Hugging Face's tools keep, or, with the feature `hub`, downloaded into it.

#[cfg(feature = "hub")]
mod download;

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ground::hint::{Hint, Words};
use ground::present;

/// An encoder that is not at hand.
#[derive(Debug, thiserror::Error)]
#[error("encoder `{name}`: no such folder, and not in the Hugging Face cache {}{reason}", cache.display())]
pub struct NotFound {
    name: String,
    cache: PathBuf,
    /// Why it could not be downloaded either.
    reason: String,
}

impl Hint for NotFound {
    fn hint(&self) -> Option<Words> {
        let name = &self.name;
        // A folder of that owner's name here makes it a path, which leads nowhere.
        let above = Path::new(name).parent().filter(|above| !above.as_os_str().is_empty());
        if !is_name(name) || above.is_some_and(Path::is_dir) {
            return Some("give the path of a folder, or a name of the hub's, `org/name`".into());
        }
        Some(
            format!("download it where there is a network (`hf download {name}`), or give the path of a folder").into(),
        )
    }
}

/// The folder of an encoder, given by its path or as `org/name` of one that is in the Hugging Face cache
/// (`HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`). Looks on this machine alone.
///
/// # Errors
/// Where it is in neither place.
pub fn find(name: &str) -> Result<PathBuf, NotFound> {
    let folder = Path::new(name);
    match present(fs::metadata(folder)) {
        Ok(Some(found)) if found.is_dir() => Ok(folder.to_path_buf()),
        Ok(_) => resolve_in(&cache(), name),
        Err(refused) => Err(unseen(&cache(), name, &refused)),
    }
}

/// The folder of an encoder that is needed now: as [`find`], but with the feature `hub` one that is not there is
/// downloaded from `HF_ENDPOINT`, or else Hugging Face, where [`is_fetched`] says so.
///
/// # Errors
/// Where it is in none of these places.
pub fn resolve(name: &str) -> Result<PathBuf, NotFound> {
    // What cannot be looked at may be there: the hub is not asked for it.
    find(name).or_else(|not_found| if not_found.reason.is_empty() { fetch(not_found) } else { Err(not_found) })
}

/// Whether [`resolve`] asks the hub for an encoder of this name that is not on this machine: with the feature `hub`,
/// unless `HF_HUB_OFFLINE` is set or the name is that of a path.
pub fn is_fetched(name: &str) -> bool {
    cfg!(feature = "hub") && obstacle(name, is_offline()).is_none()
}

#[cfg(not(feature = "hub"))]
fn fetch(not_found: NotFound) -> Result<PathBuf, NotFound> {
    Err(not_found)
}

#[cfg(feature = "hub")]
fn fetch(not_found: NotFound) -> Result<PathBuf, NotFound> {
    let reason = if let Some(obstacle) = obstacle(&not_found.name, is_offline()) {
        obstacle
    } else if let Err(error) = download::download(&not_found.cache, &not_found.name) {
        format!("; its download failed: {error}")
    } else {
        return resolve_in(&not_found.cache, &not_found.name);
    };
    Err(NotFound { reason, ..not_found })
}

/// What keeps a name from being asked of the hub, as the end of an error's words; `None`: nothing.
fn obstacle(name: &str, is_offline: bool) -> Option<String> {
    let folder = name.split_once('/').map(|(folder, _)| folder).filter(|folder| Path::new(folder).exists());
    if !is_name(name) {
        Some(String::new())
    } else if is_offline {
        Some("; `HF_HUB_OFFLINE` forbids a download".to_owned())
    } else {
        folder.map(|folder| format!("; `{folder}` is there, so this is a path: no hub is asked for it"))
    }
}

fn is_offline() -> bool {
    let switch = env::var("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
    ["1", "true", "yes", "on"].contains(&&*switch)
}

/// The snapshot of an encoder in a given cache.
///
/// # Errors
/// Where the cache has no complete snapshot of that name.
fn resolve_in(cache: &Path, name: &str) -> Result<PathBuf, NotFound> {
    match snapshot(cache, name) {
        Ok(Some(snapshot)) => Ok(snapshot),
        Ok(None) => Err(NotFound { name: name.to_owned(), cache: cache.to_path_buf(), reason: String::new() }),
        Err(refused) => Err(unseen(cache, name, &refused)),
    }
}

/// What the system refuses to look at is not absent.
fn unseen(cache: &Path, name: &str, refused: &io::Error) -> NotFound {
    NotFound { name: name.to_owned(), cache: cache.to_path_buf(), reason: format!("; cannot look: {refused}") }
}

/// `models--ORG--NAME/snapshots/COMMIT`, with the commit that `refs/main` names.
fn snapshot(cache: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    if !is_name(name) {
        return Ok(None);
    }
    let model = cache.join(format!("models--{}", name.replace('/', "--")));
    let Some(commit) = present(fs::read_to_string(model.join("refs/main")))? else { return Ok(None) };
    let snapshot = model.join("snapshots").join(commit.trim());
    let found = present(fs::metadata(snapshot.join("config.json")))?;
    Ok(found.is_some_and(|found| found.is_file()).then_some(snapshot))
}

/// Whether it can be a name on the hub: `NAME` or `ORG/NAME`.
fn is_name(name: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\\');
    name.split('/').count() <= 2 && name.split('/').all(is_plain)
}

fn cache() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HF_HUB_CACHE")
        .or_else(|| set("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache/huggingface/hub"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use std::fs;

    use ground::hint::Hint;

    use super::{obstacle, resolve_in};

    #[test]
    fn a_path_is_not_asked_of_the_hub() {
        for name in ["org/name", "bert-base-cased", "org/name-v1.5"] {
            assert_eq!(obstacle(name, false), None, "{name}");
            assert_eq!(obstacle(name, true).as_deref(), Some("; `HF_HUB_OFFLINE` forbids a download"), "{name}");
        }
        // The tests of a crate run in its folder, which holds this one.
        let taken = "; `hub` is there, so this is a path: no hub is asked for it";
        assert_eq!(obstacle("hub/no-such-encoder", false).as_deref(), Some(taken));
        for path in ["./encoder", "../encoder", "/encoders/tiny", "data/encoders/tiny", "encoders/"] {
            assert_eq!(obstacle(path, false).as_deref(), Some(""), "{path}");
        }
    }

    #[test]
    fn a_cached_hub_name_resolves() {
        let cache = tempfile::tempdir().unwrap();
        let error = resolve_in(cache.path(), "org/name").unwrap_err();
        assert!(!error.to_string().contains("hint"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("download it where there is a network (`hf download org/name`)"), "{hint}");
        let model = cache.path().join("models--org--name");
        let snapshot = model.join("snapshots/abc");
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir_all(model.join("refs")).unwrap();
        fs::write(model.join("refs/main"), "abc\n").unwrap();
        fs::write(snapshot.join("config.json"), "{}").unwrap();
        assert_eq!(resolve_in(cache.path(), "org/name").unwrap(), snapshot);
        for path in ["../../etc", "/nonexistent/encoder"] {
            let hint = resolve_in(cache.path(), path).unwrap_err().hint().unwrap();
            assert_eq!(hint, "give the path of a folder, or a name of the hub's, `org/name`", "{path}");
        }
    }
}
