//! Where the scores of a run come from: the table `scores`, or of one iteration of its model the table `claims`.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use table::rows::{ClaimRow, ScoreRow};
use table::{Cursor, Row, Table, TableError, TableFiles, Text, in_or_at};

use crate::decision::{EVIDENCE_ONLY, FittedRun, MODEL};
use crate::error::DecideError;
use crate::scores::{Score, checked};

/// A run's scores, as they are read.
pub struct Source {
    rows: Rows,
    path: PathBuf,
    /// What its scores say of the run; `None`: it has none.
    of: Option<Said>,
    /// Identifies its model; `None`: the table does not say.
    model: Option<Text>,
    /// Whether these are claims of an iteration before the last.
    is_early: bool,
    /// Whether they are of what is evidence in documents alone, and above which weight sentences were that, where it says so.
    is_of_evidence: bool,
    evidence_only: Option<f32>,
    /// The documents that were met, by hashes of their names, where no corpus says which comes next.
    met: HashSet<u64>,
}

/// What the rows of a run say of it, each of them the same.
struct Said {
    run_id: Text,
    /// How far below the threshold they reach.
    margin: f32,
    /// How many relations the model gives a pair at most.
    most_labels: u32,
}

enum Rows {
    Scores(Cursor<ScoreRow>),
    /// Those of an iteration.
    Claims(Cursor<ClaimRow>, u32),
}

/// The files of the scores at a path: a folder that holds the table, or the table itself.
///
/// # Errors
/// Where there are none, or the system refuses to look.
pub fn files(path: &Path, iteration: Option<u32>) -> Result<TableFiles, DecideError> {
    if iteration.is_some() { files_of::<ClaimRow>(path) } else { files_of::<ScoreRow>(path) }
}

fn files_of<R: Row>(path: &Path) -> Result<TableFiles, DecideError> {
    let found = in_or_at::<R>(path)?.map(|(_, files)| files);
    found.ok_or_else(|| DecideError::NoTable { path: path.to_path_buf(), table: &R::schema().name })
}

fn table<R: Row + 'static>(path: &Path) -> Result<Table<R>, TableError> {
    Table::require_at(&in_or_at::<R>(path)?.map_or_else(|| path.to_path_buf(), |(place, _)| place))
}

impl Source {
    /// Its beginning.
    pub fn open(path: &Path, iteration: Option<u32>) -> Result<Self, DecideError> {
        // Before its first row is read, as what is wrong with the files says more.
        let files = files(path, iteration)?;
        let source = iteration.map_or_else(|| Self::of_scores(path), |wanted| Self::of_claims(path, wanted))?;
        let (model, of_evidence) = (files.note(MODEL)?.map(Text::from), files.note(EVIDENCE_ONLY)?);
        let evidence_only = of_evidence.as_ref().and_then(|weight| weight.parse().ok());
        Ok(Self { model, is_of_evidence: of_evidence.is_some(), evidence_only, ..source })
    }

    fn of_claims(path: &Path, wanted: u32) -> Result<Self, DecideError> {
        let table = table::<ClaimRow>(path)?;
        let first = table.cursor().and_then(|mut rows| rows.next_if(|_| true)).map_err(|error| match error {
            // Scores, most likely.
            TableError::NoColumn { .. } => {
                DecideError::NoTable { path: path.to_path_buf(), table: &ClaimRow::schema().name }
            }
            other => other.into(),
        })?;
        if let Some(ClaimRow { iterations, .. }) = first.as_ref().filter(|row| wanted > row.iterations) {
            return Err(DecideError::Iteration { path: path.to_path_buf(), wanted, most: *iterations });
        }
        let is_early = first.as_ref().is_some_and(|row| wanted < row.iterations);
        // Nothing is known of what lay below the threshold.
        let of = first.map(|ClaimRow { run_id, most_labels, .. }| Said { run_id, margin: 0.0, most_labels });
        let source = Self::new(path, Rows::Claims(table.cursor()?, wanted), of);
        Ok(Self { is_early, ..source })
    }

    fn of_scores(path: &Path) -> Result<Self, DecideError> {
        let table = table::<ScoreRow>(path)?;
        let first = table.cursor()?.next_if(|_| true)?;
        let of = first.as_ref().map(|&ScoreRow { ref run_id, margin, most_labels, .. }| Said {
            run_id: run_id.clone(),
            margin,
            most_labels,
        });
        let source = Self::new(path, Rows::Scores(table.cursor()?), of);
        match first.filter(|row| !(row.margin.is_finite() && row.margin >= 0.0)) {
            Some(row) => Err(source.refused(&row.doc_id, format!("`margin`: expected 0 or more, got {}", row.margin))),
            None => Ok(source),
        }
    }

    fn new(path: &Path, rows: Rows, of: Option<Said>) -> Self {
        let (model, is_early, is_of_evidence, evidence_only) = (None, false, false, None);
        Self { rows, path: path.to_path_buf(), of, model, is_early, is_of_evidence, evidence_only, met: HashSet::new() }
    }

    /// The run that they are of; `None`: it has no scores.
    pub fn run(&self) -> Option<FittedRun> {
        let (model, evidence_only) = (self.model.clone(), self.evidence_only);
        self.run_id().map(|run_id| FittedRun { run_id: run_id.clone(), model, evidence_only })
    }

    /// Whether these are claims of an iteration before the last.
    pub fn is_early(&self) -> bool {
        self.is_early
    }

    /// Whether they are of what is evidence in documents alone.
    pub fn is_of_evidence(&self) -> bool {
        self.is_of_evidence
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What identifies the model; `None`: nothing says so.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// What it is called; `None`: it has no scores.
    pub fn run_id(&self) -> Option<&Text> {
        self.of.as_ref().map(|said| &said.run_id)
    }

    /// How far below the threshold it reaches; `None`: it has no scores.
    pub fn margin(&self) -> Option<f32> {
        self.of.as_ref().map(|said| said.margin)
    }

    /// How many relations its model gives a pair at most; `None`: it has no scores.
    pub fn most_labels(&self) -> Option<u32> {
        self.of.as_ref().map(|said| said.most_labels)
    }

    /// The next document that has any scores, and those; none may be left of it at an iteration.
    pub fn next(&mut self) -> Result<Option<(Text, Vec<Score>)>, DecideError> {
        let Some(doc_id) = self.rows.document()? else { return Ok(None) };
        let mut hasher = DefaultHasher::new();
        doc_id.hash(&mut hasher);
        if !self.met.insert(hasher.finish()) {
            return Err(self.refused(&doc_id, "expected its scores one after the other, got others between".to_owned()));
        }
        let scores = self.of(&doc_id)?;
        Ok(Some((doc_id, scores)))
    }

    /// The scores of a document, where it is the next that has any.
    pub fn of(&mut self, doc_id: &Text) -> Result<Vec<Score>, DecideError> {
        let rows = self.rows.of(doc_id)?;
        let Some(Said { run_id, margin, .. }) = &self.of else { return Ok(Vec::new()) };
        checked(rows, run_id, *margin).map_err(|reason| self.refused(doc_id, reason))
    }

    fn refused(&self, doc_id: &Text, reason: String) -> DecideError {
        DecideError::Scores { path: self.path.clone(), document: doc_id.to_string(), reason }
    }

    /// Refuses what is left behind the last document.
    pub fn finish(&mut self) -> Result<(), TableError> {
        let Some(document) = self.rows.document()? else { return Ok(()) };
        let schema = match self.rows {
            Rows::Scores(_) => ScoreRow::schema(),
            Rows::Claims(..) => ClaimRow::schema(),
        };
        let (folder, table) = (self.path.clone(), schema.name.clone());
        Err(TableError::Stray { folder, table, document: document.to_string() })
    }
}

impl Rows {
    /// The document of the next row.
    fn document(&mut self) -> Result<Option<Text>, TableError> {
        Ok(match self {
            Self::Scores(scores) => scores.peek()?.map(|row| row.doc_id.clone()),
            Self::Claims(claims, _) => claims.peek()?.map(|row| row.doc_id.clone()),
        })
    }

    /// Those of a document, where it is the next.
    fn of(&mut self, document: &Text) -> Result<Vec<ScoreRow>, TableError> {
        match self {
            Self::Scores(scores) => scores.of(document),
            Self::Claims(claims, iteration) => {
                Ok(claims.of(document)?.into_iter().filter_map(|claim| at(claim, *iteration)).collect())
            }
        }
    }
}

/// The score of a claim, where it is one at an iteration: as a model has it that infers so often. The base alone has
/// nothing to tell of what was before it.
fn at(claim: ClaimRow, iteration: u32) -> Option<ScoreRow> {
    let infers = iteration > 0;
    (claim.since..=claim.until).contains(&iteration).then(|| ScoreRow {
        run_id: claim.run_id,
        doc_id: claim.doc_id,
        head: claim.head,
        tail: claim.tail,
        relation: claim.relation,
        logit: claim.logit,
        threshold_logit: claim.threshold_logit,
        base_logit: claim.base_logit.filter(|_| infers),
        base_threshold_logit: claim.base_threshold_logit.filter(|_| infers),
        iteration: claim.iteration.filter(|_| infers),
        margin: 0.0,
        most_labels: claim.most_labels,
    })
}
