//! What goes onto a page, and where a run has it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ground::manifest::{Manifest, role};
use ground::present;
use table::rows::{DocumentRow, RelationRow};
use table::{Table, TableError, TableFiles, Text, found_under, read};

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
            let told = told.map_or(Ok(None), |path| located(run, path))?;
            first(told.into_iter().chain([run.join(usual)]), is_table)
        };
        let (relations, corpus) = lineage.as_ref().map_or((None, None), judged);
        let relations = place(relations, "relations")?;
        let graphs = output(role::GRAPH).map_or(Ok(None), |path| located(run, path))?;
        let graphs = graphs.into_iter().chain([run.join("graph"), run.to_path_buf()]);
        let corpus = corpus.map_or(Ok(None), |path| located(run, path))?;
        let sources = Self {
            name: name(run),
            corpus: match first(corpus.into_iter(), |path| holds(path, "documents"))? {
                Some(corpus) => Some(corpus),
                None => split(run, relations.as_deref())?,
            },
            relations,
            metrics: place(output(role::METRICS), "metrics")?,
            comparisons: place(None, "comparisons")?,
            training_log: place(output(role::LOG), "training_log")?,
            graph: first(graphs, |folder| holds(folder, "nodes"))?,
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
fn located(run: &Path, path: &str) -> Result<Option<PathBuf>, TableError> {
    let bare = path.strip_suffix(".parquet").unwrap_or(path);
    first([run.join(bare), PathBuf::from(bare)].into_iter(), |path| Ok(found_under(path).is_dir() || is_table(path)?))
}

/// The first of some places that is of a kind.
fn first(
    places: impl Iterator<Item = PathBuf>,
    is_it: impl Fn(&Path) -> Result<bool, TableError>,
) -> Result<Option<PathBuf>, TableError> {
    for place in places {
        if is_it(&place)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn holds(folder: &Path, table: &str) -> Result<bool, TableError> {
    Ok(TableFiles::find(folder, table)?.is_some())
}

fn is_table(path: &Path) -> Result<bool, TableError> {
    Ok(TableFiles::at(path)?.is_some())
}

/// The split below a folder, or the folder itself, whose documents the relations speak of; without relations, that of
/// the usual name, or the first.
fn split(run: &Path, relations: Option<&Path>) -> Result<Option<PathBuf>, ReportError> {
    let mut splits = Vec::new();
    for folder in folders(run)?.into_iter().chain([run.to_path_buf()]) {
        if holds(&folder, "documents")? {
            splits.push(folder);
        }
    }
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

/// The folders in a folder; none where it is not there.
fn folders(run: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let fault = |source| TableError::Io { path: run.to_path_buf(), action: "list the folder", source };
    let entries = present(fs::read_dir(run)).map_err(fault)?.into_iter().flatten();
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(fault)?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

fn first_document(relations: &Path) -> Result<Option<Text>, TableError> {
    let first = Table::<RelationRow>::require_at(relations)?.rows()?.next().transpose()?;
    Ok(first.map(|row| row.doc_id))
}

fn has_document(split: &Path, document: &str) -> Result<bool, TableError> {
    for rows in read::<DocumentRow>(split)? {
        if rows?.iter().any(|row| &*row.doc_id == document) {
            return Ok(true);
        }
    }
    Ok(false)
}
