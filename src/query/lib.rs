//! SQL over any folder of tables, through polars; and SPARQL over a graph ([`mod@sparql`]).
//!
//! Every table at or below the folder has a name: that of its folder or file, such as `facts`, where only one bears it
//! or it stands at the top; and always its path joined by `_`, such as `dev_facts` for `dev/facts`.
//!
//! The engine answers a part of SQL right: `lower` writes statements as that part of it, or refuses them in words.
//! `README.md` beside this file says what there is.
//!
//! A statement sees whole numbers with a sign, whatever they are in a table: a difference of two can be less than 0. The
//! same statement gives the same rows in the same order. It ends within limits of time and memory ([`Options`]).

mod error;
mod limits;
mod lower;
mod output;
mod tables;
mod signs;
mod sql;
mod statement;
mod sparql;
mod watch;
mod words;

pub use error::QueryError;
pub use limits::{Memory, Options};
pub use output::Output;
pub use sparql::sparql;
pub use sql::{run, run_over};
pub use tables::{add, identifier, tables};
