//! The facts of all documents → edges between nodes, each with where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::Path;

use ground::identity::digest;
use table::rows::{DocumentRow, EdgeRow, EvidenceRow, MergeRow, NodeRow, PredictionRow, ProvenanceRow};
use table::sort::{InOrder, Sorted, Sorter, sortable};
use table::{Table, Text, Undirected};

use super::nodes::{Placed, Span};
use super::tables::Tables;
use super::{GraphError, Options, Totals};

sortable! {
    /// A fact under its document; of several with one key, that of the highest probability is the last.
    Fact {
        doc_id: Text,
        head: u32,
        tail: u32,
        relation: Text,
        run_id: Text,
        probability: Option<f32>,
        /// `None`: as the table of evidence says.
        evidence: Option<Vec<u32>>,
        attributes: Vec<Text>,
    }

    /// A sentence that supports what a run claims of a pair, under its document.
    Sentence {
        doc_id: Text,
        run_id: Text,
        head: u32,
        tail: u32,
        sent_id: u32,
    }

    /// How long a document is.
    Length {
        doc_id: Text,
        n_sentences: u32,
    }

    /// A fact under its edge.
    Support {
        head_node: Text,
        relation: Text,
        tail_node: Text,
        doc_id: Text,
        head: u32,
        tail: u32,
        run_id: Text,
        probability: Option<f32>,
        evidence: Vec<u32>,
        head_mentions: Vec<Span>,
        tail_mentions: Vec<Span>,
        attributes: Vec<Text>,
    }

    /// An end of an edge.
    End {
        node_id: Text,
        is_head: bool,
    }
}

/// The facts that pass the filters, under their documents. One of a relation that holds both ways gets one direction, so
/// that it is known again.
pub(super) fn facts(
    predictions: impl Iterator<Item = Result<PredictionRow, GraphError>>,
    run_id: &Text,
    undirected: &Undirected,
    options: &Options,
    folder: &Path,
    totals: &mut Totals,
) -> Result<Sorted<Fact>, GraphError> {
    let mut sorter = Sorter::new(folder.join("facts"))?;
    for row in predictions {
        let row = row?;
        totals.predictions += 1;
        let likely = options.min_probability.is_none_or(|least| row.probability.is_some_and(|found| found >= least));
        let wanted = options.relations.is_empty() || options.relations.iter().any(|name| **name == *row.relation);
        if !(likely && wanted) {
            totals.filtered += 1;
            continue;
        }
        let turned = row.head > row.tail && undirected.contains(&row.relation);
        let (head, tail) = if turned { (row.tail, row.head) } else { (row.head, row.tail) };
        sorter.push(&Fact {
            doc_id: row.doc_id,
            head,
            tail,
            relation: row.relation,
            run_id: row.run_id.unwrap_or_else(|| run_id.clone()),
            probability: row.probability,
            evidence: row.evidence,
            attributes: row.attributes.unwrap_or_default(),
        })?;
    }
    Ok(sorter.finish()?)
}

/// The sentences of a table of evidence, under their documents; none where there is no such table.
pub(super) fn sentences(evidence: Option<&Path>, folder: &Path) -> Result<Sorted<Sentence>, GraphError> {
    let mut sorter = Sorter::new(folder.join("sentences"))?;
    let rows = evidence.map(|path| Table::<EvidenceRow>::require_at(path)?.rows()).transpose()?;
    for row in rows.into_iter().flatten() {
        let EvidenceRow { doc_id, run_id, head, tail, sent_id, .. } = row?;
        sorter.push(&Sentence { doc_id, run_id, head, tail, sent_id })?;
    }
    Ok(sorter.finish()?)
}

/// How many sentences each document has, in the order of their names.
pub(super) fn lengths(split: &Path, folder: &Path) -> Result<Sorted<Length>, GraphError> {
    let mut sorter = Sorter::new(folder.join("lengths"))?;
    for row in Table::<DocumentRow>::require(split)?.rows()? {
        let DocumentRow { doc_id, n_sentences, .. } = row?;
        sorter.push(&Length { doc_id, n_sentences })?;
    }
    Ok(sorter.finish()?)
}

/// Facts under their edges.
pub(super) enum Supports {
    Of(Sorted<Support>),
    /// All facts are about other documents than those of the split, such as this.
    Elsewhere(Text),
}

/// Goes through the documents: writes where each entity went, and puts each fact under its edge.
pub(super) fn supports(
    (placed, lengths): (&Sorted<Placed>, &Sorted<Length>),
    (facts, sentences): (&Sorted<Fact>, &Sorted<Sentence>),
    undirected: &Undirected,
    folder: &Path,
    tables: &Tables<'_>,
    totals: &mut Totals,
) -> Result<Supports, GraphError> {
    let mut sorter = Sorter::new(folder.join("supports"))?;
    let mut merges = tables.writer::<MergeRow>()?;
    let (mut placed, mut lengths) = (placed.read()?, lengths.read()?);
    let (mut facts, mut sentences) = (facts.read()?, sentences.read()?);
    let (mut named, mut stray) = (false, None);
    while let Some(entities) = next_document(&mut placed)? {
        // A document stands here by its entities: it has one at least.
        let Some(doc_id) = entities.first().map(|entity| entity.doc_id.clone()) else { continue };
        while let Some(fact) = next_fact(&mut facts, |fact| fact.doc_id < doc_id, totals)? {
            totals.strays += 1;
            stray.get_or_insert(fact.doc_id);
        }
        let evidence = Evidence::of(&doc_id, &mut sentences)?;
        while lengths.next_if(|length| length.doc_id < doc_id)?.is_some() {}
        let n_sentences = lengths.next_if(|length| length.doc_id == doc_id)?.map_or(0, |length| length.n_sentences);
        while let Some(fact) = next_fact(&mut facts, |fact| fact.doc_id == doc_id, totals)? {
            named = true;
            let mut fact = evidence.supporting(fact, undirected);
            totals.stray_evidence += fact.leave_out_from(n_sentences);
            put(fact, &entities, undirected, &mut sorter, totals)?;
        }
        totals.documents += 1;
        for Placed { doc_id, entity_id, node_id, rule, .. } in entities.into_iter().filter(|entity| entity.kept) {
            merges.push(MergeRow { doc_id, entity_id, node_id, merged_by: rule })?;
        }
    }
    while let Some(fact) = next_fact(&mut facts, |_| true, totals)? {
        totals.strays += 1;
        stray.get_or_insert(fact.doc_id);
    }
    let supports = match (named, stray) {
        (false, Some(document)) => Supports::Elsewhere(document),
        _ => Supports::Of(sorter.finish()?),
    };
    merges.finish()?;
    Ok(supports)
}

/// The entities of the next document, in order.
fn next_document(placed: &mut InOrder<Placed>) -> Result<Option<Vec<Placed>>, GraphError> {
    let Some(first) = placed.next().transpose()? else { return Ok(None) };
    let doc_id = first.doc_id.clone();
    let mut entities = vec![first];
    while let Some(entity) = placed.next_if(|entity| entity.doc_id == doc_id)? {
        entities.push(entity);
    }
    Ok(Some(entities))
}

/// The sentences that support a document's pairs, run by run.
struct Evidence(BTreeMap<(Text, u32, u32), BTreeSet<u32>>);

impl Evidence {
    /// That of a document, once those before it were passed.
    fn of(doc_id: &Text, sentences: &mut InOrder<Sentence>) -> Result<Self, GraphError> {
        while sentences.next_if(|row| row.doc_id < *doc_id)?.is_some() {}
        let mut found: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
        while let Some(Sentence { run_id, head, tail, sent_id, .. }) = sentences.next_if(|row| row.doc_id == *doc_id)? {
            found.entry((run_id, head, tail)).or_default().insert(sent_id);
        }
        Ok(Self(found))
    }

    /// A fact with its evidence. One that holds both ways may have been claimed in either direction.
    fn supporting(&self, fact: Fact, undirected: &Undirected) -> Fact {
        if fact.evidence.is_some() {
            return fact;
        }
        let back = undirected.contains(&fact.relation).then_some((fact.tail, fact.head));
        let of = |(head, tail)| self.0.get(&(fact.run_id.clone(), head, tail));
        let pairs = [(fact.head, fact.tail)].into_iter().chain(back);
        let found: BTreeSet<u32> = pairs.filter_map(of).flatten().copied().collect();
        Fact { evidence: Some(found.into_iter().collect()), ..fact }
    }
}

impl Fact {
    /// Leaves out evidence in sentences from a number on, and says how much.
    fn leave_out_from(&mut self, n_sentences: u32) -> u64 {
        let Some(evidence) = &mut self.evidence else { return 0 };
        let before = evidence.len();
        evidence.retain(|sentence| *sentence < n_sentences);
        (before - evidence.len()) as u64
    }

    /// This one, with what another of its key says beside it.
    fn with(mut self, other: Self) -> Self {
        self.evidence = match (self.evidence, other.evidence) {
            (Some(one), Some(other)) => {
                Some(one.into_iter().chain(other).collect::<BTreeSet<_>>().into_iter().collect())
            }
            (one, other) => one.or(other),
        };
        let new = other.attributes.into_iter().filter(|attribute| !self.attributes.contains(attribute));
        let new: Vec<Text> = new.collect();
        self.attributes.extend(new);
        self
    }
}

/// The next fact, once, where it is wanted.
fn next_fact(
    facts: &mut InOrder<Fact>,
    is_wanted: impl Fn(&Fact) -> bool,
    totals: &mut Totals,
) -> Result<Option<Fact>, GraphError> {
    let Some(mut fact) = facts.next_if(is_wanted)? else { return Ok(None) };
    let key = |fact: &Fact| (fact.doc_id.clone(), fact.head, fact.tail, fact.relation.clone(), fact.run_id.clone());
    while let Some(likelier) = facts.next_if(|next| key(next) == key(&fact))? {
        totals.repeated += 1;
        fact = likelier.with(fact);
    }
    Ok(Some(fact))
}

/// Puts a fact under its edge.
fn put(
    fact: Fact,
    entities: &[Placed],
    undirected: &Undirected,
    sorter: &mut Sorter<Support>,
    totals: &mut Totals,
) -> Result<(), GraphError> {
    let find = |id: u32| entities.binary_search_by_key(&id, |entity| entity.entity_id).ok();
    let entity = |id: u32| find(id).and_then(|place| entities.get(place));
    let (Some(mut head), Some(mut tail)) = (entity(fact.head), entity(fact.tail)) else {
        totals.strays += 1;
        return Ok(());
    };
    if fact.head == fact.tail {
        totals.of_itself += 1;
        return Ok(());
    }
    if !(head.kept && tail.kept) {
        totals.filtered += 1;
        return Ok(());
    }
    // Documents count their entities each in its own way, so a direction for all of them goes by the nodes.
    if head.node_id > tail.node_id && undirected.contains(&fact.relation) {
        mem::swap(&mut head, &mut tail);
    }
    Ok(sorter.push(&Support {
        head_node: head.node_id.clone(),
        relation: fact.relation,
        tail_node: tail.node_id.clone(),
        doc_id: fact.doc_id,
        head: head.entity_id,
        tail: tail.entity_id,
        run_id: fact.run_id,
        probability: fact.probability,
        evidence: fact.evidence.unwrap_or_default(),
        head_mentions: head.mentions.clone(),
        tail_mentions: tail.mentions.clone(),
        attributes: fact.attributes,
    })?)
}

/// Writes the edges and their provenance; what comes out is their ends.
pub(super) fn edges(
    supports: &Sorted<Support>,
    labels: &BTreeMap<Text, Text>,
    options: &Options,
    folder: &Path,
    tables: &Tables<'_>,
    totals: &mut Totals,
) -> Result<Sorted<End>, GraphError> {
    let mut ends = Sorter::new(folder.join("ends"))?;
    let mut edges = tables.writer::<EdgeRow>()?;
    let mut provenance = tables.writer::<ProvenanceRow>()?;
    let (mut all, mut again) = (supports.read()?, supports.read()?);
    while let Some(mut edge) = next_edge(&mut all)? {
        let mut behind = again.by_ref().take(edge.n_facts as usize);
        if edge.n_documents < options.min_support {
            totals.filtered += u64::from(edge.n_facts);
            behind.try_for_each(|support| support.map(drop))?;
            continue;
        }
        for support in behind {
            provenance.push(provenance_row(support?, &edge.edge_id))?;
        }
        ends.push(&End { node_id: edge.head.clone(), is_head: true })?;
        ends.push(&End { node_id: edge.tail.clone(), is_head: false })?;
        totals.edges += 1;
        totals.facts += u64::from(edge.n_facts);
        edge.label = labels.get(&edge.relation).cloned();
        edges.push(edge)?;
    }
    edges.finish()?;
    provenance.finish()?;
    Ok(ends.finish()?)
}

/// Puts together the next edge of its facts.
fn next_edge(supports: &mut InOrder<Support>) -> Result<Option<EdgeRow>, GraphError> {
    let Some(first) = supports.next().transpose()? else { return Ok(None) };
    let (head, relation, tail) = (first.head_node.clone(), first.relation.clone(), first.tail_node.clone());
    let mut probability = Probability::default();
    let (mut n_documents, mut n_facts, mut last_document) = (0, 0, None);
    let mut next = Some(first);
    while let Some(support) = next {
        if last_document.as_ref() != Some(&support.doc_id) {
            n_documents += 1;
            probability.end_document();
        }
        probability.add(support.probability);
        n_facts += 1;
        last_document = Some(support.doc_id);
        next =
            supports.next_if(|next| (&next.head_node, &next.relation, &next.tail_node) == (&head, &relation, &tail))?;
    }
    probability.end_document();
    Ok(Some(EdgeRow {
        edge_id: edge_id(&head, &relation, &tail),
        head,
        relation,
        tail,
        label: None,
        n_documents,
        n_facts,
        best_probability: probability.best,
        combined_probability: probability.best.map(|_| probability.any),
    }))
}

/// The probability of an edge, from its facts by document.
#[derive(Default)]
struct Probability {
    /// The highest of all.
    best: Option<f32>,
    /// The highest of the document.
    in_document: Option<f32>,
    /// That any document before is right: 1 − the product of (1 − its highest).
    any: f64,
}

impl Probability {
    fn add(&mut self, probability: Option<f32>) {
        let higher = |old: Option<f32>| probability.into_iter().chain(old).max_by(f32::total_cmp);
        self.in_document = higher(self.in_document);
        self.best = higher(self.best);
    }

    fn end_document(&mut self) {
        // What is added is what the others leave: of small ones nothing is lost.
        self.any += (1.0 - self.any) * f64::from(self.in_document.take().unwrap_or_default());
    }
}

/// Begins with a letter, as some formats want it. The parts hold no line end but the relation may, so it comes last.
fn edge_id(head: &str, relation: &str, tail: &str) -> Text {
    format!("e{}", digest(format!("{head}\n{tail}\n{relation}").as_bytes())).into()
}

fn provenance_row(support: Support, edge_id: &Text) -> ProvenanceRow {
    let spans = |mentions: Vec<Span>| {
        mentions.into_iter().map(|span| vec![span.sent_id, span.token_start, span.token_end]).collect()
    };
    ProvenanceRow {
        edge_id: edge_id.clone(),
        run_id: support.run_id,
        doc_id: support.doc_id,
        head: support.head,
        tail: support.tail,
        probability: support.probability,
        evidence: support.evidence,
        head_mentions: spans(support.head_mentions),
        tail_mentions: spans(support.tail_mentions),
        attributes: support.attributes,
    }
}

/// Writes the nodes with the number of their edges; where it is asked for, only those that have any.
pub(super) fn with_degrees(
    folder: &Path,
    ends: &Sorted<End>,
    options: &Options,
    tables: &Tables<'_>,
    totals: &mut Totals,
) -> Result<(), GraphError> {
    let mut writer = tables.writer::<NodeRow>()?;
    let mut ends = ends.read()?;
    for node in Table::<NodeRow>::require(folder)?.rows()? {
        let mut node = node?;
        while let Some(end) = ends.next_if(|end| end.node_id == node.node_id)? {
            *if end.is_head { &mut node.n_out } else { &mut node.n_in } += 1;
        }
        if node.n_out + node.n_in > 0 || !options.connected {
            totals.nodes += 1;
            writer.push(node)?;
        }
    }
    writer.finish()
}
