//! The graph's tables → what the page needs to walk from entity to entity.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use table::rows::{EdgeRow, NodeRow, ProvenanceRow};
use table::{Table, TableError, Text, read};

/// Edges that a page holds: a browser still searches and draws among so many.
const EDGES: usize = 50_000;
/// Documents that are named for an edge.
const DOCUMENTS: usize = 5;

/// The nodes and edges of a page: the edges that most documents support, and the nodes at their ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Graph {
    /// Nodes of the whole graph.
    pub n_nodes: u64,
    /// Edges of the whole graph.
    pub n_edges: u64,
    /// Nodes, sorted by their ids.
    pub nodes: Vec<Node>,
    /// Edges; head and tail are places among the nodes.
    pub edges: Vec<Edge>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    id: Text,
    name: Text,
    r#type: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    kb_id: Option<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Text>,
    n_documents: u32,
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edge {
    head: usize,
    tail: usize,
    relation: Text,
    n_documents: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    documents: Vec<Text>,
}

/// Reads `nodes`, `edges` and, where it is there, `provenance`.
///
/// # Errors
/// Where a table is missing or not as its schema says.
pub fn graph(folder: &Path) -> Result<Graph, TableError> {
    let (n_edges, rows) = best_edges(folder)?;
    let ends: BTreeSet<&Text> = rows.iter().flat_map(|row| [&row.head, &row.tail]).collect();
    let (n_nodes, nodes) = nodes_at(folder, &ends)?;
    let places: BTreeMap<&Text, usize> = nodes.iter().map(|node| &node.id).zip(0..).collect();
    let mut documents = documents_of(folder, &rows)?;
    let edge = |row: &EdgeRow| {
        Some(Edge {
            head: *places.get(&row.head)?,
            tail: *places.get(&row.tail)?,
            relation: row.relation.clone(),
            n_documents: row.n_documents,
            probability: row.combined_probability.map(|share| (share * 1e4).round() / 1e4),
            documents: documents.remove(&row.edge_id).unwrap_or_default(),
        })
    };
    let edges = rows.iter().filter_map(edge).collect();
    Ok(Graph { n_nodes, n_edges, nodes, edges })
}

/// How many edges there are, and those that most documents support, in the table's order.
fn best_edges(folder: &Path) -> Result<(u64, Vec<EdgeRow>), TableError> {
    let (mut number, mut kept) = (0, Vec::new());
    for rows in read::<EdgeRow>(folder)? {
        let rows = rows?;
        kept.extend((number..).zip(rows.iter().cloned()));
        number += rows.len() as u64;
        if kept.len() > 2 * EDGES {
            keep_best(&mut kept);
        }
    }
    keep_best(&mut kept);
    kept.sort_by_key(|(place, _)| *place);
    Ok((number, kept.into_iter().map(|(_, row)| row).collect()))
}

fn keep_best(edges: &mut Vec<(u64, EdgeRow)>) {
    edges.sort_by_key(|(place, row)| (std::cmp::Reverse(row.n_documents), *place));
    edges.truncate(EDGES);
}

/// How many nodes there are, and those of these ids.
fn nodes_at(folder: &Path, ids: &BTreeSet<&Text>) -> Result<(u64, Vec<Node>), TableError> {
    let (mut number, mut nodes) = (0, Vec::new());
    for rows in read::<NodeRow>(folder)? {
        let rows = rows?;
        number += rows.len() as u64;
        nodes.extend(rows.into_iter().filter(|row| ids.contains(&row.node_id)).map(Node::from));
    }
    Ok((number, nodes))
}

impl From<NodeRow> for Node {
    fn from(NodeRow { node_id: id, name, r#type, kb_id, aliases, n_documents, .. }: NodeRow) -> Self {
        Self { id, name, r#type, kb_id, aliases, n_documents }
    }
}

/// The first documents behind each edge.
fn documents_of(folder: &Path, edges: &[EdgeRow]) -> Result<BTreeMap<Text, Vec<Text>>, TableError> {
    let mut documents: BTreeMap<Text, Vec<Text>> =
        edges.iter().map(|edge| (edge.edge_id.clone(), Vec::new())).collect();
    let Some(provenance) = Table::<ProvenanceRow>::find(folder)? else { return Ok(documents) };
    for rows in provenance.batches()? {
        for row in rows? {
            let Some(known) = documents.get_mut(&row.edge_id) else { continue };
            if known.len() < DOCUMENTS && known.last() != Some(&row.doc_id) {
                known.push(row.doc_id);
            }
        }
    }
    Ok(documents)
}
