//! What a run predicted, from a `relations` table or a submission; and what training showed, which IgnF1 leaves out.
//!
//! A fact is known where some mention name of its head, some mention name of its tail and its relation stand together
//! among the training facts, as in the official DocRED scorer.

use std::fs;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use ground::present;
use submission::predictions::{check_claimed, run_name};
use table::{Snapshot, Standing, TableFiles, evidence_of};

use crate::error::{self, Error, given};
use crate::split::{
    FACT, Numbering, Split, collect, entity, has_column, has_values, scan_foreign, scan_foreign_items, stands,
    verify_all,
};

/// Where a table of predictions has the sentences that support each.
const EVIDENCE: &str = "evidence";

/// A set of predictions, duplicates and all.
pub(super) struct Predictions {
    /// Where they are.
    pub path: PathBuf,
    /// The files of their tables, where they are tables, which must stay the same while they are read.
    pub snapshots: Vec<Snapshot>,
    /// The run that made them.
    pub run_id: String,
    /// How many rows there are.
    pub rows: u64,
    /// `doc_id`, `head`, `tail`, `relation`.
    pub facts: LazyFrame,
    /// The same and `sentence`, where the predictions come with evidence.
    pub evidence: Option<LazyFrame>,
}

impl Predictions {
    /// Opens a `relations` table (its file or folder), a folder that holds one, or any other file as a submission.
    /// `run_id` goes before the table's own or, of a submission, the file's name.
    ///
    /// # Errors
    /// What cannot be read, or is of several runs.
    pub fn open(path: &Path, evidence: Option<&Path>, split: &Path, run_id: Option<&str>) -> Result<Self, Error> {
        let Some(folder) = table_at(path)? else { return submission(path, split, run_id) };
        let table = PredictionTable::open(path, folder, evidence)?;
        match table.runs.as_slice() {
            [] => table.of(None, run_id),
            [run] => table.of(Some(run), run_id),
            several => {
                let reason = format!("expected the predictions of one run, got those of {}", several.len());
                Err(Error::Rows { folder: table.folder.clone(), reason })
            }
        }
    }

    /// The same where a table may be of several runs: each by itself, under its own name.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn open_each(path: &Path, split: &Path, run_id: Option<&str>) -> Result<Vec<Self>, Error> {
        let Some(folder) = table_at(path)? else { return Ok(vec![submission(path, split, run_id)?]) };
        let table = PredictionTable::open(path, folder, evidence_of(path)?.as_deref())?;
        match table.runs.as_slice() {
            [] => Ok(vec![table.of(None, run_id)?]),
            [run] => Ok(vec![table.of(Some(run), run_id)?]),
            several => several.iter().map(|run| table.of(Some(run), None)).collect(),
        }
    }

    /// The same, each prediction of an undirected relation in its one direction.
    pub fn directed(self, split: &Split) -> Self {
        let evidence = self.evidence.map(|rows| split.directed(rows));
        Self { facts: split.directed(self.facts), evidence, ..self }
    }
}

fn submission(path: &Path, split: &Path, run_id: Option<&str>) -> Result<Predictions, Error> {
    let (facts, evidence) = read_submission(path, split)?;
    let facts = collect(facts, "submission")?;
    Ok(Predictions {
        path: path.to_path_buf(),
        snapshots: Vec::new(),
        run_id: run_id.map_or_else(|| run_name(path), str::to_owned),
        rows: facts.height() as u64,
        facts: facts.lazy(),
        evidence,
    })
}

/// Where the table of predictions at a path is; `None`: they are a submission.
fn table_at(path: &Path) -> Result<Option<PathBuf>, Error> {
    let is_table = path.extension().is_some_and(|extension| extension == "parquet");
    if is_file(path)? && !is_table {
        return Ok(None);
    }
    let holds_table = TableFiles::find(path, "relations")?.is_some();
    Ok(Some(if holds_table { path.join("relations") } else { path.to_path_buf() }))
}

/// The file or folder that predictions are read from, by whatever path.
pub(super) fn place(path: &Path) -> Result<PathBuf, Error> {
    let place = table_at(path)?.unwrap_or_else(|| path.to_path_buf());
    Ok(place.canonicalize().unwrap_or(place))
}

/// A table of predictions.
struct PredictionTable {
    /// What a run is called that it does not name.
    name: String,
    folder: PathBuf,
    snapshots: Vec<Snapshot>,
    /// The table of evidence beside it.
    evidence: Option<PathBuf>,
    /// The runs that it has rows of, in order.
    runs: Vec<RowsOfRun>,
}

/// The rows of a run.
struct RowsOfRun {
    /// The run, where the table names any.
    name: Option<String>,
    count: u64,
}

impl PredictionTable {
    fn open(path: &Path, folder: PathBuf, evidence: Option<&Path>) -> Result<Self, Error> {
        let mut snapshots = Vec::new();
        for table in [Some(&*folder), evidence].into_iter().flatten() {
            let files = TableFiles::at(table)?;
            files.as_ref().map_or(Ok(()), |files| check_claimed(files, table))?;
            snapshots.extend(files.as_ref().map(Snapshot::of).transpose()?);
            verify_all(table)?;
        }
        let runs = runs_in(&folder)?;
        let evidence = evidence.map(Path::to_path_buf);
        Ok(Self { name: run_name(path), folder, snapshots, evidence, runs })
    }

    /// The predictions of one of its runs, or of none where it has no rows.
    fn of(&self, run: Option<&RowsOfRun>, run_id: Option<&str>) -> Result<Predictions, Error> {
        let own = run.and_then(|run| run.name.as_deref());
        let (columns, keep) = match own {
            Some(name) if self.runs.len() > 1 => {
                let columns = [("run_id", DataType::String)].into_iter().chain(FACT).collect();
                (columns, col("run_id").eq(lit(name)))
            }
            _ => (FACT.to_vec(), lit(true)),
        };
        let fact = FACT.map(|(column, _)| col(column));
        let facts = scan_foreign(&self.folder, &columns)?.filter(keep.clone()).select(&fact);
        let sentences = if has_column(&self.folder, EVIDENCE)? {
            scan_foreign_items(&self.folder, &columns, EVIDENCE, keep.clone())?
        } else {
            None
        };
        let evidence = sentences.map(|rows| rows.select([&fact[..], &[col(EVIDENCE).alias("sentence")]].concat()));
        let evidence = match (evidence, &self.evidence) {
            (None, Some(table)) => Some(beside(table, &columns, keep, &facts)?),
            (evidence, _) => evidence,
        };
        Ok(Predictions {
            path: self.folder.clone(),
            snapshots: self.snapshots.clone(),
            run_id: run_id.or(own).unwrap_or(&self.name).to_owned(),
            rows: run.map_or(0, |run| run.count),
            facts,
            evidence,
        })
    }
}

/// The sentences of predicted facts, by the table that has those of their pairs.
fn beside(table: &Path, columns: &[(&str, DataType)], keep: Expr, facts: &LazyFrame) -> Result<LazyFrame, Error> {
    let own = columns.iter().filter(|(name, _)| *name != "relation").cloned();
    let columns: Vec<(&str, DataType)> = own.chain([("sent_id", DataType::UInt32)]).collect();
    let pair = ["doc_id", "head", "tail"].map(col);
    let sentences = scan_foreign(table, &columns)?.filter(keep);
    let sentences = sentences.select([&pair[..], &[col("sent_id").alias("sentence")]].concat());
    Ok(facts.clone().join(sentences, &pair, &pair, JoinArgs::new(JoinType::Inner)))
}

/// Whether a file stands at a path; what the system refuses to look at is not absent.
fn is_file(path: &Path) -> Result<bool, Error> {
    let found = present(fs::metadata(path)).map_err(|source| Error::Io { path: path.to_path_buf(), source })?;
    Ok(found.is_some_and(|found| found.is_file()))
}

/// The runs that a table has rows of, by name, and how many of each.
fn runs_in(folder: &Path) -> Result<Vec<RowsOfRun>, Error> {
    if !has_values(folder, "run_id")? {
        let rows = collect(scan_foreign(folder, &FACT)?.select([len()]), "rows")?;
        let rows = rows.columns().first().and_then(|rows| rows.cast(&DataType::UInt64).ok()?.u64().ok()?.get(0));
        return Ok(vec![RowsOfRun { name: None, count: rows.unwrap_or_default() }]);
    }
    let runs =
        scan_foreign(folder, &[("run_id", DataType::String)])?.group_by([col("run_id")]).agg([len().alias("rows")]);
    let runs = collect(runs.sort(["run_id"], SortMultipleOptions::default()), "rows by run")?;
    let place = || error::query(folder.display().to_string());
    let names = runs.column("run_id").and_then(Column::str).map_err(place())?;
    let rows = runs.column("rows").and_then(|rows| rows.cast(&DataType::UInt64)).map_err(place())?;
    let rows = rows.u64().map_err(place())?.iter();
    let each = names
        .iter()
        .zip(rows)
        .map(|(name, count)| Ok(RowsOfRun { name: name.map(str::to_owned), count: given(count, "rows")? }));
    each.collect::<PolarsResult<_>>().map_err(place())
}

/// Those of some numbered facts that training showed: a column `fact`. `training` as [`training_facts`] has it.
pub(super) fn known_facts(
    training: LazyFrame,
    split: &Split,
    numbering: &Numbering,
    facts: LazyFrame,
) -> Result<DataFrame, Error> {
    let keys = ["head_name", "tail_name", "code"].map(col);
    let pair = numbering.pair_of(col("fact"));
    let facts = facts.select([
        col("fact"),
        numbering.head(pair.clone()).alias("head"),
        numbering.tail(pair).alias("tail"),
        numbering.code_of(col("fact")).alias("code"),
    ]);
    let trained = numbering.with_code(training).select(&keys);
    let known = named(facts, &split.names()?).join(trained, &keys, &keys, JoinArgs::new(JoinType::Semi));
    collect(known.select([col("fact")]).unique(None, UniqueKeepStrategy::Any), "known facts")
}

/// Training facts.
pub(super) struct Training {
    /// As names: `head_name`, `tail_name`, `relation`.
    pub facts: LazyFrame,
    /// The tables that they come from, where they do, which must stay the same while they are read.
    pub standing: Option<Standing>,
}

/// Those of a `.fact` file or a split's folder.
pub(super) fn training_facts(path: &Path) -> Result<Training, Error> {
    if is_file(path)? {
        return Ok(Training { facts: read_training_facts(path)?, standing: None });
    }
    let split = Split::open(path)?;
    let facts = split.in_labelled(split.facts()?).filter(stands("head").and(stands("tail")));
    let facts = facts.select([entity("head").alias("head"), entity("tail").alias("tail"), col("relation")]);
    let facts = named(facts, &split.names()?).select(["head_name", "tail_name", "relation"].map(col));
    Ok(Training { facts, standing: Some(split.standing) })
}

/// A row each way to name a row's `head` and `tail`: `head_name` and `tail_name` in their place.
fn named(facts: LazyFrame, names: &LazyFrame) -> LazyFrame {
    let names =
        |side: &str| names.clone().select([col("entity").alias(side), col("name").alias(format!("{side}_name"))]);
    facts.inner_join(names("head"), col("head"), col("head")).inner_join(names("tail"), col("tail"), col("tail"))
}

/// Training facts `[[head name, tail name, relation], …]` as a frame `head_name`, `tail_name`, `relation`.
fn read_training_facts(path: &Path) -> Result<LazyFrame, Error> {
    let (mut heads, mut tails, mut relations) = (Vec::new(), Vec::new(), Vec::new());
    for [head, tail, relation] in submission::read_training_facts(path)? {
        heads.push(head);
        tails.push(tail);
        relations.push(relation);
    }
    let frame = df!("head_name" => heads, "tail_name" => tails, "relation" => relations);
    Ok(frame.map_err(error::query(path.display().to_string()))?.lazy())
}

/// A submission as two frames: `doc_id`, `head`, `tail`, `relation`; and the same with `sentence`, one row a sentence
/// of predicted evidence, where any entry has the field `evidence`.
fn read_submission(path: &Path, split: &Path) -> Result<(LazyFrame, Option<LazyFrame>), Error> {
    let entries = submission::read_submission_about(path, split)?;
    let with_evidence = entries.iter().any(|entry| entry.evidence.is_some());
    let (mut facts, mut evidence, mut sentences) = (Columns::default(), Columns::default(), Vec::new());
    for entry in entries {
        for sentence in entry.evidence.into_iter().flatten() {
            evidence.push(entry.title.clone(), entry.head, entry.tail, entry.relation.clone());
            sentences.push(sentence);
        }
        facts.push(entry.title, entry.head, entry.tail, entry.relation);
    }
    let place = || error::query(path.display().to_string());
    let evidence = evidence.frame().and_then(|mut frame| {
        frame.with_column(Column::new("sentence".into(), sentences))?;
        Ok(frame)
    });
    let evidence = evidence.map_err(place())?.lazy();
    Ok((facts.frame().map_err(place())?.lazy(), with_evidence.then_some(evidence)))
}

/// Predicted facts as rows.
#[derive(Default)]
struct Columns {
    doc_ids: Vec<String>,
    heads: Vec<u32>,
    tails: Vec<u32>,
    relations: Vec<String>,
}

impl Columns {
    fn push(&mut self, doc_id: String, head: u32, tail: u32, relation: String) {
        self.doc_ids.push(doc_id);
        self.heads.push(head);
        self.tails.push(tail);
        self.relations.push(relation);
    }

    fn frame(self) -> PolarsResult<DataFrame> {
        df!("doc_id" => self.doc_ids, "head" => self.heads, "tail" => self.tails, "relation" => self.relations)
    }
}
