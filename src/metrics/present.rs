//! Figures as text: an aligned table for people, JSON for programs.

use std::collections::BTreeSet;

use ground::aligned::{self, Side};
use ground::excerpt::excerpt;
use ground::figure::Figure;
use table::Text;
use table::rows::{ComparisonRow, MetricRow, PrecisionRecallRow, ReliabilityRow, SummaryRow};

/// The figures as tables, percentages with two decimals; with `relations`, those of every relation follow the others.
/// Several runs come one after the other, each under its name; figures of scores last, with the best threshold of `curve`.
pub fn table(metrics: &[MetricRow], curve: &[PrecisionRecallRow], relations: bool) -> String {
    let (of_scores, rest): (Vec<&MetricRow>, Vec<&MetricRow>) = metrics.iter().partition(|row| is_of_scores(row));
    let runs: BTreeSet<&Text> = rest.iter().map(|row| &row.run_id).collect();
    let mut parts = Vec::new();
    for run in &runs {
        let of_run = rest.iter().copied().filter(|row| row.run_id == **run);
        let (overall, by_relation): (Vec<_>, Vec<_>) = of_run.partition(|metric| metric.relation.is_none());
        let name = if runs.len() > 1 { format!("run {}\n", one_line(run)) } else { String::new() };
        parts.push(name + &figures(overall));
        parts.extend((relations && !by_relation.is_empty()).then(|| by_each_relation(by_relation)));
    }
    parts.extend((!of_scores.is_empty()).then(|| over_scores(of_scores, curve)));
    parts.join("\n")
}

fn is_of_scores(row: &MetricRow) -> bool {
    Figure::OF_SCORES.iter().any(|figure| figure.names() == (&*row.metric, &*row.scope))
}

fn one_line(text: &str) -> String {
    excerpt(text, aligned::WIDEST)
}

/// Figures over scores, and at which threshold F1 is best.
fn over_scores(mut metrics: Vec<&MetricRow>, curve: &[PrecisionRecallRow]) -> String {
    metrics.sort_by_key(|metric| Figure::place(&metric.metric, &metric.scope));
    let heads = ["metric", "figure", "95%", "P", "R", "correct", "scores", "gold"];
    let rows = metrics.iter().map(|row| {
        let [precision, recall, figure, correct, scores, gold] = cells(row);
        [row.metric.to_string(), figure, interval(row), precision, recall, correct, scores, gold]
    });
    let mut text = align(heads, 1, rows);
    let best = curve.iter().max_by(|one, other| one.f1.total_cmp(&other.f1).then(one.margin.total_cmp(&other.margin)));
    if let Some(best) = best.filter(|best| best.correct > 0) {
        text += &format!("F1 is best with a margin of {:+.2} to the model's threshold\n", best.margin);
    }
    let average = metrics.iter().find(|row| *row.metric == *Figure::AveragePrecision.names().0);
    if let Some((correct, gold)) =
        average.and_then(|row| row.true_positives.zip(row.gold)).filter(|(some, all)| some < all)
    {
        text += &format!("{} of {gold} facts have no score and count as missed: AP is at least this\n", gold - correct);
    }
    text
}

/// Differences between two runs as a table, in percentage points.
pub fn comparison_table(comparisons: &[ComparisonRow]) -> String {
    let rows = comparisons.iter().map(|row| {
        let interval = format!("{:+.2} to {:+.2}", 100.0 * row.low, 100.0 * row.high);
        let difference = format!("{:+.2}", 100.0 * row.difference);
        [row.metric.to_string(), row.scope.to_string(), difference, interval, format!("{:.3}", row.p_value)]
    });
    let table = align(["metric", "scope", "difference", "95%", "p"], 2, rows);
    let seeds = comparisons.first().map(|row| [row.seeds, row.against_seeds]).filter(|seeds| *seeds != [1, 1]);
    let told = seeds.map(|[ours, theirs]| {
        format!("the mean of {ours} runs against that of {theirs}, over runs and documents together\n")
    });
    table + &told.unwrap_or_default()
}

/// A table of each of some figures, in percent, with the variants in this order: means, deviations, and differences.
pub fn summary_table(summary: &[SummaryRow], variants: &[&str], figures: &[(&str, &str)]) -> String {
    let of_figure = |(metric, scope): &(&str, &str)| {
        let rows: Vec<[String; 7]> = variants
            .iter()
            .filter_map(|name| {
                summary.iter().find(|row| (&*row.variant, &*row.metric, &*row.scope) == (name, metric, scope))
            })
            .map(summary_cells)
            .collect();
        let name = format!("{metric} {scope}");
        (!rows.is_empty()).then(|| align([&name, "n", "mean", "sd", "difference", "95%", "p"], 1, rows.into_iter()))
    };
    let tables: Vec<String> = figures.iter().filter_map(of_figure).collect();
    let references: BTreeSet<&str> = summary.iter().filter_map(|row| row.against.as_deref()).collect();
    let told = match Vec::from_iter(references)[..] {
        [] => String::new(),
        [one] => format!("differences are from {}\n", one_line(one)),
        _ => "differences are from the variant that the column `against` names\n".to_owned(),
    };
    tables.join("\n") + &told
}

fn summary_cells(row: &SummaryRow) -> [String; 7] {
    let shown = |value: Option<f64>, text: fn(f64) -> String| value.map_or_else(String::new, text);
    let interval = row.low.zip(row.high);
    [
        row.variant.to_string(),
        row.n.to_string(),
        percent(row.mean),
        shown(row.standard_deviation, percent),
        shown(row.difference, |difference| format!("{:+.2}", 100.0 * difference)),
        interval.map_or_else(String::new, |(low, high)| format!("{:+.2} to {:+.2}", 100.0 * low, 100.0 * high)),
        shown(row.p_value, |p| format!("{p:.3}")),
    ]
}

/// What there is to be written as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Those of `metrics`.
    pub metrics: &'a [MetricRow],
    /// Those of `comparisons`.
    pub comparisons: &'a [ComparisonRow],
    /// Those of `precision_recall` and of `reliability`, where scores were evaluated.
    pub of_scores: Option<(&'a [PrecisionRecallRow], &'a [ReliabilityRow])>,
}

/// One JSON object of lists that bear the names of their tables: a row a line, columns named as in the schemas.
///
/// # Errors
/// None that a row of the tables can cause.
pub fn json(rows: Rows<'_>) -> Result<String, serde_json::Error> {
    let mut lists = vec![("metrics", lines(rows.metrics)?), ("comparisons", lines(rows.comparisons)?)];
    if let Some((curve, reliability)) = rows.of_scores {
        lists.extend([("precision_recall", lines(curve)?), ("reliability", lines(reliability)?)]);
    }
    let lists: Vec<String> = lists.into_iter().map(|(name, rows)| format!("\"{name}\": [\n{rows}\n]")).collect();
    Ok(format!("{{{}}}\n", lists.join(", ")))
}

fn lines<T: serde::Serialize>(rows: &[T]) -> Result<String, serde_json::Error> {
    Ok(rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?.join(",\n"))
}

fn figures(mut metrics: Vec<&MetricRow>) -> String {
    metrics.sort_by_key(|metric| Figure::place(&metric.metric, &metric.scope));
    let heads = ["metric", "scope", "P", "R", "F1", "95%", "correct", "predicted", "gold"];
    let rows = metrics.into_iter().map(|row| {
        let [precision, recall, f1, correct, predicted, gold] = cells(row);
        let [metric, scope] = [&row.metric, &row.scope].map(ToString::to_string);
        [metric, scope, precision, recall, f1, interval(row), correct, predicted, gold]
    });
    align(heads, 2, rows)
}

fn interval(row: &MetricRow) -> String {
    let interval = row.f1_low.zip(row.f1_high);
    interval.map_or_else(String::new, |(low, high)| format!("{} to {}", percent(low), percent(high)))
}

fn by_each_relation(mut metrics: Vec<&MetricRow>) -> String {
    metrics.sort_by_key(|metric| std::cmp::Reverse(metric.gold));
    let rows = metrics.into_iter().map(|row| {
        let [precision, recall, f1, correct, predicted, gold] = cells(row);
        let name = row.relation.as_deref().unwrap_or_default().to_owned();
        [name, precision, recall, f1, correct, predicted, gold]
    });
    align(["relation", "P", "R", "F1", "correct", "predicted", "gold"], 1, rows)
}

/// Precision, recall, F1, and the three counts; a null is a dash.
fn cells(row: &MetricRow) -> [String; 6] {
    let dash = || "-".to_owned();
    let [precision, recall, f1] = [row.precision, row.recall, row.f1].map(|figure| figure.map_or_else(dash, percent));
    let counts = [row.true_positives, row.predicted, row.gold];
    let [correct, predicted, gold] = counts.map(|count| count.map_or_else(dash, |count| count.to_string()));
    [precision, recall, f1, correct, predicted, gold]
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// A table, the first `names` columns of which are set left and the others right.
fn align<const N: usize>(heads: [&str; N], names: usize, rows: impl Iterator<Item = [String; N]>) -> String {
    let heads = heads.map(str::to_owned);
    let sides: [Side; N] = std::array::from_fn(|column| if column < names { Side::Left } else { Side::Right });
    let rows: Vec<Vec<String>> = rows.map(Vec::from).collect();
    aligned::lines(&heads, &sides, None, &rows).map(|line| line + "\n").collect()
}
