//! Changes of sequences with and without their genes, where mentions are put together by identity: within a document a
//! change without gene is that of the only gene named with it.

use std::collections::HashMap;

use ground::variant::{change_of, says_which};

use super::sets::Sets;

/// The places of a change: one without gene, and one with the only gene or, where there are several, none.
#[derive(Default)]
struct Places<'i> {
    bare: Option<usize>,
    of_gene: Option<(usize, &'i str)>,
    has_several: bool,
}

/// Joins the places of CURIEs that are one change, each with the type by which it is told from others.
pub fn settle<'i>(identities: impl Iterator<Item = (usize, &'i str, &'i str)>, sets: &mut Sets) {
    let mut by_change: HashMap<(&str, &str), Places> = HashMap::new();
    for (place, curie, kind) in identities {
        let Some((change, has_gene)) = change_of(curie) else { continue };
        let places = by_change.entry((change, kind)).or_default();
        if has_gene {
            places.has_several |= places.of_gene.is_some_and(|(_, other)| other != curie);
            places.of_gene = Some((place, curie));
        } else {
            places.bare = Some(place);
        }
    }
    for Places { bare, of_gene, has_several } in by_change.into_values() {
        if let (Some(bare), Some((place, _)), false) = (bare, of_gene, has_several) {
            sets.join(bare, place);
        }
    }
}

/// Whether a CURIE says more of the same change than the one that is known.
pub fn says_more(curie: &str, known: &str) -> bool {
    is_one_change(curie, known) && says_which(curie) && !says_which(known)
}

/// Whether two CURIEs are of one change, of which one may lack the gene.
pub fn is_one_change(one: &str, other: &str) -> bool {
    let (Some((change, has_gene)), Some((same, has_other))) = (change_of(one), change_of(other)) else { return false };
    change == same && !(has_gene && has_other && one != other)
}
