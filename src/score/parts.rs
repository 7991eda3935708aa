//! The parts of a table in the making: written as they are finished, kept if the run is killed, put together at its end.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use table::rows::RelationRow;
use table::{Table, TableError, TableWriter};

use super::{ScoreError, Scored};

/// Some documents and what is predicted of them.
pub struct Part {
    /// A hash of the model and of the documents.
    pub key: String,
    /// How many documents there are.
    pub documents: u64,
    /// How many of them were cut off.
    pub truncated: u64,
    /// Their rows; `None` where an earlier run has written them.
    pub rows: Option<Vec<RelationRow>>,
}

impl Part {
    /// Whether an earlier run has written it below `work`.
    pub fn is_kept(&self, work: &Path) -> Result<bool, TableError> {
        Ok(table::fingerprint(&work.join(&self.key), "relations")?.as_ref() == Some(&self.key))
    }
}

/// The finished parts of a run, in order.
pub struct Parts {
    /// What was done so far.
    pub scored: Scored,
    work: PathBuf,
    folders: Vec<PathBuf>,
}

/// Where the parts of a table in `out` are kept.
pub fn work_folder(out: &Path) -> PathBuf {
    out.join(".relations.work")
}

impl Parts {
    /// No parts yet of a table in `out`.
    pub fn new(out: &Path) -> Self {
        Self { scored: Scored::default(), work: work_folder(out), folders: Vec::new() }
    }

    /// Writes the next part, unless it is there.
    pub fn keep(&mut self, part: Part) -> Result<(), TableError> {
        let folder = self.work.join(&part.key);
        match part.rows {
            Some(rows) => table::write(&folder, &part.key, rows)?,
            None => self.scored.kept += part.documents,
        }
        self.scored.documents += part.documents;
        self.scored.truncated += part.truncated;
        self.folders.push(folder);
        Ok(())
    }

    /// Puts the parts together, by columns: their rows are not looked at.
    pub fn join(&mut self, mut writer: TableWriter<RelationRow>) -> Result<(), TableError> {
        for folder in &self.folders {
            for batch in Table::<RelationRow>::require(folder)?.record_batches()? {
                let batch = batch?;
                self.scored.relations += batch.num_rows() as u64;
                writer.write_batch(&batch)?;
            }
        }
        writer.finish()
    }

    /// Removes them, once the table stands.
    pub fn remove(self) -> Result<Scored, ScoreError> {
        let Self { scored, work, .. } = self;
        fs::remove_dir_all(&work).or_else(absent).map_err(|source| ScoreError::Remove { path: work, source })?;
        Ok(scored)
    }
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
