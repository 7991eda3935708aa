//! `docre man`: the help of all commands as manual pages.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};
use clap_mangen::{Man, generate_to};
use docre::table::make_folder;

use super::{Messages, Outcome, no_stream, output};

/// Print the manual page, or write that of each command into a folder.
#[derive(Args)]
#[command(after_help = include_str!("help/man.txt").trim_end())]
pub struct ManArgs {
    /// The folder into which a page of each command goes: docre.1, docre-convert.1, … [default: docre.1 to stdout].
    #[arg(long, value_name = "DIR", value_parser = no_stream)]
    out: Option<PathBuf>,
}

/// Prints or writes, for the whole of a command line.
pub fn run(args: &ManArgs, line: Command, messages: Messages) -> anyhow::Result<Outcome> {
    let Some(out) = &args.out else {
        Man::new(line).render(&mut output::stdout())?;
        return Ok(Outcome::Done);
    };
    let refused = || format!("{}: cannot write", out.display());
    make_folder(out)?;
    generate_to(line, out).with_context(refused)?;
    messages.say(&format!("{}: manual pages", out.display()));
    Ok(Outcome::Done)
}
