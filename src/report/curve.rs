//! Precision and recall as predictions are taken in, the surest first.

use serde::Serialize;

use ground::counts::Counts;

/// Points that a curve has at most: more than a screen shows.
const POINTS: usize = 400;

/// Precision and recall of the predictions whose margin over the threshold, or probability where that is all they have,
/// is at least this one.
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
    let (mut points, mut counts) = (Vec::new(), Counts { gold, ..Counts::default() });
    // Equal margins come in together: no threshold parts them.
    for equal in margins.chunk_by(|(a, _), (b, _)| a.total_cmp(b).is_eq()) {
        counts.true_positives += equal.iter().filter(|(_, is_correct)| *is_correct).count() as u64;
        counts.predicted += equal.len() as u64;
        let margin = equal.first().map_or(0.0, |(margin, _)| *margin);
        points.push(point(margin, counts));
    }
    thinned(points)
}

fn point(margin: f32, counts: Counts) -> Point {
    // Without a fact there is nothing to recall: the curve lies on the ground.
    let share = |share: Option<f64>| share.unwrap_or(0.0);
    Point { margin, precision: share(counts.precision()), recall: share(counts.recall()), f1: counts.f1() }
}

fn thinned(points: Vec<Point>) -> Vec<Point> {
    let step = points.len().div_ceil(POINTS).max(1);
    let best = points.iter().enumerate().max_by(|(_, a), (_, b)| a.f1.total_cmp(&b.f1)).map(|(place, _)| place);
    let last = points.len().saturating_sub(1);
    let stays = |place: usize| place.is_multiple_of(step) || place == last || Some(place) == best;
    points.into_iter().enumerate().filter(|(place, _)| stays(*place)).map(|(_, point)| point).collect()
}
