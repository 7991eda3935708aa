//! Parquet in, checked against the schema before a row is used.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use ground::interrupt;

use super::bounds::batch_rows;
use super::files::{gently, open, verified};
use super::foreign::conform;
use super::nulls::without_nulls;
use super::{Snapshot, TableError, TableSchema};

/// Rows read at a time, or fewer where they are large.
const BATCH_ROWS: usize = 8192;

/// Whose columns a table's files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Those of the schema, of its types.
    Ours,
    /// What can be brought to the schema's types.
    Anyones,
}

/// The columns of a table as its schema has them, a few thousand rows at a time, one file after the other.
pub struct RecordBatches {
    columns: Columns,
    schema: &'static TableSchema,
    current: Option<(ParquetRecordBatchReader, PathBuf)>,
    /// What the files are, where they must be those of a moment before.
    snapshot: Option<Snapshot>,
    /// The files that are not open yet.
    next: std::vec::IntoIter<PathBuf>,
}

impl RecordBatches {
    pub(super) fn open(
        files: Vec<PathBuf>,
        schema: &'static TableSchema,
        columns: Columns,
        snapshot: Option<Snapshot>,
    ) -> Result<Self, TableError> {
        let mut batches = Self { columns, schema, current: None, snapshot, next: files.into_iter() };
        batches.advance()?;
        Ok(batches)
    }

    /// Opens the next file, if there is one.
    fn advance(&mut self) -> Result<(), TableError> {
        // The file before is closed first.
        self.current = None;
        if let Some(path) = self.next.next() {
            self.current = Some((self.reader(&path)?, path));
        }
        Ok(())
    }

    fn reader(&self, path: &Path) -> Result<ParquetRecordBatchReader, TableError> {
        let file = open(path)?;
        self.snapshot.as_ref().map_or(Ok(()), |snapshot| snapshot.check_open(path, &file))?;
        let again = file.try_clone().map_err(TableError::io(path, "open"))?;
        let builder = gently(path, || ParquetRecordBatchReaderBuilder::try_new(again).map_err(TableError::read(path)))?;
        if self.columns == Columns::Ours {
            check_types(builder.schema(), self.schema, path)?;
        }
        let longest = verified(&file, builder.metadata(), path)?;
        let rows = batch_rows(builder.metadata(), longest, BATCH_ROWS);
        gently(path, || builder.with_batch_size(rows).build().map_err(TableError::read(path)))
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, TableError> {
        interrupt::check()?;
        while let Some((reader, path)) = &mut self.current {
            let (columns, schema) = (self.columns, self.schema);
            let batch = gently(path, || {
                let Some(batch) = reader.next() else { return Ok(None) };
                let batch = batch.map_err(|error| TableError::read(path)(error.into()))?;
                match columns {
                    Columns::Ours => checked(&batch, schema, path).map(Some),
                    Columns::Anyones => conform(&batch, schema, path).map(Some),
                }
            })?;
            if batch.is_some() {
                return Ok(batch);
            }
            self.advance()?;
        }
        Ok(None)
    }
}

impl Iterator for RecordBatches {
    type Item = Result<RecordBatch, TableError>;

    /// Nothing comes behind an error.
    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch().transpose();
        if matches!(batch, Some(Err(_))) {
            (self.current, self.next) = (None, Vec::new().into_iter());
        }
        batch
    }
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
fn checked(batch: &RecordBatch, schema: &TableSchema, path: &Path) -> Result<RecordBatch, TableError> {
    let fault = |error: ArrowError| TableError::read(path)(error.into());
    let mut columns = Vec::with_capacity(schema.columns.len());
    for column in &schema.columns {
        let found = batch.column(batch.schema().index_of(&column.name).map_err(fault)?);
        let expected = &column.kind.0;
        let array = if found.data_type() == expected { found.clone() } else { cast(found, expected).map_err(fault)? };
        columns.push(without_nulls(array, column, path)?);
    }
    RecordBatch::try_new(Arc::new(schema.arrow()), columns).map_err(fault)
}
