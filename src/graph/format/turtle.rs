//! [Turtle](https://www.w3.org/TR/turtle/): statements grouped by subject, with prefixes.

use std::io::{self, Write};

use oxrdf::TripleRef;
use oxttl::TurtleSerializer;

use super::error::WriteError;
use super::statements::statements;
use crate::Graph;

/// Writes what the default graph says.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    let mut serializer = TurtleSerializer::new();
    for (prefix, namespace) in graph.iris.prefixes(&graph.prefixes()?) {
        serializer = serializer.with_prefix(prefix, namespace).map_err(io::Error::other)?;
    }
    let mut serializer = serializer.for_writer(output);
    statements(graph, &mut |quad| {
        if quad.graph_name.is_default_graph() {
            serializer.serialize_triple(TripleRef::from(quad))?;
        }
        Ok::<_, WriteError>(())
    })?;
    serializer.finish()?;
    Ok(())
}
