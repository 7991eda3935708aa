//! The formats that a graph is written in, a file each.
//!
//! Every name survives every format, whatever is in it; each writer says how. Probabilities and supporting documents
//! stand in all of them; runs, mentions and evidence in RDF.

pub mod graphml;
pub mod kgtk;
pub mod kgx;
pub mod neo4j;
pub mod ntriples;
pub mod nquads;
pub mod statements;
pub mod turtle;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use ground::choice;
use table::{TableError, write_file};

use super::{Graph, GraphError};

/// Writes a file of a format.
type Writer = fn(&Graph, &mut BufWriter<File>) -> Result<(), WriteError>;

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

/// Why a file is not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The file cannot be written.
    #[error("cannot write")]
    Io(#[from] io::Error),
    /// A row cannot be written as CSV.
    #[error("cannot write")]
    Csv(#[from] csv::Error),
    /// A row cannot be written as JSON.
    #[error("cannot write")]
    Json(#[from] serde_json::Error),
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

impl Format {
    /// Its file or folder in that of the graph.
    pub fn path(self) -> &'static str {
        match self {
            Self::NTriples => "graph.nt",
            Self::NQuads => "graph.nq",
            Self::Turtle => "graph.ttl",
            Self::GraphMl => "graph.graphml",
            Self::Neo4j => "neo4j",
            Self::Kgtk => "graph.kgtk.tsv",
            Self::Kgx => "kgx",
        }
    }

    /// Its files, below [`Self::path`] where that is a folder.
    fn files(self) -> &'static [(&'static str, Writer)] {
        match self {
            Self::NTriples => &[("graph.nt", ntriples::write)],
            Self::NQuads => &[("graph.nq", nquads::write)],
            Self::Turtle => &[("graph.ttl", turtle::write)],
            Self::GraphMl => &[("graph.graphml", graphml::write)],
            Self::Neo4j => {
                &[("neo4j/nodes.csv", neo4j::write_nodes), ("neo4j/relationships.csv", neo4j::write_relationships)]
            }
            Self::Kgtk => &[("graph.kgtk.tsv", kgtk::write)],
            Self::Kgx => &[("kgx/nodes.jsonl", kgx::write_nodes), ("kgx/edges.jsonl", kgx::write_edges)],
        }
    }

    /// Writes those of its files that are not in the folder; each appears whole.
    ///
    /// # Errors
    /// Where a table cannot be read or the system refuses.
    pub fn write_missing(self, graph: &Graph, folder: &Path) -> Result<(), GraphError> {
        for (name, writer) in self.files() {
            let path = folder.join(name);
            if path.exists() {
                continue;
            }
            let above = path.parent().unwrap_or(folder);
            fs::create_dir_all(above).map_err(GraphError::io(above, "create the folder"))?;
            write_file(&path, false, |file| writer(graph, file)).map_err(|error| error.at(&path))?;
        }
        Ok(())
    }
}

impl WriteError {
    /// The same, with the file that it is about.
    pub(super) fn at(self, path: &Path) -> GraphError {
        let io = |source| GraphError::Io { path: path.to_path_buf(), action: "write", source };
        match self {
            Self::Table(error) => error.into(),
            Self::Io(error) => io(error),
            Self::Csv(error) => io(error.into()),
            Self::Json(error) => io(error.into()),
        }
    }
}
