//! What every room stands on, and what several of them share: settings and suggested names, random numbers, threads,
//! counts.
//!
//! This crate knows no table, no tensor and no document.

pub mod choice;
pub mod counts;
pub mod parsed;
pub mod random;
pub mod settings;
pub mod suggest;
pub mod workers;

use std::sync::Arc;

// For what `choice!` makes elsewhere.
#[doc(hidden)]
pub use serde;

/// A text that repeats often, such as a document's name down a column: cheap to copy.
pub type Text = Arc<str>;
