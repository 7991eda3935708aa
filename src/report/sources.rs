//! What goes onto a page, and where a run has it.

use std::fs;
use std::path::{Path, PathBuf};

use ground::manifest::{Manifest, role};
use table::rows::{DocumentRow, RelationRow};
use table::{TableError, Text, parts, read, read_at};

use crate::error::ReportError;
use crate::lineage::judged;

/// Where the parts of a page lie. A part that is `None` is left out of the page, which says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// What the page is called.
    pub name: String,
    /// What the run's manifest says.
    pub lineage: Option<Manifest>,
    /// The folder of the split's tables.
    pub corpus: Option<PathBuf>,
    /// The table of predicted facts.
    pub relations: Option<PathBuf>,
    /// The table of figures.
    pub metrics: Option<PathBuf>,
    /// The table of differences to another run.
    pub comparisons: Option<PathBuf>,
    /// The table of training steps.
    pub training_log: Option<PathBuf>,
    /// The folder of the graph's tables.
    pub graph: Option<PathBuf>,
}

impl Sources {
    /// Finds the parts in a run folder: as its manifest says, and else under the tables' own names. The split is the one
    /// that the relations are of.
    ///
    /// # Errors
    /// Where the manifest or a table cannot be read, or there is nothing to show.
    pub fn find(run: &Path) -> Result<Self, ReportError> {
        let lineage = Manifest::read(run)?;
        let output = |role| lineage.as_ref().and_then(|lineage| lineage.output(role));
        let place = |told: Option<&str>, usual: &str| {
            let told = told.and_then(|path| located(run, path));
            told.into_iter().chain([run.join(usual)]).find(|path| is_table(path))
        };
        let (relations, corpus) = lineage.as_ref().map_or((None, None), judged);
        let relations = place(relations, "relations");
        let folders = [output(role::GRAPH).and_then(|path| located(run, path)), Some(run.join("graph"))];
        let sources = Self {
            name: name(run),
            corpus: match corpus.and_then(|path| located(run, path)).filter(|path| holds(path, "documents")) {
                Some(corpus) => Some(corpus),
                None => split(run, relations.as_deref())?,
            },
            relations,
            metrics: place(output(role::METRICS), "metrics"),
            comparisons: place(None, "comparisons"),
            training_log: place(output(role::LOG), "training_log"),
            graph: folders.into_iter().flatten().chain([run.to_path_buf()]).find(|folder| holds(folder, "nodes")),
            lineage,
        };
        sources.checked(run)
    }

    fn checked(self, run: &Path) -> Result<Self, ReportError> {
        let parts = [&self.corpus, &self.relations, &self.metrics, &self.training_log, &self.graph];
        if parts.into_iter().any(Option::is_some) {
            return Ok(self);
        }
        let tables = ["documents", "relations", "metrics", "training_log", "nodes"];
        let tables = tables.map(|table| format!("`{table}`")).join(", ");
        Err(ReportError::NoRun { folder: run.to_path_buf(), tables })
    }
}

/// What a folder is called, `.` and the like included.
fn name(folder: &Path) -> String {
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What a manifest names: an output in the run folder, or a source as seen from the working directory.
fn located(run: &Path, path: &str) -> Option<PathBuf> {
    let bare = path.strip_suffix(".parquet").unwrap_or(path);
    [run.join(bare), PathBuf::from(bare)].into_iter().find(|path| path.is_dir() || is_table(path))
}

fn holds(folder: &Path, table: &str) -> bool {
    parts(folder, table).is_ok()
}

fn is_table(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.parent().is_some_and(|folder| holds(folder, &name))
}

/// The split below a folder, or the folder itself, whose documents the relations speak of; without relations, that of
/// the usual name, or the first.
fn split(run: &Path, relations: Option<&Path>) -> Result<Option<PathBuf>, ReportError> {
    let mut splits = vec![run.to_path_buf()];
    if let Ok(entries) = fs::read_dir(run) {
        splits.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    splits.retain(|path| holds(path, "documents"));
    splits.sort_by_key(|path| (!path.ends_with("test"), !path.ends_with("dev"), path.clone()));
    let Some(document) = relations.map(first_document).transpose()?.flatten() else {
        return Ok(splits.into_iter().next());
    };
    for path in splits {
        if has_document(&path, &document)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn first_document(relations: &Path) -> Result<Option<Text>, TableError> {
    let first = read_at::<RelationRow>(relations)?.next().transpose()?;
    Ok(first.and_then(|rows| rows.into_iter().next()).map(|row| row.doc_id))
}

fn has_document(split: &Path, document: &str) -> Result<bool, TableError> {
    for rows in read::<DocumentRow>(split)? {
        if rows?.iter().any(|row| &*row.doc_id == document) {
            return Ok(true);
        }
    }
    Ok(false)
}
