//! The kinds of stages, a file each: their options, and how a library function is called with them. [`kind`] says what a
//! kind is, [`registry`] which there are.

mod convert;
mod decide;
mod encode;
mod evaluate;
mod fit;
mod graph;
pub mod kind;
mod query;
pub mod registry;
mod report;
mod score;
pub mod scorings;
mod split;
mod summarise;
mod synthesize;
mod train;
pub mod work;
