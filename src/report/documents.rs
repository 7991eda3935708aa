//! A split's tables and predicted facts → documents as the reader shows them, each fact with its verdict.

use std::collections::{BTreeMap, btree_map::Entry};
use std::path::{Path, PathBuf};

use serde::Serialize;

use ground::counts::Verdict;
use table::rows::{DocumentRow, EntityRow, FactRow, MentionRow, PairRow, TokenRow};
use table::{Followers, TableError, Text, Walk};

use crate::detokenize::sentences;
use crate::predictions::{Prediction, Predictions};

/// Tokens of a document that a page has at most, each an element where it is part of a mention.
const MOST_TOKENS: usize = 20_000;
/// Facts of a document that a page has at most, each a line of its list.
const MOST_FACTS: usize = 2_000;

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
    /// How many sentences it has, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_sentences: Option<usize>,
    /// Its entities, by `entity_id`.
    pub entities: Vec<Entity>,
    /// Its mentions.
    pub mentions: Vec<Mention>,
    /// What is gold or predicted, sorted by head, tail and relation.
    pub facts: Vec<Fact>,
    /// How many facts it has, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_facts: Option<usize>,
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

/// A split, walked document by document; a document's rows, but for its pairs, are all that is in memory.
pub struct Split {
    walk: Walk<(TokenRow, EntityRow, MentionRow, FactRow)>,
    pairs: Followers<(PairRow,)>,
    predictions: Predictions,
    position: u32,
}

impl Split {
    /// The start of a split; `relations` is the table of predicted facts, in any order, which are sorted in `scratch`.
    ///
    /// # Errors
    /// Where a table is missing or not as its schema says, or `scratch` cannot be written.
    pub fn open(folder: &Path, relations: Option<&Path>, scratch: PathBuf) -> Result<Self, TableError> {
        let walk = Walk::open(folder)?;
        Ok(Self {
            pairs: Followers::open(folder, walk.standing())?,
            walk,
            predictions: Predictions::sorted(folder, relations, scratch)?,
            position: 0,
        })
    }

    /// The next document; `None` behind the last.
    ///
    /// # Errors
    /// Where a table is damaged, or has rows of no document.
    pub fn next(&mut self) -> Result<Option<Document>, TableError> {
        let Some((row, (tokens, entities, mentions, gold))) = self.walk.next().transpose()? else {
            self.pairs.finish()?;
            return Ok(None);
        };
        let predicted = self.predictions.of(self.position)?;
        self.position += 1;
        let facts = self.judged(&row, gold, predicted)?;
        Ok(Some(Document {
            id: row.doc_id,
            title: row.title,
            labelled: row.labelled,
            sentences: sentences(&tokens, row.n_sentences),
            n_sentences: None,
            entities: entities.into_iter().map(Entity::from).collect(),
            mentions: mentions.into_iter().map(Mention::from).collect(),
            facts,
            n_facts: None,
        }))
    }

    /// The facts of a document, less those of pairs that are no candidates, which do not count.
    fn judged(
        &mut self,
        document: &DocumentRow,
        gold: Vec<FactRow>,
        predicted: Vec<Prediction>,
    ) -> Result<Vec<Fact>, TableError> {
        let mut facts = judged(document.labelled, gold, predicted);
        let mut pairs: BTreeMap<(u32, u32), Option<PairRow>> =
            facts.iter().map(|fact| ((fact.head, fact.tail), None)).collect();
        while let Some(pair) = self.pairs.next_of(&document.doc_id)? {
            if let Some(place) = pairs.get_mut(&(pair.head, pair.tail)) {
                *place = Some(pair);
            }
        }
        let pair = |fact: &Fact| pairs.get(&(fact.head, fact.tail)).and_then(Option::as_ref);
        facts.retain(|fact| pair(fact).is_none_or(|pair| pair.candidate));
        for fact in &mut facts {
            fact.distance = pair(fact).map(|pair| pair.sentence_distance);
        }
        Ok(facts)
    }

    /// Predictions of the next document that the split has not, once it was walked: wrong ones. None behind the last.
    ///
    /// # Errors
    /// Where what was sorted cannot be read.
    pub fn next_strays(&mut self) -> Result<Vec<Fact>, TableError> {
        Ok(judged(true, Vec::new(), self.predictions.next_strays()?))
    }
}

impl Document {
    /// As much of it as a browser can show: the beginning of its text, the mentions in that, and its first facts.
    #[must_use]
    pub fn cut(mut self) -> Self {
        let mut room = MOST_TOKENS;
        let n_sentences = self.sentences.len();
        let mut is_cut = false;
        self.sentences.retain_mut(|sentence| {
            let kept = sentence.len().min(room);
            is_cut |= kept < sentence.len();
            sentence.truncate(kept);
            room -= kept;
            !is_cut || kept > 0
        });
        if is_cut {
            self.n_sentences = Some(n_sentences);
            self.mentions.retain(|mention| mention.end as usize <= MOST_TOKENS);
        }
        if self.facts.len() > MOST_FACTS {
            self.n_facts = Some(self.facts.len());
            self.facts.truncate(MOST_FACTS);
        }
        self
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

/// Gold and predicted facts of a document as sets, put side by side.
fn judged(labelled: bool, gold: Vec<FactRow>, predicted: Vec<Prediction>) -> Vec<Fact> {
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
    facts.into_values().collect()
}

impl Fact {
    fn new(row: &Prediction, verdict: Verdict) -> Self {
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

fn with_prediction(fact: Fact, row: &Prediction) -> Fact {
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
