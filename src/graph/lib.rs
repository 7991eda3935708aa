//! Relations of many documents → one knowledge graph: tables of nodes and edges, and the formats that others load.
//!
//! ```text
//! entities ─┐                                             ┌─ nodes       what the merged entities stand for
//! mentions ─┼─ merge entities ─ put facts under edges ────┼─ edges       support, best and combined probability
//! relations ┘     across documents                        ├─ provenance  run, document, mentions, evidence of each fact
//!                                                         └─ merges      which entity became which node, and why
//! ```
//! Nothing but the names of one node and the entities of one document is held in memory: entities, facts and edges are
//! sorted on disk ([`table::sort`]) and then walked side by side. The work is done in a hidden folder beside the
//! graph's, under a name that is a hash of what the graph is made from: finished tables and formats in it are kept if
//! the run is killed, and the next run goes on from there. The graph's folder is replaced as a whole, at the end.
//!
//! [`merging`] says which entities are one node, [`identifier`] what things are called, [`mod@format`] how each format has
//! them, and [`store`] answers SPARQL.

mod aliases;
mod edges;
mod error;
pub mod format;
pub mod identifier;
mod merging;
mod nodes;
mod options;
mod ours;
pub mod store;
mod tables;
mod totals;
mod work;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ground::identity::{Identity, content};
use ground::observe::{Event, Observer, Progress};
use ground::present;
use submission::predictions;
use table::rows::{ModelRelationRow, PredictionRow};
use table::{
    RelationWords, Row, Snapshot, Staging, Standing, TableError, TableFiles, TableWriter, Text, clear_leftovers,
    relation_words, restore, stream, through,
};

pub use error::GraphError;
pub use format::Format;
pub use identifier::Base;
pub use merging::Merge;
pub use options::Options;
pub use ours::OURS;
pub use tables::{Description, Graph, Supported};
pub use totals::{Clashes, Totals};

use merging::Merger;
use ours::TABLES;
use tables::Tables;
use work::Work;

/// What to make a graph of.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// A table of relations, the folder that holds one, or a submission in DocRED's JSON.
    pub relations: &'a Path,
    /// The folder of the split that they are about.
    pub split: &'a Path,
    /// The table `model_relations` of the model that predicted them, for what the split does not say of relations.
    pub model_relations: Option<&'a Path>,
    /// The table `evidence` of the relations, for what they do not say of theirs.
    pub evidence: Option<&'a Path>,
    /// A file of aliases: see [`Merger::new`].
    pub aliases: Option<&'a Path>,
    /// The folder of the graph.
    pub out: &'a Path,
    /// How.
    pub options: &'a Options,
    /// Whether a graph of another making is replaced.
    pub force: bool,
}

/// Makes a graph; `None` where it is up to date.
///
/// # Errors
/// Where an input cannot be read or the graph not be written; what stood in its folder stands there still.
pub fn build(request: &Request<'_>, observe: Observer<'_>) -> Result<Option<Totals>, GraphError> {
    // A link stays a link: all that is made on the way lies beside what it points to.
    let request = &Request { out: &through(request.out)?, ..*request };
    let standing = Standing::of(request.split)?;
    let relations = TableFiles::at(&predictions::place(request.relations)?)?;
    let told = request.model_relations.map(TableFiles::require_at).transpose()?;
    let evidence = request.evidence.map(TableFiles::require_at).transpose()?;
    let snapshots = relations.iter().chain(&told).chain(&evidence).map(Snapshot::of).collect::<Result<Vec<_>, _>>()?;
    let key = key(request, &standing, [relations.as_ref(), told.as_ref(), evidence.as_ref()])?;
    clear_leftovers(request.out.parent().unwrap_or(Path::new("")), OURS);
    restore(request.out, OURS)?;
    let found = Description::find(request.out, observe)?;
    if found.as_ref().is_some_and(|found| found.fingerprint == key) && is_whole(request, &key)? {
        work::remove_leftovers(request.out);
        found.iter().flat_map(|found| found.totals.warnings()).map(Event::Warning).for_each(observe);
        return Ok(None);
    }
    let staging = Staging::begin_over(request.out, OURS)?;
    if found.is_some_and(|found| found.fingerprint != key) && !request.force {
        return Err(TableError::OtherMaking { path: request.out.to_path_buf() }.into());
    }
    let work = Work::beside(request.out)?;
    let made = work.made(&key);
    let totals = match Description::find(&made, observe)? {
        Some(description) => description.totals,
        None => make_tables(request, &key, &made, &work.scratch()?, observe)?,
    };
    let graph = Graph::of(&made, request.options);
    for format in &request.options.formats {
        at(observe, format.name(), 0);
        format.write_missing(&graph, &made)?;
    }
    standing.check()?;
    snapshots.iter().try_for_each(Snapshot::check)?;
    fs::remove_dir(staging.folder()).map_err(GraphError::io(staging.folder(), "remove"))?;
    fs::rename(&made, staging.folder()).map_err(GraphError::io(&made, "move"))?;
    staging.commit()?;
    work.remove()?;
    totals.warnings().into_iter().map(Event::Warning).for_each(observe);
    Ok(Some(totals))
}

/// Whether nothing of the graph that stands was damaged or removed since it was made.
fn is_whole(request: &Request<'_>, key: &str) -> Result<bool, GraphError> {
    for table in TABLES {
        if table::fingerprint(request.out, table)?.as_deref() != Some(key) {
            return Ok(false);
        }
    }
    let files = request.options.formats.iter().flat_map(|format| format.files());
    let mut paths = files.map(|(name, _)| request.out.join(name));
    let there = |path: PathBuf| present(fs::metadata(&path)).map_err(GraphError::io(path, "look at it"));
    paths.try_fold(true, |whole, path| Ok(whole && there(path)?.is_some()))
}

/// Tells what is being done, and to how many so far.
fn at(observe: Observer<'_>, what: &'static str, number: u64) {
    observe(Event::Progress(Progress::of_unit(what, number)));
}

/// Sets down a stream of facts as the table `relations` of a folder.
///
/// # Errors
/// Where the stream is not whole or has no such columns.
pub fn set_down(input: impl io::BufRead, folder: &Path) -> Result<(), GraphError> {
    let folder = folder.join("relations");
    fs::create_dir_all(&folder).map_err(GraphError::io(&folder, "create the folder"))?;
    let mut writer = TableWriter::<PredictionRow>::inside(folder, "");
    for rows in stream::receive(input)? {
        writer.write(rows?)?;
    }
    Ok(writer.finish()?)
}

/// The table `model_relations` that scoring has left beside the relations at a path, where there is one.
///
/// # Errors
/// Where the relations are not there, or the system refuses to look.
pub fn model_relations_beside(relations: &Path) -> Result<Option<PathBuf>, GraphError> {
    let place = predictions::place(relations)?;
    let (folder, name) = (place.parent().unwrap_or(Path::new("")), &ModelRelationRow::schema().name);
    Ok(TableFiles::find(folder, name)?.map(|_| folder.join(name)))
}

/// Identifies what a graph is made from: each input, and the options.
fn key(
    request: &Request<'_>,
    split: &Standing,
    [relations, told, evidence]: [Option<&TableFiles>; 3],
) -> Result<String, GraphError> {
    let name = predictions::run_name(request.relations);
    let identity = Identity::of("graph").field("options", request.options).field("name", &name);
    let identity = identity.field("relations", &relations.map(table::identity).transpose()?);
    let identity = identity.field("model_relations", &told.map(table::identity).transpose()?);
    let identity = identity.field("evidence", &evidence.map(table::identity).transpose()?);
    let identity = identity.field("split", &split.identity(&["documents", "entities", "mentions", "relation_types"])?);
    let content = |path: &Path| content(path).map_err(GraphError::io(path, "read"));
    Ok(identity.field("aliases", &request.aliases.map(content).transpose()?).finish())
}

/// Makes the tables, which appear in their folder as a whole. What is sorted on the way goes into `scratch`.
fn make_tables(
    request: &Request<'_>,
    key: &str,
    folder: &Path,
    scratch: &Path,
    observe: Observer<'_>,
) -> Result<Totals, GraphError> {
    let Request { split, options, .. } = *request;
    let staging = Staging::begin_over(folder, OURS)?;
    let tables = Tables { folder: staging.folder(), fingerprint: key };
    let mut totals = Totals::default();
    let name = predictions::run_name(request.relations);
    let run_id: Text = options.run_id.as_deref().unwrap_or(&name).into();

    let merger = Merger::new(options.merge, request.aliases)?;
    let appearances = nodes::appearances(split, &merger, scratch, observe)?;
    at(observe, "nodes", 0);
    let placed = nodes::nodes(&appearances, options, scratch, &mut totals)?;
    drop(appearances);
    let counted = (1..).zip(predictions::read(request.relations, split, observe)?);
    let counted = counted.map(|(number, row)| {
        at(observe, "facts", number);
        row.map_err(GraphError::from)
    });
    let RelationWords { labels, undirected } = relation_words(split, request.model_relations)?;
    let facts = edges::facts(counted, &run_id, &undirected, options, scratch, &mut totals)?;
    let sentences = edges::sentences(request.evidence, scratch)?;
    let lengths = edges::lengths(split, scratch)?;
    let (entities, claimed) = ((&placed, &lengths), (&facts, &sentences));
    let supports = match edges::supports(entities, claimed, &undirected, scratch, &tables, &mut totals)? {
        edges::Supports::Of(supports) => supports,
        edges::Supports::Elsewhere(document) => {
            let [relations, split] = [request.relations, split].map(Path::to_path_buf);
            return Err(GraphError::Elsewhere {
                relations,
                split,
                facts: totals.strays,
                document: document.to_string(),
            });
        }
    };
    drop((placed, lengths, facts, sentences));
    at(observe, "edges", 0);
    let ends = edges::edges(&supports, &labels, options, scratch, &tables, &mut totals)?;
    drop(supports);
    edges::with_degrees(scratch, &ends, options, &tables, &mut totals)?;
    drop(ends);

    let version = env!("CARGO_PKG_VERSION").to_owned();
    let description = Description { version, fingerprint: key.to_owned(), options: options.clone(), totals };
    description.write(tables.folder)?;
    staging.commit()?;
    Ok(description.totals)
}
