//! How a format is to be read where its files can be meant in more than one way.

use ground::choice;
use table::Text;

/// Bytes of a record at most, where no number is named: more than a dozen novels. What is made of it takes some 45 times
/// as much memory.
pub const USUAL_MOST_BYTES: u64 = 16 << 20;

/// What `|` between the ids of a `PubTator` mention means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bars {
    /// Alternatives, or the parts of a composite mention: each id is an entity.
    #[default]
    Entities,
    /// Names of one thing in several knowledge bases: the first is its identity.
    Names,
}

choice!(Bars, "meaning of `|`", { Entities => "entities", Names => "names" });

/// What becomes a document of a long one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unit {
    /// All of it.
    #[default]
    Document,
    /// Each of its sections.
    Section,
    /// Each of its passages.
    Passage,
}

choice!(Unit, "unit", { Document => "document", Section => "section", Passage => "passage" });

/// How a format's files are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    /// For formats with lists of ids.
    pub bars: Bars,
    /// For formats with passages.
    pub unit: Unit,
    /// For formats whose entities are mentions: relations which say that two are one; `None`: the usual names.
    pub coreference: Option<Vec<Text>>,
    /// A longer record need not be held: it is rejected.
    pub most_bytes: u64,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { bars: Bars::default(), unit: Unit::default(), coreference: None, most_bytes: USUAL_MOST_BYTES }
    }
}
