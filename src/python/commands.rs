//! The command line: as the program `docre`, and called by functions of the package.

use std::ffi::OsString;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatchReader;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use docre::command_line::{self, Caller};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::arrow::{Batches, batches_in};
use crate::failure::of_failure;
use crate::work::work;

/// Does a command line as all that the process is there for; the exit code. The first word is the program's name.
#[pyfunction]
pub fn program(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| command_line::program(arguments, false))
}

/// Settings that libraries read from the environment alone, with the values that serve docre best.
#[pyfunction]
pub fn environment() -> Vec<(&'static str, String)> {
    command_line::settings()
}

/// The commands with their arguments, in JSON.
#[pyfunction]
pub fn described() -> PyResult<String> {
    let commands = serde_json::to_string(&command_line::described());
    commands.map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Does a command line, the program's name left out: whether all went in, and what went to standard output. `-` in it
/// stands for `input`, bytes or rows in Arrow. `heard` is called with each line that is said, and with a share of 1 or
/// none, and a text, for how far the work is.
#[pyfunction]
#[pyo3(signature = (arguments, input=None, heard=None))]
pub fn call<'py>(
    py: Python<'py>,
    arguments: Vec<OsString>,
    input: Option<Bound<'py, PyAny>>,
    heard: Option<Py<PyAny>>,
) -> PyResult<(bool, Bound<'py, PyBytes>)> {
    let input: Option<Box<dyn Read + Send>> = match input {
        None => None,
        Some(input) => Some(match input.cast::<PyBytes>() {
            Ok(bytes) => Box::new(Cursor::new(bytes.as_bytes().to_vec())),
            Err(_) => Box::new(Sent::of(batches_in(&input)?)?),
        }),
    };
    let calling = Arc::new(Calling { input: Mutex::new(input), output: Mutex::default(), heard });
    let caller = calling.clone();
    let done = work(py, move || command_line::call(&arguments, caller))?;
    let whole = done.map_err(|failure| of_failure(py, &failure))?;
    let output = calling.output.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((whole, PyBytes::new(py, &output)))
}

/// A function of the package that has called a command.
struct Calling {
    input: Mutex<Option<Box<dyn Read + Send>>>,
    output: Mutex<Vec<u8>>,
    heard: Option<Py<PyAny>>,
}

impl Calling {
    /// What the package does with it may fail, and is no matter of the work's.
    fn tell(&self, share: Option<f64>, told: &str, is_line: bool) {
        if let Some(heard) = &self.heard {
            Python::attach(|py| {
                if let Err(error) = heard.call1(py, (told, share, is_line)) {
                    error.write_unraisable(py, Some(heard.bind(py)));
                }
            });
        }
    }
}

impl Caller for Calling {
    fn input(&self) -> io::Result<Box<dyn Read + Send>> {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner).take();
        input.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "`-` stands for rows in Arrow: give them instead")
        })
    }

    fn take(&self, bytes: &[u8]) -> io::Result<()> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(())
    }

    fn say(&self, line: &str) {
        self.tell(None, line, true);
    }

    fn progress(&self, told: &str, share: Option<f64>) {
        self.tell(share, told, false);
    }
}

/// Batches as the bytes of an Arrow stream, a batch at a time.
struct Sent {
    batches: Batches,
    writer: Option<StreamWriter<Vec<u8>>>,
    waiting: Cursor<Vec<u8>>,
}

impl Sent {
    fn of(batches: Batches) -> PyResult<Self> {
        let schema: SchemaRef = batches.schema();
        let writer = StreamWriter::try_new(Vec::new(), &schema);
        let writer = writer.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(Self { batches, writer: Some(writer), waiting: Cursor::default() })
    }

    /// The next bytes; none at the end.
    fn next(&mut self) -> Result<Vec<u8>, ArrowError> {
        let Some(writer) = &mut self.writer else { return Ok(Vec::new()) };
        let batch = self.batches.next();
        match &batch {
            Some(Ok(batch)) => writer.write(batch)?,
            Some(Err(_)) => {}
            None => writer.finish()?,
        }
        let bytes = std::mem::take(writer.get_mut());
        let Some(batch) = batch else {
            self.writer = None;
            return Ok(bytes);
        };
        batch.map(|_| bytes)
    }
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.waiting.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        self.waiting = Cursor::new(self.next().map_err(io::Error::other)?);
        self.waiting.read(buffer)
    }
}
