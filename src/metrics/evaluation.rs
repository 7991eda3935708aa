//! What was counted, divided: the rows of the table `metrics`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use ground::counts::Counts;
use ground::figure::Figure;
use ground::identity::Identity;
use ground::pattern::Pattern;
use ground::scope::Scope;
use table::rows::MetricRow;
use table::{Row, Text};

use crate::bootstrap::{Interval, Tallies, interval, resamples};
use crate::strays::Notes;
use crate::tally::{ByRelation, Knowledge, Sums};

/// Relations that count as frequent.
const FREQUENT: usize = 10;

/// What was found.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The figures, sorted by metric, scope and relation.
    pub metrics: Vec<MetricRow>,
    /// What the reader should know about the predictions.
    pub notes: Notes,
    pub(super) run: Run,
    pub(super) tallies: Tallies,
    pub(super) knowledge: Knowledge,
}

impl Evaluation {
    /// Of what else some rows of `metrics` are, where they are not those of these predictions about this split: what is
    /// counted of all facts tells, whatever the run is called.
    pub fn differs_from(&self, rows: &[MetricRow]) -> Option<String> {
        let (metric, scope) = Figure::F1(Scope::All).names();
        let is_of_all = |row: &&MetricRow| *row.metric == *metric && *row.scope == *scope && row.relation.is_none();
        let counts = |row: &MetricRow| [row.true_positives, row.predicted, row.gold];
        let own = self.metrics.iter().find(is_of_all)?;
        let others: Vec<&MetricRow> = rows.iter().filter(is_of_all).collect();
        let other = *others.first()?;
        let told = |row: &MetricRow| {
            let [correct, predicted, gold] = counts(row).map(Option::unwrap_or_default);
            format!("{correct} of {predicted} correct and {gold} facts")
        };
        let differs = others.iter().all(|other| counts(own) != counts(other));
        differs.then(|| format!("those of the run `{}`: {}, not {}", other.run_id, told(other), told(own)))
    }
}

/// What an evaluation is of, and how it resamples.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub name: String,
    pub corpus: String,
    pub split: String,
    /// The folder of the split's tables.
    pub tables: PathBuf,
    pub resamples: u64,
    pub seed: u64,
}

/// Everything counted, before the first division.
pub(super) struct Counted {
    pub tallies: Tallies,
    pub relations: ByRelation,
    /// By pattern; `None`: any.
    pub patterns: Vec<(Option<Pattern>, Counts)>,
    pub evidence: Option<Counts>,
    pub notes: Notes,
    pub knowledge: Knowledge,
}

/// A figure that is resampled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Resampled {
    F1(Scope),
    IgnF1,
}

impl Resampled {
    /// Those that can be told.
    pub fn all(knowledge: Knowledge) -> impl Iterator<Item = Self> {
        knowledge.scopes().into_iter().map(Self::F1).chain(knowledge.training.then_some(Self::IgnF1))
    }

    /// What it is called.
    pub fn figure(self) -> Figure {
        match self {
            Self::F1(scope) => Figure::F1(scope),
            Self::IgnF1 => Figure::IgnF1,
        }
    }

    /// What it is made of.
    pub fn counts(self, sums: &Sums) -> Counts {
        match self {
            Self::F1(scope) => sums.counts(scope),
            Self::IgnF1 => sums.ignoring_known(),
        }
    }
}

impl Run {
    /// Divides what was counted.
    pub fn evaluation(self, counted: Counted) -> Evaluation {
        let knowledge = counted.knowledge;
        let resampled = resamples(&counted.tallies, self.resamples, self.seed);
        let whole = counted.tallies.sums();
        let with_interval = |figure: Resampled| {
            self.with_interval(figure, figure.counts(&whole), interval(&resampled, |sums| figure.counts(sums)))
        };
        let mut metrics: Vec<MetricRow> = Resampled::all(knowledge).map(with_interval).collect();
        metrics.extend(counted.patterns.iter().map(|(pattern, counts)| self.accuracy(*pattern, *counts)));
        metrics.extend(
            counted
                .patterns
                .iter()
                .filter(|(pattern, _)| pattern.is_none())
                .map(|(_, counts)| self.coverage(counts.gold, whole.counts(Scope::All).gold)),
        );
        metrics.extend(counted.evidence.map(|counts| self.of_evidence(counts)));
        metrics.extend(self.of_relations(&counted.relations));
        sort(&mut metrics);
        Evaluation { metrics, notes: counted.notes, run: self, tallies: counted.tallies, knowledge }
    }

    /// A row without figures.
    pub fn blank(&self, figure: Figure) -> MetricRow {
        let (metric, scope) = figure.names();
        MetricRow {
            run_id: self.name.as_str().into(),
            corpus: self.corpus.as_str().into(),
            split: self.split.as_str().into(),
            metric: metric.into(),
            scope: scope.into(),
            relation: None,
            true_positives: None,
            predicted: None,
            gold: None,
            precision: None,
            recall: None,
            f1: None,
            f1_low: None,
            f1_high: None,
        }
    }

    /// A row of what is made of counts; F1 of nothing at all has no value.
    pub fn row(&self, figure: Figure, counts: Counts) -> MetricRow {
        MetricRow {
            true_positives: Some(counts.true_positives.saturating_sub(counts.known)),
            predicted: Some(counts.predicted.saturating_sub(counts.known)),
            gold: Some(counts.gold),
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1_of_any(),
            ..self.blank(figure)
        }
    }

    fn with_interval(&self, figure: Resampled, counts: Counts, interval: Option<Interval>) -> MetricRow {
        let row = self.row(figure.figure(), counts);
        let (f1_low, f1_high) = row.f1.and(interval).unzip();
        MetricRow { f1_low, f1_high, ..row }
    }

    /// That of evidence. Where no fact names any, nobody has annotated it: what is predicted is neither right nor wrong.
    fn of_evidence(&self, counts: Counts) -> MetricRow {
        let row = self.row(Figure::EvidenceF1, counts);
        if counts.gold > 0 { row } else { MetricRow { precision: None, f1: None, ..row } }
    }

    /// The share of concluded facts that were predicted: a recall, without precision.
    fn accuracy(&self, pattern: Option<Pattern>, counts: Counts) -> MetricRow {
        MetricRow { precision: None, f1: None, ..self.row(Figure::InferAc(pattern), counts) }
    }

    /// The share of facts that patterns conclude, a figure of the split alone.
    fn coverage(&self, concluded: u64, facts: u64) -> MetricRow {
        let counts = Counts { true_positives: concluded, predicted: 0, gold: facts, known: 0 };
        MetricRow { predicted: None, precision: None, f1: None, ..self.row(Figure::Coverage, counts) }
    }

    fn of_relations(&self, relations: &ByRelation) -> Vec<MetricRow> {
        let mut by_facts: Vec<(&String, Counts)> = relations.iter().map(|(name, counts)| (name, *counts)).collect();
        by_facts.sort_by_key(|(_, counts)| Reverse(counts.gold));
        let (frequent, rare) = by_facts.split_at(by_facts.len().min(FREQUENT));
        let sum = |relations: &[(&String, Counts)]| relations.iter().map(|(_, counts)| *counts).sum();
        let seen = relations.iter().filter(|(_, counts)| counts.gold > 0 || counts.predicted > 0);
        let each = seen.map(|(name, counts)| MetricRow {
            relation: Some(Text::from(name.as_str())),
            ..self.row(Figure::F1(Scope::All), *counts)
        });
        let groups = [
            self.row(Figure::Frequent, sum(frequent)),
            self.row(Figure::LongTail, sum(rare)),
            self.macro_f1(relations),
        ];
        groups.into_iter().chain(each).collect()
    }

    /// The mean F1 of the relations that have a fact: the same relations whatever was predicted, so that runs compare.
    fn macro_f1(&self, relations: &BTreeMap<String, Counts>) -> MetricRow {
        let scores: Vec<f64> = relations.values().filter(|counts| counts.gold > 0).map(Counts::f1).collect();
        let mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
        MetricRow { f1: mean, ..self.blank(Figure::MacroF1) }
    }
}

/// What rows of figures say, in 128 bits of hexadecimal: the identity of a table made of them.
pub fn fingerprint<R: Row + Serialize>(rows: &[R]) -> String {
    Identity::of(&R::schema().name).field("rows", rows).finish()
}

/// Puts figures of one run or several in the order of their table.
pub fn sort(metrics: &mut [MetricRow]) {
    metrics.sort_by(|a, b| {
        (&a.metric, &a.scope, &a.relation, &a.run_id).cmp(&(&b.metric, &b.scope, &b.relation, &b.run_id))
    });
}

impl Evaluation {
    /// What the run is called.
    pub fn name(&self) -> &str {
        &self.run.name
    }

    /// Calls the run otherwise.
    pub(super) fn rename(&mut self, name: String) {
        self.metrics.iter_mut().for_each(|row| row.run_id = name.as_str().into());
        self.run.name = name;
    }
}
