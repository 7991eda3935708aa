//! Random small splits against a plain reading of the definitions, and what must hold of every split.

use std::collections::BTreeSet;

use docre::metrics::{Evaluation, Metric};
use proptest::prelude::*;
use serde_json::Value;

use super::fixture::{Doc, Split, entry};
use super::{evaluated, find};

/// Document, head, tail, relation.
type Fact = (usize, u32, u32, u32);

/// Gold facts, predictions (some may repeat), and the sentences of each document's entities.
#[derive(Debug, Clone)]
struct Case {
    gold: BTreeSet<Fact>,
    predicted: Vec<Fact>,
    sentences: Vec<Vec<Vec<u32>>>,
}

/// Two facts by the names of their entities.
const TRAINING: [[&str; 3]; 2] = [["doc 0 0", "doc 0 1", "r0"], ["doc 1 2", "doc 1 0", "r1"]];
/// The same as facts.
const TRAINED: [Fact; 2] = [(0, 0, 1, 0), (1, 2, 0, 1)];

const DOCS: usize = 3;
const ENTITIES: u32 = 5;

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let fact = (0..DOCS, 0..ENTITIES, 1..ENTITIES, 0u32..3);
    prop::collection::vec(
        fact.prop_map(|(doc, head, step, relation)| (doc, head, (head + step) % ENTITIES, relation)),
        0..40,
    )
}

fn cases() -> impl Strategy<Value = Case> {
    let entity = prop::collection::vec(0u32..4, 1..3);
    let sentences = prop::collection::vec(prop::collection::vec(entity, ENTITIES as usize), DOCS);
    (facts(), facts(), sentences).prop_map(|(gold, predicted, sentences)| Case {
        gold: gold.into_iter().collect(),
        predicted,
        sentences,
    })
}

impl Case {
    fn split(&self) -> Split {
        let docs = self.sentences.iter().enumerate().map(|(place, sentences)| {
            let sentences: Vec<&[u32]> = sentences.iter().map(Vec::as_slice).collect();
            let facts = self.gold.iter().filter(|fact| fact.0 == place);
            let doc = Doc::new(&format!("doc {place}"), &sentences);
            facts.fold(doc, |doc, (_, head, tail, relation)| doc.fact(*head, *tail, &format!("r{relation}"), &[]))
        });
        Split(docs.collect())
    }

    fn submission(facts: &[Fact]) -> Vec<Value> {
        facts
            .iter()
            .map(|(doc, head, tail, relation)| entry(&format!("doc {doc}"), *head, *tail, &format!("r{relation}")))
            .collect()
    }

    fn evaluated(&self) -> Evaluation {
        evaluated(
            &self.split(),
            &Self::submission(&self.predicted),
            &[["doc 0 0", "doc 0 1", "r0"], ["doc 1 2", "doc 1 0", "r1"]],
        )
    }
}

fn pairs(facts: &BTreeSet<Fact>) -> BTreeSet<(usize, u32, u32)> {
    facts.iter().map(|fact| (fact.0, fact.1, fact.2)).collect()
}

/// Pairs that each pattern concludes, and any of them, by trying every bridge.
fn concluded(facts: &BTreeSet<Fact>) -> [BTreeSet<Fact>; 5] {
    let edges = pairs(facts);
    let by = |premises: fn(u32, u32, u32) -> [(u32, u32); 2]| -> BTreeSet<Fact> {
        let holds = |fact: &&Fact| {
            let (doc, s, o, _) = **fact;
            let bridges = (0..ENTITIES).filter(|i| *i != s && *i != o);
            bridges
                .into_iter()
                .any(|i| premises(s, o, i).iter().all(|(head, tail)| edges.contains(&(doc, *head, *tail))))
        };
        facts.iter().filter(holds).copied().collect()
    };
    let patterns = [
        by(|s, o, i| [(s, i), (i, o)]),
        by(|s, o, i| [(s, i), (o, i)]),
        by(|s, o, i| [(i, s), (i, o)]),
        by(|s, o, i| [(o, i), (i, s)]),
    ];
    let any = patterns.iter().flatten().copied().collect();
    let [across, ahead, behind, ring] = patterns;
    [across, ahead, behind, ring, any]
}

/// Facts whose pair is an edge of a triangle (h,e), (e,t), (h,t).
fn engaged(facts: &BTreeSet<Fact>) -> BTreeSet<Fact> {
    let edges = pairs(facts);
    let mut of_triangles = BTreeSet::new();
    for &(doc, h, e) in &edges {
        for t in (0..ENTITIES).filter(|t| *t != h) {
            let triangle = [(doc, h, e), (doc, e, t), (doc, h, t)];
            if triangle.iter().all(|edge| edges.contains(edge)) {
                of_triangles.extend(triangle);
            }
        }
    }
    facts.iter().filter(|fact| of_triangles.contains(&(fact.0, fact.1, fact.2))).copied().collect()
}

/// Correct, predicted and gold counts.
fn counts(predicted: &BTreeSet<Fact>, gold: &BTreeSet<Fact>) -> [Option<u64>; 3] {
    [predicted.intersection(gold).count(), predicted.len(), gold.len()].map(|count| Some(count as u64))
}

fn row_counts(row: &Metric) -> [Option<u64>; 3] {
    [row.true_positives, row.predicted, row.gold]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn queries_count_what_the_definitions_say(case in cases()) {
        let (run, split) = (case.evaluated(), case.split());
        let predicted: BTreeSet<Fact> = case.predicted.iter().copied().collect();
        let of = |scope: &str| row_counts(find(&run, "F1", scope, None));
        prop_assert_eq!(of("all"), counts(&predicted, &case.gold));
        for (scope, intra) in [("intra", true), ("inter", false)] {
            let within = |facts: &BTreeSet<Fact>| -> BTreeSet<Fact> {
                facts.iter().filter(|fact| split.0[fact.0].intra(fact.1, fact.2) == intra).copied().collect()
            };
            prop_assert_eq!(of(scope), counts(&within(&predicted), &within(&case.gold)));
        }
        prop_assert_eq!(of("infer"), counts(&engaged(&predicted), &engaged(&case.gold)));
        let in_triangles = engaged(&case.gold);
        let nothing = BTreeSet::new();
        let all_predicted = if in_triangles.is_empty() { &nothing } else { &predicted };
        prop_assert_eq!(of("infer gold"), counts(all_predicted, &in_triangles));
        let covered = find(&run, "coverage", "all", None);
        let [.., any] = concluded(&case.gold);
        prop_assert_eq!(row_counts(covered), [Some(any.len() as u64), None, Some(case.gold.len() as u64)]);
        let patterns = ["s>i,i>o", "s>i,o>i", "i>s,i>o", "o>i,i>s", "any"];
        for (pattern, facts) in patterns.into_iter().zip(concluded(&case.gold)) {
            let found = facts.intersection(&predicted).count() as u64;
            let expected = [Some(found), Some(found), Some(facts.len() as u64)];
            prop_assert_eq!(row_counts(find(&run, "Infer-Ac", pattern, None)), expected);
        }
        let known = TRAINED.iter().filter(|fact| predicted.contains(*fact) && case.gold.contains(*fact));
        let [correct, all, gold] = counts(&predicted, &case.gold);
        let known = known.count() as u64;
        let ignoring = row_counts(find(&run, "IgnF1", "all", None));
        prop_assert_eq!(ignoring, [correct.map(|count| count - known), all.map(|count| count - known), gold]);
    }

    #[test]
    fn leaving_out_known_facts_never_helps(case in cases()) {
        let run = case.evaluated();
        prop_assert!(find(&run, "IgnF1", "all", None).f1 <= find(&run, "F1", "all", None).f1);
    }

    #[test]
    fn gold_and_predicted_swapped_swap_precision_and_recall(case in cases()) {
        let predicted = case.gold.iter().copied().collect();
        let swapped = Case { gold: case.predicted.iter().copied().collect(), predicted, ..case.clone() };
        let (run, swapped) = (case.evaluated(), swapped.evaluated());
        for scope in ["all", "intra", "inter", "infer"] {
            let (row, other) = (find(&run, "F1", scope, None), find(&swapped, "F1", scope, None));
            prop_assert_eq!((row.precision, row.recall, row.f1), (other.recall, other.precision, other.f1));
        }
    }

    #[test]
    fn order_and_duplicates_are_irrelevant(case in cases()) {
        let mut split = case.split();
        for doc in &mut split.0 {
            doc.facts.reverse();
            doc.facts.extend_from_within(..);
        }
        let mut predicted = case.predicted.clone();
        predicted.reverse();
        predicted.extend_from_slice(&case.predicted);
        let again = evaluated(&split, &Case::submission(&predicted), &TRAINING);
        prop_assert_eq!(case.evaluated().metrics, again.metrics);
    }
}
