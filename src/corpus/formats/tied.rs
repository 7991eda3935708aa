//! Documents for tools that know mentions alone: the mentions of an entity are tied to each other, and a relation stands
//! between two of them.

use std::collections::HashMap;
use std::ops::Range;

use ground::curie::within_document;
use ground::excerpt::quoted;

use crate::document::Mention;
use crate::fault::Remark;
use crate::writer::{Claim, Written};

/// The relation by which the mentions of an entity are tied, where a tool has none of its own: see [`super::marked`].
pub const COREFERENCE: &str = "coreference";

const ALIKE: &str = "entities of the identity and type of another, read back as one with it";
const LOOSE: &str = "mentions without identity, read back as an entity each";

/// A mention as its characters and a number.
pub type Spanned = (Range<u32>, usize);

/// A mention as it is to be written.
pub struct Tied<'d> {
    /// The mention.
    pub mention: &'d Mention,
    /// Its characters.
    pub span: Range<u32>,
    /// The place of its entity; `None` where it has none.
    pub entity: Option<usize>,
    /// The entity's identifier.
    pub kb_id: Option<&'d str>,
}

impl<'d> Tied<'d> {
    /// Those of a document, entity by entity.
    pub fn of(written: &Written<'d>) -> Vec<Self> {
        let document = written.document;
        let of_entities = document.entities.iter().enumerate().flat_map(|(place, entity)| {
            entity.mentions.iter().map(move |mention| (mention, Some(place), entity.kb_id.as_deref()))
        });
        let loose = document.loose_mentions.iter().map(|mention| (mention, None, None));
        let tied = |(mention, entity, kb_id)| {
            let (start, end) = written.span(mention)?;
            Some(Self { mention, span: start..end, entity, kb_id })
        };
        of_entities.chain(loose).filter_map(tied).collect()
    }
}

/// What of a document is another thing to who reads it back, by [`super::marked`].
pub fn remarks(written: &Written<'_>) -> Vec<Remark> {
    let (mut known, mut alike) = (HashMap::new(), Vec::new());
    for (place, entity) in written.document.entities.iter().enumerate() {
        let kb_id = entity.kb_id.as_deref().unwrap_or_default();
        let kinds = entity.mentions.iter().map(|mention| &mention.kind);
        let identities = kinds.filter_map(|kind| Some((within_document(kb_id, kind)?, kind)));
        if identities.filter(|identity| *known.entry(identity.clone()).or_insert(place) != place).count() > 0 {
            alike.push(Remark { what: ALIKE, example: quoted(kb_id) });
        }
    }
    let loose = written.document.loose_mentions.iter();
    alike.extend(loose.map(|mention| Remark { what: LOOSE, example: quoted(&mention.name) }));
    alike
}

/// The places of each two neighbouring mentions of an entity.
pub fn ties(mentions: &[Tied]) -> Vec<(usize, usize)> {
    let pairs = (1..).zip(mentions.windows(2));
    let tied = pairs.filter(|(_, pair)| pair[0].entity.is_some() && pair[0].entity == pair[1].entity);
    tied.map(|(next, _)| (next - 1, next)).collect()
}

/// The relations to be written, each with the places of its mentions.
pub fn arrows<'w>(written: &'w Written, mentions: &[Tied]) -> Vec<(&'w Claim, usize, usize)> {
    let mut spans: Vec<Vec<Spanned>> = vec![Vec::new(); written.document.entities.len()];
    for (place, tied) in mentions.iter().enumerate() {
        if let Some(spans) = tied.entity.and_then(|entity| spans.get_mut(entity)) {
            spans.push((tied.span.clone(), place));
        }
    }
    spans.iter_mut().for_each(|spans| spans.sort_by_key(|(span, place)| (span.start, span.end, *place)));
    let between = |claim: &'w Claim| {
        let (from, to) = closest(spans.get(claim.head as usize)?, spans.get(claim.tail as usize)?)?;
        Some((claim, from, to))
    };
    written.claims.iter().flatten().filter_map(between).collect()
}

/// Of the mentions of two entities, each list in the order of its spans, the numbers of those that stand closest; `None`
/// where a list is empty.
pub fn closest(one: &[Spanned], other: &[Spanned]) -> Option<(usize, usize)> {
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
