//! A row → what the tables of a split would have of its document, in memory.

use std::path::Path;

use table::Text;
use table::rows::{AnnotatedRow, EntityRow, MentionRow, PairRow, TokenRow};

use super::accepted;
use crate::error::CorpusError;
use crate::tables::{Accepted, entity_rows, mention_rows, pair_rows, token_rows};

/// A document of a row, checked.
#[derive(Debug, Clone)]
pub struct Taken(Accepted);

impl Taken {
    /// That of a row of a source, which messages name.
    ///
    /// # Errors
    /// Where something is wrong in it: the document and the field.
    pub fn of(row: AnnotatedRow, source: &Path) -> Result<Self, CorpusError> {
        accepted(row, source).map(Self)
    }

    /// Its name.
    pub fn doc_id(&self) -> &Text {
        &self.0.document.id
    }

    /// How many entities it has.
    pub fn n_entities(&self) -> usize {
        self.0.document.entities.len()
    }

    /// Its rows of `tokens`.
    pub fn tokens(&self) -> Vec<TokenRow> {
        token_rows(&self.0)
    }

    /// Its rows of `mentions`.
    pub fn mentions(&self) -> Vec<MentionRow> {
        mention_rows(&self.0)
    }

    /// Its rows of `entities`.
    pub fn entities(&self) -> Vec<EntityRow> {
        entity_rows(&self.0)
    }

    /// Its rows of `pairs`, up to the square of its entities.
    pub fn pairs(&self) -> impl Iterator<Item = PairRow> + '_ {
        pair_rows(&self.0)
    }
}
