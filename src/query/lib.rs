//! SQL over any folder of tables, through polars; and SPARQL over a graph ([`mod@sparql`]).
//!
//! Every table at or below the folder has a name: that of its folder or file, such as `facts`, where only one bears it
//! or it stands at the top; and always its path joined by `_`, such as `dev_facts` for `dev/facts`.

mod error;
mod output;
mod tables;
mod sql;
mod statement;
mod sparql;

pub use error::QueryError;
pub use output::Output;
pub use sparql::sparql;
pub use sql::{run, run_over, scan};
pub use tables::{add, tables};
