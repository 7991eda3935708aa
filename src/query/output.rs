//! How a result is written.

use std::io::{self, Write};

use polars::prelude::*;
use serde_json::{Map, Value};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use ground::choice;

use super::QueryError;

/// Columns of the screen that a cell of a table takes at most.
const WIDEST: usize = 72;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Aligned columns, for people; a cell that is too wide ends in `…`.
    Table,
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object a row and line.
    Json,
    /// A Parquet file.
    Parquet,
}

choice!(Output, "output format", { Table => "table", Csv => "csv", Json => "json", Parquet => "parquet" });

/// Writes a result.
pub(super) fn write(mut frame: DataFrame, format: Output, output: &mut impl Write) -> Result<(), QueryError> {
    match format {
        Output::Table => write_table(&frame, output)?,
        Output::Csv => write_csv(&frame, output)?,
        Output::Json => write_json(&frame, output)?,
        Output::Parquet => {
            ParquetWriter::new(&mut *output).finish(&mut frame)?;
        }
    }
    Ok(output.flush()?)
}

fn names(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().iter().map(ToString::to_string).collect()
}

/// The rows of a frame as JSON values.
fn rows(frame: &DataFrame) -> impl Iterator<Item = Vec<Value>> {
    let columns = frame.columns();
    (0..frame.height()).map(move |row| {
        columns.iter().map(|column| column.get(row).map_or(Value::Null, |value| json(&value))).collect()
    })
}

fn json(value: &AnyValue) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(value) => Value::Bool(*value),
        AnyValue::String(text) => Value::from(*text),
        AnyValue::StringOwned(text) => Value::from(text.as_str()),
        AnyValue::List(items) => items.iter().map(|item| json(&item)).collect(),
        AnyValue::Float32(number) => Value::from(*number),
        AnyValue::Float64(number) => Value::from(*number),
        other => match (other.extract::<i64>(), other.extract::<u64>()) {
            (Some(number), _) if other.is_integer() => Value::from(number),
            (_, Some(number)) if other.is_integer() => Value::from(number),
            _ => Value::from(other.to_string()),
        },
    }
}

/// A value as people read it: text bare, null as nothing.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn write_json(frame: &DataFrame, output: &mut impl Write) -> io::Result<()> {
    let names = names(frame);
    for row in rows(frame) {
        let object: Map<String, Value> = names.iter().cloned().zip(row).collect();
        serde_json::to_writer(&mut *output, &object)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}

fn write_csv(frame: &DataFrame, output: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(names(frame)).map_err(of_output)?;
    for row in rows(frame) {
        writer.write_record(row.iter().map(plain)).map_err(of_output)?;
    }
    writer.flush()
}

/// What the output says, of an error that hides it.
fn of_output(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Columns as wide as their widest cell; numbers to the right.
fn write_table(frame: &DataFrame, output: &mut impl Write) -> io::Result<()> {
    let cells: Vec<Vec<String>> =
        rows(frame).map(|row| row.iter().map(|value| clipped(one_line(&plain(value)))).collect()).collect();
    let names = names(frame);
    let width = |column: usize| {
        let widest = cells.iter().filter_map(|row| row.get(column)).chain(names.get(column));
        widest.map(|cell| cell.width()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let numeric: Vec<bool> = frame.columns().iter().map(|column| column.dtype().is_primitive_numeric()).collect();
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    for row in [&names, &rule].into_iter().chain(&cells) {
        let mut line = String::new();
        for ((cell, &width), &numeric) in row.iter().zip(&widths).zip(&numeric) {
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            line += &if numeric { format!("{padding}{cell}  ") } else { format!("{cell}{padding}  ") };
        }
        writeln!(output, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Control characters, those of writing direction among them, escaped, so that no text can break the table or the
/// terminal.
fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let escape = |c: char| if c.is_control() || turns(c) { c.escape_default().collect() } else { vec![c] };
    text.chars().flat_map(escape).collect()
}

/// A cell's text, cut off where it would push the others out of sight.
fn clipped(text: String) -> String {
    if text.width() <= WIDEST {
        return text;
    }
    let mut width = 0;
    let fits = |character: &char| {
        width += character.width().unwrap_or_default();
        width < WIDEST
    };
    text.chars().take_while(fits).chain(['…']).collect()
}
