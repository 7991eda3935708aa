//! Which edges of a graph close a path of two others.
//!
//! No path is set down: there are as many as the cube of a document's entities. An edge asks whether the neighbours of its
//! two ends meet.

use ground::pattern::Pattern;
use rayon::prelude::*;

/// An edge: the numbers of its head and tail.
pub(super) type Edge = (u64, u64);

/// What an edge (s, o) concludes from two others, for a bridge i that is neither s nor o.
pub(super) const CONCLUDED: [Pattern; 4] = [Pattern::Forward, Pattern::Inward, Pattern::Outward, Pattern::Backward];

/// By which of [`CONCLUDED`] each of some distinct edges closes a path of two others.
pub(super) fn closed(edges: &[Edge]) -> Vec<[bool; 4]> {
    let joins = |&(head, tail): &Edge| head != tail;
    let out = Neighbours::new(edges.iter().copied().filter(joins));
    let into = Neighbours::new(edges.iter().copied().filter(joins).map(|(head, tail)| (tail, head)));
    let of = |edge: &Edge| {
        if !joins(edge) {
            return [false; 4];
        }
        let (from_s, from_o) = (out.of(edge.0), out.of(edge.1));
        let (to_s, to_o) = (into.of(edge.0), into.of(edge.1));
        [meet(from_s, to_o), meet(from_s, from_o), meet(to_s, to_o), meet(from_o, to_s)]
    };
    edges.par_iter().map(of).collect()
}

/// The entities behind edges, under those before them.
struct Neighbours {
    /// By what is before, then by what is behind.
    edges: Vec<Edge>,
}

impl Neighbours {
    fn new(edges: impl Iterator<Item = Edge>) -> Self {
        let mut edges: Vec<Edge> = edges.collect();
        edges.par_sort_unstable();
        Self { edges }
    }

    fn of(&self, entity: u64) -> &[Edge] {
        let start = self.edges.partition_point(|(before, _)| *before < entity);
        let rest = self.edges.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|(before, _)| *before == entity)).unwrap_or_default()
    }
}

/// Whether two entities have a neighbour in common.
fn meet(mut one: &[Edge], mut other: &[Edge]) -> bool {
    while let ([(_, first), rest @ ..], [(_, second), others @ ..]) = (one, other) {
        if first == second {
            return true;
        }
        if first < second { one = rest } else { other = others }
    }
    false
}
