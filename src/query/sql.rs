//! SQL over tables, by polars.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use polars::sql::SQLContext;

use table::{Snapshot, verify};

use crate::error::QueryError;
use crate::limits::Options;
use crate::output::{self, Output};
use crate::signs::Signs;
use crate::statement::{Order, Statement, named, names_no_file};
use crate::tables::tables;
use crate::watch::{Progress, watched};

/// Bytes of stack: a level takes the engine some 100 kB, as it is compiled without optimisation.
const STACK: usize = 96 << 20;

/// Tables by name, each with its files.
type Tables = BTreeMap<String, Vec<PathBuf>>;

/// Runs one SQL statement over the tables of `folder` and writes its result.
///
/// # Errors
/// Where the folder has no table, the statement fails or passes a limit, or the output refuses.
pub fn run(
    folder: &Path,
    sql: &str,
    options: &Options,
    format: Output,
    output: &mut impl Write,
) -> Result<(), QueryError> {
    run_over(tables(folder)?, sql, options, format, output)
}

/// As [`run`], over tables that are given by name, each with its files.
///
/// # Errors
/// As [`run`].
pub fn run_over(
    tables: BTreeMap<String, Vec<PathBuf>>,
    sql: &str,
    options: &Options,
    format: Output,
    output: &mut impl Write,
) -> Result<(), QueryError> {
    let sql = sql.to_owned();
    let frame = watched(options, STACK, move |progress| frame(&tables, &sql, progress))?;
    output::write(frame, format, output)
}

/// What a statement gives.
fn frame(tables: &Tables, sql: &str, progress: &Progress) -> Result<DataFrame, QueryError> {
    let fault = |error: PolarsError| failure(&error.to_string(), tables);
    let mut statement = Statement::read(sql).map_err(|error| failure(&error.to_string(), tables))??;
    let named = named(sql).map_err(fault)?;
    names_no_file(&named)?;
    // Of the others the engine reads what columns they have, and no more.
    let read = || tables.iter().filter(|(name, _)| named.contains(&name.to_lowercase())).flat_map(|(_, files)| files);
    let snapshot = Snapshot::of_files(read())?;
    read().try_for_each(|file| verify(file))?;
    let (mut context, mut signs) = (SQLContext::new(), Signs::default());
    for (name, files) in tables {
        let fault = |error: PolarsError| {
            let place = files.first().map_or_else(String::new, |file| format!("{}: ", file.display()));
            failure(&format!("{place}{error}"), tables)
        };
        context.register(name, frames::scan(files).and_then(|table| signs.add(table)).map_err(fault)?);
    }
    let rows = planned(&mut context, &mut statement).map_err(fault)?;
    progress.planned();
    let rows = rows.collect().and_then(|rows| signs.take(rows, &statement.typed)).map_err(fault)?;
    snapshot.check()?;
    Ok(rows)
}

/// The rows of a statement, in an order that is the same each time.
fn planned(context: &mut SQLContext, statement: &mut Statement) -> PolarsResult<LazyFrame> {
    let limit = if statement.order == Order::Varying { statement.take_limit() } else { None };
    let mut rows = context.execute(&statement.text())?;
    let columns = rows.collect_schema()?;
    match statement.order {
        Order::Kept => {}
        Order::Said => {
            statement.break_ties(columns.len());
            rows = context.execute(&statement.text())?;
        }
        Order::Varying => rows = rows.sort_by_exprs([all().as_expr()], SortMultipleOptions::default()),
    }
    if let Some((first, rows_at_most)) = limit {
        rows = rows.slice(first.cast_signed() as i64, rows_at_most as IdxSize);
    }
    rows.clone().to_alp_optimized()?;
    Ok(rows)
}

fn failure(error: &str, tables: &Tables) -> QueryError {
    let reason = error.lines().next().unwrap_or_default().to_owned();
    QueryError::Sql { reason, tables: shortest_names(tables).join(", ") }
}

/// One name for each table.
fn shortest_names(tables: &Tables) -> Vec<&str> {
    let mut shortest: BTreeMap<&[PathBuf], &str> = BTreeMap::new();
    for (name, files) in tables {
        let best = shortest.entry(files).or_insert(name);
        if name.len() < best.len() {
            *best = name;
        }
    }
    shortest.into_values().collect()
}
