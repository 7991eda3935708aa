//! Nulls where a schema allows none.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};

use super::TableError;
use super::schema::ColumnSchema;

/// The same column, of the schema's type, if no value is null that must not be: a cell, or an item of a list at any
/// depth, under which numbers without meaning stand.
pub(super) fn without_nulls(array: ArrayRef, column: &ColumnSchema, path: &Path) -> Result<ArrayRef, TableError> {
    let cells = if column.nullable { 0 } else { array.null_count() };
    match cells + null_items(&array) {
        0 => Ok(array),
        nulls => Err(TableError::Null { path: path.to_path_buf(), column: column.name.clone(), nulls }),
    }
}

/// Nulls inside the lists of a column; what stands where a list is null does not count.
pub(super) fn null_items(array: &dyn Array) -> usize {
    let Some(lists) = array.as_list_opt::<i32>().filter(|lists| may_have_null_items(lists.values())) else { return 0 };
    let nulls = |items: ArrayRef| items.null_count() + null_items(&items);
    lists.iter().flatten().map(nulls).sum()
}

/// Whether the items, or items of theirs, are null anywhere: seen at once, without a look at each list.
fn may_have_null_items(items: &dyn Array) -> bool {
    items.null_count() > 0 || items.as_list_opt::<i32>().is_some_and(|lists| may_have_null_items(lists.values()))
}
