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
/// What begins the key of an attribute's further values, and of one whose own key would say something else, before a
/// number: `docre:2:novelty`.
const NUMBERED: &str = "docre:";
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
    let attribute = |(key, value): &(Cow<str>, Cow<str>)| {
        let named = || RENAMED.iter().find(|(from, _)| key.eq_ignore_ascii_case(from)).map_or(&**key, |(_, to)| to);
        let (name, value) = (of_numbered(key).unwrap_or_else(named).trim(), value.trim());
        let is_other = !is_own(key) && ends.iter().all(|end| !key.eq_ignore_ascii_case(end));
        (is_other && is_fit(name, value)).then(|| format!("{name}={value}").into())
    };
    relation.infons.0.iter().filter_map(attribute).collect()
}

/// Whether a key says what a relation is.
fn is_own(key: &str) -> bool {
    NAMES.iter().chain([&EVIDENCE]).any(|own| key.eq_ignore_ascii_case(own))
        || ENDS.iter().any(|(first, second)| key == *first || key == *second)
}

fn is_fit(name: &str, value: &str) -> bool {
    !name.is_empty() && !value.is_empty() && name.len() + value.len() < LONGEST_ATTRIBUTE
}

/// The name in a key with a number.
fn of_numbered(key: &str) -> Option<&str> {
    let (number, name) = key.strip_prefix(NUMBERED)?.split_once(':')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// The key of an attribute's value, of which it is the so-manieth: infons have one value a key.
pub(super) fn key_of(name: &str, number: u32) -> String {
    let renamed = RENAMED.iter().find(|(_, to)| *to == name);
    let says_else = || {
        let is_from = RENAMED.iter().any(|(from, _)| name.eq_ignore_ascii_case(from));
        is_from || is_own(name) || name.starts_with(NUMBERED)
    };
    match renamed {
        Some((from, _)) if number == 1 => (*from).to_owned(),
        None if number == 1 && !says_else() => name.to_owned(),
        _ => format!("{NUMBERED}{number}:{name}"),
    }
}

/// Whether an attribute is read back as it is written.
pub(super) fn comes_back(attribute: &str) -> bool {
    attribute
        .split_once('=')
        .is_some_and(|(name, value)| is_fit(name, value) && name.trim() == name && value.trim() == value)
}
