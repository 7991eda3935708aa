//! What annotation tools have in common: mentions that are marked in running text, each by itself, and relations from one
//! mention to another. Here they become a document of entities.
//!
//! Mentions are one entity where the source says so (`Equiv`, a relation that stands for coreference), or where they have
//! one identifier and one type. Any other mention is an entity of its own: mentions of one name need not be one thing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use ground::curie::curie;
use ground::excerpt::quoted;
use table::Text;

use super::json::{Field, Json};
use crate::document::{Document, Entity, Fact, Mention};
use crate::fault::{Fault, Loss, Part, Remark};
use crate::text::{Characters, Segmented, check_span, segment};

/// Relations that stand for coreference where no others are named, in any case.
const USUAL_COREFERENCE: &[&str] = &["coreference", "coref", "equiv", "same_as"];

/// What the text of a mention is in the source, but not in its span.
const OTHER_NAMES: &str = "mentions whose text is not that of their span, which counts";
const OTHER_IDS: &str = "mentions of one entity with several identifiers, the first of which counts";

/// A mention as a tool has it.
#[derive(Debug, Default)]
pub struct Marking<'t> {
    /// By which relations name it.
    pub id: Cow<'t, str>,
    /// Its type.
    pub kind: Cow<'t, str>,
    /// Its first character and one past its last, in Unicode scalar values.
    pub span: (u32, u32),
    /// Its text, where the source repeats it.
    pub name: Option<&'t str>,
    /// Its identifiers in knowledge bases. The first counts.
    pub kb_ids: Vec<Cow<'t, str>>,
    /// Where it stands, for a fault.
    pub place: String,
}

/// A relation from a mention to another.
#[derive(Debug, Default)]
pub struct Arrow<'t> {
    /// The mentions' ids.
    pub ends: [Cow<'t, str>; 2],
    /// Its name.
    pub relation: Cow<'t, str>,
    /// As [`Fact::attributes`].
    pub attributes: Vec<Text>,
    /// Where it stands, for a fault.
    pub place: String,
}

/// Everything that is marked in a text.
#[derive(Debug, Default)]
pub struct Marked<'t> {
    /// In the order of the source.
    pub mentions: Vec<Marking<'t>>,
    /// In the order of the source; those that stand for coreference among them.
    pub arrows: Vec<Arrow<'t>>,
    /// Pairs of mentions of one entity, beside what `arrows` say.
    pub same: Vec<Arrow<'t>>,
    /// Whether somebody has looked for relations.
    pub labelled: bool,
    /// What cannot be read.
    pub losses: Vec<Loss>,
    /// What was left aside or taken in another way.
    pub remarks: Vec<Remark>,
}

/// Mentions that stand in the text.
struct Standing<'t> {
    /// In the order of the source.
    mentions: Vec<Marking<'t>>,
    /// The place of each by its id; `None` for one that does not stand.
    places: HashMap<Cow<'t, str>, Option<usize>>,
}

/// Which mentions are one entity: each points to an earlier one, or to itself.
struct Groups(Vec<usize>);

impl<'t> Marked<'t> {
    /// Notes the loss of a part.
    pub fn lose(&mut self, part: Part, fault: Fault) {
        self.losses.push(Loss::new(part, fault));
    }

    /// Notes what is so.
    pub fn remark(&mut self, what: &'static str, example: impl Into<String>) {
        self.remarks.push(Remark { what, example: example.into() });
    }

    /// The document. A relation whose name is among `coreference` joins its mentions; `None`: the usual names.
    ///
    /// # Errors
    /// Where the text has 2^32 characters or more.
    pub fn document(mut self, id: &str, text: &str, coreference: Option<&[Text]>) -> Result<Document, Fault> {
        let characters = Characters::new(text);
        let standing = self.standing(&characters, text);
        let spans: Vec<(u32, u32)> = standing.mentions.iter().map(|mention| mention.span).collect();
        let segmented = segment(text, &[], &spans).map_err(|unfit| Fault::new("text", unfit.reason))?;
        let (joining, arrows): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.arrows).into_iter().partition(|arrow| joins(&arrow.relation, coreference));
        let mut groups = Groups::of(&standing.mentions);
        for arrow in std::mem::take(&mut self.same).iter().chain(&joining) {
            if let Some([one, other]) = self.ends(arrow, &standing) {
                groups.join(one, other);
            }
        }
        let (entities, entity_of) = self.entities(&standing.mentions, &mut groups, &characters, &segmented);
        let facts = arrows.into_iter().filter_map(|arrow| {
            let [head, tail] = self.ends(&arrow, &standing)?.map(|mention| entity_of.get(mention).copied());
            let Arrow { relation, attributes, .. } = arrow;
            Some(Fact { head: head?, tail: tail?, relation: relation.into(), evidence: Vec::new(), attributes })
        });
        let facts: Vec<Fact> = facts.collect();
        Ok(Document {
            id: id.into(),
            sentences: segmented.sentences,
            entities,
            facts: self.labelled.then_some(facts),
            losses: self.losses,
            remarks: self.remarks,
            ..Document::default()
        })
    }

    /// Parts the mentions that stand in the text from those that do not, which are lost.
    fn standing(&mut self, characters: &Characters, text: &str) -> Standing<'t> {
        let length = ground::whole(text.chars().count());
        let mut standing = Standing { mentions: Vec::new(), places: HashMap::new() };
        for mention in std::mem::take(&mut self.mentions) {
            let known = !mention.id.is_empty() && standing.places.contains_key(&mention.id);
            let there = characters.slice(mention.span).unwrap_or_default();
            let fault = if known {
                Some(format!("expected an id of its own, got {} again", quoted(&mention.id)))
            } else {
                misfit(mention.span, length, there)
            };
            if let (None, Some(name)) = (&fault, mention.name)
                && !name.split_whitespace().eq(there.split_whitespace())
            {
                self.remark(OTHER_NAMES, format!("{}: {}, in the text {}", mention.place, quoted(name), quoted(there)));
            }
            if !known && !mention.id.is_empty() {
                standing.places.insert(mention.id.clone(), fault.is_none().then_some(standing.mentions.len()));
            }
            match fault {
                None => standing.mentions.push(mention),
                Some(reason) => self.lose(Part::Mention, Fault::new(mention.place, reason)),
            }
        }
        standing
    }

    /// The mentions that a relation names; `None`, and a loss, where one does not stand.
    fn ends(&mut self, arrow: &Arrow, standing: &Standing) -> Option<[usize; 2]> {
        let [one, other] = arrow.ends.each_ref().map(|id| standing.places.get(id).copied().flatten());
        if let (Some(one), Some(other)) = (one, other) {
            return Some([one, other]);
        }
        let missing = if one.is_none() { &arrow.ends[0] } else { &arrow.ends[1] };
        let lost = if standing.places.contains_key(missing) { ", which was left out" } else { "" };
        let reason = format!("expected the ids of two mentions, got {}{lost}", quoted(missing));
        self.lose(Part::Relation, Fault::new(arrow.place.clone(), reason));
        None
    }

    /// The entities in the order of their first mentions, and the entity of each mention.
    fn entities(
        &mut self,
        mentions: &[Marking],
        groups: &mut Groups,
        characters: &Characters,
        segmented: &Segmented,
    ) -> (Vec<Entity>, Vec<u32>) {
        let (mut entities, mut entity_of): (Vec<Entity>, Vec<u32>) = (Vec::new(), Vec::new());
        for (place, marking) in mentions.iter().enumerate() {
            let root = groups.root(place);
            let entity =
                if root == place { entities.len() } else { entity_of.get(root).copied().unwrap_or(0) as usize };
            if root == place {
                entities.push(Entity { kb_id: None, mentions: Vec::new() });
            }
            entity_of.push(ground::whole(entity));
            let Some(entity) = entities.get_mut(entity) else { continue };
            let Some(mention) = marking.mention(characters, segmented) else { continue };
            entity.mentions.push(mention);
            for kb_id in &marking.kb_ids {
                match &entity.kb_id {
                    None => entity.kb_id = Some((&**kb_id).into()),
                    Some(first) if curie(first, &marking.kind) == curie(kb_id, &marking.kind) => {}
                    Some(first) => {
                        let example = format!("{}: {}, then {}", marking.place, quoted(first), quoted(kb_id));
                        self.remark(OTHER_IDS, example);
                    }
                }
            }
        }
        (entities, entity_of)
    }
}

impl Marking<'_> {
    fn mention(&self, characters: &Characters, segmented: &Segmented) -> Option<Mention> {
        let place = segmented.locate(self.span)?;
        let words: Vec<&str> = characters.slice(self.span)?.split_whitespace().collect();
        Some(Mention {
            name: words.join(" ").into(),
            kind: (&*self.kind).into(),
            sentence: place.sentence,
            start: place.start,
            end: place.end,
        })
    }

    /// By what it is one entity with others: its identity and its type.
    fn identity(&self) -> Option<(String, &str)> {
        let kb_id = self.kb_ids.first()?;
        Some((curie(kb_id, &self.kind)?, &self.kind))
    }
}

impl Groups {
    /// Mentions of one identity.
    fn of(mentions: &[Marking]) -> Self {
        let (mut groups, mut known) = (Self((0..mentions.len()).collect()), HashMap::new());
        for (place, mention) in mentions.iter().enumerate() {
            if let Some(identity) = mention.identity() {
                let first = *known.entry(identity).or_insert(place);
                groups.join(first, place);
            }
        }
        groups
    }

    fn root(&mut self, of: usize) -> usize {
        let mut place = of;
        while let Some(&before) = self.0.get(place)
            && before != place
        {
            let above = self.0.get(before).copied().unwrap_or(before);
            self.0[place] = above;
            place = above;
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.0[one.max(other)] = one.min(other);
    }
}

/// Whether a relation stands for coreference.
fn joins(relation: &str, coreference: Option<&[Text]>) -> bool {
    match coreference {
        Some(names) => names.iter().any(|name| **name == *relation),
        None => USUAL_COREFERENCE.iter().any(|name| relation.eq_ignore_ascii_case(name)),
    }
}

/// Why a span is none, where it is not.
fn misfit(span: (u32, u32), length: u32, there: &str) -> Option<String> {
    let is_blank = || there.trim().is_empty().then(|| "expected a mention, got nothing but whitespace".to_owned());
    check_span(span, length).err().or_else(is_blank)
}

/// A text or a whole number, such as ids are.
///
/// # Errors
/// A fault where it is neither.
pub fn id<'v>(field: &Field<'_, 'v>) -> Result<Cow<'v, str>, Fault> {
    match field.value() {
        Json::Text(text) => Ok(Cow::Borrowed(text)),
        Json::Whole(number) => Ok(Cow::Owned(number.to_string())),
        _ => Err(field.expected("a text or a whole number")),
    }
}

/// What is said of a relation in a list of texts, `name=value`.
///
/// # Errors
/// A fault where it is no such list.
pub fn attributes(field: &Field<'_, '_>) -> Result<Vec<Text>, Fault> {
    let Some(list) = field.optional("attributes")? else { return Ok(Vec::new()) };
    list.items()?.map(|attribute| Ok(attribute.text()?.into())).collect()
}

/// For each mention of one entity and of another, those two that stand closest; each list is not empty and in the order
/// of its spans. `None` where one is empty.
pub fn closest(one: &[(Range<u32>, usize)], other: &[(Range<u32>, usize)]) -> Option<(usize, usize)> {
    let (mut first, mut second) = (0, 0);
    let mut best: Option<(u32, usize, usize)> = None;
    while let (Some((here, from)), Some((there, to))) = (one.get(first), other.get(second)) {
        let gap = here.start.max(there.start).saturating_sub(here.end.min(there.end));
        if best.is_none_or(|(least, ..)| gap < least) {
            best = Some((gap, *from, *to));
        }
        if here.end <= there.end {
            first += 1;
        } else {
            second += 1;
        }
    }
    best.map(|(_, from, to)| (from, to))
}
