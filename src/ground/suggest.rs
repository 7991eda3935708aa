//! Names that were meant: the nearest of those that may stand in a place.

/// The known name with the fewest edits from `name`, and how many these are.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<(usize, &'k str)> {
    known.iter().map(|known| (distance(name, known), *known)).min()
}

/// Insertions, deletions and replacements of characters that lead from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (b, above) in to.chars().zip(row.windows(2)) {
            if let [diagonal, above] = above {
                left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
