//! SPARQL over the graph of a folder.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use polars::prelude::*;
use serde_json::Value;

use graph::Graph;
use graph::store::{Answer, Loaded, Stop};
use table::{found_under, stands_for};

use crate::error::QueryError;
use crate::limits::Options;
use crate::output::{self, Output};
use crate::statement::{short, steps};
use crate::tables::DEPTH;
use crate::watch::watched;

/// Bytes of stack for each word or operator: a level of nesting takes one at least.
const STACK_FOR_STEP: usize = 128 << 10;
/// What the engine needs of a stack besides.
const LEAST_STACK: usize = 32 << 20;

/// Loads the graph at or below `folder` into memory, and writes a query's answer. That of CONSTRUCT and DESCRIBE is
/// N-Triples, whatever the format.
///
/// # Errors
/// Where the folder has no graph or several, the query fails or passes a limit, or the output refuses.
pub fn sparql(
    folder: &Path,
    query: &str,
    options: &Options,
    format: Output,
    output: &mut impl Write,
) -> Result<(), QueryError> {
    short(query)?;
    let stack = LEAST_STACK + steps(query) * STACK_FOR_STEP;
    let (folder, query) = (folder.to_path_buf(), query.to_owned());
    let stop = Stop::new();
    let until = stop.clone();
    let found = watched(options, stack, move |progress| {
        progress.planned();
        let graph = Graph::open(&the_graph(&folder)?)?;
        Ok(match Loaded::new(&graph)?.until(until).query(&query)? {
            Answer::Rows { names, rows } => Found::Rows(frame(&names, &rows)?),
            Answer::Triples(lines) => Found::Triples(lines),
        })
    });
    if found.is_err() {
        stop.cancel();
    }
    match found? {
        Found::Rows(frame) => output::write(frame, format, output),
        Found::Triples(lines) => Ok(output.write_all(&lines).and_then(|()| output.flush())?),
    }
}

/// An answer as it is written.
enum Found {
    Rows(DataFrame),
    Triples(Vec<u8>),
}

/// The only folder of a graph.
fn the_graph(folder: &Path) -> Result<PathBuf, QueryError> {
    let mut found = Vec::new();
    let fault = |source| QueryError::Io { path: folder.to_path_buf(), source };
    search(&found_under(folder), DEPTH, &mut found).map_err(fault)?;
    if let [graph] = found.as_slice() {
        return Ok(graph.clone());
    }
    let names: Vec<String> = found.iter().map(|graph| graph.display().to_string()).collect();
    let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(QueryError::OneGraph { folder: folder.to_path_buf(), found })
}

fn search(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if folder.join("graph.json").is_file() {
        found.push(folder.to_path_buf());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    // One that stands aside is found under its own name.
    let is_hidden = |path: &Path| path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let is_shown = |path: &Path| !is_hidden(path) || stands_for(path).is_some_and(|named| !is_hidden(&named));
    for entry in entries.iter().filter(|entry| entry.is_dir() && is_shown(entry)) {
        if depth > 0 {
            search(entry, depth - 1, found)?;
        }
    }
    Ok(())
}

/// An answer as a frame. A column is of whole numbers, numbers or truth values where all its values are, else of text.
fn frame(names: &[String], rows: &[Vec<Value>]) -> PolarsResult<DataFrame> {
    let column = |(place, name): (usize, &String)| {
        let values: Vec<&Value> = rows.iter().map(|row| row.get(place).unwrap_or(&Value::Null)).collect();
        let all = |is: fn(&Value) -> bool| values.iter().all(|value| value.is_null() || is(value));
        let name = name.as_str().into();
        if all(Value::is_i64) {
            Column::new(name, values.iter().map(|value| value.as_i64()).collect::<Vec<_>>())
        } else if all(Value::is_number) {
            Column::new(name, values.iter().map(|value| value.as_f64()).collect::<Vec<_>>())
        } else if all(Value::is_boolean) {
            Column::new(name, values.iter().map(|value| value.as_bool()).collect::<Vec<_>>())
        } else {
            Column::new(name, values.iter().map(|value| text(value)).collect::<Vec<_>>())
        }
    };
    DataFrame::new(rows.len(), names.iter().enumerate().map(column).collect())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
