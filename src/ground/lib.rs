//! What every room stands on, and what several of them share: settings and suggested names, random numbers, threads,
//! counts, what work tells while it goes on, and what to do next where it fails.
//!
//! This crate knows no table, no tensor and no document.

pub mod counts;
pub mod hint;
pub mod observe;
pub mod random;
pub mod settings;
pub mod suggest;
pub mod workers;

use std::sync::Arc;

/// A text that repeats often, such as a document's name down a column: cheap to copy.
pub type Text = Arc<str>;
