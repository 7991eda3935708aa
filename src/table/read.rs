//! Parquet in, checked against the schema before the first row is used.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::write::parent;
use super::{Row, TableError, TableSchema};

/// Rows read at a time.
const BATCH_ROWS: usize = 8192;

/// The files of a table in order: `folder/NAME/part-*.parquet`, or else `folder/NAME.parquet`.
pub fn parts(folder: &Path, table: &str) -> Result<Vec<PathBuf>, TableError> {
    let nested = folder.join(table);
    let mut parts = Vec::new();
    if nested.is_dir() {
        for entry in fs::read_dir(&nested).map_err(TableError::io(&nested, "list the folder"))? {
            let path = entry.map_err(TableError::io(&nested, "list the folder"))?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(is_part_name) {
                parts.push(path);
            }
        }
        parts.sort();
    }
    let single = folder.join(format!("{table}.parquet"));
    if parts.is_empty() && single.is_file() {
        parts.push(single);
    }
    if parts.is_empty() {
        return Err(TableError::NoTable { folder: folder.to_path_buf(), table: table.to_owned() });
    }
    Ok(parts)
}

/// Whether a file of this name is part of a table. A hidden one is not: it may be half written.
pub fn is_part_name(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).extension().is_some_and(|extension| extension == "parquet")
}

/// Reads a table of `folder` in order, a few thousand rows at a time. The schema of each file is checked up front.
pub fn read<R: Row>(folder: &Path) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + use<R>, TableError> {
    read_files(parts(folder, &R::schema().name)?)
}

/// As [`read`], of the table that stands at `path`, whatever name it has there.
pub fn read_at<R: Row>(path: &Path) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + use<R>, TableError> {
    read_files(files_at(path)?)
}

/// The files of the table that stands at `path`: itself a file, or a folder.
///
/// # Errors
/// Where there is none.
pub fn files_at(path: &Path) -> Result<Vec<PathBuf>, TableError> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parts(parent(path), &name)
}

fn read_files<R: Row>(
    files: Vec<PathBuf>,
) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + use<R>, TableError> {
    let schema = R::schema();
    let mut readers = Vec::new();
    for path in files {
        readers.push((open(&path, schema)?, path));
    }
    Ok(readers.into_iter().flat_map(move |(reader, path)| {
        reader.map(move |batch| {
            let batch = batch.map_err(|error| TableError::parquet(&path)(error.into()))?;
            Ok(R::from_batch(&checked(batch, schema, &path)?))
        })
    }))
}

/// What a table was made from, as its writer recorded it in each file; `None` where the table is absent, one of its
/// files is damaged, or it is not ours.
pub fn fingerprint(folder: &Path, table: &str) -> Option<String> {
    let mut recorded = None;
    for path in parts(folder, table).ok()? {
        let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
        let metadata = reader.metadata().file_metadata().key_value_metadata()?;
        let found = metadata.iter().find(|entry| entry.key == "docre.fingerprint")?.value.clone()?;
        if recorded.as_ref().is_some_and(|recorded| *recorded != found) {
            return None;
        }
        recorded = Some(found);
    }
    recorded
}

pub(super) fn open_file(path: &Path) -> Result<File, TableError> {
    File::open(path).map_err(TableError::io(path, "open"))
}

fn open(path: &Path, schema: &TableSchema) -> Result<ParquetRecordBatchReader, TableError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(open_file(path)?).map_err(TableError::parquet(path))?;
    check_types(builder.schema(), schema, path)?;
    builder.with_batch_size(BATCH_ROWS).build().map_err(TableError::parquet(path))
}

fn check_types(found: &Schema, expected: &TableSchema, path: &Path) -> Result<(), TableError> {
    for column in &expected.columns {
        let expected = &column.kind.0;
        let Ok(field) = found.field_with_name(&column.name) else {
            return Err(TableError::NoColumn {
                path: path.to_path_buf(),
                column: column.name.clone(),
                expected: expected.to_string(),
            });
        };
        if !is_alike(field.data_type(), expected) {
            return Err(TableError::ColumnType {
                path: path.to_path_buf(),
                column: column.name.clone(),
                expected: expected.to_string(),
                found: field.data_type().to_string(),
            });
        }
    }
    Ok(())
}

/// Whether the one type is the other, but for how engines lay out text and lists in memory.
fn is_alike(found: &DataType, expected: &DataType) -> bool {
    use DataType::{LargeList, LargeUtf8, List, Utf8, Utf8View};
    match (found, expected) {
        (LargeUtf8 | Utf8View, Utf8) => true,
        (List(found) | LargeList(found), List(expected)) => is_alike(found.data_type(), expected.data_type()),
        _ => found.equals_datatype(expected),
    }
}

/// The schema's columns in its order; further columns of the file are left aside.
fn checked(batch: RecordBatch, schema: &TableSchema, path: &Path) -> Result<RecordBatch, TableError> {
    let fault = |error: ArrowError| TableError::parquet(path)(error.into());
    let mut columns = Vec::with_capacity(schema.columns.len());
    for column in &schema.columns {
        let found = batch.column(batch.schema().index_of(&column.name).map_err(fault)?);
        let nulls = found.null_count();
        if nulls > 0 && !column.nullable {
            return Err(TableError::Null { path: path.to_path_buf(), column: column.name.clone(), nulls });
        }
        let expected = &column.kind.0;
        columns.push(if found.data_type() == expected {
            found.clone()
        } else {
            cast(found, expected).map_err(fault)?
        });
    }
    RecordBatch::try_new(Arc::new(schema.arrow()), columns).map_err(fault)
}
