//! What was told of documents that were scored: the table of scores keeps it, so that a run which finds it made says the
//! same as the one that has made it, though that was killed before anybody could note it.

use std::path::Path;

use ground::observe::Event;
use pieces::CutOff;
use table::rows::ScoreRow;
use table::{Row, TableError, TableFiles, TableWriter};

use super::purpose::{Met, Purpose};

/// The key under which it is kept, as lines: no line of it has a break.
const TOLD: &str = "told";

/// What is to be told of documents by what was met in them and lost at their ends, a line each.
pub fn told(purpose: &Purpose, met: &Met, cut_off: CutOff, most_pieces: usize) -> Vec<String> {
    let cut_off = cut_off.event_of_model(most_pieces).and_then(|event| match event {
        Event::Warning(line) => Some(line),
        _ => None,
    });
    purpose.warnings(met).into_iter().chain(cut_off).collect()
}

/// The writer of a table that keeps it.
pub fn noting(writer: TableWriter<ScoreRow>, told: &[String]) -> TableWriter<ScoreRow> {
    if told.is_empty() { writer } else { writer.noting(TOLD, told.join("\n")) }
}

/// What the table of scores in `out` keeps.
pub fn again(out: &Path) -> Result<Vec<Event>, TableError> {
    let noted = TableFiles::find(out, &ScoreRow::schema().name)?.map(|files| files.note(TOLD)).transpose()?.flatten();
    Ok(noted.iter().flat_map(|told| told.lines()).map(|line| Event::Warning(line.to_owned())).collect())
}
