//! Synthetic documents: people, places, companies, books and dates, with facts that the text states and facts that it
//! only implies.
//!
//! A document is drawn in three steps, each a module: a cast of entities with names ([`names`]), the facts that hold
//! between them ([`world`], kept [closed](closure) under the [rules]), and the text ([`prose`], in the wordings of
//! [`phrases`]). Its gold facts are exactly the stated ones and all that follows from them, unless there is noise:
//! `label_noise` takes some away, and `false_facts` adds some of the same relations and heads, with other tails of the
//! same types. These no sentence states, and they have no evidence.
//!
//! # Rules
//! `s` is the head, `o` the tail and `i` the bridge.
//!
//! | pattern | if | and | then | because |
//! | --- | --- | --- | --- | --- |
//! | `s>i,i>o` | s place of birth i | i country o | s country of citizenship o | |
//! | | s headquarters location i | i country o | s country o | |
//! | | s part of i | i country o | s country o | |
//! | | s employer i | i part of o | s employer o | the parent company employs them too |
//! | | s spouse i | i child o | s child o | couples have their children together |
//! | `s>i,o>i` | s employer i | o employer i | s partner o | |
//! | | s child i | o child i | s spouse o | |
//! | `o>i,i>s` | i employer s | o author i | s product o | what employees write, their company produces |
//! | | i child s | o child i | s relative o | a relative, here, is a grandparent |
//! | `i>s,i>o` | i child s | i child o | s sibling o | |
//! | | i author s | i author o | s partner o | |
//!
//! Country, employer, child and spouse are premises as well as conclusions, so rules follow upon one another.
//! Spouse, partner and sibling hold in both directions.
//!
//! # What makes an implied fact hard to guess
//! - No sentence mentions both its entities.
//! - Its relation is also stated, of other entities; its premises' relations also stand where no rule applies.
//! - A document dwells on two rules, so several pairs of the right types have an end in a premise of the same rule:
//!   only the bridge tells which belong together.
//! - Distractors put two entities of the right types into one sentence, in words that state nothing, and are joined
//!   by no fact.
//!
//! # Text
//! A fact is stated in one sentence, in one of three wordings or (`paraphrase`) a rarer one. Or (`across`) it takes
//! two: the first is about the head, the second refers back to it, by a pronoun or a short name, which is a mention,
//! or one time in four by `His`, `Her` or `Its`, which is none. These sentences are the fact's evidence; an implied
//! fact's is that of its premises together.

mod closure;
mod names;
mod options;
mod phrases;
mod prose;
mod rules;
pub mod tables;
mod world;

use ground::pattern::Pattern;
use ground::random::Random;
use table::Text;

pub use options::Options;

use self::closure::{Closure, Origin};
use self::names::Cast;
use self::options::MOST_FACTS;
use self::prose::Prose;
use self::rules::{Edge, Relation};
use crate::document::{Document, Entity, Fact};

/// A synthetic document and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The document, with all facts that hold, stated or implied, less what noise takes away, and the false ones that it
    /// adds.
    pub document: Document,
    /// Its implied facts in the order of head, tail and relation.
    pub implied: Vec<Implied>,
}

/// A fact that no sentence states: a row of the `implied` table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Implied {
    /// `entity_id` of the head.
    pub head: u32,
    /// `entity_id` of the tail.
    pub tail: u32,
    /// The relation that follows.
    pub relation: Text,
    /// How the premises meet in the bridge.
    pub pattern: Pattern,
    /// `entity_id` of the bridge.
    pub bridge: u32,
    /// Relation of the premise that joins head and bridge.
    pub first: Text,
    /// Relation of the premise that joins bridge and tail.
    pub second: Text,
    /// Rules on the longest way from stated facts, of the derivation where that is shortest: 1 where both premises are
    /// stated.
    pub depth: u32,
}

/// Each relation's name in the corpus, a property of Wikidata, and its label there.
static RELATION_LABELS: [(&str, &str); Relation::ALL.len()] = {
    let mut labels = [("", ""); Relation::ALL.len()];
    let mut place = 0;
    while place < labels.len() {
        labels[place] = Relation::ALL[place].name_and_label();
        place += 1;
    }
    labels
};

/// Each relation's name in the corpus, a property of Wikidata, and its label there.
pub fn relation_labels() -> &'static [(&'static str, &'static str)] {
    &RELATION_LABELS
}

/// The `index`-th document of the endless corpus that the options describe. It depends on nothing else, so documents
/// can be made in any order and number.
///
/// Options that [`ground::settings::Settings::check`] refuses give documents too, of no promised shape.
pub fn document(options: &Options, index: u64) -> Generated {
    let mut random = Random::stream(options.seed, index);
    let cast = Cast::new(options.facts.min(MOST_FACTS), &mut random);
    let rules = world::rules(options);
    let closure = world::draw(options, &rules, &cast, &mut random);
    let prose = prose::write(options, &closure, &cast, &mut random);
    label(options, index, &closure, prose, &mut random)
}

/// Writes down what holds, less what noise takes away, and what it adds.
fn label(options: &Options, index: u64, closure: &Closure<'_>, prose: Prose, random: &mut Random) -> Generated {
    let mut facts = Vec::new();
    let mut implied = Vec::new();
    for (edge, source, evidence) in with_evidence(closure, &prose) {
        if !random.chance(options.label_noise) {
            facts.extend(fact(edge, evidence, &prose));
            implied.extend(implied_row(edge, source, &prose));
        }
    }
    let added = false_facts(options, closure, &prose, random);
    facts.extend(added);
    facts.sort();
    implied.sort();
    let title: Text = format!("{} {index}", main_name(&prose)).into();
    let Prose { sentences, entities, .. } = prose;
    let document =
        Document { id: title.clone(), title, sentences, entities, facts: Some(facts), ..Document::default() };
    Generated { document, implied }
}

/// What noise adds: for some of the facts that hold one with another tail of the same type, which does not hold. It is
/// drawn behind all else, so that without it documents are the same.
fn false_facts(options: &Options, closure: &Closure<'_>, prose: &Prose, random: &mut Random) -> Vec<Fact> {
    let holding: Vec<Fact> = closure.known().iter().filter_map(|known| fact(known.edge, Vec::new(), prose)).collect();
    let mut added: Vec<Fact> = Vec::new();
    for of in &holding {
        if !random.chance(options.false_facts) {
            continue;
        }
        let with = |(tail, _): (u32, &Entity)| Fact { tail, ..of.clone() };
        let kind = |entity: &Entity| entity.mentions.first().map(|mention| mention.kind.clone());
        let wanted = prose.entities.get(of.tail as usize).and_then(kind);
        let others = (0..).zip(&prose.entities).filter(|(_, entity)| kind(entity) == wanted).map(with);
        let is_new = |fact: &Fact| fact.tail != fact.head && !holding.contains(fact) && !added.contains(fact);
        let others: Vec<Fact> = others.filter(is_new).collect();
        added.extend(random.pick(&others).cloned());
    }
    added
}

/// Each fact with its evidence: the sentences that state it or, for an implied one, its premises.
fn with_evidence(closure: &Closure<'_>, prose: &Prose) -> Vec<(Edge, Origin, Vec<u32>)> {
    let mut known = closure.known().to_vec();
    known.sort_by_key(|known| known.source.depth());
    let mut done: Vec<(Edge, Origin, Vec<u32>)> = Vec::with_capacity(known.len());
    for known in known {
        let mut evidence: Vec<u32> = match known.source {
            Origin::Stated => of_edge(known.edge, prose.statements.iter().map(|(edge, evidence)| (edge, evidence))),
            Origin::Implied { rule, bridge, .. } => {
                let premises = rule.premises(known.edge.head, bridge, known.edge.tail);
                let earlier = || done.iter().map(|(edge, _, evidence)| (edge, evidence));
                premises.into_iter().flat_map(|premise| of_edge(premise, earlier())).collect()
            }
        };
        evidence.sort_unstable();
        evidence.dedup();
        done.push((known.edge, known.source, evidence));
    }
    done
}

fn of_edge<'a>(wanted: Edge, mut evidence: impl Iterator<Item = (&'a Edge, &'a Vec<u32>)>) -> Vec<u32> {
    evidence.find(|(edge, _)| **edge == wanted).map(|(_, sentences)| sentences.clone()).unwrap_or_default()
}

fn fact(edge: Edge, evidence: Vec<u32>, prose: &Prose) -> Option<Fact> {
    let (head, tail) = (prose.place(edge.head)?, prose.place(edge.tail)?);
    Some(Fact { head, tail, relation: edge.relation.name().into(), evidence, ..Fact::default() })
}

fn implied_row(edge: Edge, source: Origin, prose: &Prose) -> Option<Implied> {
    let Origin::Implied { rule, bridge, depth } = source else { return None };
    Some(Implied {
        head: prose.place(edge.head)?,
        tail: prose.place(edge.tail)?,
        relation: edge.relation.name().into(),
        pattern: rule.pattern,
        bridge: prose.place(bridge)?,
        first: rule.first.name().into(),
        second: rule.second.name().into(),
        depth,
    })
}

/// The name of the entity that is mentioned most, the first of several.
fn main_name(prose: &Prose) -> Text {
    let most = prose.entities.iter().rev().max_by_key(|entity| entity.mentions.len());
    most.map(crate::Entity::name).unwrap_or_default()
}
