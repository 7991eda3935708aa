//! Predicted facts in the order of a split's documents, sorted on disk: their table may be in any order.

use std::collections::HashMap;
use std::mem;
use std::path::{Path, PathBuf};

use table::rows::{DocumentRow, RelationRow};
use table::sort::{InOrder, Sorted, Sorter, sortable};
use table::{Table, TableError, Text, undirected_relations};

sortable! {
    /// A predicted fact.
    Prediction {
        /// Its document's place in the split; beyond the last for one that the split has not.
        position: u32,
        /// Its document.
        doc_id: Text,
        /// Its place in the table.
        place: u64,
        /// The entity that is its head.
        head: u32,
        /// The entity that is its tail.
        tail: u32,
        /// The relation.
        relation: Text,
        /// The relation's logit.
        logit: f32,
        /// The threshold class's.
        threshold_logit: f32,
        /// Its probability.
        probability: f32,
        /// The same before inference.
        base_probability: Option<f32>,
        /// The iteration at which it last changed.
        iteration: Option<u32>,
    }
}

/// The position of documents that the split has not.
const STRAY: u32 = u32::MAX;

/// Predictions, walked beside the documents.
pub struct Predictions {
    rows: InOrder<Prediction>,
    /// Removes what was sorted on disk.
    _sorted: Sorted<Prediction>,
}

impl Predictions {
    /// Those of the table at `relations`, sorted in a folder that is made and removed.
    ///
    /// # Errors
    /// Where a table is missing or not as its schema says, or the folder cannot be written.
    pub fn sorted(split: &Path, relations: Option<&Path>, scratch: PathBuf) -> Result<Self, TableError> {
        let mut sorter = Sorter::new(scratch)?;
        if let Some(relations) = relations {
            let (positions, undirected) = (positions(split)?, undirected_relations(split)?);
            for (place, row) in (0..).zip(Table::<RelationRow>::require_at(relations)?.rows()?) {
                let mut row = row?;
                // As gold facts have it.
                if row.head > row.tail && undirected.contains(&row.relation) {
                    mem::swap(&mut row.head, &mut row.tail);
                }
                let position = positions.get(&row.doc_id).copied().unwrap_or(STRAY);
                sorter.push(&Prediction::new(row, position, place))?;
            }
        }
        let sorted = sorter.finish()?;
        Ok(Self { rows: sorted.read()?, _sorted: sorted })
    }

    /// The predictions of the document at a position, once those before it were taken.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn of(&mut self, position: u32) -> Result<Vec<Prediction>, TableError> {
        self.take_while(|row| row.position == position)
    }

    /// The predictions of the next document that the split has not; none behind the last.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn next_strays(&mut self) -> Result<Vec<Prediction>, TableError> {
        let Some(first) = self.rows.next_if(|_| true)? else { return Ok(Vec::new()) };
        let mut strays = self.take_while(|row| row.doc_id == first.doc_id)?;
        strays.insert(0, first);
        Ok(strays)
    }

    fn take_while(&mut self, wanted: impl Fn(&Prediction) -> bool) -> Result<Vec<Prediction>, TableError> {
        let mut taken = Vec::new();
        while let Some(row) = self.rows.next_if(&wanted)? {
            taken.push(row);
        }
        Ok(taken)
    }
}

impl Prediction {
    fn new(row: RelationRow, position: u32, place: u64) -> Self {
        let RelationRow { doc_id, head, tail, relation, logit, threshold_logit, probability, .. } = row;
        let (base_probability, iteration) = (row.base_probability, row.iteration);
        Self {
            position,
            doc_id,
            place,
            head,
            tail,
            relation,
            logit,
            threshold_logit,
            probability,
            base_probability,
            iteration,
        }
    }
}

/// Where each document stands in a split.
fn positions(split: &Path) -> Result<HashMap<Text, u32>, TableError> {
    let mut positions = HashMap::new();
    for (position, row) in (0..).zip(Table::<DocumentRow>::require(split)?.rows()?) {
        positions.entry(row?.doc_id).or_insert(position);
    }
    Ok(positions)
}
