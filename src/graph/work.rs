//! The hidden folder in which a graph is made.

use std::fs;
use std::path::{Path, PathBuf};

use ground::present;
use table::{Lock, check_workplace, sibling};

use super::GraphError;
use super::ours::OURS;

/// What is sorted on the way.
const SCRATCH: &str = "scratch";

/// `.NAME.work` beside a graph's folder. Finished tables and formats in it are kept where a run is stopped; all else goes,
/// lest it fill the disk that was full.
pub(super) struct Work(PathBuf);

impl Work {
    /// That of a graph.
    ///
    /// # Errors
    /// Where something lies in it that docre did not put there.
    pub fn beside(graph: &Path) -> Result<Self, GraphError> {
        let work = sibling(graph, "work");
        check_workplace(&work, &[SCRATCH])?;
        Ok(Self(work))
    }

    /// Where the graph of this fingerprint is made.
    pub fn made(&self, fingerprint: &str) -> PathBuf {
        self.0.join(fingerprint)
    }

    /// A folder for what is sorted, with nothing in it, and not yet made.
    ///
    /// # Errors
    /// Where what a killed run has left in it cannot be removed.
    pub fn scratch(&self) -> Result<PathBuf, GraphError> {
        let scratch = self.0.join(SCRATCH);
        present(fs::remove_dir_all(&scratch)).map_err(GraphError::io(&scratch, "remove"))?;
        Ok(scratch)
    }

    /// Removes it, once the graph stands.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn remove(self) -> Result<(), GraphError> {
        present(fs::remove_dir_all(&self.0)).map_err(GraphError::io(&self.0, "remove")).map(drop)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.join(SCRATCH));
        // Only where nothing is left in it to go on from.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Removes what a run has left which was killed, where the graph stands and nobody makes it anew.
pub(super) fn remove_leftovers(graph: &Path) {
    let work = sibling(graph, "work");
    if work.exists()
        && let Ok(_held) = Lock::beside(graph)
        && is_ours(&work)
    {
        // What stays hinders nobody, and the next run tries again.
        let _ = fs::remove_dir_all(&work);
    }
}

/// Whether a folder holds nothing but graphs, and what is sorted on the way.
fn is_ours(work: &Path) -> bool {
    let ours = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let is_lock = name.to_str().is_some_and(|name| name.starts_with('.') && name.strip_suffix(".lock").is_some());
        name == SCRATCH || is_lock || OURS.is_left(&entry.path())
    };
    fs::read_dir(work).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(ours)))
}
