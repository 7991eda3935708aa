//! The command line: arguments → a command → messages and an exit code.
//!
//! Data goes to stdout, everything else to stderr. Exit code 0: done; 1: failed, and nothing was changed; 2: wrong
//! usage; 3: done, but some records were rejected. The commands stand in `cli`.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use docre::corpus::CorpusError;
use docre::metrics;
use docre::table::TableError;
use docre::train::TrainError;

use cli::{Messages, Outcome, convert, encode, evaluate, query, score, synthesize, train};

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
    Score(score::ScoreArgs),
    Evaluate(evaluate::EvaluateArgs),
    Query(query::QueryArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let messages = Messages { quiet: cli.quiet };
    let outcome = match cli.command {
        Command::Convert(args) => convert::run(args, messages),
        Command::Synthesize(args) => synthesize::run(args, messages),
        Command::Encode(args) => encode::run(&args, messages),
        Command::Train(args) => train::run(&args, messages),
        Command::Score(args) => score::run(&args, messages),
        Command::Evaluate(args) => evaluate::run(&args, messages),
        Command::Query(args) => query::run(&args),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeRejected) => ExitCode::from(3),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of stdout went away, as `head` does: no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    error.chain().any(closed)
}

fn report(error: &anyhow::Error) {
    let mut stderr = io::stderr();
    // Nothing can be done where stderr itself refuses.
    let _ = writeln!(stderr, "error: {error:#}");
    if let Some(hint) = hint(error) {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

/// What to do next, for errors that leave a choice.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<CorpusError>() {
        return match error {
            CorpusError::Exists { .. } => Some("pass `--force` to replace them, or choose another `--out`"),
            CorpusError::Foreign { .. } => Some("choose another `--out`, or move the files away"),
            CorpusError::NoDocument { .. } => Some("check that `--format` names the format of the files"),
            _ => None,
        };
    }
    if let Some(metrics::Error::Unlabelled(_)) = error.downcast_ref() {
        return Some("evaluate on a labelled split, or submit the predictions where the corpus is scored officially");
    }
    if let Some(TrainError::Exists(_)) = error.downcast_ref() {
        return Some("pass `--resume` to go on with it, or choose another `--out`");
    }
    match error.downcast_ref::<TableError>() {
        Some(TableError::NoTable { .. }) => Some("name the folder of a split, which `docre convert` has written"),
        _ => None,
    }
}
