//! `docre graph`: relations and a corpus → a knowledge graph.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use docre::graph::{self, Base, Format, Merge, Options, Request};
use docre::table::rows::{EdgeRow, MergeRow, NodeRow, ProvenanceRow};
use docre::table::{TableError, stream};

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, folder_name, split_folder};

/// Merge the relations of many documents into a knowledge graph.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:\n  docre graph --relations runs/cdr --corpus corpora/cdr --split test --out runs/cdr/graph --format nquads,neo4j\n  docre graph --relations submission.json --corpus corpora/docred --split test --out graph --min-probability 0.8\n  docre score --checkpoint best --corpus corpora/cdr --split test --out - |\n    docre graph --relations - --corpus corpora/cdr --split test --out - --table edges > edges.arrows\n\nThe tables nodes, edges, provenance and merges are always written, for `docre query`, in SQL or SPARQL."
)]
pub struct GraphArgs {
    /// The relations: a folder with the table `relations`, a Parquet file, a submission in DocRED's JSON, or `-`: an
    /// Arrow stream on stdin.
    #[arg(long, value_name = "PATH")]
    relations: PathBuf,
    /// The folder of the corpus, or of the split itself.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    split: Option<String>,
    /// The folder of the graph, or `-`: a table as an Arrow stream on stdout.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The table that goes to stdout.
    #[arg(long, value_enum, default_value = "edges")]
    table: Sent,
    /// What to write besides the tables, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = formats())]
    format: Vec<Format>,
    /// By what entities of different documents merge: the identifier in a knowledge base where there is one, else name
    /// and type; name and type alone; or nothing.
    #[arg(long, value_parser = merges(), default_value = "kb")]
    merge: Merge,
    /// A file of aliases: lines of alias, name and perhaps type, separated by tabs.
    #[arg(long, value_name = "FILE")]
    aliases: Option<PathBuf>,
    /// The IRI below which things lie that no knowledge base names.
    #[arg(long, value_name = "IRI", default_value_t = String::from(Base::default()), value_parser = is_base)]
    base: String,
    /// Leave out facts less likely than this, and those without a probability.
    #[arg(long, value_name = "P", value_parser = probability)]
    min_probability: Option<f32>,
    /// Leave out edges with fewer documents.
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_support: u32,
    /// Keep only this relation; may be given several times.
    #[arg(long, value_name = "NAME")]
    relation: Vec<String>,
    /// Keep only nodes of this type; may be given several times.
    #[arg(long = "type", value_name = "NAME")]
    kind: Vec<String>,
    /// Leave out nodes without an edge.
    #[arg(long)]
    connected: bool,
    /// What the run is called where the relations do not say [default: the name of their file].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
}

/// A table that can go to stdout.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sent {
    Nodes,
    Edges,
    Provenance,
    Merges,
}

fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).map(|name| {
        let named = Format::ALL.into_iter().find(|format| format.name() == name);
        named.unwrap_or(Format::NTriples)
    })
}

fn merges() -> impl TypedValueParser<Value = Merge> {
    PossibleValuesParser::new(["kb", "name", "none"]).map(|name| match name.as_str() {
        "name" => Merge::Name,
        "none" => Merge::None,
        _ => Merge::Kb,
    })
}

fn is_base(text: &str) -> Result<String, String> {
    text.parse::<Base>().map(String::from)
}

fn probability(text: &str) -> Result<f32, String> {
    let found = text.parse().ok().filter(|found| (0.0..=1.0).contains(found));
    found.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// Makes a graph.
pub fn run(args: &GraphArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new();
    let relations = if pipe::is(&args.relations) {
        let folder = scratch.folder("stdin");
        graph::set_down(BufReader::new(io::stdin().lock()), &folder)?;
        folder
    } else {
        args.relations.clone()
    };
    let out = if pipe::is(&args.out) { scratch.folder("graph") } else { args.out.clone() };
    let options = options(args)?;
    let split = split_folder(&args.corpus, args.split.as_deref())?;
    let aliases = args.aliases.as_deref();
    let request = Request { relations: &relations, split: &split, aliases, out: &out, options: &options };
    let listener = messages.listener();
    let totals = graph::build(&request, &|event| listener.hear(&event))?;
    drop(listener);
    match totals {
        Some(totals) => messages.say(&format!("{}: {totals}", args.out.display())),
        None => messages.say(&format!("{}: up to date", out.display())),
    }
    if pipe::is(&args.out) {
        send(&out, args.table).context("standard output")?;
    }
    Ok(Outcome::Done)
}

fn options(args: &GraphArgs) -> anyhow::Result<Options> {
    Ok(Options {
        merge: args.merge,
        base: args.base.parse().map_err(anyhow::Error::msg)?,
        run_id: args.run_id.clone(),
        min_probability: args.min_probability,
        min_support: args.min_support,
        relations: args.relation.clone(),
        types: args.kind.clone(),
        connected: args.connected,
        formats: args.format.clone(),
    })
}

fn send(folder: &Path, table: Sent) -> Result<(), TableError> {
    let output = io::stdout().lock();
    let sent = match table {
        Sent::Nodes => stream::send::<NodeRow, _>(folder, output),
        Sent::Edges => stream::send::<EdgeRow, _>(folder, output),
        Sent::Provenance => stream::send::<ProvenanceRow, _>(folder, output),
        Sent::Merges => stream::send::<MergeRow, _>(folder, output),
    };
    sent.map(drop)
}
