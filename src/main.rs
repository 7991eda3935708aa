//! The command line: arguments → a command → messages and an exit code.
//!
//! Data goes to stdout, everything else to stderr. Exit code 0: done; 1: failed, and nothing was changed, but
//! for the stages of a pipeline that were done before; 2: wrong usage; 3: done, but some records were rejected. The
//! commands stand in `cli`.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use docre::checkpoint::CheckpointError;
use docre::corpus::CorpusError;
use docre::metrics;
use docre::model::batch::BatchError;
use docre::pipeline::LeftOut;
use docre::report::ReportError;
use docre::score::ScoreError;
use docre::table::TableError;
use docre::train::TrainError;

use cli::{
    Messages, Outcome, Usage, checkpoint, convert, encode, evaluate, graph, query, report, run, score, synthesize,
    train,
};

/// Tables and tensors come and go by the megabyte, which the system's allocator gives back to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Document-level relation extraction in bulk: corpora to tables, tables to relations, metrics and a knowledge graph.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 120)]
#[command(
    after_help = "Example:\n  docre convert --format docred --split dev --out corpora/docred dev.json\n  docre query corpora/docred/dev \"SELECT relation, count(*) FROM facts GROUP BY relation\""
)]
struct Cli {
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(convert::ConvertArgs),
    Synthesize(synthesize::SynthesizeArgs),
    Encode(encode::EncodeArgs),
    Train(train::TrainArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Score(score::ScoreArgs),
    Evaluate(evaluate::EvaluateArgs),
    Graph(graph::GraphArgs),
    Query(query::QueryArgs),
    Report(report::ReportArgs),
    Run(run::RunArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(target_os = "linux")]
    cli::environment::settle();
    let messages = Messages { quiet: cli.quiet };
    let outcome = match cli.command {
        Command::Convert(args) => convert::run(args, messages),
        Command::Synthesize(args) => synthesize::run(args, messages),
        Command::Encode(args) => encode::run(&args, messages),
        Command::Train(args) => train::run(&args, messages),
        Command::Checkpoint(args) => checkpoint::run(&args, messages),
        Command::Score(args) => score::run(&args, messages),
        Command::Evaluate(args) => evaluate::run(&args, messages),
        Command::Graph(args) => graph::run(&args, messages),
        Command::Query(args) => query::run(args),
        Command::Report(args) => report::run(&args, messages),
        Command::Run(args) => run::run(&args, messages),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeRejected) => ExitCode::from(3),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            if is_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether the command was called wrongly: nothing was tried.
fn is_usage(error: &anyhow::Error) -> bool {
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
    if let Some(ScoreError::Batch { reason: BatchError::Relation { .. }, .. }) = error.downcast_ref() {
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
