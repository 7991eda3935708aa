//! Documents of more pairs than training holds at once: a step takes some of their entities, drawn anew each time, and
//! the pairs of these. A document that is scored is looked at as a whole; one that is learnt from need not be.

use std::collections::BTreeSet;
use std::ops::Range;

use ground::observe::Event;
use ground::random::Random;
use model::example::Example;
use model::large::{self, SHOWN, TooLarge};
use model::predict::{Size, USUAL_BYTES as BYTES_OF_SCORING};
use model::{Model, Need};
use table::TableError;

use super::config::TrainConfig;
use super::documents::Documents;

/// Bytes that training may hold of a document's pairs, unless these are bounded by number.
pub const USUAL_BYTES: u64 = 8 << 30;
/// What bounds a document's pairs in training.
const SET_BY: &str = "`most_pairs`";

/// How much of a document training holds: so many pairs, or as many as [`USUAL_BYTES`] hold.
#[derive(Debug, Clone, Copy)]
pub struct Bound(large::Bound);

impl Bound {
    /// That of a run.
    pub fn of(config: &TrainConfig) -> Self {
        Self(large::Bound::of(config.most_pairs, USUAL_BYTES))
    }

    /// The share of a document's pairs that a step takes, where it cannot take all.
    fn share(self, model: &dyn Model, example: &Example) -> Option<f64> {
        self.0.share(model.training_need(example))
    }

    /// The documents of a step as it takes them: those that are too large share what one of them may take.
    pub fn parts(self, model: &dyn Model, shards: Vec<Vec<Example>>, random: &mut Random) -> Vec<Vec<Example>> {
        let share = |example: &Example| self.share(model, example);
        let n_large = shards.iter().flatten().filter(|example| share(example).is_some()).count();
        let mut part = |example: Example| match share(&example) {
            Some(share) => part(&example, share / n_large as f64, random),
            None => example,
        };
        shards.into_iter().map(|shard| shard.into_iter().map(&mut part).collect()).collect()
    }

    /// Whether a document is trained on in parts.
    pub fn is_large(self, model: &dyn Model, example: &Example) -> bool {
        self.share(model, example).is_some()
    }

    /// What is said of the documents that are trained on in parts, of those in some places.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn told(self, model: &dyn Model, documents: &Documents, places: &[usize]) -> Result<Vec<Event>, TableError> {
        let mut told = Told::default();
        for &place in places {
            let example = documents.read(place)?;
            if let Some(share) = self.share(model, &example) {
                told.add(|| {
                    let (some, all) = (n_kept(&example, share), example.n_entities());
                    let fate = format!("a step takes {some} of its {all} entities, drawn anew each time");
                    too_large(&example, model.training_need(&example), self.0).told(SET_BY, &fate)
                });
            }
        }
        Ok(told.events("are trained on in parts"))
    }
}

fn too_large(example: &Example, need: Need, bound: large::Bound) -> TooLarge {
    TooLarge { document: example.doc_id.clone(), need, bound }
}

/// A dev document that is scored: how large it is to the model, and its place.
pub type Scored = (Size, usize);

/// The documents that can be scored, and what is said of the others.
///
/// # Errors
/// Where one cannot be read.
pub fn scored(model: &dyn Model, documents: &Documents) -> Result<(Vec<Scored>, Vec<Event>), TableError> {
    let bound = large::Bound::Bytes(BYTES_OF_SCORING);
    let (mut scored, mut told) = (Vec::new(), Told::default());
    for (place, example) in documents.all().enumerate() {
        let example = example?;
        let need = model.need(&example);
        if bound.share(need).is_none() {
            scored.push((Size::of(model, &example), place));
        } else {
            told.add(|| too_large(&example, need, bound).told("a bound of scoring", "it is not scored"));
        }
    }
    Ok((scored, told.events("of the dev split are too large and left out of its figures")))
}

/// What is said of some documents: words of the first few, and of how many there are any.
#[derive(Default)]
struct Told {
    first: Vec<String>,
    all: usize,
}

impl Told {
    fn add(&mut self, words: impl FnOnce() -> String) {
        self.all += 1;
        if self.first.len() < SHOWN {
            self.first.push(words());
        }
    }

    fn events(self, what: &str) -> Vec<Event> {
        let all = (self.all > 0).then(|| format!("{} documents {what}", self.all));
        self.first.into_iter().chain(all).map(Event::Warning).collect()
    }
}

/// Entities of a share of a document's pairs.
fn n_kept(example: &Example, share: f64) -> usize {
    ((example.n_entities() as f64 * share.sqrt()) as usize).max(2)
}

/// A share of a document's pairs, those of some of its entities, among them both of one pair at least.
fn part(example: &Example, share: f64, random: &mut Random) -> Example {
    let n_kept = n_kept(example, share);
    let Some(&(head, tail)) = random.pick(&example.pairs) else { return example.clone() };
    let mut others: Vec<u32> = (0..example.n_entities() as u32).filter(|&one| one != head && one != tail).collect();
    random.shuffle(&mut others);
    let kept: BTreeSet<u32> = [head, tail].into_iter().chain(others).take(n_kept).collect();
    let some = |places: &[u32], of: &Range<usize>| places.get(of.clone()).unwrap_or_default().to_vec();
    let (mut mentions, mut mention_ends, mut next) = (Vec::new(), Vec::new(), 0);
    let mut of_part = example.clone();
    for (entity, count) in (0..).zip(&mut of_part.n_mentions) {
        let places = next..next + *count;
        next = places.end;
        if kept.contains(&entity) {
            mentions.extend(some(&example.mentions, &places));
            // A model that reads where mentions begin alone has none.
            mention_ends.extend(some(&example.mention_ends, &places));
        } else {
            *count = 0;
        }
    }
    (of_part.mentions, of_part.mention_ends) = (mentions, mention_ends);
    let is_kept = |(head, tail): &(u32, u32)| kept.contains(head) && kept.contains(tail);
    of_part.evidence.retain(|(pair, _)| is_kept(pair));
    let pairs = example.pairs.iter().zip(&example.labels);
    let pairs = pairs.filter(|(pair, _)| is_kept(pair));
    (of_part.pairs, of_part.labels) = pairs.map(|(pair, labels)| (*pair, labels.clone())).unzip();
    of_part
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_all_pairs_of_some_entities_with_their_mentions_and_labels() {
        let all = (0..20).flat_map(|head| (0..20).map(move |tail| (head, tail)));
        let pairs: Vec<(u32, u32)> = all.filter(|(head, tail)| head % 2 == 0 && tail % 2 == 1).collect();
        let n_mentions: Vec<usize> = (0..20).map(|entity| entity % 3).collect();
        let example = Example {
            // Mentions and labels tell whose they are.
            mentions: (0..20).flat_map(|entity| vec![entity; entity as usize % 3]).collect(),
            mention_ends: (0..20).flat_map(|entity| vec![100 + entity; entity as usize % 3]).collect(),
            n_mentions,
            labels: pairs.iter().map(|&(head, tail)| vec![100 * head + tail]).collect(),
            evidence: pairs.iter().map(|&(head, tail)| ((head, tail), vec![head])).collect(),
            pairs,
            ..Example::default()
        };
        let mut met = BTreeSet::new();
        for seed in 0..50 {
            let found = part(&example, 0.1, &mut Random::new(seed));
            // The root of a tenth of 20.
            let entities: BTreeSet<u32> = found.pairs.iter().flat_map(|&(head, tail)| [head, tail]).collect();
            assert!((2..=6).contains(&entities.len()), "{entities:?}");
            let (n_heads, n_tails) = (
                entities.iter().filter(|entity| *entity % 2 == 0).count(),
                entities.iter().filter(|entity| *entity % 2 == 1).count(),
            );
            assert_eq!(found.pairs.len(), n_heads * n_tails);
            let evidence: Vec<(u32, u32)> = found.evidence.iter().map(|(pair, _)| *pair).collect();
            assert_eq!(evidence, found.pairs);
            for (&(head, tail), labels) in found.pairs.iter().zip(&found.labels) {
                assert_eq!(labels, &[100 * head + tail]);
            }
            let whose = (0..20).flat_map(|entity| vec![entity as u32; found.n_mentions[entity]]);
            assert_eq!(found.mentions, whose.collect::<Vec<_>>());
            let ends = found.mentions.iter().map(|whose| 100 + whose);
            assert_eq!(found.mention_ends, ends.collect::<Vec<_>>());
            assert!(entities.iter().all(|&entity| found.n_mentions[entity as usize] == entity as usize % 3));
            met.extend(found.pairs);
        }
        assert!(met.len() > 90, "each step draws others: {}", met.len());
        assert_eq!(part(&example, 0.0, &mut Random::new(1)).pairs.first().unwrap().0 % 2, 0);
    }
}
