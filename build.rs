//! Which build of docre this is: a hash of what it is built from. The same sources give the same one on any machine, into
//! any target folder; from a packed crate too, which has the other crates in its lock file, by their checksums.
//!
//! It is found here, at the root: were it a part of a crate below, an edit anywhere would build all above it anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the program is built from, where it is there.
const SOURCES: [&str; 5] = ["Cargo.lock", "Cargo.toml", "build.rs", "schemas", "src"];

/// What stands among them and is built from the program: the Python package.
const ASIDE: &str = "src/python";

fn main() -> io::Result<()> {
    let root = Path::new(".");
    for source in SOURCES.iter().filter(|source| **source != "src" && root.join(source).exists()) {
        println!("cargo::rerun-if-changed={source}");
    }
    for entry in fs::read_dir(root.join("src"))? {
        let source = format!("src/{}", entry?.file_name().to_string_lossy());
        if source != ASIDE {
            println!("cargo::rerun-if-changed={source}");
        }
    }
    println!("cargo::rustc-env=DOCRE_BUILD={}", identity(root)?);
    Ok(())
}

/// The identity of the sources below a folder.
pub fn identity(root: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        list(&root.join(source), source.to_owned(), &mut files)?;
    }
    files.sort();
    let mut hash = Fnv::default();
    for (name, path) in files {
        let content = fs::read(path)?;
        for bytes in [name.as_bytes(), &content] {
            hash.add(&(bytes.len() as u64).to_le_bytes());
            hash.add(bytes);
        }
    }
    Ok(format!("{:032x}", hash.0))
}

/// Adds the files at a path, with their names as seen from the root.
fn list(path: &Path, name: String, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let step = entry.file_name().to_string_lossy().into_owned();
            let name = format!("{name}/{step}");
            // Hidden ones are those of editors; prose is not built.
            if name != ASIDE && !step.starts_with('.') && entry.path().extension().is_none_or(|ending| ending != "md") {
                list(&entry.path(), name, files)?;
            }
        }
    } else if path.exists() {
        files.push((name, path.to_path_buf()));
    }
    Ok(())
}

/// FNV-1a with 128 bits (Fowler, Noll and Vo): builds are told apart, nobody is kept from forging one, so a
/// dozen lines do, and no crate is compiled before the first.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
