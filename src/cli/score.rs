//! `docre score`: a checkpoint and a corpus → the table `relations`.

use std::cell::Cell;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;
use docre::model::MOST;
use docre::nn::device::{DeviceChoice, Precision};
use docre::score::{self, Event, PIECES_AT_ONCE, Request};
use docre::table::rows::RelationRow;
use docre::table::stream;

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, computing_on, count, folder_name, split_folder};

/// Predict the relations of a split with a trained model.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Example:\n  docre score --checkpoint runs/redocred/best --corpus corpora/redocred --split dev \\\n    --out runs/redocred/dev\n\nA run that was stopped goes on where it was when it is started again.\n\nExit code 3 says that some documents were too large and are not in the table."
)]
pub struct ScoreArgs {
    /// The folder of the checkpoint.
    #[arg(long, value_name = "DIR")]
    checkpoint: PathBuf,
    /// The folder of the corpus, or of the split itself, or `-`: the split's tables on stdin, one Arrow stream after the
    /// other, each with its table's name as `docre.schema` in the schema's metadata.
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    split: Option<String>,
    /// The folder into which the table goes, or `-`: as an Arrow stream to stdout.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the run is called [default: the name of --out, or that of the checkpoint].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
    /// How often docre-ii infers; 0: its base alone [default: as often as its `K` says].
    #[arg(long, value_name = "N", value_parser = iterations)]
    iterations: Option<usize>,
    /// Pieces that are computed in one batch.
    #[arg(long, value_name = "N", default_value_t = PIECES_AT_ONCE)]
    pieces_at_once: usize,
    /// Leave out, and name, documents with more ordered pairs of entities than this [default: as many as the model holds
    /// in 3 GiB].
    #[arg(long, value_name = "N")]
    most_pairs: Option<u64>,
    /// Where to compute: auto (a CUDA device, if there is one), cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,
    /// The type of matrix products: f32 or bf16 [default: bf16 on a CUDA device, f32 on the CPU].
    #[arg(long, value_name = "TYPE")]
    precision: Option<Precision>,
}

/// As often as a model can be told to infer.
fn iterations(text: &str) -> Result<usize, String> {
    count(text, 0, MOST)
}

/// Documents that are too large and named; all are counted.
const SHOWN: u64 = 10;

/// Scores.
pub fn run(args: &ScoreArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let scratch = Scratch::new();
    let split = if pipe::is(&args.corpus) {
        let folder = scratch.folder("stdin");
        stream::receive_split(BufReader::new(io::stdin().lock()), &folder)?;
        folder
    } else {
        split_folder(&args.corpus, args.split.as_deref())?
    };
    let piped = pipe::is(&args.out);
    let out = if piped { scratch.folder("scored") } else { args.out.clone() };
    let name = if piped { &args.checkpoint } else { &args.out };
    let name = name.file_name().unwrap_or_default().to_string_lossy();
    let request = Request {
        checkpoint: &args.checkpoint,
        split: &split,
        out: &out,
        run_id: args.run_id.as_deref().unwrap_or(&name),
        iterations: args.iterations,
        budget: args.pieces_at_once,
        most_pairs: args.most_pairs,
        device: args.device,
        precision: args.precision,
    };
    let bar = messages.bar(0, "{pos} documents, {per_sec}");
    let too_large = Cell::new(0);
    let observe = |event: Event| match event {
        Event::Device(compute) => computing_on(compute, messages),
        Event::Unused(unused) => messages.say(&unused.to_string()),
        Event::TooLarge(document) => {
            too_large.set(too_large.get() + 1);
            if too_large.get() <= SHOWN {
                messages.say(&document.to_string());
            }
        }
        Event::UpToDateWithout(documents) => too_large.set(documents),
        Event::Documents(documents) => bar.set_position(documents),
    };
    let scored = score::score(&request, &observe)?;
    bar.finish_and_clear();
    messages.say(&said(&args.out, scored, bar.elapsed().as_secs_f64()));
    if let Some(warning) = scored.and_then(|scored| scored.warning()) {
        messages.say(&warning);
    }
    let lacking = score::lacking(too_large.get());
    lacking.iter().for_each(|warning| messages.say(warning));
    if piped {
        stream::send::<RelationRow, _>(&out, io::stdout().lock()).map(drop)?;
    }
    Ok(if lacking.is_none() { Outcome::Done } else { Outcome::SomeRejected })
}

fn said(out: &Path, scored: Option<score::Scored>, seconds: f64) -> String {
    let table = out.join("relations");
    let table = table.display();
    let Some(scored) = scored else { return format!("{table}: up to date") };
    let rate = (scored.documents - scored.kept) as f64 / seconds;
    format!("{table}: {scored}, {rate:.0} documents/s")
}
