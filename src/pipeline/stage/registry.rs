//! Every kind of stage, by name.

use anyhow::anyhow;

use super::kind::Kind;
use super::{convert, decide, encode, evaluate, fit, graph, query, report, score, split, summarise, synthesize, train};
use crate::ground::suggest::unknown;

/// Every kind.
static KINDS: [Kind; 13] = [
    synthesize::KIND,
    convert::KIND,
    split::KIND,
    encode::KIND,
    train::KIND,
    score::KIND,
    fit::KIND,
    decide::KIND,
    query::KIND,
    evaluate::KIND,
    summarise::KIND,
    graph::KIND,
    report::KIND,
];

/// The kind of this name.
///
/// # Errors
/// Where there is none, with the nearest that there is.
pub fn named(name: &str) -> anyhow::Result<&'static Kind> {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    let kind = KINDS.iter().find(|kind| kind.name == name);
    kind.ok_or_else(|| anyhow!("{}", unknown("kind", name, &names)))
}
