//! What is wrong in a source, where, and what of it is lost by that.

use std::fmt;

use ground::choice;
use table::Text;

/// What is wrong with one record of a source file, and where in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, as a path: `vertexSet[3][0].pos`.
    pub column: String,
    /// Expected, then got.
    pub reason: String,
}

impl Fault {
    /// A fault of the given field.
    pub fn new(column: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { column: column.into(), reason: reason.into() }
    }
}

/// The field, then what is wrong.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.column, self.reason)
    }
}

/// A part of a source that can be lost by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A document, or a record from which none could be made.
    Document,
    /// An entity none of whose mentions is left.
    Entity,
    /// A mention.
    Mention,
    /// A relation between two entities.
    Relation,
    /// A sentence named as evidence.
    Evidence,
}

choice!(Part, "part", {
    Document => "document",
    Entity => "entity",
    Mention => "mention",
    Relation => "relation",
    Evidence => "evidence",
});

impl Part {
    /// So many of them.
    pub(crate) fn counted(self, count: u64) -> String {
        let many = match self {
            Self::Document => "documents",
            Self::Entity => "entities",
            Self::Mention => "mentions",
            Self::Relation => "relations",
            Self::Evidence => "sentences of evidence",
        };
        format!("{count} {many}")
    }
}

/// A part of a document that was left out of it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What it is.
    pub part: Part,
    /// What is wrong with it, and where it stands.
    pub fault: Fault,
}

impl Loss {
    /// The loss of a part with this fault.
    pub fn new(part: Part, fault: Fault) -> Self {
        Self { part, fault }
    }
}

/// Something that was taken in another way than it stands in the source. It is told once a conversion, with the count
/// and the first example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What is so, the same words each time, to go with a count: "names that differ from the text".
    pub what: &'static str,
    /// Where, and what stands there.
    pub example: String,
}

/// A text as `rejects` and messages have it.
impl From<Part> for Text {
    fn from(part: Part) -> Self {
        part.name().into()
    }
}
