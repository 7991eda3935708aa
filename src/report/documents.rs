//! A split's tables and predicted facts → documents as the reader shows them, each fact with its verdict.

use std::collections::{BTreeMap, btree_map::Entry};
use std::path::Path;

use serde::Serialize;

use ground::counts::Verdict;
use table::rows::{EntityRow, FactRow, MentionRow, PairRow, RelationRow, TokenRow};
use table::{Table, TableError, Text, Walk};

use crate::detokenize::sentences;

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Its name in the corpus.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// Whether it is known which relations hold.
    pub labelled: bool,
    /// Its sentences: tokens, each with the space before it, if there is one.
    pub sentences: Vec<Vec<String>>,
    /// Its entities, by `entity_id`.
    pub entities: Vec<Entity>,
    /// Its mentions.
    pub mentions: Vec<Mention>,
    /// What is gold or predicted, sorted by head, tail and relation.
    pub facts: Vec<Fact>,
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entity {
    /// The name of its first mention.
    pub name: Text,
    /// Its type.
    pub r#type: Text,
    /// Its identifier in a knowledge base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kb_id: Option<Text>,
}

/// A mention: half-open, in tokens of the document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mention {
    /// The entity that it names, where the source says which.
    pub entity: Option<u32>,
    /// Its first token.
    pub start: u32,
    /// One past its last.
    pub end: u32,
    /// Its type.
    pub r#type: Text,
}

/// A fact that is gold, predicted or both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// The entity that is its head.
    pub head: u32,
    /// The entity that is its tail.
    pub tail: u32,
    /// The relation.
    pub relation: Text,
    /// What became of it.
    pub verdict: Verdict,
    /// Sentences between the closest mentions of the two.
    pub distance: Option<u32>,
    /// The prediction's probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// The same before inference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<f32>,
    /// The iteration of inference at which it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// Gold evidence: sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u32>,
    /// How far the prediction's logit lies above the threshold's.
    #[serde(skip)]
    pub margin: Option<f32>,
}

/// A split, walked document by document; a document's rows are all that is in memory, but for the predictions.
pub struct Split {
    walk: Walk<(TokenRow, EntityRow, MentionRow, PairRow, FactRow)>,
    predictions: BTreeMap<Text, Vec<RelationRow>>,
}

impl Split {
    /// The start of a split; `relations` is the table of predicted facts, in any order.
    ///
    /// # Errors
    /// Where a table is missing or not as its schema says.
    pub fn open(folder: &Path, relations: Option<&Path>) -> Result<Self, TableError> {
        let mut predictions: BTreeMap<Text, Vec<RelationRow>> = BTreeMap::new();
        if let Some(path) = relations {
            for row in Table::<RelationRow>::require_at(path)?.rows()? {
                let row = row?;
                predictions.entry(row.doc_id.clone()).or_default().push(row);
            }
        }
        Ok(Self { walk: Walk::open(folder)?, predictions })
    }

    /// The next document; `None` behind the last.
    ///
    /// # Errors
    /// Where a table is damaged, or has rows of no document.
    pub fn next(&mut self) -> Result<Option<Document>, TableError> {
        let Some((row, (tokens, entities, mentions, pairs, gold))) = self.walk.next().transpose()? else {
            return Ok(None);
        };
        let id = row.doc_id;
        let predicted = self.predictions.remove(&id).unwrap_or_default();
        Ok(Some(Document {
            id,
            title: row.title,
            labelled: row.labelled,
            sentences: sentences(&tokens, row.n_sentences),
            entities: entities.into_iter().map(Entity::from).collect(),
            mentions: mentions.into_iter().map(Mention::from).collect(),
            facts: judged(row.labelled, gold, predicted, &pairs),
        }))
    }

    /// Predictions of documents that the split has not, once it was walked: wrong ones.
    pub fn strays(self) -> impl Iterator<Item = Fact> {
        self.predictions.into_values().flat_map(|rows| judged(true, Vec::new(), rows, &[]))
    }
}

impl From<EntityRow> for Entity {
    fn from(EntityRow { name, r#type, kb_id, .. }: EntityRow) -> Self {
        Self { name, r#type, kb_id }
    }
}

impl From<MentionRow> for Mention {
    fn from(MentionRow { entity_id, token_start, token_end, r#type, .. }: MentionRow) -> Self {
        Self { entity: entity_id, start: token_start, end: token_end, r#type }
    }
}

/// Gold and predicted facts of a document as sets, put side by side. Pairs that are no candidates do not count.
fn judged(labelled: bool, gold: Vec<FactRow>, predicted: Vec<RelationRow>, pairs: &[PairRow]) -> Vec<Fact> {
    let asked: BTreeMap<(u32, u32), &PairRow> = pairs.iter().map(|pair| ((pair.head, pair.tail), pair)).collect();
    let mut facts = BTreeMap::new();
    for row in gold {
        facts.insert((row.head, row.tail, row.relation.clone()), missed(row));
    }
    let unpredicted = if labelled { Verdict::Wrong } else { Verdict::Unjudged };
    for row in predicted {
        match facts.entry((row.head, row.tail, row.relation.clone())) {
            Entry::Vacant(place) => drop(place.insert(with_prediction(Fact::new(&row, unpredicted), &row))),
            Entry::Occupied(mut place) if place.get().margin.is_none() => {
                let fact = Fact { verdict: Verdict::Correct, ..place.get().clone() };
                place.insert(with_prediction(fact, &row));
            }
            Entry::Occupied(_) => {}
        }
    }
    let pair = |fact: &Fact| asked.get(&(fact.head, fact.tail)).copied();
    let facts = facts.into_values().filter(|fact| pair(fact).is_none_or(|pair| pair.candidate));
    facts.map(|fact| Fact { distance: pair(&fact).map(|pair| pair.sentence_distance), ..fact }).collect()
}

impl Fact {
    fn new(row: &RelationRow, verdict: Verdict) -> Self {
        Self {
            head: row.head,
            tail: row.tail,
            relation: row.relation.clone(),
            verdict,
            distance: None,
            probability: None,
            base: None,
            iteration: None,
            evidence: Vec::new(),
            margin: None,
        }
    }
}

fn missed(FactRow { head, tail, relation, evidence, .. }: FactRow) -> Fact {
    let verdict = Verdict::Missed;
    let (distance, probability, base, iteration, margin) = (None, None, None, None, None);
    Fact { head, tail, relation, verdict, distance, probability, base, iteration, evidence, margin }
}

fn with_prediction(fact: Fact, row: &RelationRow) -> Fact {
    Fact {
        probability: Some(rounded(row.probability)),
        base: row.base_probability.map(rounded),
        iteration: row.iteration,
        margin: Some(row.logit - row.threshold_logit),
        ..fact
    }
}

/// To four places: no reader sees more.
fn rounded(share: f32) -> f32 {
    (share * 1e4).round() / 1e4
}
