//! Encoders by name: in the cache that Hugging Face's tools keep, or, with the feature `hub`, downloaded into it.

#[cfg(feature = "hub")]
mod download;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// An encoder that is not at hand.
#[derive(Debug, thiserror::Error)]
#[error("encoder `{name}`: no such folder, and not in the Hugging Face cache {}{reason}\nhint: {hint}", cache.display())]
pub struct NotFound {
    name: String,
    cache: PathBuf,
    /// Why it could not be downloaded either.
    reason: String,
    hint: String,
}

/// The folder of an encoder, given by its path or as `org/name` of one that is in the Hugging Face cache
/// (`HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`). With the feature `hub`, one that is not there
/// is downloaded from `HF_ENDPOINT`, or else Hugging Face, unless `HF_HUB_OFFLINE` is set.
///
/// # Errors
/// Where it is in none of these places.
pub fn resolve(name: &str) -> Result<PathBuf, NotFound> {
    let folder = Path::new(name);
    if folder.is_dir() {
        return Ok(folder.to_path_buf());
    }
    let cache = cache();
    resolve_in(&cache, name).or_else(|not_found| fetch(&cache, not_found))
}

#[cfg(not(feature = "hub"))]
fn fetch(_: &Path, not_found: NotFound) -> Result<PathBuf, NotFound> {
    Err(not_found)
}

#[cfg(feature = "hub")]
fn fetch(cache: &Path, not_found: NotFound) -> Result<PathBuf, NotFound> {
    let switch = env::var("HF_HUB_OFFLINE").unwrap_or_default().to_lowercase();
    let reason = if ["1", "true", "yes", "on"].contains(&&*switch) {
        "; `HF_HUB_OFFLINE` forbids a download".to_owned()
    } else if !is_name(&not_found.name) {
        String::new()
    } else if let Err(error) = download::download(cache, &not_found.name) {
        format!("; its download failed: {error}")
    } else {
        return resolve_in(cache, &not_found.name);
    };
    Err(NotFound { reason, ..not_found })
}

/// As [`resolve`], in a given cache.
///
/// # Errors
/// Where the cache has no complete snapshot of that name.
pub fn resolve_in(cache: &Path, name: &str) -> Result<PathBuf, NotFound> {
    snapshot(cache, name).ok_or_else(|| NotFound {
        name: name.to_owned(),
        cache: cache.to_path_buf(),
        reason: String::new(),
        hint: format!("download it where there is a network (`hf download {name}`), or give the path of a folder"),
    })
}

/// `models--ORG--NAME/snapshots/COMMIT`, with the commit that `refs/main` names.
fn snapshot(cache: &Path, name: &str) -> Option<PathBuf> {
    if !is_name(name) {
        return None;
    }
    let model = cache.join(format!("models--{}", name.replace('/', "--")));
    let commit = fs::read_to_string(model.join("refs/main")).ok()?;
    let snapshot = model.join("snapshots").join(commit.trim());
    snapshot.join("config.json").is_file().then_some(snapshot)
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
