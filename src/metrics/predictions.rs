//! Predicted facts as rows, from a `relations` table or a submission.

use std::path::Path;

use polars::prelude::*;

use table::TableFiles;

use super::error::{self, Error};
use super::split::{FACT, collect, has_column, scan_foreign};
use super::submitted::read_submission;

/// A set of predictions, duplicates and all.
pub(super) struct Predictions {
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
    /// Opens a `relations` table (its file or folder), a folder that holds one, or any other file as a submission. `run_id` goes before the
    /// table's own or, of a submission, the file's name.
    pub fn open(path: &Path, run_id: Option<&str>) -> Result<Self, Error> {
        let is_table = path.extension().is_some_and(|extension| extension == "parquet");
        if path.is_file() && !is_table {
            return submission(path, run_id);
        }
        let holds_table = TableFiles::find(path, "relations")?.is_some();
        if holds_table { table(&path.join("relations"), run_id) } else { table(path, run_id) }
    }
}

fn submission(path: &Path, run_id: Option<&str>) -> Result<Predictions, Error> {
    let (facts, evidence) = read_submission(path)?;
    let facts = collect(facts, "submission")?;
    Ok(Predictions {
        run_id: run_id.map_or_else(|| stem(path), str::to_owned),
        rows: facts.height() as u64,
        facts: facts.lazy(),
        evidence,
    })
}

fn table(folder: &Path, run_id: Option<&str>) -> Result<Predictions, Error> {
    let (own, rows) = own_run(folder)?;
    let run_id = run_id.map(str::to_owned).or(own).unwrap_or_else(|| stem(folder));
    Ok(Predictions { run_id, rows, facts: scan_foreign(folder, &FACT)?, evidence: None })
}

/// The run that a table names, where it names one, and how many rows it has.
fn own_run(folder: &Path) -> Result<(Option<String>, u64), Error> {
    if !has_column(folder, "run_id")? {
        let rows = collect(scan_foreign(folder, &FACT)?.select([len()]), "rows")?;
        let rows = rows.columns().first().and_then(|rows| rows.cast(&DataType::UInt64).ok()?.u64().ok()?.get(0));
        return Ok((None, rows.unwrap_or_default()));
    }
    let runs =
        scan_foreign(folder, &[("run_id", DataType::String)])?.group_by([col("run_id")]).agg([len().alias("rows")]);
    let runs = collect(runs.sort(["run_id"], SortMultipleOptions::default()), "rows by run")?;
    let place = || error::query(folder.display().to_string());
    let names: Vec<Option<&str>> = runs.column("run_id").and_then(Column::str).map_err(place())?.iter().collect();
    let own = match names.as_slice() {
        [] => None,
        [own] => *own,
        several => {
            return Err(Error::Rows {
                folder: folder.to_path_buf(),
                reason: format!("expected the predictions of one run, got those of {}", several.len()),
            });
        }
    };
    let rows = runs.column("rows").and_then(|rows| rows.cast(&DataType::UInt64)).map_err(place())?;
    let rows = rows.u64().map_err(place())?.iter().flatten().sum();
    Ok((own.map(str::to_owned), rows))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
