//! A run's tables → one page: a single HTML file that works from disk and loads nothing.
//!
//! A page shows what it finds: what was found, in a sentence; the run's figures with their intervals, how the model
//! learned, precision against recall, figures by relation, by distance and by size, what inference changed, a list of all
//! predictions, every document with its facts, gold against predicted and one run against another, the graph, and the
//! run's lineage. A table that the run lacks is named as missing in its place; what says nothing of documents without
//! labels is left out.
//!
//! The work is shared out between here and the browser. Here, tables are walked once and counted ([`tally`]), and what
//! is to be shown is packed ([`packed`]): an overview, documents in blocks of a few dozen, the graph. In the browser, the
//! scripts under `page/` unpack a block when it is first looked at, and draw. They are ours and written for this page:
//! lines, bars and a small layout are shorter than what would bind a plotting library, of a page's whole size, to them.
//!
//! Text of the data reaches the page's elements by `textContent` alone, and a policy in the page (CSP) forbids it
//! anything but our one script: no name can do harm. Nor can a long one: texts are cut as they are packed, and so is what
//! a document has too much of.
//!
//! This module knows nothing of how relations are found or figures reckoned. Its counts are sets, as
//! those of `metrics`, and reckoned by the same [`ground::counts`].

mod error;
mod predictions;
mod shares;
mod traces;
mod documents;
mod tally;
mod curve;
mod learning;
mod graph;
mod lineage;
mod sources;
mod overview;
mod packed;
mod page;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use ground::observe::{Event, Observer};
use ground::settings::Settings;
use table::{Scratch, Standing, TableError, is_file, write_file};

pub use error::ReportError;
pub use sources::{Given, Sources};

use documents::Shown;

/// How a page is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Documents that it holds at most; figures are of all.
    pub documents: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { documents: 1000 }
    }
}

impl Settings for Options {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Documents that the page holds.
    pub documents: u64,
    /// Documents of the split.
    pub of: u64,
    /// Bytes of the page.
    pub bytes: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { documents, of, bytes } = self;
        write!(f, "{documents} of {of} documents, {:.1} MB", *bytes as f64 / 1e6)
    }
}

/// Writes the page of a run, whole or not at all. Its reader holds the split's first documents, as many as the options
/// say; whatever is counted is counted over all. A page of ours at `out` is replaced; any other file only where `force`
/// is set. The same tables give the same bytes. What of predictions is left out is told.
///
/// # Errors
/// Where a table is missing from its folder, not as its schema says or damaged, or the page cannot be written.
pub fn write(
    sources: &Sources,
    options: &Options,
    out: &Path,
    force: bool,
    observe: Observer<'_>,
) -> Result<Written, ReportError> {
    let force = force || may_replace(out)?;
    let standing = sources.corpus.as_deref().map(Standing::of).transpose()?;
    let mut walked = match &sources.corpus {
        Some(corpus) => {
            let (scratch, shown) = (Scratch::beside(out)?, shown(sources));
            let walked = overview::walk((corpus, shown), options.documents, &scratch, observe);
            Some(match &standing {
                Some(standing) => standing.confirm(walked)?,
                None => walked?,
            })
        }
        None => None,
    };
    if sources.relations.is_some() && sources.corpus.is_none() {
        let told = "the split that the relations are of was not found: `--corpus` names it; no document is shown";
        observe(Event::Note(told.to_owned()));
    }
    let documents = walked.as_mut().map_or_else(Vec::new, |walked| std::mem::take(&mut walked.blocks));
    let written = walked.as_ref().map_or((0, 0), |walked| (walked.listed.len() as u64, walked.tally.documents));
    let mut blocks: Vec<(String, String)> =
        (0..).zip(documents).map(|(number, block): (usize, _)| (format!("documents-{number}"), block)).collect();
    if let Some(folder) = &sources.graph {
        blocks.push(("graph".to_owned(), packed::pack(&graph::graph(folder)?)?));
    }
    let overview = overview::overview(sources, walked)?;
    if overview.outdated {
        observe(Event::Note(
            "the metrics are of other predictions, and are left out: `docre evaluate` makes them anew".into(),
        ));
    }
    blocks.insert(0, ("overview".to_owned(), packed::pack(&overview)?));
    standing.as_ref().map_or(Ok(()), Standing::check)?;
    put(out, force, &blocks)?;
    let bytes = out.metadata().map_or(0, |metadata| metadata.len());
    Ok(Written { documents: written.0, of: written.1, bytes })
}

fn shown(sources: &Sources) -> Shown<'_> {
    Shown {
        relations: sources.relations.as_deref(),
        evidence: sources.evidence.as_deref(),
        sentence_weights: sources.sentence_weights.as_deref(),
        against: sources.against.as_deref(),
        traces: sources.traces.as_deref(),
    }
}

/// Whether a page of ours stands at a path, which is looked at before anything is done.
///
/// # Errors
/// Where something else does that only `force` replaces, or nothing.
fn may_replace(out: &Path) -> Result<bool, TableError> {
    match is_file(out)? {
        true if is_page(out) => Ok(true),
        true => Err(TableError::Stands { path: out.to_path_buf() }),
        false => Ok(false),
    }
}

/// Puts a page where it belongs. One that another process has put there meanwhile is replaced like any other.
fn put(out: &Path, force: bool, blocks: &[(String, String)]) -> Result<(), TableError> {
    let fault = |source| TableError::Io { path: out.to_path_buf(), action: "write", source };
    let put = |force| write_file(out, force, |file| page::write(blocks, file).map_err(fault));
    match put(force) {
        Err(TableError::Stands { .. }) if is_page(out) => put(true),
        done => done,
    }
}

/// Whether a file is a page of ours.
pub fn is_page(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(page::HEAD.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == page::HEAD.as_bytes()
}
