//! Encoders by name, in the cache that Hugging Face's tools keep. Nothing is ever downloaded here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// An encoder that is not at hand.
#[derive(Debug, thiserror::Error)]
#[error("encoder `{name}`: no such folder, and not in the Hugging Face cache {}\nhint: {hint}", cache.display())]
pub struct NotFound {
    name: String,
    cache: PathBuf,
    hint: String,
}

/// The folder of an encoder, given by its path or as `org/name` of one that is in the Hugging Face cache
/// (`HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`).
///
/// # Errors
/// Where it is in neither place.
pub fn resolve(name: &str) -> Result<PathBuf, NotFound> {
    let folder = Path::new(name);
    if folder.is_dir() {
        return Ok(folder.to_path_buf());
    }
    resolve_in(&cache(), name)
}

/// As [`resolve`], in a given cache.
///
/// # Errors
/// Where the cache has no complete snapshot of that name.
pub fn resolve_in(cache: &Path, name: &str) -> Result<PathBuf, NotFound> {
    snapshot(cache, name).ok_or_else(|| NotFound {
        name: name.to_owned(),
        cache: cache.to_path_buf(),
        hint: format!("download it where there is a network (`hf download {name}`), or give the path of a folder"),
    })
}

/// `models--ORG--NAME/snapshots/COMMIT`, with the commit that `refs/main` names.
fn snapshot(cache: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\\');
    if name.split('/').count() > 2 || !name.split('/').all(is_plain) {
        return None;
    }
    let model = cache.join(format!("models--{}", name.replace('/', "--")));
    let commit = fs::read_to_string(model.join("refs/main")).ok()?;
    let snapshot = model.join("snapshots").join(commit.trim());
    snapshot.join("config.json").is_file().then_some(snapshot)
}

fn cache() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HF_HUB_CACHE")
        .or_else(|| set("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .unwrap_or_else(|| set("HOME").unwrap_or_default().join(".cache/huggingface/hub"))
}
