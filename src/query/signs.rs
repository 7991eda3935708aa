//! Whole numbers as a statement sees them: with a sign and of 64 bits, so that 3 - 4 is -1 and not 4294967295.
//!
//! A result's column has again the type that the tables' columns of its name have, where its values allow it: a statement
//! that picks rows gives a table that can stand in the place of the one that it picks from.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

/// The types of whole numbers in tables, by the columns' names; `None` where tables differ.
#[derive(Default)]
pub(crate) struct Signs(BTreeMap<PlSmallStr, Option<DataType>>);

impl Signs {
    /// A table as a statement sees it.
    pub fn add(&mut self, mut table: LazyFrame) -> PolarsResult<LazyFrame> {
        let schema = table.collect_schema()?;
        let mut seen = Vec::new();
        for (name, kind) in schema.iter() {
            let signed = signed(kind);
            if let Some(kind) = &signed {
                seen.push(col(name.clone()).strict_cast(kind.clone()));
            }
            let own = signed.is_some().then(|| kind.clone());
            let known = self.0.entry(name.clone()).or_insert_with(|| own.clone());
            if *known != own {
                *known = None;
            }
        }
        Ok(if seen.is_empty() { table } else { table.with_columns(seen) })
    }

    /// A result, its columns in the tables' types but for those whose type the statement says.
    pub fn take(&self, mut rows: DataFrame, typed: &BTreeSet<String>) -> PolarsResult<DataFrame> {
        let own = |column: &Column| {
            if typed.contains(column.name().as_str()) {
                return None;
            }
            let kind = self.0.get(column.name())?.as_ref()?;
            (signed(kind).as_ref() == Some(column.dtype())).then(|| column.strict_cast(kind).ok())?
        };
        let cast: Vec<Column> = rows.columns().iter().filter_map(own).collect();
        for column in cast {
            rows.with_column(column)?;
        }
        Ok(rows)
    }
}

/// The type in which a statement sees one of whole numbers; of lists, that of their items. A number that does not fit is
/// an error, where the statement asks for it.
fn signed(kind: &DataType) -> Option<DataType> {
    match kind {
        DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32 => Some(DataType::Int64),
        DataType::List(item) => signed(item).map(|item| DataType::List(Box::new(item))),
        _ => None,
    }
}
