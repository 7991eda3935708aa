//! [N-Triples](https://www.w3.org/TR/n-triples/): one statement a line.

use std::io::Write;

use oxrdf::TripleRef;
use oxttl::NTriplesSerializer;

use super::error::WriteError;
use super::statements::statements;
use crate::Graph;

/// Writes what the default graph says.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    let mut serializer = NTriplesSerializer::new().for_writer(output);
    statements(graph, &mut |quad| {
        if quad.graph_name.is_default_graph() {
            serializer.serialize_triple(TripleRef::from(quad))?;
        }
        Ok(())
    })
}
