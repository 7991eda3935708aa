//! How deciding ended.

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The table was there.
    UpToDate,
    /// It was made, with so many claims.
    Decided(u64),
}

impl Ended {
    /// The claims, where the table was made.
    pub fn claims(self) -> Option<u64> {
        match self {
            Self::UpToDate => None,
            Self::Decided(claims) => Some(claims),
        }
    }
}
