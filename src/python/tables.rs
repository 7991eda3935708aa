//! Tables for Python: rows in memory, or files that are read when somebody asks for them.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatchIterator;
use docre::table::found::Found;
use docre::table::rows::{AnnotatedRow, RelationRow, ScoreRow};
use docre::table::{Row, TableError, TableFiles};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow::{Batches, schema_out, stream_out};
use crate::failure::{of_arrow, raised};
use crate::work;

/// Rows, with names and types for their columns.
#[pyclass(frozen, module = "docre")]
pub struct Table {
    schema: SchemaRef,
    n_rows: u64,
    held: Held,
}

enum Held {
    Batches(Arc<Vec<RecordBatch>>),
    /// Opened anew for each reader.
    Files(TableFiles),
}

impl Table {
    /// Rows in memory.
    pub fn of_batches(schema: SchemaRef, batches: Vec<RecordBatch>) -> Self {
        let n_rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        Self { schema, n_rows, held: Held::Batches(Arc::new(batches)) }
    }

    fn of_files(files: TableFiles) -> Result<Self, TableError> {
        let found = Found::of(&files)?;
        Ok(Self { schema: found.schema(), n_rows: found.n_rows(), held: Held::Files(files) })
    }

    fn batches(&self) -> Result<Batches, TableError> {
        Ok(match &self.held {
            Held::Files(files) => Box::new(Found::of(files)?),
            Held::Batches(batches) => {
                let batches: Vec<_> = batches.iter().cloned().map(Ok).collect();
                Box::new(RecordBatchIterator::new(batches, self.schema.clone()))
            }
        })
    }
}

#[pymethods]
impl Table {
    /// How many rows there are.
    #[getter]
    fn num_rows(&self) -> u64 {
        self.n_rows
    }

    /// The names of the columns in order.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.n_rows).unwrap_or(usize::MAX)
    }

    fn __repr__(&self) -> String {
        let columns = self.column_names();
        let rows = if self.n_rows == 1 { "row" } else { "rows" };
        format!(
            "<docre.Table of {} {rows}, columns {}: Arrow, as in pyarrow.table(…) or polars.DataFrame(…)>",
            self.n_rows,
            columns.join(", ")
        )
    }

    /// The rows as an Arrow stream, by the PyCapsule interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Other types than these are a wish, says the interface; who has it casts.
        drop(requested_schema);
        let batches = self.batches().map_err(|error| raised(py, &error.into()))?;
        stream_out(py, batches)
    }

    /// The columns as an Arrow schema, by the PyCapsule interface.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_out(py, &self.schema)
    }
}

/// The table that stands at a path: a file, a folder of files, or one of that name in a folder. `whole`: its rows are
/// taken into memory, so that the files may go.
#[pyfunction]
#[pyo3(signature = (path, name=None, whole=false))]
pub fn read(py: Python<'_>, path: PathBuf, name: Option<String>, whole: bool) -> PyResult<Table> {
    let opened = move || -> Result<Table, TableError> {
        let files = match &name {
            Some(name) => TableFiles::find(&path, name)?.ok_or_else(|| missing(&path, name))?,
            None => TableFiles::require_at(&path)?,
        };
        Table::of_files(files)
    };
    let table = work::work(py, opened)?.map_err(|error| raised(py, &error.into()))?;
    if !whole {
        return Ok(table);
    }
    let batches = work::work(py, || table.batches().map(Iterator::collect::<Result<Vec<_>, _>>))?;
    let batches = batches.map_err(|error| raised(py, &error.into()))?.map_err(|error| of_arrow(py, error))?;
    Ok(Table::of_batches(table.schema.clone(), batches))
}

fn missing(folder: &Path, name: &str) -> TableError {
    TableError::NoTable { folder: folder.to_path_buf(), table: name.to_owned() }
}

/// A table of ours without rows, for its columns.
#[pyfunction]
pub fn schema(table: &str) -> PyResult<Table> {
    let found = match table {
        "annotated" => AnnotatedRow::schema(),
        "relations" => RelationRow::schema(),
        "scores" => ScoreRow::schema(),
        _ => {
            let words = format!("`table`: expected annotated, relations or scores, got `{table}`");
            return Err(PyValueError::new_err(words));
        }
    };
    Ok(Table::of_batches(Arc::new(found.arrow()), Vec::new()))
}

/// The table in the bytes of an Arrow stream.
#[pyfunction]
pub fn of_stream(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Table> {
    let read = move || {
        let stream = StreamReader::try_new(Cursor::new(bytes), None)?;
        let schema = stream.schema();
        Ok((schema, stream.collect::<Result<Vec<_>, _>>()?))
    };
    let (schema, batches) = work::work(py, read)?.map_err(|error| of_arrow(py, error))?;
    Ok(Table::of_batches(schema, batches))
}
