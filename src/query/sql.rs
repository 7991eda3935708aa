//! SQL over tables, by polars.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::*;
use polars::sql::{SQLContext, keywords};
use sqlparser::ast::Query;

use ground::caught::caught;
use ground::suggest::nearest;
use table::{Snapshot, verify};

use crate::error::QueryError;
use crate::limits::Options;
use crate::lower::{self, Lowering, Rows};
use crate::output::{self, Output};
use crate::signs::Signs;
use crate::statement::{Asked, Order, Statement, named, names_no_file};
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
    let statement = Statement::read(sql).map_err(|error| no_sql(&error.to_string()))??;
    let named = named(sql).map_err(|error| no_sql(&error.to_string()))?;
    names_no_file(&named)?;
    // Of the others the engine reads what columns they have, and no more.
    let read = || tables.iter().filter(|(name, _)| named.contains(&name.to_lowercase())).flat_map(|(_, files)| files);
    let snapshot = Snapshot::of_files(read())?;
    read().try_for_each(|file| verify(file))?;
    let mut engine = Engine::new(tables);
    let rows = match statement.asked() {
        Asked::Columns(table) => engine.columns(&table.to_string()),
        Asked::Tables => engine.names(),
        Asked::Plan(query) => engine.lowered(query, rows_of(&statement), progress).and_then(|(text, meant)| {
            engine.rows(&format!("EXPLAIN {text}"), progress).map_err(|error| in_names(error, &meant))
        }),
        Asked::Rows(query) => engine.lowered(query, rows_of(&statement), progress).and_then(|(text, meant)| {
            let rows = engine.rows(&text, progress);
            let rows = rows.and_then(|rows| Ok(engine.signs.take(rows, &statement.typed)?));
            rows.map_err(|error| in_names(error, &meant))
        }),
    };
    let rows = rows.map_err(|error| with_tables(engine.why_unread(engine.why_odd(error), &named), tables))?;
    snapshot.check()?;
    Ok(rows)
}

/// The tables as the engine knows them.
struct Engine<'t> {
    tables: &'t Tables,
    context: SQLContext,
    signs: Signs,
    schemas: BTreeMap<String, SchemaRef>,
    /// Tables that it cannot read, and why: they stop no statement but one that names them.
    odd: BTreeMap<String, String>,
}

impl<'t> Engine<'t> {
    fn new(tables: &'t Tables) -> Self {
        let (context, signs, schemas, odd) = (SQLContext::new(), Signs::default(), BTreeMap::new(), BTreeMap::new());
        let mut engine = Self { tables, context, signs, schemas, odd };
        for (name, files) in tables {
            if let Err(error) = engine.add(name, files) {
                let place = files.first().map_or_else(String::new, |file| format!("{}: ", file.display()));
                engine.odd.insert(name.clone(), format!("{place}{error}"));
            }
        }
        engine
    }

    fn add(&mut self, name: &str, files: &[PathBuf]) -> PolarsResult<()> {
        // Of some types the engine panics.
        let read = caught(|| {
            let mut table = frames::scan(files).and_then(|table| self.signs.add(table))?;
            Ok::<_, PolarsError>((table.collect_schema()?, table))
        });
        let (schema, table) = read.unwrap_or_else(|source| polars_bail!(ComputeError: "{source}"))?;
        self.schemas.insert(name.to_owned(), schema);
        self.context.register(name, table);
        Ok(())
    }

    /// Why a table is not there that has a file.
    fn why_odd(&self, error: QueryError) -> QueryError {
        let QueryError::UnknownTable { name, .. } = &error else { return error };
        let odd = self.odd.iter().find(|(odd, _)| odd.to_lowercase() == name.to_lowercase());
        odd.map_or(error, |(_, reason)| failure(reason))
    }

    /// Which column of the tables that a statement names is of a type that the engine does not hold.
    fn why_unread(&self, error: QueryError, named: &BTreeSet<String>) -> QueryError {
        // Within lists it does not get so far as to say it.
        let is_unread = |kind: &DataType| matches!(kind, DataType::UInt8 | DataType::UInt16);
        let is_nested = match &error {
            QueryError::Sql { reason, .. } if reason.starts_with("cannot create series from ") => false,
            QueryError::Engine => true,
            _ => return error,
        };
        let is_of = |found: &DataType| found.is_nested() == is_nested && is_unread(found.leaf_dtype());
        let is_read = |name: &String| named.contains(&name.to_lowercase()) && self.schemas.contains_key(name);
        let mut tables = self.tables.iter().filter(|(name, _)| is_read(name));
        let unread = tables.find_map(|(table, files)| {
            // As it is in the files: here numbers have signs.
            let schema = frames::scan(files).ok()?.collect_schema().ok()?;
            let (column, kind) = schema.iter().find(|(_, found)| is_of(found))?;
            let kind = type_name(kind);
            Some(format!("table `{table}`: column `{column}`: expected another type, {kind} is not read"))
        });
        let hint = Some("leave it out, or save it as whole numbers of 32 or 64 bits".to_owned());
        unread.map_or(error, |reason| QueryError::Sql { reason, hint })
    }

    /// The names of all tables.
    fn names(&self) -> Result<DataFrame, QueryError> {
        let names: Vec<&str> = self.tables.keys().map(|name| &**name).collect();
        Ok(DataFrame::new(names.len(), vec![Column::new("name".into(), names)])?)
    }

    /// A query as the engine answers it right, and what its names of columns stand for.
    fn lowered(
        &mut self,
        query: &Query,
        rows: Rows,
        progress: &Progress,
    ) -> Result<(String, BTreeMap<String, String>), QueryError> {
        let Self { context, schemas, .. } = self;
        let mut ask = |sql: &str| answer(context, sql, progress);
        let mut lowering = Lowering::new(schemas, &mut ask);
        let text = lowering.statement(query, rows);
        let meant = std::mem::take(&mut lowering.meant);
        Ok((text.map_err(|error| in_names(error, &meant))?, meant))
    }

    fn rows(&mut self, sql: &str, progress: &Progress) -> Result<DataFrame, QueryError> {
        answer(&mut self.context, sql, progress)
    }

    /// The columns of a table, and their types in its files.
    fn columns(&self, table: &str) -> Result<DataFrame, QueryError> {
        let table = table.trim_matches('"');
        let known = self.tables.get_key_value(table);
        let known = known.or_else(|| self.tables.iter().find(|(name, _)| name.to_lowercase() == table.to_lowercase()));
        let no_table = || QueryError::UnknownTable { name: table.to_owned(), tables: String::new(), meant: None };
        let (_, files) = known.filter(|(name, _)| !self.odd.contains_key(*name)).ok_or_else(no_table)?;
        let schema = frames::scan(files)?.collect_schema()?;
        let names: Vec<&str> = schema.iter_names().map(|name| &**name).collect();
        let types: Vec<String> = schema.iter_values().map(type_name).collect();
        Ok(DataFrame::new(names.len(), vec![Column::new("column".into(), names), Column::new("type".into(), types)])?)
    }
}

/// A type as the schemas of tables name it.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::String => "Utf8".to_owned(),
        DataType::List(item) => format!("List<{}>", type_name(item)),
        other => format!("{other:?}"),
    }
}

/// The rows of a lowered statement.
fn answer(context: &mut SQLContext, sql: &str, progress: &Progress) -> Result<DataFrame, QueryError> {
    let fault = |error: PolarsError| failure(&error.to_string());
    let rows = planned(context, sql).map_err(fault)?;
    progress.planned();
    // Of some types within lists the engine panics.
    let rows = caught(|| rows.collect().map_err(fault)).unwrap_or(Err(QueryError::Engine));
    progress.planning();
    rows
}

fn rows_of(statement: &Statement) -> Rows {
    match statement.order {
        Order::Kept => Rows::Any,
        Order::Said => Rows::Ties,
        Order::Varying => Rows::Sorted,
    }
}

/// The plan of a statement.
fn planned(context: &mut SQLContext, sql: &str) -> PolarsResult<LazyFrame> {
    let rows = context.execute(sql)?;
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

/// What the engine says, in its first line.
fn failure(error: &str) -> QueryError {
    if error.contains("; consider compiling with") {
        return QueryError::TooManyRows;
    }
    let reason = error.lines().next().unwrap_or_default().trim_end_matches(" HINT:");
    if let Some(error) = unlike(reason) {
        return error;
    }
    let unknown = reason.split_once("unsupported function '").and_then(|(_, rest)| rest.split('\'').next());
    let Some(name) = unknown else { return QueryError::Sql { reason: reason.to_owned(), hint: None } };
    let known = keywords::all_functions();
    // The list has some that this build of the engine lacks.
    let near = nearest(name, &known).filter(|(edits, near)| (1..=near.len().div_ceil(3)).contains(edits));
    let hint = near.map(|(_, near)| format!("did you mean `{near}`"));
    QueryError::Sql { reason: format!("no function is named `{name}`"), hint }
}

/// What is said of a join of columns that the engine cannot compare.
fn unlike(reason: &str) -> Option<QueryError> {
    let (_, sides) = reason.split_once("datatypes of join keys don't match - ")?;
    let (left, right) = sides.split_once(" does not match ")?;
    let side = |side: &str| {
        let (name, rest) = side.rsplit_once(": ")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    let ((one, of_one), (other, of_other)) = (side(left)?, side(right.split(" on right").next()?)?);
    let kind = |kind: &str| match kind {
        "f32" | "f64" => "a fraction".to_owned(),
        "str" => "a text".to_owned(),
        "bool" => "a truth".to_owned(),
        whole if whole.starts_with(['i', 'u']) => "a whole number".to_owned(),
        other => format!("of the type {other}"),
    };
    let (of_one, of_other) = (kind(&of_one), kind(&of_other));
    let reason = format!(
        "expected columns of one type to be joined or looked for with IN, got {one}, {of_one}, and {other}, {of_other}"
    );
    let hint = if [&*of_one, &*of_other].contains(&"a fraction") && [&*of_one, &*of_other].contains(&"a whole number") {
        "CAST(… AS DOUBLE) makes a fraction of a whole number"
    } else {
        "CAST(… AS …) on one side makes it of the other's type"
    };
    Some(QueryError::Sql { reason, hint: Some(hint.to_owned()) })
}

/// What the parser says.
fn no_sql(error: &str) -> QueryError {
    let reason = error.lines().next().unwrap_or_default();
    let reason = reason.trim_start_matches("sql parser error: ");
    if reason.contains("recursion limit") {
        let reason = "expected a statement whose parts are nested less deep".to_owned();
        return QueryError::Sql { reason, hint: Some("name inner queries in WITH".to_owned()) };
    }
    QueryError::Sql { reason: format!("this is no SQL: {reason}"), hint: None }
}

/// An error with the names of columns that the user knows.
fn in_names(error: QueryError, meant: &BTreeMap<String, String>) -> QueryError {
    match error {
        QueryError::Sql { reason, hint } => QueryError::Sql { reason: lower::in_names(&reason, meant), hint },
        QueryError::Refused { construct, instead } => {
            QueryError::Refused { construct: lower::in_names(&construct, meant), instead }
        }
        QueryError::Name { what, hint } => QueryError::Name { what: lower::in_names(&what, meant), hint },
        other => other,
    }
}

/// An error about a table, with the names that there are.
fn with_tables(error: QueryError, tables: &Tables) -> QueryError {
    let QueryError::UnknownTable { name, .. } = error else { return error };
    let known = shortest_names(tables);
    // `facts` where there are several of that name.
    let longer = known.iter().find(|known| known.ends_with(&format!("_{name}"))).copied();
    let every: Vec<&str> = tables.keys().map(|name| &**name).collect();
    let near = || nearest(&name, &every).filter(|(edits, near)| *edits <= near.len().div_ceil(2)).map(|(_, near)| near);
    let meant = longer.or_else(near).map(ToOwned::to_owned);
    QueryError::UnknownTable { tables: known.join(", "), meant, name }
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
