//! Headers of tar archives, as POSIX's ustar has them.

use std::io;

use crate::cut::Unreadable;

/// Bytes of a header; content is filled up to as many.
pub(super) const BLOCK: usize = 512;

/// Whether bytes are a header of an archive: its sum is right.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<BLOCK>() else { return false };
    let told = number(&header[148..156]).ok();
    let sum = |byte: fn(u8) -> i64| -> i64 {
        let counted =
            header.iter().enumerate().map(|(place, &value)| if (148..156).contains(&place) { b' ' } else { value });
        counted.map(byte).sum()
    };
    // Some old tools sum signed bytes.
    header[0] != 0
        && told
            .and_then(|told| i64::try_from(told).ok())
            .is_some_and(|told| told == sum(i64::from) || told == sum(|byte| i64::from(byte.cast_signed())))
}

/// A number as headers have it: octal digits, or where it is large, bytes behind a mark.
pub(super) fn number(field: &[u8]) -> io::Result<u64> {
    let damaged = || Unreadable::damaged("expected a number in a header of the archive");
    if let Some((0x80, bytes)) = field.split_first() {
        let (high, low) = bytes.split_last_chunk::<8>().ok_or_else(damaged)?;
        let fits = high.iter().all(|byte| *byte == 0);
        return fits.then(|| u64::from_be_bytes(*low)).ok_or_else(damaged);
    }
    let digits = until_zero(field).trim_ascii();
    if digits.is_empty() {
        return Ok(0);
    }
    let digits = std::str::from_utf8(digits).ok();
    digits.and_then(|digits| u64::from_str_radix(digits, 8).ok()).ok_or_else(damaged)
}

pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end])
}
