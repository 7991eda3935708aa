//! The documents of a split, or of those of several corpora one after the other, on disk beside the run: a step reads
//! its own, and what plans the steps is in memory.
//!
//! Of a document that is 30 bytes: its length in pieces, and where it is. So memory does not grow with their text and their
//! pairs, and an epoch reads them in any order. There is one path for few documents and for many: the few stay in the
//! system's cache.

use std::path::Path;

use examples::cut_off;
use ground::whole;
use model::evidence::gold;
use model::example::Example;
use pieces::CutOff;
use table::{RecordWriter, Records, TableError};

use super::record;

/// Takes documents, in their order.
pub struct DocumentWriter {
    records: RecordWriter,
    /// Those of the present one.
    bytes: Vec<u8>,
    lengths: Vec<u32>,
    cut_off: CutOff,
    has_evidence: bool,
    /// How many there were when each corpus ended.
    ends: Vec<usize>,
    /// Whether a document of the present corpus has facts.
    has_facts: bool,
}

impl DocumentWriter {
    /// For those of a run in a folder.
    ///
    /// # Errors
    /// Where the system refuses the file.
    pub fn inside(folder: &Path) -> Result<Self, TableError> {
        let (records, cut_off) = (RecordWriter::inside(folder)?, CutOff::default());
        let (lengths, ends) = (Vec::new(), Vec::new());
        Ok(Self { records, bytes: Vec::new(), lengths, cut_off, has_evidence: false, ends, has_facts: false })
    }

    /// Takes a document.
    ///
    /// # Errors
    /// Where the system refuses, as on a full disk.
    pub fn push(&mut self, example: &Example) -> Result<(), TableError> {
        self.bytes.clear();
        record::write(example, &mut self.bytes);
        self.records.push(&self.bytes)?;
        self.lengths.push(whole(example.ids.len()));
        self.cut_off += cut_off(example);
        self.has_facts |= example.labels.iter().any(|labels| !labels.is_empty());
        self.has_evidence = self.has_evidence || !gold(example).is_empty();
        Ok(())
    }

    /// Ends a corpus, the next of whose documents are of another, and tells whether it has any facts.
    pub fn end_corpus(&mut self) -> bool {
        self.ends.push(self.lengths.len());
        std::mem::take(&mut self.has_facts)
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(self) -> Result<Documents, TableError> {
        let Self { records, lengths, cut_off, has_evidence, ends, .. } = self;
        Ok(Documents { records: records.finish()?, lengths, cut_off, has_evidence, ends })
    }
}

/// The documents.
pub struct Documents {
    records: Records,
    /// Pieces of each.
    lengths: Vec<u32>,
    /// What they lost at their ends.
    pub cut_off: CutOff,
    /// Whether there is evidence to learn.
    pub has_evidence: bool,
    /// Where those of each corpus end.
    ends: Vec<usize>,
}

impl Documents {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.records.count()
    }

    /// The corpus of a document, by its place among all.
    pub fn corpus(&self, place: usize) -> usize {
        self.ends.partition_point(|end| *end <= place)
    }

    /// How many corpora there are.
    pub fn corpora(&self) -> usize {
        self.ends.len()
    }

    /// How many documents one of them has.
    pub fn count_of(&self, corpus: usize) -> usize {
        let end = |corpus: Option<usize>| corpus.and_then(|corpus| self.ends.get(corpus)).copied().unwrap_or_default();
        end(Some(corpus)) - end(corpus.checked_sub(1))
    }

    /// Pieces of a document.
    pub fn length(&self, place: usize) -> usize {
        self.lengths.get(place).map_or(0, |length| *length as usize)
    }

    /// The document of a place.
    ///
    /// # Errors
    /// Where it is not as it was written, the system refuses, or the program is told to stop.
    pub fn read(&self, place: usize) -> Result<Example, TableError> {
        record::read(&self.records.read(place)?).ok_or_else(|| self.records.damaged(place))
    }

    /// All of them in their order, one at a time.
    pub fn all(&self) -> impl Iterator<Item = Result<Example, TableError>> {
        (0..self.count()).map(|place| self.read(place))
    }
}
