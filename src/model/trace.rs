//! The trace of inference: which relations a pair was given from which iteration to which, and where that changed.

use crate::decode::Predicted;

/// A relation that a pair of some was given at an iteration, and as long as its document was not read again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// The pair's place among those that are scored together.
    pub pair: u32,
    /// The iterations.
    pub span: Span,
    /// The relation's class, its logit and its rank.
    pub relation: Predicted,
    /// The threshold class's logit.
    pub threshold: f32,
}

/// Iterations over which a pair's prediction and its logits were the same. The base is iteration 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub since: u32,
    /// The last.
    pub until: u32,
    /// The one, up to then, at which the prediction last changed.
    pub changed: u32,
}

/// A change of what is predicted for a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The iteration at which it came.
    pub iteration: u32,
    /// The classes before, ascending.
    pub before: Vec<u32>,
    /// The classes after.
    pub after: Vec<u32>,
}

/// The changes of a pair by what it was given, in order, over so many iterations: `classes` has the span and the class
/// of each. Where there is nothing for an iteration, it was given nothing.
pub fn changes(classes: &[(Span, u32)], iterations: u32) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut before: Vec<u32> = Vec::new();
    let mut next = 0;
    let mut change = |iteration, before: &mut Vec<u32>, after: Vec<u32>| {
        let before = std::mem::replace(before, after.clone());
        if iteration > 0 && before != after {
            changes.push(Change { iteration, before, after });
        }
    };
    for reading in classes.chunk_by(|(one, _), (other, _)| one.since == other.since) {
        let Some(&(Span { since, until, .. }, _)) = reading.first() else { continue };
        if since > next {
            change(next, &mut before, Vec::new());
        }
        let mut after: Vec<u32> = reading.iter().map(|(_, class)| *class).collect();
        after.sort_unstable();
        change(since, &mut before, after);
        next = until.saturating_add(1);
    }
    if next <= iterations {
        change(next, &mut before, Vec::new());
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(given: &[(u32, u32, &[u32])]) -> Vec<(Span, u32)> {
        let spans = given.iter().map(|&(since, until, classes)| (Span { since, until, changed: 0 }, classes));
        spans.flat_map(|(span, classes)| classes.iter().map(move |&class| (span, class))).collect()
    }

    #[test]
    fn a_change_is_told_with_what_was_there_before_and_after() {
        let change = |iteration, before: &[u32], after: &[u32]| Change {
            iteration,
            before: before.to_vec(),
            after: after.to_vec(),
        };
        for (given, expected) in [
            (spans(&[]), vec![]),
            // Given once and for all by the base, read three times.
            (spans(&[(0, 0, &[2, 1]), (1, 1, &[1, 2]), (2, 3, &[2, 1])]), vec![]),
            // Given by the base, dropped by the first iteration; and by the last.
            (spans(&[(0, 0, &[4])]), vec![change(1, &[4], &[])]),
            (spans(&[(0, 0, &[4]), (1, 1, &[4]), (2, 2, &[4])]), vec![change(3, &[4], &[])]),
            // Found by the second iteration, with another at the third.
            (spans(&[(2, 2, &[5]), (3, 3, &[5, 3])]), vec![change(2, &[], &[5]), change(3, &[5], &[3, 5])]),
            // Dropped and found again.
            (spans(&[(0, 0, &[1]), (2, 3, &[1])]), vec![change(1, &[1], &[]), change(2, &[], &[1])]),
            // One for another, and at rest.
            (spans(&[(0, 0, &[1]), (1, 3, &[2])]), vec![change(1, &[1], &[2])]),
        ] {
            assert_eq!(changes(&given, 3), expected, "{given:?}");
        }
    }
}
