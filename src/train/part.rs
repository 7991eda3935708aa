//! Documents of more pairs than training holds at once: a step takes some of their entities, drawn anew each time, and
//! the pairs of these. A document that is scored is looked at as a whole; one that is learnt from need not be.

use std::collections::BTreeSet;
use std::fmt;

use ground::observe::Event;
use ground::random::Random;
use model::example::Example;
use model::predict::USUAL_BYTES as BYTES_OF_SCORING;
use model::{Model, Need};
use table::Text;

use super::config::TrainConfig;

/// Bytes that training may hold of a document's pairs, unless these are bounded by number.
pub const USUAL_BYTES: u64 = 8 << 30;
/// Documents that are named; all are counted.
const SHOWN: usize = 10;

/// How much of a document training holds: so many pairs, or as many as [`USUAL_BYTES`] hold.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Pairs at most.
    pub most_pairs: Option<u64>,
}

/// A document that is trained on in parts.
struct InParts {
    document: Text,
    need: Need,
    most_pairs: Option<u64>,
    /// Entities of a part, and all.
    entities: [usize; 2],
}

impl Bound {
    /// That of a run.
    pub fn of(config: &TrainConfig) -> Self {
        Self { most_pairs: config.most_pairs }
    }

    /// The share of a document's pairs that a step takes, where it cannot take all.
    fn share(self, model: &dyn Model, example: &Example) -> Option<f64> {
        let need = model.training_need(example);
        let share = match self.most_pairs {
            Some(most) => most as f64 / need.pairs as f64,
            None => USUAL_BYTES as f64 / need.bytes as f64,
        };
        (share < 1.0).then_some(share)
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

    /// Whether any of some documents is trained on in parts.
    pub fn is_any_large(self, model: &dyn Model, examples: &[Example]) -> bool {
        examples.iter().any(|example| self.share(model, example).is_some())
    }

    /// What is said of the documents that are trained on in parts.
    pub fn told(self, model: &dyn Model, examples: &[&Example]) -> Vec<Event> {
        let large = examples.iter().filter_map(|&example| {
            let share = self.share(model, example)?;
            Some(InParts {
                document: example.doc_id.clone(),
                need: model.training_need(example),
                most_pairs: self.most_pairs,
                entities: [n_kept(example, share), example.n_entities()],
            })
        });
        first_few(large.map(|large| large.to_string()).collect(), "are trained on in parts")
    }
}

impl fmt::Display for InParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { document, need: Need { pairs, bytes }, most_pairs, entities: [some, all] } = self;
        write!(f, "document `{document}`: ")?;
        match most_pairs {
            Some(most) => write!(f, "expected at most {most} pairs (`most_pairs`), got {pairs}")?,
            None => write!(
                f,
                "expected pairs that training holds in {} GiB (`most_pairs`), got {pairs}, which take about {:.0} GiB",
                USUAL_BYTES >> 30,
                *bytes as f64 / f64::from(1 << 30),
            )?,
        }
        write!(f, "; a step takes {some} of its {all} entities, drawn anew each time")
    }
}

/// The documents that can be scored, and what is said of the others.
pub fn scored(model: &dyn Model, examples: &[Example]) -> (Vec<Example>, Vec<Event>) {
    let (kept, large): (Vec<&Example>, Vec<&Example>) =
        examples.iter().partition(|example| model.need(example).bytes <= BYTES_OF_SCORING);
    let words = |example: &&Example| {
        let gib = model.need(example).bytes as f64 / f64::from(1 << 30);
        let most = BYTES_OF_SCORING >> 30;
        let document = &example.doc_id;
        format!("document `{document}`: expected pairs that take at most {most} GiB to score, got about {gib:.0} GiB")
    };
    let told =
        first_few(large.iter().map(words).collect(), "of the dev split are too large and left out of its figures");
    (kept.into_iter().cloned().collect(), told)
}

/// The first few words, and of how many documents there are any.
fn first_few(words: Vec<String>, what: &str) -> Vec<Event> {
    let all = (!words.is_empty()).then(|| format!("{} documents {what}", words.len()));
    words.into_iter().take(SHOWN).chain(all).map(Event::Warning).collect()
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
    let mut mentions = example.mentions.iter().copied();
    let mut of_part = Example { mentions: Vec::new(), pairs: Vec::new(), labels: Vec::new(), ..example.clone() };
    for (entity, count) in (0..).zip(&mut of_part.n_mentions) {
        let places = mentions.by_ref().take(*count);
        if kept.contains(&entity) {
            of_part.mentions.extend(places);
        } else {
            places.for_each(drop);
            *count = 0;
        }
    }
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
            assert!(entities.iter().all(|&entity| found.n_mentions[entity as usize] == entity as usize % 3));
            met.extend(found.pairs);
        }
        assert!(met.len() > 90, "each step draws others: {}", met.len());
        assert_eq!(part(&example, 0.0, &mut Random::new(1)).pairs.first().unwrap().0 % 2, 0);
    }
}
