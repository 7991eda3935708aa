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

use std::collections::{HashMap, HashSet};

use ground::excerpt::quoted;
use table::Text;

use super::super::attributes::is_name;
use super::blocks::Homed;
use super::entities::{End, Said};
use super::model::{Article, Relation};
use crate::fault::Fault;

/// Keys of a relation's name.
const NAMES: [&str; 4] = ["type", "relation", "relation_type", "relation type"];
/// Keys of its two ends.
const ENDS: [(&str, &str); 2] = [("entity1", "entity2"), ("role1", "role2")];
/// The roles of nodes by which docre writes head and tail.
pub(super) const ROLES: [&str; 2] = ["head", "tail"];
/// Roles that say which end of a relation is which; others, such as types, stand in its order.
const ROLE_PAIRS: [(&str, &str); 4] = [("head", "tail"), ("arg1", "arg2"), ("subject", "object"), ("source", "target")];
/// The infon by which docre writes the sentences that show a relation.
pub(super) const EVIDENCE: &str = "docre:evidence";
/// Attributes that have another name here.
pub(super) const RENAMED: [(&str, &str); 1] = [("novel", "novelty")];
/// What begins the key of an attribute's further values, and of one whose own key would say something else, before a
/// number: `docre:2:novelty`.
const NUMBERED: &str = "docre:";
/// Bytes of what is said of a relation at most.
const LONGEST_ATTRIBUTE: usize = 200;

/// Both ends of a relation, and the keys of the infons that say so.
type Told<'s> = (End<'s>, End<'s>, Vec<&'s str>);

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
    /// Keys of what is said at too great a length.
    pub(super) unfit: Vec<&'s str>,
    /// The passage that it stands in.
    pub(super) passage: Option<usize>,
}

/// What relations may refer to.
pub(super) struct Context<'s> {
    /// The types of annotations.
    kinds: HashSet<&'s str>,
    /// What the annotations of an id mention, in the whole article and in each of its passages: some corpora begin anew in
    /// each.
    by_id: HashMap<(&'s str, Option<usize>), Named<'s>>,
}

/// What the annotations of one id mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named<'s> {
    One(End<'s>),
    Several,
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
    /// What the annotations of an article mention, by what they say of themselves. `same` has those that say again what an
    /// earlier one does.
    pub(super) fn of(annotations: &[Homed<'s>], said: &'s [Option<Said<'s>>], same: &HashMap<usize, usize>) -> Self {
        let mut by_id = HashMap::new();
        for (place, ((annotation, passage), said)) in annotations.iter().zip(said).enumerate() {
            let Some(said) = said else { continue };
            let named = Named::One(match said.local {
                Some(local) => End::Local(local),
                None if said.ids.is_empty() => End::Alone(same.get(&place).copied().unwrap_or(place)),
                None => End::Typed(said.kind, &said.ids),
            });
            for home in [None].into_iter().chain(passage.map(Some)) {
                let known = by_id.entry((&*annotation.id, home)).or_insert(named);
                if *known != named {
                    *known = Named::Several;
                }
            }
        }
        Self { kinds: said.iter().flatten().map(|said| said.kind).collect(), by_id }
    }

    fn read(&self, relation: &'s Relation<'s>, passage: Option<usize>) -> Result<Claimed<'s>, Fault> {
        let id = &*relation.id;
        let name = relation.infons.get(&NAMES).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Fault::new(column(id), "expected an infon `type`, got none"))?;
        let (head, tail, keys) = self.ends(relation, passage).map_err(|reason| Fault::new(column(id), reason))?;
        let (attributes, unfit) = attributes(relation, &keys);
        Ok(Claimed { id, name, head, tail, evidence: evidence(relation), attributes, unfit, passage })
    }

    /// Both ends, and the keys of the infons that say so.
    fn ends(&self, relation: &'s Relation<'s>, passage: Option<usize>) -> Result<Told<'s>, String> {
        let of_nodes =
            |head: &str, tail: &str| Ok((self.mentioned(head, passage)?, self.mentioned(tail, passage)?, Vec::new()));
        let nodes = match relation.nodes.as_slice() {
            [one, other] if are_turned(&one.1, &other.1) => Some([other, one]),
            [one, other] => Some([one, other]),
            _ => None,
        };
        if let Some([head, tail]) = nodes.filter(|[head, tail]| [&*head.1, &*tail.1] == ROLES) {
            return of_nodes(&head.0, &tail.0);
        }
        for (first, second) in ENDS {
            if let (Some(head), Some(tail)) = (relation.infons.get(&[first]), relation.infons.get(&[second])) {
                return Ok((End::Known(head), End::Known(tail), vec![first, second]));
            }
        }
        if let Some([head, tail]) = nodes {
            return of_nodes(&head.0, &tail.0);
        }
        let typed: Vec<_> = relation.infons.0.iter().filter(|(key, _)| self.kinds.contains(&**key)).collect();
        if let [(first, head), (second, tail)] = typed[..] {
            let ends = (End::Typed(first, head.trim()), End::Typed(second, tail.trim()));
            return Ok((ends.0, ends.1, vec![first, second]));
        }
        Err(format!("expected two ends, as nodes or infons, got {} nodes", relation.nodes.len()))
    }

    /// What an annotation mentions: one of the passage, where one there has the id.
    fn mentioned(&self, refid: &str, passage: Option<usize>) -> Result<End<'s>, String> {
        let in_passage = passage.and_then(|passage| self.by_id.get(&(refid, Some(passage))));
        match in_passage.or_else(|| self.by_id.get(&(refid, None))) {
            None => Err(format!("expected the id of an annotation, got {}", quoted(refid))),
            Some(Named::Several) => Err(format!("expected the id of one annotation, got {} of several", quoted(refid))),
            Some(Named::One(end)) => Ok(*end),
        }
    }
}

/// Whether roles say of the first of two nodes that it is the second.
fn are_turned(one: &str, other: &str) -> bool {
    ROLE_PAIRS.iter().any(|(first, second)| {
        let is = |role: &str, name: &str| role.eq_ignore_ascii_case(name);
        (is(one, second) || is(other, first)) && !is(one, first) && !is(other, second)
    })
}

/// Where a relation stands, for faults.
pub(super) fn column(id: &str) -> String {
    format!("relation {}", quoted(id))
}

fn evidence(relation: &Relation) -> Vec<u32> {
    let said = relation.infons.get(&[EVIDENCE]).unwrap_or_default();
    said.split(',').filter_map(|sentence| sentence.trim().parse().ok()).collect()
}

/// What is said of a relation beside its name and ends, and the keys of what cannot be an attribute.
fn attributes<'s>(relation: &'s Relation<'s>, ends: &[&str]) -> (Vec<Text>, Vec<&'s str>) {
    let (mut attributes, mut unfit) = (Vec::new(), Vec::new());
    for (key, value) in &relation.infons.0 {
        let named = || RENAMED.iter().find(|(from, _)| key.eq_ignore_ascii_case(from)).map_or(&**key, |(_, to)| to);
        let (name, value) = (of_numbered(key).unwrap_or_else(named).trim(), value.trim());
        if is_own(key) || ends.iter().any(|end| key.eq_ignore_ascii_case(end)) {
            continue;
        }
        if is_fit(name, value) {
            attributes.push(format!("{name}={value}").into());
        } else if !value.is_empty() {
            unfit.push(&**key);
        }
    }
    (attributes, unfit)
}

/// Whether a key says what a relation is.
fn is_own(key: &str) -> bool {
    NAMES.iter().chain([&EVIDENCE]).any(|own| key.eq_ignore_ascii_case(own))
        || ENDS.iter().any(|(first, second)| key == *first || key == *second)
}

fn is_fit(name: &str, value: &str) -> bool {
    is_name(name) && !value.is_empty() && name.len() + value.len() < LONGEST_ATTRIBUTE
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
