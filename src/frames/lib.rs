//! Parquet files as polars' frames: the one door through which polars opens files.
//!
//! A path says where rows lie, and nothing else. Left to itself, polars reads columns out of it (`head=5/` above a table
//! would take the place of the column `head`), takes `*`, `?` and `[` for patterns, and `s3:` for another machine.

use std::path::{Path, PathBuf};

use polars::prelude::*;

/// A lazy frame over the files of one table.
///
/// # Errors
/// Where a path is no Unicode.
pub fn scan(files: &[PathBuf]) -> PolarsResult<LazyFrame> {
    let paths = files.iter().map(|file| PlRefPath::try_from_path(&local(file))).collect::<PolarsResult<Vec<_>>>()?;
    let plain =
        ScanArgsParquet { glob: false, hive_options: HiveOptions::new_disabled(), ..ScanArgsParquet::default() };
    LazyFrame::scan_parquet_files(paths.into(), plain)
}

/// The path as one that can be no address: `s3://bucket` is a folder here.
fn local(file: &Path) -> PathBuf {
    Path::new(".").join(file)
}
