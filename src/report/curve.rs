//! Precision and recall as predictions are taken in, the surest first.

use serde::Serialize;

/// Points that a curve has at most: more than a screen shows.
const POINTS: usize = 400;

/// Precision and recall of the predictions whose margin over the threshold is at least this one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The margin: logit less threshold_logit.
    pub margin: f32,
    /// Correct ones over these predictions.
    pub precision: f64,
    /// Correct ones over all facts.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
}

/// The curve from the surest prediction to all of them, thinned; the best and the last point stay.
pub fn curve(mut margins: Vec<(f32, bool)>, gold: u64) -> Vec<Point> {
    margins.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let (mut points, mut correct, mut predicted) = (Vec::new(), 0u64, 0u64);
    // Equal margins come in together: no threshold parts them.
    for equal in margins.chunk_by(|(a, _), (b, _)| a.total_cmp(b).is_eq()) {
        correct += equal.iter().filter(|(_, is_correct)| *is_correct).count() as u64;
        predicted += equal.len() as u64;
        let margin = equal.first().map_or(0.0, |(margin, _)| *margin);
        points.push(point(margin, correct, predicted, gold));
    }
    thinned(points)
}

fn point(margin: f32, correct: u64, predicted: u64, gold: u64) -> Point {
    let share = |whole: u64| if whole == 0 { 0.0 } else { correct as f64 / whole as f64 };
    let f1 = if predicted + gold == 0 { 0.0 } else { 2.0 * correct as f64 / (predicted + gold) as f64 };
    Point { margin, precision: share(predicted), recall: share(gold), f1 }
}

fn thinned(points: Vec<Point>) -> Vec<Point> {
    let step = points.len().div_ceil(POINTS).max(1);
    let best = points.iter().enumerate().max_by(|(_, a), (_, b)| a.f1.total_cmp(&b.f1)).map(|(place, _)| place);
    let last = points.len().saturating_sub(1);
    let stays = |place: usize| place.is_multiple_of(step) || place == last || Some(place) == best;
    points.into_iter().enumerate().filter(|(place, _)| stays(*place)).map(|(_, point)| point).collect()
}
