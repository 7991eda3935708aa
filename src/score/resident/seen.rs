//! What was met in batches that were scored: counts, which add up to those of a run.

use std::ops::AddAssign;

use decide::{Decider, Tally};
use ground::observe::Event;

use crate::ended::Scored;
use crate::limit::{TooLarge, lacking, named};
use crate::parts::Part;
use crate::purpose::{Met, Purpose};
use crate::told::told;

/// What was met in some batches. Those of several are added up, and tell what one run over all would.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    scored: Scored,
    met: Met,
    /// The first of the documents that are too large.
    too_large: Vec<TooLarge>,
    pub(super) tally: Tally,
}

impl Seen {
    /// What was scored.
    pub fn scored(&self) -> Scored {
        Scored { relations: self.tally.claims, ..self.scored }
    }

    pub(super) fn add(&mut self, part: &Part) {
        self.scored.documents += part.documents;
        self.scored.cut_off += part.cut_off;
        self.met += &part.met;
        self.leave_out(&part.too_large, part.too_large.len() as u64);
    }

    fn leave_out(&mut self, first: &[TooLarge], all: u64) {
        self.too_large.extend(first.iter().take(named(first, self.scored.too_large).count()).cloned());
        self.scored.too_large += all;
    }

    pub(super) fn warnings(&self, purpose: &Purpose, decider: &Decider, most_pieces: usize) -> Vec<String> {
        let line = |event| match event {
            Event::Warning(line) => Some(line),
            _ => None,
        };
        let lacking = lacking(self.scored.too_large).and_then(line);
        let decided = decider.claims(&self.tally).warnings();
        let told = told(purpose, &self.met, self.scored.cut_off, most_pieces);
        let named = self.too_large.iter().map(ToString::to_string);
        named.chain(decided).chain(told).chain(lacking).collect()
    }
}

impl AddAssign<&Self> for Seen {
    fn add_assign(&mut self, other: &Self) {
        self.scored.documents += other.scored.documents;
        self.scored.cut_off += other.scored.cut_off;
        self.met += &other.met;
        self.leave_out(&other.too_large, other.scored.too_large);
        self.tally += &other.tally;
    }
}
