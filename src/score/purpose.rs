//! What a checkpoint is for, by its card, and how a split differs from that: told, not refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::path::Path;

use serde::{Deserialize, Serialize};

use checkpoint::{Card, CardRelation};
use examples::Profile;
use ground::excerpt::quoted;
use ground::identity::Identity;
use ground::observe::Event;
use table::rows::ModelRelationRow;
use table::{Ours, Row, TableError, Text, check_making, check_place, fingerprint};

use super::error::ScoreError;
use super::like::of_card;
use super::request::{Candidates, Options, Request};

/// Things that a warning names; all are counted.
const SHOWN: usize = 5;
/// Unknown pieces are told where their share is above so many times that of training
const TIMES: f64 = 3.0;
/// and this.
const BESIDES: f64 = 0.02;
/// A script of which training had less than this share of its letters, in names in passing, it never saw.
const SEEN: f64 = 0.001;

/// What a checkpoint is for.
pub struct Purpose {
    card: Option<Card>,
    /// Types of head and tail whose pairs are not scored.
    pub left_out: BTreeSet<(Text, Text)>,
}

/// What was met on the way.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Met {
    /// What the documents are made of.
    pub profile: Profile,
    /// Labels of relations that the model does not know.
    pub foreign: BTreeMap<Text, u64>,
}

impl AddAssign<&Self> for Met {
    fn add_assign(&mut self, other: &Self) {
        self.profile += &other.profile;
        for (relation, labels) in &other.foreign {
            *self.foreign.entry(relation.clone()).or_default() += labels;
        }
    }
}

impl Purpose {
    /// That of a checkpoint, as far as its card tells.
    pub fn of(checkpoint: &Path, options: &Options) -> Result<Self, ScoreError> {
        let card = of_card(checkpoint, options.like.as_deref())?;
        let left_out = match (&card, options.candidates) {
            (Some(card), Candidates::Model) => card.left_out(),
            _ => BTreeSet::new(),
        };
        Ok(Self { card, left_out })
    }

    /// Whether the table of the relations that the model tells apart stands, as the card has them.
    ///
    /// # Errors
    /// Where it is of another making, and not to be replaced.
    pub fn has_relations(&self, request: &Request<'_>) -> Result<bool, TableError> {
        let name = &ModelRelationRow::schema().name;
        let making = self.making();
        if fingerprint(request.out, name)?.as_ref() == Some(&making) {
            return Ok(true);
        }
        if !request.force {
            check_making(request.out, name, Some(&making))?;
        }
        check_place(&request.out.join(name), Ours::TABLES)?;
        Ok(false)
    }

    /// Writes that table, unless it stands.
    ///
    /// # Errors
    /// As [`Self::has_relations`], and where it cannot be written.
    pub fn keep_relations(&self, request: &Request<'_>) -> Result<(), TableError> {
        if self.has_relations(request)? { Ok(()) } else { table::write(request.out, &self.making(), self.relations()) }
    }

    fn relations(&self) -> Vec<ModelRelationRow> {
        let row = |told: &CardRelation| ModelRelationRow {
            relation: told.relation.clone(),
            label: told.label.clone(),
            n_facts: told.facts,
            undirected: told.undirected,
        };
        self.card.iter().flat_map(|card| &card.relations).map(row).collect()
    }

    fn making(&self) -> String {
        Identity::of("model relations").field("rows", &self.relations()).finish()
    }

    /// What is to be said of a checkpoint that says nothing of itself, as one that was imported.
    pub fn unknown(&self, checkpoint: &Path) -> Option<Event> {
        let checkpoint = checkpoint.display();
        let words = "has no `card.json`: nobody knows whether its model was trained on documents like these";
        self.card.is_none().then(|| Event::Note(format!("{checkpoint} {words}")))
    }

    /// How what was met differs from what the model was trained on.
    pub fn warnings(&self, met: &Met) -> Vec<String> {
        let by_card = self.card.iter().flat_map(|card| {
            let types = unseen_types(&card.profile, &met.profile);
            types
                .into_iter()
                .chain(unknown_pieces(&card.profile, &met.profile))
                .chain(scripts(&card.profile, &met.profile))
        });
        by_card.chain(self.left_out(&met.profile)).chain(foreign(&met.foreign)).collect()
    }

    fn left_out(&self, met: &Profile) -> Option<String> {
        let of_types = self.left_out.iter().map(|(head, tail)| (format!("{head}:{tail}"), met.pairs_of(head, tail)));
        let left_out: Vec<(String, u64)> = of_types.map(|(types, pairs)| (types, pairs.candidates)).collect();
        let (count, named) = most(left_out)?;
        let all: u64 = met.pairs_by_type().map(|(.., pairs)| pairs.candidates).sum();
        let of = if all == count { ", all that there are,".to_owned() } else { format!(" of {all}") };
        Some(format!(
            "{count} pairs{of} are of types that the model's training left out, and are not scored: {named}; \
             `--candidates corpus` (`candidates` in a pipeline) scores them"
        ))
    }
}

/// Types of entities that training never saw. Where it had more than are told apart, nobody knows.
fn unseen_types(card: &Profile, met: &Profile) -> Option<String> {
    if card.further_entities > 0 || card.entity_types.is_empty() {
        return None;
    }
    let unseen = met.entity_types.iter().filter(|(kind, _)| !card.entity_types.contains_key(*kind));
    let (count, named) = most(unseen.map(|(kind, entities)| (kind.to_string(), *entities)).collect())?;
    let of: u64 = met.entity_types.values().sum::<u64>() + met.further_entities;
    Some(format!("{count} entities of {of} are of types that the model was not trained on: {named}"))
}

fn unknown_pieces(card: &Profile, met: &Profile) -> Option<String> {
    let (here, there) = (met.unknown(), card.unknown());
    let told = |share: f64| format!("{:.1}%", 100.0 * share);
    let words = || format!("{} of the pieces are unknown to the model, in training {} were", told(here), told(there));
    (here > TIMES * there + BESIDES).then(words)
}

fn scripts<'p>(card: &'p Profile, met: &'p Profile) -> impl Iterator<Item = String> + 'p {
    // Of a card without letters nothing is unseen.
    let seen = |script: &Text| card.scripts.is_empty() || card.share(script) >= SEEN;
    let unseen = met.scripts.iter().filter(move |(script, written)| written.documents > 0 && !seen(script));
    unseen.map(|(script, written)| {
        let (documents, of) = (written.documents, met.documents);
        format!("{documents} documents of {of} are written in a script that the model was not trained on: {script}")
    })
}

fn foreign(labels: &BTreeMap<Text, u64>) -> Option<String> {
    let (count, named) = most(labels.iter().map(|(relation, labels)| (relation.to_string(), *labels)).collect())?;
    let relations = labels.len();
    Some(format!("{count} facts of {relations} relations that the model does not know count as missed: {named}"))
}

/// How many things there are, and the names of which there are most; `None` of none.
fn most(mut counts: Vec<(String, u64)>) -> Option<(u64, String)> {
    counts.retain(|(_, count)| *count > 0);
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let sum = counts.iter().map(|(_, count)| count).sum();
    let named: Vec<String> =
        counts.iter().take(SHOWN).map(|(name, count)| format!("{} ({count})", quoted(name))).collect();
    let more = counts.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (sum > 0).then(|| (sum, named.join(", ") + &more))
}

#[cfg(test)]
mod tests {
    use examples::{TypePairs, Written};

    use super::*;

    fn profile(types: &[(&str, u64)], unknown: u64, letters: &[(&str, u64, u64)]) -> Profile {
        let written =
            |&(script, letters, documents): &(&str, u64, u64)| (script.into(), Written { letters, documents });
        Profile {
            documents: 9,
            entity_types: types.iter().map(|&(kind, entities)| (kind.into(), entities)).collect(),
            pieces: 1000,
            unknown_pieces: unknown,
            scripts: letters.iter().map(written).collect(),
            ..Profile::default()
        }
    }

    #[test]
    fn unseen_types_are_told_with_those_of_which_there_are_most() {
        let card = profile(&[("A", 4)], 0, &[]);
        let met = profile(&[("A", 1), ("B", 2), ("C", 3), ("D", 1), ("E", 1), ("F", 1), ("G", 1)], 0, &[]);
        let told = "9 entities of 10 are of types that the model was not trained on: \
                    `C` (3), `B` (2), `D` (1), `E` (1), `F` (1) and 1 more";
        assert_eq!(unseen_types(&card, &met).as_deref(), Some(told));
        assert_eq!(unseen_types(&card, &card), None);
        assert_eq!(unseen_types(&Profile { further_entities: 1, ..card }, &met), None);
        // A card of a split without types.
        assert_eq!(unseen_types(&Profile::default(), &met), None);
    }

    #[test]
    fn unknown_pieces_are_told_far_above_the_share_of_training() {
        for (there, here, is_told) in [(0, 20, false), (0, 21, true), (20, 79, false), (20, 81, true)] {
            let [there, here] = [there, here].map(|unknown| profile(&[], unknown, &[]));
            assert_eq!(unknown_pieces(&there, &here).is_some(), is_told, "{there:?} {here:?}");
        }
        let told = unknown_pieces(&profile(&[], 1, &[]), &profile(&[], 120, &[]));
        assert_eq!(told.as_deref(), Some("12.0% of the pieces are unknown to the model, in training 0.1% were"));
    }

    #[test]
    fn scripts_are_told_that_training_has_in_passing_alone() {
        let card = profile(&[], 0, &[("Latin", 9970, 9), ("Greek", 20, 0), ("Cyrillic", 9, 0)]);
        let met =
            profile(&[], 0, &[("Latin", 50, 9), ("Greek", 50, 2), ("Cyrillic", 50, 3), ("Han", 50, 1), ("Thai", 1, 0)]);
        let told = |documents: u64, script: &str| {
            format!("{documents} documents of 9 are written in a script that the model was not trained on: {script}")
        };
        assert_eq!(scripts(&card, &met).collect::<Vec<_>>(), [told(3, "Cyrillic"), told(1, "Han")]);
        assert_eq!(scripts(&Profile::default(), &met).count(), 0);
    }

    #[test]
    fn pairs_that_are_left_out_are_counted() {
        let pairs = |pairs: &[(&str, &str, u64)]| {
            let mut profile = Profile::default();
            for &(head, tail, candidates) in pairs {
                let found = TypePairs { pairs: 9, candidates };
                profile.type_pairs.entry(head.into()).or_default().insert(tail.into(), found);
            }
            profile
        };
        let left_out = [("A", "A"), ("B", "A")].map(|(head, tail)| (head.into(), tail.into())).into();
        let purpose = Purpose { card: None, left_out };
        let told = purpose.left_out(&pairs(&[("A", "A", 2), ("A", "B", 3), ("B", "A", 0)])).unwrap_or_default();
        assert!(told.starts_with("2 pairs of 5 are of types") && told.contains("scored: `A:A` (2); "), "{told}");
        let told = purpose.left_out(&pairs(&[("A", "A", 2), ("B", "A", 3)])).unwrap_or_default();
        assert!(told.starts_with("5 pairs, all that there are, are of types"), "{told}");
        assert_eq!(purpose.left_out(&pairs(&[("A", "B", 3)])), None);
    }
}
