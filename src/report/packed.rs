//! A value, packed, as a block of text that stands in a page: JSON, compressed, in base64.
//!
//! No character of a block means anything to HTML, whatever the value holds; and what the reader does not look at is
//! never unpacked.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Serialize;

/// The compressor's own default: higher ones cost twice the time for a hundredth of the size.
const LEVEL: u8 = 6;

/// A value, packed: what a browser unpacks with `DecompressionStream("deflate")` (RFC 1950).
///
/// # Errors
/// Where the value has no form in JSON, as no value of this module has.
pub fn pack(value: &impl Serialize) -> io::Result<String> {
    Ok(BASE64_STANDARD.encode(compress_to_vec_zlib(&serde_json::to_vec(value)?, LEVEL)))
}
