//! `docre train`: settings and a corpus → checkpoints.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use docre::ground::settings::from_json;
use docre::nn::device::DeviceChoice;
use docre::train::{self, BEST, TrainConfig};

use super::{Messages, Outcome};

/// Train a model on a labelled split.
#[derive(Args)]
#[command(
    after_help = "Example:\n  docre train --config sample.json --out runs/sample/model\n\nThe settings are a JSON object:\n  {\"model\": {\"kind\": \"atlop\", \"embedding\": 768, \"block\": 64},\n   \"encoder\": {\"pretrained\": \"allenai/scibert_scivocab_cased\"},\n   \"corpus\": \"corpora/cdr\", \"train\": \"train\", \"dev\": \"dev\",\n   \"encoder_rate\": 2e-5, \"head_rate\": 1e-4, \"epochs\": 30, \"batch\": 4, \"most_labels\": 1}\nOthers, and what they are where they are absent: \"warm_up\": 0.06, \"clip\": 1.0, \"weight_decay\": 0.0,\n\"accumulation\": 1, \"seed\": 0, \"most_pieces\": 1024, \"patience\" (epochs without a better one; no end), \"precision\" (f32;\non a CUDA device bf16), \"second_stage\" (of docre-ii and, where it is there, docre-sd), \"teacher\" (a checkpoint's\nfolder, for docre-sd with \"distillation\": \"teacher\"). In place of a pretrained encoder: {\"scratch\":\n{\"layers\": 3, \"hidden\": 128, \"heads\": 4, \"inner\": 256, \"vocabulary\": 3000, \"dropout\": 0.1}}.\n\n`kind` may also be docre-ii or docre-sd. The folder --out holds the checkpoints `best` and `last`, with two\nstages also `base`, and the table `training_log`. With \"base\": \"runs/sample/model/base\" docre-ii and docre-sd begin\nwith that checkpoint and leave the first of the two stages out."
)]
pub struct TrainArgs {
    /// A JSON file with the settings.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder of the run.
    #[arg(long, value_name = "DIR")]
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
    let listener = messages.listener();
    let hear = |event| listener.hear(&event);
    let trained = train::train(&config, &args.out, args.resume, args.device, &hear)?;
    drop(listener);
    messages.say(&format!("{}: {trained}", args.out.join(BEST).display()));
    Ok(Outcome::Done)
}
