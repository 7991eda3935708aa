//! Predictions that name a document or an entity that the split lacks: wrong, and counted as such like the official
//! scorer does, but no part of any scope, triangle or evidence.

use std::collections::BTreeMap;

use polars::prelude::*;

use super::error::{self, Error};
use super::marks::counted;
use super::predictions::Predictions;
use super::scopes::Tally;
use super::split::{FACT, Split, collect, stands};

/// How many distinct predictions name what the split lacks.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// An entity, by document of the split.
    pub documents: BTreeMap<u32, u32>,
    /// A document.
    pub elsewhere: u32,
    /// Both, by relation.
    pub relations: BTreeMap<String, u64>,
}

impl Beyond {
    /// Finds them.
    pub fn find(predictions: &Predictions, split: &Split) -> Result<Self, Error> {
        let outside = stands("head").and(stands("tail")).not().or(col("n_entities").is_null());
        let rows = split.in_any(predictions.facts.clone()).filter(counted().and(outside));
        let distinct = rows.group_by(FACT.map(|(column, _)| col(column))).agg([col("document").max()]);
        let rows = collect(distinct, "predictions beyond the split")?;
        Self::count(&rows).map_err(error::query("predictions beyond the split"))
    }

    fn count(rows: &DataFrame) -> PolarsResult<Self> {
        let mut beyond = Self::default();
        let documents = rows.column("document")?.u32()?;
        for (document, relation) in documents.iter().zip(rows.column("relation")?.str()?.iter()) {
            match document {
                Some(document) => *beyond.documents.entry(document).or_default() += 1,
                None => beyond.elsewhere += 1,
            }
            *beyond.relations.entry(relation.unwrap_or_default().to_owned()).or_default() += 1;
        }
        Ok(beyond)
    }

    /// Predictions that name an entity which its document lacks.
    pub fn unknown_entities(&self) -> u64 {
        self.documents.values().copied().map(u64::from).sum()
    }

    /// Adds those of the split's documents to their counts.
    pub fn add_to(&self, tallies: &mut [Tally]) {
        for (&document, &count) in &self.documents {
            if let Some([_, predicted, ..]) = tallies.get_mut(document as usize) {
                *predicted += count;
            }
        }
    }

    /// Those of no document, as counts.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        let [_, predicted, ..] = &mut tally;
        *predicted = self.elsewhere;
        tally
    }
}
