//! Columns of lists of structs, as any program may have written them: brought to a schema's types field by field. What is
//! wrong in one is told by the document and the field.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::record_batch::RecordBatch;

use ground::excerpt::quoted;

use super::TableError;
use super::nulls::null_items;
use super::schema::{ColumnSchema, fits};

/// The fields of the structs that a column has lists of; `None` where it has none such.
pub(super) fn fields(kind: &DataType) -> Option<(&FieldRef, &Fields)> {
    match kind {
        DataType::List(item) => match item.data_type() {
            DataType::Struct(fields) => Some((item, fields)),
            _ => None,
        },
        _ => None,
    }
}

/// A column of a batch.
pub(super) struct Nested<'a> {
    batch: &'a RecordBatch,
    column: &'a ColumnSchema,
    path: &'a Path,
}

impl<'a> Nested<'a> {
    /// That of a schema.
    pub fn new(batch: &'a RecordBatch, column: &'a ColumnSchema, path: &'a Path) -> Self {
        Self { batch, column, path }
    }

    /// What was found there, as the schema has it.
    pub fn conformed(&self, found: &ArrayRef, (item, fields): (&FieldRef, &Fields)) -> Result<ArrayRef, TableError> {
        let lists = self.lists(found)?;
        if !self.column.nullable
            && let Some(row) = (0..lists.len()).find(|&row| lists.is_null(row))
        {
            return Err(self.fault(row, self.column.name.clone(), "expected a list, got null"));
        }
        let offsets = lists.value_offsets();
        let (first, last) = (at(offsets.first()), at(offsets.last()));
        let values = lists.values().slice(first, last - first);
        let lists = Lists { offsets: offsets.iter().map(|&offset| at(Some(&offset)) - first).collect() };
        let Some(structs) = values.as_struct_opt() else { return Err(self.wrong_type(None, found.data_type())) };
        if let Some(place) = (0..structs.len()).find(|&place| structs.is_null(place)) {
            let (row, item) = lists.of(place);
            return Err(self.fault(row, format!("{}[{item}]", self.column.name), "expected a value, got null"));
        }
        let columns = fields.iter().map(|field| self.field(structs, field, &lists)).collect::<Result<_, _>>()?;
        let fault = |error: arrow::error::ArrowError| TableError::read(self.path)(error.into());
        let structs = StructArray::try_new(fields.clone(), columns, None).map_err(fault)?;
        let lengths = lists.offsets.windows(2).map(|pair| pair[1] - pair[0]);
        let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
        let nulls = self.lists(found)?.nulls().cloned();
        Ok(Arc::new(ListArray::try_new(item.clone(), offsets, Arc::new(structs), nulls).map_err(fault)?))
    }

    /// The column as lists of whatever items.
    fn lists(&self, found: &ArrayRef) -> Result<ListArray, TableError> {
        let item = match found.data_type() {
            DataType::List(item) | DataType::LargeList(item) => item.clone(),
            DataType::Null => {
                let empty = Field::new_list_field(DataType::Struct(Fields::empty()), true);
                return Ok(new_null_array(&DataType::List(Arc::new(empty)), found.len()).as_list().clone());
            }
            other => return Err(self.wrong_type(None, other)),
        };
        let item = match item.data_type() {
            // What has no items has no types either.
            DataType::Null => Arc::new(Field::new_list_field(DataType::Struct(Fields::empty()), true)),
            _ => item,
        };
        let lists = cast(found, &DataType::List(item)).map_err(|_| self.wrong_type(None, found.data_type()))?;
        Ok(lists.as_list().clone())
    }

    /// A field of the structs, which stand in the lists one after the other.
    fn field(&self, structs: &StructArray, field: &Field, lists: &Lists) -> Result<ArrayRef, TableError> {
        let (name, expected) = (field.name(), field.data_type());
        let Some(found) = structs.column_by_name(name) else {
            if field.is_nullable() || structs.is_empty() {
                return Ok(new_null_array(expected, structs.len()));
            }
            let (path, column) = (self.path.to_path_buf(), format!("{}.{name}", self.column.name));
            return Err(TableError::NoColumn { path, column, expected: expected.to_string() });
        };
        if !fits(found.data_type(), expected) {
            return Err(self.wrong_type(Some(field), found.data_type()));
        }
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let said = |place: usize, reason: &str| {
            let (row, item) = lists.of(place);
            self.fault(row, format!("{}[{item}].{name}", self.column.name), reason)
        };
        let Ok(array) = cast_with_options(found, expected, &strict) else {
            let misfit = |place: &usize| cast_with_options(&found.slice(*place, 1), expected, &strict).is_err();
            let place = (0..found.len()).find(misfit).unwrap_or_default();
            return Err(said(place, &format!("expected a value that fits {expected}")));
        };
        let is_null = |place: &usize| array.is_null(*place) && !field.is_nullable();
        let holds_null = |place: &usize| null_items(&array.slice(*place, 1)) > 0;
        let nulls = if field.is_nullable() { 0 } else { array.null_count() };
        if nulls + null_items(&array) == 0 {
            return Ok(array);
        }
        let place = (0..array.len()).find(|place| is_null(place) || holds_null(place)).unwrap_or_default();
        Err(said(place, "expected a value, got null"))
    }

    fn wrong_type(&self, field: Option<&Field>, found: &DataType) -> TableError {
        let name = &self.column.name;
        let (column, expected) = match field {
            Some(field) => (format!("{name}.{}", field.name()), field.data_type()),
            None => (name.clone(), &self.column.kind.0),
        };
        let (expected, found) = (expected.to_string(), found.to_string());
        TableError::ColumnType { path: self.path.to_path_buf(), column, expected, found }
    }

    fn fault(&self, row: usize, field: String, reason: &str) -> TableError {
        let named = self.batch.column_by_name("doc_id").and_then(|names| cast(names, &DataType::Utf8).ok());
        let document =
            named.filter(|names| names.is_valid(row)).map(|names| quoted(names.as_string::<i32>().value(row)));
        let document = document.unwrap_or_else(|| format!("of row {row}"));
        TableError::Field { path: self.path.to_path_buf(), document, field, reason: reason.to_owned() }
    }
}

/// Where each list's items end among those of all.
struct Lists {
    offsets: Vec<usize>,
}

impl Lists {
    /// The list that an item is in, and its place there.
    fn of(&self, item: usize) -> (usize, usize) {
        let row = self.offsets.partition_point(|&offset| offset <= item).saturating_sub(1);
        (row, item - self.offsets.get(row).copied().unwrap_or_default())
    }
}

fn at(offset: Option<&i32>) -> usize {
    offset.copied().and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default()
}
