//! `docre train`: settings and a corpus → checkpoints.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use docre::ground::settings::{Settings, from_json};
use docre::nn::device::DeviceChoice;
use docre::train::{self, BEST, TrainConfig};

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, Usage, annotated, no_stdin, no_stream};

/// Train a model on a labelled split.
#[derive(Args)]
#[command(
    after_help = include_str!("help/train.txt").trim_end()
)]
pub struct TrainArgs {
    /// A JSON file with the settings.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    config: PathBuf,
    /// The folder of the run.
    #[arg(long, value_name = "DIR", value_parser = no_stream)]
    out: PathBuf,
    /// Go on where the run in the folder stopped, if there is one.
    #[arg(long)]
    resume: bool,
    /// Where to compute: auto (a CUDA device, if there is one), cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,
}

/// Trains.
pub fn run(args: &TrainArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let name = args.config.display();
    let text = fs::read_to_string(&args.config).with_context(|| format!("{name}: cannot read"))?;
    let config: TrainConfig = from_json(&text).map_err(|reason| anyhow!("{name}: {reason}"))?;
    config.check().map_err(|reason| anyhow!("{name}: {reason}"))?;
    let mut scratch = Scratch::default();
    let config = with_rows(config, &mut scratch)?;
    let listener = messages.listener();
    let hear = |event| listener.hear(&event);
    let trained = train::train(&config, &args.out, args.resume, args.device, &hear)?;
    drop(listener);
    messages.say(&format!("{}: {trained}", args.out.join(BEST).display()));
    Ok(Outcome::Done)
}

/// The same with splits in the place of rows of `annotated`, under the names that they have there: a checkpoint's card
/// tells them.
fn with_rows(mut config: TrainConfig, scratch: &mut Scratch) -> anyhow::Result<TrainConfig> {
    let piped = |split: &str| pipe::is(Path::new(split));
    let folder = config.corpus.clone();
    let splits = config.places();
    if splits.iter().filter(|(_, split)| piped(split)).count() > 1 {
        bail!(Usage("`-`: expected it once: stdin can be read once".to_owned()));
    }
    for (place, (corpus, split)) in splits.into_iter().enumerate() {
        let path = if piped(split) { PathBuf::from(&*split) } else { folder.join(&*split) };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = if piped(split) { "stdin" } else { &*name };
        // Two may bear one name.
        if let Some(rows) = annotated::rows(&path, &format!("{place}/{corpus}/{name}"), scratch)? {
            *split = rows.to_string_lossy().into_owned();
        }
    }
    Ok(config)
}
