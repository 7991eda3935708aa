//! How scoring ended.

use std::fmt;

use pieces::CutOff;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The table was there.
    UpToDate {
        /// Documents that it lacks: they are too large.
        too_large: u64,
    },
    /// It was made.
    Scored(Scored),
}

impl Ended {
    /// What was done, where anything was.
    pub fn scored(self) -> Option<Scored> {
        match self {
            Self::UpToDate { .. } => None,
            Self::Scored(scored) => Some(scored),
        }
    }

    /// Documents that the table lacks: they are too large.
    pub fn too_large(self) -> u64 {
        match self {
            Self::UpToDate { too_large } | Self::Scored(Scored { too_large, .. }) => too_large,
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scored {
    /// Documents, those of kept parts included.
    pub documents: u64,
    /// Documents of parts that an earlier run had finished.
    pub kept: u64,
    /// Predicted facts.
    pub relations: u64,
    /// What was lost at their ends.
    pub cut_off: CutOff,
    /// Documents beside these that are too large and were not scored.
    pub too_large: u64,
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, kept, relations, too_large, .. } = self;
        let kept = if *kept > 0 { format!(" ({kept} were there already)") } else { String::new() };
        write!(f, "{documents} documents{kept}, {relations} relations")?;
        if *too_large > 0 { write!(f, "; {too_large} too large, not scored") } else { Ok(()) }
    }
}
