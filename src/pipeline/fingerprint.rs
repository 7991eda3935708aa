//! The identity of what stands at a path: a hash of content and, in a folder, of names.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

/// The hash of a file's content, or of all files below a folder with their paths in it, in 128 bits of hexadecimal;
/// `None` where nothing is there. Content is always read: no time stamp can hide a change.
pub fn of(path: &Path) -> anyhow::Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    hash(path).map(Some).with_context(|| format!("{}: cannot read", path.display()))
}

fn hash(path: &Path) -> io::Result<String> {
    if !path.is_dir() {
        return Ok(short(hash_file(path)?));
    }
    let mut files = Vec::new();
    list(path, &mut files)?;
    files.sort();
    let hashes = files.par_iter().map(|file| hash_file(file)).collect::<io::Result<Vec<_>>>()?;
    let mut hasher = blake3::Hasher::new();
    for (file, hash) in files.iter().zip(hashes) {
        let name = file.strip_prefix(path).unwrap_or(file);
        hasher.update(name.as_os_str().as_encoded_bytes()).update(b"\0").update(hash.as_bytes());
    }
    Ok(short(hasher.finalize()))
}

fn hash_file(path: &Path) -> io::Result<blake3::Hash> {
    Ok(blake3::Hasher::new().update_reader(File::open(path)?)?.finalize())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Half of a hash: no two contents will share it by chance.
pub fn short(hash: blake3::Hash) -> String {
    hash.to_hex()[..32].to_owned()
}
