//! What may hold in a document, and what follows from it.

use ground::pattern::Pattern;

/// What an entity is. Finer than a mention's type: a city and a country are both a `LOC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntityKind {
    Person,
    City,
    Region,
    Country,
    Company,
    Book,
    Date,
}

/// A relation between entities of given kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Country,
    Birthplace,
    Spouse,
    Citizenship,
    Child,
    Author,
    Employer,
    Headquarters,
    PartOf,
    Publication,
    Grandparent,
    Product,
    Partner,
    Sibling,
}

/// Two premises and what follows from them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) pattern: Pattern,
    /// The premise that joins head and bridge.
    pub(super) first: Relation,
    /// The premise that joins bridge and tail.
    pub(super) second: Relation,
    pub(super) conclusion: Relation,
}

/// A relation from a head to a tail, both by their numbers in the cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) head: usize,
    pub(super) relation: Relation,
    pub(super) tail: usize,
}

/// The rules, as tabled in [the module's documentation](super).
pub(super) static RULES: [Rule; 11] = [
    rule(Pattern::Forward, Relation::Birthplace, Relation::Country, Relation::Citizenship),
    rule(Pattern::Forward, Relation::Headquarters, Relation::Country, Relation::Country),
    rule(Pattern::Forward, Relation::PartOf, Relation::Country, Relation::Country),
    rule(Pattern::Forward, Relation::Employer, Relation::PartOf, Relation::Employer),
    rule(Pattern::Forward, Relation::Spouse, Relation::Child, Relation::Child),
    rule(Pattern::Inward, Relation::Employer, Relation::Employer, Relation::Partner),
    rule(Pattern::Inward, Relation::Child, Relation::Child, Relation::Spouse),
    rule(Pattern::Backward, Relation::Employer, Relation::Author, Relation::Product),
    rule(Pattern::Backward, Relation::Child, Relation::Child, Relation::Grandparent),
    rule(Pattern::Outward, Relation::Child, Relation::Child, Relation::Sibling),
    rule(Pattern::Outward, Relation::Author, Relation::Author, Relation::Partner),
];

const fn rule(pattern: Pattern, first: Relation, second: Relation, conclusion: Relation) -> Rule {
    Rule { pattern, first, second, conclusion }
}

impl EntityKind {
    pub(super) const ALL: [Self; 7] =
        [Self::Person, Self::City, Self::Region, Self::Country, Self::Company, Self::Book, Self::Date];

    /// The type of its mentions: one of `DocRED`'s.
    pub(super) fn mention_type(self) -> &'static str {
        match self {
            Self::Person => "PER",
            Self::City | Self::Region | Self::Country => "LOC",
            Self::Company => "ORG",
            Self::Book => "MISC",
            Self::Date => "TIME",
        }
    }
}

impl Relation {
    pub(super) const ALL: [Self; 14] = [
        Self::Country,
        Self::Birthplace,
        Self::Spouse,
        Self::Citizenship,
        Self::Child,
        Self::Author,
        Self::Employer,
        Self::Headquarters,
        Self::PartOf,
        Self::Publication,
        Self::Grandparent,
        Self::Product,
        Self::Partner,
        Self::Sibling,
    ];

    /// Its name in the corpus, a property of Wikidata, and what Wikidata calls it.
    pub(super) const fn name_and_label(self) -> (&'static str, &'static str) {
        match self {
            Self::Country => ("P17", "country"),
            Self::Birthplace => ("P19", "place of birth"),
            Self::Spouse => ("P26", "spouse"),
            Self::Citizenship => ("P27", "country of citizenship"),
            Self::Child => ("P40", "child"),
            Self::Author => ("P50", "author"),
            Self::Employer => ("P108", "employer"),
            Self::Headquarters => ("P159", "headquarters location"),
            Self::PartOf => ("P361", "part of"),
            Self::Publication => ("P577", "publication date"),
            Self::Grandparent => ("P1038", "relative"),
            Self::Product => ("P1056", "product or material produced"),
            Self::Partner => ("P1327", "professional or sports partner"),
            Self::Sibling => ("P3373", "sibling"),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        self.name_and_label().0
    }

    /// The kinds of head and tail that it joins.
    pub(super) fn signatures(self) -> &'static [(EntityKind, EntityKind)] {
        match self {
            Self::Country => &[
                (EntityKind::City, EntityKind::Country),
                (EntityKind::Region, EntityKind::Country),
                (EntityKind::Company, EntityKind::Country),
            ],
            Self::Birthplace => &[(EntityKind::Person, EntityKind::City)],
            Self::Citizenship => &[(EntityKind::Person, EntityKind::Country)],
            Self::Author => &[(EntityKind::Book, EntityKind::Person)],
            Self::Employer => &[(EntityKind::Person, EntityKind::Company)],
            Self::Headquarters => &[(EntityKind::Company, EntityKind::City)],
            Self::PartOf => &[(EntityKind::City, EntityKind::Region), (EntityKind::Company, EntityKind::Company)],
            Self::Publication => &[(EntityKind::Book, EntityKind::Date)],
            Self::Product => &[(EntityKind::Company, EntityKind::Book)],
            Self::Spouse | Self::Child | Self::Grandparent | Self::Partner | Self::Sibling => {
                &[(EntityKind::Person, EntityKind::Person)]
            }
        }
    }

    /// Whether it holds in both directions.
    pub(super) fn is_symmetric(self) -> bool {
        matches!(self, Self::Spouse | Self::Partner | Self::Sibling)
    }

    /// Whether it makes two people kin: they are so in one way only.
    pub(super) fn is_kinship(self) -> bool {
        matches!(self, Self::Spouse | Self::Child | Self::Grandparent | Self::Sibling)
    }

    /// Whether following it never leads back: its head then comes before its tail in the cast.
    pub(super) fn is_ordered(self) -> bool {
        matches!(self, Self::Child | Self::PartOf)
    }

    /// How many tails a head can have.
    pub(super) fn most_tails(self) -> usize {
        match self {
            Self::Country
            | Self::Birthplace
            | Self::Spouse
            | Self::Citizenship
            | Self::Headquarters
            | Self::PartOf
            | Self::Publication => 1,
            Self::Author => 2,
            _ => usize::MAX,
        }
    }

    /// How many heads a tail can have.
    pub(super) fn most_heads(self) -> usize {
        match self {
            Self::Child => 2,
            _ => usize::MAX,
        }
    }
}

/// Whether the first premise leads from the head to the bridge, not back.
fn head_to_bridge(pattern: Pattern) -> bool {
    matches!(pattern, Pattern::Forward | Pattern::Inward)
}

/// Whether the second premise leads from the bridge to the tail, not back.
fn bridge_to_tail(pattern: Pattern) -> bool {
    matches!(pattern, Pattern::Forward | Pattern::Outward)
}

impl Rule {
    /// The premises that lead from a head over a bridge to a tail.
    pub(super) fn premises(&self, head: usize, bridge: usize, tail: usize) -> [Edge; 2] {
        [
            Edge::directed(head_to_bridge(self.pattern), head, self.first, bridge),
            Edge::directed(bridge_to_tail(self.pattern), bridge, self.second, tail),
        ]
    }

    /// Head and bridge of a first premise.
    pub(super) fn head_and_bridge(&self, first: Edge) -> (usize, usize) {
        first.ends(head_to_bridge(self.pattern))
    }

    /// Bridge and tail of a second premise.
    pub(super) fn bridge_and_tail(&self, second: Edge) -> (usize, usize) {
        second.ends(bridge_to_tail(self.pattern))
    }

    /// The bridge of two facts and what follows from them, where they are premises of this rule.
    pub(super) fn apply(&self, first: Edge, second: Edge) -> Option<(usize, Edge)> {
        if first.relation != self.first || second.relation != self.second {
            return None;
        }
        let (head, bridge) = self.head_and_bridge(first);
        let (same_bridge, tail) = self.bridge_and_tail(second);
        let conclusion = Edge { head, relation: self.conclusion, tail };
        (bridge == same_bridge && head != tail).then_some((bridge, conclusion))
    }
}

impl Edge {
    fn directed(forward: bool, from: usize, relation: Relation, to: usize) -> Self {
        let (head, tail) = if forward { (from, to) } else { (to, from) };
        Self { head, relation, tail }
    }

    fn ends(self, forward: bool) -> (usize, usize) {
        if forward { (self.head, self.tail) } else { (self.tail, self.head) }
    }

    /// The same from tail to head.
    pub(super) fn reversed(self) -> Self {
        Self { head: self.tail, relation: self.relation, tail: self.head }
    }

    /// Whether both join the same two entities, in whatever direction.
    pub(super) fn same_ends(self, other: Self) -> bool {
        self.ends(true) == other.ends(true) || self.ends(true) == other.ends(false)
    }
}
