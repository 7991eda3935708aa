//! Tables that any program may have written: their columns are brought to a schema's types.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::record_batch::RecordBatch;
use parquet::errors::ParquetError;

use ground::caught::caught;

use super::nested::{self, Nested};
use super::nulls::without_nulls;
use super::schema::{ColumnSchema, fits};
use super::{Row, TableError, TableSchema};

/// The rows of a batch in memory, whoever made it: its columns stand in any order and are brought to the schema's types;
/// others are passed over. `source` is what it is called in messages.
///
/// # Errors
/// Where a column is missing, or of a type or with values that do not fit.
pub fn rows_of<R: Row>(batch: &RecordBatch, source: &Path) -> Result<Vec<R>, TableError> {
    let fault = |reason: &dyn ToString| TableError::read(source)(ParquetError::General(reason.to_string()));
    let rows = caught(|| Ok(R::from_batch(&conform(batch, R::schema(), source)?)));
    rows.unwrap_or_else(|caught| Err(fault(&caught)))
}

/// A batch's columns as the schema has them, in its order.
pub(super) fn conform(batch: &RecordBatch, schema: &TableSchema, path: &Path) -> Result<RecordBatch, TableError> {
    let columns = schema.columns.iter().map(|column| conformed(batch, column, path)).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::new(schema.arrow()), columns).map_err(|error| TableError::read(path)(error.into()))
}

fn conformed(batch: &RecordBatch, column: &ColumnSchema, path: &Path) -> Result<ArrayRef, TableError> {
    let ColumnSchema { name, nullable, .. } = column;
    let expected = &column.kind.0;
    let (path, name) = (path.to_path_buf(), name.clone());
    let Some(found) = batch.column_by_name(&name) else {
        let missing = || TableError::NoColumn { path, column: name, expected: expected.to_string() };
        return nullable.then(|| new_null_array(expected, batch.num_rows())).ok_or_else(missing);
    };
    if let Some(fields) = nested::fields(expected) {
        return Nested::new(batch, column, &path).conformed(found, fields);
    }
    if !fits(found.data_type(), expected) {
        let (expected, found) = (expected.to_string(), found.data_type().to_string());
        return Err(TableError::ColumnType { path, column: name, expected, found });
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let array = match cast_with_options(found, expected, &strict) {
        Ok(array) => array,
        Err(source) => return Err(TableError::Value { path, column: name, expected: expected.to_string(), source }),
    };
    without_nulls(array, column, &path)
}
