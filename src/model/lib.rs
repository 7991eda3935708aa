//! The models, one file each, over batches of documents.
//!
//! A batch ([`example`]) goes through the encoder; entities are pooled and pairs of them get their local context
//! ([`pair`]), of which sentences have shares ([`evidence`]), and the vectors of their two ends ([`base`]). ATLOP
//! ([`atlop`]) classifies these ([`bilinear`]); DocRE-II ([`docre_ii`]) and DocRE-SD ([`docre_sd`]) first let pairs
//! learn from each other ([`attention`]), along the axes of the document's matrix of pairs ([`pair_matrix`]), asked
//! about or not ([`all_pairs`]). Each pair gets a logit for each relation and for the threshold class, which is class
//! 0; [`threshold_loss`] and [`loss`] train them, but for those of relations that the document's corpus does not
//! annotate ([`absent`]), beside them maybe a teacher ([`teaching`]), and [`decode`] reads them, and [`trace`] what a
//! model that infers thought on its way.
//!
//! To all else a model is what [`ModelConfig::build`] gives ([`kinds`]) by its settings, or those of a [`recipe`]: a
//! [`Model`] ([`contract`]). [`predict`] asks it in batches, and of a document with many pairs a chunk of them
//! ([`chunks`]) at a time.

pub mod contract;
mod bounds;
pub mod chunks;
pub mod example;
mod absent;
mod pooling;
pub mod evidence;
mod joint_attention;
pub mod pair;
pub mod bilinear;
pub mod base;
mod pair_matrix;
mod attention;
mod all_pairs;
mod named;
pub mod loss;
pub mod threshold_loss;
pub mod teaching;
pub mod decode;
pub mod trace;
pub mod atlop;
pub mod docre_ii;
pub mod docre_sd;
pub mod recipe;
pub mod kinds;
pub mod large;
pub mod predict;
#[cfg(test)]
mod tests;

pub use bounds::MOST;
pub use contract::{Lesson, Loss, Model, Need, Scores, Task};
pub use kinds::ModelConfig;
