//! Documents that are too large to be scored: told, and left out, so that a long run does not end at one of them.

use std::path::Path;

use ground::observe::Event;
use model::Model;
use model::example::Example;
pub use model::large::TooLarge;
use model::large::{Bound, SHOWN};
use model::predict::USUAL_BYTES;
use table::rows::{ClaimRow, ScoreRow, SentenceWeightRow, TraceRow};
use table::{Row, TableError};

/// What bounds a document's pairs, and what becomes of one that has more.
const SET_BY: &str = "`--most-pairs`, `most_pairs` in a pipeline";
const FATE: &str = "it is not scored";

/// Between a table's fingerprint and how many documents it lacks.
const LACKS: &str = " without ";

/// The fingerprint of a table that lacks so many documents.
pub(crate) fn marked(fingerprint: String, lacks: u64) -> String {
    if lacks > 0 { format!("{fingerprint}{LACKS}{lacks}") } else { fingerprint }
}

/// How many documents the scores in `out` lack, where they and what was made beside them are those of this fingerprint.
pub(crate) fn lacks(out: &Path, fingerprint: &str, tells_evidence: bool) -> Result<Option<u64>, TableError> {
    let lacks = table_lacks::<ScoreRow>(out, fingerprint)?;
    let is_beside = lacks.is_some()
        && table_lacks::<TraceRow>(out, fingerprint)? == lacks
        && table_lacks::<ClaimRow>(out, fingerprint)? == lacks
        && (!tells_evidence || table_lacks::<SentenceWeightRow>(out, fingerprint)? == lacks);
    Ok(lacks.filter(|_| is_beside))
}

/// The same of one table.
pub(crate) fn table_lacks<R: Row>(out: &Path, fingerprint: &str) -> Result<Option<u64>, TableError> {
    let found = table::fingerprint(out, &R::schema().name)?;
    let rest = found.as_deref().and_then(|found| found.strip_prefix(fingerprint));
    Ok(rest.and_then(|rest| if rest.is_empty() { Some(0) } else { rest.strip_prefix(LACKS)?.parse().ok() }))
}

/// What is said of one.
pub fn not_scored(document: &TooLarge) -> String {
    document.told(SET_BY, FATE)
}

/// What is said of documents that are too large, where so many were before them: the first few are named.
pub(crate) fn named(too_large: &[TooLarge], before: u64) -> impl Iterator<Item = Event> + '_ {
    let named = (before..SHOWN as u64).zip(too_large);
    named.map(|(_, document)| Event::Warning(not_scored(document)))
}

/// What is said of so many documents that a table lacks.
pub(crate) fn lacking(documents: u64) -> Option<Event> {
    let told = || Event::Warning(format!("{documents} documents are too large and were not scored"));
    (documents > 0).then(told)
}

/// Takes out the documents that are too large for a model.
pub(crate) fn take_out(
    model: &dyn Model,
    examples: Vec<Example>,
    most_pairs: Option<u64>,
) -> (Vec<Example>, Vec<TooLarge>) {
    let bound = Bound::of(most_pairs, USUAL_BYTES);
    let (mut kept, mut too_large) = (Vec::with_capacity(examples.len()), Vec::new());
    for example in examples {
        let need = model.need(&example);
        match bound.share(need) {
            None => kept.push(example),
            Some(_) => too_large.push(TooLarge { document: example.doc_id, need, bound }),
        }
    }
    (kept, too_large)
}

#[cfg(test)]
mod tests {
    use model::Need;

    use super::*;

    #[test]
    fn the_first_documents_are_named() {
        let need = Need { pairs: 90, bytes: 1 << 20 };
        let document = |place: u64| TooLarge { document: place.to_string().into(), need, bound: Bound::Pairs(89) };
        let documents: Vec<TooLarge> = (0..7).map(document).collect();
        for (before, n_named) in [(0, 7), (3, 7), (7, 3), (10, 0), (70, 0)] {
            assert_eq!(named(&documents, before).count(), n_named, "{before}");
        }
    }
}
