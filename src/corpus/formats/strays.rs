//! Keys that say nothing to docre: left aside, and told once a document.

use super::json::{Field, Stray};
use crate::fault::{Fault, Remark};

/// Names of keys that an example shows.
const SHOWN: usize = 5;

/// Such keys of a document, by where they stand, and which may be meant.
#[derive(Default)]
pub struct Strays<'v>(Vec<(&'static str, Stray<'static, 'v>)>);

impl<'v> Strays<'v> {
    /// Notes an object's keys that are none of these.
    ///
    /// # Errors
    /// A fault where one may be a slip of a weighty name.
    pub fn check(
        &mut self,
        object: &Field<'_, 'v>,
        place: &'static str,
        weighty: &[&'static str],
        others: &[&'static str],
    ) -> Result<(), Fault> {
        object.strays(weighty, others)?.into_iter().for_each(|stray| self.note(place, stray));
        Ok(())
    }

    /// Notes a key.
    pub fn note(&mut self, place: &'static str, stray: Stray<'static, 'v>) {
        if self.0.len() <= SHOWN && !self.0.contains(&(place, stray)) {
            self.0.push((place, stray));
        }
    }

    /// What is said of them.
    pub fn remark(self) -> Option<Remark> {
        let shown = self.0.iter().take(SHOWN).map(|(place, (key, meant))| {
            let meant = meant.map(|name| format!(" (`{name}` may be meant)")).unwrap_or_default();
            format!("`{place}{key}`{meant}")
        });
        let mut example = shown.collect::<Vec<_>>().join(", ");
        if self.0.len() > SHOWN {
            example.push_str(", …");
        }
        let what = "documents with keys that say nothing to docre, left aside";
        (!self.0.is_empty()).then_some(Remark { what, example })
    }
}
