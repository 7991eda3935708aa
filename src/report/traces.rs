//! What inference changed, in the order of a split's documents: each relation that an iteration added to a pair's
//! predictions, or dropped from them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use table::rows::TraceRow;
use table::sort::{InOrder, Sorted, Sorter, sortable};
use table::{Table, TableError, Text};

use crate::predictions::Places;

sortable! {
    /// A relation of a pair that an iteration added or dropped.
    Step {
        /// Its document's place in the split.
        position: u32,
        /// The entity that is its head.
        head: u32,
        /// The entity that is its tail.
        tail: u32,
        /// The iteration.
        iteration: u32,
        /// Whether it was added.
        added: bool,
        /// The relation.
        relation: Text,
    }
}

/// A step as a document has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The entity that is its head.
    pub head: u32,
    /// The entity that is its tail.
    pub tail: u32,
    /// The iteration of inference.
    pub iteration: u32,
    /// The relation.
    pub relation: Text,
    /// Whether it was added; else it was dropped.
    pub added: bool,
    /// Whether that was right; not said of a document without labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<bool>,
}

impl Change {
    /// The pair: its head and its tail.
    pub fn pair(&self) -> (u32, u32) {
        (self.head, self.tail)
    }
}

/// Steps, walked beside the documents.
pub struct Traces {
    steps: InOrder<Step>,
    /// Removes what was sorted on disk.
    _sorted: Sorted<Step>,
}

impl Traces {
    /// Those of the table at a path, sorted in a folder that is made and removed; documents that the split has not are
    /// left out.
    ///
    /// # Errors
    /// Where the table is missing or not as its schema says, or the folder cannot be written.
    pub fn sorted(places: &Places, path: &Path, scratch: PathBuf) -> Result<Self, TableError> {
        let mut sorter = Sorter::new(scratch)?;
        for row in Table::<TraceRow>::require_at(path)?.rows()? {
            let row = row?;
            let position = places.position(&row.doc_id);
            for (of, than, added) in [(&row.after, &row.before, true), (&row.before, &row.after, false)] {
                for relation in of.iter().filter(|relation| !than.contains(relation)) {
                    let (head, tail) = places.directed((row.head, row.tail), relation);
                    let (iteration, relation) = (row.iteration, relation.clone());
                    sorter.push(&Step { position, head, tail, iteration, added, relation })?;
                }
            }
        }
        let sorted = sorter.finish()?;
        Ok(Self { steps: sorted.read()?, _sorted: sorted })
    }

    /// The changes in the document at a position, once those before it were taken; `is_gold` says which facts hold,
    /// where that is known.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn of(
        &mut self,
        position: u32,
        labelled: bool,
        is_gold: impl Fn(u32, u32, &Text) -> bool,
    ) -> Result<Vec<Change>, TableError> {
        let mut changes = Vec::new();
        while let Some(Step { head, tail, iteration, added, relation, .. }) =
            self.steps.next_if(|step| step.position == position)?
        {
            let right = labelled.then(|| is_gold(head, tail, &relation) == added);
            changes.push(Change { head, tail, iteration, relation, added, right });
        }
        changes.dedup();
        Ok(changes)
    }
}
