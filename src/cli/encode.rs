//! `docre encode`: a corpus and an encoder's tokenizer → the table `pieces`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use docre::checkpoint::find_config;
use docre::encoder::hub;
use docre::ground::observe::Event;
use docre::ground::parsed::FolderName;
use docre::pieces::{Cutter, Options, Tokenizer, stored};

use super::annotated::{self, Taken};
use super::pipe::Scratch;
use super::{Messages, Outcome, Usage, checked, no_stream, whole};

/// Cut documents into an encoder's pieces, with markers around mentions.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/encode.txt").trim_end()
)]
pub struct EncodeArgs {
    /// The folder of the corpus, or of the split itself; or the table `annotated`, a row a document: a folder, a file of
    /// Parquet, or `-`: an Arrow stream on stdin.
    #[arg(long, value_name = "PATH")]
    corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME")]
    split: Option<FolderName>,
    /// A folder with a tokenizer, or the name of an encoder in the Hugging Face cache; of a checkpoint the markers, too.
    #[arg(long, value_name = "DIR|NAME")]
    encoder: String,
    /// Pieces that a document keeps at most.
    #[arg(long, value_name = "N", default_value_t = Options::default().most_pieces, value_parser = whole::<usize>)]
    most_pieces: usize,
    /// Where the table goes [default: the folder of the split, where there is one].
    #[arg(long, value_name = "DIR", value_parser = no_stream)]
    out: Option<PathBuf>,
    /// Replace a table that was made from another split, with another tokenizer or other options.
    #[arg(long)]
    force: bool,
}

/// Encodes.
pub fn run(args: &EncodeArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = checked(Options { most_pieces: args.most_pieces, ..Options::default() })?;
    let mut scratch = Scratch::default();
    let Taken { folder: split, is_rows } = annotated::split(&args.corpus, args.split.as_deref(), &mut scratch)?;
    if is_rows && args.out.is_none() {
        bail!(Usage("`--out`: expected a folder: rows of `annotated` have none".to_owned()));
    }
    let out = args.out.as_ref().unwrap_or(&split);
    let encoder = hub::resolve(&args.encoder)?;
    messages.tell(&Event::Detail(format!("reads the tokenizer of {}", encoder.display())));
    let markers = find_config(&encoder)?.map_or(options.markers, |checkpoint| checkpoint.markers);
    let mut cutter = Cutter::new(Tokenizer::load(&encoder)?, options.most_pieces).marking(&markers)?;
    let listener = messages.listener();
    let written = stored::write(&split, out, &mut cutter, args.force, &|event| listener.hear(&event))?;
    drop(listener);
    let table = out.join("pieces");
    let Some(written) = written else {
        messages.say(&format!("{}: up to date", table.display()));
        return Ok(Outcome::Done);
    };
    messages.say(&format!("{}: {written}", table.display()));
    Ok(Outcome::Done)
}
