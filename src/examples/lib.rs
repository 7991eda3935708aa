//! The documents of a split as a model sees them, read side by side from its tables: where rows become numbers.
//!
//! Training and scoring read a split alike, here, and count on the way what it is made of ([`Profile`]). This crate
//! computes nothing.

mod beside;
mod profile;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ground::hint::{Hint, Words};
use ground::up_to_error;
use model::example::{Example, Relations};
use pieces::{CutOff, Cutter, PiecesError, stored};
use table::rows::{DocumentRow, EntityRow, FactRow, PairRow, PieceRow, TokenRow};
use table::{Followers, Standing, Table, TableError, Text};

pub use beside::Beside;
pub use profile::{MOST_TYPES, Profile, TypePairs, Written};
pub use rows::Misfit;

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
    /// Pairs of all examples.
    n_pairs: usize,
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
    examples_within(split, cutter, taken, 0..usize::MAX)
}

/// The same of the documents at these places in the split alone. So many as come at a time never reach over a place that is
/// a multiple of their number: who takes a split in several stretches of such is given the same.
///
/// # Errors
/// As [`examples`].
pub fn examples_within<'c>(
    split: &Path,
    cutter: &'c mut Cutter,
    taken: Taken<'c>,
    places: Range<usize>,
) -> Result<impl Iterator<Item = Result<Batch, ExamplesError>> + use<'c>, TableError> {
    let standing = Standing::of(split)?;
    let unknown = cutter.tokenizer().unknown();
    let mut tables = Tables::open(split, &standing, taken.evidence)?;
    tables.pass_over(places.start, &standing)?;
    let (mut place, is_to_the_end) = (places.start, places.end == usize::MAX);
    let mut rows = stored::read_within(split, cutter, places)?.flat_map(one_by_one);
    let mut next = move || {
        let mut batch = Batch::default();
        while !batch.is_full(taken.documents) {
            let Some(pieces) = rows.next() else { break };
            tables.read(&pieces?, &taken, unknown, &mut batch)?;
            place += 1;
            if place % taken.documents == 0 {
                break;
            }
        }
        if batch.examples.is_empty() {
            if is_to_the_end {
                tables.finish()?;
            }
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

    /// Passes over the first documents of the split.
    fn pass_over(&mut self, documents: usize, standing: &Standing) -> Result<(), TableError> {
        let mut rows = Table::<DocumentRow>::require(&self.split)?.of_split(standing).cursor()?;
        for _ in 0..documents {
            let Some(document) = rows.next_if(|_| true)? else { break };
            while self.pairs.next_of(&document.doc_id)?.is_some() {}
            while self.tokens.next_of(&document.doc_id)?.is_some() {}
            self.entities.as_mut().map_or(Ok(None), |entities| entities.of(&document.doc_id).map(Some))?;
            self.facts.as_mut().map_or(Ok(None), |facts| facts.of(&document.doc_id).map(Some))?;
        }
        Ok(())
    }

    /// Refuses rows that no document had: they stand in another order than the documents.
    fn finish(&mut self) -> Result<(), TableError> {
        self.pairs.finish()?;
        self.tokens.finish()?;
        self.entities.as_mut().map_or(Ok(()), Followers::finish)?;
        self.facts.as_mut().map_or(Ok(()), Followers::finish)
    }

    /// Adds a document to a batch. Its pairs are never in memory as rows.
    fn read(
        &mut self,
        pieces: &PieceRow,
        taken: &Taken<'_>,
        unknown: Option<u32>,
        batch: &mut Batch,
    ) -> Result<(), ExamplesError> {
        let document = &pieces.doc_id;
        let entities = self.entities.as_mut().map(|entities| entities.of(document)).transpose()?;
        let entities = entities.map(|(entities,)| entities).unwrap_or_default();
        let facts = self.facts.as_mut().map(|facts| facts.of(document)).transpose()?;
        let facts = facts.map(|(facts,)| facts).unwrap_or_default();
        let pairs = || self.pairs.next_of(document).transpose();
        let tokens = || self.tokens.next_of(document).transpose();
        let (pairs, tokens) = (std::iter::from_fn(pairs), std::iter::from_fn(tokens));
        batch.add(pieces, Beside { entities, facts, pairs, tokens }, taken, unknown, &self.split)
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
