//! Which files are the sources: those that are named, those in a folder, and those that a pattern fits.

use std::fs;
use std::path::{Path, PathBuf};

use ground::present;

use crate::error::CorpusError;

/// How files begin that explain a corpus.
const ABOUT: [&str; 8] = ["readme", "license", "licence", "copying", "notice", "changelog", "citation", "makefile"];
/// How such files end.
const PROSE: [&str; 6] = ["md", "rst", "pdf", "html", "htm", "docx"];
/// Names of files left aside that are told.
const SHOWN: usize = 5;

/// The sources of a conversion.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Their paths in order.
    pub(crate) paths: Vec<PathBuf>,
    /// What is to be said of files that were left aside, a line a folder.
    pub(crate) aside: Vec<String>,
}

impl Listing {
    /// What is meant by some paths. A folder means the files in it, unless the format has `folders` as sources; a path
    /// with `*`, `?` or `[…]` that is not there means those that it fits.
    ///
    /// # Errors
    /// Where a pattern fits nothing, or a folder holds no data or cannot be listed.
    pub(crate) fn of(paths: &[PathBuf], folders: bool) -> Result<Self, CorpusError> {
        let mut listing = Self::default();
        for path in paths {
            match pattern(path) {
                None => listing.add(path, folders)?,
                Some(pattern) => {
                    for path in fitting(path, pattern)? {
                        listing.add(&path, folders)?;
                    }
                }
            }
        }
        Ok(listing)
    }

    fn add(&mut self, path: &Path, folders: bool) -> Result<(), CorpusError> {
        if folders || !path.is_dir() {
            self.paths.push(path.to_path_buf());
            return Ok(());
        }
        let unread = |source| CorpusError::Read { path: path.to_path_buf(), source };
        let entries = fs::read_dir(path).map_err(unread)?;
        let mut names: Vec<_> =
            entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_, _>>().map_err(unread)?;
        names.sort();
        let (mut found, mut aside) = (Vec::new(), Vec::new());
        for name in names {
            let file = path.join(&name);
            let has_data = file.metadata().is_ok_and(|file| file.is_file() && file.len() > 0);
            if has_data && !is_aside(&name.to_string_lossy()) {
                found.push(file);
            } else {
                aside.push(name.to_string_lossy().into_owned());
            }
        }
        if found.is_empty() {
            let reason = "expected files of a corpus in the folder, found none".to_owned();
            return Err(CorpusError::Format { path: path.to_path_buf(), reason });
        }
        self.paths.append(&mut found);
        self.aside.extend(told(path, "left aside", &aside));
        Ok(())
    }

    /// Notes the links that are left aside in each folder that is a source.
    pub(crate) fn note_links(&mut self, links: impl Fn(&Path) -> Vec<String>) {
        let folders = self.paths.iter().filter(|path| path.is_dir());
        let told: Vec<String> = folders.filter_map(|folder| told(folder, "links left aside", &links(folder))).collect();
        self.aside.extend(told);
    }
}

fn told(folder: &Path, what: &str, aside: &[String]) -> Option<String> {
    let shown = aside.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = aside.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!aside.is_empty()).then(|| format!("{}: {what}: {shown}{more}", folder.display()))
}

/// Whether a file of this name in a folder or an archive is clearly none of the corpus: hidden, or about it.
pub(crate) fn is_aside(name: &str) -> bool {
    let hidden = name.split('/').any(|step| step.starts_with('.') && step != "." && step != "..");
    let last = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let is_about =
        |stem: &&str| last.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']));
    let ending = Path::new(&last).extension().map(|ending| ending.to_string_lossy().into_owned());
    hidden || ABOUT.iter().any(is_about) || ending.is_some_and(|ending| PROSE.contains(&&*ending))
}

/// A path as a pattern, where it is one and nothing bears it as its name.
fn pattern(path: &Path) -> Option<&str> {
    let text = path.to_str().filter(|text| text.contains(['*', '?', '[']))?;
    matches!(present(fs::symlink_metadata(path)), Ok(None)).then_some(text)
}

/// The paths that a pattern fits, in order; hidden ones only where it says so.
fn fitting(path: &Path, pattern: &str) -> Result<Vec<PathBuf>, CorpusError> {
    let wrong = |reason: String| CorpusError::Format { path: path.to_path_buf(), reason };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let found = glob::glob_with(pattern, options).map_err(|error| wrong(format!("no pattern of paths: {error}")))?;
    let unread = |error: glob::GlobError| CorpusError::Read { path: error.path().to_path_buf(), source: error.into() };
    let paths: Vec<PathBuf> = found.map(|path| path.map_err(unread)).collect::<Result<_, _>>()?;
    if paths.is_empty() {
        return Err(wrong("expected files that the pattern fits, found none".to_owned()));
    }
    Ok(paths)
}
