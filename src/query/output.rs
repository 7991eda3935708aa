//! How a result is written.

use std::io::{self, Write};

use polars::prelude::*;
use serde::{Serialize, Serializer};
use serde_json::Value;

use ground::aligned::{self, Side};
use ground::{by_digits, choice};

use crate::error::QueryError;

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
            // By this mark docre knows the file as its own.
            let producer = ("docre.producer".to_owned(), concat!("docre ", env!("CARGO_PKG_VERSION")).to_owned());
            let marked = KeyValueMetadata::from_static(vec![producer]);
            ParquetWriter::new(&mut *output).with_key_value_metadata(Some(marked)).finish(&mut frame)?;
        }
    }
    Ok(output.flush()?)
}

fn names(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().iter().map(ToString::to_string).collect()
}

/// A value of a result as JSON has it, the fields of objects in the order of the result.
enum Cell {
    Plain(Value),
    List(Vec<Cell>),
    Object(Vec<(String, Cell)>),
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}

/// The rows of a frame, `odd` being those of numbers that JSON has not.
fn rows(frame: &DataFrame, odd: fn(f64) -> Value) -> impl Iterator<Item = Vec<Cell>> {
    let columns = frame.columns();
    (0..frame.height()).map(move |row| {
        columns.iter().map(|column| column.get(row).map_or(NOTHING, |value| cell(&value, odd))).collect()
    })
}

const NOTHING: Cell = Cell::Plain(Value::Null);

/// `inf`, `-inf` or `NaN`.
fn named(number: f64) -> Value {
    Value::from(number.to_string())
}

/// As everywhere in JSON.
fn null(_: f64) -> Value {
    Value::Null
}

fn cell(value: &AnyValue, odd: fn(f64) -> Value) -> Cell {
    Cell::Plain(match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(value) => Value::Bool(*value),
        AnyValue::String(text) => Value::from(*text),
        AnyValue::StringOwned(text) => Value::from(text.as_str()),
        AnyValue::List(items) => return Cell::List(items.iter().map(|item| cell(&item, odd)).collect()),
        AnyValue::Struct(_, _, fields) => return object(fields, value._iter_struct_av(), odd),
        AnyValue::StructOwned(fields) => return object(&fields.1, fields.0.iter().cloned(), odd),
        AnyValue::Categorical(..) | AnyValue::CategoricalOwned(..) | AnyValue::Enum(..) | AnyValue::EnumOwned(..) => {
            value.get_str().map_or(Value::Null, Value::from)
        }
        AnyValue::Float32(number) if !number.is_finite() => odd(f64::from(*number)),
        AnyValue::Float64(number) if !number.is_finite() => odd(*number),
        AnyValue::Float32(number) => Value::from(by_digits(*number)),
        AnyValue::Float64(number) => Value::from(*number),
        other => match (other.extract::<i64>(), other.extract::<u64>()) {
            (Some(number), _) if other.is_integer() => Value::from(number),
            (_, Some(number)) if other.is_integer() => Value::from(number),
            _ => Value::from(other.to_string()),
        },
    })
}

/// A struct by the names of its fields.
fn object<'v>(fields: &[Field], values: impl Iterator<Item = AnyValue<'v>>, odd: fn(f64) -> Value) -> Cell {
    Cell::Object(
        fields.iter().zip(values).map(|(field, value)| (field.name().to_string(), cell(&value, odd))).collect(),
    )
}

/// A value as people read it: text bare, null as nothing.
fn plain(cell: &Cell) -> io::Result<String> {
    Ok(match cell {
        Cell::Plain(Value::Null) => String::new(),
        Cell::Plain(Value::String(text)) => text.clone(),
        other => serde_json::to_string(other)?,
    })
}

fn write_json(frame: &DataFrame, output: &mut impl Write) -> io::Result<()> {
    let names = names(frame);
    for row in rows(frame, null) {
        let object = Cell::Object(names.iter().cloned().zip(row).collect());
        serde_json::to_writer(&mut *output, &object)?;
        output.write_all(b"\n")?;
    }
    Ok(())
}

fn write_csv(frame: &DataFrame, output: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(names(frame)).map_err(of_output)?;
    for row in rows(frame, named) {
        let row = row.iter().map(plain).collect::<io::Result<Vec<String>>>()?;
        writer.write_record(row).map_err(of_output)?;
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

/// Numbers stand at the right.
fn write_table(frame: &DataFrame, output: &mut impl Write) -> io::Result<()> {
    let rows: Vec<Vec<String>> =
        rows(frame, named).map(|row| row.iter().map(plain).collect()).collect::<io::Result<_>>()?;
    let side = |column: &Column| if column.dtype().is_primitive_numeric() { Side::Right } else { Side::Left };
    let sides: Vec<Side> = frame.columns().iter().map(side).collect();
    for line in aligned::lines(&names(frame), &sides, Some('─'), &rows) {
        writeln!(output, "{line}")?;
    }
    Ok(())
}
