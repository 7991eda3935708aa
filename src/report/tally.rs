//! Verdicts, counted: by relation, by distance, by the size of the document, by what inference did to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use table::Text;

use super::documents::{Document, Fact, Verdict};

/// Documents are put together by their number of entities in bands of so many.
const BAND: u32 = 5;
/// The last band, and the last distance that has a bar of its own.
const LAST_BAND: u32 = 8;
const LAST_DISTANCE: u32 = 6;

/// Integers that figures are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Predicted and gold.
    pub correct: u64,
    /// Predicted.
    pub predicted: u64,
    /// Gold.
    pub gold: u64,
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
    pub facts: Counts,
    /// By relation.
    pub relations: BTreeMap<Text, Counts>,
    /// By sentences between the closest mentions; the last stands for more, too.
    pub distances: BTreeMap<u32, Counts>,
    /// By entities of the document, 1 to 5, 6 to 10, …, each named by its first; the last stands for more, too.
    pub sizes: BTreeMap<u32, Counts>,
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
    pub kept: Counts,
    /// Those that only inference made.
    pub added: Counts,
    /// By the iteration at which they last changed.
    pub iterations: BTreeMap<u32, Counts>,
}

impl Counts {
    fn add(&mut self, verdict: Verdict) {
        self.correct += u64::from(verdict == Verdict::Correct);
        self.predicted += u64::from(matches!(verdict, Verdict::Correct | Verdict::Wrong));
        self.gold += u64::from(matches!(verdict, Verdict::Correct | Verdict::Missed));
    }
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
        let band = (document.entities.len() as u32).saturating_sub(1) / BAND;
        let size = band.min(LAST_BAND) * BAND + 1;
        document.facts.iter().for_each(|fact| self.add_fact(fact, size));
    }

    fn add_fact(&mut self, fact: &Fact, size: u32) {
        let relation = self.relations.entry(fact.relation.clone()).or_default();
        if fact.verdict == Verdict::Unjudged {
            self.unjudged += 1;
            return;
        }
        let distance = fact.distance.map(|distance| self.distances.entry(distance.min(LAST_DISTANCE)).or_default());
        let size = self.sizes.entry(size).or_default();
        for counts in [&mut self.facts, relation, size].into_iter().chain(distance) {
            counts.add(fact.verdict);
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
            self.facts.add(fact.verdict);
            self.relations.entry(fact.relation.clone()).or_default().add(fact.verdict);
            self.margins.extend(fact.margin.map(|margin| (margin, false)));
        }
    }
}

impl Inference {
    fn add(&mut self, fact: &Fact) {
        let half = fact.base.map(|base| if base > 0.5 { &mut self.kept } else { &mut self.added });
        let iteration = fact.iteration.map(|iteration| self.iterations.entry(iteration).or_default());
        half.into_iter().chain(iteration).for_each(|counts| counts.add(fact.verdict));
    }
}
