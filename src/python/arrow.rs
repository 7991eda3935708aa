//! Arrow in and out by the PyCapsule interface, which every Python library that has Arrow speaks, and which needs none:
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>.

use std::ffi::CStr;

use arrow::array::{RecordBatch, RecordBatchReader, StructArray};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
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
        let batch = array_in(&pair.get_item(0)?, &pair.get_item(1)?)?;
        let schema = batch.schema();
        return Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
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
    let reader = unsafe { RecordBatchStreamReader::from_raw(stream.as_ptr().cast()) };
    Ok(Box::new(reader.map_err(refused)?))
}

#[expect(unsafe_code, reason = "the interface hands over pointers")]
fn array_in(schema: &Bound<'_, PyAny>, array: &Bound<'_, PyAny>) -> PyResult<RecordBatch> {
    let schema = schema.cast::<PyCapsule>()?.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.cast::<PyCapsule>()?.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: capsules of these names have a valid `ArrowSchema`, which is only looked at while the capsule lives, and a
    // valid `ArrowArray` of that schema, which is moved out, one that is released left in its place.
    let data = unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) }.map_err(refused)?;
    if !matches!(data.data_type(), arrow::datatypes::DataType::Struct(_)) {
        return Err(PyTypeError::new_err(format!("expected rows in Arrow, got an array of {}", data.data_type())));
    }
    Ok(RecordBatch::from(StructArray::from(data)))
}
