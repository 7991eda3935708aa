//! Which documents of an article can have both ends of a relation. A relation is looked for in these alone: an article of
//! many passages and relations would take the time of their product.

use std::borrow::Cow;
use std::collections::HashMap;

/// What an end of a relation can be found by, as long as it is found in no other way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::formats) enum Key<'k> {
    /// A form of a name.
    Name(Cow<'k, str>),
    /// What docre calls an entity within the document.
    Local(&'k str),
    /// The place of an annotation that has no identity.
    Alone(usize),
}

/// The documents of an article by what is in them.
pub(in crate::formats) struct Reach<'k> {
    n_documents: usize,
    by_key: HashMap<Key<'k>, Vec<usize>>,
}

impl<'k> Reach<'k> {
    /// That of documents with these keys. One alone is asked whatever it has.
    pub(in crate::formats) fn of<K: Iterator<Item = Key<'k>>>(documents: impl ExactSizeIterator<Item = K>) -> Self {
        let (n_documents, mut by_key) = (documents.len(), HashMap::<_, Vec<usize>>::new());
        if n_documents > 1 {
            for (document, keys) in documents.enumerate() {
                for key in keys {
                    let known = by_key.entry(key).or_default();
                    if known.last() != Some(&document) {
                        known.push(document);
                    }
                }
            }
        }
        Self { n_documents, by_key }
    }

    /// The documents that can have something with one of these keys at both ends, ascending.
    pub(in crate::formats) fn both(&self, ends: [&[Key]; 2]) -> Vec<usize> {
        if self.n_documents == 1 {
            return vec![0];
        }
        let n_known = |lists: &Vec<&[usize]>| lists.iter().map(|list| list.len()).sum::<usize>();
        let [heads, tails] = ends.map(|keys| self.lists(keys).collect::<Vec<_>>());
        let (few, many) = if n_known(&heads) <= n_known(&tails) { (heads, tails) } else { (tails, heads) };
        let is_in = |document: &usize| many.iter().any(|list| list.binary_search(document).is_ok());
        ascending(few.into_iter().flatten().copied().filter(is_in))
    }

    /// The documents that can have something with one of these keys, ascending, or the last where none can: it says why.
    pub(in crate::formats) fn either(&self, keys: &[Key]) -> Vec<usize> {
        let found = ascending(self.lists(keys).flatten().copied());
        if found.is_empty() { self.n_documents.checked_sub(1).into_iter().collect() } else { found }
    }

    fn lists<'r>(&'r self, keys: &'r [Key]) -> impl Iterator<Item = &'r [usize]> {
        keys.iter().filter_map(|key| self.by_key.get(key)).map(Vec::as_slice)
    }
}

fn ascending(documents: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut documents: Vec<usize> = documents.collect();
    documents.sort_unstable();
    documents.dedup();
    documents
}
