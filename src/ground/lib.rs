//! What every room stands on, and what several of them share: settings and suggested names, random numbers, threads;
//! the words for figures ([`mod@scope`], [`pattern`], [`figure`], [`counts`]); text as people see it ([`excerpt`],
//! [`aligned`], [`spacing`]); identities of what is made ([`identity`]) and of what is spoken of ([`curie`],
//! [`variant`]), the manifest of a run ([`manifest`]); what work tells while it goes on ([`observe`]), what to do next
//! where it fails ([`hint`]), and whether it is to stop ([`interrupt`]).
//!
//! This crate knows no table, no tensor and no document.

pub mod aligned;
mod bases;
pub mod caught;
pub mod choice;
pub mod counts;
pub mod curie;
pub mod excerpt;
pub mod figure;
pub mod parsed;
pub mod pattern;
pub mod identity;
pub mod manifest;
pub mod hint;
pub mod interrupt;
pub mod observe;
pub mod random;
pub mod resample;
pub mod scope;
pub mod script;
pub mod settings;
pub mod spacing;
pub mod suggest;
pub mod variant;
pub mod workers;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

// For what `choice!` makes elsewhere.
#[doc(hidden)]
pub use serde;

/// A count as tables have it. More than 4 billion of what one document has is a fault of docre's, which a debug build
/// tells: readers bound what they take.
pub fn whole(count: usize) -> u32 {
    debug_assert!(u32::try_from(count).is_ok(), "expected a count below 2^32, got {count}");
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What the system found; `None` where it says that nothing is there. What it cannot say, such as where it refuses to
/// look, stays an error.
///
/// # Errors
/// Where the system cannot tell.
pub fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        found => found.map(Some),
    }
}

/// Items up to the first error: who asks on behind it is told that there are no more, not what comes after a gap.
pub fn up_to_error<T, E>(mut next: impl FnMut() -> Result<Option<T>, E>) -> impl Iterator<Item = Result<T, E>> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let item = next();
        ended = !matches!(item, Ok(Some(_)));
        item.transpose()
    })
}

/// What a folder is called: where its path ends with no name, as `.` and `..` do, what the folder that it leads to has.
pub fn folder_name(path: &Path) -> String {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    name(path).or_else(|| name(&std::fs::canonicalize(path).ok()?)).unwrap_or_default()
}

/// Opens a file to read. What is no file is refused before it is opened: a pipe that stands where a file should has
/// nobody who writes, and would be waited for without end.
///
/// # Errors
/// Where the system refuses, or something else stands there.
pub fn open_file(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "expected a file, found something else"));
    }
    File::open(path)
}

/// The bytes of a file, which is opened as by [`open_file`].
///
/// # Errors
/// As [`open_file`].
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file, which is opened as by [`open_file`].
///
/// # Errors
/// As [`open_file`], and where it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    io::read_to_string(open_file(path)?)
}

/// Whether what a file begins with is what Git LFS leaves in the place of a large one: a pointer to it.
pub fn is_pointer(start: &[u8]) -> bool {
    start.starts_with(b"version https://git-lfs")
}

/// A number as its shortest digits say it: widened, 0.1 would be 0.10000000149.
pub fn by_digits(number: f32) -> f64 {
    let parsed = number.to_string().parse();
    debug_assert!(parsed.is_ok(), "what is written as a number is one");
    parsed.unwrap_or_else(|_| f64::from(number))
}

/// A text that repeats often, such as a document's name down a column: cheap to copy.
pub type Text = Arc<str>;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_own_digits() {
        for (number, expected) in [(0.1_f32, 0.1), (0.105, 0.105), (1.0, 1.0), (f32::MIN_POSITIVE, 1.175_494_4e-38)] {
            assert!(by_digits(number).to_bits() == f64::to_bits(expected), "{number}");
        }
        assert!(by_digits(f32::NAN).is_nan() && by_digits(f32::NEG_INFINITY).is_infinite());
    }

    #[test]
    fn folders_have_names_whatever_their_paths_end_with() {
        let here = std::env::current_dir().unwrap();
        let name = |path: Option<&Path>| path.unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let own = name(Some(&here));
        let found = ["a/b", "a/b/", "a/b/.", ".", "", "./", ".."].map(|path| folder_name(Path::new(path)));
        assert_eq!(found, ["b".into(), "b".into(), "b".into(), own.clone(), own.clone(), own, name(here.parent())]);
    }
}
