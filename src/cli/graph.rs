//! `docre graph`: relations and a corpus → a knowledge graph.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use docre::graph::{self, Base, Format, Merge, Options, Request};
use docre::ground::choice;
use docre::table::rows::{EdgeRow, MergeRow, NodeRow, ProvenanceRow};
use docre::table::{TableError, evidence_of, stream};

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, SplitArgs, Usage, checked, no_stdin, number, one_of, output, whole};

/// Merge the relations of many documents into a knowledge graph.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/graph.txt").trim_end()
)]
pub struct GraphArgs {
    /// The relations: a folder with the table `relations`, a Parquet file, a submission in DocRED's JSON, or `-`: an
    /// Arrow stream on stdin.
    #[arg(long, value_name = "PATH")]
    relations: PathBuf,
    #[command(flatten)]
    split: SplitArgs,
    /// The folder of the graph, or `-`: a table as an Arrow stream on stdout.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The table that goes to stdout.
    #[arg(long, value_parser = one_of::<Sent>(), default_value_t = Sent::Edges)]
    table: Sent,
    /// What to write besides the tables, separated by commas.
    #[arg(long, alias = "formats", value_name = "LIST", value_delimiter = ',', value_parser = one_of::<Format>())]
    format: Vec<Format>,
    /// By what entities of different documents merge: the identifier in a knowledge base where there is one, else name
    /// and type; name and type alone; or nothing.
    #[arg(long, value_parser = one_of::<Merge>(), default_value_t)]
    merge: Merge,
    /// A file of aliases: lines of alias, name and perhaps type, separated by tabs.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    aliases: Option<PathBuf>,
    /// The IRI below which things lie that no knowledge base names.
    #[arg(long, value_name = "IRI", default_value_t)]
    base: Base,
    /// Leave out facts less likely than this, and those without a probability.
    #[arg(long, value_name = "P", value_parser = number::<f32>)]
    min_probability: Option<f32>,
    /// Leave out edges with fewer documents.
    #[arg(long, value_name = "N", default_value_t = Options::default().min_support, value_parser = whole::<u32>)]
    min_support: u32,
    /// Keep only this relation; may be given several times.
    #[arg(long, value_name = "NAME")]
    relation: Vec<String>,
    /// Keep only nodes of this type; may be given several times.
    #[arg(long = "type", alias = "types", value_name = "NAME")]
    kind: Vec<String>,
    /// Leave out nodes without an edge.
    #[arg(long)]
    connected: bool,
    /// What the run is called where the relations do not say [default: the name of their file].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
    /// Replace a graph that was made from other input or with other options.
    #[arg(long)]
    force: bool,
}

/// A table that can go to stdout.
#[derive(Debug, Clone, Copy)]
enum Sent {
    Nodes,
    Edges,
    Provenance,
    Merges,
}

choice!(Sent, "table", { Nodes => "nodes", Edges => "edges", Provenance => "provenance", Merges => "merges" });

/// Makes a graph.
pub fn run(args: &GraphArgs, messages: Messages) -> anyhow::Result<Outcome> {
    if pipe::is(&args.out) && !args.format.is_empty() {
        bail!(Usage("`--format`: expected none with `--out -`: a table goes to stdout".to_owned()));
    }
    let mut scratch = Scratch::default();
    let relations = if pipe::is(&args.relations) {
        let folder = scratch.folder("stdin")?;
        graph::set_down(pipe::stdin(), &folder)?;
        folder
    } else {
        args.relations.clone()
    };
    let out = if pipe::is(&args.out) { scratch.folder("graph")? } else { args.out.clone() };
    let options = checked(options(args))?;
    let split = args.split.folder()?;
    let model_relations = graph::model_relations_beside(&relations)?;
    let evidence = evidence_of(&relations)?;
    let request = Request {
        relations: &relations,
        split: &split,
        model_relations: model_relations.as_deref(),
        evidence: evidence.as_deref(),
        aliases: args.aliases.as_deref(),
        out: &out,
        options: &options,
        force: args.force,
    };
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

fn options(args: &GraphArgs) -> Options {
    Options {
        merge: args.merge,
        base: args.base.clone(),
        run_id: args.run_id.clone(),
        min_probability: args.min_probability,
        min_support: args.min_support,
        relations: args.relation.clone(),
        types: args.kind.clone(),
        connected: args.connected,
        formats: args.format.clone(),
    }
}

fn send(folder: &Path, table: Sent) -> Result<(), TableError> {
    let output = output::stdout();
    let sent = match table {
        Sent::Nodes => stream::send::<NodeRow, _>(folder, output),
        Sent::Edges => stream::send::<EdgeRow, _>(folder, output),
        Sent::Provenance => stream::send::<ProvenanceRow, _>(folder, output),
        Sent::Merges => stream::send::<MergeRow, _>(folder, output),
    };
    sent.map(drop)
}
