//! Sequences that lie one after another in one matrix.

/// Where one sequence lies among the rows of a matrix that holds several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first row.
    pub start: usize,
    /// How many rows it has.
    pub len: usize,
}

/// Spans of these lengths, one after another.
pub fn consecutive(lengths: impl IntoIterator<Item = usize>) -> Vec<Span> {
    let mut start = 0;
    let span = |len| {
        let span = Span { start, len };
        start += len;
        span
    };
    lengths.into_iter().map(span).collect()
}
