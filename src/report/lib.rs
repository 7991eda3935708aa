//! A run's tables → one page: a single HTML file that works from disk and loads nothing.
//!
//! A page shows what it finds: the run's lineage, its figures with their intervals, how the model learned, precision
//! against recall, figures by relation, by distance and by size, what inference changed, every document with its facts,
//! gold against predicted, and the graph. A table that the run lacks is named as missing in its place.
//!
//! The work is shared out between here and the browser. Here, tables are walked once and counted ([`tally`]), and what
//! is to be shown is packed ([`block`]): an overview, documents in blocks of a few dozen, the graph. In the browser, the
//! scripts under `page/` unpack a block when it is first looked at, and draw. They are ours and written for this page:
//! lines, bars and a small layout are shorter than what would bind a plotting library, of a page's whole size, to them.
//!
//! Text of the data reaches the page's elements by `textContent` alone, and a policy in the page (CSP) forbids it
//! anything but our one script: no name can do harm.
//!
//! This module knows nothing of how relations are found or figures reckoned. Its counts are sets, as those of `metrics`.

mod block;
mod curve;
mod documents;
mod error;
mod graph;
mod learning;
mod lineage;
mod page;
mod predictions;
mod sources;
mod spacing;
mod tally;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use table::rows::{ComparisonRow, MetricRow};
use table::{Row, TableError, Text, read_at, write_file};

pub use error::ReportError;
pub use sources::Sources;

use curve::Point;
use documents::{Document, Split, Verdict};
use learning::Learning;
use lineage::Lineage;
use tally::Tally;

/// Documents that a page holds unless it is told otherwise.
pub const USUAL_DOCUMENTS: u64 = 1000;
/// Documents that are unpacked together: enough to compress well, few enough to unpack in a blink.
const DOCUMENTS_IN_BLOCK: usize = 32;

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

/// All of a page but documents and graph: what is shown at once.
#[derive(Serialize)]
struct Overview<'s> {
    docre: &'static str,
    name: &'s str,
    split: Option<String>,
    predicted: bool,
    lineage: Option<Lineage>,
    metrics: Vec<MetricRow>,
    comparisons: Vec<ComparisonRow>,
    learning: Option<Learning>,
    tally: Option<Tally>,
    curve: Vec<Point>,
    labels: BTreeMap<Text, Text>,
    documents: Vec<Listed>,
    documents_in_block: usize,
    graph: bool,
}

/// A document as the list of documents shows it.
#[derive(Serialize)]
struct Listed {
    id: Text,
    title: Text,
    correct: usize,
    wrong: usize,
    missed: usize,
    unjudged: usize,
}

impl From<&Document> for Listed {
    fn from(document: &Document) -> Self {
        let count = |verdict| document.facts.iter().filter(|fact| fact.verdict == verdict).count();
        Self {
            id: document.id.clone(),
            title: document.title.clone(),
            correct: count(Verdict::Correct),
            wrong: count(Verdict::Wrong),
            missed: count(Verdict::Missed),
            unjudged: count(Verdict::Unjudged),
        }
    }
}

/// A split, walked.
#[derive(Default)]
struct Walked {
    tally: Tally,
    listed: Vec<Listed>,
    blocks: Vec<String>,
}

/// Writes the page of a run, whole or not at all. Its reader holds the split's first documents, `most` of them; whatever
/// is counted is counted over all. A page of ours at `out` is replaced; any other file only where `force` is set. The
/// same tables give the same bytes.
///
/// # Errors
/// Where a table is missing from its folder, not as its schema says or damaged, or the page cannot be written.
pub fn write(sources: &Sources, most: u64, out: &Path, force: bool) -> Result<Written, ReportError> {
    let walked = match &sources.corpus {
        Some(corpus) => {
            let scratch = scratch(out)?;
            let walked = walk(corpus, sources.relations.as_deref(), most, &scratch);
            // What is sorted removes itself, but where sorting fails.
            let _ = fs::remove_dir_all(&scratch);
            Some(walked?)
        }
        None => None,
    };
    let (tally, documents, blocks) = walked.map_or_else(
        || (None, Vec::new(), Vec::new()),
        |Walked { tally, listed, blocks }| (Some(tally), listed, blocks),
    );
    let written = (documents.len() as u64, tally.as_ref().map_or(0, |tally| tally.documents));
    let mut blocks: Vec<(String, String)> =
        (0..).zip(blocks).map(|(number, block): (usize, _)| (format!("documents-{number}"), block)).collect();
    if let Some(folder) = &sources.graph {
        blocks.push(("graph".to_owned(), block::pack(&graph::graph(folder)?)?));
    }
    blocks.insert(0, ("overview".to_owned(), block::pack(&overview(sources, tally, documents)?)?));
    write_file::<ReportError>(out, force || is_page(out), |file| Ok(page::write(&blocks, file)?))?;
    let bytes = out.metadata().map_or(0, |metadata| metadata.len());
    Ok(Written { documents: written.0, of: written.1, bytes })
}

/// Whether a page of ours stands at a path.
fn is_page(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(page::HEAD.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == page::HEAD.as_bytes()
}

fn overview(sources: &Sources, tally: Option<Tally>, documents: Vec<Listed>) -> Result<Overview<'_>, ReportError> {
    let counted = tally.as_ref().map(|tally| (tally.margins.clone(), tally.facts.gold));
    let file_name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(Overview {
        docre: env!("CARGO_PKG_VERSION"),
        name: &sources.name,
        split: sources.corpus.as_deref().and_then(file_name),
        predicted: sources.relations.is_some(),
        lineage: sources.manifest.as_deref().map(Lineage::read).transpose()?,
        metrics: rows(sources.metrics.as_deref())?,
        comparisons: rows(sources.comparisons.as_deref())?,
        learning: sources.training_log.as_deref().map(learning::learning).transpose()?,
        tally,
        curve: counted.map_or_else(Vec::new, |(margins, gold)| curve::curve(margins, gold)),
        labels: sources.corpus.as_deref().map(documents::labels).transpose()?.unwrap_or_default(),
        documents,
        documents_in_block: DOCUMENTS_IN_BLOCK,
        graph: sources.graph.is_some(),
    })
}

/// All rows of a small table; none where there is no table.
fn rows<R: Row>(path: Option<&Path>) -> Result<Vec<R>, TableError> {
    let Some(path) = path else { return Ok(Vec::new()) };
    Ok(read_at(path)?.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// A new hidden folder beside the page, for what is sorted on disk; two processes do not share one.
fn scratch(out: &Path) -> Result<PathBuf, TableError> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let scratch = out.with_file_name(format!(".{name}.{}.sorted", std::process::id()));
    match fs::create_dir(&scratch) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(TableError::Io { path: out.to_path_buf(), action: "create the file", source })
        }
        _ => Ok(scratch),
    }
}

/// Counts a split and packs its first documents.
fn walk(corpus: &Path, relations: Option<&Path>, most: u64, scratch: &Path) -> Result<Walked, ReportError> {
    let mut split = Split::open(corpus, relations, scratch.to_path_buf())?;
    let mut walked = Walked::default();
    let mut block: Vec<Document> = Vec::new();
    while let Some(document) = split.next()? {
        walked.tally.add(&document);
        if walked.tally.documents > most {
            continue;
        }
        walked.listed.push(Listed::from(&document));
        block.push(document);
        if block.len() == DOCUMENTS_IN_BLOCK {
            walked.blocks.push(block::pack(&block)?);
            block.clear();
        }
    }
    if !block.is_empty() {
        walked.blocks.push(block::pack(&block)?);
    }
    loop {
        let strays = split.next_strays()?;
        if strays.is_empty() {
            return Ok(walked);
        }
        strays.iter().for_each(|fact| walked.tally.add_stray(fact));
    }
}
