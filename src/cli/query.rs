//! `docre query`: SQL or SPARQL → a result on stdout.

use std::env;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::str::FromStr;

use clap::Args;
use docre::query::{self, Memory, Options, Output, QueryError};

use super::{Outcome, checked, no_stdin, number, one_of, output, signals};

/// Query the tables of a folder with SQL, or its graph with SPARQL.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/query.txt").trim_end()
)]
pub struct QueryArgs {
    /// A folder with tables at or below it.
    #[arg(value_parser = no_stdin)]
    folder: PathBuf,
    /// One SQL statement.
    #[arg(allow_hyphen_values = true, required_unless_present = "sparql")]
    sql: Option<String>,
    /// A SPARQL query, over the graph that `docre graph` has made in or below the folder.
    #[arg(long, value_name = "QUERY", conflicts_with = "sql")]
    sparql: Option<String>,
    /// How the result is written; a table cuts long cells off, the others are whole.
    #[arg(long, value_parser = one_of::<Output>(), default_value_t = Output::Table)]
    format: Output,
    /// Give up after this many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = number::<f64>)]
    timeout: Option<f64>,
    /// Give up where it takes more memory, such as 2GB [default: three quarters of what is free].
    #[arg(long, value_name = "SIZE", value_parser = Memory::from_str)]
    memory: Option<Memory>,
}

/// Queries.
pub fn run(args: &QueryArgs) -> anyhow::Result<Outcome> {
    let options = checked(Options { timeout: args.timeout, memory: args.memory })?;
    let stdout = output::stdout();
    if args.format == Output::Table && stdout.is_terminal() {
        let mut text = Vec::new();
        write(args, &options, &mut text)?;
        signals::while_paging(|| page(&text))?;
    } else {
        write(args, &options, &mut BufWriter::new(stdout))?;
    }
    Ok(Outcome::Done)
}

fn write(args: &QueryArgs, options: &Options, output: &mut impl Write) -> Result<(), QueryError> {
    match (&args.sparql, &args.sql) {
        (Some(sparql), _) => query::sparql(&args.folder, sparql, options, args.format, output),
        (None, sql) => query::run(&args.folder, sql.as_deref().unwrap_or_default(), options, args.format, output),
    }
}

/// Shows a text in the pager that the user has chosen, or in `less`, which ends at once where the text fits the screen.
fn page(text: &[u8]) -> io::Result<()> {
    let pager = env::var("PAGER").unwrap_or_default();
    // Its options may stand behind it.
    let mut words = pager.split_whitespace();
    let pager = words.next().unwrap_or("less");
    let options = env::var_os("LESS").unwrap_or_else(|| "FRSX".into());
    let started = Command::new(pager).args(words).env("LESS", options).stdin(Stdio::piped()).spawn();
    let Ok(mut pager) = started else { return io::stdout().write_all(text) };
    if let Some(mut stdin) = pager.stdin.take() {
        // A reader who leaves before the end has read enough.
        let _ = stdin.write_all(text);
    }
    pager.wait().map(drop)
}
