//! The source formats: one file each, and their list.

pub(crate) mod docred;
pub(crate) mod edge_graph;
pub(crate) mod gda;
pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod lines;
pub(crate) mod pubtator;

use ground::choice;

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

choice!(Format, "format", {
    DocRed => "docred",
    PubTator => "pubtator",
    EdgeGraph => "edge-graph",
    Gda => "gda",
    Jsonl => "jsonl",
});

impl Format {
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
