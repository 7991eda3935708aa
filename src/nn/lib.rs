//! What models are made of: operations with gradients, variables by name, layers, an optimizer, and a device to compute
//! on.
//!
//! This crate knows no model, no document and no table.

pub mod device;
pub mod layers;
pub mod ops;
pub mod optimizer;
mod span;
mod weights;

pub use ops::Mode;
pub use span::{Span, alike, consecutive};
pub use weights::{Init, Linear, Norm, Unused, Weights};
