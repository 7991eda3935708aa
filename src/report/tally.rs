//! Verdicts, counted: by relation, by distance, by the size of the document, by what inference did to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use ground::counts::{Counts, Verdict};
use table::Text;

use crate::documents::{Claim, Document, Fact, Inferred};
use crate::traces::Change;

/// Sentences between the closest mentions.
const DISTANCES: Bands = Bands { first: 0, width: 1, last: 6 };
/// Entities of the document.
const SIZES: Bands = Bands { first: 1, width: 5, last: 41 };

/// Numbers put together: so many from the first on, and again; the last band has no end. A band is known by the number
/// that it starts with.
struct Bands {
    first: u32,
    width: u32,
    last: u32,
}

impl Bands {
    fn start(&self, number: u32) -> u32 {
        let above = number.saturating_sub(self.first);
        (self.first + above - above % self.width).min(self.last)
    }

    fn name(&self, start: u32) -> String {
        let end = start + self.width - 1;
        if start == self.last {
            format!("{start}+")
        } else if end > start {
            format!("{start}–{end}")
        } else {
            start.to_string()
        }
    }

    /// Bands as a list, in order, each with its name.
    fn named<S: Serializer>(&self, bands: &BTreeMap<u32, Counted>, serializer: S) -> Result<S::Ok, S::Error> {
        let named = |(&start, &counts): (&u32, &Counted)| Band { name: self.name(start), counts };
        serializer.collect_seq(bands.iter().map(named))
    }
}

/// A band as the page has it.
#[derive(Serialize)]
struct Band {
    name: String,
    #[serde(flatten)]
    counts: Counted,
}

/// Counts as the page has them: with the figures that are reckoned from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Figures")]
pub struct Counted {
    /// What is known to be right or wrong.
    pub counts: Counts,
    /// Predictions, judged or not.
    pub found: u64,
}

impl Counted {
    fn add(&mut self, verdict: Verdict) {
        self.counts.add(verdict);
        self.found += u64::from(verdict != Verdict::Missed);
    }
}

#[derive(Serialize)]
struct Figures {
    correct: u64,
    predicted: u64,
    gold: u64,
    found: u64,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

impl From<Counted> for Figures {
    fn from(Counted { counts, found }: Counted) -> Self {
        Self {
            correct: counts.true_positives,
            predicted: counts.predicted,
            gold: counts.gold,
            found,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1_of_any(),
        }
    }
}

/// What is counted over a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Documents.
    pub documents: u64,
    /// Those among them that say which relations hold: all counts of facts are theirs.
    pub labelled: u64,
    /// Sentences.
    pub sentences: u64,
    /// Tokens.
    pub tokens: u64,
    /// Entities.
    pub entities: u64,
    /// Those that a prediction is about.
    pub related: u64,
    /// Mentions.
    pub mentions: u64,
    /// Predictions of documents without labels.
    pub unjudged: u64,
    /// Predictions of documents that the split has not: wrong ones.
    pub strays: u64,
    /// All facts.
    pub facts: Counted,
    /// By relation.
    pub relations: BTreeMap<Text, OfRelation>,
    /// By sentences between the closest mentions.
    #[serde(serialize_with = "by_distance")]
    pub distances: BTreeMap<u32, Counted>,
    /// By entities of the document.
    #[serde(serialize_with = "by_size")]
    pub sizes: BTreeMap<u32, Counted>,
    /// By what inference did, where the run has it.
    pub inference: Inference,
    /// What each iteration changed.
    pub changes: BTreeMap<u32, Changed>,
    /// The other run's facts, and what both predict.
    pub other: Other,
    /// The types of entities.
    pub types: BTreeSet<Text>,
    /// What each prediction that counts says of how sure it is, and whether it is correct.
    #[serde(skip)]
    pub ordered: Vec<(Sure, bool)>,
}

/// How sure a prediction is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sure {
    margin: Option<f32>,
    probability: Option<f32>,
}

/// What is counted of a relation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OfRelation {
    #[serde(flatten)]
    counted: Counted,
    /// Documents in which it is predicted.
    documents: u64,
}

/// What is counted of another run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Other {
    /// Its facts.
    pub facts: Counted,
    /// Those that both runs predict.
    pub both: Counted,
}

/// What an iteration of inference changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Changed {
    added: u64,
    dropped: u64,
    /// Of those that were added in documents with labels, the right ones, and how many there are.
    added_right: u64,
    added_judged: u64,
    /// The same of those that were dropped.
    dropped_right: u64,
    dropped_judged: u64,
}

impl Changed {
    fn add(&mut self, change: &Change) {
        let (all, right, judged) = if change.added {
            (&mut self.added, &mut self.added_right, &mut self.added_judged)
        } else {
            (&mut self.dropped, &mut self.dropped_right, &mut self.dropped_judged)
        };
        *all += 1;
        *right += u64::from(change.right == Some(true));
        *judged += u64::from(change.right.is_some());
    }
}

/// Predictions before inference and after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inference {
    /// Predictions that the base had made.
    pub kept: Counted,
    /// Those that only inference made.
    pub added: Counted,
    /// By the iteration at which they last changed.
    pub iterations: BTreeMap<u32, Counted>,
}

fn by_distance<S: Serializer>(counts: &BTreeMap<u32, Counted>, serializer: S) -> Result<S::Ok, S::Error> {
    DISTANCES.named(counts, serializer)
}

fn by_size<S: Serializer>(counts: &BTreeMap<u32, Counted>, serializer: S) -> Result<S::Ok, S::Error> {
    SIZES.named(counts, serializer)
}

impl Tally {
    /// Counts a document.
    pub fn add(&mut self, document: &Document) {
        self.documents += 1;
        self.labelled += u64::from(document.labelled);
        self.sentences += document.sentences.len() as u64;
        self.tokens += document.sentences.iter().map(|sentence| sentence.len() as u64).sum::<u64>();
        self.entities += document.entities.len() as u64;
        self.mentions += document.mentions.len() as u64;
        self.types.extend(document.entities.iter().map(|entity| entity.r#type.clone()));
        let size = SIZES.start(document.entities.len() as u32);
        document.facts.iter().for_each(|fact| self.add_fact(fact, size));
        let predicted = || document.facts.iter().filter(|fact| fact.is_predicted());
        let related: BTreeSet<u32> = predicted().flat_map(|fact| [fact.head, fact.tail]).collect();
        self.related += related.len() as u64;
        let relations: BTreeSet<&Text> = predicted().map(|fact| &fact.relation).collect();
        for relation in relations {
            self.relations.entry(relation.clone()).or_default().documents += 1;
        }
        document.changes.iter().for_each(|change| self.changes.entry(change.iteration).or_default().add(change));
    }

    fn add_fact(&mut self, fact: &Fact, size: u32) {
        self.other.add(fact);
        let relation = &mut self.relations.entry(fact.relation.clone()).or_default().counted;
        let Some(verdict) = fact.verdict else { return };
        self.unjudged += u64::from(verdict == Verdict::Unjudged);
        let distance = fact.distance.map(|distance| self.distances.entry(DISTANCES.start(distance)).or_default());
        let size = self.sizes.entry(size).or_default();
        for counted in [&mut self.facts, relation, size].into_iter().chain(distance) {
            counted.add(verdict);
        }
        if fact.is_predicted() {
            self.inference.add(fact, verdict);
            if verdict != Verdict::Unjudged {
                self.order(fact, verdict == Verdict::Correct);
            }
        }
    }

    /// Takes a prediction in among those that are sorted by how sure they are.
    fn order(&mut self, fact: &Fact, is_correct: bool) {
        let Claim { margin, probability, .. } = fact.claim;
        self.ordered.push((Sure { margin, probability }, is_correct));
    }

    /// What sorts the predictions that count, the surest first, and whether each is correct: their margins over the
    /// threshold, where every one has a margin, and else probabilities; and what these are called.
    pub fn margins(&self) -> (Vec<(f32, bool)>, &'static str) {
        let is_sorted = self.ordered.iter().all(|(sure, _)| sure.margin.is_some());
        let by = |of: fn(&Sure) -> Option<f32>| {
            self.ordered.iter().filter_map(|(sure, is_correct)| Some((of(sure)?, *is_correct))).collect()
        };
        if is_sorted { (by(|sure| sure.margin), "margin") } else { (by(|sure| sure.probability), "probability") }
    }

    /// Counts a prediction about a document that the split has not: a wrong one, as long as facts are known at all.
    pub fn add_stray(&mut self, fact: &Fact) {
        if self.labelled > 0 {
            self.other.add(fact);
        }
        let Some(verdict) = fact.verdict else { return };
        self.strays += 1;
        if self.labelled > 0 {
            self.facts.add(verdict);
            self.relations.entry(fact.relation.clone()).or_default().counted.add(verdict);
            self.order(fact, false);
        }
    }
}

impl Other {
    fn add(&mut self, fact: &Fact) {
        let Some(verdict) = fact.other else { return };
        self.facts.add(verdict);
        if fact.verdict == Some(verdict) && verdict != Verdict::Missed {
            self.both.add(verdict);
        }
    }
}

impl Inference {
    fn add(&mut self, fact: &Fact, verdict: Verdict) {
        let Claim { inference, iteration, .. } = fact.claim;
        let half = inference.map(|inference| match inference {
            Inferred::Kept => &mut self.kept,
            Inferred::Added => &mut self.added,
        });
        let iteration = iteration.map(|iteration| self.iterations.entry(iteration).or_default());
        half.into_iter().chain(iteration).for_each(|counted| counted.add(verdict));
    }
}
