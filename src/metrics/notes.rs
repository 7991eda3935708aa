//! What the reader of the figures should know about the predictions.

use polars::prelude::*;

use super::beyond::Beyond;
use super::error::Error;
use super::marks::counted;
use super::predictions::Predictions;
use super::split::{Split, collect};

/// Oddities of a split and of a run's predictions, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Rows of predictions.
    pub rows: u64,
    /// Rows that repeat another: they count once.
    pub duplicates: u64,
    /// Predictions that name a document which the split lacks: wrong.
    pub unknown_documents: u64,
    /// Predictions that name an entity which its document lacks: wrong.
    pub unknown_entities: u64,
    /// Predictions of a relation that no fact of the split has: wrong.
    pub unused_relations: u64,
    /// Predictions of a pair that is no candidate: left out.
    pub not_candidates: u64,
    /// Documents without labels: left out.
    pub unlabelled_documents: u64,
    /// Rows of predictions in those: left out.
    pub unlabelled_rows: u64,
}

impl Notes {
    /// Takes stock. `inside` are the facts whose entities the split has, `facts` those of candidate pairs.
    pub(super) fn take(
        split: &Split,
        predictions: &Predictions,
        beyond: &Beyond,
        inside: &DataFrame,
        facts: &DataFrame,
        unused_relations: u64,
    ) -> Result<Self, Error> {
        let unlabelled_rows = if split.unlabelled() == 0 {
            0
        } else {
            height(split.in_any(predictions.facts.clone()).filter(counted().not()))?
        };
        let predicted = |facts: &DataFrame| facts.clone().lazy().filter(col("predicted"));
        let distinct = height(predicted(inside))?;
        let elsewhere = u64::from(beyond.elsewhere);
        let counted_rows = distinct + elsewhere + beyond.unknown_entities();
        Ok(Self {
            rows: predictions.rows,
            duplicates: predictions.rows.saturating_sub(unlabelled_rows + counted_rows),
            unknown_documents: elsewhere,
            unknown_entities: beyond.unknown_entities(),
            unused_relations,
            not_candidates: distinct.saturating_sub(height(predicted(facts))?),
            unlabelled_documents: split.unlabelled() as u64,
            unlabelled_rows,
        })
    }

    /// A sentence for each oddity that was found.
    pub fn warnings(&self) -> Vec<String> {
        let empty = (self.rows == 0).then(|| "there are no predictions".to_owned());
        let counts = [
            (self.duplicates, "predictions repeat another and count once"),
            (self.unknown_documents, "predictions name a document that the split lacks and count as wrong"),
            (self.unknown_entities, "predictions name an entity that their document lacks and count as wrong"),
            (self.unused_relations, "predictions name a relation that no fact of the split has, and count as wrong"),
            (self.not_candidates, "predictions are about a pair that is no candidate and do not count"),
            (self.unlabelled_documents, "documents have no labels and do not count"),
            (self.unlabelled_rows, "predictions are about a document without labels and do not count"),
        ];
        let found = counts.into_iter().filter(|(count, _)| *count > 0);
        empty.into_iter().chain(found.map(|(count, what)| format!("{count} {what}"))).collect()
    }
}

fn height(rows: LazyFrame) -> Result<u64, Error> {
    let rows = collect(rows.select([len().alias("rows")]), "rows")?;
    let count = rows.column("rows").and_then(|rows| rows.u32().map(|rows| rows.get(0)));
    Ok(count.map_err(super::error::query("rows"))?.map_or(0, u64::from))
}
