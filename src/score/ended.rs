//! How scoring ended.

use std::fmt;

use pieces::CutOff;
use serde::{Deserialize, Serialize};

use super::shard::Shard;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The tables were there.
    UpToDate {
        /// Documents that they lack: they are too large.
        too_large: u64,
    },
    /// The scores were there, and something else was decided of them.
    Decided {
        /// Predicted facts.
        relations: u64,
        /// Documents that the scores lack: they are too large.
        too_large: u64,
    },
    /// They were made.
    Scored(Scored),
    /// A share of the documents was scored, and nothing decided yet.
    Shard(Shard, Scored),
    /// A share of the documents had been scored.
    ShardUpToDate {
        /// Which.
        shard: Shard,
        /// Documents that it lacks: they are too large.
        too_large: u64,
    },
}

impl Ended {
    /// What was scored, where anything was.
    pub fn scored(self) -> Option<Scored> {
        match self {
            Self::UpToDate { .. } | Self::Decided { .. } | Self::ShardUpToDate { .. } => None,
            Self::Scored(scored) | Self::Shard(_, scored) => Some(scored),
        }
    }

    /// Documents that the tables lack: they are too large.
    pub fn too_large(self) -> u64 {
        match self {
            Self::UpToDate { too_large }
            | Self::ShardUpToDate { too_large, .. }
            | Self::Decided { too_large, .. }
            | Self::Scored(Scored { too_large, .. })
            | Self::Shard(_, Scored { too_large, .. }) => too_large,
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate { .. } => f.write_str("up to date"),
            Self::ShardUpToDate { shard, .. } => write!(f, "shard {shard}: up to date"),
            Self::Decided { relations, .. } => {
                write!(f, "{}, of scores that were there", decide::relations(*relations))
            }
            Self::Scored(scored) => scored.fmt(f),
            Self::Shard(shard, scored) => {
                write!(f, "shard {shard}: {}{}", scored.counted(), scored.left_out())
            }
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Scored {
    fn counted(&self) -> String {
        let Self { documents, kept, .. } = self;
        let kept = if *kept > 0 { format!(" ({kept} were there already)") } else { String::new() };
        format!("{documents} documents{kept}")
    }

    fn left_out(&self) -> String {
        let too_large = self.too_large;
        if too_large > 0 { format!("; {too_large} too large, not scored") } else { String::new() }
    }
}

impl fmt::Display for Scored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}{}", self.counted(), decide::relations(self.relations), self.left_out())
    }
}
