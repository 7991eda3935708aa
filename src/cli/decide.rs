//! `docre decide`: scores and a decision → the table `relations`.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use docre::decide::{self, Calibration, DecideError, Decision, Ended, Ensemble, Options, Request, WeightsBeside};
use docre::ground::parsed::FolderName;
use docre::table::rows::RelationRow;
use docre::table::stream;

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, Usage, checked, no_stdin, number, one_of, output, split_folder, whole};

/// Decide which relations to claim of what a model thinks, once or again, of one run or several.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/decide.txt").trim_end()
)]
pub struct DecideArgs {
    /// The scores: a folder with the table `scores` (with --iteration, `claims`), or a Parquet file of it; given several
    /// times, runs over the same documents, which are joined.
    #[arg(long, value_name = "PATH", required = true, value_parser = no_stdin)]
    scores: Vec<PathBuf>,
    /// The folder of the corpus, or of the split itself: for several runs, and where types of entities count.
    #[arg(long, value_name = "DIR", value_parser = no_stdin)]
    corpus: Option<PathBuf>,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME", requires = "corpus")]
    split: Option<FolderName>,
    /// The folder into which the table goes, or `-`: as an Arrow stream to stdout.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A decision in JSON, to which the other options add [default: the model's own threshold].
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    decision: Option<PathBuf>,
    /// How far above the model's threshold a logit must lie; below 0, how far below it may.
    #[arg(long, value_name = "LOGITS", value_parser = number::<f32>)]
    shift: Option<f32>,
    /// Claim at the threshold that came to this precision where the decision was fitted, not at its own.
    #[arg(long, value_name = "SHARE", conflicts_with = "shift", value_parser = number::<f64>)]
    at_precision: Option<f64>,
    /// Claim at the threshold that came to this recall where the decision was fitted.
    #[arg(long, value_name = "SHARE", conflicts_with = "shift", value_parser = number::<f64>)]
    at_recall: Option<f64>,
    /// By what logits are divided before they become probabilities.
    #[arg(long, value_name = "T", value_parser = number::<f32>)]
    temperature: Option<f32>,
    /// Relations that a pair is given at most [default: as the model says].
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    most_labels: Option<usize>,
    /// Above which weight a sentence is evidence, where the weights of sentences lie beside the scores [default: 0.2].
    #[arg(long, value_name = "WEIGHT", value_parser = number::<f32>)]
    evidence_threshold: Option<f32>,
    /// What is made of what several runs say: the mean of margins, how far logits are above the threshold, or of
    /// probabilities; of a run and one by `docre score --evidence-only`, fusion, the sum of margins [default: margins].
    #[arg(long, value_name = "WHAT", value_parser = one_of::<Ensemble>())]
    ensemble: Option<Ensemble>,
    /// With fusion, what a pair without evidence has in place of a second margin [default: 0].
    #[arg(long, value_name = "LOGITS", value_parser = number::<f32>)]
    without_evidence: Option<f32>,
    /// The iteration of a model that infers whose claims are wanted, 0: its base [default: the last].
    #[arg(long, value_name = "N", value_parser = whole::<u32>)]
    iteration: Option<u32>,
    /// What the run is called [default: as the first scores say].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
    /// Replace a table that was made of other scores or by another decision.
    #[arg(long)]
    force: bool,
}

impl DecideArgs {
    fn decision(&self) -> anyhow::Result<Decision> {
        let read = self.decision.as_deref().map(Decision::read).transpose()?.unwrap_or_default();
        if self.shift.is_some() && !read.shifts.is_empty() {
            // What has a shift of its own would not hear of this one.
            bail!(Usage(
                "`--shift`: expected a decision without `shifts` of single relations, got one with them".to_owned()
            ));
        }
        checked(Decision {
            shift: self.shift.unwrap_or(read.shift),
            calibration: self.temperature.map(Calibration::Temperature).or(read.calibration),
            most_labels: self.most_labels.or(read.most_labels),
            ensemble: self.ensemble.unwrap_or(read.ensemble),
            without_evidence: self.without_evidence.or(read.without_evidence),
            evidence_threshold: self.evidence_threshold.or(read.evidence_threshold),
            ..read
        })
    }
}

/// The tables of weights beside tables of scores; what lies there of other scores is told.
pub fn weights_of(scores: &[PathBuf], messages: Messages) -> anyhow::Result<Vec<PathBuf>> {
    let WeightsBeside { own, told } = decide::weights_beside(scores)?;
    told.iter().for_each(|told| messages.say(&format!("warning: {told}")));
    Ok(own)
}

/// Decides.
pub fn run(args: &DecideArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let &DecideArgs { ref run_id, iteration, at_precision, at_recall, .. } = args;
    let options = checked(Options { run_id: run_id.clone(), iteration, at_precision, at_recall })?;
    let decision = args.decision()?.at(options.at())?;
    let split = args.corpus.as_deref().map(|corpus| split_folder(corpus, args.split.as_deref())).transpose()?;
    let mut scratch = Scratch::default();
    let piped = pipe::is(&args.out);
    let out = if piped { scratch.folder("decided")? } else { args.out.clone() };
    let weights = weights_of(&args.scores, messages)?;
    if args.evidence_threshold.is_some() && weights.is_empty() {
        return Err(DecideError::NoWeights(args.scores.first().cloned().unwrap_or_default()).into());
    }
    let ended = decide::decide(&Request {
        scores: &args.scores,
        weights: &weights,
        split: split.as_deref(),
        decision: &decision,
        run_id: options.run_id.as_deref(),
        iteration: options.iteration,
        out: &out,
        // A pipe's table is nobody's.
        force: args.force || piped,
    })?;
    let told = match &ended {
        Ended::UpToDate(_) => "up to date".to_owned(),
        Ended::Decided(claims) => claims.counted(),
    };
    messages.say(&format!("{}: {told}", args.out.join("relations").display()));
    ended.claims().warnings().iter().for_each(|warning| messages.say(&format!("warning: {warning}")));
    if piped {
        stream::send::<RelationRow, _>(&out, output::stdout()).map(drop)?;
    }
    Ok(Outcome::Done)
}
