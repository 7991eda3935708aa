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

use super::entities::{End, Said};
use super::model::{Article, Relation};
use crate::fault::Fault;

/// Keys of a relation's name.
const NAMES: [&str; 4] = ["type", "relation", "relation_type", "relation type"];
/// Keys of its two ends.
const ENDS: [(&str, &str); 2] = [("entity1", "entity2"), ("role1", "role2")];
/// The roles of nodes by which docre writes head and tail.
pub(super) const ROLES: [&str; 2] = ["head", "tail"];
/// The infon by which docre writes the sentences that show a relation.
pub(super) const EVIDENCE: &str = "docre:evidence";
/// Attributes that have another name here.
pub(super) const RENAMED: [(&str, &str); 1] = [("novel", "novelty")];
/// Bytes of what is said of a relation at most.
const LONGEST_ATTRIBUTE: usize = 200;

/// One relation of what ids or annotations name.
#[derive(Debug, Clone)]
pub(super) struct Claimed<'s> {
    /// What it is called.
    pub(super) id: &'s str,
    /// Its name.
    pub(super) name: &'s str,
    /// Its first end.
    pub(super) head: End<'s>,
    /// Its second.
    pub(super) tail: End<'s>,
    /// The sentences that show it.
    pub(super) evidence: Vec<u32>,
    /// What else is said of it.
    pub(super) attributes: Vec<Text>,
    /// The passage that it stands in.
    pub(super) passage: Option<usize>,
}

/// What relations may refer to.
pub(super) struct Context<'s> {
    /// Of each annotation what it says of itself.
    pub(super) said: &'s [Option<Said<'s>>],
    /// Their types.
    pub(super) kinds: HashSet<&'s str>,
    /// The annotations by their ids.
    pub(super) by_id: HashMap<&'s str, usize>,
}

/// The relations of a document, those of its passages first, or what is wrong with one.
pub(super) fn claimed<'s>(article: &'s Article<'s>, context: &Context<'s>) -> Vec<Result<Claimed<'s>, Fault>> {
    let mut claimed = Vec::new();
    for (number, passage) in article.passages.iter().enumerate() {
        for part in std::iter::once(passage).chain(&passage.sentences) {
            claimed.extend(part.relations.iter().map(|relation| context.read(relation, Some(number))));
        }
    }
    claimed.extend(article.relations.iter().map(|relation| context.read(relation, None)));
    claimed
}

impl<'s> Context<'s> {
    fn read(&self, relation: &'s Relation<'s>, passage: Option<usize>) -> Result<Claimed<'s>, Fault> {
        let id = &*relation.id;
        let name = relation.infons.get(&NAMES).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Fault::new(column(id), "expected an infon `type`, got none"))?;
        let (head, tail, keys) = self.ends(relation).map_err(|reason| Fault::new(column(id), reason))?;
        let (evidence, attributes) = (evidence(relation), attributes(relation, &keys));
        Ok(Claimed { id, name, head, tail, evidence, attributes, passage })
    }

    /// Both ends, and the keys of the infons that say so.
    fn ends(&self, relation: &'s Relation<'s>) -> Result<(End<'s>, End<'s>, Vec<&'s str>), String> {
        if let [head, tail] = relation.nodes.as_slice()
            && [&*head.1, &*tail.1] == ROLES
        {
            return Ok((self.mentioned(&head.0)?, self.mentioned(&tail.0)?, Vec::new()));
        }
        for (first, second) in ENDS {
            if let (Some(head), Some(tail)) = (relation.infons.get(&[first]), relation.infons.get(&[second])) {
                return Ok((End::Known(head), End::Known(tail), vec![first, second]));
            }
        }
        if let [head, tail] = relation.nodes.as_slice() {
            return Ok((self.mentioned(&head.0)?, self.mentioned(&tail.0)?, Vec::new()));
        }
        let typed: Vec<_> = relation.infons.0.iter().filter(|(key, _)| self.kinds.contains(&**key)).collect();
        if let [(first, head), (second, tail)] = typed[..] {
            let ends = (End::Typed(first, head.trim()), End::Typed(second, tail.trim()));
            return Ok((ends.0, ends.1, vec![first, second]));
        }
        Err(format!("expected two ends, as nodes or infons, got {} nodes", relation.nodes.len()))
    }

    /// What an annotation mentions.
    fn mentioned(&self, refid: &str) -> Result<End<'s>, String> {
        let found = self.by_id.get(refid).and_then(|&place| Some((place, self.said.get(place)?.as_ref()?)));
        match found {
            None => Err(format!("expected the id of an annotation, got {}", quoted(refid))),
            Some((_, Said { local: Some(local), .. })) => Ok(End::Local(local)),
            Some((place, said)) if said.ids.is_empty() => Ok(End::Alone(place)),
            Some((_, said)) => Ok(End::Typed(said.kind, &said.ids)),
        }
    }
}

/// Where a relation stands, for faults.
pub(super) fn column(id: &str) -> String {
    format!("relation {}", quoted(id))
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
            && ENDS.iter().all(|(first, second)| key != *first && key != *second)
    };
    let attribute = |(key, value): &(Cow<str>, Cow<str>)| {
        let renamed = RENAMED.iter().find(|(from, _)| key.eq_ignore_ascii_case(from)).map_or(&**key, |(_, to)| to);
        let (renamed, value) = (renamed.trim(), value.trim());
        let is_fit = !renamed.is_empty() && !value.is_empty() && renamed.len() + value.len() < LONGEST_ATTRIBUTE;
        (is_other(key) && is_fit).then(|| format!("{renamed}={value}").into())
    };
    relation.infons.0.iter().filter_map(attribute).collect()
}
