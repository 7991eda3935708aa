//! Tables of scores → a table of relations, document by document.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use ground::identity::Identity;
use ground::settings::Settings;
use table::rows::{DocumentRow, EntityRow, RelationRow, ScoreRow};
use table::{
    Cursor, Ours, Row, Staging, Standing, Table, TableError, TableFiles, TableWriter, Text, Walk, check_making,
    clear_leftovers, fingerprint, identity, restore,
};

use crate::claims::{Types, claims};
use crate::consistent::Inverses;
use crate::decision::Decision;
use crate::ended::Ended;
use crate::error::DecideError;

/// Claims that are written at once, and those of one more document.
const ROWS_AT_ONCE: usize = 1 << 16;

/// How a decision is applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// What the run is called; absent: as the first table of scores says.
    pub run_id: Option<String>,
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What to decide, and how.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Tables of scores, or folders that hold one: each of another run over the same documents.
    pub scores: &'a [PathBuf],
    /// The folder of the split that was scored, where several runs are joined or the types of entities count.
    pub split: Option<&'a Path>,
    /// What is decided.
    pub decision: &'a Decision,
    /// What the run is called; `None`: as the first table of scores says.
    pub run_id: Option<&'a str>,
    /// The folder into which the table goes.
    pub out: &'a Path,
    /// Whether a table of another making is replaced.
    pub force: bool,
}

/// Makes the table of relations, unless it is up to date.
///
/// # Errors
/// Where a table cannot be used, or the scores do not suffice for the decision.
pub fn decide(request: &Request<'_>) -> Result<Ended, DecideError> {
    let name = &RelationRow::schema().name;
    let table = request.out.join(name);
    restore(&table, Ours::TABLES)?;
    clear_leftovers(request.out, Ours::TABLES);
    let making = making(request)?;
    if fingerprint(request.out, name)?.as_ref() == Some(&making) {
        return Ok(Ended::UpToDate);
    }
    let staging = Staging::begin(&table)?;
    if !request.force {
        check_making(request.out, name, None)?;
    }
    let writer = TableWriter::inside(staging.folder().to_path_buf(), &making);
    let claimed = write_relations(request, writer)?;
    staging.commit()?;
    Ok(Ended::Decided(claimed))
}

/// Identifies what the table is made from.
fn making(request: &Request<'_>) -> Result<String, DecideError> {
    let scores = request.scores.iter().map(|path| Ok(identity(&files(path)?)?));
    let scores: Vec<String> = scores.collect::<Result<_, DecideError>>()?;
    let split = request.split.map(|split| Standing::of(split)?.identity(&["documents", "entities"])).transpose()?;
    let identity = Identity::of("decided").field("scores", &scores).field("split", &split);
    Ok(identity.field("decision", request.decision).field("run_id", &request.run_id).finish())
}

/// The files of the scores at a path: a folder that holds the table, or the table itself.
fn files(path: &Path) -> Result<TableFiles, TableError> {
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

/// What is claimed, on its way into a table.
struct Claimed<'a> {
    request: &'a Request<'a>,
    inverses: Inverses,
    run_id: Option<Text>,
    rows: Vec<RelationRow>,
    writer: TableWriter<RelationRow>,
    count: u64,
}

impl Claimed<'_> {
    fn add(&mut self, scores: Vec<ScoreRow>, types: Option<&Types>) -> Result<(), DecideError> {
        let scores = self.inverses.consistent(scores);
        claims(self.request.decision, self.run_id.as_ref(), &scores, types, &mut self.rows)?;
        if self.rows.len() >= ROWS_AT_ONCE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), DecideError> {
        self.count += self.rows.len() as u64;
        Ok(self.writer.write(std::mem::take(&mut self.rows))?)
    }
}

/// Writes what is claimed of the scores of a request, and counts it.
///
/// # Errors
/// As [`decide`].
pub fn write_relations(request: &Request<'_>, writer: TableWriter<RelationRow>) -> Result<u64, DecideError> {
    let runs = request.scores.iter().map(|path| Run::open(path));
    let mut runs: Vec<Run> = runs.collect::<Result<_, TableError>>()?;
    let margins = check(request, &runs)?;
    let (inverses, run_id) = (Inverses::new(&request.decision.inverses), request.run_id.map(Text::from));
    let mut claimed = Claimed { request, inverses, run_id, rows: Vec::new(), writer, count: 0 };
    match (runs.as_mut_slice(), request.split) {
        (_, Some(split)) => by_corpus(split, &mut runs, &margins, &mut claimed)?,
        ([run], None) => {
            while let Some(scores) = run.next()? {
                claimed.add(scores, None)?;
            }
        }
        _ => return Err(DecideError::NoCorpus("several tables of scores")),
    }
    // An empty table has a file too.
    if !claimed.rows.is_empty() || claimed.count == 0 {
        claimed.write()?;
    }
    claimed.writer.finish()?;
    Ok(claimed.count)
}

/// Refuses what does not suffice, and tells how far below the threshold each run reaches.
fn check(request: &Request<'_>, runs: &[Run]) -> Result<Vec<f32>, DecideError> {
    if runs.is_empty() {
        return Err(DecideError::NoScores);
    }
    if request.decision.asks_types() && request.split.is_none() {
        return Err(DecideError::NoCorpus("`types` of a decision"));
    }
    let known: Vec<f32> = runs.iter().filter_map(|run| run.margin).collect();
    // A run without scores reaches as far down as the others: it found nothing there.
    let usual = known.iter().copied().reduce(f32::min).unwrap_or_default();
    let margins: Vec<f32> = runs.iter().map(|run| run.margin.unwrap_or(usual)).collect();
    let margin = if margins.len() > 1 { request.decision.ensemble.margin(&margins) } else { usual };
    let wanted = -request.decision.least_shift();
    if !known.is_empty() && wanted > margin {
        return Err(DecideError::Margin { wanted, margin });
    }
    Ok(margins)
}

/// Walks the documents of the corpus, and the scores of each run beside them.
fn by_corpus(
    split: &Path,
    runs: &mut [Run],
    margins: &[f32],
    claimed: &mut Claimed<'_>,
) -> Result<(), DecideError> {
    let decision = claimed.request.decision;
    for document in Walk::<(EntityRow,)>::open(split)? {
        let (DocumentRow { doc_id, .. }, (entities,)) = document?;
        let scores = runs.iter_mut().map(|run| run.scores.of(&doc_id));
        let mut scores: Vec<Vec<ScoreRow>> = scores.collect::<Result<_, TableError>>()?;
        let types = decision.asks_types().then(|| Types::new(entities));
        let scores = match scores.len() {
            1 => scores.remove(0),
            _ => decision.ensemble.join(scores, margins),
        };
        claimed.add(scores, types.as_ref())?;
    }
    Ok(runs.iter_mut().try_for_each(Run::finish)?)
}

#[cfg(test)]
pub(crate) mod tests;
