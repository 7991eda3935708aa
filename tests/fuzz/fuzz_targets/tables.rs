#![no_main]

//! A table of any program, as a file and as a stream: readers may refuse it; they may not panic, run on or take memory
//! without bound.

use std::fs;

use table::rows::PredictionRow;
use table::{Table, stream, verify};

/// Rows that are read of one input: a small file may have millions.
const MOST_ROWS: usize = 1 << 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::Builder::new().prefix("docre-fuzz").tempdir_in("/dev/shm").expect("a folder in memory");
    let path = folder.path().join("part-00000.parquet");
    fs::write(&path, bytes).expect("a file in memory");
    let _ = verify(&path);
    if let Ok(batches) = Table::<PredictionRow>::require_at(&path).and_then(|table| table.conformed()) {
        pass(batches);
    }
    if let Ok(batches) = stream::receive::<PredictionRow>(bytes) {
        pass(batches);
    }
});

fn pass(batches: impl Iterator<Item = Result<Vec<PredictionRow>, table::TableError>>) {
    let mut rows = 0;
    for batch in batches.map_while(Result::ok) {
        rows += batch.len();
        if rows > MOST_ROWS {
            break;
        }
    }
}
