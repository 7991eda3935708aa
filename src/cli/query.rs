//! `docre query`: SQL → a result on stdout.

use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::thread;

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use docre::query::{self, Output};

use super::Outcome;

/// Query the tables of a folder with SQL.
#[derive(Args)]
#[command(
    after_help = "Example:\n  docre query corpora/docred/dev \"SELECT relation, count(*) AS n FROM facts GROUP BY relation ORDER BY n DESC\"\n\nA table bears the name of its folder; where several below the folder bear one name, that of its path: dev_facts."
)]
pub struct QueryArgs {
    /// A folder with tables at or below it.
    folder: PathBuf,
    /// One SQL statement.
    #[arg(allow_hyphen_values = true)]
    sql: String,
    /// How the result is written.
    #[arg(long, value_parser = PossibleValuesParser::new(Output::NAMES).try_map(|name| name.parse::<Output>()), default_value = "table")]
    format: Output,
}

/// Bytes; only what is used is taken.
const DEEP_STACK: usize = 2 << 30;

/// Queries.
pub fn run(args: QueryArgs) -> anyhow::Result<Outcome> {
    // A statement is worked on down its nesting: a long one needs a deep stack.
    let work = move || query::run(&args.folder, &args.sql, args.format, &mut BufWriter::new(io::stdout().lock()));
    match thread::Builder::new().stack_size(DEEP_STACK).spawn(work)?.join() {
        Ok(result) => result?,
        Err(_) => bail!("the query engine failed"),
    }
    Ok(Outcome::Done)
}
