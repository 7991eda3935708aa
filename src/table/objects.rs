//! The rows of any Parquet file as JSON objects: for files whose columns are nested, and are no table of ours.

use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::Serialize;

use ground::interrupt;

use super::TableError;
use super::bounds::batch_rows;
use super::files::{gently, open, verified};

/// Rows read at a time, or fewer where they are large: a row may be a document.
const BATCH_ROWS: usize = 256;

/// The rows of a file in order, each as a JSON object, a batch of them in memory at a time. What JSON has no form for, such
/// as bytes and points in time, is `null`.
///
/// # Errors
/// Where it cannot be read, is not Parquet, or would unfold to more than is in proportion to its size; later, where it
/// is damaged.
pub fn json_rows(path: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>, TableError>> + Send + use<>, TableError> {
    let file = open(path)?;
    let again = file.try_clone().map_err(TableError::io(path, "open"))?;
    // Without what Arrow's writers say of their arrays, there are but plain types.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = gently(path, || {
        ParquetRecordBatchReaderBuilder::try_new_with_options(again, options).map_err(TableError::read(path))
    })?;
    let longest = verified(&file, builder.metadata(), path)?;
    let rows = batch_rows(builder.metadata(), longest, BATCH_ROWS);
    let reader = gently(path, || builder.with_batch_size(rows).build().map_err(TableError::read(path)))?;
    Ok(Rows { reader: Some(reader), path: path.to_path_buf(), batch: None })
}

/// Rows on their way.
struct Rows {
    reader: Option<ParquetRecordBatchReader>,
    path: PathBuf,
    /// The batch at hand, and its next row.
    batch: Option<(StructArray, usize)>,
}

impl Rows {
    fn row(&mut self) -> Result<Option<Vec<u8>>, TableError> {
        loop {
            if let Some((batch, next)) = &mut self.batch
                && *next < batch.len()
            {
                let mut json = Vec::new();
                write_object(batch, *next, &mut json)
                    .map_err(|error| TableError::io(&self.path, "read")(error.into()))?;
                *next += 1;
                return Ok(Some(json));
            }
            let Some(batch) = self.next_batch()? else { return Ok(None) };
            self.batch = Some((StructArray::from(batch), 0));
        }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, TableError> {
        interrupt::check()?;
        let Some(reader) = &mut self.reader else { return Ok(None) };
        gently(&self.path, || reader.next().transpose().map_err(|error| TableError::read(&self.path)(error.into())))
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<u8>, TableError>;

    /// Nothing comes behind an error.
    fn next(&mut self) -> Option<Self::Item> {
        let row = self.row().transpose();
        if !matches!(row, Some(Ok(_))) {
            (self.reader, self.batch) = (None, None);
        }
        row
    }
}

fn write_object(array: &StructArray, row: usize, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    json.push(b'{');
    for (place, (field, column)) in array.fields().iter().zip(array.columns()).enumerate() {
        if place > 0 {
            json.push(b',');
        }
        write(field.name(), json)?;
        json.push(b':');
        write_value(column, row, json)?;
    }
    json.push(b'}');
    Ok(())
}

/// A number of an array, as JSON has it.
macro_rules! number {
    ($array:ident, $row:ident, $json:ident, $kind:ty) => {
        write(&$array.as_primitive::<$kind>().value($row), $json)
    };
}

fn write_value(array: &ArrayRef, row: usize, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    if array.is_null(row) {
        return write(&(), json);
    }
    match array.data_type() {
        DataType::Utf8 => write(array.as_string::<i32>().value(row), json),
        DataType::LargeUtf8 => write(array.as_string::<i64>().value(row), json),
        DataType::Utf8View => write(array.as_string_view().value(row), json),
        DataType::Boolean => write(&array.as_boolean().value(row), json),
        DataType::Int8 => number!(array, row, json, Int8Type),
        DataType::Int16 => number!(array, row, json, Int16Type),
        DataType::Int32 => number!(array, row, json, Int32Type),
        DataType::Int64 => number!(array, row, json, Int64Type),
        DataType::UInt8 => number!(array, row, json, UInt8Type),
        DataType::UInt16 => number!(array, row, json, UInt16Type),
        DataType::UInt32 => number!(array, row, json, UInt32Type),
        DataType::UInt64 => number!(array, row, json, UInt64Type),
        DataType::Float32 => number!(array, row, json, Float32Type),
        DataType::Float64 => number!(array, row, json, Float64Type),
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), json),
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), json),
        DataType::FixedSizeList(..) => write_list(&array.as_fixed_size_list().value(row), json),
        DataType::Struct(_) => write_object(array.as_struct(), row, json),
        _ => write(&(), json),
    }
}

fn write_list(items: &ArrayRef, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    json.push(b'[');
    for row in 0..items.len() {
        if row > 0 {
            json.push(b',');
        }
        write_value(items, row, json)?;
    }
    json.push(b']');
    Ok(())
}

fn write(value: &(impl Serialize + ?Sized), json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(json, value)
}
