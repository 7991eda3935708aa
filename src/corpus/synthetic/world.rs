//! What holds in a document: facts drawn one at a time, and distractors drawn to look like them.

use ground::pattern::Pattern;
use ground::random::Random;

use super::closure::{Closure, Known};
use super::names::Cast;
use super::options::{MOST_FACTS, Options};
use super::rules::{Edge, EntityKind, RULES, Relation, Rule};

/// Draws for each fact asked for, before a document is left with fewer.
const PATIENCE: usize = 20;
/// Draws of premises for one rule.
const TRIES: usize = 6;

/// The rules of the patterns that the options allow.
pub(super) fn rules(options: &Options) -> Vec<&'static Rule> {
    RULES.iter().filter(|rule| options.patterns.contains(&rule.pattern)).collect()
}

/// Draws a document's facts.
///
/// A document dwells on two rules, of different patterns where possible. It then has several facts that could be
/// premises of the same rule, of which only some meet in a bridge: who is a citizen of which country cannot be told
/// from who was born somewhere and which cities lie in a country, but only from both together.
pub(super) fn draw<'a>(options: &Options, rules: &'a [&'static Rule], cast: &Cast, random: &mut Random) -> Closure<'a> {
    let wanted = around(options.facts.min(MOST_FACTS), random);
    let quota = implied_quota(options.implied_share, wanted, random);
    let mut drawing = Drawing { cast, focus: focus(options, rules, random), rules, random };
    let mut closure = Closure::new(rules, options.chain_length);
    for _ in 0..PATIENCE * wanted {
        if closure.stated() >= wanted {
            break;
        }
        if let Some(next) = drawing.next(&closure, quota)
            && next.implied() <= quota
        {
            closure = next;
        }
    }
    closure
}

/// Two entities whose relation, as the text has it, is none of the corpus's: of kinds that a relation could join, and
/// joined by no fact. `None` where no such two were found.
pub(super) fn distractor(
    subject: Option<usize>,
    closure: &Closure<'_>,
    cast: &Cast,
    random: &mut Random,
) -> Option<Edge> {
    (0..PATIENCE).find_map(|_| {
        let relation = *random.pick(&Relation::ALL)?;
        let mut edge = any_edge(relation, cast, random)?;
        if let Some(subject) = subject {
            let same_kind = cast.kind(subject) == cast.kind(edge.head) && subject != edge.tail;
            edge.head = same_kind.then_some(subject)?;
        }
        (!closure.joins(edge)).then_some(edge)
    })
}

/// A number within a fifth of the given one.
fn around(mean: usize, random: &mut Random) -> usize {
    let spread = mean / 5;
    mean - spread + random.below(2 * spread + 1)
}

/// Implied facts beside so many stated ones: `share / (1 - share) · stated`, rounded up or down by chance.
fn implied_quota(share: f64, stated: usize, random: &mut Random) -> usize {
    let exact = share / (1.0 - share) * stated as f64;
    exact as usize + usize::from(random.chance(exact.fract()))
}

fn focus(options: &Options, rules: &[&'static Rule], random: &mut Random) -> Vec<&'static Rule> {
    let mut patterns: Vec<Pattern> = Pattern::ALL.into_iter().filter(|it| options.patterns.contains(it)).collect();
    random.shuffle(&mut patterns);
    let mut chosen = Vec::new();
    for pattern in patterns.into_iter().cycle().take(2) {
        let of_pattern: Vec<_> = rules.iter().copied().filter(|rule| rule.pattern == pattern).collect();
        chosen.extend(random.pick(&of_pattern));
    }
    chosen
}

struct Drawing<'a> {
    cast: &'a Cast,
    focus: Vec<&'static Rule>,
    rules: &'a [&'static Rule],
    random: &'a mut Random,
}

impl Drawing<'_> {
    /// The closure with one more statement, or with both premises of a rule. `None` where the draw was no use.
    fn next<'c>(&mut self, closure: &Closure<'c>, quota: usize) -> Option<Closure<'c>> {
        if closure.implied() < quota && self.random.chance(0.8) {
            let rule = self.rule(closure)?;
            (0..TRIES).find_map(|_| {
                let premises = self.premises(rule, closure)?;
                closure.with(&premises).filter(|next| (1 + closure.implied()..=quota).contains(&next.implied()))
            })
        } else {
            let relation = self.relation()?;
            let edge = any_edge(relation, self.cast, self.random)?;
            closure.with(&[edge])
        }
    }

    /// A rule that may build on what follows already or, failing that, the one in focus by which less follows so far.
    fn rule(&mut self, closure: &Closure<'_>) -> Option<&'static Rule> {
        let implied = |rule: &Rule| closure.known().iter().filter(|known| known.source.rule() == Some(rule)).count();
        if self.random.chance(0.4) {
            let feeds = |relation: Relation| closure.of_relation(relation).any(|known| known.source.depth() > 0);
            let deeper = self.rules.iter().filter(|rule| feeds(rule.first) || feeds(rule.second));
            let deeper: Vec<&'static Rule> = deeper.copied().collect();
            if let Some(&rule) = self.random.pick(&deeper) {
                return Some(rule);
            }
        }
        self.random.shuffle(&mut self.focus);
        self.focus.iter().min_by_key(|rule| implied(rule)).copied()
    }

    /// Two facts of a rule's relations, one of which is moved so that both meet in the other's bridge.
    fn premises(&mut self, rule: &Rule, closure: &Closure<'_>) -> Option<[Edge; 2]> {
        let first = self.premise(rule.first, closure)?;
        let second = self.premise(rule.second, closure)?;
        let (head, bridge) = rule.head_and_bridge(first);
        let (other_bridge, tail) = rule.bridge_and_tail(second);
        let bridges = [bridge, other_bridge];
        let fits = head != tail && !bridges.contains(&head) && !bridges.contains(&tail);
        if !fits || self.cast.kind(bridge) != self.cast.kind(other_bridge) {
            return None;
        }
        self.random.pick(&bridges).map(|&bridge| rule.premises(head, bridge, tail))
    }

    /// Any fact of a relation, or one that is known: often where that is implied, so that rules follow upon one
    /// another, seldom where it is stated, so that premises which do not meet are left over.
    fn premise(&mut self, relation: Relation, closure: &Closure<'_>) -> Option<Edge> {
        let known = self.deepest(relation, closure);
        let reused = known.filter(|known| self.random.chance(if known.source.depth() > 0 { 0.6 } else { 0.25 }));
        reused.map(|known| known.edge).or_else(|| any_edge(relation, self.cast, self.random))
    }

    /// One of the facts that are furthest from stated ones.
    fn deepest(&mut self, relation: Relation, closure: &Closure<'_>) -> Option<Known> {
        let depth = closure.of_relation(relation).map(|known| known.source.depth()).max()?;
        let known = || closure.of_relation(relation).filter(|known| known.source.depth() == depth);
        known().nth(self.random.below(known().count()))
    }

    /// Mostly one that the rules in focus speak of.
    fn relation(&mut self) -> Option<Relation> {
        if self.random.chance(0.25) {
            return self.random.pick(&Relation::ALL).copied();
        }
        let rule = self.random.pick(&self.focus)?;
        self.random.pick(&[rule.first, rule.second, rule.conclusion]).copied()
    }
}

/// A relation between some two entities of the right kinds.
fn any_edge(relation: Relation, cast: &Cast, random: &mut Random) -> Option<Edge> {
    let &(head, tail): &(EntityKind, EntityKind) = random.pick(relation.signatures())?;
    let (head, tail) = (cast.pick(head, random)?, cast.pick(tail, random)?);
    (head != tail).then_some(Edge { head, relation, tail })
}
