#![no_main]

use docre_fuzz::corpus::Format;

/// Parts of the input that become a text and its annotations.
const SEPARATOR: u8 = 0x1F;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == SEPARATOR);
    let mut next = || parts.next().unwrap_or_default();
    docre_fuzz::read(Format::Brat, &[("d1.txt", next()), ("d1.ann", next())]);
});
