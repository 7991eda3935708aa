//! The pages of a file: how much each holds by its own header, which may say something else than the footer.
//!
//! Readers take memory by what a page's header says, before they find that the page has less. A header is a structure in
//! Thrift's compact form; of its fields those are read here that say how much.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::page::{Page as PageContent, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::TableError;

/// Bytes of a page that is unpacked, and for each of its bytes in the file so many more. Writers end a page at some
/// megabytes.
const MOST_BYTES: u64 = 256 << 20;
const BYTES_A_BYTE: u64 = 1 << 6;
/// How deep structures lie in each other in a header: two deep, as things are.
const DEEPEST: u8 = 8;
/// The encoding in which a text is told by what it shares with the one before.
const SHARING: i64 = 7;

/// Refuses a file whose pages hold more than they should. Else: bytes that one text may have, be its place in a page ever
/// so small, as it lies in a dictionary or shares what another has.
pub(super) fn check(file: &File, metadata: &ParquetMetaData, path: &Path) -> Result<u64, TableError> {
    let mut longest = 0;
    for group in metadata.row_groups() {
        for column in group.columns() {
            let is_flat = column.column_descr().max_rep_level() == 0;
            if is_flat && column.num_values() != group.num_rows() {
                return Err(refused(column, path)("values", column.num_values(), group.num_rows()));
            }
            let (shared, has_dictionary) = walk(file, column, path)?;
            longest = longest.max(shared);
            if has_dictionary && column.column_type() == Type::BYTE_ARRAY {
                longest = longest.max(longest_listed(file, column, path)?);
            }
        }
    }
    Ok(longest)
}

/// Bytes of the longest text in a column's dictionary.
fn longest_listed(file: &File, column: &ColumnChunkMetaData, path: &Path) -> Result<u64, TableError> {
    let again = Arc::new(file.try_clone().map_err(TableError::io(path, "open"))?);
    let first = SerializedPageReader::new(again, column, 0, None).and_then(|mut pages| pages.get_next_page());
    let Some(PageContent::DictionaryPage { buf, .. }) = first.map_err(TableError::read(path))? else { return Ok(0) };
    let (mut rest, mut longest) = (&*buf, 0);
    // Each stands behind its length.
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        rest = usize::try_from(length).ok().and_then(|length| behind.get(length..)).unwrap_or_default();
    }
    Ok(longest)
}

/// Goes from page to page of a column: bytes of the longest page in which texts share what they have, and whether there is
/// a dictionary.
fn walk(file: &File, column: &ColumnChunkMetaData, path: &Path) -> Result<(u64, bool), TableError> {
    let (start, length) = column.byte_range();
    let mut bytes = Bytes::of(file, start, length).map_err(TableError::io(path, "read"))?;
    let (mut values, mut longest, mut has_dictionary) = (0i64, 0, false);
    let refused = refused(column, path);
    while bytes.left > 0 {
        let page = bytes.page().map_err(|error| match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                TableError::read(path)(ParquetError::General(format!("the header of a page: {error}")))
            }
            _ => TableError::io(path, "read")(error),
        })?;
        let most = MOST_BYTES.saturating_add(page.packed.saturating_mul(BYTES_A_BYTE)).cast_signed();
        if !(0..=most).contains(&page.unpacked) {
            return Err(refused("bytes in a page", page.unpacked, most));
        }
        // A value takes a byte at least.
        if !(0..=page.unpacked).contains(&page.in_dictionary) {
            return Err(refused("values in a dictionary", page.in_dictionary, page.unpacked));
        }
        values = values.saturating_add(page.values);
        if page.values < 0 || values > column.num_values() {
            return Err(refused("values in its pages", values, column.num_values()));
        }
        has_dictionary |= page.in_dictionary > 0;
        if page.encoding == SHARING {
            longest = longest.max(page.unpacked.unsigned_abs());
        }
    }
    Ok((longest, has_dictionary))
}

fn refused(column: &ColumnChunkMetaData, path: &Path) -> impl Fn(&'static str, i64, i64) -> TableError {
    move |what, got, most| {
        let column = column.column_path().string();
        TableError::Page { path: path.to_path_buf(), column, what, got, most }
    }
}

/// What a page's header says.
#[derive(Default)]
struct Page {
    unpacked: i64,
    packed: u64,
    values: i64,
    in_dictionary: i64,
    encoding: i64,
}

impl Page {
    /// A number among the header's fields, or among those of the field `within`.
    fn set(&mut self, within: i16, field: i16, number: i64) -> io::Result<()> {
        match (within, field) {
            (0, 2) => self.unpacked = number,
            (0, 3) => self.packed = u64::try_from(number).map_err(|_| wrong("a page of less than no bytes"))?,
            (5 | 8, 1) => self.values = number,
            (7, 1) => self.in_dictionary = number,
            (5, 2) | (8, 4) => self.encoding = number,
            _ => {}
        }
        Ok(())
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}

/// A part of a file.
struct Bytes<'f> {
    file: BufReader<&'f File>,
    left: u64,
}

impl<'f> Bytes<'f> {
    fn of(mut file: &'f File, start: u64, length: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        Ok(Self { file: BufReader::with_capacity(1 << 10, file), left: length })
    }

    /// The next page's header; the page is passed over.
    fn page(&mut self) -> io::Result<Page> {
        let mut page = Page::default();
        self.fields(0, 0, &mut page)?;
        self.pass(page.packed)?;
        Ok(page)
    }

    /// The fields of a structure, which is itself the field `within` of the one above.
    fn fields(&mut self, within: i16, depth: u8, page: &mut Page) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(wrong("structures that lie too deep"));
        }
        let mut field = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            let step = i16::from(head >> 4);
            field = if step == 0 { self.number()? as i16 } else { field.wrapping_add(step) };
            match head & 15 {
                4..=6 if depth <= 1 => {
                    let number = self.number()?;
                    page.set(within, field, number)?;
                }
                12 => self.fields(field, depth + 1, page)?,
                kind => self.leave(kind)?,
            }
        }
    }

    /// Passes over a value of a kind.
    fn leave(&mut self, kind: u8) -> io::Result<()> {
        match kind {
            1 | 2 => Ok(()),
            3 => self.pass(1),
            4..=6 => self.number().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            _ => Err(wrong("a field of a kind that no header has")),
        }
    }

    fn pass(&mut self, length: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(length).ok_or_else(|| wrong("it goes on behind its column"))?;
        self.file.seek_relative(i64::try_from(length).map_err(|_| wrong("a length beyond all files"))?)
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.left = self.left.checked_sub(1).ok_or_else(|| wrong("it goes on behind its column"))?;
        self.file.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err(wrong("a number beyond 64 bits"))
    }

    /// A number with a sign, which stands in its last bit.
    fn number(&mut self) -> io::Result<i64> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }
}
