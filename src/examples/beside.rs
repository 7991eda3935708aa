//! What is read beside the pieces of a document, from tables or in memory: its pairs, and what it is made of.

use std::path::Path;

use table::TableError;
use table::rows::{EntityRow, FactRow, PairRow, PieceRow, TokenRow};

use super::profile::{Kinds, Letters};
use super::rows::{check_once, evidence, foreign, push, unknown, without_pairs};
use super::{Batch, ExamplesError, PAIRS_AT_ONCE, Taken};

/// The rows of a document beside its pieces, one after another.
pub struct Beside<P, T> {
    /// Its entities; without any, types are not known: no model looks at them.
    pub entities: Vec<EntityRow>,
    /// Its facts, where their evidence is taken.
    pub facts: Vec<FactRow>,
    /// Its pairs.
    pub pairs: P,
    /// Its tokens.
    pub tokens: T,
}

impl Batch {
    /// Whether no further document is to come to so many, or to so many pairs.
    pub fn is_full(&self, documents: usize) -> bool {
        self.examples.len() >= documents || self.n_pairs >= PAIRS_AT_ONCE
    }

    /// Adds a document, of which a source is told where something does not fit. `unknown` is the piece that stands for
    /// what the vocabulary lacks.
    ///
    /// # Errors
    /// Where a row cannot be read, or rows do not fit each other or the relations.
    pub fn add<P, T>(
        &mut self,
        pieces: &PieceRow,
        beside: Beside<P, T>,
        taken: &Taken<'_>,
        unknown_piece: Option<u32>,
        source: &Path,
    ) -> Result<(), ExamplesError>
    where
        P: Iterator<Item = Result<PairRow, TableError>>,
        T: Iterator<Item = Result<TokenRow, TableError>>,
    {
        let misfit = |reason| ExamplesError::Misfit { split: source.to_path_buf(), reason };
        let mut example = without_pairs(pieces, taken.relations).map_err(misfit)?;
        let mut kinds = Kinds::of(example.n_entities(), beside.entities);
        for pair in beside.pairs {
            let pair = pair?;
            if !pair.candidate {
                continue;
            }
            kinds.count(&pair);
            for relation in foreign(&pair, taken.relations) {
                if !taken.passes_over {
                    return Err(misfit(unknown(&pair, relation, taken.relations)));
                }
                *self.passed_over.entry(relation.clone()).or_default() += 1;
            }
            let types = || kinds.types(&pair).map(|(head, tail)| (head.clone(), tail.clone()));
            let is_left_out =
                !taken.left_out.is_empty() && types().is_some_and(|types| taken.left_out.contains(&types));
            if !is_left_out {
                push(&mut example, &pair, taken.relations).map_err(misfit)?;
            }
        }
        check_once(&example).map_err(misfit)?;
        if taken.evidence {
            example.evidence = evidence(&beside.facts, taken.relations);
        }
        let mut letters = Letters::default();
        for token in beside.tokens {
            letters.read(&token?.text);
        }
        self.count(pieces, unknown_piece);
        kinds.add_to(&mut self.profile);
        letters.add_to(&mut self.profile);
        self.n_pairs += example.pairs.len();
        self.examples.push(example);
        Ok(())
    }

    fn count(&mut self, pieces: &PieceRow, unknown: Option<u32>) {
        self.profile.documents += 1;
        self.profile.pieces += pieces.ids.len() as u64;
        let lacking = pieces.ids.iter().filter(|id| Some(**id) == unknown);
        self.profile.unknown_pieces += lacking.count() as u64;
    }
}
