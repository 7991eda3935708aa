//! `docre checkpoint`: a model that other code has trained → a checkpoint; `show`: what a checkpoint is for.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use docre::checkpoint::published::{Options, Published, convert};
use docre::checkpoint::{Card, CheckpointConfig, decision_in, read_config};
use docre::decide::{Calibration, Decision};
use docre::encoder::hub;
use docre::ground::excerpt::harmless;
use docre::model::evidence::Taught;
use serde::Serialize;

use super::{Messages, Outcome, Shown, Usage, checked, no_stdin, no_stream, one_of, output, whole};

/// Make a checkpoint of a model that the released code of ATLOP, DocRE-II or DocRE-SD has trained, or show what a
/// checkpoint is for.
#[derive(Args)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = include_str!("help/checkpoint.txt").trim_end()
)]
pub struct CheckpointArgs {
    #[command(subcommand)]
    command: Option<CheckpointCommand>,
    /// The state dict: an archive of PyTorch (whatever its name) or a safetensors file. Whose it is its names tell.
    #[arg(long, visible_alias = "from-atlop", value_name = "FILE", required = true, value_parser = no_stdin)]
    from: Option<PathBuf>,
    /// The encoder that it was made from, for its shape and tokenizer: a folder, or a name in the Hugging Face cache.
    #[arg(long, value_name = "DIR|NAME", required = true)]
    encoder: Option<String>,
    /// Its relations in JSON: an object that gives each its class (rel2id.json), or a list in the order of the classes.
    #[arg(long, value_name = "FILE", required = true, value_parser = no_stdin)]
    relations: Option<PathBuf>,
    /// The types of its entities in JSON: an object that gives each its number (ner2id.json); of DocRE-II and DocRE-SD.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    types: Option<PathBuf>,
    /// The folder of the checkpoint.
    #[arg(long, value_name = "DIR", required = true, value_parser = no_stream)]
    out: Option<PathBuf>,
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

#[derive(Subcommand)]
enum CheckpointCommand {
    Show(ShowArgs),
}

/// Show what a checkpoint was trained on, how well it did, and what is decided of what it scores.
#[derive(Args)]
#[command(after_help = "Example:\n  docre checkpoint show runs/cdr/model --format json")]
struct ShowArgs {
    /// The folder of the checkpoint.
    #[arg(value_name = "DIR", value_parser = no_stdin)]
    checkpoint: PathBuf,
    /// How it is written to stdout: `json` has all of it.
    #[arg(long, value_parser = one_of::<Shown>(), default_value_t = Shown::Text)]
    format: Shown,
}

impl CheckpointArgs {
    /// Whether nothing is written but to stdout.
    pub fn only_reads(&self) -> bool {
        self.command.is_some()
    }
}

/// Converts or shows.
pub fn run(args: &CheckpointArgs, messages: Messages) -> anyhow::Result<Outcome> {
    if let Some(CheckpointCommand::Show(args)) = &args.command {
        return show(args);
    }
    let (Some(weights), Some(encoder), Some(relations), Some(out)) =
        (&args.from, &args.encoder, &args.relations, &args.out)
    else {
        bail!(Usage("expected `--from`, `--encoder`, `--relations` and `--out`, or `show`".to_owned()));
    };
    let options = checked(Options { most_labels: args.most_labels, most_pieces: args.most_pieces })?;
    let encoder = hub::resolve(encoder)?;
    let published =
        Published { weights, encoder: &encoder, relations, types: args.types.as_deref(), options: &options };
    let unused = convert(&published, out, args.force)?;
    unused.event().iter().for_each(|event| messages.tell(event));
    messages.say(&format!("{}: a checkpoint", out.display()));
    Ok(Outcome::Done)
}

/// What a checkpoint says of itself.
#[derive(Serialize)]
struct Description {
    config: CheckpointConfig,
    card: Option<Card>,
    decision: Option<Decision>,
}

impl Description {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let config = read_config(folder)?;
        let decision = Decision::find(&decision_in(folder))?;
        Ok(Self { config, card: Card::find(folder)?, decision })
    }
}

fn show(args: &ShowArgs) -> anyhow::Result<Outcome> {
    let description = Description::read(&args.checkpoint)?;
    let text = match args.format {
        Shown::Json => serde_json::to_string_pretty(&description)? + "\n",
        Shown::Text => harmless(&description.to_string()).into_owned(),
    };
    let mut stdout = output::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Outcome::Done)
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, card, decision } = self;
        let (kind, encoder) = (name_of(&config.model)?, &config.encoder);
        let (n_relations, most_labels) = (config.relations.len(), config.most_labels);
        let shape = format!("{} layers of {}", encoder.num_hidden_layers, encoder.hidden_size);
        let recipe = card.as_ref().and_then(Card::recipe).map(|recipe| format!(" by the {recipe}"));
        let kind = kind + &recipe.unwrap_or_default();
        let decided = decision.as_ref().map_or_else(|| "none: the model's own threshold".to_owned(), decided);
        for (name, told) in [
            ("model", format!("{kind}, {n_relations} relations, at most {most_labels} a pair")),
            ("encoder", format!("{}, {shape}, {} pieces", name_of(&encoder.family)?, encoder.vocab_size)),
            ("reads", format!("at most {} pieces of a document", config.most_pieces)),
            ("loss", with_numbers(&config.model.judged().0)?),
            ("evidence", learnt_evidence(config.model.taught())),
            ("decision", decided),
        ] {
            writeln!(f, "{name:13} {told}")?;
        }
        if let Some(card) = card {
            write!(f, "{card}")
        } else {
            let relations: Vec<&str> = config.relations.iter().map(|relation| &**relation).collect();
            writeln!(f, "{:13} none: made by docre {}, which says no more of it", "card", config.docre)?;
            writeln!(f, "{:13} {}", "relations", relations.join(", "))
        }
    }
}

/// What files call a kind of model or a family of encoders.
fn name_of(called: &impl Serialize) -> Result<String, fmt::Error> {
    let value = serde_json::to_value(called).map_err(|_| fmt::Error)?;
    value.get("kind").unwrap_or(&value).as_str().map(str::to_owned).ok_or(fmt::Error)
}

/// The name of a setting that may have numbers of its own, and these.
fn with_numbers(setting: &impl Serialize) -> Result<String, fmt::Error> {
    let value = serde_json::to_value(setting).map_err(|_| fmt::Error)?;
    let numbers = value.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    let numbers: Vec<String> = numbers.map(|(name, value)| format!(", {name} {value}")).collect();
    Ok(name_of(&value)? + &numbers.concat())
}

/// Whether a model learnt which sentences are evidence, and from what.
fn learnt_evidence(taught: Taught) -> String {
    let weights = [("gold evidence", taught.evidence), ("a teacher's attention", taught.attention)];
    let weights = weights.iter().filter(|(_, weight)| *weight > 0.0);
    let told: Vec<String> = weights.map(|(from, weight)| format!("{from}, with a weight of {weight}")).collect();
    if told.is_empty() { "not learnt".to_owned() } else { format!("learnt from {}", told.join("; from ")) }
}

/// A decision in a line.
fn decided(decision: &Decision) -> String {
    let Decision { shift, shifts, calibration, fitted_on, types, inverses, evidence_threshold, .. } = decision;
    let calibration = match calibration {
        None => "not calibrated".to_owned(),
        Some(Calibration::Temperature(temperature)) => format!("temperature {temperature}"),
        Some(Calibration::Steps(steps)) => format!("calibrated by {} steps", steps.len()),
    };
    let mut told = vec![format!("shift {shift}")];
    let counts = [(shifts.len(), "relations with a shift of their own"), (types.len(), "relations held to types")];
    let counts = counts.into_iter().chain([(inverses.len(), "relations with an inverse")]);
    told.extend(counts.filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    told.extend(evidence_threshold.map(|above| format!("evidence above a weight of {above}")));
    told.extend([calibration, format!("fitted on {} documents", fitted_on.len())]);
    told.join(", ")
}
