//! Tables in a pipe: Arrow IPC streams, as every Arrow library reads and writes them.
//!
//! A pipe carries one table, or several, one stream after the other. The schema's metadata names the table:
//! `docre.schema` is `relations/1`.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};
use std::marker::PhantomData;
use std::path::Path;

use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer;

use ground::interrupt;

use super::foreign::conform;
use super::rows::{DocumentRow, EntityRow, FactRow, MentionRow, PairRow, PieceRow, RelationTypeRow, TokenRow};
use super::{Row, TableError, TableWriter};

/// Where the schema's metadata name the table.
const TABLE: &str = "docre.schema";
/// What a stream on standard input is called in messages.
const NAME: &str = "standard input";

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

    /// Ends the stream and gives the output back, for the next one.
    ///
    /// # Errors
    /// Where the output refuses.
    pub fn finish(mut self) -> Result<W, ArrowError> {
        self.writer.finish()?;
        self.writer.into_inner()
    }
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
    Ok(rows(StreamReader::try_new(Whole::of(input), None).map_err(cut_off)?))
}

/// Sets down the tables of a split, which come one stream after the other and are named by their metadata, in a folder.
///
/// # Errors
/// Where the input is no row of Arrow streams, one bears no table's name, or a column does not fit.
pub fn receive_split(mut input: impl BufRead, folder: &Path) -> Result<(), TableError> {
    while !input.fill_buf().map_err(|error| cut_off(error.into()))?.is_empty() {
        let reader = StreamReader::try_new(Whole::of(&mut input), None).map_err(cut_off)?;
        let name = reader.schema().metadata().get(TABLE).cloned().unwrap_or_default();
        match name.split('/').next().unwrap_or_default() {
            "documents" => set_down::<DocumentRow>(reader, folder)?,
            "tokens" => set_down::<TokenRow>(reader, folder)?,
            "mentions" => set_down::<MentionRow>(reader, folder)?,
            "entities" => set_down::<EntityRow>(reader, folder)?,
            "pairs" => set_down::<PairRow>(reader, folder)?,
            "facts" => set_down::<FactRow>(reader, folder)?,
            "pieces" => set_down::<PieceRow>(reader, folder)?,
            "relation_types" => set_down::<RelationTypeRow>(reader, folder)?,
            _ => return Err(TableError::Unnamed { name: NAME.to_owned(), found: name }),
        }
    }
    Ok(())
}

fn set_down<R: Row>(reader: StreamReader<Whole<impl Read>>, folder: &Path) -> Result<(), TableError> {
    let mut writer = TableWriter::<R>::create(folder, "")?;
    for batch in rows(reader) {
        writer.write(batch?)?;
    }
    writer.finish()
}

/// A stream's input, which remembers whether it was read to its own end: then the stream has no end mark. Arrow lets
/// writers do without; docre never does, unless it was stopped.
struct Whole<I> {
    input: I,
    ran_out: bool,
}

impl<I> Whole<I> {
    fn of(input: I) -> Self {
        Self { input, ran_out: false }
    }
}

impl<I: Read> Read for Whole<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.ran_out |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

fn rows<R: Row>(mut reader: StreamReader<Whole<impl Read>>) -> impl Iterator<Item = Result<Vec<R>, TableError>> {
    let mut wants_mark = reader.schema().metadata().contains_key(TABLE);
    std::iter::from_fn(move || {
        if let Err(interrupted) = interrupt::check() {
            return Some(Err(interrupted.into()));
        }
        let batch = match reader.next() {
            Some(batch) => batch,
            None if wants_mark && reader.get_ref().ran_out => {
                wants_mark = false;
                Err(ArrowError::IpcError(
                    "expected an end mark: the docre that wrote the stream was stopped".to_owned(),
                ))
            }
            None => return None,
        };
        let rows = batch.map_err(cut_off).and_then(|batch| conform(&batch, R::schema(), Path::new(NAME)));
        Some(rows.map(|batch| R::from_batch(&batch)))
    })
}

fn cut_off(source: ArrowError) -> TableError {
    TableError::Stream { name: NAME.to_owned(), source }
}
