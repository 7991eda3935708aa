//! `docre encode`: a corpus and an encoder's tokenizer → the table `pieces`.

use std::path::PathBuf;

use clap::Args;
use docre::encoder::hub;
use docre::ground::observe::Event;
use docre::pieces::{Cutter, MOST_PIECES, Tokenizer, stage};

use super::{Messages, Outcome, count, folder_name, split_folder};

/// Cut documents into an encoder's pieces, with markers around mentions.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Example:\n  docre encode --corpus corpora/redocred --split dev \\\n    --encoder sentence-transformers/all-MiniLM-L6-v2\n\nTraining and scoring use the table where it is up to date, and cut the documents themselves where it is not."
)]
pub struct EncodeArgs {
    /// The folder of the corpus, or of the split itself.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    split: Option<String>,
    /// A folder with a tokenizer, or the name of an encoder in the Hugging Face cache.
    #[arg(long, value_name = "DIR|NAME")]
    encoder: String,
    /// Pieces that a document keeps at most.
    #[arg(long, value_name = "N", default_value_t = MOST_PIECES, value_parser = most_pieces)]
    most_pieces: usize,
    /// Where the table goes [default: the folder of the split].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A start, an end and a piece between them, or more.
fn most_pieces(text: &str) -> Result<usize, String> {
    count(text, 3, usize::MAX)
}

/// Encodes.
pub fn run(args: &EncodeArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let split = split_folder(&args.corpus, args.split.as_deref())?;
    let out = args.out.as_ref().unwrap_or(&split);
    let encoder = hub::resolve(&args.encoder)?;
    messages.tell(&Event::Detail(format!("reads the tokenizer of {}", encoder.display())));
    let mut cutter = Cutter::new(Tokenizer::load(&encoder)?, args.most_pieces);
    let listener = messages.listener();
    let written = stage::write(&split, out, &mut cutter, &|event| listener.hear(&event))?;
    drop(listener);
    let table = out.join("pieces");
    let Some(written) = written else {
        messages.say(&format!("{}: up to date", table.display()));
        return Ok(Outcome::Done);
    };
    messages.say(&format!("{}: {written}", table.display()));
    Ok(Outcome::Done)
}
