//! Figures as text: an aligned table for people, JSON for programs.

use ground::aligned::{self, Side};
use ground::figure::Figure;
use table::rows::{ComparisonRow, MetricRow};

/// The figures as a table, percentages with two decimals; with `relations`, a second one of every relation follows.
pub fn table(metrics: &[MetricRow], relations: bool) -> String {
    let (overall, by_relation): (Vec<&MetricRow>, Vec<&MetricRow>) =
        metrics.iter().partition(|metric| metric.relation.is_none());
    let mut text = figures(overall);
    if relations && !by_relation.is_empty() {
        text.push('\n');
        text.push_str(&of_relations(by_relation));
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
    align(["metric", "scope", "difference", "95%", "p"], 2, rows)
}

/// Both as one JSON object of two lists, `metrics` and `comparisons`: a row a line, columns named as in the schemas.
///
/// # Errors
/// None that a row of the two tables can cause.
pub fn json(metrics: &[MetricRow], comparisons: &[ComparisonRow]) -> Result<String, serde_json::Error> {
    Ok(format!("{{\"metrics\": [\n{}\n], \"comparisons\": [\n{}\n]}}\n", lines(metrics)?, lines(comparisons)?))
}

fn lines<T: serde::Serialize>(rows: &[T]) -> Result<String, serde_json::Error> {
    Ok(rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?.join(",\n"))
}

fn figures(mut metrics: Vec<&MetricRow>) -> String {
    metrics.sort_by_key(|metric| Figure::place(&metric.metric, &metric.scope));
    let heads = ["metric", "scope", "P", "R", "F1", "95%", "correct", "predicted", "gold"];
    let rows = metrics.into_iter().map(|row| {
        let [precision, recall, f1, correct, predicted, gold] = cells(row);
        let interval = row.f1_low.zip(row.f1_high);
        let interval =
            interval.map_or_else(String::new, |(low, high)| format!("{} to {}", percent(low), percent(high)));
        [row.metric.to_string(), row.scope.to_string(), precision, recall, f1, interval, correct, predicted, gold]
    });
    align(heads, 2, rows)
}

fn of_relations(mut metrics: Vec<&MetricRow>) -> String {
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
