//! `docre evaluate`: facts and predictions → figures.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use docre::ground::identity::Identity;
use docre::ground::{choice, interrupt};
use docre::metrics::{self, Notes, Options, Request, present};
use docre::table;

use super::{Messages, Outcome, SplitArgs, Usage, checked, one_of, whole};

/// Score predicted relations against a split's facts.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/evaluate.txt").trim_end()
)]
pub struct EvaluateArgs {
    #[command(flatten)]
    split: SplitArgs,
    /// The predictions: a folder with the table `relations`, a Parquet file of it, or a submission in DocRED's JSON.
    #[arg(long, value_name = "PATH")]
    relations: PathBuf,
    /// Facts seen in training, for IgnF1: the folder of a split, or a .fact file.
    #[arg(long, value_name = "PATH")]
    train_facts: Option<PathBuf>,
    /// Other predictions, to compare with by a paired bootstrap test.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// What the run is called [default: as the table says, or the file's name].
    #[arg(long, value_name = "NAME")]
    run_id: Option<String>,
    /// Bootstrap resamples for intervals and tests; 0: none.
    #[arg(long, value_name = "N", default_value_t = Options::default().resamples, value_parser = whole::<u64>)]
    resamples: u64,
    /// The seed of the resamples.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed, value_parser = whole::<u64>)]
    seed: u64,
    /// Show each relation's figures too.
    #[arg(long)]
    per_relation: bool,
    /// How figures are written to stdout.
    #[arg(long, value_parser = one_of::<Shown>(), default_value_t = Shown::Table)]
    format: Shown,
    /// Also write the tables `metrics`, and `comparisons` with --against, into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace tables there that hold other figures.
    #[arg(long)]
    force: bool,
}

impl EvaluateArgs {
    /// Whether nothing is written but to stdout.
    pub fn only_reads(&self) -> bool {
        self.out.is_none()
    }
}

/// How figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Table,
    Json,
}

choice!(Shown, "output format", { Table => "table", Json => "json" });

/// Evaluates.
pub fn run(args: &EvaluateArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = Options { run_id: args.run_id.clone(), resamples: args.resamples, seed: args.seed };
    let options = checked(options)?;
    if args.against.is_some() && args.resamples == 0 {
        bail!(Usage("`--against`: expected resamples to test with, got `--resamples 0`".to_owned()));
    }
    let tables = args.split.folder()?;
    let names = if args.split.split.is_some() {
        [Some(&*args.split.corpus), Some(&*tables)]
    } else {
        [tables.parent(), Some(&*tables)]
    };
    let [corpus, split] = names.map(|path| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy());
    let training_facts = args.train_facts.as_deref();
    let usual = Request::new(&tables, &args.relations);
    let request = Request { training_facts, corpus: &corpus, split: &split, ..usual.with(&options) };
    let evaluation = metrics::evaluate(&request)?;
    let other = args.against.as_deref();
    let other = other.map(|other| metrics::evaluate(&Request { predictions: other, run_id: None, ..request }));
    let other = other.transpose()?;
    // What is computed does not look up; what is then written is written whole.
    interrupt::check()?;
    let comparisons = other.as_ref().map(|other| evaluation.compare(other)).transpose()?.unwrap_or_default();
    for warning in evaluation.notes.warnings() {
        messages.say(&format!("warning: {warning}"));
    }
    // Documents without labels are the split's, and told above.
    let of_other = other.map(|other| Notes { unlabelled_documents: 0, ..other.notes });
    for warning in of_other.iter().flat_map(Notes::warnings) {
        messages.say(&format!("warning: `--against`: {warning}"));
    }
    let fingerprints = (evaluation.fingerprint(), Identity::of("comparisons").field("rows", &comparisons).finish());
    if let Some(out) = args.out.as_ref().filter(|_| !args.force) {
        table::check_making(out, "metrics", Some(&fingerprints.0))?;
        if args.against.is_some() {
            table::check_making(out, "comparisons", Some(&fingerprints.1))?;
        }
    }
    let mut stdout = BufWriter::new(io::stdout().lock());
    if args.format == Shown::Json {
        stdout.write_all(present::json(&evaluation.metrics, &comparisons)?.as_bytes())?;
    } else {
        stdout.write_all(present::table(&evaluation.metrics, args.per_relation).as_bytes())?;
        if !comparisons.is_empty() {
            write!(stdout, "\n{}", present::comparison_table(&comparisons))?;
        }
    }
    stdout.flush()?;
    if let Some(out) = &args.out {
        table::clear_leftovers(out, table::Ours::TABLES);
        table::write(out, &fingerprints.0, evaluation.metrics)?;
        if args.against.is_some() {
            table::write(out, &fingerprints.1, comparisons)?;
        }
    }
    Ok(Outcome::Done)
}
