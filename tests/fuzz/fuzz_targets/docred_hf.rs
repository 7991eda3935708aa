//! What Hugging Face's libraries, Linked-DocRED and HacRED make of DocRED's JSON; Parquet too, where the bytes begin so.
#![no_main]

use docre_fuzz::corpus::Format;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| docre_fuzz::read(Format::DocRed, &[("source", bytes)]));
