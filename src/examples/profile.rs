//! What a split is made of, in counts: what a checkpoint remembers of its training, and scoring compares with it.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use ground::counts::ratio;
use ground::script::script;
use serde::{Deserialize, Serialize};
use table::Text;
use table::rows::{EntityRow, PairRow};

/// Types of entities that are told apart: a corpus that has one for each entity has none, and takes no memory for them.
pub const MOST_TYPES: usize = 256;
/// A document is of a script that has so large a part of its letters: a tenth. A name in passing makes none.
const PART_OF_DOCUMENT: u64 = 10;

/// A split, or a part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Documents.
    pub documents: u64,
    /// Entities of each type; of the first [`MOST_TYPES`].
    pub entity_types: BTreeMap<Text, u64>,
    /// Entities of further types.
    pub further_entities: u64,
    /// Pairs of entities by the types of head and tail.
    pub type_pairs: BTreeMap<Text, BTreeMap<Text, TypePairs>>,
    /// Pieces as the encoder has them, markers included.
    pub pieces: u64,
    /// Pieces among these that the vocabulary lacks.
    pub unknown_pieces: u64,
    /// Letters and documents of each script.
    pub scripts: BTreeMap<Text, Written>,
}

/// Pairs of entities of two types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypePairs {
    /// Ordered pairs that there are.
    pub pairs: u64,
    /// Pairs among these that are candidates.
    pub candidates: u64,
}

/// What is written in a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Letters.
    pub letters: u64,
    /// Documents of which a tenth of the letters or more are.
    pub documents: u64,
}

impl Profile {
    /// The share of the pieces that the vocabulary lacks; 0 of no pieces.
    pub fn unknown(&self) -> f64 {
        ratio(self.unknown_pieces, self.pieces).unwrap_or_default()
    }

    /// The share of the letters that are in a script; 0 of no letters.
    pub fn share(&self, script: &str) -> f64 {
        let letters = self.scripts.values().map(|written| written.letters).sum();
        let of_script = self.scripts.get(script).map_or(0, |written| written.letters);
        ratio(of_script, letters).unwrap_or_default()
    }

    /// The pairs of two types.
    pub fn pairs_of(&self, head: &str, tail: &str) -> TypePairs {
        self.type_pairs.get(head).and_then(|tails| tails.get(tail)).copied().unwrap_or_default()
    }

    /// All types of head and tail, with their pairs.
    pub fn pairs_by_type(&self) -> impl Iterator<Item = (&Text, &Text, TypePairs)> {
        let of_head = |(head, tails)| Iterator::map(BTreeMap::iter(tails), move |(tail, pairs)| (head, tail, *pairs));
        self.type_pairs.iter().flat_map(of_head)
    }

    fn knows(&self, kind: &Text) -> bool {
        self.entity_types.contains_key(kind) || self.entity_types.len() < MOST_TYPES
    }

    fn add_entities(&mut self, kind: &Text, entities: u64) {
        if self.knows(kind) {
            *self.entity_types.entry(kind.clone()).or_default() += entities;
        } else {
            self.further_entities += entities;
        }
    }

    fn add_pairs(&mut self, head: &Text, tail: &Text, more: TypePairs) {
        if self.entity_types.contains_key(head) && self.entity_types.contains_key(tail) {
            let pairs = self.type_pairs.entry(head.clone()).or_default().entry(tail.clone()).or_default();
            pairs.pairs += more.pairs;
            pairs.candidates += more.candidates;
        }
    }
}

impl AddAssign<&Self> for Profile {
    fn add_assign(&mut self, other: &Self) {
        self.documents += other.documents;
        self.further_entities += other.further_entities;
        other.entity_types.iter().for_each(|(kind, entities)| self.add_entities(kind, *entities));
        other.pairs_by_type().for_each(|(head, tail, pairs)| self.add_pairs(head, tail, pairs));
        self.pieces += other.pieces;
        self.unknown_pieces += other.unknown_pieces;
        for (script, written) in &other.scripts {
            let sum = self.scripts.entry(script.clone()).or_default();
            sum.letters += written.letters;
            sum.documents += written.documents;
        }
    }
}

/// The types of a document's entities, and its pairs by these.
pub(super) struct Kinds {
    names: Vec<Text>,
    /// Entities of each.
    entities: Vec<u64>,
    /// The kind of each entity, by its number; none of one that the table lacks.
    of_entity: Vec<Option<usize>>,
    /// Candidate pairs by kinds of head and tail.
    candidates: BTreeMap<(usize, usize), u64>,
}

impl Kinds {
    /// Those of a document with so many entities.
    pub fn of(n_entities: usize, entities: impl IntoIterator<Item = EntityRow>) -> Self {
        let (of_entity, candidates) = (vec![None; n_entities], BTreeMap::new());
        let mut kinds = Self { names: vec![], entities: vec![], of_entity, candidates };
        let mut places: BTreeMap<Text, usize> = BTreeMap::new();
        for EntityRow { entity_id, r#type, .. } in entities {
            let place = *places.entry(r#type.clone()).or_insert(kinds.names.len());
            if place == kinds.names.len() {
                kinds.names.push(r#type);
                kinds.entities.push(0);
            }
            kinds.entities[place] += 1;
            if let Some(kind) = kinds.of_entity.get_mut(entity_id as usize) {
                *kind = Some(place);
            }
        }
        kinds
    }

    /// The types of a pair's head and tail, where they are known.
    pub fn types(&self, pair: &PairRow) -> Option<(&Text, &Text)> {
        let (head, tail) = self.places(pair)?;
        self.names.get(head).zip(self.names.get(tail))
    }

    /// Counts a pair that is a candidate.
    pub fn count(&mut self, pair: &PairRow) {
        if let Some(places) = self.places(pair) {
            *self.candidates.entry(places).or_default() += 1;
        }
    }

    fn places(&self, pair: &PairRow) -> Option<(usize, usize)> {
        let place = |entity: u32| self.of_entity.get(entity as usize).copied().flatten();
        place(pair.head).zip(place(pair.tail))
    }

    /// Adds them to those of other documents.
    pub fn add_to(&self, profile: &mut Profile) {
        for (kind, entities) in self.names.iter().zip(&self.entities) {
            profile.add_entities(kind, *entities);
        }
        let known: Vec<usize> = (0..self.names.len()).filter(|&place| profile.knows(&self.names[place])).collect();
        for &head in &known {
            for &tail in &known {
                let others = self.entities[tail] - u64::from(head == tail);
                let candidates = self.candidates.get(&(head, tail)).copied().unwrap_or_default();
                let pairs = TypePairs { pairs: self.entities[head] * others, candidates };
                if pairs.pairs > 0 {
                    profile.add_pairs(&self.names[head], &self.names[tail], pairs);
                }
            }
        }
    }
}

/// The letters of a document by script.
#[derive(Default)]
pub(super) struct Letters(BTreeMap<&'static str, u64>);

impl Letters {
    pub fn read(&mut self, token: &str) {
        let latin = token.bytes().filter(u8::is_ascii_alphabetic).count();
        self.add("Latin", latin as u64);
        let others = token.chars().filter(|letter| !letter.is_ascii());
        others.filter_map(script).for_each(|script| self.add(script, 1));
    }

    fn add(&mut self, script: &'static str, letters: u64) {
        if letters > 0 {
            *self.0.entry(script).or_default() += letters;
        }
    }

    /// Adds them to those of other documents.
    pub fn add_to(&self, profile: &mut Profile) {
        let all: u64 = self.0.values().sum();
        for (script, letters) in &self.0 {
            let written = profile.scripts.entry((*script).into()).or_default();
            written.letters += letters;
            written.documents += u64::from(letters * PART_OF_DOCUMENT >= all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(entity_id: u32, kind: &str) -> EntityRow {
        let name = Text::from("x");
        EntityRow { doc_id: name.clone(), entity_id, name, r#type: kind.into(), kb_id: None, n_mentions: 1 }
    }

    fn pair(head: u32, tail: u32) -> PairRow {
        let (doc_id, labels) = ("x".into(), None);
        PairRow { doc_id, head, tail, intra: true, sentence_distance: 0, candidate: true, labels }
    }

    #[test]
    fn pairs_are_counted_by_types() {
        let mut kinds = Kinds::of(3, [entity(0, "a"), entity(1, "b"), entity(2, "a")]);
        [pair(0, 1), pair(2, 1)].iter().for_each(|pair| kinds.count(pair));
        assert_eq!(kinds.types(&pair(1, 2)), Some((&"b".into(), &"a".into())));
        assert_eq!(kinds.types(&pair(1, 3)), None);
        let mut profile = Profile::default();
        kinds.add_to(&mut profile);
        let got: Vec<_> = profile.pairs_by_type().map(|(h, t, p)| (&**h, &**t, p.pairs, p.candidates)).collect();
        // Of three entities there are six ordered pairs; the one `b` has no other.
        assert_eq!(got, [("a", "a", 2, 0), ("a", "b", 2, 2), ("b", "a", 2, 0)]);
        let mut twice = profile.clone();
        twice += &profile;
        assert_eq!(twice.pairs_of("a", "b"), TypePairs { pairs: 4, candidates: 4 });
        assert_eq!(twice.entity_types, BTreeMap::from([("a".into(), 4), ("b".into(), 2)]));
    }

    #[test]
    fn of_many_types_the_first_are_told_apart() {
        let mut profile = Profile::default();
        Kinds::of(MOST_TYPES + 2, (0..MOST_TYPES as u32 + 2).map(|place| entity(place, &format!("{place:04}"))))
            .add_to(&mut profile);
        assert_eq!((profile.entity_types.len(), profile.further_entities), (MOST_TYPES, 2));
        assert_eq!(profile.pairs_by_type().count(), MOST_TYPES * (MOST_TYPES - 1));
        Kinds::of(2, [entity(0, "0001"), entity(1, "new")]).add_to(&mut profile);
        assert_eq!((profile.entity_types.len(), profile.further_entities), (MOST_TYPES, 3));
    }

    #[test]
    fn a_document_is_of_the_scripts_of_a_tenth_of_its_letters() {
        let mut profile = Profile::default();
        for tokens in [&["abcdefghi", "ж", "1", "-"][..], &["abcdefghij", "ж"]] {
            let mut letters = Letters::default();
            tokens.iter().for_each(|token| letters.read(token));
            letters.add_to(&mut profile);
        }
        let written = |letters, documents| Written { letters, documents };
        let expected = BTreeMap::from([("Cyrillic".into(), written(2, 1)), ("Latin".into(), written(19, 2))]);
        assert_eq!(profile.scripts, expected);
        assert!((profile.share("Cyrillic") - 2.0 / 21.0).abs() < 1e-12 && profile.share("Han") <= 0.0);
    }
}
