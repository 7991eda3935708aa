//! How the entities of a split are numbered where it came from. An entity none of whose mentions could be read is not in
//! the tables, and those after it have moved up; a submission counts them as the source does.

use std::collections::HashMap;
use std::path::Path;

use table::rows::RejectRow;
use table::{TableError, TableFiles, Text};

/// What stands in `rejects.column` for an entity that was lost, before its place in the source.
pub const LOST_ENTITY: &str = "entity ";

/// What the part of such a row is called.
const ENTITY: &str = "entity";

/// The places, in their source, of the entities that the documents of a split have lost; ascending.
#[derive(Debug, Default)]
pub struct Places(HashMap<Text, Vec<u32>>);

impl Places {
    /// Those of a split.
    ///
    /// # Errors
    /// Where its table `rejects` cannot be read.
    pub fn of(split: &Path) -> Result<Self, TableError> {
        let mut places: HashMap<Text, Vec<u32>> = HashMap::new();
        if TableFiles::find(split, "rejects")?.is_none() {
            return Ok(Self::default());
        }
        for batch in table::read::<RejectRow>(split)? {
            for row in batch?.into_iter().filter(|row| &*row.part == ENTITY) {
                let place = row.column.strip_prefix(LOST_ENTITY).and_then(|place| place.parse().ok());
                if let (Some(name), Some(place)) = (row.name, place) {
                    places.entry(name).or_default().push(place);
                }
            }
        }
        places.values_mut().for_each(|lost| lost.sort_unstable());
        Ok(Self(places))
    }

    /// The place in the source of an entity of the tables.
    pub fn in_source(&self, doc_id: &str, entity: u32) -> u32 {
        let lost = self.0.get(doc_id).map_or(&[][..], Vec::as_slice);
        lost.iter().fold(entity, |place, lost| place.saturating_add(u32::from(*lost <= place)))
    }

    /// The entity of the tables that has a place in the source; `None` where it was lost.
    pub fn in_tables(&self, doc_id: &str, place: u32) -> Option<u32> {
        let lost = self.0.get(doc_id).map_or(&[][..], Vec::as_slice);
        match lost.binary_search(&place) {
            Ok(_) => None,
            Err(before) => Some(place.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_that_were_not_lost_in_order() {
        let places = Places(HashMap::from([("d".into(), vec![0, 2, 3, 7])]));
        let kept = [1, 4, 5, 6, 8, 9];
        for (entity, place) in (0..).zip(kept) {
            assert_eq!(places.in_source("d", entity), place);
            assert_eq!(places.in_tables("d", place), Some(entity));
        }
        assert_eq!(places.in_tables("d", 3), None);
        assert_eq!((places.in_source("other", 3), places.in_tables("other", 3)), (3, Some(3)));
    }
}
