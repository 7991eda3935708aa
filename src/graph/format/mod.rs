//! The formats that a graph is written in, a file each.
//!
//! Every name survives every format, whatever is in it; each writer says how. Probabilities and supporting documents
//! stand in all of them; runs, mentions and evidence in RDF.

pub(crate) mod name;
pub(crate) mod biolink;
mod error;
pub mod graphml;
pub mod kgtk;
pub mod kgx;
pub mod neo4j;
pub mod ntriples;
pub mod nquads;
pub mod statements;
pub mod turtle;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use table::write_file;

use crate::error::GraphError;
use crate::tables::Graph;
pub use error::WriteError;
pub use name::Format;

/// Writes a file of a format.
type Writer = fn(&Graph, &mut BufWriter<File>) -> Result<(), WriteError>;

impl Format {
    /// Its files, in the folder of the graph.
    pub(super) fn files(self) -> &'static [(&'static str, Writer)] {
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
