//! Facts and all that follows from them.

use std::collections::VecDeque;

use super::rules::{Edge, Relation, Rule};

/// A fact and how it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) edge: Edge,
    pub(super) source: Origin,
}

/// How a fact is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// A sentence states it.
    Stated,
    /// It follows by a rule, `depth` rules away from stated facts.
    Implied { rule: &'static Rule, bridge: usize, depth: u32 },
}

/// Stated facts and, always complete, what the rules make of them.
#[derive(Debug, Clone)]
pub(super) struct Closure<'a> {
    rules: &'a [&'static Rule],
    chain_length: u32,
    known: Vec<Known>,
}

impl Origin {
    /// Rules between the fact and stated facts, on the shortest derivation.
    pub(super) fn depth(self) -> u32 {
        match self {
            Self::Stated => 0,
            Self::Implied { depth, .. } => depth,
        }
    }

    /// The rule by which it follows.
    pub(super) fn rule(self) -> Option<&'static Rule> {
        match self {
            Self::Stated => None,
            Self::Implied { rule, .. } => Some(rule),
        }
    }
}

impl<'a> Closure<'a> {
    /// Nothing known yet.
    pub(super) fn new(rules: &'a [&'static Rule], chain_length: u32) -> Self {
        Self { rules, chain_length, known: Vec::new() }
    }

    pub(super) fn known(&self) -> &[Known] {
        &self.known
    }

    pub(super) fn stated(&self) -> usize {
        self.known.len() - self.implied()
    }

    pub(super) fn implied(&self) -> usize {
        self.known.iter().filter(|known| known.source.depth() > 0).count()
    }

    pub(super) fn of_relation(&self, relation: Relation) -> impl Iterator<Item = Known> {
        self.known.iter().copied().filter(move |known| known.edge.relation == relation)
    }

    pub(super) fn holds(&self, edge: Edge) -> bool {
        self.known.iter().any(|known| known.edge == edge)
    }

    /// Whether any fact joins the ends of an edge, in whatever direction.
    pub(super) fn joins(&self, edge: Edge) -> bool {
        self.known.iter().any(|known| known.edge.same_ends(edge))
    }

    /// The closure after stating some more facts; those that hold already are left as they are. `None` where all do,
    /// or where the outcome would make no sense (two birthplaces) or need more rules in a row than allowed.
    pub(super) fn with(&self, edges: &[Edge]) -> Option<Self> {
        let mut new = edges.iter().copied().filter(|&edge| !self.holds(edge)).peekable();
        new.peek()?;
        let mut closure = self.with_room();
        let mut agenda = VecDeque::new();
        for edge in new {
            closure.state(edge, &mut agenda)?;
            if edge.relation.is_symmetric() {
                closure.state(edge.reversed(), &mut agenda)?;
            }
            closure.complete(&mut agenda)?;
        }
        Some(closure)
    }

    /// The same with room for what a statement may add.
    fn with_room(&self) -> Self {
        let mut known = Vec::with_capacity(self.known.len() + 8);
        known.extend_from_slice(&self.known);
        Self { known, ..*self }
    }

    fn state(&mut self, edge: Edge, agenda: &mut VecDeque<usize>) -> Option<()> {
        if self.holds(edge) { Some(()) } else { self.admit(edge, Origin::Stated, agenda) }
    }

    fn admit(&mut self, edge: Edge, source: Origin, agenda: &mut VecDeque<usize>) -> Option<()> {
        let fact = Known { edge, source };
        if source.depth() > self.chain_length || !self.is_sensible(fact) {
            return None;
        }
        agenda.push_back(self.known.len());
        self.known.push(fact);
        Some(())
    }

    /// Whether a new fact goes with those known. Two relations can join the same entities, but not both make them kin,
    /// nor the one be implied and the other stated: a sentence would then mention both ends of an implied fact.
    fn is_sensible(&self, Known { edge, source }: Known) -> bool {
        let relation = edge.relation;
        let alike = || self.of_relation(relation).map(|known| known.edge);
        let excludes = |known: &Known| {
            let both_kin = relation.is_kinship() && known.edge.relation.is_kinship();
            let both_stated_or_implied = (source.depth() == 0) == (known.source.depth() == 0);
            known.edge.same_ends(edge) && (both_kin && known.edge.relation != relation || !both_stated_or_implied)
        };
        !(relation.is_ordered() && edge.head > edge.tail)
            && alike().filter(|known| known.head == edge.head).count() < relation.most_tails()
            && alike().filter(|known| known.tail == edge.tail).count() < relation.most_heads()
            && !self.known.iter().any(excludes)
    }

    /// Applies the rules to each fact on the agenda until nothing new follows.
    fn complete(&mut self, agenda: &mut VecDeque<usize>) -> Option<()> {
        while let Some(fact) = agenda.pop_front().and_then(|place| self.known.get(place).copied()) {
            for rule in self.rules.iter().copied() {
                if rule.first == fact.edge.relation || rule.second == fact.edge.relation {
                    self.conclude(rule, fact, agenda)?;
                }
            }
        }
        Some(())
    }

    /// Draws the conclusions of a rule from a fact and each other, the fact being either premise.
    fn conclude(&mut self, rule: &'static Rule, fact: Known, agenda: &mut VecDeque<usize>) -> Option<()> {
        for place in 0..self.known.len() {
            let other = *self.known.get(place)?;
            let depth = 1 + fact.source.depth().max(other.source.depth());
            let both = [rule.apply(fact.edge, other.edge), rule.apply(other.edge, fact.edge)];
            for (bridge, edge) in both.into_iter().flatten() {
                self.imply(edge, Origin::Implied { rule, bridge, depth }, agenda)?;
            }
        }
        Some(())
    }

    /// Adds what follows, or shortens its derivation where it was known by a longer one.
    fn imply(&mut self, edge: Edge, source: Origin, agenda: &mut VecDeque<usize>) -> Option<()> {
        let Some(place) = self.known.iter().position(|known| known.edge == edge) else {
            return self.admit(edge, source, agenda);
        };
        let known = self.known.get_mut(place)?;
        if source.depth() < known.source.depth() {
            known.source = source;
            agenda.push_back(place);
        }
        Some(())
    }
}
