//! SQL over tables, by polars.

use std::collections::{BTreeMap, BTreeSet};
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
    if names_what_is_there(&rows)? {
        return Ok(rows);
    }
    let whole = rows.with_projection_pushdown(false);
    if names_what_is_there(&whole)? {
        return Ok(whole);
    }
    polars_bail!(ComputeError: "expected a join whose condition the engine can plan")
}

/// Whether the joins of a plan name columns that they have.
///
/// Of two columns that bear one name, a join renames one. Where the engine leaves the other out, as nothing needs it, none
/// is renamed; it forgets so where only the join's own condition needs the one, and would fail behind all pairs of rows.
fn names_what_is_there(rows: &LazyFrame) -> PolarsResult<bool> {
    let plan = rows.clone().to_alp_optimized()?;
    let schema = |node| plan.lp_arena.get(node).schema(&plan.lp_arena);
    let (mut open, mut seen) = (vec![plan.lp_top], BTreeSet::new());
    while let Some(node) = open.pop() {
        let step = plan.lp_arena.get(node);
        if !seen.insert(node.0) {
            continue;
        }
        let inputs: Vec<_> = step.inputs().collect();
        if let [left, right] = inputs[..] {
            let schemas = [left, right, node].map(schema);
            let is_there = |name: &str| schemas.iter().any(|schema| schema.contains(name));
            let named = |expression: &Expr| match expression {
                Expr::Column(name) => is_there(name),
                _ => true,
            };
            if !step.exprs().all(|condition| condition.to_expr(&plan.expr_arena).into_iter().all(named)) {
                return Ok(false);
            }
        }
        open.extend(inputs);
    }
    Ok(true)
}

fn failure(error: &str, tables: &Tables) -> QueryError {
    if error.contains("; consider compiling with") {
        return QueryError::TooManyRows;
    }
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
