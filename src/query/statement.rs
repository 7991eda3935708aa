//! A statement before it is run: that it only reads, that it names no file, and a stack that is deep enough for it.

use std::thread;

use polars::prelude::PolarsResult;
use polars::sql::{extract_table_identifiers, keywords};

use crate::error::{MOST_STEPS, QueryError};

/// Bytes of stack for each: `1+1+1+…` nests one level deeper with every `+`, and the engine goes down all levels. One
/// takes it some 100 kB, as it is compiled without optimisation.
const STACK_FOR_STEP: usize = 128 << 10;
/// What the engine needs of a stack besides.
const LEAST_STACK: usize = 32 << 20;

/// Works on a statement where the stack is deep enough for it: as deep as this one may nest. One for the deepest, which
/// a limit on memory (`ulimit -v`) may refuse, would be refused to short statements too. Only what is used is taken.
///
/// # Errors
/// Where the statement is too long, the system refuses the stack, or the engine panics.
pub fn on_deep_stack<T: Send>(
    statement: &str,
    work: impl FnOnce() -> Result<T, QueryError> + Send,
) -> Result<T, QueryError> {
    let steps = steps(statement);
    if steps > MOST_STEPS {
        return Err(QueryError::TooLong { steps });
    }
    let bytes = LEAST_STACK + steps * STACK_FOR_STEP;
    let refused = |source| QueryError::Stack { megabytes: bytes >> 20, source };
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(bytes).spawn_scoped(scope, work).map_err(refused)?;
        worker.join().unwrap_or(Err(QueryError::Engine))
    })
}

/// Words and operators: every level of nesting takes one at least. Numbers, commas and quotes open none, so that a long
/// list of numbers is no long statement.
fn steps(statement: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = statement.split(|c| !is_word(c)).filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()));
    let opens = |c: &char| !is_word(*c) && !c.is_whitespace() && !matches!(c, ',' | '\'' | '"');
    words.count() + statement.chars().filter(opens).count()
}

/// Whether a statement only reads, by its first word behind comments.
pub fn reads(sql: &str) -> bool {
    let mut rest = sql.trim_start();
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, next)| next).trim_start();
    }
    let word: String = rest.chars().take_while(char::is_ascii_alphabetic).collect();
    let reading = ["select", "with", "show", "explain", "from", "values", "table"];
    rest.starts_with('(') || reading.contains(&word.to_lowercase().as_str())
}

/// Checks that a statement calls none of the engine's functions that open a file, such as `read_parquet('…')`: what it
/// gives follows from the tables alone.
///
/// The engine looks for such a function by the first part of a table's name, wherever one may stand, and so does this:
/// names are those that its own parser finds.
///
/// # Errors
/// That the statement is no SQL; inside, the first such name.
pub fn names_no_file(sql: &str) -> PolarsResult<Result<(), QueryError>> {
    let opening: Vec<&str> = keywords::all_functions().into_iter().filter(|name| name.starts_with("read_")).collect();
    let named = extract_table_identifiers(sql, true, true)?;
    let first = |name: &String| name.split('.').next().unwrap_or_default().to_lowercase();
    let opened = named.iter().map(first).find(|name| opening.contains(&name.as_str()));
    Ok(opened.map_or(Ok(()), |function| Err(QueryError::OpensFile { function })))
}
