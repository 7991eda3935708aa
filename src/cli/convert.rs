//! `docre convert`: files → tables, and tables → DocRED's JSON.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use docre::corpus::convert::Conversion;
use docre::corpus::{self, Format, MOST_PAIRS};
use docre::table::Text;

use super::{Messages, Outcome, Usage, folder_name, told};

/// Turn an annotated corpus into tables, or tables back into DocRED's JSON.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  docre convert --format docred --split dev --relation-labels rel_info.json --out corpora/docred dev.json\n  docre convert --format pubtator --split train --candidates Chemical:Disease --mesh 2017MeshTree.txt --out corpora/cdr \\\n      CDR_TrainingSet.PubTator.txt\n  docre convert --to docred --out dev.json corpora/docred/dev\n\nExit code 3 says that some records were rejected: see the table `rejects`."
)]
pub struct ConvertArgs {
    /// The source's format.
    #[arg(long, value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>()), required_unless_present = "to")]
    format: Option<Format>,
    /// The split's name, also that of its folder below --out.
    #[arg(long, value_name = "NAME", value_parser = folder_name, required_unless_present = "to")]
    split: Option<String>,
    /// Write tables back in this format instead; INPUT is then the folder of a split.
    #[arg(long, value_parser = ["docred"], conflicts_with_all = ["format", "split", "candidates", "mesh", "relation_labels", "unlabelled", "ids", "most_pairs"])]
    to: Option<String>,
    /// The folder of the corpus; with --to, the file to write [default with --to: stdout].
    #[arg(long, value_name = "PATH", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Keep only pairs of these entity types, as HEAD:TAIL [default: every ordered pair].
    #[arg(long, value_name = "HEAD:TAIL", value_parser = types, value_delimiter = ',')]
    candidates: Vec<(Text, Text)>,
    /// A MeSH tree file: leave out a negative pair whose tail is a broader term than that of a fact with the same head.
    #[arg(long, value_name = "FILE")]
    mesh: Option<PathBuf>,
    /// A JSON object from relation to label, such as DocRED's rel_info.json; documents with other relations are rejected.
    #[arg(long, value_name = "FILE")]
    relation_labels: Option<PathBuf>,
    /// The source has no relations because nobody annotated any.
    #[arg(long)]
    unlabelled: bool,
    /// A file with the names of the documents to take, one a line; each must be in the source [default: all are taken].
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Reject a document with more ordered pairs of entities than this.
    #[arg(long, value_name = "N", default_value_t = MOST_PAIRS)]
    most_pairs: u64,
    /// Replace tables that were made from other input or with other options; with --to, the file.
    #[arg(long)]
    force: bool,
    /// Source files in order; for gda, the folder.
    #[arg(required = true)]
    input: Vec<PathBuf>,
}

fn types(pair: &str) -> Result<(Text, Text), String> {
    match pair.split_once(':') {
        Some((head, tail)) if !head.is_empty() && !tail.is_empty() && !tail.contains(':') => {
            Ok((head.into(), tail.into()))
        }
        _ => Err("expected two types, such as Chemical:Disease".to_owned()),
    }
}

/// Converts.
pub fn run(args: ConvertArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let (Some(format), Some(split), Some(out)) = (args.format, args.split, &args.out) else {
        return export(&args.input, args.out.as_deref(), args.force);
    };
    let conversion = Conversion {
        format,
        split,
        inputs: args.input,
        candidates: args.candidates,
        mesh: args.mesh,
        relation_labels: args.relation_labels,
        unlabelled: args.unlabelled,
        ids: args.ids,
        most_pairs: args.most_pairs,
    };
    let n_bytes = conversion.inputs.iter().filter_map(|input| input.metadata().ok()).map(|file| file.len()).sum();
    let bar = messages.bar(n_bytes, "{bar:30} {bytes}/{total_bytes} {msg} {eta} left");
    let progress = |bytes: u64, documents: u64| {
        bar.set_position(bytes);
        bar.set_message(format!("{documents} documents, {:.0}/s", documents as f64 / bar.elapsed().as_secs_f64()));
    };
    let summary = conversion.run(out, args.force, &progress)?;
    bar.finish_and_clear();
    if !conversion.candidates.is_empty() && summary.totals.is_some_and(|totals| totals.pairs == totals.left_out) {
        messages.say("warning: no pair of entities has the types that `--candidates` names");
    }
    Ok(told(&summary, messages))
}

/// Writes tables back as DocRED's JSON.
fn export(input: &[PathBuf], out: Option<&Path>, force: bool) -> anyhow::Result<Outcome> {
    let [folder] = input else { bail!(Usage(format!("expected the folder of one split, got {}", input.len()))) };
    corpus::export(folder, out, force)?;
    Ok(Outcome::Done)
}
