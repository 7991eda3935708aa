//! Parts of a table, put together by columns: what comes out hangs on their rows alone, not on where one part ended.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::compute::BatchCoalescer;
use arrow::error::ArrowError;
use parquet::errors::ParquetError;

use super::{Row, Table, TableError, TableWriter};

/// Rows that are written at a time.
const ROWS_AT_ONCE: usize = 8192;

/// Puts the tables of some folders together, in their order.
///
/// # Errors
/// Where one is missing or damaged, or the disk refuses.
pub fn join<R: Row + 'static>(folders: &[PathBuf], mut writer: TableWriter<R>) -> Result<(), TableError> {
    let mut rows = BatchCoalescer::new(Arc::new(R::schema().arrow()), ROWS_AT_ONCE);
    for folder in folders {
        let fault = |error: ArrowError| TableError::read(folder)(ParquetError::from(error));
        for batch in Table::<R>::require(folder)?.record_batches()? {
            let batch = batch?.with_schema(Arc::new(R::schema().arrow())).map_err(fault)?;
            rows.push_batch(batch).map_err(fault)?;
            while let Some(batch) = rows.next_completed_batch() {
                writer.write_batch(&batch)?;
            }
        }
    }
    let fault = |error: ArrowError| TableError::read(&PathBuf::from(&R::schema().name))(ParquetError::from(error));
    rows.finish_buffered_batch().map_err(fault)?;
    while let Some(batch) = rows.next_completed_batch() {
        writer.write_batch(&batch)?;
    }
    writer.finish()
}
