#![no_main]

use docre_fuzz::corpus::Format;

/// Parts of the input that become the three files of the folder.
const SEPARATOR: u8 = 0x1F;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |&byte| byte == SEPARATOR);
    let mut next = || parts.next().unwrap_or_default();
    docre_fuzz::read(Format::Gda, &[("abstracts.txt", next()), ("anns.txt", next()), ("labels.csv", next())]);
});
