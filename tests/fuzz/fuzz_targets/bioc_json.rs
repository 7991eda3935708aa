#![no_main]

use docre_fuzz::corpus::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| docre_fuzz::read(Format::BioC, &[("source", bytes)]));
