//! [`Article`] → [`Document`]s.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use ground::excerpt::quoted;
use table::Text;

use super::super::dialect::{Bars, Dialect};
use super::super::pubtator::reach::{Key, Reach};
use super::super::pubtator::relations::{Facts, LISTED, SHARED};
use super::super::pubtator::room::Room;
use super::blocks::{Blocks, Homed, Placed};
use super::entities::{End, Ends, Entities, LABELLED, Said, Settled};
use super::model::Article;
use super::relations::{Claimed, Context, claimed, column};
use super::units::{Plan, plans};
use crate::document::{Document, Fact, Mention, Token};
use crate::fault::{Fault, Loss, Part, Remark};
use crate::reader::Reject;
use crate::text::{Segmented, segment};

/// What is said of a relation at too great a length, or by a key without a name.
const UNFIT: &str =
    "infons of relations that are too long for attributes, or without a key or with a `=` in it, left out";
const OUT_OF_REACH: &str = "out of reach: expected both ends in one section or passage, got them in several";

/// An annotation that is a mention.
struct Found<'a> {
    /// Its place among all of the article.
    number: usize,
    said: &'a Said<'a>,
    placed: Placed,
}

/// The documents of an article that are asked for. What is wrong with it by itself is lost in the first.
pub(super) fn documents(
    article: &Article,
    dialect: &Dialect,
    asked: &dyn Fn(&str) -> bool,
) -> Vec<Result<Document, Reject>> {
    if article.id.trim().is_empty() {
        return vec![Err(Reject { name: None, fault: Fault::new("id", "expected the document's id, got none") })];
    }
    let annotations = homed(article);
    let said: Vec<Option<Said>> = annotations.iter().map(|(annotation, _)| Said::of(annotation)).collect();
    let (blocks, placed) = Blocks::of(article, &annotations);
    let mut losses = article.losses.clone();
    let mut remarks = Vec::new();
    if let Some(what) = blocks.counting.remark {
        remarks.push(Remark { what, example: "all its annotations".to_owned() });
    }
    let (found, same) = found(&annotations, &said, placed, &mut losses, &mut remarks);
    let claimed = claimed(article, &Context::of(&annotations, &said, &same));
    let plans = plans(article, &blocks, dialect.unit);
    let mut by_block: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, found) in found.iter().enumerate() {
        by_block.entry(found.placed.block).or_default().push(place);
    }
    let alone = names_alone(&claimed);
    let builder = Builder { blocks: &blocks, found: &found, by_block: &by_block, alone, bars: dialect.bars };
    let built: Result<Vec<Built>, Reject> = plans.into_iter().map(|plan| builder.build(plan)).collect();
    let mut documents = match built {
        Ok(built) => related(built, claimed, dialect.bars, asked, &mut losses, &mut remarks),
        Err(reject) => return vec![Err(reject)],
    };
    let is_empty = |document: &Document| document.facts.iter().all(Vec::is_empty);
    if article.infons.get(&[LABELLED]) == Some("false") && documents.iter().all(is_empty) {
        documents.iter_mut().for_each(|document| document.facts = None);
    }
    documents.retain(|document| asked(&document.id));
    if let Some(first) = documents.first_mut() {
        first.losses = losses;
        first.remarks = remarks;
    }
    documents.into_iter().map(Ok).collect()
}

/// The annotations of an article in order, each with its passage.
fn homed<'a>(article: &'a Article<'a>) -> Vec<Homed<'a>> {
    let mut homed: Vec<Homed<'a>> = Vec::new();
    for (number, passage) in article.passages.iter().enumerate() {
        for part in std::iter::once(passage).chain(&passage.sentences) {
            homed.extend(part.annotations.iter().map(|annotation| (annotation, Some(number))));
        }
    }
    homed.extend(article.annotations.iter().map(|annotation| (annotation, None)));
    homed
}

/// The mentions among annotations, each once; and of those annotations that say it again, which was the first.
fn found<'a>(
    annotations: &[Homed],
    said: &'a [Option<Said<'a>>],
    placed: Vec<Result<Placed, String>>,
    losses: &mut Vec<Loss>,
    remarks: &mut Vec<Remark>,
) -> (Vec<Found<'a>>, HashMap<usize, usize>) {
    let (mut seen, mut same) = (HashMap::new(), HashMap::new());
    let mut found = Vec::with_capacity(placed.len());
    for (number, ((placed, said), (annotation, _))) in placed.into_iter().zip(said).zip(annotations).enumerate() {
        let said = said.as_ref().ok_or_else(|| "expected an infon `type`, got none".to_owned());
        match placed.and_then(|placed| Ok((placed, said?))) {
            Ok((placed, said)) => {
                if let Some(what) = placed.remark {
                    remarks.push(Remark { what, example: quoted(&annotation.text) });
                }
                match seen.entry((placed.block, placed.span, said.kind, said.local, &said.ids)) {
                    Entry::Occupied(first) => drop(same.insert(number, *first.get())),
                    Entry::Vacant(entry) => {
                        entry.insert(number);
                        found.push(Found { number, said, placed });
                    }
                }
            }
            Err(reason) => {
                let fault = Fault::new(format!("annotation {}", quoted(&annotation.id)), reason);
                losses.push(Loss::new(Part::Mention, fault));
            }
        }
    }
    (found, same)
}

/// Whether relations name annotations that have no identity.
fn names_alone(claimed: &[Result<Claimed, Fault>]) -> bool {
    let is_alone = |end: End| matches!(end, End::Alone(_));
    claimed.iter().flatten().any(|claimed| is_alone(claimed.head) || is_alone(claimed.tail))
}

/// Makes documents of blocks and mentions.
struct Builder<'a, 'b> {
    blocks: &'b Blocks<'a>,
    found: &'b [Found<'a>],
    /// Of each block the places of its mentions.
    by_block: &'b HashMap<usize, Vec<usize>>,
    alone: bool,
    bars: Bars,
}

/// A document without facts, its entities and what it is made of.
struct Built<'s> {
    document: Document,
    entities: Settled<'s>,
    passages: HashSet<usize>,
    /// Of each of its blocks, which of its sentences come of it.
    sentences: Vec<(usize, Range<u32>)>,
}

/// A block cut into tokens.
struct Cut {
    segmented: Segmented,
    /// Which sentences of the document come of it.
    sentences: Range<u32>,
    /// Tokens of the document before it.
    tokens: u32,
}

impl<'a, 'b> Builder<'a, 'b> {
    fn build(&self, Plan { id, title, blocks }: Plan) -> Result<Built<'a>, Reject> {
        let mut document = Document { id: id.into(), title: title.into(), ..Document::default() };
        let start = blocks.first().and_then(|&block| self.blocks.list.get(block)).map_or(0, |block| block.start);
        let start = if self.blocks.list.len() == blocks.len() { 0 } else { start };
        let (mut cuts, mut n_tokens) = (HashMap::with_capacity(blocks.len()), 0);
        for number in blocks {
            let cut = self
                .cut(number, &mut document, &mut n_tokens, start)
                .map_err(|reason| Reject { name: Some(document.id.clone()), fault: Fault::new("text", reason) })?;
            cuts.extend(cut.map(|cut| (number, cut)));
        }
        let mut entities = Entities::new(self.bars);
        let mut own: Vec<(usize, &'b Found<'a>)> = cuts.keys().flat_map(|&block| self.found_in(block)).collect();
        own.sort_unstable_by_key(|(place, _)| *place);
        for (_, found) in own {
            if let Some(mention) = cuts.get(&found.placed.block).and_then(|cut| self.mention(found, cut)) {
                entities.add(found.number, found.said, mention, self.alone);
            }
        }
        let passages = cuts.keys().filter_map(|&block| Some(self.blocks.list.get(block)?.passage)).collect();
        let sentences = cuts.into_iter().map(|(block, cut)| (block, cut.sentences)).collect();
        Ok(Built { document, entities: entities.settle(), passages, sentences })
    }

    /// The mentions of a block, each with its place among all.
    fn found_in(&self, block: usize) -> impl Iterator<Item = (usize, &'b Found<'a>)> {
        let places = self.by_block.get(&block).into_iter().flatten();
        places.filter_map(|&place| Some((place, self.found.get(place)?)))
    }

    /// Adds the sentences of a block to a document.
    fn cut(
        &self,
        number: usize,
        document: &mut Document,
        n_tokens: &mut u32,
        start: u32,
    ) -> Result<Option<Cut>, String> {
        let Some(block) = self.blocks.list.get(number) else { return Ok(None) };
        let spans: Vec<(u32, u32)> = self.found_in(number).map(|(_, found)| found.placed.span).collect();
        let mut segmented = segment(block.text, &[], &spans).map_err(|unfit| unfit.reason)?;
        let shift = block.start.saturating_sub(start);
        let (first, tokens) = (ground::whole(document.sentences.len()), *n_tokens);
        let uneven = std::mem::take(&mut segmented.uneven).into_iter();
        document.uneven.extend(uneven.map(|(sentence, text)| (first + sentence, text)));
        for mut sentence in std::mem::take(&mut segmented.sentences) {
            *n_tokens += ground::whole(sentence.len());
            sentence.iter_mut().for_each(|token| shift_token(token, shift));
            document.sentences.push(sentence);
        }
        Ok(Some(Cut { segmented, sentences: first..ground::whole(document.sentences.len()), tokens }))
    }

    fn mention(&self, found: &Found, cut: &Cut) -> Option<Mention> {
        let place = cut.segmented.locate(found.placed.span)?;
        Some(Mention {
            name: self.blocks.list.get(found.placed.block)?.slice(found.placed.span).trim().into(),
            kind: found.said.kind.into(),
            sentence: cut.sentences.start + place.sentence,
            start: cut.tokens + place.start,
            end: cut.tokens + place.end,
        })
    }
}

/// Adds the relations to the documents that mention both ends.
fn related(
    built: Vec<Built>,
    claimed: Vec<Result<Claimed, Fault>>,
    bars: Bars,
    asked: &dyn Fn(&str) -> bool,
    losses: &mut Vec<Loss>,
    remarks: &mut Vec<Remark>,
) -> Vec<Document> {
    let room = Rc::new(Room::default());
    let reach = Reach::of(built.iter().map(|one| one.entities.keys()));
    let of_passages =
        built.iter().enumerate().flat_map(|(place, one)| one.passages.iter().map(move |passage| (*passage, place)));
    let by_passage = of_passages.collect();
    let sentences = sentences(&built);
    let finders = built.iter().map(|one| (one, Facts::of(&one.entities.known, Rc::clone(&room)))).collect();
    let stated = built.iter().map(|one| Stated { is_asked: asked(&one.document.id), ..Stated::default() }).collect();
    let mut relating = Relating { finders, reach, by_passage, sentences, bars, room, stated, losses, remarks };
    for claimed in claimed {
        match claimed {
            Ok(claimed) => relating.add(&claimed),
            Err(fault) => relating.losses.push(Loss::new(Part::Relation, fault)),
        }
    }
    let stated = relating.stated;
    let whole = |(Built { document, entities, .. }, stated): (_, Stated)| Document {
        entities: entities.known.entities,
        loose_mentions: entities.known.loose,
        facts: Some(stated.facts),
        n_relations: Some(stated.n_relations),
        ..document
    };
    built.into_iter().zip(stated).map(whole).collect()
}

/// Of each sentence of the article the document that it is in, and its number there.
fn sentences(built: &[Built]) -> Vec<(usize, u32)> {
    let mut blocks: Vec<(usize, usize, Range<u32>)> = Vec::new();
    for (place, one) in built.iter().enumerate() {
        blocks.extend(one.sentences.iter().map(|(block, sentences)| (*block, place, sentences.clone())));
    }
    blocks.sort_unstable_by_key(|(block, ..)| *block);
    blocks.into_iter().flat_map(|(_, place, sentences)| sentences.map(move |sentence| (place, sentence))).collect()
}

/// The facts of a document.
#[derive(Default)]
struct Stated {
    is_asked: bool,
    facts: Vec<Fact>,
    /// By name the relations that they are and there is nothing wrong with, but for those of an earlier document that is
    /// asked for too.
    n_relations: BTreeMap<Text, u64>,
}

/// Relations on their way into documents.
struct Relating<'b, 's, 'l> {
    finders: Vec<(&'b Built<'s>, Facts<'b, 's>)>,
    reach: Reach<'s>,
    /// Of each passage the document that it is in.
    by_passage: HashMap<usize, usize>,
    /// Of each sentence of the article the document that it is in, and its number there.
    sentences: Vec<(usize, u32)>,
    bars: Bars,
    room: Rc<Room>,
    stated: Vec<Stated>,
    losses: &'l mut Vec<Loss>,
    remarks: &'l mut Vec<Remark>,
}

/// What came of a relation in all documents together.
#[derive(Default)]
struct Outcome {
    n_pairs: usize,
    /// Whether it is of several within one document.
    is_listed: bool,
    /// Why it is of too many.
    crowded: Option<String>,
    is_same: bool,
    is_shared: bool,
    /// Of each end the ids that no document has; `None` where none was asked.
    missing: [Option<Vec<String>>; 2],
}

impl Relating<'_, '_, '_> {
    /// Adds a fact for each thing at one end and each at the other. What is wrong with it is lost once: it is one relation
    /// to whoever counts.
    fn add(&mut self, claimed: &Claimed) {
        let is_one = self.finders.len() == 1;
        let ends = [claimed.head, claimed.tail];
        let keys = ends.map(|end| end.keys(self.bars));
        let passage = claimed.passage.filter(|_| !is_one);
        let places = match passage {
            Some(passage) => self.by_passage.get(&passage).copied().into_iter().collect(),
            None => self.reach.both(keys.each_ref().map(Vec::as_slice)),
        };
        let (mut outcome, mut counting) = (Outcome::default(), None);
        let evidence = if is_one { Vec::new() } else { self.evidence(claimed) };
        for place in places {
            let found = self.finders.get(place).zip(self.stated.get_mut(place));
            let Some(((built, names), Stated { is_asked, facts, .. })) = found else { continue };
            let n_before = facts.len();
            let ends = ends.map(|end| built.entities.find(end, names));
            if !outcome.take(ends, &self.room, |head, tail| {
                let evidence = if is_one { claimed.evidence.clone() } else { in_document(&evidence, place) };
                let (relation, attributes) = (claimed.name.into(), claimed.attributes.clone());
                facts.push(Fact { head, tail, relation, evidence, attributes });
            }) {
                break;
            }
            if *is_asked && facts.len() > n_before {
                counting.get_or_insert(place);
            }
        }
        if outcome.crowded.is_none() {
            self.look_further(&mut outcome, ends, &keys);
        }
        if outcome.is_shared {
            self.remarks.push(Remark { what: SHARED, example: column(claimed.id) });
        }
        if !outcome.is_shared && outcome.is_listed && outcome.crowded.is_none() {
            self.remarks.push(Remark { what: LISTED, example: column(claimed.id) });
        }
        for key in &claimed.unfit {
            self.remarks.push(Remark { what: UNFIT, example: format!("`{key}` of {}", column(claimed.id)) });
        }
        if let Some(reason) = outcome.fault() {
            self.losses.push(Loss::new(Part::Relation, Fault::new(column(claimed.id), reason)));
        } else if let Some(stated) = counting.and_then(|place| self.stated.get_mut(place)) {
            *stated.n_relations.entry(claimed.name.into()).or_default() += 1;
        }
    }

    /// Where the sentences that show a relation are, each by its document and its number there.
    fn evidence(&mut self, claimed: &Claimed) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        for &sentence in &claimed.evidence {
            if let Some(place) = self.sentences.get(sentence as usize) {
                found.push(*place);
                continue;
            }
            let n_sentences = self.sentences.len();
            let reason = format!("evidence {sentence} is out of range, the article has {n_sentences} sentences");
            self.losses.push(Loss::new(Part::Evidence, Fault::new(column(claimed.id), reason)));
        }
        found
    }

    /// Looks for the ids that those documents lack which have something of both ends: each may be in another.
    fn look_further(&self, outcome: &mut Outcome, ends: [End; 2], keys: &[Vec<Key>; 2]) {
        for ((end, keys), missing) in ends.into_iter().zip(keys).zip(&mut outcome.missing) {
            for place in self.reach.either(keys) {
                if missing.as_ref().is_some_and(Vec::is_empty) {
                    break;
                }
                if let Some((built, names)) = self.finders.get(place) {
                    keep_missing(missing, built.entities.find(end, names).missing);
                }
            }
        }
    }
}

impl Outcome {
    /// Takes what the ends are in one document, and hands on its pairs; `false` where they are too many.
    fn take(&mut self, ends: [Ends; 2], room: &Room, mut with: impl FnMut(u32, u32)) -> bool {
        let [heads, tails] = &ends;
        let n_pairs = heads.entities.len() * tails.entities.len();
        self.n_pairs += n_pairs;
        self.is_listed |= n_pairs > 1;
        self.crowded = room.take_of(n_pairs, self.n_pairs).err();
        if self.crowded.is_some() {
            return false;
        }
        self.is_shared |= heads.is_shared || tails.is_shared;
        for &head in &heads.entities {
            for &tail in &tails.entities {
                if head == tail {
                    self.is_same = true;
                } else {
                    with(head, tail);
                }
            }
        }
        for (missing, end) in self.missing.iter_mut().zip(ends) {
            keep_missing(missing, end.missing);
        }
        true
    }

    /// Why it is lost, or a part of it.
    fn fault(self) -> Option<String> {
        let unknown = self.missing.into_iter().flatten().flatten().next();
        match unknown {
            _ if self.crowded.is_some() => self.crowded,
            Some(id) => Some(format!("expected the id of a mention, got {}", quoted(&id))),
            None if self.is_same => Some("expected two things, got one and the same".to_owned()),
            None if self.n_pairs == 0 => Some(OUT_OF_REACH.to_owned()),
            None => None,
        }
    }
}

/// Those sentences that are in a document.
fn in_document(sentences: &[(usize, u32)], document: usize) -> Vec<u32> {
    sentences.iter().filter(|(place, _)| *place == document).map(|(_, sentence)| *sentence).collect()
}

/// Keeps the ids that another document lacks too.
fn keep_missing(missing: &mut Option<Vec<String>>, of_another: Vec<String>) {
    match missing {
        Some(ids) => ids.retain(|id| of_another.contains(id)),
        None => *missing = Some(of_another),
    }
}

fn shift_token(token: &mut Token, shift: u32) {
    token.characters = token.characters.map(|(start, end)| (start.saturating_add(shift), end.saturating_add(shift)));
}
