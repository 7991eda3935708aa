//! The commands, a file each: arguments, and what is done with them; and what they share.

pub mod checkpoint;
pub mod convert;
pub mod encode;
#[cfg(target_os = "linux")]
pub mod environment;
pub mod evaluate;
pub mod failure;
pub mod graph;
mod messages;
pub mod pipe;
pub mod query;
pub mod report;
pub mod run;
pub mod score;
pub mod synthesize;
pub mod train;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::bail;
use docre::corpus::convert::Summary;
use docre::corpus::reject_line;
use docre::table::rows::DocumentRow;
use docre::table::{self, Row};

pub use messages::Messages;

/// Wrong usage that the argument parser cannot see.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// How a command that did not fail ended.
pub enum Outcome {
    Done,
    SomeRejected,
}

/// A name that is one step of a path.
pub fn folder_name(name: &str) -> Result<String, String> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
        return Err("expected a name that can be that of a folder".to_owned());
    }
    Ok(name.to_owned())
}

/// A number of some range.
pub fn count(text: &str, least: usize, most: usize) -> Result<usize, String> {
    let got = text.parse().ok().filter(|count| (least..=most).contains(count));
    got.ok_or_else(|| {
        if most == usize::MAX { format!("expected {least} or more") } else { format!("expected {least} to {most}") }
    })
}

/// The folder of a split: below that of its corpus, where it is named.
///
/// # Errors
/// Where there is no such split in the corpus, but others are.
pub fn split_folder(corpus: &Path, split: Option<&str>) -> anyhow::Result<PathBuf> {
    let folder = split.map_or_else(|| corpus.to_path_buf(), |split| corpus.join(split));
    let is_there = if split.is_some() { folder.is_dir() } else { holds_documents(&folder) };
    if is_there {
        return Ok(folder);
    }
    let splits = splits_in(corpus).join(", ");
    if splits.is_empty() {
        return Ok(folder);
    }
    let got = split.map_or_else(|| "none".to_owned(), |split| format!("`{split}`"));
    bail!(Usage(format!("`--split`: expected one of {splits} in {}, got {got}", corpus.display())));
}

/// The splits in the folder of a corpus.
fn splits_in(corpus: &Path) -> Vec<String> {
    let entries = fs::read_dir(corpus).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let splits = entries.filter(|path| holds_documents(path));
    let mut names: Vec<String> =
        splits.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    names.sort();
    names
}

fn holds_documents(folder: &Path) -> bool {
    table::parts(folder, &DocumentRow::schema().name).is_ok()
}

/// Says what became of a corpus.
pub fn told(summary: &Summary, messages: Messages) -> Outcome {
    let folder = summary.folder.display();
    match summary.totals {
        None => messages.say(&format!("{folder}: up to date")),
        Some(totals) => messages.say(&format!("{folder}: {totals}")),
    }
    if summary.n_rejects == 0 {
        return Outcome::Done;
    }
    messages.say(&format!("rejected records: {}, all in {folder}/rejects; the first:", summary.n_rejects));
    for reject in &summary.rejects {
        messages.say(&format!("  {}", reject_line(reject)));
    }
    Outcome::SomeRejected
}
