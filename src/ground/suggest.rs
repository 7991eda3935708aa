//! Names that were meant: the nearest of those that may stand in a place.

use strsim::osa_distance;

/// The known name with the fewest edits from `name`, and how many these are; two letters that
/// changed places are one.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<(usize, &'k str)> {
    known.iter().map(|known| (osa_distance(name, known), *known)).min()
}

/// What to say of a name that none of `known` is: the nearest, or all where none is near.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some((edits, nearest)) if edits <= nearest.len().div_ceil(2) => {
            format!("unknown {what} `{name}`, the nearest known one is `{nearest}`")
        }
        Some(_) => format!("unknown {what} `{name}`, known are `{}`", known.join("`, `")),
        None => format!("unknown {what} `{name}`, none is expected here"),
    }
}
