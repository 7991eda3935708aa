//! [KGX](https://github.com/biolink/kgx/blob/master/specification/kgx-format.md): JSON lines in the Biolink model. The
//! tab-separated form of KGX has no way to say a tab or a line end in a name, so it is not written.
//!
//! A node's category goes by its type ([`biolink`](super::biolink)). Where Biolink has no predicate for a relation it is
//! `biolink:related_to`; the relation's name stays in `original_predicate`.

use std::io::Write;

use ground::by_digits;
use serde_json::{Value, json};

use super::biolink::category;
use super::error::WriteError;
use crate::identifier::curie_of;
use crate::{Graph, Supported};

/// Writes the nodes.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write_nodes(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    for node in graph.nodes()? {
        let node = node?;
        let line = json!({
            "id": curie_of(&node.node_id),
            "category": [category(&node.r#type)],
            "name": node.name,
            "synonym": node.aliases,
            "entity_type": node.r#type,
            "iri": graph.iris.node(&node.node_id).as_str(),
            "n_documents": node.n_documents,
        });
        write_line(&line, output)?;
    }
    Ok(())
}

/// Writes the edges.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write_edges(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    for supported in graph.supported()? {
        let Supported { edge, documents, attributes } = supported?;
        let level = if edge.best_probability.is_some() { "prediction" } else { "not_provided" };
        let mut line = json!({
            "id": edge.edge_id,
            "category": ["biolink:Association"],
            "subject": curie_of(&edge.head),
            "predicate": predicate(&edge.relation),
            "object": curie_of(&edge.tail),
            "original_predicate": edge.relation,
            "knowledge_level": level,
            "agent_type": "text_mining_agent",
            "primary_knowledge_source": "infores:docre",
            "n_documents": edge.n_documents,
            "documents": documents,
        });
        if let (Some(best), Some(combined)) = (edge.best_probability, edge.combined_probability) {
            line["best_probability"] = by_digits(best).into();
            line["combined_probability"] = combined.into();
        }
        if !attributes.is_empty() {
            line["attributes"] = json!(attributes);
        }
        write_line(&line, output)?;
    }
    Ok(())
}

fn write_line(line: &Value, output: &mut impl Write) -> Result<(), WriteError> {
    serde_json::to_writer(&mut *output, line)?;
    Ok(output.write_all(b"\n")?)
}

/// CDR's relation says that a chemical induces a disease, GDA's that a gene goes with one.
fn predicate(relation: &str) -> &'static str {
    match relation {
        "CID" => "biolink:contributes_to",
        "GDA" => "biolink:gene_associated_with_condition",
        _ => "biolink:related_to",
    }
}
