//! The hidden folder in which a graph is made.

use std::fs;
use std::path::{Path, PathBuf};

use ground::present;
use table::{Lock, sibling};

use super::GraphError;
use super::tables::holds_only_a_graph_to_be;

/// What is sorted on the way.
const SCRATCH: &str = "scratch";

/// `.NAME.work` beside a graph's folder. Finished tables and formats in it are kept where a run is stopped; all else goes,
/// lest it fill the disk that was full.
pub(super) struct Work(PathBuf);

impl Work {
    /// That of a graph.
    pub fn beside(graph: &Path) -> Self {
        Self(sibling(graph, "work"))
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

    /// Whether it holds nothing but graphs, and what is sorted on the way.
    fn is_ours(&self) -> bool {
        let ours = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let is_lock = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".lock"));
            name == SCRATCH || is_lock || holds_only_a_graph_to_be(&entry.path())
        };
        fs::read_dir(&self.0).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(ours)))
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
        && Work(work.clone()).is_ours()
    {
        // What stays hinders nobody, and the next run tries again.
        let _ = fs::remove_dir_all(&work);
    }
}
