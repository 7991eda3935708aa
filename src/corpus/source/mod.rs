//! Where the bytes of a source come from: a file, compressed or not, a member of an archive, or the folder that is one
//! source. What a file is, its first bytes say ([`mod@unfold`]), never its name; archives are read as they come
//! ([`mod@tar`]), nothing is unpacked to disk. Which files there are, [`listing`] says.

pub(crate) mod listing;
mod header;
mod tar;
pub(crate) mod unfold;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ground::interrupt;
use table::Text;

use crate::cut::{BYTE_ORDER_MARK, CutError, Unreadable};
use crate::error::CorpusError;
use tar::Archive;
use unfold::{Content, unfold};

/// Bytes that are read at a time.
const AT_ONCE: usize = 1 << 20;
/// A file beside the sources that is longer, unfolded, is no list of names.
const LONGEST_ASIDE: u64 = 256 << 20;

/// A source that is being read.
pub type Stream = Box<dyn BufRead + Send>;

/// One source of a conversion: a file, a member of an archive, or the folder that is one.
pub struct Input {
    path: PathBuf,
    name: Text,
    /// Where it is open already.
    open: Option<Stream>,
}

impl Input {
    /// A file or folder.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), name: name_of(path), open: None }
    }

    /// Where it is; of a member, behind the path of its archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called in tables and messages: its last step; of a member, `ARCHIVE/MEMBER`.
    pub fn name(&self) -> Text {
        self.name.clone()
    }

    /// Its bytes, unfolded where they are compressed.
    ///
    /// # Errors
    /// Where it cannot be opened, or is what nobody reads as text: an archive, an image of a page.
    pub fn stream(self) -> io::Result<Stream> {
        if let Some(stream) = self.open {
            return Ok(stream);
        }
        let Content { stream, is_archive, .. } =
            unfold(Box::new(BufReader::with_capacity(AT_ONCE, File::open(self.path)?)))?;
        if is_archive {
            return Err(Unreadable::foreign("a tar archive: expected one file"));
        }
        Ok(stream)
    }
}

/// What a path is called: its last step.
pub(crate) fn name_of(path: &Path) -> Text {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into()
}

/// The content of a small file that stands beside the sources, unfolded, without a byte order mark.
///
/// # Errors
/// Where it cannot be read, or is what nobody reads as text.
pub(crate) fn read_aside(path: &Path) -> Result<Vec<u8>, CorpusError> {
    let read = || {
        let mut bytes = Vec::new();
        Input::at(path).stream()?.take(LONGEST_ASIDE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LONGEST_ASIDE {
            return Err(Unreadable::foreign("expected at most 256 MiB, unfolded, got more"));
        }
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(bytes)
    };
    read().map_err(|error: io::Error| CorpusError::of_source(path, error.into()))
}

/// Why a source, or one of the members of an archive, cannot be read.
pub(crate) struct Unopened {
    /// The file.
    pub(crate) path: PathBuf,
    /// What is wrong.
    pub(crate) error: CutError,
}

/// The sources of a conversion one after the other, those in archives too.
pub(crate) struct Sources {
    paths: std::vec::IntoIter<PathBuf>,
    archive: Option<Archive>,
    n_read: Arc<AtomicU64>,
    /// Members of archives that are no data, so many, and the first.
    aside: Option<(u64, String)>,
}

impl Sources {
    /// Those at paths.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths: paths.into_iter(), archive: None, n_read: Arc::default(), aside: None }
    }

    /// Bytes of files that were read so far, compressed as they are.
    pub(crate) fn n_read(&self) -> u64 {
        self.n_read.load(Ordering::Relaxed)
    }

    /// What was left aside in archives, where anything was.
    pub(crate) fn aside(&self) -> Option<String> {
        self.aside
            .as_ref()
            .map(|(count, first)| format!("members of archives left aside: {count}, the first `{first}`"))
    }

    fn open(&mut self, path: &Path) -> Result<Option<Input>, CutError> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Ok(Some(Input::at(path)));
        }
        let counted = Counted { file, n_read: self.n_read.clone() };
        let Content { stream, is_archive, is_empty } = unfold(Box::new(BufReader::with_capacity(AT_ONCE, counted)))?;
        if is_archive {
            self.archive = Some(Archive::new(path, stream));
            return Ok(None);
        }
        if is_empty {
            return Err(CutError::Format("the file is empty".to_owned()));
        }
        Ok(Some(Input { open: Some(stream), ..Input::at(path) }))
    }

    /// The next member that is data.
    fn member(&mut self) -> Option<Result<Input, Unopened>> {
        let archive = self.archive.as_mut()?;
        loop {
            let found = archive.next_member();
            match found {
                Ok(Some(member)) if member.size == 0 || listing::is_aside(&member.name) => {
                    self.aside.get_or_insert((0, member.name)).0 += 1;
                }
                Ok(Some(member)) => {
                    return Some(archive.input(member));
                }
                Ok(None) => {
                    self.archive = None;
                    return None;
                }
                Err(error) => {
                    let path = archive.path().to_path_buf();
                    self.archive = None;
                    return Some(Err(Unopened { path, error: error.into() }));
                }
            }
        }
    }
}

impl Iterator for Sources {
    type Item = Result<Input, Unopened>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(member) = self.member() {
                return Some(member);
            }
            let path = self.paths.next()?;
            match self.open(&path) {
                Ok(Some(input)) => return Some(Ok(input)),
                Ok(None) => {}
                Err(error) => return Some(Err(Unopened { path, error })),
            }
        }
    }
}

/// A file whose bytes are counted as they are read.
struct Counted {
    file: File,
    n_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        interrupt::check()?;
        let count = self.file.read(buffer)?;
        self.n_read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
