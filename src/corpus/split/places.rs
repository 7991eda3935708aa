//! Where each document goes that is divided.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::path::{Path, PathBuf};

use ground::excerpt::quoted;
use ground::{identity, whole};
use table::rows::DocumentRow;
use table::{Standing, Table, Text};

use crate::admission::Asked;
use crate::error::CorpusError;

/// Where each document stands and goes, by a hash of the seed and its name.
pub(super) struct Places {
    seed: u64,
    pub of: BTreeMap<[u8; 16], Place>,
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    /// From 0, in the split that is divided.
    pub position: u32,
    /// The new split's place among all; `None`: it is left out.
    pub part: Option<usize>,
}

impl Places {
    pub fn read(source: &Path, standing: &Standing, seed: u64) -> Result<Self, CorpusError> {
        let mut places = Self { seed, of: BTreeMap::new() };
        for batch in Table::<DocumentRow>::require(source)?.of_split(standing).batches()? {
            for row in batch? {
                let place = Place { position: whole(places.of.len()), part: None };
                if places.of.insert(places.key(&row.doc_id), place).is_some() {
                    let reason = format!("expected documents of different names, got {} twice", quoted(&row.doc_id));
                    return Err(CorpusError::Format { path: source.join("documents"), reason });
                }
            }
        }
        Ok(places)
    }

    fn key(&self, document: &Text) -> [u8; 16] {
        identity::key(&[&self.seed.to_le_bytes(), document.as_bytes()].concat())
    }

    pub fn get(&self, document: &Text) -> Option<Place> {
        self.of.get(&self.key(document)).copied()
    }

    /// Deals out so many documents to each part, in the order of their hashes.
    pub fn draw(&mut self, counts: &[usize]) {
        let parts = counts.iter().enumerate().flat_map(|(part, &count)| repeat_n(part, count));
        for (place, part) in self.of.values_mut().zip(parts) {
            place.part = Some(part);
        }
    }

    /// Deals out documents as lists name them, and counts those that none names.
    pub fn list<'l>(&mut self, lists: impl Iterator<Item = &'l PathBuf> + Clone) -> Result<usize, CorpusError> {
        for (part, path) in lists.clone().enumerate() {
            let names = Asked::read(path)?.all_found(|name| self.get(name).is_some())?;
            for name in names {
                let key = self.key(&name);
                let Some(place) = self.of.get_mut(&key) else { continue };
                if let Some(other) = place.part.and_then(|other| lists.clone().nth(other)) {
                    let (name, other) = (quoted(&name), other.display());
                    let reason = format!("expected documents of this list alone, got {name}, which {other} names too");
                    return Err(CorpusError::Format { path: path.clone(), reason });
                }
                place.part = Some(part);
            }
        }
        Ok(self.of.values().filter(|place| place.part.is_none()).count())
    }
}
