//! What is said where a command fails, and with which exit code it ends.

use std::io::{self, Write};

use docre::checkpoint::CheckpointError;
use docre::corpus::CorpusError;
use docre::examples::{ExamplesError, Misfit};
use docre::metrics;
use docre::pipeline::LeftOut;
use docre::report::ReportError;
use docre::score::ScoreError;
use docre::table::TableError;
use docre::train::TrainError;

use super::Usage;

/// Whether the command was called wrongly: nothing was tried.
pub fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<Usage>() || matches!(error.downcast_ref(), Some(CorpusError::Options(_)))
}

/// Whether the reader of stdout went away, as `head` does: no error.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}

/// Says what went wrong, and what to do next where there is a choice.
pub fn report(error: &anyhow::Error) {
    let mut stderr = io::stderr();
    // Nothing can be done where stderr itself refuses.
    let _ = writeln!(stderr, "error: {error:#}");
    if let Some(hint) = hint(error) {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

/// What to do next, for errors that leave a choice.
pub fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(metrics::Error::Unlabelled(_)) = error.downcast_ref() {
        return Some("evaluate on a labelled split, or submit the predictions where the corpus is scored officially");
    }
    if error.downcast_ref::<LeftOut>().is_some() {
        return Some(
            "`data/README.md` says where corpora and encoders are had; `--set sources.NAME=PATH` names another place",
        );
    }
    if let Some(TrainError::Exists(_)) = error.downcast_ref() {
        return Some("pass `--resume` to go on with it, or choose another `--out`");
    }
    if let Some(TrainError::OtherRun(_)) = error.downcast_ref() {
        return Some("give it the settings and the corpus that it was begun with, or choose another `--out`");
    }
    if let Some(TrainError::Misfit { role: "base", .. }) = error.downcast_ref() {
        return Some("name the checkpoint `base` that a run of two stages with this corpus and encoder has left");
    }
    if let Some(ScoreError::Examples(ExamplesError::Misfit { reason: Misfit::Relation { .. }, .. })) =
        error.downcast_ref()
    {
        return Some("to score it all the same, convert it with `--unlabelled`");
    }
    if let Some(ReportError::NoRun { .. }) = error.downcast_ref() {
        return Some("name a folder that `docre run` made, such as `runs/sample`, or that of a split");
    }
    let of_page = match error.downcast_ref() {
        Some(ReportError::Table(table)) => Some(table),
        _ => None,
    };
    let table = match error.downcast_ref::<CorpusError>() {
        Some(CorpusError::Exists { .. }) => {
            return Some("pass `--force` to replace them, or choose another `--out`");
        }
        Some(CorpusError::NoDocument { .. }) => return Some("check that `--format` names the format of the files"),
        Some(CorpusError::Table(table)) => Some(table),
        _ => match error.downcast_ref() {
            Some(CheckpointError::Table(table)) => Some(table),
            _ => of_page.or_else(|| error.downcast_ref::<TableError>()),
        },
    };
    match table? {
        TableError::Foreign { .. } => Some("choose another `--out`, or move the files away"),
        TableError::Stands { .. } => Some("pass `--force` to replace it, or choose another `--out`"),
        TableError::NoTable { .. } => Some("name the folder of a split, which `docre convert` has written"),
        _ => None,
    }
}
