//! What relation lines call the entities of a document.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ground::variant::Variant;

use super::ids::{is_variant, plain};

/// Variants of one name among which one of a gene is looked for. No text has as many.
const MOST_OF_NAME: usize = 100;

/// Names with their entities, in order.
pub(super) struct Names<N>(Vec<(N, u32)>);

impl<N: Ord + AsRef<str>> Names<N> {
    pub(super) fn of(names: impl Iterator<Item = (N, u32)>) -> Self {
        let mut names: Vec<(N, u32)> = names.collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// The entities of a name, the first so many.
    pub(super) fn find(&self, name: &str, most: usize) -> BTreeSet<u32> {
        self.all(name).take(most).collect()
    }

    fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = u32> + 'n {
        let first = self.0.partition_point(|(other, _)| other.as_ref() < name);
        let behind = self.0.get(first..).unwrap_or_default().iter();
        behind.take_while(move |(other, _)| other.as_ref() == name).map(|(_, entity)| *entity)
    }
}

/// The variants of a document by each of their names: the change, the number in dbSNP, and what else their ids call them.
pub(super) struct Variants<'k> {
    by_name: Names<Cow<'k, str>>,
    said: HashMap<u32, Said<'k>>,
}

/// What tells a variant from others of its name.
#[derive(Default)]
struct Said<'k> {
    genes: BTreeSet<&'k str>,
    numbers: BTreeSet<&'k str>,
}

impl<'k> Variants<'k> {
    /// Those among names of entities.
    pub(super) fn of(names: &'k [(Cow<'k, str>, u32)]) -> Self {
        let (mut by_name, mut said) = (Vec::new(), HashMap::<u32, Said>::new());
        for (name, entity) in names.iter().filter(|(name, _)| is_variant(name)) {
            let variant = Variant::of(name);
            let own = said.entry(*entity).or_default();
            own.genes.extend(variant.genes);
            own.numbers.extend(variant.number);
            by_name.push((plain(name).into(), *entity));
            by_name.extend(variant.number.map(|number| (of_number(number).into(), *entity)));
            by_name.extend(variant.others.into_iter().map(|other| (other.into(), *entity)));
        }
        Self { by_name: Names::of(by_name.into_iter()), said }
    }

    /// The variants of an id in any form, but for those of which another gene or number is known; the first so many.
    pub(super) fn find(&self, id: &str, most: usize) -> BTreeSet<u32> {
        if self.said.is_empty() {
            return BTreeSet::new();
        }
        let variant = Variant::of(id);
        let number = variant.number.map(of_number);
        let behind_prefix = id.split_once(':').map(|(_, rest)| rest.trim());
        let names = number.as_deref().into_iter().chain([plain(id)]).chain(behind_prefix);
        let may_be = |entity: &u32| self.said.get(entity).is_none_or(|said| said.may_be(&variant));
        let asked = if variant.weight() > 0 { MOST_OF_NAME } else { most };
        names
            .map(|name| self.by_name.all(name).take(asked).filter(may_be).collect::<BTreeSet<u32>>())
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }
}

impl Said<'_> {
    fn may_be(&self, variant: &Variant) -> bool {
        let fits = self.genes.is_empty() || variant.genes.is_empty();
        let shares = || variant.genes.iter().any(|gene| self.genes.contains(gene));
        let is_number = |number: &str| self.numbers.is_empty() || self.numbers.contains(number);
        // One number is one variant, whatever gene is said to be its own.
        let is_same = variant.number.is_some_and(|number| self.numbers.contains(number));
        is_same || (fits || shares()) && variant.number.is_none_or(is_number)
    }
}

/// The name of a number in dbSNP.
pub(super) fn of_number(number: &str) -> String {
    format!("rs{number}")
}
