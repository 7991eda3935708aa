//! How much of what a model looks at for a pair each sentence has, in the order of a split's documents: the tables
//! `evidence` and `sentence_weights`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use table::rows::{EvidenceRow, SentenceWeightRow};
use table::sort::{InOrder, Sorted, Sorter, sortable};
use table::{Table, TableError, Text};

use crate::predictions::Places;

sortable! {
    /// A sentence's share for a pair.
    Placed {
        /// Its document's place in the split.
        position: u32,
        /// The entity that is the pair's head.
        head: u32,
        /// The entity that is its tail.
        tail: u32,
        /// The sentence.
        sentence: u32,
        /// Its share.
        weight: f32,
    }
}

/// A sentence with its share, which is not always known; in a page `[sentence, weight]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The sentence, from 0 in its document.
    pub sentence: u32,
    /// Its share.
    pub weight: Option<f32>,
}

impl Share {
    /// A sentence whose share nobody tells.
    pub fn unweighed(sentence: u32) -> Self {
        Self { sentence, weight: None }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.sentence, self.weight).serialize(serializer)
    }
}

/// The shares of a document's pairs.
#[derive(Debug, Default)]
pub struct OfPairs(BTreeMap<(u32, u32), Vec<Share>>);

impl OfPairs {
    /// Those of a pair: what a model looks at for it is the same in the other direction, and may be told of that alone.
    pub fn of(&self, (head, tail): (u32, u32)) -> &[Share] {
        self.0.get(&(head, tail)).or_else(|| self.0.get(&(tail, head))).map_or(&[], Vec::as_slice)
    }
}

/// Shares, walked beside the documents.
pub struct Shares {
    rows: InOrder<Placed>,
    /// Removes what was sorted on disk.
    _sorted: Sorted<Placed>,
}

impl Shares {
    /// Those of a table `evidence`, sorted in a folder that is made and removed; documents that the split has not are
    /// left out.
    ///
    /// # Errors
    /// Where the table is missing or not as its schema says, or the folder cannot be written.
    pub fn of_evidence(places: &Places, path: &Path, scratch: PathBuf) -> Result<Self, TableError> {
        let rows = Table::<EvidenceRow>::require_at(path)?.rows()?;
        let rows = rows.map(|row| row.map(|row| (row.doc_id, [row.head, row.tail, row.sent_id], row.weight)));
        Self::sorted(places, rows, scratch)
    }

    /// The same of a table `sentence_weights`.
    ///
    /// # Errors
    /// As [`Shares::of_evidence`].
    pub fn of_weights(places: &Places, path: &Path, scratch: PathBuf) -> Result<Self, TableError> {
        let rows = Table::<SentenceWeightRow>::require_at(path)?.rows()?;
        let rows = rows.map(|row| row.map(|row| (row.doc_id, [row.head, row.tail, row.sent_id], row.weight)));
        Self::sorted(places, rows, scratch)
    }

    fn sorted(
        places: &Places,
        rows: impl Iterator<Item = Result<(Text, [u32; 3], f32), TableError>>,
        scratch: PathBuf,
    ) -> Result<Self, TableError> {
        let mut sorter = Sorter::new(scratch)?;
        for row in rows {
            let (doc_id, [head, tail, sentence], weight) = row?;
            sorter.push(&Placed { position: places.position(&doc_id), head, tail, sentence, weight })?;
        }
        let sorted = sorter.finish()?;
        Ok(Self { rows: sorted.read()?, _sorted: sorted })
    }

    /// Those of the document at a position, once those before it were taken.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn of(&mut self, position: u32) -> Result<OfPairs, TableError> {
        let mut pairs = OfPairs::default();
        while let Some(row) = self.rows.next_if(|row| row.position == position)? {
            let Placed { head, tail, sentence, weight, .. } = row;
            let shares = pairs.0.entry((head, tail)).or_default();
            // Of several runs in one table the first is told.
            if shares.last().is_none_or(|last| last.sentence != sentence) {
                shares.push(Share { sentence, weight: Some(rounded(weight)) });
            }
        }
        Ok(pairs)
    }
}

/// To four places: no reader sees more.
pub fn rounded(share: f32) -> f32 {
    (share * 1e4).round() / 1e4
}
