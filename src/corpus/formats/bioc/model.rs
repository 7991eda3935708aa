//! A document as `BioC` has it, whichever of its two forms it was read from.
//!
//! `document (id, infon*, passage*, annotation*, relation*)`, `passage (infon*, offset, text?, sentence*, annotation*,
//! relation*)`, a sentence like a passage, `annotation (infon*, location*, text?)`, `relation (infon*, node*)` (Comeau et
//! al. 2013, `BioC.dtd`). What is left out there is left out here.

use std::borrow::Cow;

use crate::fault::{Fault, Loss, Part};

/// A text of the source.
pub(super) type Source<'r> = Cow<'r, str>;

/// Keys and what is said by them, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Infons<'r>(pub(super) Vec<(Source<'r>, Source<'r>)>);

/// A document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Article<'r> {
    /// Its name.
    pub(super) id: Source<'r>,
    /// What is said of it.
    pub(super) infons: Infons<'r>,
    /// Its passages in order.
    pub(super) passages: Vec<Passage<'r>>,
    /// Annotations of no passage.
    pub(super) annotations: Vec<Annotation<'r>>,
    /// Relations of no passage.
    pub(super) relations: Vec<Relation<'r>>,
    /// What could not be read of it.
    pub(super) losses: Vec<Loss>,
}

/// A passage, or a sentence of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Passage<'r> {
    /// What it is.
    pub(super) infons: Infons<'r>,
    /// Where it begins in the document; `None` where that is not said.
    pub(super) offset: Option<u32>,
    /// Its text.
    pub(super) text: Source<'r>,
    /// Its sentences, where it has them in place of a text.
    pub(super) sentences: Vec<Passage<'r>>,
    /// Its annotations.
    pub(super) annotations: Vec<Annotation<'r>>,
    /// Its relations.
    pub(super) relations: Vec<Relation<'r>>,
}

/// A mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Annotation<'r> {
    /// What relations call it.
    pub(super) id: Source<'r>,
    /// Its type and identifiers.
    pub(super) infons: Infons<'r>,
    /// Offset and length of each of its pieces.
    pub(super) locations: Vec<(u32, u32)>,
    /// The mention as the source writes it.
    pub(super) text: Source<'r>,
}

/// A relation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Relation<'r> {
    /// Its name.
    pub(super) id: Source<'r>,
    /// Its type, and perhaps its ends.
    pub(super) infons: Infons<'r>,
    /// Its ends: what they refer to, and as what.
    pub(super) nodes: Vec<(Source<'r>, Source<'r>)>,
}

impl Infons<'_> {
    /// The first that is said by one of `keys`, which are tried in their order, without regard to case.
    pub(super) fn get(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| {
            self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.trim())
        })
    }
}

impl Article<'_> {
    /// Notes what could not be read, a part of the document by itself.
    pub(super) fn lose(&mut self, part: Part, fault: Fault) {
        self.losses.push(Loss::new(part, fault));
    }
}
