//! Tar archives, read as they come:
//! [POSIX's ustar and pax](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html), and GNU's long names.
//! Links, devices and folders are passed over; sparse files and parts of archives are refused.

use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use table::Text;

use super::header::{BLOCK, is_header, number, until_zero};
use super::unfold::{Content, unfold};
use super::{AT_ONCE, Input, Stream, Unopened, name_of};
use crate::cut::{CutError, Unreadable};

/// Bytes of a long name, or of what pax says of a member.
const LONGEST_HEADER: u64 = 1 << 20;

/// An archive that is being read.
pub(super) struct Archive {
    path: PathBuf,
    name: Text,
    tar: Arc<Mutex<Tar>>,
}

/// A file in an archive.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
}

impl Archive {
    pub(super) fn new(path: &Path, stream: Stream) -> Self {
        let tar = Tar { stream, number: 0, rest: 0, padding: 0, failed: false };
        Self { path: path.to_path_buf(), name: name_of(path), tar: Arc::new(Mutex::new(tar)) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next file; what is left of the one before is passed over. After an error nothing can be read.
    pub(super) fn next_member(&mut self) -> io::Result<Option<Member>> {
        locked(&self.tar).next_member()
    }

    /// The source that the file is which came last.
    pub(super) fn input(&self, Member { name, size }: Member) -> Result<Input, Unopened> {
        let path = self.path.join(name.trim_start_matches('/'));
        let at_once = usize::try_from(size).map_or(AT_ONCE, |size| size.clamp(BLOCK, AT_ONCE));
        let reading = Reading { number: locked(&self.tar).number, tar: self.tar.clone() };
        match unfold(Box::new(BufReader::with_capacity(at_once, reading))) {
            Ok(Content { is_archive: true, .. }) => {
                let reason = "an archive within an archive: unpack it first".to_owned();
                Err(Unopened { path, error: CutError::Format(reason) })
            }
            Ok(Content { stream, .. }) => {
                Ok(Input { path, name: format!("{}/{name}", self.name).into(), open: Some(stream) })
            }
            Err(error) => Err(Unopened { path, error: error.into() }),
        }
    }
}

/// Nobody panics who holds it; were it so, reading would go on where it stood.
fn locked(tar: &Mutex<Tar>) -> MutexGuard<'_, Tar> {
    tar.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The content of a file, for as long as it is the archive's last.
struct Reading {
    tar: Arc<Mutex<Tar>>,
    number: u64,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut tar = locked(&self.tar);
        if tar.number != self.number {
            return Err(io::Error::other("the archive was read beyond it"));
        }
        tar.read(buffer)
    }
}

/// A place in an archive.
struct Tar {
    stream: Stream,
    /// Files so far.
    number: u64,
    /// Bytes of the last that are not read.
    rest: u64,
    /// Bytes that fill up its last block.
    padding: u64,
    /// Whether the last could not be read to its end, which its reader was told.
    failed: bool,
}

/// What stands before a file about it.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Tar {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.rest).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let read = match self.stream.read(buffer.get_mut(..most).unwrap_or_default()) {
            Ok(0) if most > 0 => Err(cut_off()),
            read => read,
        };
        self.failed |= read.is_err();
        self.rest -= *read.as_ref().unwrap_or(&0) as u64;
        read
    }

    fn next_member(&mut self) -> io::Result<Option<Member>> {
        if self.failed {
            return Ok(None);
        }
        self.pass_over()?;
        let mut extended = Extended::default();
        while let Some(header) = self.header()? {
            let size = number(&header[124..136])?;
            match header[156] {
                b'0' | 0 | b'7' => {
                    let member = self.member(&header, size, mem::take(&mut extended));
                    if !member.name.ends_with('/') {
                        return Ok(Some(member));
                    }
                    // A folder, as the oldest archives have it.
                    self.pass_over()?;
                }
                b'x' => extended.take(&self.text(size)?)?,
                b'L' => extended.name = Some(until_zero(&self.text(size)?).to_vec()),
                b'g' | b'K' => drop(self.text(size)?),
                // Links, devices, folders and labels have no content.
                b'1'..=b'6' | b'V' => extended = Extended::default(),
                other => return Err(of_another_type(other)),
            }
        }
        Ok(None)
    }

    /// The file that a header and what stands before it tell of.
    fn member(&mut self, header: &[u8; BLOCK], size: u64, extended: Extended) -> Member {
        let name = extended.name.unwrap_or_else(|| plain_name(header));
        let size = extended.size.unwrap_or(size);
        (self.rest, self.padding) = (size, padding(size));
        self.number += 1;
        Member { name: String::from_utf8_lossy(&name).trim_start_matches("./").to_owned(), size }
    }

    /// Passes over what is left of the last file.
    fn pass_over(&mut self) -> io::Result<()> {
        self.skip(self.rest.saturating_add(self.padding))?;
        (self.rest, self.padding) = (0, 0);
        Ok(())
    }

    /// The next header; `None` at the mark of the end.
    fn header(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut header = [0; BLOCK];
        self.exactly(&mut header)?;
        if header == [0; BLOCK] {
            return Ok(None);
        }
        if !is_header(&header) {
            return Err(Unreadable::damaged("expected a header in the archive, its sum is not right"));
        }
        Ok(Some(header))
    }

    /// Content that is about a file.
    fn text(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > LONGEST_HEADER {
            let reason = format!("expected at most {LONGEST_HEADER} bytes about a file in the archive, got {size}");
            return Err(Unreadable::damaged(reason));
        }
        let mut text = vec![0; size as usize];
        self.exactly(&mut text)?;
        self.skip(padding(size))?;
        Ok(text)
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => cut_off(),
            _ => error,
        })
    }

    fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let there = self.stream.fill_buf()?.len();
            if there == 0 {
                return Err(cut_off());
            }
            let now = usize::try_from(count).map_or(there, |count| count.min(there));
            self.stream.consume(now);
            count -= now as u64;
        }
        Ok(())
    }
}

impl Extended {
    /// Takes what pax says: records of `LENGTH KEY=VALUE\n`, the length that of all.
    fn take(&mut self, mut records: &[u8]) -> io::Result<()> {
        let damaged = || Unreadable::damaged("expected `LENGTH KEY=VALUE` of pax about a file in the archive");
        while !until_zero(records).is_empty() {
            let digits = records.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let length = std::str::from_utf8(&records[..digits]).ok().and_then(|digits| digits.parse::<usize>().ok());
            let (record, rest) = length.and_then(|length| records.split_at_checked(length)).ok_or_else(damaged)?;
            let record = record.get(digits..).and_then(|record| record.strip_prefix(b" ")?.strip_suffix(b"\n"));
            let record = record.ok_or_else(damaged)?;
            let equals = memchr::memchr(b'=', record).ok_or_else(damaged)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.name = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                    self.size = Some(size.ok_or_else(damaged)?);
                }
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(Unreadable::damaged("expected plain files in the archive, got a sparse one"));
                }
                _ => {}
            }
            records = rest;
        }
        Ok(())
    }
}

/// The name in a header, behind what ustar has of it before.
fn plain_name(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_zero(&header[..100]);
    let prefix = if header[257..263] == *b"ustar\0" { until_zero(&header[345..500]) } else { &[] };
    if prefix.is_empty() { name.to_vec() } else { [prefix, name].join(&b'/') }
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

fn of_another_type(kind: u8) -> io::Error {
    let kind = char::from(kind).escape_default();
    Unreadable::damaged(format!("expected plain files in the archive, got one of type `{kind}`"))
}

fn cut_off() -> io::Error {
    Unreadable::damaged("expected more of the archive, the file is cut off here")
}
