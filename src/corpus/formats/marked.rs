//! What annotation tools have in common: mentions that are marked in running text, each by itself, and relations from one
//! mention to another. Here they become a document of entities.
//!
//! Mentions are one entity where the source says so (`Equiv`, a relation that stands for coreference), or where they have
//! one identifier and one type. Any other mention is an entity of its own: mentions of one name need not be one thing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;

use ground::curie::{curie, within_document};
use ground::excerpt::quoted;
use table::Text;

use super::json::{Field, Json};
use super::sets::Sets;
use super::spans::{Likeness, Source, check_misfits, likeness};
use super::variants::{is_one_change, says_more, settle};
use crate::document::{Document, Entity, Fact, Mention};
use crate::fault::{Fault, Loss, Part, Remark};
use crate::reader::{Record, Reject};
use crate::text::{Place, Segmented, segment};

/// Relations that stand for coreference where no others are named, in any case.
const USUAL_COREFERENCE: &[&str] = &["coreference", "coref", "equiv", "same_as"];

/// What the text of a mention is in the source, but not in its span.
const OTHER_NAMES: &str = "mentions whose text is not that of their span, which counts";
const CUT_WORDS: &str = "mentions that begin or end inside a word";
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
    /// Its title; a sentence ends with it where it is the text's first line.
    pub title: &'t str,
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
struct Standing<'t, 's> {
    /// In the order of the source, each with what it covers.
    mentions: Vec<(Marking<'t>, &'s str)>,
    /// The place of each by its id; `None` for one that does not stand.
    places: HashMap<Cow<'t, str>, Option<usize>>,
}

/// The document of a JSON record: `document` makes it under the name that `name` finds, or that is the record's number.
///
/// # Errors
/// The fault, with the name where it could be read.
pub fn parse(
    record: &Record,
    name: impl for<'v> FnOnce(&Field<'_, 'v>) -> Result<Option<Cow<'v, str>>, Fault>,
    document: impl FnOnce(&Field, &str) -> Result<Document, Fault>,
) -> Result<Document, Reject> {
    let unnamed = |fault| Reject { name: None, fault };
    let json = Json::parse(&record.bytes).map_err(unnamed)?;
    let root = json.root();
    let name = name(&root).map_err(unnamed)?.unwrap_or_else(|| record.number.to_string().into());
    document(&root, &name).map_err(|fault| Reject { name: Some((&*name).into()), fault })
}

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
    /// Where the text has 2^32 characters or more, or most mentions have another text than stands in their span.
    pub fn document(mut self, id: &str, text: &str, coreference: Option<&[Text]>) -> Result<Document, Fault> {
        let source = Source::new(text);
        let standing = self.standing(&source)?;
        let spans: Vec<(u32, u32)> = standing.mentions.iter().map(|(mention, _)| mention.span).collect();
        let breaks = source.title_end(self.title);
        let segmented = segment(text, breaks.as_slice(), &spans).map_err(|unfit| Fault::new("text", unfit.reason))?;
        let (joining, arrows): (Vec<_>, Vec<_>) =
            mem::take(&mut self.arrows).into_iter().partition(|arrow| joins(&arrow.relation, coreference));
        let mut sets = by_identity(&standing.mentions);
        for arrow in mem::take(&mut self.same).iter().chain(&joining) {
            if let Some([one, other]) = self.ends(arrow, &standing) {
                sets.join(one, other);
            }
        }
        let (entities, entity_of) = self.entities(&standing, &mut sets, &segmented);
        let facts = arrows.into_iter().filter_map(|arrow| {
            let [head, tail] = self.ends(&arrow, &standing)?.map(|mention| entity_of.get(mention).copied());
            let Arrow { relation, attributes, .. } = arrow;
            Some(Fact { head: head?, tail: tail?, relation: relation.into(), evidence: Vec::new(), attributes })
        });
        let facts: Vec<Fact> = facts.collect();
        Ok(Document {
            id: id.into(),
            title: self.title.into(),
            sentences: segmented.sentences,
            uneven: segmented.uneven,
            entities,
            facts: self.labelled.then_some(facts),
            losses: self.losses,
            remarks: self.remarks,
            ..Document::default()
        })
    }

    /// Parts the mentions that stand in the text from those that do not, which are lost.
    fn standing<'s>(&mut self, source: &'s Source<'_>) -> Result<Standing<'t, 's>, Fault> {
        let mut standing = Standing { mentions: Vec::new(), places: HashMap::new() };
        let counted = self.misses(source)?;
        for mention in mem::take(&mut self.mentions) {
            let known = !mention.id.is_empty() && standing.places.contains_key(&mention.id);
            let covered = if known {
                Err(format!("expected an id of its own, got {} again", quoted(&mention.id)))
            } else {
                mention.covered(source).map_err(|reason| format!("{reason}{counted}"))
            };
            if !known && !mention.id.is_empty() {
                standing.places.insert(mention.id.clone(), covered.is_ok().then_some(standing.mentions.len()));
            }
            match covered {
                Ok(covered) => {
                    self.compare(&mention, covered);
                    if source.cuts_word(mention.span) {
                        self.remark(CUT_WORDS, format!("{}: {}{counted}", mention.place, quoted(covered)));
                    }
                    standing.mentions.push((mention, covered));
                }
                Err(reason) => self.lose(Part::Mention, Fault::new(mention.place, reason)),
            }
        }
        Ok(standing)
    }

    /// What to say of mentions that do not fit the text, where all would if offsets counted something else.
    ///
    /// # Errors
    /// Where most mentions have another text than stands in their span.
    fn misses(&self, source: &Source<'_>) -> Result<&'static str, Fault> {
        let is_unfit = |mention: &&Marking| mention.covered(source).is_err() || source.cuts_word(mention.span);
        if !self.mentions.iter().any(|mention| is_unfit(&mention)) {
            return Ok("");
        }
        let spans: Vec<_> = self.mentions.iter().map(|mention| (mention.span, mention.name)).collect();
        let counted = source.counted_otherwise(&spans);
        let named: Vec<&Marking> = self.mentions.iter().filter(|mention| mention.name.is_some()).collect();
        let is_miss = |mention: &&&Marking| source.covered(mention.span).is_ok() && mention.covered(source).is_err();
        let misses: Vec<&Marking> = named.iter().filter(is_miss).copied().collect();
        let first = misses.first().and_then(|first| Some((&first.place, first.covered(source).err()?)));
        if let Some((place, reason)) = first {
            check_misfits(misses.len(), named.len(), || format!("{place}: {reason}{counted}"))?;
        }
        Ok(counted)
    }

    /// Tells where a mention has a text that is not quite that of its span. White space does not count: tools have an end
    /// of a line as a blank.
    fn compare(&mut self, mention: &Marking, covered: &str) {
        if let Some(name) = mention.name
            && !name.split_whitespace().eq(covered.split_whitespace())
        {
            let example = format!("{}: {}, in the text {}", mention.place, quoted(name), quoted(covered));
            self.remark(OTHER_NAMES, example);
        }
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
    fn entities(&mut self, standing: &Standing, sets: &mut Sets, segmented: &Segmented) -> (Vec<Entity>, Vec<u32>) {
        let (mut entities, mut entity_of): (Vec<Entity>, Vec<u32>) = (Vec::new(), Vec::new());
        for (place, (marking, covered)) in standing.mentions.iter().enumerate() {
            let known = entity_of.get(sets.root(place)).copied();
            let number = known.unwrap_or(ground::whole(entities.len()));
            if known.is_none() {
                entities.push(Entity { kb_id: None, mentions: Vec::new() });
            }
            entity_of.push(number);
            let mention = segmented.locate(marking.span).map(|place| marking.mention(covered, place));
            if let (Some(entity), Some(mention)) = (entities.get_mut(number as usize), mention) {
                entity.mentions.push(mention);
                self.identify(entity, marking);
            }
        }
        (entities, entity_of)
    }

    /// Gives an entity the identifier of a mention, where it has none yet.
    fn identify(&mut self, entity: &mut Entity, marking: &Marking) {
        for kb_id in &marking.kb_ids {
            let Some(identity) = curie(kb_id, &marking.kind) else { continue };
            let first = entity.kb_id.as_deref();
            match first.map(|first| (first, curie(first, &marking.kind).unwrap_or_default())) {
                None => entity.kb_id = Some((&**kb_id).into()),
                Some((_, known)) if known == identity => {}
                Some((_, known)) if says_more(&identity, &known) => entity.kb_id = Some((&**kb_id).into()),
                Some((_, known)) if is_one_change(&identity, &known) => {}
                Some((first, _)) => {
                    let example = format!("{}: {}, then {}", marking.place, quoted(first), quoted(kb_id));
                    self.remark(OTHER_IDS, example);
                }
            }
        }
    }
}

impl Marking<'_> {
    /// What its span covers.
    ///
    /// # Errors
    /// Expected, then got, where that cannot be a mention, or is another text than its own.
    fn covered<'s>(&self, source: &'s Source<'_>) -> Result<&'s str, String> {
        let covered = source.covered(self.span)?;
        match self.name.filter(|name| likeness(name, covered) == Likeness::Other) {
            Some(name) => Err(format!("expected the text of the span, {}, got {}", quoted(covered), quoted(name))),
            None => Ok(covered),
        }
    }

    fn mention(&self, covered: &str, place: Place) -> Mention {
        let words: Vec<&str> = covered.split_whitespace().collect();
        Mention {
            name: words.join(" ").into(),
            kind: (&*self.kind).into(),
            sentence: place.sentence,
            start: place.start,
            end: place.end,
        }
    }

    /// By what it is one entity with others: its identity and its type.
    fn identity(&self) -> Option<(String, &str)> {
        let identity = self.kb_ids.iter().find_map(|kb_id| within_document(kb_id, &self.kind));
        Some((identity?, &self.kind))
    }
}

/// Mentions of one identity, by their places.
fn by_identity(mentions: &[(Marking, &str)]) -> Sets {
    let (mut sets, mut known) = (Sets::of(mentions.len()), HashMap::new());
    for (place, (mention, _)) in mentions.iter().enumerate() {
        if let Some(identity) = mention.identity() {
            let first = *known.entry(identity).or_insert(place);
            sets.join(first, place);
        }
    }
    settle(known.iter().map(|((curie, kind), place)| (*place, &**curie, *kind)), &mut sets);
    sets
}

/// Whether a relation stands for coreference.
pub fn joins(relation: &str, coreference: Option<&[Text]>) -> bool {
    match coreference {
        Some(names) => names.iter().any(|name| **name == *relation),
        None => USUAL_COREFERENCE.iter().any(|name| relation.eq_ignore_ascii_case(name)),
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
