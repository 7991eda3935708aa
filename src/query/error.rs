//! Why a query has no result.

use std::io;
use std::path::PathBuf;

use graph::GraphError;
use ground::hint::{Hint, Words};
use ground::interrupt::Interrupted;
use polars::prelude::PolarsError;
use table::TableError;

/// Words and operators of a statement: more could nest deeper than there is address space for.
pub(crate) const MOST_STEPS: usize = 1 << 14;
/// Operators in a row, SELECTs, tables, branches of a CASE. The time for a plan grows with the square of their number: 256
/// take three seconds at most. And 500 `||` overflow the stacks of the engine's own threads.
pub(crate) const MOST_LEVELS: usize = 1 << 8;

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The program was told to stop.
    #[error("{0}")]
    Stopped(#[from] Interrupted),
    /// A table is damaged, or was replaced while it was read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The folder cannot be searched, or the result not written.
    #[error("{}: cannot search the folder", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The folder holds no table.
    #[error("{}: expected a folder with tables, found no Parquet file in it", folder.display())]
    NoTable {
        /// The folder.
        folder: PathBuf,
    },
    /// The statement is no SQL, or the engine cannot do what it says.
    #[error("{reason}")]
    Sql {
        /// What is wrong.
        reason: String,
        /// What to do, where that is known.
        hint: Option<String>,
    },
    /// A name stands for nothing, or for several things; or what has to be alike is not.
    #[error("{what}")]
    Name {
        /// What is wrong.
        what: String,
        /// What was meant, where that can be told.
        hint: Option<String>,
    },
    /// No table bears the name.
    #[error("no table is named `{name}`\ntables here: {tables}")]
    UnknownTable {
        /// The name.
        name: String,
        /// The names that there are.
        tables: String,
        /// The name that was meant, where one is near.
        meant: Option<String>,
    },
    /// Something of SQL that is not had.
    #[error("{construct} is not understood here")]
    Refused {
        /// What.
        construct: String,
        /// What to write in its place.
        instead: &'static str,
    },
    /// The graph cannot be queried.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The folder holds no graph, or several.
    #[error("{}: expected a folder with one graph, which `docre graph` has made; found {found}", folder.display())]
    OneGraph {
        /// The folder.
        folder: PathBuf,
        /// The folders of the graphs in it, or `none`.
        found: String,
    },
    /// Two tables would bear one name.
    #[error("two tables are named `{name}`: {} and {}", first.display(), second.display())]
    TwoTables {
        /// The name.
        name: String,
        /// A file of the one.
        first: PathBuf,
        /// A file of the other.
        second: PathBuf,
    },
    /// The statement would change tables.
    #[error("expected one statement that reads: SELECT, WITH, DESCRIBE, SHOW or EXPLAIN")]
    Statement,
    /// There are several statements.
    #[error("expected one statement, got {statements}")]
    Several {
        /// How many.
        statements: usize,
    },
    /// The statement would read a file that is no table here.
    #[error("expected a statement about the tables, got `{function}`, which opens a file")]
    OpensFile {
        /// What it calls.
        function: String,
    },
    /// The statement is too long.
    #[error("expected a statement of at most {} words and operators, got {steps}", MOST_STEPS)]
    TooLong {
        /// Its words and operators.
        steps: usize,
    },
    /// There is too much in the statement for the engine to plan.
    #[error("expected a statement with at most {} {what}, got more", MOST_LEVELS)]
    TooDeep {
        /// Of what.
        what: &'static str,
    },
    /// The engine has not found a plan in time.
    #[error("expected a statement that can be planned within {seconds} s; this one is too long or too deep")]
    Planning {
        /// The limit.
        seconds: u64,
    },
    /// The time limit is passed.
    #[error("expected an answer within {seconds} s, got none")]
    Time {
        /// The limit.
        seconds: f64,
    },
    /// The memory limit is passed.
    #[error("expected an answer that takes at most {megabytes} MB of memory; it would take more")]
    Memory {
        /// The limit.
        megabytes: f64,
    },
    /// More rows than the engine can count.
    #[error("expected less than 2^32 rows in each step of a statement, got more")]
    TooManyRows,
    /// The system gives no stack that is deep enough for the statement.
    #[error("expected {megabytes} MB of address space for a statement of this length; a shorter one needs less")]
    Stack {
        /// What is needed.
        megabytes: usize,
        /// The system's answer.
        source: io::Error,
    },
    /// The engine has failed in itself.
    #[error("the query engine failed")]
    Engine,
    /// The result cannot be written.
    #[error("cannot write the result")]
    Write(#[from] io::Error),
    /// The result cannot be converted to the output format.
    #[error("cannot write the result")]
    Convert(#[from] PolarsError),
}

impl Hint for QueryError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Graph(error) => error.hint(),
            Self::TooDeep { what: "operators in a row" } => {
                Some("`IN (…)` takes a list of any length in the place of many `OR`".into())
            }
            Self::Sql { hint, .. } | Self::Name { hint, .. } => hint.clone().map(Into::into),
            Self::UnknownTable { meant, .. } => meant.as_ref().map(|meant| format!("did you mean `{meant}`").into()),
            Self::Refused { instead, .. } => Some((*instead).into()),
            Self::Time { .. } => Some("a longer `timeout` waits longer".into()),
            Self::Memory { .. } => Some(
                "a larger `memory` gives more; a join whose `ON` names too little pairs all rows with all, and so do \
                 patterns that share no variable"
                    .into(),
            ),
            Self::Several { .. } => Some("ask for each by itself, or unite their rows with UNION ALL".into()),
            Self::TooManyRows => Some("a join whose `ON` names too little pairs all rows with all".into()),
            _ => None,
        }
    }
}
