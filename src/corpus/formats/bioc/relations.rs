//! What the relations of a document say, in any of their dialects: one end, one end and a name each.
//!
//! | dialect | ends |
//! | --- | --- |
//! | `BioC`'s own | two nodes that refer to annotations |
//! | `BioRED` | infons `entity1`, `entity2`: ids |
//! | `PubTator` 3 | infons `role1`, `role2`: `Type|ID` |
//! | CDR | infons named by types: `Chemical`, `Disease`: ids |
//!
//! Where a relation has ids, its nodes are passed over: `PubTator` 3 numbers pairs by them. What else an infon says of
//! a relation is an attribute of it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ground::excerpt::quoted;
use table::Text;

use super::super::dialect::Bars;
use super::super::ids::things;
use super::entities::{End, Said};
use super::model::{Article, Relation};
use crate::fault::Fault;

/// Keys of a relation's name.
const NAMES: [&str; 4] = ["type", "relation", "relation_type", "relation type"];
/// Keys of its two ends.
const ENDS: [(&str, &str, bool); 2] = [("entity1", "entity2", false), ("role1", "role2", true)];
/// The roles of nodes by which docre writes head and tail.
pub(super) const ROLES: [&str; 2] = ["head", "tail"];
/// The infon by which docre writes the sentences that show a relation.
pub(super) const EVIDENCE: &str = "docre:evidence";
/// Attributes that have another name here.
pub(super) const RENAMED: [(&str, &str); 1] = [("novel", "novelty")];
/// Bytes of what is said of a relation at most.
const LONGEST_ATTRIBUTE: usize = 200;

/// Pairs that one relation of lists may mean at most.
const MOST_PAIRS: usize = 10_000;

/// One relation of two things.
#[derive(Debug, Clone)]
pub(super) struct Claimed<'a> {
    /// Where it stands, for faults.
    pub(super) column: String,
    /// Its name.
    pub(super) name: &'a str,
    /// Its first end.
    pub(super) head: End<'a>,
    /// Its second.
    pub(super) tail: End<'a>,
    /// The sentences that show it.
    pub(super) evidence: Vec<u32>,
    /// What else is said of it.
    pub(super) attributes: Vec<Text>,
    /// The passage that it stands in.
    pub(super) passage: Option<usize>,
}

/// What relations may refer to.
pub(super) struct Context<'a, 's> {
    /// Of each annotation what it says of itself.
    pub(super) said: &'s [Option<Said<'a>>],
    /// Their types.
    pub(super) kinds: HashSet<&'a str>,
    /// The annotations by their ids.
    pub(super) by_id: HashMap<&'a str, usize>,
    /// What `|` means.
    pub(super) bars: Bars,
}

/// The relations of a document, those of its passages first, or what is wrong with one.
pub(super) fn claimed<'a>(article: &'a Article<'a>, context: &Context<'a, '_>) -> Vec<Result<Claimed<'a>, Fault>> {
    let mut claimed = Vec::new();
    let mut add = |relation: &'a Relation<'a>, passage| match context.read(relation, passage) {
        Ok(read) => claimed.extend(read.into_iter().map(Ok)),
        Err(fault) => claimed.push(Err(fault)),
    };
    for (number, passage) in article.passages.iter().enumerate() {
        for part in std::iter::once(passage).chain(&passage.sentences) {
            part.relations.iter().for_each(|relation| add(relation, Some(number)));
        }
    }
    article.relations.iter().for_each(|relation| add(relation, None));
    claimed
}

impl<'a> Context<'a, '_> {
    /// The relations of each thing at one end with each at the other.
    fn read(&self, relation: &'a Relation<'a>, passage: Option<usize>) -> Result<Vec<Claimed<'a>>, Fault> {
        let column = format!("relation {}", quoted(&relation.id));
        let fault = |reason: String| Fault::new(column.clone(), reason);
        let name = relation.infons.get(&NAMES).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| fault("expected an infon `type`, got none".to_owned()))?;
        let (heads, tails, keys) = self.ends(relation).map_err(fault)?;
        if heads.len().saturating_mul(tails.len()) > MOST_PAIRS {
            let got = format!("{} and {}", heads.len(), tails.len());
            return Err(fault(format!("expected at most {MOST_PAIRS} pairs of things at its ends, got {got} things")));
        }
        let claim = |head: &End<'a>, tail: &End<'a>| Claimed {
            column: column.clone(),
            name,
            head: head.clone(),
            tail: tail.clone(),
            evidence: evidence(relation),
            attributes: attributes(relation, &keys),
            passage,
        };
        Ok(heads.iter().flat_map(|head| tails.iter().map(|tail| claim(head, tail)).collect::<Vec<_>>()).collect())
    }

    /// The things at both ends, and the keys of the infons that say so.
    #[expect(clippy::type_complexity, reason = "two lists and the keys they came by")]
    fn ends(&self, relation: &'a Relation<'a>) -> Result<(Vec<End<'a>>, Vec<End<'a>>, Vec<&'a str>), String> {
        if let [head, tail] = relation.nodes.as_slice()
            && [&*head.1, &*tail.1] == ROLES
        {
            return Ok((self.mentioned(&head.0)?, self.mentioned(&tail.0)?, Vec::new()));
        }
        for (first, second, is_typed) in ENDS {
            if let (Some(head), Some(tail)) = (relation.infons.get(&[first]), relation.infons.get(&[second])) {
                return Ok((self.known(head, is_typed, None), self.known(tail, is_typed, None), vec![first, second]));
            }
        }
        if let [(head, tail)] = relation.nodes.windows(2).filter_map(pair).collect::<Vec<_>>()[..] {
            return Ok((self.mentioned(head)?, self.mentioned(tail)?, Vec::new()));
        }
        let typed: Vec<_> = relation.infons.0.iter().filter(|(key, _)| self.kinds.contains(&**key)).collect();
        if let [(first, head), (second, tail)] = typed[..] {
            let ends = (self.known(head, false, Some(first)), self.known(tail, false, Some(second)));
            return Ok((ends.0, ends.1, vec![first, second]));
        }
        Err(format!("expected two ends, as nodes or infons, got {} nodes", relation.nodes.len()))
    }

    /// The things of ids, each with its type before it where `is_typed`.
    fn known(&self, ids: &'a str, is_typed: bool, kind: Option<&'a str>) -> Vec<End<'a>> {
        let (kind, ids) = match ids.split_once('|') {
            Some((kind, ids)) if is_typed => (Some(kind.trim()), ids),
            _ => (kind, ids),
        };
        let first = |thing: Vec<Cow<'a, str>>| thing.into_iter().next();
        things(ids, self.bars).into_iter().filter_map(first).map(|id| End::Known(id, kind)).collect()
    }

    /// The things that an annotation mentions.
    fn mentioned(&self, refid: &str) -> Result<Vec<End<'a>>, String> {
        let found = self.by_id.get(refid).and_then(|&place| Some((place, self.said.get(place)?.as_ref()?)));
        let Some((place, said)) = found else {
            return Err(format!("expected the id of an annotation, got {}", quoted(refid)));
        };
        let known = |thing: &Vec<Cow<'a, str>>| Some(End::Known(thing.first()?.clone(), Some(said.kind)));
        Ok(match said.local {
            Some(local) => vec![End::Local(local)],
            None if said.things.is_empty() => vec![End::Mentioned(place)],
            None => said.things.iter().filter_map(known).collect(),
        })
    }
}

/// Two nodes next to each other.
fn pair<'n>(nodes: &'n [(Cow<'_, str>, Cow<'_, str>)]) -> Option<(&'n str, &'n str)> {
    let [(head, _), (tail, _)] = nodes else { return None };
    Some((head, tail))
}

fn evidence(relation: &Relation) -> Vec<u32> {
    let said = relation.infons.get(&[EVIDENCE]).unwrap_or_default();
    said.split(',').filter_map(|sentence| sentence.trim().parse().ok()).collect()
}

/// What is said of a relation beside its name and ends.
fn attributes(relation: &Relation, ends: &[&str]) -> Vec<Text> {
    let is_other = |key: &str| {
        let mut own = NAMES.iter().chain([&EVIDENCE]).chain(ends);
        !own.any(|own| key.eq_ignore_ascii_case(own))
            && ENDS.iter().all(|(first, second, _)| key != *first && key != *second)
    };
    let attribute = |(key, value): &(Cow<str>, Cow<str>)| {
        let renamed = RENAMED.iter().find(|(from, _)| key.eq_ignore_ascii_case(from)).map_or(&**key, |(_, to)| to);
        let (renamed, value) = (renamed.trim(), value.trim());
        let is_fit = !renamed.is_empty() && !value.is_empty() && renamed.len() + value.len() < LONGEST_ATTRIBUTE;
        (is_other(key) && is_fit).then(|| format!("{renamed}={value}").into())
    };
    relation.infons.0.iter().filter_map(attribute).collect()
}
