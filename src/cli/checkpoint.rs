//! `docre checkpoint`: a model that other code has trained → a checkpoint.

use std::path::PathBuf;

use clap::Args;
use docre::checkpoint::published::{Options, Published, convert};
use docre::encoder::hub;

use super::{Messages, Outcome, checked, whole};

/// Make a checkpoint of a model that ATLOP's released code has trained.
#[derive(Args)]
#[command(
    after_help = include_str!("help/checkpoint.txt").trim_end()
)]
pub struct CheckpointArgs {
    /// The state dict: an archive of PyTorch (whatever its name) or a safetensors file.
    #[arg(long, value_name = "FILE")]
    from_atlop: PathBuf,
    /// The encoder that it was made from, for its shape and tokenizer: a folder, or a name in the Hugging Face cache.
    #[arg(long, value_name = "DIR|NAME")]
    encoder: String,
    /// Its relations in JSON: an object that gives each its class (rel2id.json), or a list in the order of the classes.
    #[arg(long, value_name = "FILE")]
    relations: PathBuf,
    /// The folder of the checkpoint.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Relations that a pair is given at most: 4 for DocRED, 1 for CDR and GDA.
    #[arg(long, value_name = "N", default_value_t = Options::default().most_labels, value_parser = whole::<usize>)]
    most_labels: usize,
    /// Pieces that a document keeps at most.
    #[arg(long, value_name = "N", default_value_t = Options::default().most_pieces, value_parser = whole::<usize>)]
    most_pieces: usize,
    /// Replace a checkpoint that stands there.
    #[arg(long)]
    force: bool,
}

/// Converts.
pub fn run(args: &CheckpointArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = checked(Options { most_labels: args.most_labels, most_pieces: args.most_pieces })?;
    let encoder = hub::resolve(&args.encoder)?;
    let published =
        Published { weights: &args.from_atlop, encoder: &encoder, relations: &args.relations, options: &options };
    let unused = convert(&published, &args.out, args.force)?;
    unused.event().iter().for_each(|event| messages.tell(event));
    messages.say(&format!("{}: a checkpoint", args.out.display()));
    Ok(Outcome::Done)
}
