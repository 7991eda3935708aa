//! What may hold in a document, and what follows from it.

use ground::choice;

/// What an entity is. Finer than a mention's type: a city and a country are both a `LOC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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

/// How the two premises of a rule meet in the bridge `i`, between the head `s` and the tail `o` of what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// `s>i,i>o`: one fact leads on to the other.
    Chain,
    /// `s>i,o>i`: both facts point at the bridge.
    SharedTail,
    /// `o>i,i>s`: a chain that is read backwards.
    ReverseChain,
    /// `i>s,i>o`: both facts start from the bridge.
    SharedHead,
}

choice!(Pattern, "pattern", {
    Chain => "s>i,i>o",
    SharedTail => "s>i,o>i",
    ReverseChain => "o>i,i>s",
    SharedHead => "i>s,i>o",
});

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
    rule(Pattern::Chain, Relation::Birthplace, Relation::Country, Relation::Citizenship),
    rule(Pattern::Chain, Relation::Headquarters, Relation::Country, Relation::Country),
    rule(Pattern::Chain, Relation::PartOf, Relation::Country, Relation::Country),
    rule(Pattern::Chain, Relation::Employer, Relation::PartOf, Relation::Employer),
    rule(Pattern::Chain, Relation::Spouse, Relation::Child, Relation::Child),
    rule(Pattern::SharedTail, Relation::Employer, Relation::Employer, Relation::Partner),
    rule(Pattern::SharedTail, Relation::Child, Relation::Child, Relation::Spouse),
    rule(Pattern::ReverseChain, Relation::Employer, Relation::Author, Relation::Product),
    rule(Pattern::ReverseChain, Relation::Child, Relation::Child, Relation::Grandparent),
    rule(Pattern::SharedHead, Relation::Child, Relation::Child, Relation::Sibling),
    rule(Pattern::SharedHead, Relation::Author, Relation::Author, Relation::Partner),
];

const fn rule(pattern: Pattern, first: Relation, second: Relation, conclusion: Relation) -> Rule {
    Rule { pattern, first, second, conclusion }
}

impl Kind {
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
    pub(super) fn signatures(self) -> &'static [(Kind, Kind)] {
        match self {
            Self::Country => {
                &[(Kind::City, Kind::Country), (Kind::Region, Kind::Country), (Kind::Company, Kind::Country)]
            }
            Self::Birthplace => &[(Kind::Person, Kind::City)],
            Self::Citizenship => &[(Kind::Person, Kind::Country)],
            Self::Author => &[(Kind::Book, Kind::Person)],
            Self::Employer => &[(Kind::Person, Kind::Company)],
            Self::Headquarters => &[(Kind::Company, Kind::City)],
            Self::PartOf => &[(Kind::City, Kind::Region), (Kind::Company, Kind::Company)],
            Self::Publication => &[(Kind::Book, Kind::Date)],
            Self::Product => &[(Kind::Company, Kind::Book)],
            Self::Spouse | Self::Child | Self::Grandparent | Self::Partner | Self::Sibling => {
                &[(Kind::Person, Kind::Person)]
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

impl Pattern {
    fn head_to_bridge(self) -> bool {
        matches!(self, Self::Chain | Self::SharedTail)
    }

    fn bridge_to_tail(self) -> bool {
        matches!(self, Self::Chain | Self::SharedHead)
    }
}

impl Rule {
    /// The premises that lead from a head over a bridge to a tail.
    pub(super) fn premises(&self, head: usize, bridge: usize, tail: usize) -> [Edge; 2] {
        [
            Edge::directed(self.pattern.head_to_bridge(), head, self.first, bridge),
            Edge::directed(self.pattern.bridge_to_tail(), bridge, self.second, tail),
        ]
    }

    /// Head and bridge of a first premise.
    pub(super) fn head_and_bridge(&self, first: Edge) -> (usize, usize) {
        first.ends(self.pattern.head_to_bridge())
    }

    /// Bridge and tail of a second premise.
    pub(super) fn bridge_and_tail(&self, second: Edge) -> (usize, usize) {
        second.ends(self.pattern.bridge_to_tail())
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
