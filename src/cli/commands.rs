//! The commands of the command line, by name.

use clap::{CommandFactory, Parser, Subcommand};

use super::signals::Stopping;
use super::{
    Messages, Outcome, checkpoint, completions, convert, decide, devices, encode, evaluate, fit, graph, man, query,
    report, run, score, split, synthesize, train,
};

/// Document-level relation extraction in bulk: corpora to tables, tables to relations, metrics and a knowledge graph.
#[derive(Parser)]
#[command(version, propagate_version = true, max_term_width = 120)]
#[command(
    after_help = include_str!("help/docre.txt").trim_end()
)]
pub struct Cli {
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true, display_order = 1000)]
    pub quiet: bool,
    /// Say more on stderr: where each thing is read from, hashes, and what is computed on.
    #[arg(long, short, global = true, display_order = 1001)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
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
    /// How it is stopped.
    pub fn stopping(&self) -> Stopping {
        let goes_on = match self {
            Self::Train(_) => "--resume goes on from the last whole epoch, if there is one",
            Self::Score(args) => args.goes_on(),
            Self::Run(args) => args.goes_on(),
            _ => "run it again",
        };
        let only_reads = match self {
            Self::Evaluate(args) => args.only_reads(),
            Self::Checkpoint(args) => args.only_reads(),
            _ => matches!(self, Self::Query(_) | Self::Devices(_) | Self::Completions(_)),
        };
        Stopping { goes_on, only_reads }
    }

    /// Does what it says.
    pub fn run(self, messages: Messages) -> anyhow::Result<Outcome> {
        match self {
            Self::Convert(args) => convert::run(args, messages),
            Self::Split(args) => split::run(args, messages),
            Self::Synthesize(args) => synthesize::run(args, messages),
            Self::Encode(args) => encode::run(&args, messages),
            Self::Train(args) => train::run(&args, messages),
            Self::Checkpoint(args) => checkpoint::run(&args, messages),
            Self::Score(args) => score::run(&args, messages),
            Self::Fit(args) => fit::run(&args, messages),
            Self::Decide(args) => decide::run(&args, messages),
            Self::Evaluate(args) => evaluate::run(&args, messages),
            Self::Graph(args) => graph::run(&args, messages),
            Self::Query(args) => query::run(&args),
            Self::Report(args) => report::run(&args, messages),
            Self::Run(args) => run::run(&args, messages),
            Self::Devices(args) => devices::run(&args),
            Self::Completions(args) => completions::run(&args, line()),
            Self::Man(args) => man::run(&args, line(), messages),
        }
    }
}

/// The command line as its parser has it.
pub fn line() -> clap::Command {
    Cli::command()
}
