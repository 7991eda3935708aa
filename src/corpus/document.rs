//! A document in memory, between a source format and the corpus tables, and the checks every document must pass.

use std::collections::BTreeSet;

use crate::table::Text;

/// A document with marked entities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique in the corpus.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// Its sentences in order. A sentence may be empty.
    pub sentences: Vec<Vec<Token>>,
    /// Its entities; an entity's place here is its `entity_id`.
    pub entities: Vec<Entity>,
    /// Mentions to which the source gives no identity: kept, never part of a pair.
    pub loose_mentions: Vec<Mention>,
    /// The relations that hold; `None` where the source is unlabelled.
    pub facts: Option<Vec<Fact>>,
    /// Pairs (head, tail) that the source itself keeps out of training and scoring.
    pub left_out: BTreeSet<(u32, u32)>,
    /// The only pairs (head, tail) that the source asks about; `None`: the options decide.
    pub asked: Option<BTreeSet<(u32, u32)>>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its text.
    pub text: Text,
    /// First and one past the last character in the source's text, in Unicode scalar values, where the source has text.
    pub characters: Option<(u32, u32)>,
}

/// An entity: the mentions of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its identifier in a knowledge base.
    pub kb_id: Option<Text>,
    /// Its mentions in the order of the source, at least one.
    pub mentions: Vec<Mention>,
}

/// A mention of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The mention as the source writes it.
    pub name: Text,
    /// Its type.
    pub kind: Text,
    /// The sentence that holds it.
    pub sentence: u32,
    /// Its first token, within the document.
    pub start: u32,
    /// One past its last token, within the document.
    pub end: u32,
}

/// A relation that holds between two entities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// `entity_id` of the head.
    pub head: u32,
    /// `entity_id` of the tail.
    pub tail: u32,
    /// The relation's name.
    pub relation: Text,
    /// The sentences that support it, ascending.
    pub evidence: Vec<u32>,
}

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

impl Entity {
    /// Its name: that of its first mention.
    pub fn name(&self) -> Text {
        self.mentions.first().map(|mention| mention.name.clone()).unwrap_or_default()
    }

    /// Its type: that of its first mention.
    pub fn kind(&self) -> Text {
        self.mentions.first().map(|mention| mention.kind.clone()).unwrap_or_default()
    }
}
