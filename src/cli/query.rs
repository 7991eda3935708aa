//! `docre query`: SQL or SPARQL → a result on stdout.

use std::env;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use docre::query::{self, Output, QueryError};

use super::Outcome;

/// Query the tables of a folder with SQL, or its graph with SPARQL.
#[derive(Args)]
#[command(
    after_help = "Example:\n  docre query corpora/docred/dev \"SELECT relation, count(*) AS n FROM facts GROUP BY relation ORDER BY n DESC\"\n  docre query runs/cdr/graph --sparql \"SELECT ?name WHERE { ?drug relation:CID MESH:D007022; rdfs:label ?name }\"\n\nA table bears the name of its folder; where several below the folder bear one name, that of its path: dev_facts."
)]
pub struct QueryArgs {
    /// A folder with tables at or below it.
    folder: PathBuf,
    /// One SQL statement.
    #[arg(allow_hyphen_values = true, required_unless_present = "sparql")]
    sql: Option<String>,
    /// A SPARQL query, over the graph that `docre graph` has made in or below the folder.
    #[arg(long, value_name = "QUERY", conflicts_with = "sql")]
    sparql: Option<String>,
    /// How the result is written; a table cuts long cells off, the others are whole.
    #[arg(long, value_parser = PossibleValuesParser::new(Output::NAMES).try_map(|name| name.parse::<Output>()), default_value = "table")]
    format: Output,
}

/// Bytes; only what is used is taken.
const DEEP_STACK: usize = 2 << 30;

/// Queries.
pub fn run(args: QueryArgs) -> anyhow::Result<Outcome> {
    // A statement is worked on down its nesting: a long one needs a deep stack.
    match thread::Builder::new().stack_size(DEEP_STACK).spawn(move || answer(&args))?.join() {
        Ok(result) => result?,
        Err(_) => bail!("the query engine failed"),
    }
    Ok(Outcome::Done)
}

fn answer(args: &QueryArgs) -> anyhow::Result<()> {
    let stdout = io::stdout();
    if args.format == Output::Table && stdout.is_terminal() {
        let mut text = Vec::new();
        write(args, &mut text)?;
        return Ok(page(&text)?);
    }
    Ok(write(args, &mut BufWriter::new(stdout.lock()))?)
}

fn write(args: &QueryArgs, output: &mut impl Write) -> Result<(), QueryError> {
    match (&args.sparql, &args.sql) {
        (Some(sparql), _) => query::sparql(&args.folder, sparql, args.format, output),
        (None, sql) => query::run(&args.folder, sql.as_deref().unwrap_or_default(), args.format, output),
    }
}

/// Shows a text in the pager that the user has chosen, or in `less`, which ends at once where the text fits the screen.
fn page(text: &[u8]) -> io::Result<()> {
    let pager = env::var_os("PAGER").filter(|pager| !pager.is_empty()).unwrap_or_else(|| "less".into());
    let options = env::var_os("LESS").unwrap_or_else(|| "FRSX".into());
    let started = Command::new(pager).env("LESS", options).stdin(Stdio::piped()).spawn();
    let Ok(mut pager) = started else { return io::stdout().write_all(text) };
    if let Some(mut stdin) = pager.stdin.take() {
        // A reader who leaves before the end has read enough.
        let _ = stdin.write_all(text);
    }
    pager.wait().map(drop)
}
