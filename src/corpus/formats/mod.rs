//! The source formats: one file each, and their list.

pub mod dialect;
pub(crate) mod docred;
pub(crate) mod edge_graph;
pub(crate) mod gda;
pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod lines;
pub(crate) mod pubtator;

use std::sync::Arc;

use ground::choice;

use crate::reader::Reader;
use dialect::{Bars, Dialect, Unit};
use pubtator::beside::Beside;

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
    /// Whether it has the settings that only some formats have, where they are given.
    ///
    /// # Errors
    /// The setting that it has not.
    pub fn check(self, bars: Option<Bars>, unit: Option<Unit>) -> Result<(), String> {
        let only = |setting: &str, formats: &[Self], is_given: bool| {
            let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
            let has = !is_given || formats.contains(&self);
            has.then_some(()).ok_or_else(|| {
                format!(
                    "`{setting}`: expected it with the format `{}` alone, got `{}`",
                    names.join("` or `"),
                    self.name()
                )
            })
        };
        only("bars", &[Self::PubTator], bars.is_some())?;
        only("unit", &[Self::PubTator], unit.is_some())
    }

    /// Whether its relations may stand in a file of their own.
    ///
    /// # Errors
    /// That they do not.
    pub(crate) fn check_relations(self) -> Result<(), String> {
        let expected = "expected a file of relations with the format `pubtator` alone";
        (self == Self::PubTator).then_some(()).ok_or_else(|| format!("{expected}, got `{}`", self.name()))
    }

    /// What reads it, with relations of a file of their own.
    pub(crate) fn reader_with(self, dialect: Dialect, beside: Option<Arc<Beside>>) -> Box<dyn Reader> {
        match self {
            Self::PubTator => Box::new(pubtator::PubTator { labelled: true, dialect, beside }),
            _ => self.reader(dialect),
        }
    }

    /// What reads it.
    pub fn reader(self, dialect: Dialect) -> Box<dyn Reader> {
        match self {
            Self::DocRed => Box::new(docred::DocRed),
            Self::PubTator => self.reader_with(dialect, None),
            Self::EdgeGraph => Box::new(edge_graph::EdgeGraph),
            Self::Gda => Box::new(gda::Gda),
            Self::Jsonl => Box::new(jsonl::JsonLines),
        }
    }
}
