//! Source formats → the corpus tables, one file a format.
//!
//! A format says how to cut a file into records ([`Reader::records`], sequential, a few records in memory at a time)
//! and how one record becomes a [`Document`] ([`Reader::parse`], pure, run in parallel). A new format is a file in
//! [`formats`] and a line in its list.

mod fault;
mod cut;
mod document;
mod identity;
mod error;
mod losses;
mod source;
mod reader;
mod writer;
mod text;
pub mod formats;
mod mesh;
mod pairs;
pub mod tables;
pub mod annotated;
mod acceptance;
mod admission;
mod batches;
pub mod convert;
mod export;
pub mod split;
pub mod synthetic;
#[cfg(test)]
mod tests;

pub use acceptance::Acceptance;
pub use cut::CutError;
pub use document::{Document, Entity, Fact, Mention, Token};
pub use error::{CorpusError, reject_line};
pub use export::{Export, Exported, export};
pub use fault::{Fault, Loss, Part, Remark};
pub use formats::Format;
pub use losses::Losses;
pub use pairs::{BothWays, MOST_PAIRS, Pairs};
pub use reader::{Reader, Record, Records, Reject};
pub use source::Input;
pub use writer::{Claim, Frame, Writer, Written};
