//! The formats by name.

use ground::choice;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RDF 1.1 N-Triples.
    NTriples,
    /// RDF 1.1 N-Quads: the same, and each fact once more in the graph of each document that supports it.
    NQuads,
    /// RDF 1.1 Turtle.
    Turtle,
    /// GraphML, for networkx, igraph, Gephi, yEd.
    GraphMl,
    /// CSV for `neo4j-admin database import`.
    Neo4j,
    /// KGTK's tab-separated edges.
    Kgtk,
    /// KGX's JSON lines, in the Biolink model.
    Kgx,
}

choice!(Format, "format", {
    NTriples => "ntriples",
    NQuads => "nquads",
    Turtle => "turtle",
    GraphMl => "graphml",
    Neo4j => "neo4j",
    Kgtk => "kgtk",
    Kgx => "kgx",
});
