//! CSV for [`neo4j-admin database import`](https://neo4j.com/docs/operations-manual/current/import/): headers with
//! types, RFC 4180 quoting, and lists whose items are separated by U+001F, which no name has.
//!
//! It is loaded with `--multiline-fields=true --array-delimiter=U+001F --legacy-style-quoting=false`. A control
//! character U+001F in a name becomes U+FFFD.

use std::io::Write;

use csv::{QuoteStyle, Writer, WriterBuilder};

use table::Text;

use super::error::WriteError;
use crate::Graph;

/// Separates the items of a list.
const SEPARATOR: &str = "\u{1f}";

/// Writes the nodes; their labels are their types.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write_nodes(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    let mut csv = writer(output);
    csv.write_record(["node_id:ID", ":LABEL", "name", "kb_id", "iri", "aliases:string[]", "n_documents:long"])?;
    for node in graph.nodes()? {
        let node = node?;
        let iri = graph.iris.node(&node.node_id);
        csv.write_record([
            &*node.node_id,
            &single(&node.r#type),
            &single(&node.name),
            node.kb_id.as_deref().unwrap_or_default(),
            iri.as_str(),
            &list(&node.aliases),
            &node.n_documents.to_string(),
        ])?;
    }
    Ok(csv.flush()?)
}

/// Writes the edges; their types are their relations.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write_relationships(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    let mut csv = writer(output);
    csv.write_record([
        ":START_ID",
        ":TYPE",
        ":END_ID",
        "edge_id",
        "label",
        "n_documents:long",
        "best_probability:double",
        "combined_probability:double",
        "documents:string[]",
        "attributes:string[]",
    ])?;
    for supported in graph.supported()? {
        let supported = supported?;
        let edge = &supported.edge;
        csv.write_record([
            &*edge.head,
            &*edge.relation,
            &*edge.tail,
            &*edge.edge_id,
            edge.label.as_deref().unwrap_or_default(),
            &edge.n_documents.to_string(),
            &edge.best_probability.map(|found| found.to_string()).unwrap_or_default(),
            &edge.combined_probability.map(|found| found.to_string()).unwrap_or_default(),
            &list(&supported.documents),
            &list(&supported.attributes),
        ])?;
    }
    Ok(csv.flush()?)
}

fn writer<W: Write>(output: W) -> Writer<W> {
    WriterBuilder::new().quote_style(QuoteStyle::Necessary).from_writer(output)
}

fn list(items: &[Text]) -> String {
    items.iter().map(|item| single(item)).collect::<Vec<_>>().join(SEPARATOR)
}

/// A text that is no list.
fn single(text: &str) -> String {
    text.replace(SEPARATOR, "\u{fffd}")
}
