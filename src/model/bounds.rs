//! How large a model may be.

use ground::settings::within;

/// The widest vectors that a model may have: more is a slip.
pub(crate) const GREATEST_WIDTH: usize = 1 << 16;
/// The most layers, heads and iterations that a model may have: more is a slip.
pub const MOST: usize = 1000;

/// Whether vectors of a width can be cut into such blocks.
pub(crate) fn check_blocks(embedding: usize, block: usize) -> std::result::Result<(), String> {
    within("embedding", embedding, 1, GREATEST_WIDTH)?;
    match block {
        1.. if embedding.is_multiple_of(block) => Ok(()),
        _ => Err(format!("`block`: expected a divisor of {embedding}, got {block}")),
    }
}
