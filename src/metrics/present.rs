//! Figures as text: an aligned table for people, JSON for programs.

use super::{Comparison, Metric};

/// Metrics in the order in which a reader looks for them.
const READING_ORDER: [(&str, &str); 9] = [
    ("F1", "all"),
    ("IgnF1", "all"),
    ("F1", "intra"),
    ("F1", "inter"),
    ("F1", "infer"),
    ("F1", "stated"),
    ("F1", "implied"),
    ("F1", "frequent"),
    ("F1", "long tail"),
];

/// The figures as a table, percentages with two decimals; with `relations`, a second one of every relation follows.
pub fn table(metrics: &[Metric], relations: bool) -> String {
    let (overall, by_relation): (Vec<&Metric>, Vec<&Metric>) =
        metrics.iter().partition(|metric| metric.relation.is_none());
    let mut text = figures(overall);
    if relations && !by_relation.is_empty() {
        text.push('\n');
        text.push_str(&of_relations(by_relation));
    }
    text
}

/// Differences between two runs as a table, in percentage points.
pub fn comparison_table(comparisons: &[Comparison]) -> String {
    let mut lines = vec![["metric", "scope", "difference", "95%", "p"].map(str::to_owned)];
    lines.extend(comparisons.iter().map(|row| {
        let interval = format!("{:+.2} to {:+.2}", 100.0 * row.low, 100.0 * row.high);
        let difference = format!("{:+.2}", 100.0 * row.difference);
        [row.metric.to_string(), row.scope.to_string(), difference, interval, format!("{:.3}", row.p_value)]
    }));
    align(&lines, 2)
}

/// Both as one JSON object of two lists, `metrics` and `comparisons`: a row a line, columns named as in the schemas.
///
/// # Errors
/// None that a row of the two tables can cause.
pub fn json(metrics: &[Metric], comparisons: &[Comparison]) -> Result<String, serde_json::Error> {
    Ok(format!("{{\"metrics\": [\n{}\n], \"comparisons\": [\n{}\n]}}\n", lines(metrics)?, lines(comparisons)?))
}

fn lines<T: serde::Serialize>(rows: &[T]) -> Result<String, serde_json::Error> {
    Ok(rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?.join(",\n"))
}

fn figures(mut metrics: Vec<&Metric>) -> String {
    let place = |metric: &Metric| {
        let key = (&*metric.metric, &*metric.scope);
        READING_ORDER.iter().position(|row| *row == key).unwrap_or(READING_ORDER.len())
    };
    metrics.sort_by_key(|metric| place(metric));
    let heads = ["metric", "scope", "P", "R", "F1", "95%", "correct", "predicted", "gold"];
    let mut lines = vec![heads.map(str::to_owned)];
    lines.extend(metrics.into_iter().map(|row| {
        let [precision, recall, f1, correct, predicted, gold] = cells(row);
        let interval = row.f1_low.zip(row.f1_high);
        let interval =
            interval.map_or_else(String::new, |(low, high)| format!("{} to {}", percent(low), percent(high)));
        [row.metric.to_string(), row.scope.to_string(), precision, recall, f1, interval, correct, predicted, gold]
    }));
    align(&lines, 2)
}

fn of_relations(mut metrics: Vec<&Metric>) -> String {
    metrics.sort_by_key(|metric| std::cmp::Reverse(metric.gold));
    let mut lines = vec![["relation", "P", "R", "F1", "correct", "predicted", "gold"].map(str::to_owned)];
    lines.extend(metrics.into_iter().map(|row| {
        let [precision, recall, f1, correct, predicted, gold] = cells(row);
        [row.relation.as_deref().unwrap_or_default().to_owned(), precision, recall, f1, correct, predicted, gold]
    }));
    align(&lines, 1)
}

/// Precision, recall, F1, and the three counts; a null is a dash.
fn cells(row: &Metric) -> [String; 6] {
    let dash = || "-".to_owned();
    let [precision, recall, f1] = [row.precision, row.recall, row.f1].map(|figure| figure.map_or_else(dash, percent));
    let counts = [row.true_positives, row.predicted, row.gold];
    let [correct, predicted, gold] = counts.map(|count| count.map_or_else(dash, |count| count.to_string()));
    [precision, recall, f1, correct, predicted, gold]
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

/// Lines of cells, the first `names` columns set left and the others right.
fn align<const N: usize>(lines: &[[String; N]], names: usize) -> String {
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < names { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
