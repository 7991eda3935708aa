//! Rows of `annotated`, a document each, ↔ the tables of a split.
//!
//! A row stands alone: what the tables of a split say of a document together, it says by itself, and in any order. So an
//! engine that splits a table by rows can deal documents out, and what comes back is a split again.
//!
//! Rows are a table of ours or of any program. What is wrong in one is an error, as in every table that is read, and names
//! document and field: whoever makes rows has said already what stands and what does not.

mod names;
mod read;
mod taken;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use ground::excerpt::quoted;
use table::rows::AnnotatedRow;
use table::{TableError, Text};

use crate::error::CorpusError;
use crate::fault::Fault;
use crate::tables::{Accepted, CorpusWriter, Totals};

pub use names::Names;
pub use taken::Taken;
pub(crate) use write::{Rows, size};

/// What the split and the source of such documents are called in the tables.
const NAME: &str = "annotated";

/// Writes the tables of a split of the rows of `annotated` that come from a source, in the order in which they come, into
/// a folder of the caller's own.
///
/// # Errors
/// Where a row is wrong or has another's name, none comes, or the disk refuses.
pub fn set_down(
    rows: impl Iterator<Item = Result<Vec<AnnotatedRow>, TableError>>,
    source: &Path,
    folder: &Path,
) -> Result<Totals, CorpusError> {
    // Of content alone: the same rows are the same split, wherever they come from.
    let mut writer = CorpusWriter::create(folder, NAME, "", false)?;
    let (mut words, mut names) = (Words::default(), Names::of(source));
    for batch in rows {
        let batch = batch?;
        for row in &batch {
            words.add(row);
            names.add(&row.doc_id)?;
        }
        let read = |row| accepted(row, source);
        let documents: Vec<Accepted> = batch.into_par_iter().map(read).collect::<Result<_, _>>()?;
        writer.write(&documents)?;
    }
    names.check_any()?;
    Ok(writer.finish(&words.labels, |relation| words.undirected.contains(relation))?)
}

/// The document of a row of a source.
fn accepted(row: AnnotatedRow, source: &Path) -> Result<Accepted, CorpusError> {
    read::accepted(row).map_err(|(document, fault)| refused(source, &document, fault))
}

fn refused(source: &Path, document: &str, Fault { column, reason }: Fault) -> CorpusError {
    let reason = format!("document {}: `{column}`: {reason}", quoted(document));
    CorpusError::Format { path: source.to_path_buf(), reason }
}

/// What rows say of relations.
#[derive(Default)]
struct Words {
    labels: BTreeMap<Text, Text>,
    undirected: BTreeSet<Text>,
}

impl Words {
    fn add(&mut self, row: &AnnotatedRow) {
        for fact in row.facts.iter().flatten() {
            if let Some(label) = &fact.label
                && !self.labels.contains_key(&fact.relation)
            {
                self.labels.insert(fact.relation.clone(), label.clone());
            }
            if fact.undirected == Some(true) && !self.undirected.contains(&fact.relation) {
                self.undirected.insert(fact.relation.clone());
            }
        }
    }
}
