//! `docre score`: a checkpoint and a corpus → the tables `relations`, `scores`, `traces`, `claims` and `model_relations`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use docre::ground::folder_name;
use docre::ground::parsed::FolderName;
use docre::nn::device::{DeviceChoice, Precision};
use docre::score::{self, Candidates, Ended, Options, Request, Shard};
use docre::table::rows::RelationRow;
use docre::table::stream;

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, Usage, annotated, checked, no_stdin, number, one_of, output, whole};

mod passing;

/// Predict the relations of a split with a trained model.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/score.txt").trim_end()
)]
pub struct ScoreArgs {
    /// The folder of the checkpoint.
    #[arg(long, value_name = "DIR", value_parser = no_stdin)]
    checkpoint: PathBuf,
    /// The folder of the corpus, or of the split itself; or the table `annotated`, a row a document: a folder, a file of
    /// Parquet, or `-`: an Arrow stream on stdin.
    #[arg(long, value_name = "PATH")]
    corpus: PathBuf,
    /// The split: the folder of this name in that of the corpus.
    #[arg(long, value_name = "NAME")]
    split: Option<FolderName>,
    /// The folder into which the tables go, or `-`: `relations` as an Arrow stream to stdout.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the run is called [default: the name of --out, or that of the checkpoint].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
    /// How often docre-ii infers; 0: its base alone [default: as often as its `K` says].
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    iterations: Option<usize>,
    /// Begin inference with these predictions, a table or a submission, in place of those of docre-ii's base.
    #[arg(long, value_name = "TABLE|FILE", value_parser = no_stdin)]
    first_relations: Option<PathBuf>,
    /// Score each pair on its evidence alone, the sentences that weigh above the decision's threshold by these
    /// weights of a run over the same split: its folder, or the table `sentence_weights`.
    #[arg(long, value_name = "DIR|TABLE", conflicts_with = "first_relations", value_parser = no_stdin)]
    evidence_only: Option<PathBuf>,
    /// Pieces that are computed in one batch [default: 2048 on the CPU, 32768 on a CUDA device].
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pieces_at_once: Option<usize>,
    /// Leave out, and name, documents with more ordered pairs of entities than this [default: as many as the model holds
    /// in 3 GiB].
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    most_pairs: Option<u64>,
    /// Keep in `scores` what lies no further below the model's threshold than this, in logits.
    #[arg(long, value_name = "LOGITS", default_value_t = Options::default().margin, value_parser = number::<f32>)]
    margin: f32,
    /// Which pairs are scored: the candidates of the corpus, and by `model`, of these none of types that the model's
    /// training met but left out.
    #[arg(long, value_parser = one_of::<Candidates>(), default_value_t)]
    candidates: Candidates,
    /// A decision in JSON: which of the scores to claim [default: decision.json in the checkpoint's folder, if there is one].
    #[arg(long, value_name = "FILE", value_parser = no_stdin)]
    decision: Option<PathBuf>,
    /// Claim at the threshold that came to this precision where the decision was fitted, not at its own.
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>)]
    at_precision: Option<f64>,
    /// Claim at the threshold that came to this recall where the decision was fitted.
    #[arg(long, value_name = "SHARE", value_parser = number::<f64>)]
    at_recall: Option<f64>,
    /// Score as documents of one of the corpora that the model was trained on together: its relations alone, as it calls
    /// them, and its candidates.
    #[arg(long, value_name = "CORPUS")]
    like: Option<String>,
    /// Where to compute: auto (a CUDA device, if there is one), cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,
    /// The type of matrix products: f32 or bf16 [default: bf16 on a CUDA device, f32 on the CPU].
    #[arg(long, value_name = "TYPE", value_parser = one_of::<Precision>())]
    precision: Option<Precision>,
    /// Score a share of the documents: the first of four is 0/4. The shards of a run have one --out.
    #[arg(long, value_name = "I/N", conflicts_with = "join")]
    shard: Option<Shard>,
    /// Score nothing, and make the tables of a run of which all shards are finished.
    #[arg(long)]
    join: bool,
    /// Replace tables that were made by another checkpoint, of another split or with other options.
    #[arg(long)]
    force: bool,
}

impl ScoreArgs {
    /// How to go on where it was stopped: what goes through a pipe is not kept.
    pub fn goes_on(&self) -> &'static str {
        if pipe::is(&self.out) { "run it again" } else { "the same command goes on with what is left to do" }
    }
}

/// Scores.
pub fn run(args: &ScoreArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = checked(Options {
        run_id: args.run_id.clone(),
        iterations: args.iterations,
        pieces_at_once: args.pieces_at_once,
        most_pairs: args.most_pairs,
        margin: args.margin,
        candidates: args.candidates,
        at_precision: args.at_precision,
        at_recall: args.at_recall,
        precision: args.precision,
        like: args.like.clone(),
    })?;
    let piped = pipe::is(&args.out);
    if piped && (args.shard.is_some() || args.join) {
        bail!(Usage("`--out`: expected a folder, which the shards of a run have in common, got `-`".to_owned()));
    }
    if piped
        && args.first_relations.is_none()
        && args.evidence_only.is_none()
        && let Some(rows) = annotated::read(&annotated::path_of(&args.corpus, args.split.as_deref())?)?
    {
        return passing::score(args, options, rows, messages);
    }
    let mut scratch = Scratch::default();
    let split = annotated::split(&args.corpus, args.split.as_deref(), &mut scratch)?.folder;
    let out = if piped { scratch.folder("scored")? } else { args.out.clone() };
    let name = if piped { &args.checkpoint } else { &args.out };
    let name = folder_name(name);
    let request = Request::new(&args.checkpoint, &split, &out, &name, args.device).with(&options);
    // A pipe's table is nobody's.
    let request = request.decided_by(args.decision.as_deref()).forced(args.force || piped);
    let request = request.begun_with(args.first_relations.as_deref()).of_shard(args.shard);
    let request = request.on_evidence(args.evidence_only.as_deref());
    let (began, listener) = (Instant::now(), messages.listener());
    let observe = |event| listener.hear(&event);
    let ended = if args.join { score::join(&request, &observe)? } else { score::score(&request, &observe)? };
    drop(listener);
    messages.say(&said(&args.out, ended, began.elapsed().as_secs_f64()));
    if piped {
        stream::send::<RelationRow, _>(&out, output::stdout()).map(drop)?;
    }
    Ok(if ended.too_large() == 0 { Outcome::Done } else { Outcome::SomeRejected })
}

fn said(out: &Path, ended: Ended, seconds: f64) -> String {
    let table = out.join("relations");
    let table = table.display();
    let Some(scored) = ended.scored().filter(|scored| scored.documents > scored.kept) else {
        return format!("{table}: {ended}");
    };
    let rate = (scored.documents - scored.kept) as f64 / seconds;
    format!("{table}: {ended}, {rate:.0} documents/s")
}
