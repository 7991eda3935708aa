//! A document in memory, between a source format and the corpus tables, and the checks every document must pass.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use ground::excerpt::quoted;
use ground::spacing;
use submission::places::LOST_ENTITY;
use table::{MOST_EMPTY, Text};

use crate::fault::{Fault, Loss, Part, Remark};

/// What a relation is called that is none, in any case.
const NO_RELATION: &str = "na";
/// What is told of it.
pub const NO_RELATIONS: &str = "labels that say there is no relation, passed over";
/// What is told of relations about which a source says two things.
pub const CONTRADICTED: &str = "relations that are given again with other attributes, all of which are kept";
/// An attribute that can have several values.
const NOTE: &str = "note";

/// Bytes of a name that stands in many rows at most: of a document, of a type.
const LONGEST_NAME: usize = 2_000;

/// A document with marked entities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its name, unique in the corpus.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// Its sentences in order. A sentence may be empty.
    pub sentences: Vec<Vec<Token>>,
    /// The text of sentences that is not what their tokens and [blanks](ground::spacing) between these make.
    pub uneven: BTreeMap<u32, Text>,
    /// Its entities; an entity's place here is its `entity_id`.
    pub entities: Vec<Entity>,
    /// Mentions to which the source gives no identity: kept, never part of a pair.
    pub loose_mentions: Vec<Mention>,
    /// The relations that hold; `None` where the source is unlabelled.
    pub facts: Option<Vec<Fact>>,
    /// How many relations of the source these facts are, by name, where one relation can be several facts; `None`: a fact
    /// each.
    pub n_relations: Option<BTreeMap<Text, u64>>,
    /// Pairs (head, tail) that the source itself keeps out of training and scoring.
    pub left_out: BTreeSet<(u32, u32)>,
    /// The only pairs (head, tail) that the source asks about; `None`: the options decide.
    pub asked: Option<BTreeSet<(u32, u32)>>,
    /// What the source says beside this, and is wrong.
    pub losses: Vec<Loss>,
    /// What was taken in another way than it stands in the source.
    pub remarks: Vec<Remark>,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// `entity_id` of the head.
    pub head: u32,
    /// `entity_id` of the tail.
    pub tail: u32,
    /// The relation's name.
    pub relation: Text,
    /// The sentences that support it, ascending.
    pub evidence: Vec<u32>,
    /// What else the source says of it, as `name=value`, in order: `novelty=Novel`.
    pub attributes: Vec<Text>,
}

impl Fact {
    /// Whether its name says that there is no relation.
    pub fn is_none(&self) -> bool {
        self.relation.eq_ignore_ascii_case(NO_RELATION)
    }

    /// Takes up what is said of it where it is given again; what of that contradicts what is known, as an example.
    pub fn say_also(&mut self, attributes: Vec<Text>) -> Option<String> {
        let known = |attribute: &Text| {
            let (name, _) = attribute.split_once('=').filter(|(name, _)| *name != NOTE)?;
            self.attributes.iter().find(|known| known.split_once('=').is_some_and(|(other, _)| other == name))
        };
        let mut news = attributes.iter().filter(|attribute| !self.attributes.contains(attribute));
        let other = news.find_map(|attribute| Some((known(attribute)?, attribute)));
        let told = other.map(|(known, other)| format!("{}: `{known}`, then `{other}`", column_of(self)));
        self.attributes.extend(attributes);
        self.attributes.sort_unstable();
        self.attributes.dedup();
        told
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

/// The first token of each sentence, and how many it has.
pub fn sentence_spans(sentences: &[Vec<Token>]) -> Vec<(u32, u32)> {
    let span = |start: &mut u32, sentence: &Vec<Token>| {
        let (first, n_tokens) = (*start, ground::whole(sentence.len()));
        *start += n_tokens;
        Some((first, n_tokens))
    };
    sentences.iter().scan(0, span).collect()
}

impl Document {
    /// Takes out what is wrong by itself, so that the rest can stand: see [`Document::losses`]. Facts are put in order,
    /// each once, with all the evidence and attributes given for it.
    ///
    /// Entities whose last mention goes are taken out too, and those after them move up.
    ///
    /// # Errors
    /// A name that is empty or very long, or sentences without number: nothing can be made of such a document.
    pub fn sound(mut self) -> Result<Self, Fault> {
        if self.id.trim().is_empty() {
            return Err(Fault::new("doc_id", "expected the document's name, got none"));
        }
        check_length("doc_id", &self.id)?;
        self.check_sentences()?;
        self.drop_mentions();
        self.drop_entities();
        if let Some(facts) = self.facts.take() {
            let sound = facts.into_iter().filter_map(|fact| self.sound_fact(fact)).collect();
            self.facts = Some(once_each(sound, &mut self.remarks));
        }
        Ok(self)
    }

    /// Refuses more sentences than readers of its tables take.
    fn check_sentences(&self) -> Result<(), Fault> {
        let (n_sentences, n_tokens) = (self.sentences.len(), self.sentences.iter().map(Vec::len).sum::<usize>());
        let most = n_tokens + MOST_EMPTY;
        if n_sentences <= most {
            return Ok(());
        }
        Err(Fault::new("sentences", format!("expected at most {most}, as it has {n_tokens} tokens, got {n_sentences}")))
    }

    /// The text of one of its sentences.
    pub fn text_of(&self, sentence: u32, tokens: &[Token]) -> Text {
        let placed = tokens.iter().map(|token| (&*token.text, token.characters));
        self.uneven.get(&sentence).cloned().unwrap_or_else(|| spacing::text(placed).into())
    }

    /// How many relations of the source its facts are, by name.
    pub fn relations(&self) -> BTreeMap<Text, u64> {
        let Some(facts) = &self.facts else { return BTreeMap::new() };
        let each = || {
            let mut each = BTreeMap::new();
            facts.iter().for_each(|fact| *each.entry(fact.relation.clone()).or_default() += 1);
            each
        };
        self.n_relations.clone().unwrap_or_else(each)
    }

    /// Notes the loss of a fact, which is one relation of the source less.
    fn lose_fact(&mut self, fact: &Fact, reason: impl Into<String>) {
        let count = self.n_relations.as_mut().and_then(|relations| relations.get_mut(&fact.relation));
        count.into_iter().for_each(|count| *count = count.saturating_sub(1));
        self.lose(Part::Relation, Fault::new(column_of(fact), reason));
    }

    /// Notes the loss of a part.
    pub fn lose(&mut self, part: Part, fault: Fault) {
        self.losses.push(Loss::new(part, fault));
    }

    /// Takes out mentions outside their sentences, or without tokens.
    fn drop_mentions(&mut self) {
        let sentences = sentence_spans(&self.sentences);
        let losses = &mut self.losses;
        let mut is_sound = |mention: &Mention| match check_mention(mention, &sentences) {
            Ok(()) => true,
            Err(fault) => {
                losses.push(Loss::new(Part::Mention, fault));
                false
            }
        };
        for entity in &mut self.entities {
            entity.mentions.retain(&mut is_sound);
        }
        self.loose_mentions.retain(is_sound);
    }

    /// Takes out entities without mentions, and what names them.
    fn drop_entities(&mut self) {
        if self.entities.iter().all(|entity| !entity.mentions.is_empty()) {
            return;
        }
        let (mut places, mut kept) = (Vec::with_capacity(self.entities.len()), 0);
        for (place, entity) in self.entities.iter().enumerate() {
            let stays = !entity.mentions.is_empty();
            places.push(stays.then_some(kept));
            kept += u32::from(stays);
            if !stays {
                let reason = "expected at least one mention, got none; the entities after it move up by one";
                self.losses.push(Loss::new(Part::Entity, Fault::new(format!("{LOST_ENTITY}{place}"), reason)));
            }
        }
        self.entities.retain(|entity| !entity.mentions.is_empty());
        let moved = |entity: u32| places.get(entity as usize).copied().flatten();
        let both = |&(head, tail): &(u32, u32)| moved(head).zip(moved(tail));
        self.left_out = self.left_out.iter().filter_map(both).collect();
        self.asked = self.asked.as_ref().map(|asked| asked.iter().filter_map(both).collect());
        let Some(facts) = self.facts.take() else { return };
        let mut left = Vec::with_capacity(facts.len());
        for fact in facts {
            match both(&(fact.head, fact.tail)) {
                Some((head, tail)) => left.push(Fact { head, tail, ..fact }),
                // What is out of range has a fault of its own, and no place to move to.
                None if fact.head.max(fact.tail) as usize >= places.len() => {
                    self.lose_fact(&fact, out_of_range(&fact, places.len()));
                }
                None => self.lose_fact(&fact, "expected entities with mentions, got one without"),
            }
        }
        self.facts = Some(left);
    }

    /// The fact without evidence that is not there; `None` where it is wrong itself.
    fn sound_fact(&mut self, mut fact: Fact) -> Option<Fact> {
        if fact.is_none() {
            self.remarks.push(Remark { what: NO_RELATIONS, example: column_of(&fact) });
            self.n_relations.as_mut().and_then(|relations| relations.remove(&fact.relation));
            return None;
        }
        let n_entities = self.entities.len();
        let reason = if fact.head.max(fact.tail) as usize >= n_entities {
            Some(out_of_range(&fact, n_entities))
        } else if fact.head == fact.tail {
            Some("expected two entities, got one and the same".to_owned())
        } else if fact.relation.is_empty() {
            Some("expected the relation's name, got none".to_owned())
        } else {
            None
        };
        if let Some(reason) = reason {
            self.lose_fact(&fact, reason);
            return None;
        }
        let n_sentences = self.sentences.len();
        let column = column_of(&fact);
        for sentence in fact.evidence.extract_if(.., |sentence| *sentence as usize >= n_sentences) {
            let reason = format!("evidence {sentence} is out of range, the document has {n_sentences} sentences");
            self.losses.push(Loss::new(Part::Evidence, Fault::new(column.clone(), reason)));
        }
        Some(fact)
    }
}

/// Refuses a name that many rows repeat, and that would fill the memory where it is long.
///
/// # Errors
/// Where it is longer than 2,000 bytes.
pub fn check_length(column: &str, name: &str) -> Result<(), Fault> {
    let length = name.len();
    let reason = || format!("expected at most {LONGEST_NAME} bytes, got {length}: {}", quoted(name));
    if length <= LONGEST_NAME { Ok(()) } else { Err(Fault::new(column, reason())) }
}

fn check_mention(mention: &Mention, sentences: &[(u32, u32)]) -> Result<(), Fault> {
    if mention.kind.is_empty() {
        return Err(Fault::new(format!("mention {}", quoted(&mention.name)), "expected its type, got none"));
    }
    check_length("type", &mention.kind)?;
    let place = mention.sentence as usize;
    let (start, n_tokens) = sentences.get(place).copied().unwrap_or_default();
    if start <= mention.start && mention.start < mention.end && mention.end - start <= n_tokens {
        return Ok(());
    }
    let reason = format!(
        "expected a span of at least one of the {n_tokens} tokens of sentence {}, got tokens {} to {}",
        mention.sentence, mention.start, mention.end
    );
    Err(Fault::new(format!("mention {}", quoted(&mention.name)), reason))
}

fn out_of_range(fact: &Fact, n_entities: usize) -> String {
    let end = if fact.head as usize >= n_entities { fact.head } else { fact.tail };
    format!("entity {end} is out of range, the document has {n_entities} entities")
}

fn column_of(fact: &Fact) -> String {
    format!("fact ({}, {}, {})", fact.head, fact.tail, quoted(&fact.relation))
}

/// The facts in order; one that is given several times has the union of its evidence and attributes.
fn once_each(facts: Vec<Fact>, remarks: &mut Vec<Remark>) -> Vec<Fact> {
    let mut joined: BTreeMap<(u32, u32, Text), Fact> = BTreeMap::new();
    for mut fact in facts {
        let (evidence, attributes) = (mem::take(&mut fact.evidence), mem::take(&mut fact.attributes));
        let known = joined.entry((fact.head, fact.tail, fact.relation.clone())).or_insert(fact);
        known.evidence.extend(evidence);
        let other = known.say_also(attributes);
        remarks.extend(other.map(|example| Remark { what: CONTRADICTED, example }));
    }
    let sorted = |mut fact: Fact| {
        fact.evidence.sort_unstable();
        fact.evidence.dedup();
        fact
    };
    joined.into_values().map(sorted).collect()
}
