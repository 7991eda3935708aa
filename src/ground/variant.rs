//! The ids of mutations: `tmVar:p|SUB|V|600|E;HGVS:p.V600E;CorrespondingGene:673;RS#:113488022`.
//!
//! A change of a sequence is one thing only together with its gene, or by its number in dbSNP: many genes have a change of
//! the same name. Within a document a change without gene is that of the only gene named with it; beyond the document it
//! is nobody's.

use std::collections::BTreeSet;

use crate::bases::{folds_to, gene_number, is_digits, joined, stands_for_none};

/// Changes of a sequence as tmVar calls them.
pub const CHANGES: &[&str] = &["SUB", "DEL", "INS", "DUP", "INDEL", "FS", "INV", "Allele"];
/// What separates the parts of a mutation's id.
const PARTS: char = ';';
const TMVAR: &str = "tmVar";
/// What a mutation's gene is called, in the first place where its CURIE has it.
const GENE: [&str; 2] = ["CorrespondingGene", "Gene"];
/// Parts that are further names.
const NAMES: [&str; 2] = ["HGVS", "CA#"];

/// What an id says of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant<'i> {
    /// What stands before the first `;`.
    pub first: &'i str,
    /// The same without the prefix `tmVar:`: the change, as a rule.
    pub name: &'i str,
    /// Its genes.
    pub genes: BTreeSet<&'i str>,
    /// Its number in dbSNP.
    pub number: Option<&'i str>,
    /// Its further names.
    pub others: Vec<&'i str>,
}

impl<'i> Variant<'i> {
    /// Takes an id apart.
    pub fn of(id: &'i str) -> Self {
        let mut parts = id.split(PARTS).map(str::trim);
        let first = parts.next().unwrap_or_default();
        let name = without_tmvar(first);
        let number = id.split(PARTS).find_map(reference).or_else(|| reference_number(name));
        let mut variant = Self { first, name, genes: BTreeSet::new(), number, others: Vec::new() };
        for (key, value) in parts.filter_map(|part| part.split_once(':')) {
            if is_one(key, &GENE) {
                let genes = value.split(',').map(|gene| gene_number(gene.trim()).unwrap_or(gene.trim()));
                variant.genes.extend(genes.filter(|gene| !stands_for_none(gene)));
            } else if is_one(key, &NAMES) && !stands_for_none(value.trim()) {
                variant.others.push(value.trim());
            }
        }
        variant
    }

    /// The CURIE of the change, with its genes where they are known.
    pub(crate) fn curie(&self) -> String {
        let genes: Vec<&str> = self.genes.iter().copied().collect();
        let bare = joined(TMVAR, "", self.name);
        if genes.is_empty() { bare } else { format!("{bare}{PARTS}{}:{}", GENE[0], genes.join(",")) }
    }

    /// How much it says of what it is: its name alone, its gene, its number in dbSNP.
    pub fn weight(&self) -> u8 {
        if self.number.is_some() { 2 } else { u8::from(!self.genes.is_empty()) }
    }
}

/// The CURIE of a change of a sequence without its gene, and whether it has one here; `None` for that of anything else.
pub fn change_of(curie: &str) -> Option<(&str, bool)> {
    curie.strip_prefix(TMVAR).filter(|local| local.starts_with(':'))?;
    Some(curie.split_once(PARTS).map_or((curie, false), |(bare, _)| (bare, true)))
}

/// Whether a CURIE says what a thing is beyond its document: that of a change without gene does not.
pub fn says_which(curie: &str) -> bool {
    change_of(curie).is_none_or(|(_, has_gene)| has_gene)
}

fn is_one(key: &str, of: &[&str]) -> bool {
    of.iter().any(|name| key.trim().eq_ignore_ascii_case(name))
}

/// The number of a part such as `RS#:113488022`.
fn reference(part: &str) -> Option<&str> {
    let (name, number) = part.trim().split_once(':')?;
    let number = number.trim();
    (name.eq_ignore_ascii_case("rs#") && is_digits(number)).then_some(number)
}

/// That of an id such as `rs113488022`.
pub(crate) fn reference_number(id: &str) -> Option<&str> {
    let (start, number) = id.split_at_checked(2)?;
    (start.eq_ignore_ascii_case("rs") && is_digits(number)).then_some(number)
}

/// An id without the prefix `tmVar:`, however often it stands there.
pub(crate) fn without_tmvar(mut id: &str) -> &str {
    while let Some((_, rest)) = id.split_once(':').filter(|(prefix, _)| folds_to(prefix, "tmvar")) {
        id = rest.trim();
    }
    id
}

/// Whether an id is a mutation as tmVar writes it: a sequence (`c`, `p`, …), a change (`SUB`, `DEL`, …), and the rest.
pub(crate) fn is_mutation(id: &str) -> bool {
    let mut parts = id.split('|');
    let (sequence, change) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
    sequence.len() <= 1 && is_word(sequence) && change.len() >= 2 && is_word(change) && parts.next().is_some()
}

/// The same of an id that is not known to be of a mutation.
pub(crate) fn is_certain_mutation(id: &str) -> bool {
    is_mutation(id) && id.split('|').nth(1).is_some_and(|change| CHANGES.contains(&change))
}
