//! What goes onto a page, and where a run has it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ground::manifest::{Manifest, role};
use ground::present;
use submission::predictions;
use table::rows::DocumentRow;
use table::{TableError, TableFiles, Text, evidence_of, found_under, read, weights_of};

use crate::error::ReportError;
use crate::lineage::{judged, of_maker};
use crate::predictions::first_document;

/// Where the parts of a page lie. A part that is `None` is left out of the page, which says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// What the page is called.
    pub name: String,
    /// What the run's manifest says.
    pub lineage: Option<Manifest>,
    /// The folder of the split's tables.
    pub corpus: Option<PathBuf>,
    /// The predicted facts: a table by any program, or a submission.
    pub relations: Option<PathBuf>,
    /// The table of the sentences that support them.
    pub evidence: Option<PathBuf>,
    /// The table of how much of what the model looks at each sentence has.
    pub sentence_weights: Option<PathBuf>,
    /// Those of another run, shown beside them.
    pub against: Option<PathBuf>,
    /// The table of what the model says of its relations.
    pub model_relations: Option<PathBuf>,
    /// The table of what inference changed.
    pub traces: Option<PathBuf>,
    /// The table of figures.
    pub metrics: Option<PathBuf>,
    /// The table of differences to another run.
    pub comparisons: Option<PathBuf>,
    /// The table of precision against recall.
    pub precision_recall: Option<PathBuf>,
    /// The table of probability against the share that is right.
    pub reliability: Option<PathBuf>,
    /// The table of training steps.
    pub training_log: Option<PathBuf>,
    /// The folder of the graph's tables.
    pub graph: Option<PathBuf>,
}

/// What goes onto a page wherever the run has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// The predicted facts: a table, a folder that holds `relations`, or a submission.
    pub relations: Option<PathBuf>,
    /// The folder of the split's tables.
    pub corpus: Option<PathBuf>,
    /// Another run's folder, or its predicted facts.
    pub against: Option<PathBuf>,
}

impl Sources {
    /// Finds the parts in a run folder: as its manifest says, and else under the tables' own names. The split is the one
    /// that the relations are of. What is given is taken in the place of what is found; where relations are, what the
    /// folder has of its own ones is left out.
    ///
    /// # Errors
    /// Where the manifest or a table cannot be read, or there is nothing to show.
    pub fn find(run: &Path, given: &Given) -> Result<Self, ReportError> {
        let lineage = Manifest::read(run)?;
        let output = |role| lineage.as_ref().and_then(|lineage| lineage.output(role));
        let usual = |role: &'static str| table_at(run, output(role), role);
        // What is of the run's own scores says nothing of other predictions.
        let own = |role| if given.relations.is_some() { Ok(None) } else { usual(role) };
        let (_, corpus) = lineage.as_ref().map_or((None, None), judged);
        let relations = match &given.relations {
            Some(path) => Some(path.clone()),
            None => relations(run, lineage.as_ref())?,
        };
        // Only what is known to be of these relations.
        let told = |role| match (&given.relations, &lineage) {
            (None, Some(lineage)) => of_maker(lineage, role).map_or(Ok(None), |path| located(run, path)),
            _ => Ok(None),
        };
        let evidence = match (told(role::EVIDENCE)?, &relations) {
            (None, Some(relations)) => evidence_of(relations)?,
            (told, _) => told,
        };
        let sentence_weights = match (told(role::SENTENCE_WEIGHTS)?, &given.relations) {
            (None, None) => weights_of(run)?,
            (told, _) => told,
        };
        let graphs = output(role::GRAPH).map_or(Ok(None), |path| located(run, path))?;
        let graphs = graphs.into_iter().chain([run.join("graph"), run.to_path_buf()]);
        let corpus = corpus.map_or(Ok(None), |path| located(run, path))?;
        let sources = Self {
            name: name(run),
            corpus: match given
                .corpus
                .clone()
                .map_or_else(|| first(corpus.into_iter(), |path| holds(path, "documents")), |corpus| Ok(Some(corpus)))?
            {
                Some(corpus) => Some(corpus),
                None => split(run, relations.as_deref())?,
            },
            relations,
            evidence,
            sentence_weights,
            against: given.against.as_deref().map(of_other).transpose()?,
            model_relations: usual(role::MODEL_RELATIONS)?,
            traces: own(role::TRACES)?,
            metrics: usual(role::METRICS)?,
            comparisons: table_at(run, None, role::COMPARISONS)?,
            precision_recall: own(role::PRECISION_RECALL)?,
            reliability: own(role::RELIABILITY)?,
            training_log: table_at(run, output(role::LOG), "training_log")?,
            graph: first(graphs, |folder| holds(folder, "nodes"))?,
            lineage,
        };
        sources.checked(run)
    }

    /// What the run is called and, where there is one, the other: as their predictions say, and so that they differ.
    pub(crate) fn runs(&self, own: &[Option<Text>; 2]) -> Vec<String> {
        let [one, other] = own.each_ref().map(Option::as_deref);
        let one = one.unwrap_or(&self.name).to_owned();
        let Some(against) = &self.against else { return vec![one] };
        let other = other.map_or_else(|| stem(against), str::to_owned);
        if one != other {
            return vec![one, other];
        }
        let places = (self.relations.as_deref().map(steps).unwrap_or_default(), steps(against));
        let [first, second] = apart(&places.0, &places.1);
        vec![format!("{one} ({first})"), format!("{other} ({second})")]
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

/// The steps to a path, the last first.
fn steps(path: &Path) -> Vec<String> {
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    whole.iter().rev().map(|step| step.to_string_lossy().into_owned()).collect()
}

/// The last steps in which two paths differ; of one path, its numbers.
fn apart(one: &[String], other: &[String]) -> [String; 2] {
    let differing = one.iter().zip(other).find(|(one, other)| one != other);
    differing.map_or_else(|| ["1", "2"].map(str::to_owned), |(one, other)| [one.clone(), other.clone()])
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The table that a manifest names, or else that of the usual name in a run's folder.
fn table_at(run: &Path, told: Option<&str>, usual: &str) -> Result<Option<PathBuf>, TableError> {
    let told = told.map_or(Ok(None), |path| located(run, path))?;
    first(told.into_iter().chain([run.join(usual)]), is_table)
}

/// The relations that a run judged or made.
fn relations(run: &Path, lineage: Option<&Manifest>) -> Result<Option<PathBuf>, TableError> {
    table_at(run, lineage.and_then(|lineage| judged(lineage).0), role::RELATIONS)
}

/// The predictions of another run: those of its folder, or what stands at the path itself.
fn of_other(path: &Path) -> Result<PathBuf, ReportError> {
    let found = if path.is_dir() { relations(path, Manifest::read(path)?.as_ref())? } else { None };
    match found {
        Some(found) => Ok(found),
        None if path.is_file() => Ok(path.to_path_buf()),
        None => Ok(predictions::place(path)?),
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

fn has_document(split: &Path, document: &str) -> Result<bool, TableError> {
    for rows in read::<DocumentRow>(split)? {
        if rows?.iter().any(|row| &*row.doc_id == document) {
            return Ok(true);
        }
    }
    Ok(false)
}
