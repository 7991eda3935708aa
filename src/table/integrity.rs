//! Whether a file is as it was written: each bears a checksum of all its bytes.
//!
//! Parquet's own checksums are a page's each: they leave out the footer, which says where pages lie and of what type
//! they are, and the library that writes our files has none. Ours stands among the footer's metadata, 32 characters that
//! count as zeros in the sum, and are set when all else is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use ground::identity::Digest;
use memchr::memmem;
use parquet::file::metadata::FileMetaData;

use super::TableError;

/// The key of the checksum.
pub(super) const CHECKSUM: &str = "docre.checksum";
/// What stands in its place while the sum is reckoned.
pub(super) const UNSET: &str = "00000000000000000000000000000000";
/// What the name of every program of ours that writes files begins with.
pub(super) const WRITER: &str = "docre ";
/// Behind the footer: its length and Parquet's mark.
const TAIL: u64 = 8;

/// The key of a note.
pub(super) fn note_key(key: &str) -> String {
    format!("docre.note.{key}")
}

/// What a file says of its making. What another program has written says nothing, though it may have copied what we did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Making {
    /// Identifies what it was made from.
    pub fingerprint: Option<String>,
    /// The sum of its bytes.
    pub checksum: Option<String>,
}

impl Making {
    /// What the footer of a file says.
    ///
    /// A program's name is there and holds no control characters, but where it is damaged; and each file of ours has a
    /// checksum, but where the place of it is damaged: an empty one, which no file has, tells so.
    pub fn of(metadata: &FileMetaData) -> Self {
        let entries = || metadata.key_value_metadata().into_iter().flatten();
        let value = |key: &str| entries().find(|entry| entry.key == key).and_then(|entry| entry.value.clone());
        let checksum = value(CHECKSUM);
        let is_ours = match metadata.created_by() {
            Some(program) => program.starts_with(WRITER) || program.contains(char::is_control),
            None => checksum.is_some(),
        };
        if !is_ours {
            return Self::default();
        }
        Self { fingerprint: value("docre.fingerprint"), checksum: Some(checksum.unwrap_or_default()) }
    }

    /// What the footer of a file of ours notes under a key.
    pub fn noted(metadata: &FileMetaData, key: &str) -> Option<String> {
        let is_ours = Self::of(metadata) != Self::default();
        let mut entries = metadata.key_value_metadata().into_iter().flatten().filter(|_| is_ours);
        entries.find(|entry| entry.key == note_key(key)).and_then(|entry| entry.value.clone())
    }

    /// Checks the bytes of a file, where it bears a checksum.
    pub fn verify(&self, mut file: &File, path: &Path) -> Result<(), TableError> {
        let Some(expected) = &self.checksum else { return Ok(()) };
        let fault = TableError::io(path, "read");
        if sum(&mut file).map_err(fault)?.as_ref() == Some(expected) {
            return Ok(());
        }
        Err(TableError::Damaged { path: path.to_path_buf() })
    }
}

/// Whether the footer has a checksum, be it that the library finds it or not: a byte of zero ends what it reads of it.
pub(super) fn bears_checksum(mut file: &File) -> io::Result<bool> {
    Ok(footer(&mut file)?.is_some_and(|(_, footer)| place(&footer).is_some()))
}

/// The sum of a file; `None` where it has no place for one.
fn sum(file: &mut (impl Read + Seek)) -> io::Result<Option<String>> {
    let Some((footer_at, mut footer)) = footer(file)? else { return Ok(None) };
    let Some(place) = place(&footer) else { return Ok(None) };
    footer[place..place + UNSET.len()].copy_from_slice(UNSET.as_bytes());
    file.rewind()?;
    let mut digest = Digest::default();
    let (mut rest, mut buffer) = (footer_at, vec![0; 1 << 17]);
    while rest > 0 {
        let wanted = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let read = file.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Ok(None);
        }
        digest.update(&buffer[..read]);
        rest -= read as u64;
    }
    digest.update(&footer);
    Ok(Some(digest.finish()))
}

/// Where the footer begins, and all that stands from there on.
fn footer(file: &mut (impl Read + Seek)) -> io::Result<Option<(u64, Vec<u8>)>> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(tail_at) = length.checked_sub(TAIL) else { return Ok(None) };
    file.seek(SeekFrom::Start(tail_at))?;
    let mut tail = [0; 4];
    file.read_exact(&mut tail)?;
    let Some(footer_at) = tail_at.checked_sub(u64::from(u32::from_le_bytes(tail))) else { return Ok(None) };
    file.seek(SeekFrom::Start(footer_at))?;
    let mut footer = Vec::new();
    file.read_to_end(&mut footer)?;
    Ok(Some((footer_at, footer)))
}

/// Where the checksum stands in a footer: behind its key, the header of the next field, and its length.
fn place(footer: &[u8]) -> Option<usize> {
    let mut head = CHECKSUM.as_bytes().to_vec();
    head.extend([0x18, UNSET.len() as u8]);
    let place = memmem::rfind(footer, &head)? + head.len();
    (place + UNSET.len() <= footer.len()).then_some(place)
}

/// Sets the checksum of a file that was written with [`UNSET`] in its place.
pub(super) fn seal(path: &Path, sum: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let found = footer(&mut file)?.and_then(|(at, footer)| Some(at + place(&footer)? as u64));
    let place = found.ok_or_else(|| io::Error::other("expected a place for the checksum, found none"))?;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(sum.as_bytes())
}

/// A file whose bytes are summed up as they are written.
pub(super) struct Summed {
    pub file: File,
    digest: Digest,
}

impl Summed {
    /// Of a file without a byte yet.
    pub fn new(file: File) -> Self {
        Self { file, digest: Digest::default() }
    }

    /// The sum of what was written.
    pub fn sum(&self) -> String {
        self.digest.clone().finish()
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
