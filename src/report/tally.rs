//! Verdicts, counted: by relation, by distance, by the size of the document, by what inference did to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use ground::counts::{Counts, Verdict};
use table::Text;

use crate::documents::{Document, Fact};

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
pub struct Counted(pub Counts);

#[derive(Serialize)]
struct Figures {
    correct: u64,
    predicted: u64,
    gold: u64,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: f64,
}

impl From<Counted> for Figures {
    fn from(Counted(counts): Counted) -> Self {
        Self {
            correct: counts.true_positives,
            predicted: counts.predicted,
            gold: counts.gold,
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
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
    /// Mentions.
    pub mentions: u64,
    /// Predictions of documents without labels.
    pub unjudged: u64,
    /// Predictions of documents that the split has not: wrong ones.
    pub strays: u64,
    /// All facts.
    pub facts: Counted,
    /// By relation.
    pub relations: BTreeMap<Text, Counted>,
    /// By sentences between the closest mentions.
    #[serde(serialize_with = "by_distance")]
    pub distances: BTreeMap<u32, Counted>,
    /// By entities of the document.
    #[serde(serialize_with = "by_size")]
    pub sizes: BTreeMap<u32, Counted>,
    /// By what inference did, where the run has it.
    pub inference: Inference,
    /// The types of entities.
    pub types: BTreeSet<Text>,
    /// Margin over the threshold of each prediction that counts, and whether it is correct.
    #[serde(skip)]
    pub margins: Vec<(f32, bool)>,
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
    }

    fn add_fact(&mut self, fact: &Fact, size: u32) {
        let relation = self.relations.entry(fact.relation.clone()).or_default();
        if fact.verdict == Verdict::Unjudged {
            self.unjudged += 1;
            return;
        }
        let distance = fact.distance.map(|distance| self.distances.entry(DISTANCES.start(distance)).or_default());
        let size = self.sizes.entry(size).or_default();
        for counts in [&mut self.facts, relation, size].into_iter().chain(distance) {
            counts.0.add(fact.verdict);
        }
        if let Some(margin) = fact.margin {
            self.margins.push((margin, fact.verdict == Verdict::Correct));
            self.inference.add(fact);
        }
    }

    /// Counts a prediction about a document that the split has not: a wrong one, as long as facts are known at all.
    pub fn add_stray(&mut self, fact: &Fact) {
        self.strays += 1;
        if self.labelled > 0 {
            self.facts.0.add(fact.verdict);
            self.relations.entry(fact.relation.clone()).or_default().0.add(fact.verdict);
            self.margins.extend(fact.margin.map(|margin| (margin, false)));
        }
    }
}

impl Inference {
    fn add(&mut self, fact: &Fact) {
        let half = fact.base.map(|base| if base > 0.5 { &mut self.kept } else { &mut self.added });
        let iteration = fact.iteration.map(|iteration| self.iterations.entry(iteration).or_default());
        half.into_iter().chain(iteration).for_each(|counts| counts.0.add(fact.verdict));
    }
}
