//! The models, one file each, over batches of documents.
//!
//! A batch ([`batch`]) goes through the encoder; entities are pooled and pairs of them get their local context
//! ([`pair`]); a classifier ([`bilinear`]) gives each pair a logit for each relation and for the threshold class, which is
//! class 0; [`loss`] trains them and [`decode`] reads them.

pub mod atlop;
pub mod batch;
pub mod bilinear;
pub mod decode;
pub mod loss;
pub mod pair;
