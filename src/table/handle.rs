//! The handle of a table: found once, then identified and read.

use std::marker::PhantomData;
use std::path::Path;

use super::files::TableFiles;
use super::read::{Columns, RecordBatches};
use super::{Cursor, Row, Snapshot, Standing, TableError};

/// A table that stands in a folder, with rows of a type.
#[derive(Debug, Clone)]
pub struct Table<R> {
    files: TableFiles,
    /// The files that it is read from, where they must be those of a moment before.
    snapshot: Option<Snapshot>,
    row: PhantomData<fn() -> R>,
}

impl<R: Row> Table<R> {
    /// That of a folder, under the name in its schema; `None` where it is absent.
    ///
    /// # Errors
    /// Where the system refuses to look: what cannot be read is not absent.
    pub fn find(folder: &Path) -> Result<Option<Self>, TableError> {
        Ok(TableFiles::find(folder, &R::schema().name)?.map(Self::of))
    }

    /// The same, where it must be there.
    ///
    /// # Errors
    /// Where it is absent, or the system refuses to look.
    pub fn require(folder: &Path) -> Result<Self, TableError> {
        let missing = || TableError::NoTable { folder: folder.to_path_buf(), table: R::schema().name.clone() };
        Self::find(folder)?.ok_or_else(missing)
    }

    /// The table at `path`, a folder of Parquet files or one of them, whatever name it has there.
    ///
    /// # Errors
    /// As [`Self::require`].
    pub fn require_at(path: &Path) -> Result<Self, TableError> {
        TableFiles::require_at(path).map(Self::of)
    }

    fn of(files: TableFiles) -> Self {
        Self { files, snapshot: None, row: PhantomData }
    }

    /// The same, which reads the files that a split had when it was opened, and no others that took their place.
    #[must_use]
    pub fn of_split(self, standing: &Standing) -> Self {
        Self { snapshot: standing.snapshot(&R::schema().name).cloned(), ..self }
    }

    /// Its files.
    pub fn files(&self) -> &TableFiles {
        &self.files
    }

    /// Its columns as the schema has them, a few thousand rows at a time.
    ///
    /// # Errors
    /// Where the first file is not as the schema says.
    pub fn record_batches(&self) -> Result<RecordBatches, TableError> {
        RecordBatches::open(self.files.paths().to_vec(), R::schema(), Columns::Ours, self.snapshot.clone())
    }

    /// Its rows in order, a few thousand at a time.
    ///
    /// One file is open at a time, lest a table of many take all that the system lets a process open; so the first
    /// file's schema is checked here, and that of a later one when its turn comes.
    ///
    /// # Errors
    /// Where the first file is not as the schema says.
    pub fn batches(&self) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + Send + use<R>, TableError> {
        Ok(self.record_batches()?.map(|batch| Ok(R::from_batch(&batch?))))
    }

    /// As [`Self::batches`], of a table that any program may have written: any kind of text, number or list will do where
    /// the schema has one, and columns that may be null may be missing.
    ///
    /// # Errors
    /// Where the first file is damaged.
    pub fn conformed(&self) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + Send + use<R>, TableError> {
        let batches =
            RecordBatches::open(self.files.paths().to_vec(), R::schema(), Columns::Anyones, self.snapshot.clone())?;
        Ok(batches.map(|batch| Ok(R::from_batch(&batch?))))
    }

    /// A place at its first row.
    ///
    /// # Errors
    /// As [`Self::batches`].
    pub fn cursor(&self) -> Result<Cursor<R>, TableError>
    where
        R: 'static,
    {
        Ok(Cursor::new(self.batches()?))
    }

    /// Its rows in order, one by one.
    ///
    /// # Errors
    /// As [`Self::batches`].
    pub fn rows(&self) -> Result<impl Iterator<Item = Result<R, TableError>> + use<R>, TableError>
    where
        R: 'static,
    {
        Ok(self.cursor()?.rows())
    }

    /// All its rows, for a table that is known to be small.
    ///
    /// # Errors
    /// Where a file is damaged or not as the schema says.
    pub fn all(&self) -> Result<Vec<R>, TableError> {
        let batches: Vec<Vec<R>> = self.batches()?.collect::<Result<_, _>>()?;
        Ok(batches.into_iter().flatten().collect())
    }
}

/// The rows of a table of `folder` in order, a few thousand at a time: [`Table::batches`].
///
/// # Errors
/// Where the table is missing, or its first file not as its schema says.
pub fn read<R: Row>(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<Vec<R>, TableError>> + Send + use<R>, TableError> {
    Table::<R>::require(folder)?.batches()
}
