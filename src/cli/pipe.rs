//! `-` in the place of a path: a stream of Arrow on stdin or stdout.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// Whether a path stands for stdin or stdout.
pub fn is(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A folder below the system's temporary one, for tables that come or go through a pipe; removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A folder of this process alone, which is made when it is needed.
    pub fn new() -> Self {
        Self(env::temp_dir().join(format!("docre-{}", process::id())))
    }

    /// A folder of that name in it.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
