//! A table's schema, read from its file under `schemas/`: the single source of truth for names, types and order.

use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use serde::Deserialize;

/// One table's description, as its file in `schemas/` gives it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// The table's name, also the name of its folder and of its schema file.
    pub name: String,
    /// Raised with every change of columns; written into each Parquet file.
    pub version: u32,
    /// What one row is.
    pub description: String,
    /// The columns by which rows are sorted; `documents.position` stands for the order of the documents.
    pub sort_key: Vec<String>,
    /// The columns in order.
    pub columns: Vec<ColumnSchema>,
}

/// One column of a table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSchema {
    /// The column's name.
    pub name: String,
    /// Its Arrow type: `Utf8`, `UInt32`, `UInt64`, `Float32`, `Float64`, `Boolean`, `List<…>` of these, or of
    /// `Struct<name: type, …>`, where `?` behind a type says that a field may be null.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether a cell may be null.
    pub nullable: bool,
    /// Whether Parquet dictionary encoding pays.
    pub dictionary: bool,
    /// What a cell means.
    pub description: String,
}

/// An Arrow type, parsed from its name in a schema file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ColumnType(pub DataType);

impl TryFrom<String> for ColumnType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl FromStr for ColumnType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(item) = name.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>')) {
            let ColumnType(item) = item.parse()?;
            return Ok(ColumnType(DataType::List(Arc::new(Field::new_list_field(item, true)))));
        }
        if let Some(fields) = name.strip_prefix("Struct<").and_then(|rest| rest.strip_suffix('>')) {
            return Ok(ColumnType(DataType::Struct(fields.split(", ").map(field).collect::<Result<_, _>>()?)));
        }
        Ok(ColumnType(match name {
            "Utf8" => DataType::Utf8,
            "UInt32" => DataType::UInt32,
            "UInt64" => DataType::UInt64,
            "Float32" => DataType::Float32,
            "Float64" => DataType::Float64,
            "Boolean" => DataType::Boolean,
            other => return Err(format!("`{other}` is no column type")),
        }))
    }
}

/// A field of a struct.
fn field(text: &str) -> Result<Field, String> {
    let (name, kind) = text.split_once(": ").ok_or_else(|| format!("`{text}` is no field"))?;
    let (kind, nullable) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
    let ColumnType(kind) = kind.parse()?;
    Ok(Field::new(name, kind, nullable))
}

impl TableSchema {
    /// The same as an Arrow schema.
    pub fn arrow(&self) -> Schema {
        Schema::new(
            self.columns
                .iter()
                .map(|column| Field::new(&column.name, column.kind.0.clone(), column.nullable))
                .collect::<Vec<_>>(),
        )
    }
}

/// Whether values of the one kind can stand for values of the other.
pub(super) fn fits(found: &DataType, expected: &DataType) -> bool {
    use DataType::{Boolean, Dictionary, LargeList, LargeUtf8, List, Null, Utf8, Utf8View};
    match (found, expected) {
        (Dictionary(_, values), _) => fits(values, expected),
        (Null, _) | (Utf8 | LargeUtf8 | Utf8View, Utf8) | (Boolean, Boolean) => true,
        (List(found) | LargeList(found), List(expected)) => fits(found.data_type(), expected.data_type()),
        (found, expected) if expected.is_floating() => found.is_numeric(),
        (found, expected) => found.is_integer() && expected.is_integer(),
    }
}
