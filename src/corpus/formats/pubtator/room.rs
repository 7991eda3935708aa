//! How many facts relations of lists may come to: one of a thousand ids at either end is a million.

use std::cell::Cell;

/// Pairs of things that one relation may be of.
const MOST_PAIRS: usize = 10_000;
/// The same of all relations of a record that are of more than one pair.
const MOST_OF_ALL: usize = 1_000_000;

/// What is left of that. It is asked before anything is multiplied.
#[derive(Debug)]
pub(in crate::formats) struct Room(Cell<usize>);

impl Default for Room {
    fn default() -> Self {
        Self(Cell::new(MOST_OF_ALL))
    }
}

impl Room {
    /// Things beyond which no end of a relation need be looked up.
    pub fn most(&self) -> usize {
        MOST_PAIRS.min(self.0.get()) + 2
    }

    /// Takes room for the pairs of a relation.
    ///
    /// # Errors
    /// Expected, then got, where they are too many.
    pub fn take(&self, n_pairs: usize) -> Result<(), String> {
        self.take_of(n_pairs, n_pairs)
    }

    /// The same for some pairs of a relation that has so many with them.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_of(&self, n_pairs: usize, n_all: usize) -> Result<(), String> {
        if n_all > MOST_PAIRS {
            return Err(format!("expected at most {MOST_PAIRS} pairs of things, got more"));
        }
        // A corpus without lists has as many relations as it likes.
        let taken = if n_pairs > 1 { n_pairs } else { 0 };
        let Some(left) = self.0.get().checked_sub(taken) else {
            return Err(format!("expected at most {MOST_OF_ALL} pairs of things in relations of lists, got more"));
        };
        self.0.set(left);
        Ok(())
    }
}
