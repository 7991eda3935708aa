//! The scores of one run or several, document by document, as a decision sees them: joined, and held to inverses.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use table::rows::ScoreRow;
use table::{Cursor, Row, Table, TableError, TableFiles, Text};

use crate::consistent::Inverses;
use crate::decision::{Decision, Ensemble};
use crate::error::DecideError;
use crate::scores::{Score, checked};

/// The files of the scores at a path: a folder that holds the table, or the table itself.
pub fn files(path: &Path) -> Result<TableFiles, TableError> {
    match TableFiles::find(path, &ScoreRow::schema().name)? {
        Some(files) => Ok(files),
        None => TableFiles::require_at(path),
    }
}

/// A run's scores, as they are read.
struct Run {
    scores: Cursor<ScoreRow>,
    path: PathBuf,
    /// What it is called, and how far below the threshold it reaches; `None`: it has no scores.
    of: Option<(Text, f32)>,
    /// The documents that were met, by hashes of their names, where no corpus says which comes next.
    met: HashSet<u64>,
}

impl Run {
    fn open(path: &Path) -> Result<Self, DecideError> {
        let is_above = TableFiles::find(path, &ScoreRow::schema().name)?.is_some();
        let table = if is_above { Table::<ScoreRow>::require(path)? } else { Table::require_at(path)? };
        let first = table.cursor()?.next_if(|_| true)?;
        let of = first.as_ref().map(|row| (row.run_id.clone(), row.margin));
        let run = Self { scores: table.cursor()?, path: path.to_path_buf(), of, met: HashSet::new() };
        match first.filter(|row| !(row.margin.is_finite() && row.margin >= 0.0)) {
            Some(row) => Err(run.refused(&row.doc_id, format!("`margin`: expected 0 or more, got {}", row.margin))),
            None => Ok(run),
        }
    }

    /// The scores of the next document that has any.
    fn next(&mut self) -> Result<Option<Vec<Score>>, DecideError> {
        let Some(first) = self.scores.next_if(|_| true)? else { return Ok(None) };
        let doc_id = first.doc_id.clone();
        let mut hasher = DefaultHasher::new();
        doc_id.hash(&mut hasher);
        if !self.met.insert(hasher.finish()) {
            return Err(self.refused(&doc_id, "expected its scores one after the other, got others between".to_owned()));
        }
        let mut rows = vec![first];
        rows.append(&mut self.scores.of(&doc_id)?);
        self.checked(&doc_id, rows).map(Some)
    }

    /// The scores of a document, where it is the next that has any.
    fn of(&mut self, doc_id: &Text) -> Result<Vec<Score>, DecideError> {
        let rows = self.scores.of(doc_id)?;
        self.checked(doc_id, rows)
    }

    fn checked(&self, doc_id: &Text, rows: Vec<ScoreRow>) -> Result<Vec<Score>, DecideError> {
        let Some((run_id, margin)) = &self.of else { return Ok(Vec::new()) };
        checked(rows, run_id, *margin).map_err(|reason| self.refused(doc_id, reason))
    }

    fn refused(&self, doc_id: &Text, reason: String) -> DecideError {
        DecideError::Scores { path: self.path.clone(), document: doc_id.to_string(), reason }
    }

    /// Refuses what is left behind the last document.
    fn finish(&mut self) -> Result<(), TableError> {
        let Some(row) = self.scores.next_if(|_| true)? else { return Ok(()) };
        let (folder, table) = (self.path.clone(), ScoreRow::schema().name.clone());
        Err(TableError::Stray { folder, table, document: row.doc_id.to_string() })
    }
}

/// Several runs over the same documents, or one.
pub struct Runs {
    runs: Vec<Run>,
    /// How far below the threshold each reaches.
    margins: Vec<f32>,
    /// How far they reach together; `None`: there are no scores.
    reach: Option<f32>,
    ensemble: Ensemble,
    inverses: Inverses,
}

impl Runs {
    /// Their beginnings.
    pub fn open(paths: &[PathBuf], decision: &Decision) -> Result<Self, DecideError> {
        if paths.is_empty() {
            return Err(DecideError::NoScores);
        }
        let runs: Vec<Run> = paths.iter().map(|path| Run::open(path)).collect::<Result<_, DecideError>>()?;
        let known = runs.iter().filter_map(|run| run.of.as_ref().map(|(_, margin)| *margin)).reduce(f32::min);
        // A run without scores reaches as far down as the others: it found nothing there.
        let margins: Vec<f32> =
            runs.iter().map(|run| run.of.as_ref().map(|(_, margin)| *margin).or(known).unwrap_or_default()).collect();
        let ensemble = decision.ensemble;
        let reach = known.map(|known| if margins.len() > 1 { ensemble.margin(&margins) } else { known });
        Ok(Self { runs, margins, reach, ensemble, inverses: Inverses::new(&decision.inverses) })
    }

    /// How far below the threshold they reach.
    pub fn reach(&self) -> f32 {
        self.reach.unwrap_or_default()
    }

    /// Refuses a decision that goes lower.
    pub fn check_reach(&self, decision: &Decision) -> Result<(), DecideError> {
        self.reach.map_or(Ok(()), |margin| decision.check_reach(margin))
    }

    /// The scores of the next document that has any, of one run: of several, the corpus says which document is next.
    pub fn next(&mut self) -> Result<Option<Vec<Score>>, DecideError> {
        let [run] = self.runs.as_mut_slice() else {
            return Err(DecideError::NoCorpus("several tables of scores"));
        };
        Ok(run.next()?.map(|scores| self.inverses.consistent(scores)))
    }

    /// The scores of a document, where it is the next of the corpus.
    pub fn of(&mut self, document: &Text) -> Result<Vec<Score>, DecideError> {
        let scores = self.runs.iter_mut().map(|run| run.of(document));
        let mut scores: Vec<Vec<Score>> = scores.collect::<Result<_, DecideError>>()?;
        let scores = match scores.len() {
            1 => scores.remove(0),
            _ => self.ensemble.join(scores, &self.margins),
        };
        Ok(self.inverses.consistent(scores))
    }

    /// Refuses scores behind the last document of the corpus.
    pub fn finish(&mut self) -> Result<(), DecideError> {
        Ok(self.runs.iter_mut().try_for_each(Run::finish)?)
    }
}
