//! What to do next where something failed and there is a choice: said beside the error, never in its words.

use std::borrow::Cow;

/// A hint for who reads an error: one line, without a full stop.
pub type Words = Cow<'static, str>;

/// An error that may know what to do next.
///
/// Each enum of errors implements it where it is defined, and asks those that it wraps: an error that is shown as what
/// it wraps (`#[error(transparent)]`) hides it from a walk along the chain of sources.
pub trait Hint: std::error::Error {
    /// What to do next, where there is a choice.
    fn hint(&self) -> Option<Words>;
}
