//! Which files a table consists of, and what they say of their making.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ground::caught::caught;
use ground::present;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::TableError;
use super::aside::found_under;
use super::beside::{named, parent};
use super::bounds;
use super::folder::called;
use super::integrity::{Making, bears_checksum};
use super::pages;

/// The files of a table in order: at least one, with rows of any type.
///
/// Absent is what has no files; a folder that cannot be looked into is an error, lest a table that may not be read
/// pass for one that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFiles(Vec<PathBuf>);

impl TableFiles {
    /// Those of the table `name` in a folder, `folder/NAME/part-*.parquet` or else `folder/NAME.parquet`; `None` where
    /// there are none.
    ///
    /// # Errors
    /// Where the system refuses to look.
    pub fn find(folder: &Path, name: &str) -> Result<Option<Self>, TableError> {
        let nested = &*found_under(folder).join(name);
        let nested = &*found_under(nested);
        let mut files = Vec::new();
        for entry in
            present(fs::read_dir(nested)).map_err(TableError::io(nested, "list the folder"))?.into_iter().flatten()
        {
            let path = entry.map_err(TableError::io(nested, "list the folder"))?.path();
            if path.file_name().and_then(|name| name.to_str()).is_some_and(is_part_name) {
                files.push(path);
            }
        }
        files.sort();
        let single = found_under(folder).join(format!("{name}.parquet"));
        if files.is_empty() && is_file(&single)? {
            files.push(single);
        }
        Ok(Some(Self(files)).filter(|Self(files)| !files.is_empty()))
    }

    /// Those of the table that stands at `path`, itself a file, or a folder, whatever name it has there.
    ///
    /// # Errors
    /// Where the system refuses to look.
    pub fn at(path: &Path) -> Result<Option<Self>, TableError> {
        if let Some(found) = present(fs::metadata(path)).map_err(TableError::io(path, "look at it"))? {
            if found.is_file() {
                return Ok(Some(Self(vec![path.to_path_buf()])));
            }
            if !found.is_dir() {
                return Err(TableError::NoFile { path: path.to_path_buf(), found: called(found.file_type()) });
            }
        }
        let (folder, name) = place(path);
        Self::find(&folder, &name)
    }

    /// The same of a table that must be there.
    ///
    /// # Errors
    /// Where it is missing, or the system refuses to look.
    pub fn require_at(path: &Path) -> Result<Self, TableError> {
        let missing = || {
            let (folder, table) = place(path);
            TableError::NoTable { folder, table }
        };
        Self::at(path)?.ok_or_else(missing)
    }

    /// Their paths.
    pub fn paths(&self) -> &[PathBuf] {
        &self.0
    }

    /// What its writer noted of the table under a key, as its first file has it; whether the file is whole is not looked at.
    ///
    /// # Errors
    /// Where it cannot be opened, or is no Parquet.
    pub fn note(&self, key: &str) -> Result<Option<String>, TableError> {
        let noted = |path: &PathBuf| Ok(Making::noted(footer(&open(path)?, path)?.file_metadata(), key));
        self.0.first().map_or(Ok(None), noted)
    }

    /// Whether it has columns of these names, as its first file has them; what is no Parquet has none.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn has_columns(&self, names: &[&str]) -> Result<bool, TableError> {
        let Some(path) = self.0.first() else { return Ok(false) };
        let Ok(footer) = footer(&open(path)?, path) else { return Ok(false) };
        let fields = footer.file_metadata().schema().get_fields();
        Ok(names.iter().all(|name| fields.iter().any(|field| field.name() == *name)))
    }

    /// What the table was made from, as its writer recorded it in each file; `None` where a file is damaged, not ours,
    /// or of another making than the others: such a table identifies nothing, and is made again.
    ///
    /// # Errors
    /// Where the system refuses to read a file.
    pub fn fingerprint(&self) -> Result<Option<String>, TableError> {
        let mut recorded = None;
        for path in &self.0 {
            let found = recorded_in(path)?;
            if found.is_none() || recorded.as_ref().is_some_and(|recorded| *recorded != found) {
                return Ok(None);
            }
            recorded = Some(found);
        }
        Ok(recorded.flatten())
    }
}

/// What the table `name` of a folder was made from; `None` where it is absent, or as [`TableFiles::fingerprint`].
///
/// # Errors
/// Where the system refuses to look or to read.
pub fn fingerprint(folder: &Path, name: &str) -> Result<Option<String>, TableError> {
    TableFiles::find(folder, name)?.map_or(Ok(None), |files| files.fingerprint())
}

fn recorded_in(path: &Path) -> Result<Option<String>, TableError> {
    let file = open(path)?;
    match footer(&file, path).and_then(|metadata| sound(&file, &metadata, path)) {
        Ok(making) => Ok(making.fingerprint),
        Err(TableError::Parquet { .. } | TableError::Unreadable { .. } | TableError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a file says of its making.
pub(super) fn making(path: &Path) -> Result<Making, TableError> {
    Ok(Making::of(footer(&open(path)?, path)?.file_metadata()))
}

/// Whether a file can be read by whatever program: it is Parquet, its bytes are those that were written where it says so,
/// and it unfolds to no more than is in proportion to its size. For readers that open it by themselves.
///
/// # Errors
/// That it cannot be read, and why.
pub fn verify(path: &Path) -> Result<(), TableError> {
    let file = open(path)?;
    let metadata = footer(&file, path)?;
    verified(&file, &metadata, path).map(drop)
}

/// The same of an open file, whose footer is read; and how long a text in it may be, however little stands for it.
pub(super) fn verified(file: &File, metadata: &ParquetMetaData, path: &Path) -> Result<u64, TableError> {
    sound(file, metadata, path)?;
    let length = file.metadata().map_err(TableError::io(path, "look at it"))?.len();
    bounds::check(metadata, length, path)?;
    gently(path, || pages::check(file, metadata, path))
}

/// What an open file says of its making, where its bytes are those that were written.
fn sound(file: &File, metadata: &ParquetMetaData, path: &Path) -> Result<Making, TableError> {
    let is_cut = || bears_checksum(file).map_err(TableError::io(path, "read"));
    if metadata.file_metadata().created_by().is_none() && is_cut()? {
        return Err(TableError::Damaged { path: path.to_path_buf() });
    }
    let making = Making::of(metadata.file_metadata());
    making.verify(file, path)?;
    Ok(making)
}

/// What stands at the end of an open file.
pub(super) fn footer(file: &File, path: &Path) -> Result<ParquetMetaData, TableError> {
    gently(path, || ParquetMetaDataReader::new().parse_and_finish(file).map_err(TableError::read(path)))
}

/// What the Parquet library does with a file, its panics as errors.
pub(super) fn gently<T>(path: &Path, work: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    caught(work).unwrap_or_else(|source| Err(TableError::Unreadable { path: path.to_path_buf(), source }))
}

/// Whether a file of this name is part of a table. A hidden one is not: it may be half written.
pub fn is_part_name(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).extension().is_some_and(|extension| extension == "parquet")
}

pub(super) fn open(path: &Path) -> Result<File, TableError> {
    File::open(path).map_err(TableError::io(path, "open"))
}

/// Where a table stands, and under which name.
fn place(path: &Path) -> (PathBuf, String) {
    let path = named(path);
    (parent(&path).to_path_buf(), path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

fn is_file(path: &Path) -> Result<bool, TableError> {
    let found = present(fs::metadata(path)).map_err(TableError::io(path, "look at it"))?;
    Ok(found.is_some_and(|found| found.is_file()))
}
