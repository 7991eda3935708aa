//! A value as a block of text that stands in a page: JSON, compressed, in base64.
//!
//! No character of a block means anything to HTML, whatever the value holds; and what the reader does not look at is
//! never unpacked.

use std::io;

use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;

/// The compressor's own default: higher ones cost twice the time for a hundredth of the size.
const LEVEL: u8 = 6;

/// A value, packed: what a browser unpacks with `DecompressionStream("deflate")` (RFC 1950).
///
/// # Errors
/// Where the value has no form in JSON, as no value of this module has.
pub fn pack(value: &impl Serialize) -> io::Result<String> {
    Ok(base64(&compress_to_vec_zlib(&serde_json::to_vec(value)?, LEVEL)))
}

/// Base64 as RFC 4648, section 4, has it.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, place| bits << 8 | u32::from(three.get(place).copied().unwrap_or(0)));
        let digit = |place: u32| char::from(DIGITS[(bits >> (18 - 6 * place)) as usize % 64]);
        text.extend((0..=three.len() as u32).map(digit));
        text.extend((three.len()..3).map(|_| '='));
    }
    text
}
