//! The scores of one run or several, document by document, as a decision sees them: joined, and held to inverses.

use std::path::{Path, PathBuf};

use table::rows::ScoreRow;
use table::{Cursor, Row, Table, TableError, TableFiles, Text};

use crate::consistent::Inverses;
use crate::decision::{Decision, Ensemble};
use crate::error::DecideError;

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
    /// How far below the threshold it reaches; `None`: it has no scores.
    margin: Option<f32>,
}

impl Run {
    fn open(path: &Path) -> Result<Self, TableError> {
        let is_above = TableFiles::find(path, &ScoreRow::schema().name)?.is_some();
        let table = if is_above { Table::<ScoreRow>::require(path)? } else { Table::require_at(path)? };
        let first = table.cursor()?.next_if(|_| true)?;
        Ok(Self { scores: table.cursor()?, path: path.to_path_buf(), margin: first.map(|row| row.margin) })
    }

    /// The scores of the next document that has any.
    fn next(&mut self) -> Result<Option<Vec<ScoreRow>>, TableError> {
        let Some(first) = self.scores.next_if(|_| true)? else { return Ok(None) };
        let doc_id = first.doc_id.clone();
        let mut rows = vec![first];
        rows.append(&mut self.scores.of(&doc_id)?);
        Ok(Some(rows))
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
        let runs: Vec<Run> = paths.iter().map(|path| Run::open(path)).collect::<Result<_, TableError>>()?;
        let known = runs.iter().filter_map(|run| run.margin).reduce(f32::min);
        // A run without scores reaches as far down as the others: it found nothing there.
        let margins: Vec<f32> = runs.iter().map(|run| run.margin.or(known).unwrap_or_default()).collect();
        let ensemble = decision.ensemble;
        let reach = known.map(|known| if margins.len() > 1 { ensemble.margin(&margins) } else { known });
        Ok(Self { runs, margins, reach, ensemble, inverses: Inverses::new(&decision.inverses) })
    }

    /// How far below the threshold they reach.
    pub fn reach(&self) -> f32 {
        self.reach.unwrap_or_default()
    }

    /// Refuses a shift that lies lower.
    pub fn check_reach(&self, shift: f32) -> Result<(), DecideError> {
        match self.reach {
            Some(margin) if -shift > margin => Err(DecideError::Margin { wanted: -shift, margin }),
            _ => Ok(()),
        }
    }

    /// The scores of the next document that has any, of one run: of several, the corpus says which document is next.
    pub fn next(&mut self) -> Result<Option<Vec<ScoreRow>>, DecideError> {
        let [run] = self.runs.as_mut_slice() else {
            return Err(DecideError::NoCorpus("several tables of scores"));
        };
        Ok(run.next()?.map(|scores| self.inverses.consistent(scores)))
    }

    /// The scores of a document, where it is the next of the corpus.
    pub fn of(&mut self, document: &Text) -> Result<Vec<ScoreRow>, DecideError> {
        let scores = self.runs.iter_mut().map(|run| run.scores.of(document));
        let mut scores: Vec<Vec<ScoreRow>> = scores.collect::<Result<_, TableError>>()?;
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
