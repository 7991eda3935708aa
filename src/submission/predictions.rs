//! Predicted facts: a table by any program, or a submission.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ground::excerpt::quoted;
use ground::folder_name;
use ground::observe::{Event, Observer};
use table::rows::{EvidenceRow, PredictionRow, RelationRow};
use table::{Row, Table, TableError, TableFiles, Text, found_under};

use crate::{NO_ENTITY, Predicted, SubmissionError, read_submission_about};

/// Facts a few thousand at a time.
type Batches = Box<dyn Iterator<Item = Result<Vec<PredictionRow>, TableError>>>;

/// The facts at a path about a split: the table `relations` in a folder, a folder of Parquet files or one of them, and
/// any other file is a submission in DocRED's JSON. What of a submission is left out is told.
///
/// # Errors
/// Where there are none; later, where a table is damaged or a probability is none.
pub fn read(
    path: &Path,
    split: &Path,
    observe: Observer<'_>,
) -> Result<impl Iterator<Item = Result<PredictionRow, SubmissionError>> + use<>, SubmissionError> {
    let name = path.to_path_buf();
    let rows = batches(path, split, observe)?.flat_map(|batch| match batch {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(SubmissionError::from(error))],
    });
    Ok(rows.map(move |row| checked(row?, &name)))
}

fn batches(path: &Path, split: &Path, observe: Observer<'_>) -> Result<Batches, SubmissionError> {
    let is_table = path.extension().is_some_and(|extension| extension == "parquet");
    if path.is_file() && !is_table {
        return Ok(Box::new(std::iter::once(Ok(submission(path, split, observe)?))));
    }
    Ok(Box::new(Table::<PredictionRow>::require_at(&place(path)?)?.conformed()?))
}

/// The same, where those that name no evidence have that of a table `evidence`, which is held in memory.
///
/// # Errors
/// As [`read`].
pub fn read_supported(
    path: &Path,
    evidence: Option<&Path>,
    split: &Path,
    observe: Observer<'_>,
) -> Result<impl Iterator<Item = Result<PredictionRow, SubmissionError>> + use<>, SubmissionError> {
    let supports = evidence.map(Supports::read).transpose()?;
    Ok(read(path, split, observe)?.map(move |row| match &supports {
        Some(supports) => row.map(|row| supports.support(row)),
        None => row,
    }))
}

/// The evidence of each pair of a document, run by run.
struct Supports(HashMap<(Text, Text, u32, u32), Vec<u32>>);

impl Supports {
    fn read(evidence: &Path) -> Result<Self, TableError> {
        let mut sentences: HashMap<_, Vec<u32>> = HashMap::new();
        for row in Table::<EvidenceRow>::require_at(evidence)?.rows()? {
            let EvidenceRow { doc_id, run_id, head, tail, sent_id, .. } = row?;
            sentences.entry((doc_id, run_id, head, tail)).or_default().push(sent_id);
        }
        Ok(Self(sentences))
    }

    fn support(&self, row: PredictionRow) -> PredictionRow {
        let Some(run_id) = row.run_id.as_ref().filter(|_| row.evidence.is_none()) else { return row };
        let evidence = self.0.get(&(row.doc_id.clone(), run_id.clone(), row.head, row.tail)).cloned();
        PredictionRow { evidence: Some(evidence.unwrap_or_default()), ..row }
    }
}

/// Where the facts of a path lie: in a folder of tables, they are `relations`.
///
/// # Errors
/// Where there are none.
pub fn place(path: &Path) -> Result<PathBuf, SubmissionError> {
    if let Some(files) = TableFiles::at(path)? {
        check_claimed(&files, path)?;
        return Ok(path.to_path_buf());
    }
    // Else said to hold no table, as what is there and has another name.
    let found = fs::metadata(found_under(path));
    found.map_err(|source| SubmissionError::Io { path: path.to_path_buf(), source })?;
    Table::<RelationRow>::require(path)?;
    Ok(path.join(&RelationRow::schema().name))
}

/// What the run of a path is called where nothing says so: as the folder, or as the file but for its extension.
pub fn run_name(path: &Path) -> String {
    if path.is_dir() {
        return folder_name(path);
    }
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Refuses a table that has more than what is claimed, as a model's scores, or what it claims at each iteration.
///
/// # Errors
/// Where it has, or cannot be opened.
pub fn check_claimed(files: &TableFiles, path: &Path) -> Result<(), SubmissionError> {
    for (columns, table) in [(["margin", "threshold_logit"], "scores"), (["since", "until"], "claims")] {
        if files.has_columns(&columns)? {
            return Err(SubmissionError::Undecided { path: path.to_path_buf(), table });
        }
    }
    Ok(())
}

/// A submission's entries, but for those about entities that the split has lost. Their scores are probabilities where all
/// of them could be.
fn submission(path: &Path, split: &Path, observe: Observer<'_>) -> Result<Vec<PredictionRow>, SubmissionError> {
    let entries = read_submission_about(path, split)?;
    let scored = entries.iter().all(is_sure);
    tell(&entries, observe);
    let row = |entry: Predicted| PredictionRow {
        run_id: None,
        doc_id: entry.title.into(),
        head: entry.head,
        tail: entry.tail,
        relation: entry.relation.into(),
        probability: entry.score.filter(|_| scored).map(|score| score as f32),
        evidence: entry.evidence,
        attributes: None,
    };
    Ok(entries.into_iter().filter(|entry| !is_lost(entry)).map(row).collect())
}

fn is_lost(entry: &Predicted) -> bool {
    entry.head == NO_ENTITY || entry.tail == NO_ENTITY
}

fn is_sure(entry: &Predicted) -> bool {
    entry.score.is_some_and(|score| (0.0..=1.0).contains(&score))
}

/// Tells what of the entries is left out.
fn tell(entries: &[Predicted], observe: Observer<'_>) {
    let count = |is_meant: fn(&Predicted) -> bool| {
        let mut meant = entries.iter().filter(|entry| is_meant(entry));
        meant.next().map(|first| (1 + meant.count(), quoted(&first.title)))
    };
    if let Some((n_lost, first)) = count(is_lost) {
        observe(Event::Warning(format!(
            "{n_lost} predictions are about entities that the split has lost, the first of document {first}: left out"
        )));
    }
    let has_scores = entries.iter().any(|entry| entry.score.is_some());
    if let Some((n_unsure, first)) = count(|entry| !is_sure(entry)).filter(|_| has_scores) {
        let n_entries = entries.len();
        observe(Event::Warning(format!(
            "expected a `score` from 0 to 1 in each of {n_entries} predictions, got none in {n_unsure}, the first of \
             document {first}: no score is taken as a probability"
        )));
    }
}

fn checked(row: PredictionRow, path: &Path) -> Result<PredictionRow, SubmissionError> {
    if row.relation.is_empty() {
        return Err(SubmissionError::Unnamed { path: path.to_path_buf(), doc_id: row.doc_id.to_string() });
    }
    let checked = |found| probability(found, "probability", &row.doc_id, path);
    Ok(PredictionRow { probability: row.probability.map(checked).transpose()?, ..row })
}

/// A number in a column of the predictions at a path, as a probability.
///
/// # Errors
/// Where it is none.
pub fn probability(found: f32, column: &'static str, doc_id: &str, path: &Path) -> Result<f32, SubmissionError> {
    if !(0.0..=1.0).contains(&found) {
        let (path, doc_id) = (path.to_path_buf(), doc_id.to_owned());
        return Err(SubmissionError::Probability { path, doc_id, column, found });
    }
    // A zero may be negative, which its bytes would not sort.
    Ok(found.abs())
}
