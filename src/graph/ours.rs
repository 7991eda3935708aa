//! How the folder of a graph is known.

use std::fs;
use std::io;
use std::path::Path;

use table::{Ours, holds_only, holds_only_tables, is_named_file};

use super::format::Format;
use super::tables::DESCRIPTION;

/// The tables of a graph.
pub(super) const TABLES: [&str; 4] = ["nodes", "edges", "provenance", "merges"];

/// How the folder of a graph is known.
pub const OURS: Ours = Ours { is: holds_only_a_graph, names: is_name };

fn is_name(name: &str) -> bool {
    let last = |file: &str| file.rsplit('/').next() == Some(name);
    name == DESCRIPTION || Format::ALL.iter().flat_map(|format| format.files()).any(|(file, _)| last(file))
}

/// Whether a folder holds nothing but a graph, so that replacing it cannot destroy anybody's files: its description says
/// that docre made it.
fn holds_only_a_graph(folder: &Path) -> bool {
    holds_only(folder, (DESCRIPTION, "fingerprint"), is_of_a_graph)
}

fn is_of_a_graph(entry: &fs::DirEntry) -> bool {
    if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
        return is_named_file(entry, is_name);
    }
    let (path, name) = (entry.path(), entry.file_name());
    if TABLES.iter().any(|table| name == *table) {
        return holds_only_tables(&path);
    }
    let is_format = Format::ALL.iter().flat_map(|format| format.files()).any(|(file, _)| {
        let above = file.split_once('/').map(|(above, _)| above);
        above.is_some_and(|above| name == *above)
    });
    let is_ours = |file: io::Result<fs::DirEntry>| file.is_ok_and(|file| is_named_file(&file, is_name));
    is_format && fs::read_dir(path).is_ok_and(|mut files| files.all(is_ours))
}
