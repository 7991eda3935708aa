//! Why a query has no result.

use std::io;
use std::path::PathBuf;

use graph::GraphError;
use ground::hint::{Hint, Words};
use polars::prelude::PolarsError;

/// Bytes of a statement; the parser works down its nesting.
pub(crate) const LONGEST_STATEMENT: usize = 1 << 20;

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
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
    /// The query is not SQL that polars understands, or names what is not there.
    #[error("{reason}\ntables here: {tables}")]
    Sql {
        /// What polars says.
        reason: String,
        /// The names that a query can use.
        tables: String,
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
    /// The statement would change tables, or is too long.
    #[error("expected one statement that reads (SELECT, WITH, SHOW or EXPLAIN), of at most {LONGEST_STATEMENT} bytes")]
    Statement,
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
            _ => None,
        }
    }
}
