//! Arrow in and out by the PyCapsule interface, which every Python library that has Arrow speaks, and which needs none:
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>.

use std::ffi::CStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayReader, AsArray, RecordBatch, RecordBatchOptions, RecordBatchReader, make_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow::record_batch::RecordBatchIterator;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const STREAM: &CStr = c"arrow_array_stream";
const ARRAY: &CStr = c"arrow_array";
const SCHEMA: &CStr = c"arrow_schema";

/// Batches in order.
pub type Batches = Box<dyn RecordBatchReader + Send>;

/// A stream of batches, for Python.
pub fn stream_out(py: Python<'_>, batches: Batches) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(batches), STREAM)
}

/// A schema, for Python.
pub fn schema_out<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(refused)?;
    PyCapsule::new_with_value(py, schema, SCHEMA)
}

/// The rows of an object that has them in Arrow.
///
/// # Errors
/// A `TypeError` where it has none, and whatever the object raises.
pub fn batches_in(object: &Bound<'_, PyAny>) -> PyResult<Batches> {
    if object.hasattr("__arrow_c_stream__")? {
        let capsule = object.call_method0("__arrow_c_stream__")?;
        return stream_in(&capsule);
    }
    if object.hasattr("__arrow_c_array__")? {
        let pair = object.call_method0("__arrow_c_array__")?.cast_into::<PyTuple>()?;
        return array_in(&pair.get_item(0)?, &pair.get_item(1)?);
    }
    let kind = object.get_type();
    let name = kind.fully_qualified_name()?;
    Err(PyTypeError::new_err(format!(
        "expected rows in Arrow (an object with `__arrow_c_stream__`, as tables and data frames of pyarrow, polars, pandas \
         2.2 or later, DuckDB and docre are), got `{name}`"
    )))
}

fn refused(error: ArrowError) -> PyErr {
    PyTypeError::new_err(error.to_string())
}

#[expect(unsafe_code, reason = "the interface hands over a pointer")]
fn stream_in(capsule: &Bound<'_, PyAny>) -> PyResult<Batches> {
    let stream = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?;
    // SAFETY: a capsule of this name has a valid `ArrowArrayStream`, says the interface. It is moved out, and one that
    // is released left in its place, so that the capsule's destructor does nothing.
    let arrays = unsafe { ArrayStreamReader::from_raw(stream.as_ptr().cast()) }.map_err(refused)?;
    let schema = schema_of(arrays.field())?;
    let of = schema.clone();
    Ok(Box::new(RecordBatchIterator::new(arrays.map(move |array| rows(&array?, &of)), schema)))
}

#[expect(unsafe_code, reason = "the interface hands over pointers")]
fn array_in(schema: &Bound<'_, PyAny>, array: &Bound<'_, PyAny>) -> PyResult<Batches> {
    let schema = schema.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names have a valid `ArrowSchema`, which is only looked at while the capsule lives, and a
    // valid `ArrowArray` of that schema, which is moved out, one that is released left in its place.
    let schema = unsafe { schema.as_ref() };
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema) }.map_err(refused)?;
    let schema = schema_of(&Field::try_from(schema).map_err(refused)?)?;
    let batch = rows(&make_array(data), &schema);
    Ok(Box::new(RecordBatchIterator::new([batch], schema)))
}

/// What rows are, by the field of an array of structs.
fn schema_of(field: &Field) -> PyResult<SchemaRef> {
    match field.data_type() {
        DataType::Struct(fields) => Ok(Arc::new(Schema::new_with_metadata(fields.clone(), field.metadata().clone()))),
        other => Err(PyTypeError::new_err(format!("expected rows in Arrow, got an array of {other}"))),
    }
}

/// An array of structs as rows, all of which must be there.
fn rows(array: &dyn Array, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let structs = array.as_struct();
    if let Some(row) = (0..structs.len()).find(|&row| structs.is_null(row)) {
        return Err(ArrowError::InvalidArgumentError(format!("row {row}: expected a row, got null")));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(structs.len()));
    RecordBatch::try_new_with_options(schema.clone(), structs.columns().to_vec(), &options)
}
