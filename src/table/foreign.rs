//! Tables that any program may have written: their columns are brought to a schema's types.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::read::{files_at, open_file};
use super::schema::ColumnSchema;
use super::{Row, TableError, TableSchema};

/// Reads the table that stands at `path`, a folder of Parquet files or one of them, whoever wrote it. Any kind of text,
/// number or list will do where the schema has one, and columns that may be null may be missing.
///
/// # Errors
/// Where the table or a column is missing, a column is of another kind, or a value does not fit its type.
pub fn read_foreign<R: Row>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + use<R>, TableError> {
    let mut readers = Vec::new();
    for path in files_at(path)? {
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(open_file(&path)?).map_err(TableError::parquet(&path))?;
        readers.push((builder.build().map_err(TableError::parquet(&path))?, path));
    }
    Ok(readers.into_iter().flat_map(|(reader, path)| {
        reader.map(move |batch| {
            let batch = batch.map_err(|error| TableError::parquet(&path)(error.into()))?;
            Ok(R::from_batch(&conform(&batch, R::schema(), &path)?))
        })
    }))
}

/// A batch's columns as the schema has them, in its order.
pub(super) fn conform(batch: &RecordBatch, schema: &TableSchema, path: &Path) -> Result<RecordBatch, TableError> {
    let columns = schema.columns.iter().map(|column| conformed(batch, column, path)).collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::new(schema.arrow()), columns).map_err(|error| TableError::parquet(path)(error.into()))
}

fn conformed(batch: &RecordBatch, column: &ColumnSchema, path: &Path) -> Result<ArrayRef, TableError> {
    let ColumnSchema { name, nullable, .. } = column;
    let expected = &column.kind.0;
    let (path, name) = (path.to_path_buf(), name.clone());
    let Some(found) = batch.column_by_name(&name) else {
        let missing = || TableError::NoColumn { path, column: name, expected: expected.to_string() };
        return nullable.then(|| new_null_array(expected, batch.num_rows())).ok_or_else(missing);
    };
    if !fits(found.data_type(), expected) {
        let (expected, found) = (expected.to_string(), found.data_type().to_string());
        return Err(TableError::ColumnType { path, column: name, expected, found });
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let array = match cast_with_options(found, expected, &strict) {
        Ok(array) => array,
        Err(source) => return Err(TableError::Value { path, column: name, expected: expected.to_string(), source }),
    };
    let nulls = if *nullable { 0 } else { array.null_count() };
    match nulls + null_items(&array) {
        0 => Ok(array),
        nulls => Err(TableError::Null { path, column: name, nulls }),
    }
}

/// Nulls inside the lists of a column.
fn null_items(array: &dyn Array) -> usize {
    array.as_list_opt::<i32>().map_or(0, |lists| lists.values().null_count())
}

/// Whether values of the one kind can stand for values of the other.
fn fits(found: &DataType, expected: &DataType) -> bool {
    use DataType::{Boolean, Dictionary, LargeList, LargeUtf8, List, Null, Utf8, Utf8View};
    match (found, expected) {
        (Dictionary(_, values), _) => fits(values, expected),
        (Null, _) | (Utf8 | LargeUtf8 | Utf8View, Utf8) | (Boolean, Boolean) => true,
        (List(found) | LargeList(found), List(expected)) => fits(found.data_type(), expected.data_type()),
        (found, expected) if expected.is_floating() => found.is_numeric(),
        (found, expected) => found.is_integer() && expected.is_integer(),
    }
}
