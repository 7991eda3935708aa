//! [GraphML](http://graphml.graphdrawing.org/specification.html): a directed graph with parallel edges. Lists stand as
//! JSON in a text.
//!
//! XML 1.0 has no way to say most control characters; they become U+FFFD, and tab and line ends stay what they are.

use std::io::Write;

use table::rows::NodeRow;

use super::error::WriteError;
use crate::{Graph, Supported};

/// What nodes and edges bear: an element, a name and a type.
const KEYS: [(&str, &str, &str); 13] = [
    ("node", "name", "string"),
    ("node", "type", "string"),
    ("node", "kb_id", "string"),
    ("node", "iri", "string"),
    ("node", "aliases", "string"),
    ("node", "n_documents", "long"),
    ("edge", "relation", "string"),
    ("edge", "label", "string"),
    ("edge", "n_documents", "long"),
    ("edge", "best_probability", "double"),
    ("edge", "combined_probability", "double"),
    ("edge", "documents", "string"),
    ("edge", "attributes", "string"),
];

/// Writes the graph.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    writeln!(output, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(output, r#"<graphml xmlns="http://graphml.graphdrawing.org/xmlns">"#)?;
    for (element, name, kind) in KEYS {
        writeln!(output, r#"<key id="{element}-{name}" for="{element}" attr.name="{name}" attr.type="{kind}"/>"#)?;
    }
    writeln!(output, r#"<graph edgedefault="directed">"#)?;
    for node in graph.nodes()? {
        write_node(graph, &node?, output)?;
    }
    for edge in graph.supported()? {
        write_edge(&edge?, output)?;
    }
    writeln!(output, "</graph>\n</graphml>")?;
    Ok(())
}

fn write_node(graph: &Graph, node: &NodeRow, output: &mut impl Write) -> Result<(), WriteError> {
    write!(output, r#"<node id="{}">"#, escaped(&node.node_id))?;
    let mut item = |name, text: &str| write_item("node", name, text, output);
    item("name", &node.name)?;
    item("type", &node.r#type)?;
    if let Some(kb_id) = &node.kb_id {
        item("kb_id", kb_id)?;
    }
    item("iri", graph.iris.node(&node.node_id).as_str())?;
    item("aliases", &serde_json::to_string(&node.aliases)?)?;
    item("n_documents", &node.n_documents.to_string())?;
    writeln!(output, "</node>")?;
    Ok(())
}

fn write_edge(supported: &Supported, output: &mut impl Write) -> Result<(), WriteError> {
    let Supported { edge, documents, attributes } = supported;
    let (head, tail) = (escaped(&edge.head), escaped(&edge.tail));
    write!(output, r#"<edge id="{}" source="{head}" target="{tail}">"#, edge.edge_id)?;
    let mut item = |name, text: &str| write_item("edge", name, text, output);
    item("relation", &edge.relation)?;
    if let Some(label) = &edge.label {
        item("label", label)?;
    }
    item("n_documents", &edge.n_documents.to_string())?;
    if let Some(probability) = edge.best_probability {
        item("best_probability", &probability.to_string())?;
    }
    if let Some(probability) = edge.combined_probability {
        item("combined_probability", &probability.to_string())?;
    }
    item("documents", &serde_json::to_string(documents)?)?;
    if !attributes.is_empty() {
        item("attributes", &serde_json::to_string(attributes)?)?;
    }
    writeln!(output, "</edge>")?;
    Ok(())
}

fn write_item(element: &str, name: &str, text: &str, output: &mut impl Write) -> std::io::Result<()> {
    write!(output, r#"<data key="{element}-{name}">{}</data>"#, escaped(text))
}

/// A text inside an element or a quoted attribute. A carriage return is spelled out, or a reader takes it for a line
/// end.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            '\t' | '\n' => escaped.push(character),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            other => escaped.push(other),
        }
    }
    escaped
}
