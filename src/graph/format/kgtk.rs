//! [KGTK](https://kgtk.readthedocs.io/en/latest/specification/): a tab-separated table of edges, with what is said of
//! nodes and of edges as further edges. Text is quoted, with backslashes as in Python.

use std::io::Write;

use table::rows::NodeRow;

use super::error::WriteError;
use crate::identifier::step;
use crate::{Graph, Supported};

/// Writes the graph.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    writeln!(output, "id\tnode1\tlabel\tnode2")?;
    for node in graph.nodes()? {
        write_node(&node?, output)?;
    }
    for edge in graph.supported()? {
        write_edge(&edge?, output)?;
    }
    Ok(())
}

fn write_node(node: &NodeRow, output: &mut impl Write) -> std::io::Result<()> {
    let mut line = |number: usize, label: &str, value: &str| {
        let id = &node.node_id;
        writeln!(output, "{id}-{label}-{number}\t{id}\t{label}\t{value}")
    };
    line(0, "label", &quoted(&node.name))?;
    line(0, "type", &quoted(&node.r#type))?;
    for (number, alias) in node.aliases.iter().enumerate() {
        line(number, "alias", &quoted(alias))?;
    }
    if let Some(kb_id) = &node.kb_id {
        line(0, "kb_id", &quoted(kb_id))?;
    }
    line(0, "n_documents", &node.n_documents.to_string())
}

fn write_edge(supported: &Supported, output: &mut impl Write) -> std::io::Result<()> {
    let Supported { edge, documents, attributes } = supported;
    let id = &edge.edge_id;
    writeln!(output, "{id}\t{}\t{}\t{}", edge.head, symbol(&edge.relation), edge.tail)?;
    let mut line =
        |number: usize, label: &str, value: &str| writeln!(output, "{id}-{label}-{number}\t{id}\t{label}\t{value}");
    line(0, "n_documents", &edge.n_documents.to_string())?;
    if let Some(probability) = edge.best_probability {
        line(0, "best_probability", &probability.to_string())?;
    }
    if let Some(probability) = edge.combined_probability {
        line(0, "combined_probability", &probability.to_string())?;
    }
    for (number, document) in documents.iter().enumerate() {
        line(number, "document", &quoted(document))?;
    }
    for (number, attribute) in attributes.iter().enumerate() {
        line(number, "attribute", &quoted(attribute))?;
    }
    Ok(())
}

/// What is said of nodes and edges.
const WORDS: [&str; 9] = [
    "label",
    "type",
    "alias",
    "kb_id",
    "n_documents",
    "best_probability",
    "combined_probability",
    "document",
    "attribute",
];

/// A relation as a symbol: the characters of a step of a path, behind a letter, and none of the words of this format.
fn symbol(relation: &str) -> String {
    let step = step(relation);
    let is_apart = step.starts_with(char::is_alphabetic) && !WORDS.contains(&&*step);
    if is_apart { step } else { format!("relation:{step}") }
}

/// A text as a string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '|' => quoted.extend(['\\', character]),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            '\u{2028}' | '\u{2029}' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
