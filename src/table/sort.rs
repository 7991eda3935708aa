//! Sorting more records than memory holds: sorted runs on disk, and their merge.
//!
//! A record is written so that the order of its bytes is the order of its fields, so whole records are compared as
//! bytes, and equal records are equal bytes: the order does not depend on how many there were at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use ground::interrupt;
use rayon::slice::ParallelSliceMut;

use crate::{TableError, Text};

/// Bytes of records in memory at a time, with 16 for the place of each.
const BUDGET: usize = 128 << 20;
/// Runs that are read side by side, at most.
const MOST_RUNS: usize = 256;
/// Bytes read ahead in each.
const READ_AHEAD: usize = 64 << 10;

/// What can be sorted: written as bytes in its order, and read back.
pub trait Sortable: Sized {
    /// Appends its bytes.
    fn encode(&self, bytes: &mut Vec<u8>);

    /// Takes it off the front of some bytes; `None` where they are no such record.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;
}

/// Structs that are sorted by their fields in order.
#[macro_export]
macro_rules! sortable {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }

        impl $crate::sort::Sortable for $name {
            fn encode(&self, bytes: &mut Vec<u8>) {
                $($crate::sort::Sortable::encode(&self.$field, bytes);)*
            }

            fn decode(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::sort::Sortable::decode(bytes)?,)* })
            }
        }
    )*};
}
pub use sortable;

impl Sortable for u32 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_be_bytes(*number))
    }
}

impl Sortable for u64 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(Self::from_be_bytes(*number))
    }
}

/// In order from 0 up, as probabilities are.
impl Sortable for f32 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.to_bits().encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        u32::decode(bytes).map(Self::from_bits)
    }
}

impl Sortable for bool {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (flag, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(*flag != 0)
    }
}

/// Ended by two zeros; a zero in the text is followed by 255, so that it goes behind the end of a shorter text.
impl Sortable for Text {
    fn encode(&self, bytes: &mut Vec<u8>) {
        for (place, piece) in self.as_bytes().split(|byte| *byte == 0).enumerate() {
            if place > 0 {
                bytes.extend_from_slice(&[0, 255]);
            }
            bytes.extend_from_slice(piece);
        }
        bytes.extend_from_slice(&[0, 0]);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            let (piece, rest) = bytes.split_at_checked(memchr::memchr(0, bytes)?)?;
            let (mark, rest) = rest.split_first_chunk::<2>()?;
            *bytes = rest;
            text.extend_from_slice(piece);
            if mark[1] == 0 {
                return String::from_utf8(text).ok().map(Self::from);
            }
            text.push(0);
        }
    }
}

/// None comes first.
impl<T: Sortable> Sortable for Option<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.is_some().encode(bytes);
        if let Some(value) = self {
            value.encode(bytes);
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        if bool::decode(bytes)? { T::decode(bytes).map(Some) } else { Some(None) }
    }
}

/// Each item behind a one, then a zero: a list goes behind its beginnings.
impl<T: Sortable> Sortable for Vec<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        for item in self {
            true.encode(bytes);
            item.encode(bytes);
        }
        false.encode(bytes);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut items = Self::new();
        while bool::decode(bytes)? {
            items.push(T::decode(bytes)?);
        }
        Some(items)
    }
}

/// The folder of runs, which goes when nobody needs them any more, be it because something failed.
struct Runs(PathBuf);

impl Drop for Runs {
    fn drop(&mut self) {
        // What stays behind lies in a hidden folder, which the next run clears.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Takes records in any order.
pub struct Sorter<T> {
    folder: Runs,
    bytes: Vec<u8>,
    /// Where each record stands among the bytes.
    places: Vec<(usize, usize)>,
    runs: Vec<PathBuf>,
    n_runs: usize,
    budget: usize,
    record: PhantomData<T>,
}

impl<T: Sortable> Sorter<T> {
    /// A sorter that sets runs down in the folder, which it makes and, in the end, removes.
    ///
    /// # Errors
    /// Where the system refuses the folder.
    pub fn new(folder: PathBuf) -> Result<Self, TableError> {
        Self::with_budget(folder, BUDGET)
    }

    /// The same with another number of bytes in memory.
    fn with_budget(folder: PathBuf, budget: usize) -> Result<Self, TableError> {
        fs::create_dir_all(&folder).map_err(TableError::io(&folder, "create the folder"))?;
        let (folder, bytes, places, runs) = (Runs(folder), Vec::new(), Vec::new(), Vec::new());
        Ok(Self { folder, bytes, places, runs, n_runs: 0, budget, record: PhantomData })
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Where a run cannot be set down, or the program is told to stop.
    pub fn push(&mut self, record: &T) -> Result<(), TableError> {
        interrupt::check()?;
        let start = self.bytes.len();
        record.encode(&mut self.bytes);
        self.places.push((start, self.bytes.len()));
        if self.bytes.len() + 16 * self.places.len() >= self.budget { self.set_down() } else { Ok(()) }
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// Where a run cannot be set down.
    pub fn finish(mut self) -> Result<Sorted<T>, TableError> {
        self.set_down()?;
        Ok(Sorted { folder: self.folder, runs: self.runs, record: PhantomData })
    }

    /// Writes what is in memory as a sorted run; many runs become one.
    fn set_down(&mut self) -> Result<(), TableError> {
        let Self { bytes, places, .. } = self;
        let record = |&(start, end): &(usize, usize)| bytes.get(start..end).unwrap_or_default();
        places.par_sort_unstable_by(|one, other| record(one).cmp(record(other)));
        let path = write_run(&self.folder.0, self.n_runs, places.iter().map(|place| Ok(record(place))))?;
        self.n_runs += 1;
        self.runs.push(path);
        self.bytes.clear();
        self.places.clear();
        if self.runs.len() < MOST_RUNS { Ok(()) } else { self.join_runs() }
    }

    fn join_runs(&mut self) -> Result<(), TableError> {
        let mut merge = Bytes::open(&self.runs).map_err(unreadable(&self.folder.0))?;
        let joined = std::iter::from_fn(|| merge.next().transpose());
        let path = write_run(&self.folder.0, self.n_runs, joined)?;
        self.n_runs += 1;
        for run in std::mem::replace(&mut self.runs, vec![path]) {
            fs::remove_file(&run).map_err(TableError::io(&run, "remove"))?;
        }
        Ok(())
    }
}

/// A run: each record behind its length in four bytes.
fn write_run<B: AsRef<[u8]>>(
    folder: &Path,
    number: usize,
    records: impl Iterator<Item = io::Result<B>>,
) -> Result<PathBuf, TableError> {
    let path = folder.join(number.to_string());
    let write = |path: &Path| {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        for record in records {
            let record = record?;
            let length = u32::try_from(record.as_ref().len()).map_err(io::Error::other)?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(record.as_ref())?;
        }
        file.flush()
    };
    write(&path).map_err(TableError::io(&path, "write"))?;
    Ok(path)
}

/// Records in order, to be read as often as need be.
pub struct Sorted<T> {
    folder: Runs,
    runs: Vec<PathBuf>,
    record: PhantomData<T>,
}

impl<T: Sortable> Sorted<T> {
    /// The records in order.
    ///
    /// # Errors
    /// Where a run cannot be opened.
    pub fn read(&self) -> Result<InOrder<T>, TableError> {
        let bytes = Bytes::open(&self.runs).map_err(unreadable(&self.folder.0))?;
        Ok(InOrder { bytes, folder: self.folder.0.clone(), next: None, record: PhantomData })
    }
}

/// The runs, and the first record of each that was not given yet.
struct Bytes {
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
}

impl Bytes {
    fn open(paths: &[PathBuf]) -> io::Result<Self> {
        let mut merge = Self { runs: Vec::new(), heads: BinaryHeap::new() };
        for (number, path) in paths.iter().enumerate() {
            let (mut run, mut record) = (BufReader::with_capacity(READ_AHEAD, File::open(path)?), Vec::new());
            if read_record(&mut run, &mut record)? {
                merge.heads.push(Reverse((record, number)));
            }
            merge.runs.push(run);
        }
        Ok(merge)
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        interrupt::check()?;
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((record, number)) = &mut *head;
        let first = std::mem::take(record);
        let more = match self.runs.get_mut(*number) {
            Some(run) => read_record(run, record)?,
            None => false,
        };
        if !more {
            PeekMut::pop(head);
        }
        Ok(Some(first))
    }
}

/// Why runs cannot be read. One that breaks off within a record is not as it was written.
fn unreadable(folder: &Path) -> impl FnOnce(io::Error) -> TableError {
    move |error| match error.kind() {
        ErrorKind::UnexpectedEof => TableError::Sorted(folder.to_path_buf()),
        _ => TableError::io(folder, "sort in it")(error),
    }
}

/// Reads a run's next record; false at its end, which is nowhere but behind a record.
fn read_record(run: &mut BufReader<File>, record: &mut Vec<u8>) -> io::Result<bool> {
    if run.fill_buf()?.is_empty() {
        return Ok(false);
    }
    let mut length = [0; 4];
    run.read_exact(&mut length)?;
    record.resize(u32::from_le_bytes(length) as usize, 0);
    run.read_exact(record)?;
    Ok(true)
}

/// Records in order, one by one.
pub struct InOrder<T> {
    bytes: Bytes,
    folder: PathBuf,
    next: Option<T>,
    record: PhantomData<T>,
}

impl<T: Sortable> InOrder<T> {
    /// The next record, if it is wanted.
    ///
    /// # Errors
    /// Where a run cannot be read.
    pub fn next_if(&mut self, wanted: impl FnOnce(&T) -> bool) -> Result<Option<T>, TableError> {
        if self.next.is_none() {
            self.next = self.take()?;
        }
        Ok(self.next.take_if(|record| wanted(record)))
    }

    fn take(&mut self) -> Result<Option<T>, TableError> {
        let Some(bytes) = self.bytes.next().map_err(unreadable(&self.folder))? else {
            return Ok(None);
        };
        let record = T::decode(&mut bytes.as_slice());
        record.map(Some).ok_or_else(|| TableError::Sorted(self.folder.clone()))
    }
}

impl<T: Sortable> Iterator for InOrder<T> {
    type Item = Result<T, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_if(|_| true).transpose()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::{Sortable, Sorter};
    use crate::Text;

    struct Record(Text, u32, Option<f32>);

    impl Sortable for Record {
        fn encode(&self, bytes: &mut Vec<u8>) {
            self.0.encode(bytes);
            self.1.encode(bytes);
            self.2.encode(bytes);
        }

        fn decode(bytes: &mut &[u8]) -> Option<Self> {
            Some(Self(Text::decode(bytes)?, u32::decode(bytes)?, Option::decode(bytes)?))
        }
    }

    proptest! {
        #[test]
        fn records_are_sorted_whatever_fits_in_memory(
            mut records in proptest::collection::vec((any::<String>(), any::<u32>(), proptest::option::of(0.0..1.0f32)), 0..200),
            budget in 1usize..4000,
        ) {
            let folder = TempDir::new().unwrap();
            let mut sorter = Sorter::with_budget(folder.path().join("runs"), budget).unwrap();
            for (text, number, probability) in &records {
                sorter.push(&Record(text.as_str().into(), *number, *probability)).unwrap();
            }
            let sorted = sorter.finish().unwrap();
            records.sort_by(|one, other| one.partial_cmp(other).unwrap());
            for _ in 0..2 {
                let read: Vec<(String, u32, Option<f32>)> =
                    sorted.read().unwrap().map(|record| record.map(|Record(text, number, probability)| (text.to_string(), number, probability)).unwrap()).collect();
                prop_assert_eq!(&read, &records);
            }
            drop(sorted);
            prop_assert!(!folder.path().join("runs").exists());
            let mut unfinished = Sorter::with_budget(folder.path().join("runs"), 1).unwrap();
            unfinished.push(&Record("a".into(), 1, None)).unwrap();
            drop(unfinished);
            prop_assert!(!folder.path().join("runs").exists());
        }
    }
}
