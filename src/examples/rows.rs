//! Rows of `pieces` and `pairs` → an [`Example`].

use std::collections::{BTreeMap, BTreeSet};

use model::example::{Example, Relations};
use table::Text;
use table::rows::{FactRow, PairRow, PieceRow};

/// Rows that do not fit each other.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
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
    /// A pair of an entity that the pieces do not have, or of one with itself.
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
    /// A pair that is there twice.
    #[error("document `{doc_id}`: expected each pair once, got ({head}, {tail}) again")]
    Twice {
        /// The document.
        doc_id: Text,
        /// Head entity.
        head: u32,
        /// Tail entity.
        tail: u32,
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
    /// Sentences that do not come one after the other within the pieces.
    #[error("document `{doc_id}`: expected `sentence_starts` one after the other among its {n_pieces} pieces")]
    Sentences {
        /// The document.
        doc_id: Text,
        /// Pieces in the row.
        n_pieces: usize,
    },
    /// Mentions that begin and others that end.
    #[error("document `{doc_id}`: expected `mention_ends` of the mentions of `mention_starts`, got those of others")]
    Ends {
        /// The document.
        doc_id: Text,
    },
}

/// A document before its pairs are read.
pub(super) fn without_pairs(pieces: &PieceRow, relations: &Relations) -> Result<Example, Misfit> {
    let example = Example {
        doc_id: pieces.doc_id.clone(),
        ids: pieces.ids.clone(),
        mentions: pieces.mention_starts.concat(),
        mention_ends: pieces.mention_ends.concat(),
        n_mentions: pieces.mention_starts.iter().map(Vec::len).collect(),
        absent: relations.absent().to_vec(),
        truncated: pieces.truncated,
        sentences: pieces.sentence_starts.clone(),
        ..Example::default()
    };
    let n_pieces = example.ids.len();
    let sentences = &example.sentences;
    if !sentences.is_sorted() || sentences.last().is_some_and(|&last| last as usize >= n_pieces) {
        return Err(Misfit::Sentences { doc_id: example.doc_id, n_pieces });
    }
    let mut places = example.mentions.iter().chain(&example.mention_ends);
    let n_ends = pieces.mention_ends.iter().map(Vec::len);
    match places.find(|&&place| place as usize >= n_pieces) {
        None if !n_ends.eq(example.n_mentions.iter().copied()) => Err(Misfit::Ends { doc_id: example.doc_id }),
        None => Ok(example),
        Some(&place) => Err(Misfit::Mention { doc_id: example.doc_id, place, n_pieces }),
    }
}

/// Adds a candidate pair, and those of its labels that the model has a class for.
pub(super) fn push(example: &mut Example, pair: &PairRow, relations: &Relations) -> Result<(), Misfit> {
    let (head, tail, n_entities) = (pair.head, pair.tail, example.n_mentions.len());
    if head.max(tail) as usize >= n_entities || head == tail {
        return Err(Misfit::Entity { doc_id: example.doc_id.clone(), head, tail, n_entities });
    }
    example.pairs.push((head, tail));
    let mut classes = Vec::new();
    for class in pair.labels.iter().flatten().filter_map(|relation| relations.class(relation)) {
        // Several relations of a corpus may be one of the model's.
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    example.labels.push(classes);
    Ok(())
}

/// Refuses a pair that is there twice.
pub(super) fn check_once(example: &Example) -> Result<(), Misfit> {
    // As docre writes them.
    if example.pairs.is_sorted_by(|one, other| one < other) {
        return Ok(());
    }
    let mut pairs = example.pairs.clone();
    pairs.sort_unstable();
    match pairs.windows(2).find(|two| two[0] == two[1]) {
        Some(&[(head, tail), _]) => Err(Misfit::Twice { doc_id: example.doc_id.clone(), head, tail }),
        _ => Ok(()),
    }
}

/// The evidence of a document's facts: of each pair, the sentences of all of its relations that the model has a class for,
/// where any are named.
pub(super) fn evidence(facts: &[FactRow], relations: &Relations) -> Vec<((u32, u32), Vec<u32>)> {
    let mut of_pairs: BTreeMap<(u32, u32), BTreeSet<u32>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| relations.class(&fact.relation).is_some() && !fact.evidence.is_empty()) {
        of_pairs.entry((fact.head, fact.tail)).or_default().extend(&fact.evidence);
    }
    of_pairs.into_iter().map(|(pair, sentences)| (pair, sentences.into_iter().collect())).collect()
}

/// The labels of a pair that the model has no class for.
pub(super) fn foreign<'p>(pair: &'p PairRow, relations: &Relations) -> impl Iterator<Item = &'p Text> {
    pair.labels.iter().flatten().filter(|relation| relations.class(relation).is_none())
}

/// A label that the model has no class for.
pub(super) fn unknown(pair: &PairRow, relation: &Text, relations: &Relations) -> Misfit {
    let &PairRow { ref doc_id, head, tail, .. } = pair;
    let known = relations.names().len();
    Misfit::Relation { doc_id: doc_id.clone(), head, tail, relation: relation.clone(), known }
}
