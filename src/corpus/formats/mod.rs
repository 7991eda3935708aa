//! The source formats: one file each, and their list.

pub(crate) mod docred;
pub(crate) mod edge_graph;
pub(crate) mod gda;
pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod lines;
pub(crate) mod pubtator;

use std::str::FromStr;

use crate::reader::Reader;

/// The source formats, by the names that the command line and pipeline files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// DocRED's and Re-DocRED's JSON.
    DocRed,
    /// PubTator, as BioCreative's CDR has it.
    PubTator,
    /// The edge-oriented graph's preprocessed files, 17 columns a pair.
    EdgeGraph,
    /// GDA's raw folder.
    Gda,
    /// One document with running text a line.
    Jsonl,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::DocRed, Self::PubTator, Self::EdgeGraph, Self::Gda, Self::Jsonl];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::DocRed => "docred",
            Self::PubTator => "pubtator",
            Self::EdgeGraph => "edge-graph",
            Self::Gda => "gda",
            Self::Jsonl => "jsonl",
        }
    }

    /// What reads it.
    pub fn reader(self) -> Box<dyn Reader> {
        match self {
            Self::DocRed => Box::new(docred::DocRed),
            Self::PubTator => Box::new(pubtator::PubTator::default()),
            Self::EdgeGraph => Box::new(edge_graph::EdgeGraph),
            Self::Gda => Box::new(gda::Gda),
            Self::Jsonl => Box::new(jsonl::JsonLines),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| format!("`{name}` is no format"))
    }
}
