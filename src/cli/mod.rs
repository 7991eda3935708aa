//! The commands, a file each: arguments, and what is done with them; and what they share.

pub mod checkpoint;
pub mod completions;
pub mod convert;
pub mod encode;
#[cfg(target_os = "linux")]
pub mod environment;
pub mod evaluate;
pub mod failure;
pub mod graph;
pub mod man;
pub mod pipe;
pub mod query;
pub mod report;
pub mod run;
pub mod score;
pub mod synthesize;
pub mod train;

use std::fmt;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::bail;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use docre::corpus::convert::Summary;
use docre::corpus::reject_line;
use docre::ground::choice::Choice;
use docre::ground::settings::Settings;
use docre::nn::device::Compute;
use docre::table::rows::DocumentRow;
use docre::table::{self, Row};
use indicatif::{ProgressBar, ProgressStyle};

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

/// What goes to stderr while a command runs.
#[derive(Clone, Copy)]
pub struct Messages {
    /// Say nothing but errors.
    pub quiet: bool,
}

impl Messages {
    /// Says a line.
    pub fn say(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// A progress bar where stderr is a terminal, and nothing elsewhere.
    pub fn bar(self, total: u64, template: &str) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(total).with_style(style)
    }
}

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
        Some((name, rest)) => format!("`--{}`{rest}", name.replace('_', "-")),
        None => reason.to_owned(),
    }
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

/// Says where a command computes, where that is no matter of course.
pub fn computing_on(compute: &Compute, messages: Messages) {
    if !compute.device.is_cpu() {
        messages.say(&format!("computing on {compute}"));
    }
}

/// Says what became of a corpus.
pub fn told(summary: &Summary, messages: Messages) -> Outcome {
    let folder = summary.folder.display();
    match summary.totals {
        None => messages.say(&format!("{folder}: up to date")),
        Some(totals) => messages.say(&format!("{folder}: {totals}")),
    }
    for warning in &summary.warnings {
        messages.say(&format!("warning: {warning}"));
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
