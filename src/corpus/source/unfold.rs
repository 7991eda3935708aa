//! What a stream is, by its first bytes: what is compressed is read as what it unfolds to, what is no text is named.
//!
//! Memory is bounded whatever a stream unfolds to: gzip looks back 32 KiB, Zstandard 128 MiB at most.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::GzDecoder;
use ground::interrupt;

use super::Stream;
use super::header::is_header;
use crate::cut::Unreadable;

/// Bytes that are looked at: a header of a tar archive.
const HEAD: usize = 512;
/// Bytes that are unfolded at a time: those before damage among them are lost.
const UNFOLDED_AT_ONCE: usize = 32 << 10;
/// How often what is compressed may be compressed again, as in an archive of compressed files.
const MOST_LAYERS: usize = 2;

const GZIP: &[u8] = b"\x1F\x8B";
const ZSTANDARD: &[u8] = b"\x28\xB5\x2F\xFD";
/// A frame that carries nothing to unfold, of which some tools write one first.
const SKIPPED: &[u8] = b"\x2A\x4D\x18";

/// What is recognised, and not read.
const FOREIGN: [(&[u8], &str); 13] = [
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xFD7zXZ\0", "compressed by xz: unpack it first (`xz -d`)"),
    (b"BZh", "compressed by bzip2: unpack it first (`bunzip2`)"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive: unpack it first"),
    (b"Rar!\x1A\x07", "a rar archive: unpack it first"),
    (b"\x1F\x9D", "compressed by compress: unpack it first (`uncompress`)"),
    (b"%PDF-", "a PDF, not a corpus"),
    (b"\xFF\xFE", "a text in UTF-16: expected UTF-8, save it so"),
    (b"\xFE\xFF", "a text in UTF-16: expected UTF-8, save it so"),
    (b"\0\0\xFE\xFF", "a text in UTF-32: expected UTF-8, save it so"),
    (b"\x89PNG", "an image, not a corpus"),
    (b"\xFF\xD8\xFF", "an image, not a corpus"),
];

/// What is in a stream.
pub(super) struct Content {
    /// It, unfolded.
    pub(super) stream: Stream,
    /// Whether it is a tar archive.
    pub(super) is_archive: bool,
    /// Whether there is nothing in it.
    pub(super) is_empty: bool,
}

/// Looks at a stream, and unfolds it where it is compressed. Damage is told where it is read, not here.
///
/// # Errors
/// Where the system refuses, or the stream is of a kind that is not read.
pub(super) fn unfold(stream: Stream) -> io::Result<Content> {
    let (mut head, mut stream, mut is_sound) = peek(stream, read_head)?;
    for _ in 0..MOST_LAYERS {
        let unfolded = match decoder(&head, stream)? {
            Ok(unfolded) => unfolded,
            Err(plain) => {
                stream = plain;
                break;
            }
        };
        (head, stream, is_sound) = peek(unfolded, read_head)?;
    }
    if let Some(what) = foreign(&head) {
        return Err(Unreadable::foreign(what));
    }
    Ok(Content { stream, is_archive: is_header(&head), is_empty: head.is_empty() && is_sound })
}

/// What unfolds a stream that begins so; the stream itself where nothing does.
fn decoder(head: &[u8], stream: Stream) -> io::Result<Result<Stream, Stream>> {
    let is_skipped = head.get(1..4) == Some(SKIPPED) && head.first().is_some_and(|byte| byte & 0xF0 == 0x50);
    let decoder: Box<dyn Read + Send> = if head.starts_with(GZIP) {
        Box::new(Gzip { member: Some(GzDecoder::new(stream)) })
    } else if head.starts_with(ZSTANDARD) || is_skipped {
        Box::new(Zstandard(zstd::stream::read::Decoder::with_buffer(stream)?))
    } else {
        return Ok(Err(stream));
    };
    Ok(Ok(Box::new(BufReader::with_capacity(UNFOLDED_AT_ONCE, decoder))))
}

/// What a stream that begins so is, where it is not read.
fn foreign(head: &[u8]) -> Option<&'static str> {
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(what);
    }
    if head.starts_with(GZIP) || head.starts_with(ZSTANDARD) {
        return Some("compressed several times: unpack it first");
    }
    // Two letters as UTF-16 has them without a mark.
    if let [one, 0, other, 0, ..] | [0, one, 0, other, ..] = head
        && *one != 0
        && *other != 0
    {
        return Some("a text in UTF-16: expected UTF-8, save it so");
    }
    let text = head.trim_ascii_start();
    let is_page = [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|start| text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)));
    is_page.then_some("a page of HTML, not a corpus")
}

fn read_head(stream: &mut Stream, head: &mut Vec<u8>) -> io::Result<usize> {
    stream.take(HEAD as u64).read_to_end(head)
}

/// The first bytes of a stream, so many as `look` reads, the stream with them, and whether no error came with them. An
/// error comes again where it is read, behind the bytes before it.
pub(crate) fn peek(
    mut stream: Stream,
    look: impl FnOnce(&mut Stream, &mut Vec<u8>) -> io::Result<usize>,
) -> io::Result<(Vec<u8>, Stream, bool)> {
    let mut head = Vec::with_capacity(HEAD);
    let read = look(&mut stream, &mut head);
    let is_sound = read.is_ok();
    let rest: Stream = match read {
        Ok(_) => stream,
        Err(error) => match Unreadable::within(&error) {
            Some(damage) => Box::new(BufReader::new(Failed(damage.clone()))),
            None => return Err(error),
        },
    };
    Ok((head.clone(), Box::new(Cursor::new(head).chain(rest)), is_sound))
}

/// What cannot be read any further.
struct Failed(Unreadable);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(ErrorKind::InvalidData, self.0.clone()))
    }
}

/// The members of a gzip file one after the other, as tools write that compress in blocks. Zeros behind them, which tapes
/// leave, are passed over.
struct Gzip {
    member: Option<GzDecoder<Stream>>,
}

impl Read for Gzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer).map_err(damage("gzip"))?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(ended) = self.member.take() else { break };
            self.member = next_member(ended.into_inner())?;
        }
        Ok(0)
    }
}

fn next_member(mut stream: Stream) -> io::Result<Option<GzDecoder<Stream>>> {
    loop {
        let bytes = stream.fill_buf()?;
        let n_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        match bytes.get(n_zeros) {
            Some(&first) if first == GZIP[0] => {
                stream.consume(n_zeros);
                return Ok(Some(GzDecoder::new(stream)));
            }
            Some(_) => return Err(Unreadable::damaged("expected the end behind what gzip compressed, found more")),
            None if n_zeros == 0 => return Ok(None),
            None => stream.consume(n_zeros),
        }
    }
}

struct Zstandard(zstd::stream::read::Decoder<'static, Stream>);

impl Read for Zstandard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(damage("zstd"))
    }
}

/// What a decoder says of its input as damage; what the system says stays.
fn damage(tool: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |error| {
        let is_of_the_system = error.raw_os_error().is_some() || error.kind() == ErrorKind::Interrupted;
        if is_of_the_system || interrupt::cause(&error).is_some() || Unreadable::within(&error).is_some() {
            return error;
        }
        Unreadable::damaged(match error.kind() {
            ErrorKind::UnexpectedEof => format!("expected more of what {tool} compressed, the file is cut off here"),
            _ => format!("expected what {tool} compressed, it is damaged here ({error})"),
        })
    }
}
