//! [N-Quads](https://www.w3.org/TR/n-quads/): one statement a line, with the graph that it belongs to. The graph of a
//! document holds the edges that it supports; everything stands in the default graph as well.

use std::io::Write;

use oxttl::NQuadsSerializer;

use super::error::WriteError;
use super::statements::statements;
use crate::Graph;

/// Writes everything.
///
/// # Errors
/// Where a table cannot be read or the output refuses.
pub fn write(graph: &Graph, output: &mut impl Write) -> Result<(), WriteError> {
    let mut serializer = NQuadsSerializer::new().for_writer(output);
    statements(graph, &mut |quad| Ok(serializer.serialize_quad(quad)?))
}
