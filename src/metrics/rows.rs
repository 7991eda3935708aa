//! Counts as rows of the tables `metrics` and `comparisons`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ground::counts::Counts;
use table::Text;

use super::bootstrap::{Interval, interval, p_value, percentiles, resamples};
use super::scopes::Scopes;
use super::{Comparison, Counted, Error, Evaluation, Metric, Request};

/// Relations that count as frequent.
const FREQUENT: usize = 10;

/// A figure that is resampled.
struct Figure {
    metric: &'static str,
    scope: &'static str,
    counts: fn(&Scopes) -> Counts,
}

const FIGURES: [Figure; 4] = [
    Figure { metric: "F1", scope: "all", counts: |scopes| scopes.all },
    Figure { metric: "F1", scope: "intra", counts: |scopes| scopes.intra },
    Figure { metric: "F1", scope: "inter", counts: |scopes| scopes.inter },
    Figure { metric: "F1", scope: "infer", counts: |scopes| scopes.infer },
];

const IMPLIED: [Figure; 2] = [
    Figure { metric: "F1", scope: "stated", counts: |scopes| scopes.stated },
    Figure { metric: "F1", scope: "implied", counts: |scopes| scopes.implied },
];

const IGN_F1: Figure = Figure { metric: "IgnF1", scope: "all", counts: |scopes| scopes.ignoring_known };

/// What an evaluation knows beyond facts and predictions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knowledge {
    /// Which facts training showed.
    pub training: bool,
    /// Which facts are only implied.
    pub implied: bool,
}

/// The figures that an evaluation resamples.
fn figures(knowledge: Knowledge) -> impl Iterator<Item = Figure> {
    let implied = IMPLIED.into_iter().filter(move |_| knowledge.implied);
    FIGURES.into_iter().chain(implied).chain(knowledge.training.then_some(IGN_F1))
}

/// Divides what was counted.
pub(super) fn evaluation(request: &Request<'_>, run_id: String, counted: Counted) -> Evaluation {
    let rows = Rows { run_id: &run_id, request };
    let knowledge = counted.knowledge;
    let resampled = resamples(&counted.tallies, request.resamples, request.seed);
    let whole = counted.tallies.scopes();
    let mut metrics: Vec<Metric> = figures(knowledge)
        .map(|figure| rows.with_interval(&figure, (figure.counts)(&whole), interval(&resampled, figure.counts)))
        .collect();
    metrics.extend(counted.patterns.iter().map(|(pattern, counts)| rows.accuracy(pattern, *counts)));
    metrics.extend(counted.evidence.map(|counts| rows.of("evidence F1", "all", counts)));
    metrics.extend(rows.of_relations(&counted.relations));
    metrics.sort_by(|a, b| (&a.metric, &a.scope, &a.relation).cmp(&(&b.metric, &b.scope, &b.relation)));
    Evaluation {
        metrics,
        notes: counted.notes,
        run_id: run_id.clone(),
        tables: request.tables.to_path_buf(),
        tallies: counted.tallies,
        knowledge,
        resamples: request.resamples,
        seed: request.seed,
    }
}

struct Rows<'a> {
    run_id: &'a str,
    request: &'a Request<'a>,
}

impl Rows<'_> {
    /// A row without figures.
    fn blank(&self, metric: &'static str, scope: &'static str) -> Metric {
        Metric {
            run_id: self.run_id.into(),
            corpus: self.request.corpus.into(),
            split: self.request.split.into(),
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

    fn of(&self, metric: &'static str, scope: &'static str, counts: Counts) -> Metric {
        Metric {
            true_positives: Some(counts.true_positives.saturating_sub(counts.known)),
            predicted: Some(counts.predicted.saturating_sub(counts.known)),
            gold: Some(counts.gold),
            precision: counts.precision(),
            recall: counts.recall(),
            f1: Some(counts.f1()),
            ..self.blank(metric, scope)
        }
    }

    fn with_interval(&self, figure: &Figure, counts: Counts, interval: Option<Interval>) -> Metric {
        let (f1_low, f1_high) = interval.unzip();
        Metric { f1_low, f1_high, ..self.of(figure.metric, figure.scope, counts) }
    }

    /// The share of concluded facts that were predicted: a recall, without precision.
    fn accuracy(&self, pattern: &'static str, counts: Counts) -> Metric {
        Metric { precision: None, f1: None, ..self.of("Infer-Ac", pattern, counts) }
    }

    fn of_relations(&self, relations: &BTreeMap<String, Counts>) -> Vec<Metric> {
        let mut by_facts: Vec<(&String, Counts)> = relations.iter().map(|(name, counts)| (name, *counts)).collect();
        by_facts.sort_by_key(|(_, counts)| Reverse(counts.gold));
        let (frequent, rare) = by_facts.split_at(by_facts.len().min(FREQUENT));
        let sum = |relations: &[(&String, Counts)]| relations.iter().map(|(_, counts)| *counts).sum();
        let seen = relations.iter().filter(|(_, counts)| counts.gold > 0 || counts.predicted > 0);
        let each = seen.map(|(name, counts)| Metric {
            relation: Some(Text::from(name.as_str())),
            ..self.of("F1", "all", *counts)
        });
        let groups =
            [self.of("F1", "frequent", sum(frequent)), self.of("F1", "long tail", sum(rare)), self.macro_f1(relations)];
        groups.into_iter().chain(each).collect()
    }

    /// The mean F1 of the relations that have a fact: the same relations whatever was predicted, so that runs compare.
    fn macro_f1(&self, relations: &BTreeMap<String, Counts>) -> Metric {
        let scores: Vec<f64> = relations.values().filter(|counts| counts.gold > 0).map(Counts::f1).collect();
        let mean = if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 };
        Metric { f1: Some(mean), ..self.blank("macro F1", "all") }
    }
}

impl Evaluation {
    /// What the figures say, in 128 bits of hexadecimal: the identity of a table made of them.
    pub fn fingerprint(&self) -> String {
        ground::identity::Identity::of("metrics").field("metrics", &self.metrics).finish()
    }

    /// The paired bootstrap test of this run against another on the same split: both are scored on the same draws of
    /// documents. Figures that one of the runs lacks are left out.
    ///
    /// # Errors
    /// The other run was scored against other tables.
    pub fn compare(&self, other: &Self) -> Result<Vec<Comparison>, Error> {
        if self.tables != other.tables || self.tallies.documents.len() != other.tallies.documents.len() {
            return Err(Error::OtherSplit(self.tables.clone(), other.tables.clone()));
        }
        let [ours, theirs] = [self, other].map(|run| resamples(&run.tallies, self.resamples, self.seed));
        let [whole, their_whole] = [self, other].map(|run| run.tallies.scopes());
        let figures = figures(Knowledge {
            training: self.knowledge.training && other.knowledge.training,
            implied: self.knowledge.implied && other.knowledge.implied,
        });
        let rows = figures.map(|Figure { metric, scope, counts }| {
            let difference = |(ours, theirs): (&Scopes, &Scopes)| counts(ours).f1() - counts(theirs).f1();
            let observed = difference((&whole, &their_whole));
            let resampled: Vec<f64> = ours.iter().zip(&theirs).map(difference).collect();
            let p_value = p_value(observed, &resampled);
            let (low, high) = percentiles(resampled).unwrap_or((observed, observed));
            Comparison {
                run_id: self.run_id.as_str().into(),
                against: other.run_id.as_str().into(),
                metric: metric.into(),
                scope: scope.into(),
                difference: observed,
                low,
                high,
                p_value,
            }
        });
        Ok(rows.collect())
    }
}
