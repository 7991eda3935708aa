//! Tables in a pipe: Arrow IPC streams, as every Arrow library reads and writes them.
//!
//! A pipe carries one table. The schema's metadata names it: `docre.schema` is `relations/1`.
//!
//! A batch lies in memory as a whole, so that one may be so long only. Of what it unfolds to, as values that many rows share
//! or rows that take no bytes at all, a portion at a time is made.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer;
use arrow::record_batch::RecordBatch;

use ground::caught::caught;
use ground::interrupt;

use super::bounds::rows_of;
use super::foreign::conform;
use super::{Row, TableError};

/// Where the schema's metadata name the table.
const TABLE: &str = "docre.schema";
/// What a stream on standard input is called in messages.
const NAME: &str = "standard input";
/// Bytes of a batch, with the dictionaries that come with it.
const MOST_BYTES: u64 = 1 << 30;
/// Rows of a portion.
const MOST_ROWS: usize = 8192;

/// Writes a table as a stream. Rows come in the order of the schema's key.
pub struct StreamWriter<R, W: Write> {
    writer: writer::StreamWriter<W>,
    row: PhantomData<R>,
}

impl<R: Row, W: Write> StreamWriter<R, W> {
    /// Starts the stream.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn begin(output: W) -> Result<Self, ArrowError> {
        Ok(Self { writer: writer::StreamWriter::try_new(output, &named_schema::<R>())?, row: PhantomData })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn write(&mut self, rows: Vec<R>) -> Result<(), ArrowError> {
        self.writer.write(&R::to_batch(rows)?)
    }

    /// Appends rows that stand in columns, as [`batch_of`] makes them.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.writer.write(batch)
    }

    /// Ends the stream and gives the output back, for the next one.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn finish(mut self) -> Result<W, ArrowError> {
        self.writer.finish()?;
        self.writer.into_inner()
    }
}

/// Rows as a batch, whose schema names the table as that of a stream does.
///
/// # Errors
/// Where they are too many for Arrow.
pub fn batch_of<R: Row>(rows: Vec<R>) -> Result<RecordBatch, TableError> {
    let batch = R::to_batch(rows).and_then(|batch| batch.with_schema(Arc::new(named_schema::<R>())));
    batch.map_err(|source| TableError::Stream { name: R::schema().name.clone(), source })
}

fn named_schema<R: Row>() -> Schema {
    let schema = R::schema();
    let name = (TABLE.to_owned(), format!("{}/{}", schema.name, schema.version));
    schema.arrow().with_metadata(HashMap::from([name]))
}

/// Copies a table of `folder` into a stream.
///
/// # Errors
/// Where the table is missing or damaged, or the output refuses.
pub fn send<R: Row, W: Write>(folder: &Path, output: W) -> Result<W, TableError> {
    let fault = |source| TableError::Stream { name: "standard output".to_owned(), source };
    let mut stream = StreamWriter::<R, W>::begin(output).map_err(fault)?;
    for rows in super::read::<R>(folder)? {
        stream.write(rows?).map_err(fault)?;
    }
    stream.finish().map_err(fault)
}

/// Reads a table from a stream, whoever wrote it; its columns are brought to the schema's types.
///
/// # Errors
/// Where the input is no Arrow stream; later, where it is cut off or a column does not fit.
pub fn receive<R: Row>(input: impl BufRead) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>>, TableError> {
    Ok(rows(begun(input)?))
}

fn begun<I: Read>(input: I) -> Result<StreamReader<Whole<I>>, TableError> {
    gently(|| StreamReader::try_new(Whole::of(input), None)).map_err(cut_off)
}

/// What the library does with a stream, its panics as errors.
fn gently<T>(work: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    caught(work).unwrap_or_else(|caught| Err(ArrowError::IpcError(caught.to_string())))
}

/// A stream's input, which remembers whether it was read to its own end: then the stream has no end mark. Arrow lets
/// writers do without; docre never does, unless it was stopped. And which gives no more than a batch may have.
struct Whole<I> {
    input: I,
    ran_out: bool,
    left: u64,
}

impl<I> Whole<I> {
    fn of(input: I) -> Self {
        Self { input, ran_out: false, left: MOST_BYTES }
    }
}

impl<I: Read> Whole<I> {
    /// Whether the input ends where its stream does: what stands behind it would be lost without a word.
    fn nothing_behind(&mut self) -> Result<(), ArrowError> {
        self.left = MOST_BYTES;
        match self.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(ArrowError::IpcError(
                "expected nothing behind the stream, got more, perhaps another stream: send each by itself".to_owned(),
            )),
        }
    }
}

impl<I: Read> Read for Whole<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 && !buffer.is_empty() {
            return Err(io::Error::other(format!("expected batches of at most {MOST_BYTES} bytes, got a longer one")));
        }
        let count = self.input.read(&mut buffer[..wanted])?;
        self.ran_out |= count == 0 && !buffer.is_empty();
        self.left -= count as u64;
        Ok(count)
    }
}

fn rows<R: Row>(mut reader: StreamReader<Whole<impl Read>>) -> impl Iterator<Item = Result<Vec<R>, TableError>> {
    let mut wants_mark = reader.schema().metadata().contains_key(TABLE);
    let mut rest = None;
    std::iter::from_fn(move || {
        if let Err(interrupted) = interrupt::check() {
            return Some(Err(interrupted.into()));
        }
        let (batch, at_once) = match rest.take() {
            Some(rest) => rest,
            None => match next_batch(&mut reader, &mut wants_mark)? {
                Ok(batch) => {
                    let at_once = rows_of(longest(&batch), MOST_ROWS);
                    (batch, at_once)
                }
                Err(error) => return Some(Err(cut_off(error))),
            },
        };
        let portion = batch.slice(0, batch.num_rows().min(at_once));
        let behind = batch.num_rows() - portion.num_rows();
        rest = (behind > 0).then(|| (batch.slice(portion.num_rows(), behind), at_once));
        let rows = caught(|| Ok(R::from_batch(&conform(&portion, R::schema(), Path::new(NAME))?)));
        Some(rows.unwrap_or_else(|caught| Err(cut_off(ArrowError::IpcError(caught.to_string())))))
    })
}

fn next_batch(
    reader: &mut StreamReader<Whole<impl Read>>,
    wants_mark: &mut bool,
) -> Option<Result<RecordBatch, ArrowError>> {
    reader.get_mut().left = MOST_BYTES;
    match gently(|| reader.next().transpose()).transpose() {
        None if *wants_mark && reader.get_ref().ran_out => {
            *wants_mark = false;
            let reason = "expected an end mark: the docre that wrote the stream was stopped";
            Some(Err(ArrowError::IpcError(reason.to_owned())))
        }
        None => reader.get_mut().nothing_behind().err().map(Err),
        batch => batch,
    }
}

/// Bytes that a cell may take which stands for what others stand for, too.
fn longest(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(shared).max().unwrap_or_default()
}

fn shared(column: &ArrayRef) -> u64 {
    match column.data_type() {
        DataType::Dictionary(..) => {
            let values = column.as_any_dictionary().values();
            text(values).unwrap_or_else(|| values.get_array_memory_size() as u64)
        }
        DataType::Utf8View => text(column).unwrap_or_default(),
        DataType::List(_) => shared(column.as_list::<i32>().values()).saturating_mul(column.len() as u64),
        DataType::Struct(_) => column.as_struct().columns().iter().map(shared).max().unwrap_or_default(),
        DataType::LargeList(_) => shared(column.as_list::<i64>().values()).saturating_mul(column.len() as u64),
        _ => 0,
    }
}

/// Bytes of the longest text; `None` where the values are none.
fn text(values: &ArrayRef) -> Option<u64> {
    let most = match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().iter().flatten().map(str::len).max(),
        DataType::LargeUtf8 => values.as_string::<i64>().iter().flatten().map(str::len).max(),
        DataType::Utf8View => values.as_string_view().iter().flatten().map(str::len).max(),
        _ => return None,
    };
    Some(most.unwrap_or_default() as u64)
}

fn cut_off(source: ArrowError) -> TableError {
    TableError::Stream { name: NAME.to_owned(), source }
}
