//! The commands, a file each: arguments, and what is done with them; and what they share.

pub mod annotated;
pub mod checkpoint;
pub mod commands;
pub mod completions;
pub mod convert;
pub mod decide;
pub mod devices;
pub mod encode;
#[cfg(target_os = "linux")]
pub mod environment;
pub mod evaluate;
pub mod failure;
pub mod fit;
pub mod graph;
pub mod line;
#[cfg(unix)]
pub mod listening;
pub mod man;
mod messages;
pub mod output;
pub mod pipe;
pub mod query;
pub mod report;
pub mod run;
pub mod score;
pub mod signals;
pub mod split;
pub mod synthesize;
pub mod train;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use docre::corpus::convert::Summary;
use docre::ground::choice;
use docre::ground::choice::Choice;
use docre::ground::parsed::FolderName;
use docre::ground::present;
use docre::ground::settings::Settings;
use docre::table::rows::DocumentRow;
use docre::table::{Table, found_under, stands_for};

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

/// How what a command tells is written to stdout: to be read, or for a program.
#[derive(Debug, Clone, Copy)]
pub enum Shown {
    Text,
    Json,
}

choice!(Shown, "format", { Text => "text", Json => "json" });

/// What the argument parser takes for a setting that is one of some names.
pub fn one_of<T: Choice + Send + Sync>() -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(T::EVERY.iter().map(|choice| choice.called())).try_map(|name| T::named(&name))
}

/// A count; what it may be, the settings that it becomes part of say.
pub fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number of 0 or more".to_owned())
}

/// A share, a probability; what it may be, the settings that it becomes part of say.
pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a number".to_owned())
}

/// A path of what is read there, and from no stream.
pub fn no_stdin(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("expected a path: this is not read from stdin".to_owned()),
        path => Ok(path.into()),
    }
}

/// A path for what no stream could carry.
pub fn no_stream(text: &str) -> Result<PathBuf, String> {
    match text {
        "-" => Err("expected a path: this is not written to stdout".to_owned()),
        path => Ok(path.into()),
    }
}

/// Settings that can be used.
///
/// # Errors
/// The first argument that is out of its range, as wrong usage.
pub fn checked<S: Settings>(settings: S) -> anyhow::Result<S> {
    settings.check().map_err(|reason| Usage(as_argument(&reason)))?;
    Ok(settings)
}

/// A reason that begins with a setting's name, with that of the argument: `most_pieces` is `--most-pieces`.
fn as_argument(reason: &str) -> String {
    match reason.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        Some((name, rest)) => {
            let name = name.strip_prefix("calibration.").unwrap_or(name);
            format!("`--{}`{rest}", name.replace('_', "-"))
        }
        None => reason.to_owned(),
    }
}

/// Which split a command is about.
#[derive(Args)]
pub struct SplitArgs {
    /// The folder of the corpus, or of the split itself.
    #[arg(long, value_name = "DIR", value_parser = no_stdin)]
    pub corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME")]
    pub split: Option<FolderName>,
}

impl SplitArgs {
    /// Its folder.
    ///
    /// # Errors
    /// Where there is no such split in the corpus, but others are.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        split_folder(&self.corpus, self.split.as_deref())
    }
}

/// The folder of a split: below that of its corpus, where it is named.
///
/// # Errors
/// Where there is no such split in the corpus, but others are.
pub fn split_folder(corpus: &Path, split: Option<&str>) -> anyhow::Result<PathBuf> {
    let folder = split.map_or_else(|| corpus.to_path_buf(), |split| corpus.join(split));
    let is_there = if split.is_some() {
        let place = found_under(&folder);
        let found = present(fs::metadata(&place)).with_context(|| format!("{}: cannot look", folder.display()))?;
        found.is_some_and(|found| found.is_dir())
    } else {
        holds_documents(&folder)?
    };
    if is_there {
        return Ok(folder);
    }
    let splits = splits_in(corpus)?.join(", ");
    if splits.is_empty() {
        return Ok(folder);
    }
    let got = split.map_or_else(|| "none".to_owned(), |split| format!("`{split}`"));
    bail!(Usage(format!("`--split`: expected one of {splits} in {}, got {got}", corpus.display())));
}

/// The splits in the folder of a corpus; none where it is not there.
fn splits_in(corpus: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for path in folders(corpus).with_context(|| format!("{}: cannot list the folder", corpus.display()))? {
        if holds_documents(&path)? {
            let path = stands_for(&path).unwrap_or(path);
            names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn folders(corpus: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = present(fs::read_dir(corpus))?.into_iter().flatten();
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

fn holds_documents(folder: &Path) -> anyhow::Result<bool> {
    Ok(Table::<DocumentRow>::find(folder)?.is_some())
}

/// Says what became of a corpus.
pub fn told(summary: &Summary, messages: Messages) -> Outcome {
    let folder = summary.folder.display();
    match summary.totals {
        None => messages.say(&format!("{folder}: up to date")),
        Some(totals) => messages.say(&format!("{folder}: {totals}")),
    }
    let lost = summary.lost();
    let Some((first, reasons)) = lost.split_first() else { return Outcome::Done };
    messages.say(&format!("rejected: {first}, all in {folder}/rejects:"));
    reasons.iter().for_each(|reason| messages.say(reason));
    Outcome::SomeRejected
}
