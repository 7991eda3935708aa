//! SQL over tables, by polars.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use polars::sql::SQLContext;

use crate::error::QueryError;
use crate::output::{self, Output};
use crate::statement::{names_no_file, on_deep_stack, reads};
use crate::tables::tables;

/// Runs one SQL statement over the tables of `folder` and writes its result.
///
/// # Errors
/// Where the folder has no table, the statement fails, or the output refuses.
pub fn run(folder: &Path, sql: &str, format: Output, output: &mut impl Write) -> Result<(), QueryError> {
    run_over(&tables(folder)?, sql, format, output)
}

/// As [`run`], over tables that are given by name, each with its files.
///
/// # Errors
/// As [`run`].
pub fn run_over(
    tables: &BTreeMap<String, Vec<PathBuf>>,
    sql: &str,
    format: Output,
    output: &mut impl Write,
) -> Result<(), QueryError> {
    let frame = on_deep_stack(sql, || frame(tables, sql))?;
    output::write(frame, format, output)
}

/// What a statement gives.
fn frame(tables: &BTreeMap<String, Vec<PathBuf>>, sql: &str) -> Result<DataFrame, QueryError> {
    if !reads(sql) {
        return Err(QueryError::Statement);
    }
    names_no_file(sql).map_err(|error| failure(&error, tables))??;
    let mut context = SQLContext::new();
    for (name, files) in tables {
        let frame = scan(files).map_err(|error| failure(&error, tables))?;
        context.register(name, frame);
    }
    context.execute(sql).and_then(LazyFrame::collect).map_err(|error| failure(&error, tables))
}

fn failure(error: &PolarsError, tables: &BTreeMap<String, Vec<PathBuf>>) -> QueryError {
    let reason = error.to_string().lines().next().unwrap_or_default().to_owned();
    QueryError::Sql { reason, tables: shortest_names(tables).join(", ") }
}

/// One name for each table.
fn shortest_names(tables: &BTreeMap<String, Vec<PathBuf>>) -> Vec<&str> {
    let mut shortest: BTreeMap<&[PathBuf], &str> = BTreeMap::new();
    for (name, files) in tables {
        let best = shortest.entry(files).or_insert(name);
        if name.len() < best.len() {
            *best = name;
        }
    }
    shortest.into_values().collect()
}

/// A lazy frame over the files of one table.
///
/// # Errors
/// Where a file cannot be opened.
pub fn scan(files: &[PathBuf]) -> PolarsResult<LazyFrame> {
    let paths = files.iter().map(|file| PlRefPath::try_from_path(file)).collect::<PolarsResult<Vec<_>>>()?;
    LazyFrame::scan_parquet_files(paths.into(), ScanArgsParquet { glob: false, ..ScanArgsParquet::default() })
}
