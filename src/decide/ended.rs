//! How deciding ended.

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The table was there.
    UpToDate,
    /// It was made, with so many claims.
    Decided(u64),
}
