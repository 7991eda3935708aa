//! What a file may unfold to. Parquet packs equal values into nothing: a file of a few kilobytes can hold more rows than
//! a disk, and a row more items than memory. Tables in earnest stay far below these bounds.

use std::path::Path;

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use super::TableError;

/// Rows of a file: what one of ours comes to, and for each of its bytes so many more, as tables of pairs that are all
/// alike come to hundreds a byte.
const MOST_ROWS: u64 = (1 << 24) + (1 << 21);
const ROWS_A_BYTE: u64 = 1 << 10;
/// Items in the lists of one column of a row group, and for each of its bytes so many more.
const MOST_ITEMS: u64 = 1 << 24;
const ITEMS_A_BYTE: u64 = 1 << 6;
/// Bytes that a batch of rows comes to, as far as the file tells.
const BATCH_BYTES: u64 = 32 << 20;
/// The same where every row has the longest text that there may be.
const LONGEST_BYTES: u64 = 128 << 20;

/// Refuses a file that would unfold to more than is in proportion to its size.
pub(super) fn check(metadata: &ParquetMetaData, n_bytes: u64, path: &Path) -> Result<(), TableError> {
    let refused = |what, got, most| Err(TableError::Unfolds { path: path.to_path_buf(), what, got, most });
    let sum = |counts: &mut dyn Iterator<Item = i64>| counts.map(i64::unsigned_abs).fold(0u64, u64::saturating_add);
    let rows = sum(&mut metadata.row_groups().iter().map(RowGroupMetaData::num_rows));
    let most = MOST_ROWS.saturating_add(n_bytes.saturating_mul(ROWS_A_BYTE));
    if rows > most {
        return refused("rows", rows, most);
    }
    for column in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let in_file = column.compressed_size().unsigned_abs().min(n_bytes);
        let most = MOST_ITEMS.saturating_add(in_file.saturating_mul(ITEMS_A_BYTE));
        let items = column.num_values().unsigned_abs();
        if column.column_descr().max_rep_level() > 0 && items > most {
            return refused("items in the lists of a column", items, most);
        }
    }
    Ok(())
}

/// Rows to read at a time, of at most so many, so that a batch stays small in bytes as well, though each of its texts may
/// be as long as the `longest`.
pub(super) fn batch_rows(metadata: &ParquetMetaData, longest: u64, most: usize) -> usize {
    let of_group = |group: &RowGroupMetaData| {
        let bytes = |column: &ColumnChunkMetaData| {
            let text = column.unencoded_byte_array_data_bytes().map_or(0, i64::unsigned_abs);
            // A value of any other type takes 8 bytes at most, and a text its length and its place.
            text.max(column.uncompressed_size().unsigned_abs()) + 8 * column.num_values().unsigned_abs()
        };
        let bytes = group.columns().iter().map(bytes).fold(0u64, u64::saturating_add);
        BATCH_BYTES.saturating_mul(group.num_rows().unsigned_abs().max(1)) / bytes.max(1)
    };
    let fitting = metadata.row_groups().iter().map(of_group).min().unwrap_or(u64::MAX);
    usize::try_from(fitting).unwrap_or(usize::MAX).clamp(1, rows_of(longest, most))
}

/// Rows to make at a time, of at most so many, where each may have a text of so many bytes.
pub(super) fn rows_of(longest: u64, most: usize) -> usize {
    usize::try_from(LONGEST_BYTES / longest.max(1)).unwrap_or(usize::MAX).clamp(1, most)
}
