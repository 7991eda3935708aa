//! `docre completions`: what a shell completes the program's arguments by.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::{Outcome, output};

/// Print what a shell needs to complete arguments.
#[derive(Args)]
#[command(after_help = include_str!("help/completions.txt").trim_end())]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints, for the whole of a command line.
pub fn run(args: &CompletionsArgs, mut line: Command) -> anyhow::Result<Outcome> {
    // Into memory first: the library panics where the output refuses.
    let mut text = Vec::new();
    generate(args.shell, &mut line, "docre", &mut text);
    output::stdout().write_all(&text)?;
    Ok(Outcome::Done)
}
