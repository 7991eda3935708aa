//! The parts of a table in the making: written as they are finished, kept if the run is killed, put together at its end.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use model::predict::Prediction;
use table::rows::RelationRow;
use table::{Row, Staging, TableError, TableWriter, Text};

use super::limit::TooLarge;
use super::{ScoreError, Scored};

/// Rows that are built at once.
const ROWS_AT_ONCE: usize = 1 << 18;

/// Some documents and what is predicted of them.
pub struct Part {
    /// A hash of the model and of the documents.
    pub key: String,
    /// How many documents there are.
    pub documents: u64,
    /// How many of them were cut off.
    pub truncated: u64,
    /// Documents beside these that are too large.
    pub too_large: Vec<TooLarge>,
    /// The name of each and what is predicted of it; `None` where an earlier run has written it.
    pub predictions: Option<Vec<(Text, Vec<Prediction>)>>,
}

impl Part {
    /// Whether an earlier run has written it below `work`.
    pub fn is_kept(&self, work: &Path) -> bool {
        table::fingerprint(&work.join(&self.key), "relations").as_ref() == Some(&self.key)
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

    /// Writes the next part, unless it is there: of each document `row` gives the rows.
    pub fn keep(&mut self, part: Part, row: impl Fn(&Text, &Prediction) -> RelationRow) -> Result<(), TableError> {
        let folder = self.work.join(&part.key);
        match &part.predictions {
            Some(predictions) => {
                let documents = predictions.iter();
                let rows = documents.flat_map(|(name, found)| found.iter().map(|found| row(name, found)));
                write(&folder, &part.key, rows)?;
            }
            None => self.scored.kept += part.documents,
        }
        self.scored.documents += part.documents;
        self.scored.truncated += part.truncated;
        self.scored.too_large += part.too_large.len() as u64;
        self.folders.push(folder);
        Ok(())
    }

    /// Puts the parts together.
    pub fn join(&mut self, mut writer: TableWriter<RelationRow>) -> Result<(), TableError> {
        for folder in &self.folders {
            for rows in table::read::<RelationRow>(folder)? {
                let rows = rows?;
                self.scored.relations += rows.len() as u64;
                writer.write(rows)?;
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

/// Writes the table of a part, some of its rows at a time.
fn write(folder: &Path, key: &str, mut rows: impl Iterator<Item = RelationRow>) -> Result<(), TableError> {
    let staging = Staging::begin(&folder.join(&RelationRow::schema().name))?;
    let mut writer = TableWriter::inside(staging.folder().to_path_buf(), key);
    loop {
        let some: Vec<RelationRow> = rows.by_ref().take(ROWS_AT_ONCE).collect();
        let is_last = some.len() < ROWS_AT_ONCE;
        writer.write(some)?;
        if is_last {
            break;
        }
    }
    writer.finish()?;
    staging.commit()
}

fn absent(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
