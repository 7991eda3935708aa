//! The command line: arguments → a command → messages and an exit code.
//!
//! Data goes to stdout, everything else to stderr. Exit code 0: done; 1: failed, and nothing was changed, but
//! for the stages of a pipeline that were done before; 2: wrong usage; 3: done, but some records were rejected; 129, 130
//! and 143: stopped by SIGHUP, SIGINT and SIGTERM. The commands stand in `cli`.

mod cli;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use docre::ground::interrupt;

use cli::failure::{self, is_closed_pipe, is_usage};
use cli::signals::Stopping;
use cli::{
    Messages, Outcome, checkpoint, completions, convert, decide, devices, encode, evaluate, fit, graph, man, query,
    report, run, score, split, synthesize, train,
};

/// Tables and tensors come and go by the megabyte, which the system's allocator gives back to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Document-level relation extraction in bulk: corpora to tables, tables to relations, metrics and a knowledge graph.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 120)]
#[command(
    after_help = include_str!("cli/help/docre.txt").trim_end()
)]
struct Cli {
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true, display_order = 1000)]
    quiet: bool,
    /// Say more on stderr: where each thing is read from, hashes, and what is computed on.
    #[arg(long, short, global = true, display_order = 1001)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(convert::ConvertArgs),
    Split(split::DivideArgs),
    Synthesize(synthesize::SynthesizeArgs),
    Encode(encode::EncodeArgs),
    Train(train::TrainArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Score(score::ScoreArgs),
    Fit(fit::FitArgs),
    Decide(decide::DecideArgs),
    Evaluate(evaluate::EvaluateArgs),
    Graph(graph::GraphArgs),
    Query(query::QueryArgs),
    Report(report::ReportArgs),
    Run(run::RunArgs),
    Devices(devices::DevicesArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    fn stopping(&self) -> Stopping {
        let goes_on = match self {
            Self::Train(_) => "go on from the last whole epoch with --resume",
            Self::Score(args) => args.goes_on(),
            Self::Run(_) => "the same command goes on where it stopped",
            _ => "run it again",
        };
        let only_reads = match self {
            Self::Evaluate(args) => args.only_reads(),
            Self::Checkpoint(args) => args.only_reads(),
            _ => matches!(self, Self::Query(_) | Self::Devices(_) | Self::Completions(_)),
        };
        Stopping { goes_on, only_reads }
    }
}

fn main() -> ExitCode {
    docre::ground::identity::set_build(docre::BUILD);
    let cli = Cli::parse();
    #[cfg(target_os = "linux")]
    cli::environment::settle();
    let stopping = cli.command.stopping();
    #[cfg(unix)]
    cli::listening::listen(stopping);
    let messages = Messages { quiet: cli.quiet, verbose: cli.verbose };
    let outcome = match cli.command {
        Command::Convert(args) => convert::run(args, messages),
        Command::Split(args) => split::run(args, messages),
        Command::Synthesize(args) => synthesize::run(args, messages),
        Command::Encode(args) => encode::run(&args, messages),
        Command::Train(args) => train::run(&args, messages),
        Command::Checkpoint(args) => checkpoint::run(&args, messages),
        Command::Score(args) => score::run(&args, messages),
        Command::Fit(args) => fit::run(&args, messages),
        Command::Decide(args) => decide::run(&args, messages),
        Command::Evaluate(args) => evaluate::run(&args, messages),
        Command::Graph(args) => graph::run(&args, messages),
        Command::Query(args) => query::run(&args),
        Command::Report(args) => report::run(&args, messages),
        Command::Run(args) => run::run(&args, messages),
        Command::Devices(args) => devices::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command(), messages),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeRejected) => ExitCode::from(3),
        Err(error) => failed(&error, stopping),
    }
}

fn failed(error: &anyhow::Error, stopping: Stopping) -> ExitCode {
    if let Some(interrupted) = interrupt::cause(&**error) {
        return ExitCode::from(stopping.say(interrupted));
    }
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    failure::report(error);
    if is_usage(error) { ExitCode::from(2) } else { ExitCode::FAILURE }
}
