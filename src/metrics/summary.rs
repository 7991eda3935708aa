//! Variants, each of several runs, → one table: means, how far runs lie apart, and how sure a difference from another
//! variant is.
//!
//! Means are of the figures that each run reached, whatever they are. Where the runs of two variants are there
//! themselves, and are judged on the same documents, their differences are tested by [`compare`]; elsewhere a difference
//! has no interval.

use std::collections::BTreeMap;

use table::Text;
use table::rows::{ComparisonRow, MetricRow, SummaryRow};

use crate::comparison::compare;
use crate::error::Error;
use crate::evaluation::Evaluation;

/// A variant: what each of its runs reached.
#[derive(Debug, Default)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The variant that it is compared with, which may be missing among all.
    pub against: Option<String>,
    /// Rows of `metrics`, of all its runs.
    pub metrics: Vec<MetricRow>,
    /// The runs, where they are to be tested.
    pub runs: Vec<Evaluation>,
}

/// A figure's metric and scope.
type Named = (Text, Text);

/// The table of some variants of a pipeline.
///
/// # Errors
/// None that runs which were evaluated can cause.
pub fn summary(pipeline: &str, variants: &[Variant]) -> Result<Vec<SummaryRow>, Error> {
    let reached: Vec<BTreeMap<Named, Vec<f64>>> = variants.iter().map(figures).collect();
    let mut rows = Vec::new();
    for (variant, of) in variants.iter().zip(&reached) {
        let other = variants.iter().zip(&reached).find(|(other, _)| Some(&other.name) == variant.against.as_ref());
        let tested = other.map_or(Ok(Vec::new()), |(other, _)| tested(variant, other))?;
        for ((metric, scope), values) in of {
            let test = tested.iter().find(|row| row.metric == *metric && row.scope == *scope);
            let named = (metric.clone(), scope.clone());
            let theirs = other.and_then(|(_, of)| mean(of.get(&named)?));
            let Some(own) = mean(values) else { continue };
            rows.push(SummaryRow {
                pipeline: pipeline.into(),
                variant: variant.name.as_str().into(),
                metric: named.0,
                scope: named.1,
                n: ground::whole(values.len()),
                mean: own,
                standard_deviation: deviation(values, own),
                against: variant.against.as_deref().map(Text::from),
                difference: test.map(|test| test.difference).or(theirs.map(|theirs| own - theirs)),
                low: test.map(|test| test.low),
                high: test.map(|test| test.high),
                p_value: test.map(|test| test.p_value),
            });
        }
    }
    rows.sort_by(|a, b| (&a.variant, &a.metric, &a.scope).cmp(&(&b.variant, &b.metric, &b.scope)));
    Ok(rows)
}

/// What the runs of a variant reached, figure by figure.
fn figures(variant: &Variant) -> BTreeMap<Named, Vec<f64>> {
    let mut figures: BTreeMap<Named, Vec<f64>> = BTreeMap::new();
    for row in variant.metrics.iter().filter(|row| row.relation.is_none()) {
        // Infer-Ac is a recall and has no F1; where another figure has none, it has no recall either.
        if let Some(value) = row.f1.or(row.recall) {
            figures.entry((row.metric.clone(), row.scope.clone())).or_default().push(value);
        }
    }
    figures
}

/// The differences of two variants; none where they are not judged on the same documents.
fn tested(variant: &Variant, other: &Variant) -> Result<Vec<ComparisonRow>, Error> {
    let first = variant.runs.first().map(|run| &run.run.tables);
    let is_same = variant.runs.iter().chain(&other.runs).all(|run| Some(&run.run.tables) == first);
    if variant.runs.is_empty() || other.runs.is_empty() || !is_same {
        return Ok(Vec::new());
    }
    if variant.runs.first().is_some_and(|run| run.run.resamples == 0) {
        return Ok(Vec::new());
    }
    compare(&variant.runs, &other.runs)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample with this mean.
fn deviation(values: &[f64], mean: f64) -> Option<f64> {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}
