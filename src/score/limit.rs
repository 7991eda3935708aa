//! Documents that are too large to be scored: told, and left out, so that a long run does not end at one of them.

use std::fmt;
use std::path::Path;

use model::example::Example;
use model::{Model, Need};
use table::Text;

/// Bytes that a model may hold of a document's pairs, unless the pairs are bounded by number.
pub const USUAL_BYTES: u64 = 3 << 30;

/// A document that was not scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    /// Its name.
    pub document: Text,
    /// What it takes.
    pub need: Need,
    /// Pairs at most; `None`: as many as [`USUAL_BYTES`] hold.
    pub most_pairs: Option<u64>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { document, need: Need { pairs, bytes }, most_pairs } = self;
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let most = match most_pairs {
            Some(most) => format!("expected at most {most} pairs"),
            None => format!("expected pairs that take at most {:.0} GiB", gib(USUAL_BYTES)),
        };
        let got = format!("got {pairs}, which take about {:.1} GiB", gib(*bytes));
        write!(f, "document `{document}`: {most} (`--most-pairs`, `most_pairs` in a pipeline), {got}; it is not scored")
    }
}

/// Between a table's fingerprint and how many documents it lacks.
const LACKS: &str = " without ";

/// The fingerprint of a table that lacks so many documents.
pub(crate) fn marked(fingerprint: Option<String>, lacks: u64) -> String {
    match fingerprint {
        Some(fingerprint) if lacks > 0 => format!("{fingerprint}{LACKS}{lacks}"),
        fingerprint => fingerprint.unwrap_or_default(),
    }
}

/// How many documents the table in `out` lacks, where it is the one of this fingerprint.
pub(crate) fn lacks(out: &Path, fingerprint: Option<&str>) -> Option<u64> {
    let found = table::fingerprint(out, "relations")?;
    match found.strip_prefix(fingerprint?)? {
        "" => Some(0),
        rest => rest.strip_prefix(LACKS)?.parse().ok(),
    }
}

/// What a run says of documents that it leaves out.
pub fn lacking(documents: u64) -> Option<String> {
    (documents > 0).then(|| format!("warning: {documents} documents are too large and were not scored"))
}

/// Takes out the documents that are too large for a model.
pub(crate) fn take_out(
    model: &dyn Model,
    examples: Vec<Example>,
    most_pairs: Option<u64>,
) -> (Vec<Example>, Vec<TooLarge>) {
    let (mut kept, mut too_large) = (Vec::with_capacity(examples.len()), Vec::new());
    for example in examples {
        let need = model.need(&example);
        if most_pairs.map_or(need.bytes <= USUAL_BYTES, |most| need.pairs <= most) {
            kept.push(example);
        } else {
            too_large.push(TooLarge { document: example.doc_id, need, most_pairs });
        }
    }
    (kept, too_large)
}
