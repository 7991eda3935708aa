//! Training: what turns gradients into better weights.

pub mod optimizer;
