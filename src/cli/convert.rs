//! `docre convert`: files → tables, and tables → files in formats that others read.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use docre::corpus::convert::{Conversion, Options, usual_most_bytes, usual_most_pairs};
use docre::corpus::formats::dialect::{Bars, Unit};
use docre::corpus::{Export, Exported, Format};
use docre::ground::parsed::{FolderName, TypePair};

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, Usage, checked, no_stdin, one_of, output, told, whole};

/// Turn an annotated corpus into tables, or tables back into files that others read.
#[derive(Args)]
#[command(
    after_help = include_str!("help/convert.txt").trim_end()
)]
pub struct ConvertArgs {
    /// The source's format.
    #[arg(long, value_parser = one_of::<Format>(), required_unless_present = "to")]
    format: Option<Format>,
    /// The split's name, also that of its folder below --out.
    #[arg(long, value_name = "NAME", required_unless_present = "to")]
    split: Option<FolderName>,
    /// Write tables back in this format instead; INPUT is then the folder of a split.
    #[arg(long, value_parser = one_of::<Exported>(), conflicts_with_all = ["format", "split", "candidates", "mesh", "relation_labels", "unlabelled", "undirected", "bars", "unit", "coreference", "max_rejected", "ids", "relations_file", "most_pairs", "most_bytes"])]
    to: Option<Exported>,
    /// With --to: write these predictions in place of the annotated relations, a table of them or a submission.
    #[arg(long, value_name = "PATH", requires = "to", value_parser = no_stdin)]
    relations: Option<PathBuf>,
    /// The folder of the corpus; with --to, the file to write, for brat the folder [default with --to: stdout].
    #[arg(long, value_name = "PATH", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Keep only pairs of these entity types, as HEAD:TAIL, `*` for any, several separated by commas [default: every ordered pair].
    #[arg(long, value_name = "HEAD:TAIL", value_delimiter = ',')]
    candidates: Vec<TypePair>,
    /// A MeSH tree file: leave out a negative pair whose tail is a broader term than that of a fact with the same head.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    mesh: Option<PathBuf>,
    /// A JSON object from relation to label, such as DocRED's rel_info.json; other relations are rejected.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    relation_labels: Option<PathBuf>,
    /// Relations that hold both ways, several separated by commas, `*` for all: each pair of such has one direction.
    #[arg(long, value_name = "RELATION", value_delimiter = ',')]
    undirected: Vec<String>,
    /// What `|` between the ids of a mention means: several entities, or names of one [default: entities].
    #[arg(long, value_parser = one_of::<Bars>())]
    bars: Option<Bars>,
    /// What becomes a document of a text with parts [default: document].
    #[arg(long, value_parser = one_of::<Unit>())]
    unit: Option<Unit>,
    /// Relations by which annotators say that two mentions are one entity, several separated by commas [default: coreference, coref, equiv, same_as].
    #[arg(long, value_name = "RELATION", value_delimiter = ',')]
    coreference: Vec<String>,
    /// Fail where a greater share of the documents is rejected than this.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    max_rejected: f64,
    /// For pubtator: a file with the relations, a line each of document, relation, head and tail, tab-separated.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    relations_file: Option<PathBuf>,
    /// The source has no relations because nobody annotated any.
    #[arg(long)]
    unlabelled: bool,
    /// A file with the names of the documents to take, one a line; each must be in the source [default: all are taken].
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    ids: Option<PathBuf>,
    /// Reject a document with more ordered pairs of entities than this.
    #[arg(long, value_name = "N", default_value_t = usual_most_pairs(), value_parser = whole::<u64>)]
    most_pairs: u64,
    /// Reject a record of the source with more bytes than this.
    #[arg(long, value_name = "N", default_value_t = usual_most_bytes(), value_parser = whole::<u64>)]
    most_bytes: u64,
    /// Replace tables that were made from other input or with other options; with --to, the file.
    #[arg(long)]
    force: bool,
    /// Source files in order, compressed or not, tar archives, or folders of them; for gda and brat, the folder that is
    /// the source.
    /// A pattern in quotes, such as 'part-*.xml.gz', stands for the files that it fits; `-` is stdin.
    #[arg(required = true)]
    input: Vec<PathBuf>,
}

/// Converts.
pub fn run(args: ConvertArgs, messages: Messages) -> anyhow::Result<Outcome> {
    if args.to.is_none() && args.out.as_deref().is_some_and(pipe::is) {
        bail!(Usage("`--out`: expected a path without `--to`: this is not written to stdout".to_owned()));
    }
    let (Some(format), Some(split), Some(out), None) = (args.format, args.split.clone(), &args.out, args.to) else {
        return export(&args, messages);
    };
    let ConvertArgs { candidates, unlabelled, bars, unit, max_rejected, most_pairs, most_bytes, .. } = args;
    let undirected = args.undirected.into_iter().map(Into::into).collect();
    let coreference: Vec<_> = args.coreference.into_iter().map(Into::into).collect();
    let coreference = (!coreference.is_empty()).then_some(coreference);
    let options = Options {
        format,
        split,
        candidates,
        undirected,
        unlabelled,
        bars,
        unit,
        coreference,
        max_rejected,
        most_pairs,
        most_bytes,
    };
    let options = checked(options)?;
    let mut scratch = Scratch::default();
    let from_stdin = args.input.iter().position(|input| pipe::is(input));
    let inputs = spooled(args.input, &mut scratch)?;
    let stdin = from_stdin.and_then(|place| inputs.get(place)).cloned();
    let conversion = Conversion {
        options,
        inputs,
        mesh: args.mesh,
        relation_labels: args.relation_labels,
        ids: args.ids,
        relations: args.relations_file,
    };
    let listener = messages.listener();
    let summary = conversion.run(out, args.force, &|event| listener.hear(&event));
    // Where it was set down is gone in the end.
    let summary = summary.map_err(|error| match &stdin {
        Some(path) => error.renamed(path, Path::new("stdin")),
        None => error,
    })?;
    drop(listener);
    Ok(told(&summary, messages))
}

/// The sources, what comes on stdin among them.
fn spooled(inputs: Vec<PathBuf>, scratch: &mut Scratch) -> anyhow::Result<Vec<PathBuf>> {
    if inputs.iter().filter(|input| pipe::is(input)).count() > 1 {
        bail!(Usage("`-`: expected it once: stdin can be read once".to_owned()));
    }
    inputs.into_iter().map(|input| if pipe::is(&input) { scratch.spooled() } else { Ok(input) }).collect()
}

/// Writes tables back.
fn export(args: &ConvertArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let [split] = args.input.as_slice() else {
        bail!(Usage(format!("expected the folder of one split, got {}", args.input.len())))
    };
    if pipe::is(split) {
        bail!(Usage("`-`: expected the folder of a split with `--to`: that is not read from stdin".to_owned()));
    }
    let listener = messages.listener();
    let export = Export { split, relations: args.relations.as_deref(), format: args.to.unwrap_or(Exported::DocRed) };
    let observe = |event| listener.hear(&event);
    match args.out.as_ref().filter(|out| !pipe::is(out)) {
        Some(out) => export.run(out, args.force, &observe)?,
        None => export.send(&mut output::stdout(), &observe)?,
    }
    Ok(Outcome::Done)
}
