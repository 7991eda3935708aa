//! SQL over any folder of tables, through polars; and SPARQL over a graph ([`mod@sparql`]).
//!
//! Every table at or below the folder has a name: that of its folder or file, such as `facts`, where only one bears it
//! or it stands at the top; and always its path joined by `_`, such as `dev_facts` for `dev/facts`.

mod output;
mod sparql;
mod statement;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use polars::sql::SQLContext;

use graph::GraphError;
use table::is_part_name;

pub use output::Output;
pub use sparql::sparql;

use statement::{names_no_file, on_deep_stack, reads};

/// Folders are searched this deep.
const DEPTH: usize = 6;

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The folder cannot be searched, or the result not written.
    #[error("{}: cannot search the folder", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The folder holds no table.
    #[error("{}: expected a folder with tables, found no Parquet file in it", folder.display())]
    NoTable {
        /// The folder.
        folder: PathBuf,
    },
    /// The query is not SQL that polars understands, or names what is not there.
    #[error("{reason}\ntables here: {tables}")]
    Sql {
        /// What polars says.
        reason: String,
        /// The names that a query can use.
        tables: String,
    },
    /// The graph cannot be queried.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The folder holds no graph, or several.
    #[error("{}: expected a folder with one graph, which `docre graph` has made; found {found}", folder.display())]
    OneGraph {
        /// The folder.
        folder: PathBuf,
        /// The folders of the graphs in it, or `none`.
        found: String,
    },
    /// Two tables would bear one name.
    #[error("two tables are named `{name}`: {} and {}", first.display(), second.display())]
    TwoTables {
        /// The name.
        name: String,
        /// A file of the one.
        first: PathBuf,
        /// A file of the other.
        second: PathBuf,
    },
    /// The statement would change tables.
    #[error("expected one statement that reads: SELECT, WITH, SHOW or EXPLAIN")]
    Statement,
    /// The statement would read a file that is no table here.
    #[error("expected a statement about the tables, got `{function}`, which opens a file")]
    OpensFile {
        /// What it calls.
        function: String,
    },
    /// The statement is too long.
    #[error("expected a statement of at most {} words and operators, got {steps}", statement::MOST_STEPS)]
    TooLong {
        /// Its words and operators.
        steps: usize,
    },
    /// The system gives no stack that is deep enough for the statement.
    #[error("expected {megabytes} MB of address space for a statement of this length; a shorter one needs less")]
    Stack {
        /// What is needed.
        megabytes: usize,
        /// The system's answer.
        source: io::Error,
    },
    /// The engine has failed in itself.
    #[error("the query engine failed")]
    Engine,
    /// The result cannot be written.
    #[error("cannot write the result")]
    Write(#[from] io::Error),
    /// The result cannot be converted to the output format.
    #[error("cannot write the result")]
    Convert(#[from] PolarsError),
}

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
    names_no_file(sql, tables)?;
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

/// The names under which the tables of a folder can be queried, with their files.
///
/// # Errors
/// Where the folder cannot be read or holds no table, or the paths of two tables come to one name.
pub fn tables(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, QueryError> {
    let mut found = Vec::new();
    search(folder, &mut Vec::new(), &mut found)
        .map_err(|source| QueryError::Io { path: folder.to_path_buf(), source })?;
    let mut named = BTreeMap::new();
    for (path, files) in &found {
        add(&mut named, path.join("_"), files.clone())?;
    }
    // A short name is an addition: it never takes the place of a path.
    let short = |(path, _): &(Vec<String>, _)| path.last().cloned().unwrap_or_default();
    for table in &found {
        let name = short(table);
        if found.iter().filter(|other| short(other) == name).count() == 1 {
            named.entry(name).or_insert_with(|| table.1.clone());
        }
    }
    if named.is_empty() {
        return Err(QueryError::NoTable { folder: folder.to_path_buf() });
    }
    Ok(named)
}

/// Adds a table under a name that is its alone.
///
/// # Errors
/// Where another table bears the name.
pub fn add(tables: &mut BTreeMap<String, Vec<PathBuf>>, name: String, files: Vec<PathBuf>) -> Result<(), QueryError> {
    let path = |files: &[PathBuf]| files.first().cloned().unwrap_or_default();
    if let Some(other) = tables.get(&name) {
        return Err(QueryError::TwoTables { first: path(other), second: path(&files), name });
    }
    tables.insert(name, files);
    Ok(())
}

/// Adds the tables at and below `folder`, each as the names on the way to it and its files.
fn search(folder: &Path, way: &mut Vec<String>, found: &mut Vec<(Vec<String>, Vec<PathBuf>)>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    let name_of = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let files: Vec<PathBuf> =
        entries.iter().filter(|path| path.is_file() && is_part_name(&name_of(path))).cloned().collect();
    let (parts, singles): (Vec<_>, Vec<_>) = files.into_iter().partition(|path| name_of(path).starts_with("part-"));
    if !parts.is_empty() {
        let table = if way.is_empty() { vec![identifier(&name_of(folder))] } else { way.clone() };
        found.push((table, parts));
    }
    for single in singles {
        let stem = single.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        found.push((way.iter().cloned().chain([identifier(stem)]).collect(), vec![single]));
    }
    for entry in entries.iter().filter(|path| path.is_dir() && !name_of(path).starts_with('.')) {
        if way.len() < DEPTH {
            way.push(identifier(&name_of(entry)));
            search(entry, way, found)?;
            way.pop();
        }
    }
    Ok(())
}

/// A name that SQL takes without quotes.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}
