//! Tables as Arrow has them, for programs that take Arrow: every column that the files have, of the type that it has there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatchReader;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use ground::interrupt;

use super::bounds::batch_rows;
use super::files::{gently, open, verified};
use super::{TableError, TableFiles};

/// Rows read at a time, or fewer where they are large.
const BATCH_ROWS: usize = 8192;

/// The rows of a table, one file after the other.
pub struct Found {
    schema: SchemaRef,
    n_rows: u64,
    current: Option<(ParquetRecordBatchReader, PathBuf)>,
    next: std::vec::IntoIter<PathBuf>,
}

impl Found {
    /// Those of these files, which must have the same columns.
    ///
    /// # Errors
    /// Where a file is damaged, no Parquet, or has other columns than the first.
    pub fn of(files: &TableFiles) -> Result<Self, TableError> {
        let (mut schema, mut n_rows) = (None, 0);
        for path in files.paths() {
            let (_, own, rows) = begun(path)?;
            n_rows += rows;
            let first = schema.get_or_insert_with(|| own.clone());
            if **first != *own {
                let reason = format!("expected the columns of the table's first file, {first}, got {own}");
                return Err(fault(path, ArrowError::SchemaError(reason)));
            }
        }
        let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
        Ok(Self { schema, n_rows, current: None, next: files.paths().to_vec().into_iter() })
    }

    /// How many there are.
    pub fn n_rows(&self) -> u64 {
        self.n_rows
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, TableError> {
        loop {
            interrupt::check()?;
            if let Some((reader, path)) = &mut self.current {
                let next = gently(path, || reader.next().transpose().map_err(|error| fault(path, error)))?;
                if let Some(batch) = next {
                    let told = |error| fault(path, error);
                    return RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec()).map(Some).map_err(told);
                }
            }
            let Some(path) = self.next.next() else { return Ok(None) };
            self.current = Some((begun(&path)?.0, path));
        }
    }
}

fn fault(path: &Path, error: ArrowError) -> TableError {
    TableError::read(path)(error.into())
}

/// A file's rows, its columns, and how many rows they are.
fn begun(path: &Path) -> Result<(ParquetRecordBatchReader, SchemaRef, u64), TableError> {
    let file = open(path)?;
    let again = file.try_clone().map_err(TableError::io(path, "open"))?;
    let builder = gently(path, || ParquetRecordBatchReaderBuilder::try_new(again).map_err(TableError::read(path)))?;
    let longest = verified(&file, builder.metadata(), path)?;
    let rows = batch_rows(builder.metadata(), longest, BATCH_ROWS);
    let n_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    // What a file says of its making is of the file.
    let schema = Arc::new(Schema::new(builder.schema().fields().clone()));
    let reader = gently(path, || builder.with_batch_size(rows).build().map_err(TableError::read(path)))?;
    Ok((reader, schema, n_rows))
}

impl Iterator for Found {
    type Item = Result<RecordBatch, ArrowError>;

    /// Nothing comes behind an error.
    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch().map_err(|error| ArrowError::ExternalError(Box::new(error))).transpose();
        if matches!(batch, Some(Err(_))) {
            (self.current, self.next) = (None, Vec::new().into_iter());
        }
        batch
    }
}

impl RecordBatchReader for Found {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
