//! A document → its row.

use std::path::Path;

use table::annotated::{Entity, Fact, Mention, Pair, Sentence, Token};
use table::rows::{AnnotatedRow, SentenceRow};
use table::{RelationWords, Table, TableError, relation_words};

use crate::document::{self, Document, sentence_spans};
use crate::writer::Written;

/// Makes rows of the documents of a split.
pub struct Rows {
    words: RelationWords,
    /// Whether the text of sentences is known, which a split of an earlier time has not.
    has_text: bool,
}

impl Rows {
    /// Those of a split's documents.
    ///
    /// # Errors
    /// Where a table cannot be read.
    pub fn of(split: &Path) -> Result<Self, TableError> {
        let has_text = Table::<SentenceRow>::find(split)?.is_some();
        Ok(Self { words: relation_words(split, None)?, has_text })
    }

    /// The row of a document.
    pub fn row(&self, written: &Written<'_>) -> AnnotatedRow {
        let document = written.document;
        AnnotatedRow {
            doc_id: document.id.clone(),
            title: Some(document.title.clone()),
            sentences: self.sentences(document),
            tokens: document.sentences.iter().flatten().map(token).collect(),
            entities: document.entities.iter().map(entity).collect(),
            mentions: mentions(document),
            pairs: pairs(document),
            facts: self.facts(written),
        }
    }

    fn sentences(&self, document: &Document) -> Vec<Sentence> {
        let sentence = |((place, tokens), (token_start, n_tokens)): ((u32, &Vec<document::Token>), (u32, u32))| {
            let of = |token: Option<&document::Token>| token.and_then(|token| token.characters);
            let characters = of(tokens.first()).zip(of(tokens.last()));
            Sentence {
                token_start,
                token_end: token_start + n_tokens,
                text: self.has_text.then(|| document.text_of(place, tokens)),
                char_start: characters.map(|((start, _), _)| start),
                char_end: characters.map(|(_, (_, end))| end),
            }
        };
        (0..).zip(&document.sentences).zip(sentence_spans(&document.sentences)).map(sentence).collect()
    }

    fn facts(&self, written: &Written<'_>) -> Option<Vec<Fact>> {
        let RelationWords { labels, undirected } = &self.words;
        let fact = |claim: &crate::writer::Claim| Fact {
            head: claim.head,
            tail: claim.tail,
            relation: claim.relation.clone(),
            label: labels.get(&claim.relation).cloned(),
            undirected: Some(undirected.contains(&claim.relation)),
            evidence: Some(claim.evidence.clone()),
            attributes: Some(claim.attributes.clone()),
        };
        written.claims.as_ref().map(|claims| claims.iter().map(fact).collect())
    }
}

fn token(token: &document::Token) -> Token {
    let characters = token.characters;
    Token {
        text: token.text.clone(),
        char_start: characters.map(|(start, _)| start),
        char_end: characters.map(|(_, end)| end),
    }
}

fn entity(entity: &document::Entity) -> Entity {
    Entity { name: Some(entity.name()), r#type: Some(entity.kind()), kb_id: entity.kb_id.clone() }
}

fn mentions(document: &Document) -> Vec<Mention> {
    let mention = |entity_id: Option<u32>, mention: &document::Mention| Mention {
        entity_id,
        token_start: mention.start,
        token_end: mention.end,
        name: mention.name.clone(),
        r#type: mention.kind.clone(),
    };
    let of_entities = (0..)
        .zip(&document.entities)
        .flat_map(|(place, entity)| entity.mentions.iter().map(move |own| mention(Some(place), own)));
    of_entities.chain(document.loose_mentions.iter().map(|loose| mention(None, loose))).collect()
}

/// The pairs that are asked about; `None` where they are all that there are.
fn pairs(document: &Document) -> Option<Vec<Pair>> {
    let (asked, n_entities) = (document.asked.as_ref()?, document.entities.len());
    if document.left_out.is_empty() && asked.len() == n_entities * n_entities.saturating_sub(1) {
        return None;
    }
    let pair = |&(head, tail): &(u32, u32)| {
        let candidate = Some(!document.left_out.contains(&(head, tail)));
        Pair { head, tail, candidate }
    };
    Some(asked.iter().map(pair).collect())
}

/// How much a row holds: tokens and pairs.
pub fn size(row: &AnnotatedRow) -> usize {
    row.tokens.len() + row.pairs.as_ref().map_or(0, Vec::len)
}
