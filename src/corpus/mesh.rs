//! The `MeSH` tree and the hypernym filter of the chemical-disease corpora.
//!
//! Annotators mark the most specific disease: where a chemical induces `Hepatitis`, its pair with `Liver Diseases` is
//! neither a fact nor a negative, and is kept out of training and scoring.

use std::collections::HashMap;
use std::path::Path;

use ground::excerpt::quoted;

use crate::cut::CutError;
use crate::document::Document;
use crate::formats::lines::Lines;

const HEADER: &str = "Tree Number\tDesc Ui\tTerm";

/// The tree numbers of each `MeSH` descriptor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeshTree {
    numbers: HashMap<Box<str>, Vec<Box<str>>>,
}

impl MeshTree {
    /// Reads a tree file: a header, then tree number, descriptor and term parted by tabs.
    ///
    /// # Errors
    /// Where the file cannot be read, has another header, or has a line that is not three columns of text.
    pub fn read(path: &Path) -> Result<Self, CutError> {
        let mut tree = Self::default();
        for line in Lines::open(path)? {
            let line = line?;
            let source = String::from_utf8(line.bytes)
                .map_err(|error| CutError::Format(format!("line {}: expected UTF-8: {error}", line.number)))?;
            tree.add(line.number, &source).map_err(|expected| {
                CutError::Format(format!("line {}: {expected}, got {}", line.number, quoted(&source)))
            })?;
        }
        Ok(tree)
    }

    fn add(&mut self, line: u64, source: &str) -> Result<(), &'static str> {
        if line == 1 {
            return if source == HEADER { Ok(()) } else { Err("expected the header `Tree Number`, `Desc Ui`, `Term`") };
        }
        let columns: Vec<&str> = source.splitn(4, '\t').collect();
        match *columns.as_slice() {
            [number, descriptor, _] if !number.is_empty() && !descriptor.is_empty() => {
                self.numbers.entry(descriptor.into()).or_default().push(number.into());
                Ok(())
            }
            _ if source.trim().is_empty() => Ok(()),
            _ => Err("expected a tree number, a descriptor and a term"),
        }
    }

    /// Whether descriptor `above` stands somewhere above `below`: one of its tree numbers, and a `.`, begins one of
    /// the other's. A descriptor that the tree does not have stands nowhere.
    pub fn is_hypernym(&self, above: &str, below: &str) -> bool {
        let numbers = |id: &str| self.numbers.get(id.strip_prefix("MESH:").unwrap_or(id));
        let (Some(above), Some(below)) = (numbers(above), numbers(below)) else { return false };
        let begins = |high: &str, low: &str| low.strip_prefix(high).is_some_and(|rest| rest.starts_with('.'));
        above.iter().any(|high| below.iter().any(|low| begins(high, low)))
    }

    /// Leaves out of `document` every one of the `candidates` (head, tail) that is no fact but has a tail above that
    /// of a fact with the same head. Nothing where the document is unlabelled or an entity has no id.
    pub fn filter(&self, document: &mut Document, candidates: impl IntoIterator<Item = (u32, u32)>) {
        let mut tails_of: HashMap<u32, Vec<u32>> = HashMap::new();
        for fact in document.facts.iter().flatten() {
            tails_of.entry(fact.head).or_default().push(fact.tail);
        }
        let id = |entity: u32| document.entities.get(entity as usize).and_then(|entity| entity.kb_id.as_deref());
        let stands_above = |tail: u32, other: u32| {
            id(tail).zip(id(other)).is_some_and(|(above, below)| self.is_hypernym(above, below))
        };
        let is_left_out = |(head, tail): &(u32, u32)| {
            tails_of
                .get(head)
                .is_some_and(|tails| !tails.contains(tail) && tails.iter().any(|&other| stands_above(*tail, other)))
        };
        let left_out: Vec<(u32, u32)> = candidates.into_iter().filter(is_left_out).collect();
        document.left_out.extend(left_out);
    }
}
