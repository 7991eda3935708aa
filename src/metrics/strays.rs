//! Strays: predictions that name a document or an entity that the split lacks. They are wrong, and counted as such like
//! the official scorer does where all predictions count, but no part of any other scope, triangle or evidence. And what
//! else is odd about predictions ([`Notes`]).

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::error::{self, Error, given};
use crate::marked_facts::counted;
use crate::predictions::Predictions;
use crate::split::{FACT, Numbering, Split, collect, stands};
use crate::tally::{OF_ALL_PREDICTIONS, Tally};

/// How many distinct predictions name what the split lacks.
#[derive(Debug, Default)]
pub(super) struct Strays {
    /// An entity, by document of the split.
    pub documents: BTreeMap<u32, u32>,
    /// A document.
    pub elsewhere: u32,
    /// The first in order of those documents.
    document: Option<String>,
    /// Both, by relation.
    pub relations: BTreeMap<String, u64>,
}

impl Strays {
    /// Finds them.
    pub fn find(predictions: &Predictions, split: &Split) -> Result<Self, Error> {
        let outside = stands("head").and(stands("tail")).not().or(col("n_entities").is_null());
        let rows = split.in_any(predictions.facts.clone()).filter(counted().and(outside));
        let distinct = rows.group_by(FACT.map(|(column, _)| col(column))).agg([col("document").max()]);
        let rows = collect(distinct, "strays")?;
        Self::count(&rows).map_err(error::query("strays"))
    }

    fn count(rows: &DataFrame) -> PolarsResult<Self> {
        let mut strays = Self::default();
        let documents = rows.column("document")?.u32()?;
        let names = rows.column("doc_id")?.str()?.iter();
        for ((document, name), relation) in documents.iter().zip(names).zip(rows.column("relation")?.str()?.iter()) {
            if let Some(document) = document {
                *strays.documents.entry(document).or_default() += 1;
            } else {
                let name = given(name, "doc_id")?;
                strays.elsewhere += 1;
                if strays.document.as_deref().is_none_or(|first| name < first) {
                    strays.document = Some(name.to_owned());
                }
            }
            *strays.relations.entry(given(relation, "relation")?.to_owned()).or_default() += 1;
        }
        Ok(strays)
    }

    /// A document that the predictions name, where the split has none of those that they name: they are of another.
    /// `inside` are the facts whose entities the split has.
    pub fn all_elsewhere(
        &self,
        inside: &DataFrame,
        predictions: &Predictions,
        split: &Split,
    ) -> Result<Option<String>, Error> {
        let named = || height(inside.clone().lazy().filter(col("predicted")));
        if self.elsewhere == 0 || self.of_entities() > 0 || named()? > 0 || unlabelled_rows(predictions, split)? > 0 {
            return Ok(None);
        }
        Ok(self.document.clone())
    }

    /// Those that name an entity which its document lacks.
    fn of_entities(&self) -> u64 {
        self.documents.values().copied().map(u64::from).sum()
    }

    /// Adds those of the split's documents to their counts.
    pub fn add_to(&self, tallies: &mut [Tally]) {
        for (&document, &count) in &self.documents {
            debug_assert!((document as usize) < tallies.len(), "document {document} is none of the split's");
            if let Some(tally) = tallies.get_mut(document as usize) {
                OF_ALL_PREDICTIONS.into_iter().for_each(|scope| tally.scopes[scope].predicted += count);
            }
        }
    }

    /// Those of no document, as counts.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        OF_ALL_PREDICTIONS.into_iter().for_each(|scope| tally.scopes[scope].predicted = self.elsewhere);
        tally
    }
}

/// Oddities of a split and of a run's predictions, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Rows of predictions.
    pub rows: u64,
    /// Rows that repeat another: they count once.
    pub duplicates: u64,
    /// Predictions that name a document which the split lacks: wrong.
    pub stray_documents: u64,
    /// Predictions that name an entity which its document lacks: wrong.
    pub stray_entities: u64,
    /// Predictions that join an entity to itself, as no fact of the split does: wrong.
    pub of_itself: u64,
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
        strays: &Strays,
        inside: &DataFrame,
        facts: &DataFrame,
        numbering: &Numbering,
        unused_relations: u64,
    ) -> Result<Self, Error> {
        let unlabelled_rows = unlabelled_rows(predictions, split)?;
        let predicted = |facts: &DataFrame| facts.clone().lazy().filter(col("predicted"));
        let distinct = height(predicted(inside))?;
        let elsewhere = u64::from(strays.elsewhere);
        let counted_rows = distinct + elsewhere + strays.of_entities();
        Ok(Self {
            rows: predictions.rows,
            duplicates: predictions.rows.saturating_sub(unlabelled_rows + counted_rows),
            stray_documents: elsewhere,
            stray_entities: strays.of_entities(),
            of_itself: of_itself(facts, numbering)?,
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
            (self.stray_entities, "predictions name an entity that their document lacks and count as wrong"),
            (self.of_itself, "predictions join an entity to itself and count as wrong"),
            (self.unused_relations, "predictions name a relation that no fact of the split has, and count as wrong"),
            (self.not_candidates, "predictions are about a pair that is no candidate and do not count"),
            (self.unlabelled_documents, "documents have no labels and do not count"),
            (self.unlabelled_rows, "predictions are about a document without labels and do not count"),
        ];
        let found = counts.into_iter().filter(|(count, _)| *count > 0);
        let strays = (self.stray_documents > 0).then(|| {
            let (strays, rows) = (self.stray_documents, self.rows);
            format!("{strays} of {rows} predictions name a document that the split lacks and count as wrong")
        });
        empty.into_iter().chain(strays).chain(found.map(|(count, what)| format!("{count} {what}"))).collect()
    }
}

/// Rows of predictions about documents without labels.
fn unlabelled_rows(predictions: &Predictions, split: &Split) -> Result<u64, Error> {
    if split.unlabelled() == 0 {
        return Ok(0);
    }
    height(split.in_any(predictions.facts.clone()).filter(counted().not()))
}

/// Wrong predictions about an entity and itself: the table `pairs` has no such pair, so none is told by its candidates.
fn of_itself(facts: &DataFrame, numbering: &Numbering) -> Result<u64, Error> {
    let pair = || numbering.pair_of(col("fact"));
    let wrong = col("predicted").and(col("gold").not());
    height(facts.clone().lazy().filter(wrong.and(numbering.head(pair()).eq(numbering.tail(pair())))))
}

fn height(rows: LazyFrame) -> Result<u64, Error> {
    let rows = collect(rows.select([len().alias("rows")]), "rows")?;
    let count = rows.column("rows").and_then(|rows| rows.u32().map(|rows| rows.get(0)));
    Ok(count.map_err(error::query("rows"))?.map_or(0, u64::from))
}
