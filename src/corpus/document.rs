//! A document in memory, between a source format and the corpus tables, and the checks every document must pass.

use std::collections::{BTreeMap, BTreeSet};

use ground::excerpt::quoted;
use table::Text;

/// A document with marked entities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique in the corpus.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// Its sentences in order. A sentence may be empty.
    pub sentences: Vec<Vec<Token>>,
    /// Its entities; an entity's place here is its `entity_id`.
    pub entities: Vec<Entity>,
    /// Mentions to which the source gives no identity: kept, never part of a pair.
    pub loose_mentions: Vec<Mention>,
    /// The relations that hold; `None` where the source is unlabelled.
    pub facts: Option<Vec<Fact>>,
    /// Pairs (head, tail) that the source itself keeps out of training and scoring.
    pub left_out: BTreeSet<(u32, u32)>,
    /// The only pairs (head, tail) that the source asks about; `None`: the options decide.
    pub asked: Option<BTreeSet<(u32, u32)>>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its text.
    pub text: Text,
    /// First and one past the last character in the source's text, in Unicode scalar values, where the source has text.
    pub characters: Option<(u32, u32)>,
}

/// An entity: the mentions of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its identifier in a knowledge base.
    pub kb_id: Option<Text>,
    /// Its mentions in the order of the source, at least one.
    pub mentions: Vec<Mention>,
}

/// A mention of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The mention as the source writes it.
    pub name: Text,
    /// Its type.
    pub kind: Text,
    /// The sentence that holds it.
    pub sentence: u32,
    /// Its first token, within the document.
    pub start: u32,
    /// One past its last token, within the document.
    pub end: u32,
}

/// A relation that holds between two entities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// `entity_id` of the head.
    pub head: u32,
    /// `entity_id` of the tail.
    pub tail: u32,
    /// The relation's name.
    pub relation: Text,
    /// The sentences that support it, ascending.
    pub evidence: Vec<u32>,
}

/// What is wrong with one record of a source file, and where in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, as a path: `vertexSet[3][0].pos`.
    pub column: String,
    /// Expected, then got.
    pub reason: String,
}

impl Fault {
    /// A fault of the given field.
    pub fn new(column: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { column: column.into(), reason: reason.into() }
    }
}

impl Entity {
    /// Its name: that of its first mention.
    pub fn name(&self) -> Text {
        self.mentions.first().map(|mention| mention.name.clone()).unwrap_or_default()
    }

    /// Its type: that of its first mention.
    pub fn kind(&self) -> Text {
        self.mentions.first().map(|mention| mention.kind.clone()).unwrap_or_default()
    }
}

/// Tokens before a sentence.
pub fn offset_of(sentences: &[Vec<Token>], sentence: u32) -> u32 {
    let before = sentences.iter().take(sentence as usize).map(Vec::len).sum::<usize>();
    ground::whole(before)
}

impl Document {
    /// Checks what every format owes, and puts the facts in order, each once, with all the evidence given for it.
    ///
    /// # Errors
    /// The first fault: a name that is empty, a mention outside its sentence or without tokens, an entity without
    /// mentions, a fact that names an entity or sentence that is not there or joins an entity to itself.
    pub fn check(mut self) -> Result<Self, Fault> {
        if self.id.trim().is_empty() {
            return Err(Fault::new("doc_id", "expected the document's name, got none"));
        }
        let mentions = self.entities.iter().flat_map(|entity| &entity.mentions).chain(&self.loose_mentions);
        for mention in mentions {
            self.check_mention(mention)?;
        }
        if let Some(place) = self.entities.iter().position(|entity| entity.mentions.is_empty()) {
            return Err(Fault::new(format!("entity {place}"), "expected at least one mention, got none"));
        }
        if let Some(facts) = self.facts.take() {
            for fact in &facts {
                self.check_fact(fact)?;
            }
            self.facts = Some(once_each(facts));
        }
        Ok(self)
    }

    fn check_mention(&self, mention: &Mention) -> Result<(), Fault> {
        let start = offset_of(&self.sentences, mention.sentence);
        let n_tokens = self.sentences.get(mention.sentence as usize).map_or(0, Vec::len);
        if start <= mention.start && mention.start < mention.end && (mention.end - start) as usize <= n_tokens {
            return Ok(());
        }
        let reason = format!(
            "expected a span of at least one of the {n_tokens} tokens of sentence {}, got tokens {} to {}",
            mention.sentence, mention.start, mention.end
        );
        Err(Fault::new(format!("mention {}", quoted(&mention.name)), reason))
    }

    fn check_fact(&self, fact: &Fact) -> Result<(), Fault> {
        let column = || format!("fact ({}, {}, {})", fact.head, fact.tail, quoted(&fact.relation));
        let n_entities = self.entities.len();
        if let Some(end) = [fact.head, fact.tail].into_iter().find(|&end| end as usize >= n_entities) {
            let reason = format!("entity {end} is out of range, the document has {n_entities} entities");
            return Err(Fault::new(column(), reason));
        }
        if fact.head == fact.tail {
            return Err(Fault::new(column(), "expected two entities, got one and the same"));
        }
        if fact.relation.is_empty() {
            return Err(Fault::new(column(), "expected the relation's name, got none"));
        }
        let n_sentences = self.sentences.len();
        match fact.evidence.iter().find(|&&sentence| sentence as usize >= n_sentences) {
            None => Ok(()),
            Some(sentence) => {
                let reason = format!("evidence {sentence} is out of range, the document has {n_sentences} sentences");
                Err(Fault::new(column(), reason))
            }
        }
    }
}

/// The facts in order; one that is given several times has the union of its evidence.
fn once_each(facts: Vec<Fact>) -> Vec<Fact> {
    let mut evidence: BTreeMap<(u32, u32, Text), BTreeSet<u32>> = BTreeMap::new();
    for fact in facts {
        evidence.entry((fact.head, fact.tail, fact.relation)).or_default().extend(fact.evidence);
    }
    let fact = |((head, tail, relation), evidence): (_, BTreeSet<u32>)| Fact {
        head,
        tail,
        relation,
        evidence: evidence.into_iter().collect(),
    };
    evidence.into_iter().map(fact).collect()
}
