//! Records on disk that are read again by their places, in any order and as often as need be: for what is too much for
//! memory.
//!
//! Their file has no name, so that nothing is left of it, however its process ends. What it should hold is known from
//! memory, record by record: where each ends, and a hash of it.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ground::identity::key;
use ground::interrupt;

use super::TableError;

/// What is done in the folder, in messages.
const WRITE: &str = "write a scratch file in it";
const READ: &str = "read a scratch file in it";

/// Takes records.
pub struct RecordWriter {
    file: BufWriter<File>,
    folder: PathBuf,
    places: Vec<Place>,
}

/// Where a record ends in the file, and its hash.
struct Place {
    end: u64,
    hash: [u8; 16],
}

impl RecordWriter {
    /// A new file on the disk of a folder.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn inside(folder: &Path) -> Result<Self, TableError> {
        let file = tempfile::tempfile_in(folder).map_err(TableError::io(folder, WRITE))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 18, file), folder: folder.to_path_buf(), places: Vec::new() })
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Where the system refuses, as on a full disk.
    pub fn push(&mut self, record: &[u8]) -> Result<(), TableError> {
        self.file.write_all(record).map_err(TableError::io(&self.folder, WRITE))?;
        let start = self.places.last().map_or(0, |place| place.end);
        self.places.push(Place { end: start + record.len() as u64, hash: key(record) });
        Ok(())
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(self) -> Result<Records, TableError> {
        let Self { file, folder, mut places } = self;
        let file = file.into_inner().map_err(|error| TableError::io(&folder, WRITE)(error.into_error()))?;
        places.shrink_to_fit();
        Ok(Records { file, folder, places })
    }
}

/// The records, which threads may read side by side.
pub struct Records {
    file: File,
    folder: PathBuf,
    places: Vec<Place>,
}

impl Records {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// The record of a place.
    ///
    /// # Errors
    /// Where it is not as it was written, the system refuses, or the program is told to stop.
    pub fn read(&self, place: usize) -> Result<Vec<u8>, TableError> {
        interrupt::check()?;
        let damaged = || self.damaged(place);
        let start = place.checked_sub(1).and_then(|before| self.places.get(before)).map_or(0, |before| before.end);
        let Place { end, hash } = self.places.get(place).ok_or_else(damaged)?;
        let mut record = vec![0; usize::try_from(end - start).map_err(|_| damaged())?];
        self.file.read_exact_at(&mut record, start).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => damaged(),
            _ => TableError::io(&self.folder, READ)(error),
        })?;
        if key(&record) == *hash { Ok(record) } else { Err(damaged()) }
    }

    /// Why a record cannot be read that is not as it was written.
    pub fn damaged(&self, place: usize) -> TableError {
        TableError::Record { folder: self.folder.clone(), place }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn records(folder: &Path) -> Records {
        let mut writer = RecordWriter::inside(folder).unwrap();
        for record in ["one", "", "three"] {
            writer.push(record.as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn records_are_read_in_any_order_from_a_file_that_nobody_sees() {
        let folder = TempDir::new().unwrap();
        let records = records(folder.path());
        assert_eq!(records.count(), 3);
        for (place, record) in [(2, "three"), (0, "one"), (1, ""), (0, "one")] {
            assert_eq!(records.read(place).unwrap(), record.as_bytes());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(RecordWriter::inside(&folder.path().join("gone")).is_err());
    }

    #[test]
    fn a_record_that_is_damaged_or_cut_off_is_told_with_its_file() {
        let folder = TempDir::new().unwrap();
        let records = records(folder.path());
        records.file.write_all_at(b"x", 1).unwrap();
        records.file.set_len(7).unwrap();
        for place in [0, 2, 3] {
            let told = format!(
                "{}: scratch file: record {place}: expected the bytes that were written, got others",
                folder.path().display()
            );
            assert_eq!(records.read(place).unwrap_err().to_string(), told);
        }
        assert_eq!(records.read(1).unwrap(), b"");
    }
}
