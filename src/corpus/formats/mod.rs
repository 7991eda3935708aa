//! The source formats: one file each, and their list.

pub(crate) mod attributes;
pub(crate) mod bigbio;
pub(crate) mod bioc;
pub(crate) mod brat;
pub mod dialect;
pub(crate) mod doccano;
pub(crate) mod docred;
pub(crate) mod edge_graph;
pub(crate) mod gda;
pub(crate) mod json;
pub(crate) mod jsonl;
pub(crate) mod label_studio;
pub(crate) mod lines;
pub(crate) mod marked;
pub(crate) mod objects;
pub(crate) mod pubtator;
pub(crate) mod scan;
mod sets;
pub(crate) mod spans;
mod strays;
pub(crate) mod tied;
mod variants;

use std::sync::Arc;

use ground::choice;
use table::Text;

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
    /// `BioC`, in XML or JSON.
    BioC,
    /// The edge-oriented graph's preprocessed files, 17 columns a pair.
    EdgeGraph,
    /// GDA's raw folder.
    Gda,
    /// One document with running text a line.
    Jsonl,
    /// Hugging Face's schema of biomedical corpora, `bigbio_kb`.
    BigBio,
    /// brat's stand-off folders.
    Brat,
    /// doccano's JSON lines.
    Doccano,
    /// Label Studio's JSON.
    LabelStudio,
}

choice!(Format, "format", {
    DocRed => "docred",
    PubTator => "pubtator",
    BioC => "bioc",
    EdgeGraph => "edge-graph",
    Gda => "gda",
    Jsonl => "jsonl",
    BigBio => "bigbio",
    Brat => "brat",
    Doccano => "doccano",
    LabelStudio => "label-studio",
});

impl Format {
    /// Whether it has the settings that only some formats have, where they are given.
    ///
    /// # Errors
    /// The setting that it has not.
    pub fn check(self, bars: Option<Bars>, unit: Option<Unit>, coreference: Option<&[Text]>) -> Result<(), String> {
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
        only("bars", &[Self::PubTator, Self::BioC], bars.is_some())?;
        only("unit", &[Self::PubTator, Self::BioC], unit.is_some())?;
        only("coreference", &[Self::Brat, Self::Doccano, Self::LabelStudio], coreference.is_some())
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
            Self::DocRed => Box::new(docred::DocRed { most_bytes: dialect.most_bytes }),
            Self::PubTator => self.reader_with(dialect, None),
            Self::BioC => Box::new(bioc::BioC { dialect }),
            Self::EdgeGraph => Box::new(edge_graph::EdgeGraph),
            Self::Gda => Box::new(gda::Gda),
            Self::Jsonl => Box::new(jsonl::JsonLines { most_bytes: dialect.most_bytes }),
            Self::BigBio => Box::new(bigbio::BigBio { most_bytes: dialect.most_bytes }),
            Self::Brat => Box::new(brat::Brat { dialect }),
            Self::Doccano => Box::new(doccano::Doccano { dialect }),
            Self::LabelStudio => Box::new(label_studio::LabelStudio { dialect }),
        }
    }
}
