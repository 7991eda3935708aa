//! The tables of a split → its documents.

use std::collections::BTreeMap;
use std::path::Path;

use table::rows::{DocumentRow, EntityRow, FactRow, MentionRow, PairRow, SentenceRow, TokenRow};
use table::{Followers, Table, TableError, Text, Walk};

use crate::document::{Document, Entity, Fact, Mention, Token};

/// The documents of a split, read back from its tables in order, a few at a time.
///
/// # Errors
/// Where a table is missing or not as its schema says; later, where one is damaged or has rows of no document.
pub fn read(folder: &Path) -> Result<impl Iterator<Item = Result<Document, TableError>> + use<>, TableError> {
    let mut walk = Walk::<(TokenRow, MentionRow, EntityRow, PairRow, FactRow)>::open(folder)?;
    let mut sentences = sentences(folder, &walk)?;
    Ok(ground::up_to_error(move || {
        let Some(document) = walk.next() else {
            return sentences.as_mut().map_or(Ok(()), Followers::finish).map(|()| None);
        };
        let (row, (tokens, mentions, entities, pairs, facts)) = document?;
        let mut document = assemble(&row, tokens, mentions, entities, &pairs, facts);
        if let Some(sentences) = &mut sentences {
            let (rows,) = sentences.of(&row.doc_id)?;
            document.uneven = uneven(&document, rows);
        }
        Ok(Some(document))
    }))
}

/// The sentences of a split, which one of an earlier time lacks.
fn sentences<T: table::SplitTables>(
    folder: &Path,
    walk: &Walk<T>,
) -> Result<Option<Followers<(SentenceRow,)>>, TableError> {
    Table::<SentenceRow>::find(folder)?.map(|_| Followers::open(folder, walk.standing())).transpose()
}

/// The text of those sentences that is not what their tokens make.
fn uneven(document: &Document, rows: Vec<SentenceRow>) -> BTreeMap<u32, Text> {
    let is_uneven = |row: &SentenceRow| {
        let tokens = document.sentences.get(row.sent_id as usize);
        tokens.is_some_and(|tokens| document.text_of(row.sent_id, tokens) != row.text)
    };
    rows.into_iter().filter(is_uneven).map(|row| (row.sent_id, row.text)).collect()
}

fn assemble(
    row: &DocumentRow,
    tokens: Vec<TokenRow>,
    mentions: Vec<MentionRow>,
    entities: Vec<EntityRow>,
    pairs: &[PairRow],
    facts: Vec<FactRow>,
) -> Document {
    let mut document = Document {
        id: row.doc_id.clone(),
        title: row.title.clone(),
        sentences: vec![Vec::new(); row.n_sentences as usize],
        ..Document::default()
    };
    for token in tokens {
        if let Some(sentence) = document.sentences.get_mut(token.sent_id as usize) {
            sentence.push(Token { text: token.text, characters: token.char_start.zip(token.char_end) });
        }
    }
    document.entities =
        entities.into_iter().map(|entity| Entity { kb_id: entity.kb_id, mentions: Vec::new() }).collect();
    for mention in mentions {
        let of = match mention.entity_id {
            Some(entity) => document.entities.get_mut(entity as usize).map(|entity| &mut entity.mentions),
            None => Some(&mut document.loose_mentions),
        };
        if let Some(of) = of {
            of.push(Mention {
                name: mention.name,
                kind: mention.r#type,
                sentence: mention.sent_id,
                start: mention.token_start,
                end: mention.token_end,
            });
        }
    }
    document.asked = Some(pairs.iter().map(|pair| (pair.head, pair.tail)).collect());
    document.left_out = pairs.iter().filter(|pair| !pair.candidate).map(|pair| (pair.head, pair.tail)).collect();
    document.facts = row.labelled.then(|| facts.into_iter().map(fact_of).collect());
    document
}

fn fact_of(row: FactRow) -> Fact {
    Fact { head: row.head, tail: row.tail, relation: row.relation, evidence: row.evidence, attributes: row.attributes }
}
