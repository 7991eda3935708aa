//! Rows of `pieces` and `pairs` → what a model computes with. The only file that knows both rows and tensors.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};

use crate::encoder::Input;
use crate::table::Text;
use crate::table::rows::{PairRow, PieceRow};

/// The threshold class: between the relations that hold and those that don't.
pub const THRESHOLD: u32 = 0;

/// The relations that a model tells apart. Class 0 is the threshold; relation i is class i + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relations {
    names: Vec<Text>,
    classes: BTreeMap<Text, u32>,
}

/// Rows that do not fit each other.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A label that the model has no class for.
    #[error(
        "document `{doc_id}`: pair ({head}, {tail}): expected one of the model's {known} relations, got `{relation}`"
    )]
    Relation {
        /// The document.
        doc_id: Text,
        /// Head entity.
        head: u32,
        /// Tail entity.
        tail: u32,
        /// The label.
        relation: Text,
        /// How many relations the model knows.
        known: usize,
    },
    /// A pair of an entity that the pieces do not have.
    #[error(
        "document `{doc_id}`: pair ({head}, {tail}): expected two of the {n_entities} entities that its pieces have"
    )]
    Entity {
        /// The document.
        doc_id: Text,
        /// Head entity.
        head: u32,
        /// Tail entity.
        tail: u32,
        /// Entities in the row of `pieces`.
        n_entities: usize,
    },
    /// The place of a mention that is past the pieces.
    #[error("document `{doc_id}`: mention at piece {place}: expected one of its {n_pieces} pieces")]
    Mention {
        /// The document.
        doc_id: Text,
        /// The place.
        place: u32,
        /// Pieces in the row.
        n_pieces: usize,
    },
}

impl Relations {
    /// These relations, in their order.
    pub fn new(names: impl IntoIterator<Item = Text>) -> Self {
        let names: Vec<Text> = names.into_iter().collect();
        let classes = names.iter().cloned().zip(1..).collect();
        Self { names, classes }
    }

    /// Their names, by class less one.
    pub fn names(&self) -> &[Text] {
        &self.names
    }

    /// How many classes there are, the threshold included.
    pub fn n_classes(&self) -> usize {
        self.names.len() + 1
    }

    /// A relation's class.
    pub fn class(&self, name: &str) -> Option<u32> {
        self.classes.get(name).copied()
    }
}

/// A document as a model sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// Its name.
    pub doc_id: Text,
    /// Its pieces.
    pub ids: Vec<u32>,
    /// The places of all mentions, entity by entity.
    pub mentions: Vec<u32>,
    /// How many of them each entity has; 0 where all are cut off.
    pub n_mentions: Vec<usize>,
    /// The pairs to be classified: (head, tail).
    pub pairs: Vec<(u32, u32)>,
    /// The classes of the relations that hold, for each pair; empty for none.
    pub labels: Vec<Vec<u32>>,
    /// Pieces that it lost at its end.
    pub truncated: u32,
}

impl Example {
    /// A document from its rows; only candidate pairs are taken.
    ///
    /// # Errors
    /// Where a pair names an entity that the pieces do not have, or a label a relation that the model does not have.
    pub fn new(pieces: &PieceRow, pairs: &[PairRow], relations: &Relations) -> std::result::Result<Self, BatchError> {
        let mut example = Self {
            doc_id: pieces.doc_id.clone(),
            ids: pieces.ids.clone(),
            mentions: pieces.mention_starts.concat(),
            n_mentions: pieces.mention_starts.iter().map(Vec::len).collect(),
            truncated: pieces.truncated,
            ..Self::default()
        };
        let n_pieces = example.ids.len();
        if let Some(&place) = example.mentions.iter().find(|&&place| place as usize >= n_pieces) {
            return Err(BatchError::Mention { doc_id: example.doc_id, place, n_pieces });
        }
        for pair in pairs.iter().filter(|pair| pair.candidate) {
            example.push(pair, relations)?;
        }
        Ok(example)
    }

    fn push(&mut self, pair: &PairRow, relations: &Relations) -> std::result::Result<(), BatchError> {
        let (head, tail, n_entities) = (pair.head, pair.tail, self.n_mentions.len());
        if head.max(tail) as usize >= n_entities {
            return Err(BatchError::Entity { doc_id: self.doc_id.clone(), head, tail, n_entities });
        }
        let class = |relation: &Text| {
            relations.class(relation).ok_or_else(|| BatchError::Relation {
                doc_id: self.doc_id.clone(),
                head,
                tail,
                relation: relation.clone(),
                known: relations.names.len(),
            })
        };
        let labels = pair.labels.iter().flatten().map(class).collect::<std::result::Result<_, _>>()?;
        self.pairs.push((head, tail));
        self.labels.push(labels);
        Ok(())
    }

    /// How many entities it has.
    pub fn n_entities(&self) -> usize {
        self.n_mentions.len()
    }

    /// What the encoder reads: its attention is wanted where mentions begin.
    pub fn input(&self) -> Input<'_> {
        Input { ids: &self.ids, rows: &self.mentions }
    }
}

/// The labels of all pairs of some documents, in order: `(pairs, classes)`, 1 where a relation holds, else 0. The
/// threshold's column is 0.
///
/// # Errors
/// Where the device refuses.
pub fn labels(examples: &[Example], n_classes: usize, device: &Device) -> Result<Tensor> {
    let sets = examples.iter().flat_map(|example| &example.labels);
    ones(sets.map(Vec::as_slice), n_classes, device)
}

/// Sets of relations as rows of `(sets, classes)`, 1 where the set has the relation, else 0; of an empty set the
/// threshold's column is 1.
///
/// # Errors
/// Where the device refuses.
pub fn indicators(sets: &[Vec<u32>], n_classes: usize, device: &Device) -> Result<Tensor> {
    ones(sets.iter().map(|set| or_threshold(set)), n_classes, device)
}

fn or_threshold(set: &[u32]) -> &[u32] {
    if set.is_empty() { &[THRESHOLD] } else { set }
}

fn ones<'a>(sets: impl Iterator<Item = &'a [u32]>, n_classes: usize, device: &Device) -> Result<Tensor> {
    let mut rows = Vec::new();
    for set in sets {
        let first = rows.len();
        rows.resize(first + n_classes, 0f32);
        for &class in set {
            if let Some(one) = rows.get_mut(first..).and_then(|row| row.get_mut(class as usize)) {
                *one = 1.0;
            }
        }
    }
    let n_sets = rows.len() / n_classes.max(1);
    Tensor::from_vec(rows, (n_sets, n_classes), device)
}
