//! The documents of a split as a model sees them, read side by side from its tables: where rows become numbers.
//!
//! Training and scoring read a split alike, here, and count on the way what it is made of ([`Profile`]). This crate
//! computes nothing.

mod profile;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ground::hint::{Hint, Words};
use ground::up_to_error;
use model::example::{Example, Relations};
use pieces::{CutOff, Cutter, PiecesError, stored};
use table::rows::{EntityRow, FactRow, PairRow, PieceRow, TokenRow};
use table::{Followers, Standing, Table, TableError, Text};

pub use profile::{MOST_TYPES, Profile, TypePairs, Written};
pub use rows::{Misfit, example};

use profile::{Kinds, Letters};
use rows::{evidence, foreign, push, unknown, without_pairs};

/// Documents at a time: what is in memory at once.
pub const DOCUMENTS_AT_ONCE: usize = 256;
/// Pairs after which no further document is read at the same time.
const PAIRS_AT_ONCE: usize = 1 << 20;

/// Why a split cannot be read as examples.
#[derive(Debug, thiserror::Error)]
pub enum ExamplesError {
    /// The documents cannot be cut.
    #[error(transparent)]
    Pieces(#[from] PiecesError),
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Rows do not fit each other or the model.
    #[error("{}: {reason}", split.display())]
    Misfit {
        /// The split's folder.
        split: PathBuf,
        /// What does not fit.
        reason: Misfit,
    },
}

impl Hint for ExamplesError {
    fn hint(&self) -> Option<Words> {
        match self {
            Self::Pieces(error) => error.hint(),
            Self::Table(error) => error.hint(),
            Self::Misfit { .. } => None,
        }
    }
}

/// Which pairs of a split are taken, and which labels.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'t> {
    /// The relations that the model tells apart.
    pub relations: &'t Relations,
    /// Types of head and tail whose pairs are left out, though they are candidates.
    pub left_out: &'t BTreeSet<(Text, Text)>,
    /// Whether labels of other relations are passed over, and counted.
    pub passes_over: bool,
    /// Whether the evidence of its facts is taken, too.
    pub evidence: bool,
    /// How many documents come at a time.
    pub documents: usize,
}

/// Some documents of a split.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// As a model sees them.
    pub examples: Vec<Example>,
    /// What they are made of, pairs that were left out included.
    pub profile: Profile,
    /// Labels that were passed over, by relation.
    pub passed_over: BTreeMap<Text, u64>,
}

/// The documents of a split in order, some hundred at a time or, where they have many pairs, fewer.
///
/// # Errors
/// Where a table is missing; later, where one is damaged or replaced, or rows do not fit each other or the relations.
pub fn examples<'c>(
    split: &Path,
    cutter: &'c mut Cutter,
    taken: Taken<'c>,
) -> Result<impl Iterator<Item = Result<Batch, ExamplesError>> + use<'c>, TableError> {
    let standing = Standing::of(split)?;
    let unknown = cutter.tokenizer().unknown();
    let mut tables = Tables::open(split, &standing, taken.evidence)?;
    let mut rows = stored::read(split, cutter)?.flat_map(one_by_one);
    let mut next = move || {
        let (mut batch, mut n_pairs) = (Batch::default(), 0);
        while batch.examples.len() < taken.documents && n_pairs < PAIRS_AT_ONCE {
            let Some(pieces) = rows.next() else { break };
            let pieces = pieces?;
            tables.read(&pieces, &taken, &mut batch)?;
            let lacking = pieces.ids.iter().filter(|id| Some(**id) == unknown);
            batch.profile.unknown_pieces += lacking.count() as u64;
            n_pairs += batch.examples.last().map_or(0, |example| example.pairs.len());
        }
        if batch.examples.is_empty() {
            tables.pairs.finish()?;
            return Ok(None);
        }
        Ok(Some(batch))
    };
    Ok(up_to_error(move || match next() {
        Ok(Some(batch)) => Ok(Some(batch)),
        ended => standing.confirm(ended),
    }))
}

/// The tables that are read beside the pieces.
struct Tables {
    split: PathBuf,
    pairs: Followers<(PairRow,)>,
    tokens: Followers<(TokenRow,)>,
    /// Without it, types are not known: no model looks at them.
    entities: Option<Followers<(EntityRow,)>>,
    /// Where evidence is taken.
    facts: Option<Followers<(FactRow,)>>,
}

impl Tables {
    fn open(split: &Path, standing: &Standing, evidence: bool) -> Result<Self, TableError> {
        let facts = evidence.then(|| Followers::open(split, standing)).transpose()?;
        let entities = Table::<EntityRow>::find(split)?.map(|_| Followers::open(split, standing)).transpose()?;
        let (pairs, tokens) = (Followers::open(split, standing)?, Followers::open(split, standing)?);
        Ok(Self { split: split.to_path_buf(), pairs, tokens, entities, facts })
    }

    /// Adds a document to a batch. Its pairs are never in memory as rows.
    fn read(&mut self, pieces: &PieceRow, taken: &Taken<'_>, batch: &mut Batch) -> Result<(), ExamplesError> {
        let misfit = |reason| ExamplesError::Misfit { split: self.split.clone(), reason };
        let (mut example, document) = (without_pairs(pieces).map_err(misfit)?, &pieces.doc_id);
        let entities = self.entities.as_mut().map(|entities| entities.of(document)).transpose()?;
        let mut kinds = Kinds::of(example.n_entities(), entities.into_iter().flat_map(|(entities,)| entities));
        while let Some(pair) = self.pairs.next_of(document)? {
            if !pair.candidate {
                continue;
            }
            kinds.count(&pair);
            for relation in foreign(&pair, taken.relations) {
                if !taken.passes_over {
                    return Err(misfit(unknown(&pair, relation, taken.relations)));
                }
                *batch.passed_over.entry(relation.clone()).or_default() += 1;
            }
            let types = || kinds.types(&pair).map(|(head, tail)| (head.clone(), tail.clone()));
            let is_left_out =
                !taken.left_out.is_empty() && types().is_some_and(|types| taken.left_out.contains(&types));
            if !is_left_out {
                push(&mut example, &pair, taken.relations).map_err(misfit)?;
            }
        }
        if let Some(facts) = &mut self.facts {
            let (facts,) = facts.of(document)?;
            example.evidence = evidence(&facts, taken.relations);
        }
        let mut letters = Letters::default();
        while let Some(token) = self.tokens.next_of(document)? {
            letters.read(&token.text);
        }
        let profile = &mut batch.profile;
        profile.documents += 1;
        profile.pieces += pieces.ids.len() as u64;
        kinds.add_to(profile);
        letters.add_to(profile);
        batch.examples.push(example);
        Ok(())
    }
}

/// What a document lost at its end; of facts those of its labels.
pub fn cut_off(example: &Example) -> CutOff {
    let pairs = example.pairs.iter().zip(&example.labels);
    let facts = pairs.flat_map(|(pair, labels)| labels.iter().map(|_| *pair));
    if example.truncated > 0 { CutOff::of(example.n_mentions.iter().copied(), facts) } else { CutOff::default() }
}

fn one_by_one(rows: Result<Vec<PieceRow>, PiecesError>) -> Vec<Result<PieceRow, PiecesError>> {
    match rows {
        Ok(rows) => rows.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}
