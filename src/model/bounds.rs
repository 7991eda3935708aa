//! How large a model may be.

/// The widest vectors that a model may have: more is a slip.
pub(crate) const GREATEST_WIDTH: usize = 1 << 16;
/// The most layers, heads and iterations that a model may have: more is a slip.
pub const MOST: usize = 1000;

/// Whether a count is one that a model may have.
pub(crate) fn check_count(name: &str, count: usize, least: usize, most: usize) -> std::result::Result<(), String> {
    match count {
        _ if (least..=most).contains(&count) => Ok(()),
        _ => Err(format!("`{name}`: expected {least} to {most}, got {count}")),
    }
}

/// Whether vectors of a width can be cut into such blocks.
pub(crate) fn check_blocks(embedding: usize, block: usize) -> std::result::Result<(), String> {
    check_count("embedding", embedding, 1, GREATEST_WIDTH)?;
    match block {
        1.. if embedding.is_multiple_of(block) => Ok(()),
        _ => Err(format!("`block`: expected a divisor of {embedding}, got {block}")),
    }
}
