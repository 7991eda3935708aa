//! The tables of a graph: written row by row, and read back with what `graph.json` says of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use ground::observe::{Event, Observer};
use ground::present;
use serde::{Deserialize, Serialize};

use table::rows::{EdgeRow, MergeRow, NodeRow, ProvenanceRow};
use table::{Cursor, Row, Table, TableError, TableWriter, Text, found_under, write_file};

use super::error::GraphError;
use super::identifier::Iris;
use super::options::Options;
use super::totals::Totals;

/// Rows that are written at a time.
const ROWS_AT_ONCE: usize = 8192;
/// The file that says how a graph was made.
pub(super) const DESCRIPTION: &str = "graph.json";

/// Where tables go, and what they are made from.
pub(super) struct Tables<'a> {
    pub folder: &'a Path,
    pub fingerprint: &'a str,
}

impl Tables<'_> {
    /// A table in the making.
    pub fn writer<R: Row>(&self) -> Result<Batched<R>, GraphError> {
        Ok(Batched { writer: TableWriter::create(self.folder, self.fingerprint)?, rows: Vec::new() })
    }
}

/// A table to which rows go one by one.
pub(super) struct Batched<R> {
    writer: TableWriter<R>,
    rows: Vec<R>,
}

impl<R: Row> Batched<R> {
    pub fn push(&mut self, row: R) -> Result<(), GraphError> {
        self.rows.push(row);
        if self.rows.len() < ROWS_AT_ONCE {
            return Ok(());
        }
        Ok(self.writer.write(std::mem::take(&mut self.rows))?)
    }

    pub fn finish(mut self) -> Result<(), GraphError> {
        if !self.rows.is_empty() {
            self.writer.write(self.rows)?;
        }
        Ok(self.writer.finish()?)
    }
}

/// What `graph.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// The version of docre that made it.
    pub version: String,
    /// What it was made from.
    pub fingerprint: String,
    /// How.
    pub options: Options,
    /// What came out.
    pub totals: Totals,
}

impl Description {
    /// That of the graph in a folder.
    ///
    /// # Errors
    /// Where there is none.
    pub fn read(folder: &Path) -> Result<Self, GraphError> {
        let fault = |source| GraphError::NoGraph { folder: folder.to_path_buf(), source };
        let file = File::open(found_under(folder).join(DESCRIPTION)).map_err(fault)?;
        serde_json::from_reader(BufReader::new(file)).map_err(|error| fault(io::Error::from(error)))
    }

    /// The same, where there is one that can be read; a damaged one is as good as none, which is told, and its graph is
    /// made again.
    pub(super) fn find(folder: &Path, observe: Observer<'_>) -> Result<Option<Self>, GraphError> {
        let path = folder.join(DESCRIPTION);
        let Some(text) = present(fs::read(&path)).map_err(GraphError::io(&path, "read"))? else { return Ok(None) };
        match serde_json::from_slice(&text) {
            Ok(description) => Ok(Some(description)),
            Err(error) => {
                let told =
                    format!("{}: {error}: damaged, or of another docre; the graph is made again", path.display());
                observe(Event::Warning(told));
                Ok(None)
            }
        }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), GraphError> {
        let path = folder.join(DESCRIPTION);
        write_file(&path, true, |file: &mut BufWriter<File>| {
            let written = serde_json::to_writer_pretty(&mut *file, self).map_err(io::Error::from);
            written.and_then(|()| file.write_all(b"\n")).map_err(GraphError::io(&path, "write"))
        })
    }
}

/// A graph that stands in a folder: the tables `nodes`, `edges`, `provenance` and `merges`.
#[derive(Debug, Clone)]
pub struct Graph {
    folder: PathBuf,
    /// What its things are called in RDF.
    pub iris: Iris,
}

/// An edge with what is behind it.
#[derive(Debug, Clone)]
pub struct Supported {
    /// The edge.
    pub edge: EdgeRow,
    /// Its documents, each once, sorted.
    pub documents: Vec<Text>,
    /// What its facts are said to be besides, each once, sorted.
    pub attributes: Vec<Text>,
}

impl Graph {
    /// The graph of a folder.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(folder: &Path) -> Result<Self, GraphError> {
        Ok(Self::of(folder, &Description::read(folder)?.options))
    }

    pub(super) fn of(folder: &Path, options: &Options) -> Self {
        Self { folder: folder.to_path_buf(), iris: Iris::new(&options.base) }
    }

    /// The nodes in order.
    ///
    /// # Errors
    /// Where the table is missing or damaged.
    pub fn nodes(&self) -> Result<impl Iterator<Item = Result<NodeRow, TableError>> + use<>, TableError> {
        Table::<NodeRow>::require(&self.folder)?.rows()
    }

    /// The prefixes of the nodes, each once.
    ///
    /// # Errors
    /// Where the table is missing or damaged.
    pub fn prefixes(&self) -> Result<BTreeSet<String>, TableError> {
        let mut prefixes = BTreeSet::new();
        for node in self.nodes()? {
            let node = node?;
            let prefix = node.node_id.split_once(':').map_or("", |(prefix, _)| prefix);
            if !prefixes.contains(prefix) {
                prefixes.insert(prefix.to_owned());
            }
        }
        Ok(prefixes)
    }

    /// The edges in order.
    ///
    /// # Errors
    /// Where the table is missing or damaged.
    pub fn edges(&self) -> Result<impl Iterator<Item = Result<EdgeRow, TableError>> + use<>, TableError> {
        Table::<EdgeRow>::require(&self.folder)?.rows()
    }

    /// The facts behind the edges, in the edges' order.
    ///
    /// # Errors
    /// Where the table is missing or damaged.
    pub fn provenance(&self) -> Result<Cursor<ProvenanceRow>, TableError> {
        Table::require(&self.folder)?.cursor()
    }

    /// The edges in order, each with what is behind it.
    ///
    /// # Errors
    /// Where a table is missing or damaged.
    pub fn supported(&self) -> Result<impl Iterator<Item = Result<Supported, TableError>> + use<>, TableError> {
        let mut provenance = self.provenance()?;
        Ok(self.edges()?.map(move |edge| {
            let edge = edge?;
            let of_edge = |row: &ProvenanceRow| row.edge_id == edge.edge_id;
            let (mut documents, mut attributes) = (Vec::new(), BTreeSet::new());
            while let Some(row) = provenance.next_if(of_edge)? {
                documents.push(row.doc_id);
                attributes.extend(row.attributes);
            }
            documents.dedup();
            Ok(Supported { edge, documents, attributes: attributes.into_iter().collect() })
        }))
    }

    /// The documents that have an entity of the graph, sorted.
    ///
    /// # Errors
    /// Where the table is missing or damaged.
    pub fn documents(&self) -> Result<impl Iterator<Item = Result<Text, TableError>> + use<>, TableError> {
        let mut merges = Table::<MergeRow>::require(&self.folder)?.cursor()?;
        let mut next = move || {
            let Some(first) = merges.next_if(|_| true)? else { return Ok(None) };
            while merges.next_if(|row| row.doc_id == first.doc_id)?.is_some() {}
            Ok(Some(first.doc_id))
        };
        Ok(std::iter::from_fn(move || next().transpose()))
    }
}
