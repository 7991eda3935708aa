//! What a thing is made from, as one short text: equal identities, equal things.
//!
//! An identity is a hash over named fields. Each name and value stands behind its length, so that no two lists of fields
//! run together; a value is canonical JSON (keys sorted, numbers in their shortest exact form), never `Debug` text, which
//! no one promises to keep. The program's build is part of every identity: a changed program makes its things again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use crate::{interrupt, present};

static BUILD: OnceLock<&'static str> = OnceLock::new();

/// Says which build of the program this is; the first that is told counts. A program does so before it does anything
/// else. It is told, not found out here: this crate stands below all others, and were their sources a part of it, an edit
/// of any would build every one anew.
pub fn set_build(build: &'static str) {
    let _ = BUILD.set(build);
}

/// The build that was told; for programs that tell none, this crate's version.
pub fn build() -> &'static str {
    BUILD.get().copied().unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// An identity in the making.
#[derive(Debug, Clone)]
pub struct Identity(Fields);

impl Identity {
    /// That of a thing of some kind, as this build makes it.
    pub fn of(kind: &str) -> Self {
        Self::by(build(), kind)
    }

    fn by(build: &str, kind: &str) -> Self {
        let mut fields = Fields::default();
        fields.add(b"build", build.as_bytes());
        fields.add(b"kind", kind.as_bytes());
        Self(fields)
    }

    /// With a value.
    #[must_use]
    pub fn field(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        let text = match serde_json::to_value(value) {
            Ok(value) => canonical(&value),
            Err(error) => {
                debug_assert!(false, "identity: field `{name}`: expected what JSON can hold: {error}");
                // No JSON, so that it is not taken for a value.
                error.to_string()
            }
        };
        self.bytes(name, text.as_bytes())
    }

    /// With bytes as they are.
    #[must_use]
    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        self.0.add(name.as_bytes(), bytes);
        self
    }

    /// With whole numbers: as a field, but without the text of a long list in memory.
    #[must_use]
    pub fn numbers(self, name: &str, numbers: impl IntoIterator<Item = u64>) -> Self {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        self.bytes(name, &bytes)
    }

    /// With what stands at a path; see [`content`].
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn file(self, name: &str, path: &Path) -> io::Result<Self> {
        let content = content(path)?;
        Ok(self.bytes(name, content.as_bytes()))
    }

    /// The identity, 128 bits in hexadecimal.
    pub fn finish(self) -> String {
        short(self.0.0.finalize())
    }
}

/// Names and values, each behind its length.
#[derive(Debug, Clone, Default)]
struct Fields(blake3::Hasher);

impl Fields {
    fn add(&mut self, name: &[u8], value: &[u8]) {
        for bytes in [name, value] {
            self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        }
    }
}

/// A value's one text. Keys are sorted here: that a map of the JSON library is, hangs on its features.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            let field =
                |(name, value): (&String, &Value)| format!("{}:{}", Value::from(name.as_str()), canonical(value));
            let fields: Vec<String> = fields.into_iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        plain => plain.to_string(),
    }
}

/// A short hash of bytes, for data: 128 bits in hexadecimal. Other than an [`Identity`], it is the same in every build.
pub fn digest(bytes: &[u8]) -> String {
    short(blake3::hash(bytes))
}

/// The same of bytes that come one after the other.
#[derive(Debug, Clone, Default)]
pub struct Digest(blake3::Hasher);

impl Digest {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// That of all bytes.
    pub fn finish(self) -> String {
        short(self.0.finalize())
    }
}

/// The same as a key to look up by.
pub fn key(bytes: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    key
}

/// Sixteen digits that tell a name from others, where it cannot be told by itself.
pub fn mark(name: &str) -> String {
    let mut mark = digest(name.as_bytes());
    mark.truncate(16);
    mark
}

/// Half of a hash: no two contents will share it by chance.
fn short(hash: blake3::Hash) -> String {
    hash.to_hex()[..32].to_owned()
}

/// The digest of a file's content or, of a folder, of all files below it with their paths in it. The same in every
/// build, on every machine and with any number of threads. Content is always read: no time stamp can hide a change.
///
/// # Errors
/// Where something cannot be read, or is neither a file nor a folder.
pub fn content(path: &Path) -> io::Result<String> {
    content_without(path, None)
}

/// The same of a folder without a file in it, where that is there.
///
/// # Errors
/// As [`content`].
pub fn content_without(path: &Path, file: Option<&str>) -> io::Result<String> {
    if !path.is_dir() {
        return Ok(short(file_content(path)?));
    }
    let mut files = Vec::new();
    list(path, &mut Vec::new(), &mut vec![path.canonicalize()?], &mut files)?;
    files.retain(|(steps, _)| file.is_none_or(|file| steps != file.as_bytes()));
    files.sort();
    let hashes = files.par_iter().map(|(_, file)| file_content(file)).collect::<io::Result<Vec<_>>>()?;
    let mut fields = Fields::default();
    for ((name, _), hash) in files.iter().zip(hashes) {
        fields.add(name, hash.as_bytes());
    }
    Ok(short(fields.0.finalize()))
}

fn file_content(path: &Path) -> io::Result<blake3::Hash> {
    if !path.metadata()?.is_file() {
        let reason = "expected a file or a folder, got a pipe or device: a source is read twice, once to identify it";
        return Err(io::Error::other(reason));
    }
    Ok(blake3::Hasher::new().update_reader(Asking(File::open(path)?))?.finalize())
}

/// A large file, whose reading ends where the program is told to stop.
struct Asking(File);

impl Read for Asking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        interrupt::check()?;
        self.0.read(buffer)
    }
}

/// The files below a folder, each with the steps to it, in the same bytes on every system. `way` is the folders in which
/// links were taken: one that leads back to them, or nowhere, is passed over.
fn list(
    folder: &Path,
    steps: &mut Vec<u8>,
    way: &mut Vec<PathBuf>,
    files: &mut Vec<(Vec<u8>, PathBuf)>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, before, n_links) = (entry.path(), steps.len(), way.len());
        if entry.file_type()?.is_symlink() {
            let Ok(target) = path.canonicalize() else { continue };
            way.push(folder.canonicalize()?);
            if way.iter().any(|above| above.starts_with(&target)) {
                way.truncate(n_links);
                continue;
            }
            way.push(target);
        }
        steps.extend_from_slice(entry.file_name().as_encoded_bytes());
        if path.is_dir() {
            steps.push(b'/');
            list(&path, steps, way, files)?;
        } else {
            files.push((steps.clone(), path));
        }
        steps.truncate(before);
        way.truncate(n_links);
    }
    Ok(())
}

/// What stands at some paths, each read once.
#[derive(Debug, Clone, Default)]
pub struct Contents(BTreeMap<PathBuf, String>);

impl Contents {
    /// The [`content`] of a path, read where it is not known; `None` where nothing is there.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(&mut self, path: &Path) -> io::Result<Option<String>> {
        if let Some(known) = self.known(path) {
            return Ok(Some(known.to_owned()));
        }
        if present(fs::metadata(path))?.is_none() {
            return Ok(None);
        }
        let content = content(path)?;
        self.set(path.to_path_buf(), content.clone());
        Ok(Some(content))
    }

    /// That of a path which was read or told before.
    pub fn known(&self, path: &Path) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Tells that of a path.
    pub fn set(&mut self, path: PathBuf, content: String) {
        self.0.insert(path, content);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_has_one_text() {
        let value = json!({"b": [1, 1.0, 0.1, 1e-5, -0.0, 1e300], "a": {"z": null, "y": "\"\n"}});
        assert_eq!(canonical(&value), r#"{"a":{"y":"\"\n","z":null},"b":[1,1.0,0.1,0.00001,-0.0,1e+300]}"#);
        // Exact, though the text of the single is longer than it was written: its own number, not the double's.
        assert_eq!(canonical(&serde_json::to_value(0.1f32).unwrap()), "0.10000000149011612");
    }

    #[test]
    fn another_build_is_another_identity() {
        let [one, other] = ["one", "other"].map(|build| Identity::by(build, "score").field("seed", &1).finish());
        assert_ne!(one, other);
        assert_ne!(Identity::by("ab", "c").finish(), Identity::by("a", "bc").finish());
    }
}
