//! What a page shows at once, and the walk over a split that counts it and packs the documents.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use ground::counts::{Counts, Verdict};
use ground::curie;
use ground::figure::Figure;
use ground::manifest::Manifest;
use ground::observe::Observer;
use ground::scope::Scope;
use table::rows::{ComparisonRow, MetricRow, PrecisionRecallRow, ReliabilityRow};
use table::{RelationWords, Row, Scratch, Table, TableError, Text, Undirected, relation_words};

use crate::curve::{self, Point};
use crate::documents::{Document, Fact, Shown, Split};
use crate::error::ReportError;
use crate::learning::{self, Learning};
use crate::lineage;
use crate::packed;
use crate::sources::Sources;
use crate::tally::Tally;

/// Documents that are unpacked together: enough to compress well, few enough to unpack in a blink.
const DOCUMENTS_IN_BLOCK: usize = 32;

/// All of a page but documents and graph: what is shown at once.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the page asks of each thing whether it is there")]
pub struct Overview<'s> {
    docre: &'static str,
    name: &'s str,
    split: Option<String>,
    predicted: bool,
    /// What the run is called beside the other, and that one.
    runs: Vec<String>,
    lineage: Option<Manifest>,
    metrics: Vec<Explained>,
    /// Whether the table of figures is of other predictions than these, and is not shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outdated: bool,
    comparisons: Vec<ComparisonRow>,
    learning: Option<Learning>,
    tally: Option<Tally>,
    curve: Vec<Point>,
    /// What the curve's predictions are sorted by.
    curve_by: &'static str,
    precision_recall: Vec<PrecisionRecallRow>,
    reliability: Vec<ReliabilityRow>,
    traced: bool,
    /// Whether the run says of any fact where in the text it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    evidence: bool,
    labels: BTreeMap<Text, Text>,
    /// Relations that hold both ways.
    undirected: Undirected,
    /// Prefixes of knowledge bases, with what the IRIs of their things begin with.
    bases: Vec<(&'static str, &'static str)>,
    documents: Vec<Listed>,
    documents_in_block: usize,
    graph: bool,
}

/// A figure, and what it is of.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    row: MetricRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<&'static str>,
}

/// A document as the list of documents shows it.
#[derive(Serialize)]
pub struct Listed {
    id: Text,
    title: Text,
    correct: usize,
    wrong: usize,
    missed: usize,
    unjudged: usize,
}

impl From<&Document> for Listed {
    fn from(document: &Document) -> Self {
        let count = |verdict| document.facts.iter().filter(|fact| fact.verdict == Some(verdict)).count();
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
pub struct Walked {
    pub tally: Tally,
    pub listed: Vec<Listed>,
    pub blocks: Vec<String>,
    /// Whether any fact shown has predicted evidence, or sentences that the model looked at.
    pub evidence: bool,
    /// What the run and the other are called by their predictions.
    pub runs: [Option<Text>; 2],
}

/// Puts the overview together, of what the walk has counted and the run's tables.
pub fn overview(sources: &Sources, walked: Option<Walked>) -> Result<Overview<'_>, ReportError> {
    let corpus = sources.corpus.as_deref();
    let file_name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let evidence = walked.as_ref().is_some_and(|walked| walked.evidence);
    let runs = walked.as_ref().map_or_else(Vec::new, |walked| sources.runs(&walked.runs));
    let (tally, documents) = walked.map_or_else(|| (None, Vec::new()), |walked| (Some(walked.tally), walked.listed));
    let (margins, curve_by) = tally.as_ref().map_or_else(|| (Vec::new(), "margin"), Tally::margins);
    let gold = tally.as_ref().map_or(0, |tally| tally.facts.counts.gold);
    let metrics: Vec<MetricRow> = rows(sources.metrics.as_deref())?;
    let outdated = tally.as_ref().is_some_and(|tally| !are_of(&metrics, tally)) && sources.relations.is_some();
    let (metrics, comparisons) =
        if outdated { (Vec::new(), Vec::new()) } else { (metrics, rows(sources.comparisons.as_deref())?) };
    let words = |split| relation_words(split, sources.model_relations.as_deref());
    let RelationWords { labels, undirected } = corpus.map(words).transpose()?.unwrap_or_default();
    Ok(Overview {
        docre: env!("CARGO_PKG_VERSION"),
        name: &sources.name,
        split: corpus.and_then(file_name),
        predicted: sources.relations.is_some(),
        runs,
        lineage: sources.lineage.clone().map(lineage::shown),
        metrics: explained(metrics),
        outdated,
        comparisons,
        learning: sources.training_log.as_deref().map(learning::learning).transpose()?,
        tally,
        curve: curve::curve(margins, gold),
        curve_by,
        precision_recall: rows(sources.precision_recall.as_deref())?,
        reliability: rows(sources.reliability.as_deref())?,
        traced: sources.traces.is_some(),
        evidence,
        labels,
        undirected,
        bases: curie::registered().collect(),
        documents,
        documents_in_block: DOCUMENTS_IN_BLOCK,
        graph: sources.graph.is_some(),
    })
}

/// Whether figures are of the predictions that were counted: of as many, as many of which are right.
fn are_of(metrics: &[MetricRow], tally: &Tally) -> bool {
    let name = Figure::F1(Scope::All).names();
    let all = |row: &&MetricRow| (&*row.metric, &*row.scope) == name && row.relation.is_none();
    let Some(row) = metrics.iter().find(all).filter(|_| tally.labelled > 0) else { return true };
    let Counts { true_positives, predicted, gold, .. } = tally.facts.counts;
    [row.true_positives, row.predicted, row.gold] == [true_positives, predicted, gold].map(Some)
}

/// Figures in the order in which a reader looks for them, with what they mean.
fn explained(mut rows: Vec<MetricRow>) -> Vec<Explained> {
    rows.sort_by_key(|row| Figure::place(&row.metric, &row.scope));
    let meaning = |row: &MetricRow| {
        let figure = Figure::named(&row.metric, &row.scope).filter(|_| row.relation.is_none());
        figure.map(Figure::meaning)
    };
    rows.into_iter().map(|row| Explained { meaning: meaning(&row), row }).collect()
}

/// All rows of a small table; none where there is no table.
fn rows<R: Row>(path: Option<&Path>) -> Result<Vec<R>, TableError> {
    let Some(path) = path else { return Ok(Vec::new()) };
    Table::require_at(path)?.all()
}

/// Counts a split and packs its first documents.
pub fn walk(
    (corpus, shown): (&Path, Shown<'_>),
    most: u64,
    scratch: &Scratch,
    observe: Observer<'_>,
) -> Result<Walked, ReportError> {
    let mut split = Split::open(corpus, shown, scratch, observe)?;
    let mut walked = Walked { runs: split.runs(), ..Walked::default() };
    let mut block: Vec<Document> = Vec::new();
    while let Some(document) = split.next()? {
        walked.tally.add(&document);
        if walked.tally.documents > most {
            continue;
        }
        walked.listed.push(Listed::from(&document));
        let is_supported = |fact: &Fact| !(fact.predicted_evidence.is_empty() && fact.looked_at.is_empty());
        walked.evidence |= document.facts.iter().any(is_supported);
        block.push(document.cut());
        if block.len() == DOCUMENTS_IN_BLOCK {
            walked.blocks.push(packed::pack(&block)?);
            block.clear();
        }
    }
    if !block.is_empty() {
        walked.blocks.push(packed::pack(&block)?);
    }
    loop {
        let strays = split.next_strays()?;
        if strays.is_empty() {
            return Ok(walked);
        }
        strays.iter().for_each(|fact| walked.tally.add_stray(fact));
    }
}
