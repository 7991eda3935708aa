//! `docre fit`: scores of a labelled split → a decision.

use std::path::PathBuf;

use clap::Args;
use docre::decide::{self, Calibrated, Decision, Ensemble, FitOptions, FitRequest};

use super::decide::weights_of;
use super::pipe;
use super::{Messages, Outcome, SplitArgs, checked, no_stdin, number, one_of, output};

/// Fit a decision on a labelled split: a threshold, and probabilities that say how often a claim is right.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/fit.txt").trim_end()
)]
pub struct FitArgs {
    /// The scores: a folder with the table `scores`, or a Parquet file of it; given several times, runs over the same
    /// documents, which are joined.
    #[arg(long, value_name = "PATH", required = true, value_parser = no_stdin)]
    scores: Vec<PathBuf>,
    #[command(flatten)]
    split: SplitArgs,
    /// The file of the decision, or `-`: to stdout. As decision.json in the folder of a checkpoint, `docre score` takes it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A decision in JSON of which all but thresholds and calibration stays: types, inverses, how runs are joined.
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    decision: Option<PathBuf>,
    /// Let a relation join only types of entities that it joins among the facts of this split: the folder of the one
    /// that the model was trained on.
    #[arg(long, value_name = "DIR", value_parser = no_stdin)]
    types_of: Option<PathBuf>,
    /// The precision that is wanted, with as much recall as there is [default: as much F1 as there is].
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>)]
    precision: Option<f64>,
    /// The recall that is wanted, with as much precision as there is.
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>)]
    recall: Option<f64>,
    /// Give each relation a threshold of its own, where that serves all together.
    #[arg(long)]
    per_relation: bool,
    /// How many facts a relation's own threshold weighs against that of all.
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().shrinkage, value_parser = number::<f64>)]
    shrinkage: f64,
    /// How probabilities are calibrated.
    #[arg(long, value_parser = one_of::<Calibrated>(), default_value_t)]
    calibration: Calibrated,
    /// What is made of what several runs say [default: as the decision says, or margins]: the mean of margins or of
    /// probabilities; of a run and one by `docre score --evidence-only`, fusion, the sum of margins.
    #[arg(long, value_name = "WHAT", value_parser = one_of::<Ensemble>())]
    ensemble: Option<Ensemble>,
    /// Replace a decision that docre wrote there.
    #[arg(long)]
    force: bool,
}

/// Fits.
pub fn run(args: &FitArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = checked(FitOptions {
        precision: args.precision,
        recall: args.recall,
        per_relation: args.per_relation,
        shrinkage: args.shrinkage,
        calibration: args.calibration,
        ensemble: args.ensemble,
    })?;
    let decision = args.decision.as_deref().map(Decision::read).transpose()?.unwrap_or_default();
    let split = args.split.folder()?;
    let types_of = args.types_of.as_deref();
    let weights = weights_of(&args.scores, messages)?;
    let (scores, weights) = (&*args.scores, &*weights);
    let request = FitRequest { scores, weights, split: &split, decision: &decision, types_of, options: &options };
    let fit = decide::fit(&request)?;
    let is_new = if pipe::is(&args.out) {
        fit.decision.send(output::stdout())?;
        true
    } else {
        fit.decision.write(&args.out, args.force)?
    };
    let [what, lines @ ..] = fit.told();
    let what = if is_new { what } else { format!("up to date, {what}") };
    messages.say(&format!("{}: {what}", args.out.display()));
    lines.iter().chain(&fit.told_of_evidence()).for_each(|line| messages.say(line));
    fit.warnings().iter().for_each(|warning| messages.say(&format!("warning: {warning}")));
    Ok(Outcome::Done)
}
