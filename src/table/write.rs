//! Parquet out: crash-safe, and the same bytes for the same rows.

use std::fs::{self, File};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnPath;

use ground::interrupt;

use super::folder::make_folder;
use super::integrity::{CHECKSUM, Summed, UNSET, note_key, seal};
use super::{Row, Staging, TableError, TableFiles, TableSchema};

/// Rows after which a row group ends, at the next call's end: what is written in one call is never split between two.
const GROUP_ROWS: usize = 1 << 18;
/// Rows after which a file ends, likewise.
const PART_ROWS: usize = 1 << 24;

/// Writes one table into a folder as `NAME/part-00000.parquet` and so on. Rows come in the order of the schema's key.
///
/// Files appear under their final names one by one, each whole and on the disk; their names are there for good, and the
/// table as a whole, once the [`Staging`] folder is committed that the folder lies in.
pub struct TableWriter<R> {
    folder: PathBuf,
    fingerprint: String,
    notes: Vec<(String, String)>,
    part: Option<Part>,
    n_parts: usize,
    row: PhantomData<R>,
}

/// A file being written.
struct Part {
    writer: ArrowWriter<Summed>,
    partial: PathBuf,
    path: PathBuf,
    rows: usize,
    rows_in_group: usize,
}

/// Writes a whole table at once, replacing what stood under its name: the old table or the new one, never a mixture.
pub fn write<R: Row>(folder: &Path, fingerprint: &str, rows: Vec<R>) -> Result<(), TableError> {
    let staging = Staging::begin(&folder.join(&R::schema().name))?;
    let mut writer = TableWriter::<R>::inside(staging.folder().to_path_buf(), fingerprint);
    writer.set_down(rows)?;
    writer.finish()?;
    staging.commit()
}

/// Refuses where the table `name` stands in a folder and was not made from what this fingerprint says. A damaged one is
/// of no making, and nothing is lost with it.
///
/// # Errors
/// [`TableError::OtherMaking`], or where the system refuses to look.
pub fn check_making(folder: &Path, name: &str, fingerprint: Option<&str>) -> Result<(), TableError> {
    let Some(files) = TableFiles::find(folder, name)? else { return Ok(()) };
    match files.fingerprint()? {
        Some(found) if Some(&*found) != fingerprint => Err(TableError::OtherMaking { path: folder.join(name) }),
        _ => Ok(()),
    }
}

impl<R: Row> TableWriter<R> {
    /// A writer of the table `folder/NAME`. `fingerprint` identifies what the rows were made from.
    pub fn create(folder: &Path, fingerprint: &str) -> Result<Self, TableError> {
        let folder = folder.join(&R::schema().name);
        make_folder(&folder)?;
        Ok(Self::inside(folder, fingerprint))
    }

    /// A writer whose files go right into `folder`, such as a [`Staging`] folder towards the table's.
    pub fn inside(folder: PathBuf, fingerprint: &str) -> Self {
        let (fingerprint, notes) = (fingerprint.to_owned(), Vec::new());
        Self { folder, fingerprint, notes, part: None, n_parts: 0, row: PhantomData }
    }

    /// The same, whose files also say something of the table that no row says: [`TableFiles::note`] has it.
    #[must_use]
    pub fn noting(mut self, key: &str, value: String) -> Self {
        self.notes.push((note_key(key), value));
        self
    }

    /// Appends the rows of one or several whole documents.
    pub fn write(&mut self, rows: Vec<R>) -> Result<(), TableError> {
        self.write_batch(&self.batch(rows)?)
    }

    /// The same, though the program is told to stop: for what long work has come to.
    pub fn set_down(&mut self, rows: Vec<R>) -> Result<(), TableError> {
        self.append(&self.batch(rows)?)
    }

    /// As [`Self::write`] by columns, as [`Table::record_batches`](super::Table::record_batches) gives them.
    pub fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        interrupt::check()?;
        self.append(batch)
    }

    fn batch(&self, rows: Vec<R>) -> Result<RecordBatch, TableError> {
        R::to_batch(rows).map_err(|error| TableError::written(&self.folder)(error.into()))
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        let n_rows = batch.num_rows();
        let part = self.part()?;
        part.writer.write(batch).map_err(TableError::written(&part.path))?;
        part.rows += n_rows;
        part.rows_in_group += n_rows;
        if part.rows_in_group >= GROUP_ROWS {
            part.writer.flush().map_err(TableError::written(&part.path))?;
            part.rows_in_group = 0;
        }
        if part.rows >= PART_ROWS {
            self.close()?;
        }
        Ok(())
    }

    /// Ends the row group: for tables whose rows are large.
    pub fn end_group(&mut self) -> Result<(), TableError> {
        let Some(part) = &mut self.part else { return Ok(()) };
        part.rows_in_group = 0;
        part.writer.flush().map_err(TableError::written(&part.path))
    }

    /// Ends the table. A table without rows is one file without rows.
    pub fn finish(mut self) -> Result<(), TableError> {
        if self.n_parts == 0 {
            self.part()?;
        }
        self.close()
    }

    fn part(&mut self) -> Result<&mut Part, TableError> {
        let part = match self.part.take() {
            Some(part) => part,
            None => self.open()?,
        };
        Ok(self.part.insert(part))
    }

    fn open(&self) -> Result<Part, TableError> {
        let name = format!("part-{:05}.parquet", self.n_parts);
        let (partial, path) = (self.folder.join(format!(".{name}.partial")), self.folder.join(name));
        let file = File::create(&partial).map_err(TableError::io(&partial, "create the file"))?;
        let schema = R::schema();
        let properties = properties(schema, &self.fingerprint, &self.notes);
        let writer = ArrowWriter::try_new(Summed::new(file), Arc::new(schema.arrow()), Some(properties))
            .map_err(TableError::written(&partial))?;
        Ok(Part { writer, partial, path, rows: 0, rows_in_group: 0 })
    }

    fn close(&mut self) -> Result<(), TableError> {
        let Some(mut part) = self.part.take() else { return Ok(()) };
        self.n_parts += 1;
        part.writer.finish().map_err(TableError::written(&part.path))?;
        seal(&part.partial, &part.writer.inner().sum()).map_err(TableError::io(&part.path, "write"))?;
        part.writer.inner().file.sync_all().map_err(TableError::io(&part.path, "write"))?;
        check_rows(&part.partial, part.rows)?;
        fs::rename(&part.partial, &part.path).map_err(TableError::io(&part.path, "rename a finished file to it"))
    }
}

/// Reads the footer back, so that no file takes its final name unless it can be opened.
fn check_rows(path: &Path, rows: usize) -> Result<(), TableError> {
    let file = File::open(path).map_err(TableError::io(path, "open"))?;
    let reader = SerializedFileReader::new(file).map_err(TableError::read(path))?;
    let found = reader.metadata().file_metadata().num_rows();
    if usize::try_from(found) == Ok(rows) {
        return Ok(());
    }
    let source = parquet::errors::ParquetError::General(format!("expected {rows} rows, found {found}"));
    Err(TableError::Parquet { path: path.to_path_buf(), source })
}

fn properties(schema: &TableSchema, fingerprint: &str, notes: &[(String, String)]) -> WriterProperties {
    let ours = [
        ("docre.schema", format!("{}/{}", schema.name, schema.version)),
        ("docre.producer", concat!("docre ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("docre.fingerprint", fingerprint.to_owned()),
    ];
    // The place of the checksum is the last that looks like one.
    let checksum = (CHECKSUM, UNSET.to_owned());
    let noted = notes.iter().map(|(key, value)| (&**key, value.clone()));
    let metadata = ours.into_iter().chain(noted).chain([checksum]);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("docre ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(None)
        .set_key_value_metadata(Some(metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()));
    for column in &schema.columns {
        let mut path = vec![column.name.clone()];
        let mut kind = &column.kind.0;
        while let arrow::datatypes::DataType::List(item) = kind {
            path.extend(["list".to_owned(), "item".to_owned()]);
            kind = item.data_type();
        }
        properties = properties.set_column_dictionary_enabled(ColumnPath::new(path), column.dictionary);
    }
    properties.build()
}
