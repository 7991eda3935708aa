//! Predicted facts in the order of a split's documents, sorted on disk: their table may be in any order.
//!
//! Whoever made them, they are taken as `graph` takes them; of a table with logits, those are taken too, where they are
//! numbers. What the predictions do not say stays unsaid.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ground::observe::Observer;
use submission::{SubmissionError, predictions};
use table::rows::{DocumentRow, PredictionRow, RelationRow};
use table::sort::{InOrder, Sorted, Sorter, sortable};
use table::{Table, TableError, Text, Undirected, undirected_relations};

use crate::error::ReportError;

sortable! {
    /// A predicted fact.
    #[derive(Default)]
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
        /// How far its logit lies above the threshold's.
        margin: Option<f32>,
        /// Its probability.
        probability: Option<f32>,
        /// The same before inference.
        base_probability: Option<f32>,
        /// The iteration at which it last changed.
        iteration: Option<u32>,
        /// The sentences that it names as its evidence.
        evidence: Vec<u32>,
    }
}

/// The position of documents that the split has not.
const STRAY: u32 = u32::MAX;

/// Where each document stands in a split, and which of its relations hold both ways.
pub struct Places {
    positions: HashMap<Text, u32>,
    undirected: Undirected,
}

impl Places {
    /// Those of a split.
    ///
    /// # Errors
    /// Where a table is missing or not as its schema says.
    pub fn of(split: &Path) -> Result<Self, TableError> {
        let mut positions = HashMap::new();
        for (position, row) in (0..).zip(Table::<DocumentRow>::require(split)?.rows()?) {
            positions.entry(row?.doc_id).or_insert(position);
        }
        Ok(Self { positions, undirected: undirected_relations(split)? })
    }

    /// That of a document; [`STRAY`] where the split has it not.
    pub fn position(&self, document: &Text) -> u32 {
        self.positions.get(document).copied().unwrap_or(STRAY)
    }

    /// The ends of a relation in the order in which facts have them.
    pub fn directed(&self, (head, tail): (u32, u32), relation: &Text) -> (u32, u32) {
        if head > tail && self.undirected.contains(relation) { (tail, head) } else { (head, tail) }
    }
}

/// Predictions, walked beside the documents.
pub struct Predictions {
    rows: Option<InOrder<Prediction>>,
    /// Removes what was sorted on disk.
    _sorted: Option<Sorted<Prediction>>,
    /// The run that made them, where they name one.
    pub run: Option<Text>,
}

impl Predictions {
    /// None.
    pub fn none() -> Self {
        Self { rows: None, _sorted: None, run: None }
    }

    /// Those at a path, sorted in a folder that is made and removed.
    ///
    /// # Errors
    /// Where they cannot be read or are not what a graph takes, none is about the split, or the folder cannot be written.
    pub fn sorted(
        (split, places): (&Path, &Places),
        path: &Path,
        scratch: PathBuf,
        observe: Observer<'_>,
    ) -> Result<Self, ReportError> {
        let (mut sorter, mut run) = (Sorter::new(scratch)?, None);
        let (mut rows, mut strays) = (0, 0);
        for (place, said) in (0..).zip(said_at(path, split, observe)?) {
            let Said { run_id, mut prediction } = said?;
            run = run.or(run_id);
            prediction.place = place;
            prediction.position = places.position(&prediction.doc_id);
            rows += 1;
            strays += u64::from(prediction.position == STRAY);
            let ends = (prediction.head, prediction.tail);
            (prediction.head, prediction.tail) = places.directed(ends, &prediction.relation);
            sorter.push(&prediction)?;
        }
        if rows > 0 && rows == strays {
            return Err(ReportError::Elsewhere { predictions: path.to_path_buf(), split: split.to_path_buf(), rows });
        }
        let sorted = sorter.finish()?;
        Ok(Self { rows: Some(sorted.read()?), _sorted: Some(sorted), run })
    }

    /// The predictions of the document at a position, once those before it were taken.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn of(&mut self, position: u32) -> Result<Vec<Prediction>, TableError> {
        self.take_while(|row| row.position == position)
    }

    /// The document of the next prediction; `None` behind the last. Documents that the split has not come in the order of
    /// their names.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn next_document(&mut self) -> Result<Option<Text>, TableError> {
        let mut document = None;
        self.next_if(|row| {
            document = Some(row.doc_id.clone());
            false
        })?;
        Ok(document)
    }

    /// The next predictions, as long as they are of this document.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn about(&mut self, document: &Text) -> Result<Vec<Prediction>, TableError> {
        self.take_while(|row| row.doc_id == *document)
    }

    fn take_while(&mut self, wanted: impl Fn(&Prediction) -> bool) -> Result<Vec<Prediction>, TableError> {
        let mut taken = Vec::new();
        while let Some(row) = self.next_if(&wanted)? {
            taken.push(row);
        }
        Ok(taken)
    }

    fn next_if(&mut self, wanted: impl FnOnce(&Prediction) -> bool) -> Result<Option<Prediction>, TableError> {
        self.rows.as_mut().map_or(Ok(None), |rows| rows.next_if(wanted))
    }
}

/// A prediction as its table has it, before it has a place.
struct Said {
    run_id: Option<Text>,
    prediction: Prediction,
}

type AllSaid = Box<dyn Iterator<Item = Result<Said, ReportError>>>;

/// The predictions at a path: with their logits where a table has them.
fn said_at(path: &Path, split: &Path, observe: Observer<'_>) -> Result<AllSaid, ReportError> {
    if let Some(rows) = with_logits(path)? {
        let path = path.to_path_buf();
        return Ok(Box::new(rows.map(move |row| Ok(said(row?, &path)?))));
    }
    Ok(Box::new(predictions::read(path, split, observe)?.map(|row| Ok(Said::from(row?)))))
}

type Rows = Box<dyn Iterator<Item = Result<RelationRow, TableError>>>;

/// The rows of a table with all that ours have; `None` for any other predictions.
fn with_logits(path: &Path) -> Result<Option<Rows>, ReportError> {
    if is_submission(path) {
        return Ok(None);
    }
    let mut batches = Table::<RelationRow>::require_at(&predictions::place(path)?)?.conformed()?;
    let first = match batches.next().transpose() {
        Err(TableError::NoColumn { .. } | TableError::Null { .. }) => return Ok(None),
        first => first?,
    };
    let rows = first.map(Ok).into_iter().chain(batches).flat_map(|batch| match batch {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    });
    Ok(Some(Box::new(rows)))
}

/// Whether predictions at a path are taken for a submission.
fn is_submission(path: &Path) -> bool {
    path.is_file() && path.extension().is_none_or(|extension| extension != "parquet")
}

/// The first document that predictions at a path speak of.
///
/// # Errors
/// Where they cannot be read.
pub fn first_document(path: &Path) -> Result<Option<Text>, ReportError> {
    if !is_submission(path) {
        let mut batches = Table::<PredictionRow>::require_at(&predictions::place(path)?)?.conformed()?;
        let first = batches.find_map(|batch| batch.map(|rows| rows.into_iter().next()).transpose()).transpose()?;
        return Ok(first.map(|row| row.doc_id));
    }
    let first = submission::read_submission(path)?.into_iter().next();
    Ok(first.map(|entry| entry.title.into()))
}

/// What a row says, where its probabilities are some. Logits may lie infinitely far apart, or nobody knows how far.
fn said(row: RelationRow, path: &Path) -> Result<Said, SubmissionError> {
    let checked = |found, column| predictions::probability(found, column, &row.doc_id, path);
    let probability = Some(checked(row.probability, "probability")?);
    let base_probability = row.base_probability.map(|found| checked(found, "base_probability")).transpose()?;
    let margin = Some(row.logit - row.threshold_logit).filter(|margin| margin.is_finite());
    let RelationRow { doc_id, head, tail, relation, iteration, .. } = row;
    let said = Prediction { doc_id, head, tail, relation, margin, probability, ..Prediction::default() };
    Ok(Said { run_id: Some(row.run_id), prediction: Prediction { base_probability, iteration, ..said } })
}

impl From<PredictionRow> for Said {
    fn from(row: PredictionRow) -> Self {
        let PredictionRow { run_id, doc_id, head, tail, relation, probability, evidence, .. } = row;
        let evidence = evidence.unwrap_or_default();
        let said = Prediction { doc_id, head, tail, relation, probability, evidence, ..Prediction::default() };
        Self { run_id, prediction: said }
    }
}
