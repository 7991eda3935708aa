//! Where the bytes of a source come from.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use table::Text;

/// Bytes that are read at a time.
const AT_ONCE: usize = 1 << 20;

/// A source that is being read.
pub type Stream = Box<dyn BufRead + Send>;

/// One source of a conversion: a file, or the folder that is one.
#[derive(Debug, Clone)]
pub struct Input {
    path: PathBuf,
}

impl Input {
    /// A file or folder.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called in tables and messages: its last step.
    pub fn name(&self) -> Text {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into()
    }

    /// Its bytes.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn stream(self) -> io::Result<Stream> {
        Ok(Box::new(BufReader::with_capacity(AT_ONCE, File::open(self.path)?)))
    }
}
