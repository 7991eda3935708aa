//! `docre evaluate`: facts and predictions → figures.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use docre::decide::Decision;
use docre::graph;
use docre::ground::{choice, folder_name, interrupt};
use docre::metrics::{self, Comparison, Evaluation, Metric, Notes, Options, Request, Scored, ScoresRequest, present};
use docre::table::rows::{PrecisionRecallRow, ReliabilityRow};
use docre::table::{self, Row, TableError};
use serde::Serialize;

use super::pipe::{self, Scratch};
use super::{Messages, Outcome, SplitArgs, Usage, checked, no_stdin, no_stream, one_of, output, whole};

/// Score predicted relations, or scores, against a split's facts.
#[derive(Args)]
#[command(
    allow_negative_numbers = true,
    after_help = include_str!("help/evaluate.txt").trim_end()
)]
pub struct EvaluateArgs {
    #[command(flatten)]
    split: SplitArgs,
    /// The predictions: a folder with the table `relations`, a Parquet file of it, or a submission in DocRED's JSON, or `-`:
    /// such a submission, such a file or an Arrow stream of the table on stdin; given several times, several runs.
    #[arg(long, value_name = "PATH", required_unless_present = "scores")]
    relations: Vec<PathBuf>,
    /// The scores, for figures over all thresholds and of probabilities: a folder with the table `scores`, or a Parquet
    /// file of it; given several times, runs over the same documents, which are joined.
    #[arg(long, value_name = "PATH", value_parser = no_stdin)]
    scores: Vec<PathBuf>,
    /// A decision in JSON: what its calibration makes of scores are their probabilities.
    #[arg(long, value_name = "FILE", requires = "scores", value_parser = no_stdin)]
    decision: Option<PathBuf>,
    /// Facts seen in training, for IgnF1: the folder of a split, or a .fact file.
    #[arg(long, value_name = "PATH", requires = "relations", value_parser = no_stdin)]
    train_facts: Option<PathBuf>,
    /// Other predictions, to compare with by a paired bootstrap test; given several times, several runs, the mean of which
    /// is compared.
    #[arg(long, value_name = "PATH", requires = "relations")]
    against: Vec<PathBuf>,
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
    /// Also write the tables `metrics`, `comparisons` with --against, and with --scores `precision_recall` and
    /// `reliability`, into this folder.
    #[arg(long, value_name = "DIR", value_parser = no_stream)]
    out: Option<PathBuf>,
    /// Replace tables there that hold other figures.
    #[arg(long)]
    force: bool,
}

impl EvaluateArgs {
    /// Whether nothing is written but to stdout: what comes on stdin is set down.
    pub fn only_reads(&self) -> bool {
        self.out.is_none() && !self.relations.iter().chain(&self.against).any(|path| pipe::is(path))
    }
}

/// How figures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Table,
    Json,
}

choice!(Shown, "output format", { Table => "table", Json => "json" });

/// What was found.
struct Found {
    metrics: Vec<Metric>,
    comparisons: Vec<Comparison>,
    scored: Option<Scored>,
    warnings: Vec<String>,
}

/// Evaluates.
pub fn run(args: &EvaluateArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let options = Options { run_id: args.run_id.clone(), resamples: args.resamples, seed: args.seed };
    let options = checked(options)?;
    if !args.against.is_empty() && args.resamples == 0 {
        bail!(Usage("`--against`: expected resamples to test with, got `--resamples 0`".to_owned()));
    }
    let found = evaluated(args, &options, &mut Scratch::default())?;
    for warning in &found.warnings {
        messages.say(&format!("warning: {warning}"));
    }
    if let Some(out) = args.out.as_ref().filter(|_| !args.force) {
        found.check(args, out)?;
    }
    let shown = found.shown(args)?;
    // Whoever reads stdout may leave early.
    if let Some(out) = &args.out {
        found.write(args, out)?;
    }
    let mut stdout = BufWriter::new(output::stdout());
    stdout.write_all(shown.as_bytes())?;
    stdout.flush()?;
    Ok(Outcome::Done)
}

fn evaluated(args: &EvaluateArgs, options: &Options, scratch: &mut Scratch) -> anyhow::Result<Found> {
    if args.relations.iter().chain(&args.against).filter(|path| pipe::is(path)).count() > 1 {
        bail!(Usage("`-`: expected it once: stdin can be read once".to_owned()));
    }
    let mut taken =
        |paths: &[PathBuf]| paths.iter().map(|path| from_stdin(path, scratch)).collect::<Result<Vec<_>, _>>();
    let (relations, against) = (taken(&args.relations)?, taken(&args.against)?);
    let mut tables = args.split.folder()?;
    if tables.file_name().is_none() {
        // Its parent is no part of the path.
        tables = tables.canonicalize().unwrap_or(tables);
    }
    let names = if args.split.split.is_some() {
        [Some(&*args.split.corpus), Some(&*tables)]
    } else {
        [tables.parent(), Some(&*tables)]
    };
    let [corpus, split] = names.map(|path| path.map(folder_name).unwrap_or_default());
    let training_facts = args.train_facts.as_deref();
    let usual = Request::new(&tables, &tables).with(options);
    let request = Request { training_facts, corpus: &corpus, split: &split, ..usual };
    let each = |paths: &[PathBuf], run_id| match paths {
        [] => Ok(Vec::new()),
        paths => metrics::evaluate_each(&Request { run_id, ..request.clone() }, paths),
    };
    [&relations, &against].into_iter().try_for_each(|paths| metrics::check_once(paths))?;
    let (ours, theirs) = (each(&relations, request.run_id)?, each(&against, None)?);
    if ours.len() > 1 && args.run_id.is_some() {
        bail!(Usage(format!("`--run-id`: expected one run to name, got {}", ours.len())));
    }
    let scored = (!args.scores.is_empty()).then(|| scored(args, &request)).transpose()?;
    // What is computed does not look up; what is then written is written whole.
    interrupt::check()?;
    let comparisons = metrics::compare(&ours, &theirs)?;
    let warnings = warnings(&ours, &theirs, scored.as_ref());
    let mut rows: Vec<Metric> = ours.into_iter().flat_map(|run| run.metrics).collect();
    rows.extend(scored.iter().flat_map(|scored| scored.metrics.iter().cloned()));
    metrics::sort(&mut rows);
    Ok(Found { metrics: rows, comparisons, scored, warnings })
}

/// What comes on stdin in the place of `-`, set down: a stream of Arrow as a table, whatever else as a file.
fn from_stdin(path: &Path, scratch: &mut Scratch) -> anyhow::Result<PathBuf> {
    if !pipe::is(path) {
        return Ok(path.to_path_buf());
    }
    let file = scratch.spooled()?;
    let mut start = [0; 4];
    let is_read = File::open(&file).and_then(|mut file| file.read_exact(&mut start)).is_ok();
    match start {
        // Each message of a stream begins so; of JSON nothing does.
        [0xff, 0xff, 0xff, 0xff] if is_read => {
            let folder = scratch.folder("predictions")?;
            graph::set_down(BufReader::new(File::open(&file)?), &folder)?;
            Ok(folder)
        }
        [b'P', b'A', b'R', b'1'] if is_read => {
            let table = file.with_extension("parquet");
            fs::rename(&file, &table)?;
            Ok(table)
        }
        _ => Ok(file),
    }
}

fn scored(args: &EvaluateArgs, request: &Request<'_>) -> anyhow::Result<Scored> {
    let decision = args.decision.as_deref().map(Decision::read).transpose()?.unwrap_or_default();
    let Request { tables, corpus, split, run_id, resamples, seed, .. } = *request;
    let scores = &args.scores;
    let request = ScoresRequest { tables, scores, decision: &decision, corpus, split, run_id, resamples, seed };
    Ok(metrics::evaluate_scores(&request)?)
}

/// What is odd about either side, and about scores; of several runs each says of which it is.
fn warnings(ours: &[Evaluation], theirs: &[Evaluation], scored: Option<&Scored>) -> Vec<String> {
    let mut told = Vec::new();
    for (place, (side, run)) in
        ours.iter().map(|run| ("", run)).chain(theirs.iter().map(|run| ("`--against`: ", run))).enumerate()
    {
        // Documents without labels are the split's, and told once.
        let unlabelled_documents = if place == 0 { run.notes.unlabelled_documents } else { 0 };
        let several = if side.is_empty() { ours.len() > 1 } else { theirs.len() > 1 };
        let of = if several { format!("run `{}`: ", run.name()) } else { String::new() };
        let notes = Notes { unlabelled_documents, ..run.notes };
        told.extend(notes.warnings().into_iter().map(|warning| format!("{side}{of}{warning}")));
    }
    let new: Vec<String> =
        scored.iter().flat_map(|scored| scored.warnings()).filter(|warning| !told.contains(warning)).collect();
    told.extend(new);
    told
}

impl Found {
    fn shown(&self, args: &EvaluateArgs) -> anyhow::Result<String> {
        let Self { metrics, comparisons, scored, .. } = self;
        if args.format == Shown::Json {
            let of_scores = scored.as_ref().map(|scored| (&*scored.curve, &*scored.reliability));
            return Ok(present::json(present::Rows { metrics, comparisons, of_scores })?);
        }
        let curve = scored.as_ref().map_or(&[][..], |scored| &scored.curve);
        let mut text = present::table(metrics, curve, args.per_relation);
        if !comparisons.is_empty() {
            text = format!("{text}\n{}", present::comparison_table(comparisons));
        }
        Ok(text)
    }

    /// The tables that stand beside figures that are not these, made anew now or not.
    fn outdated(&self, out: &Path) -> anyhow::Result<Vec<&'static str>> {
        let made = table::fingerprint(out, &Metric::schema().name)?;
        let is_these = made.as_ref() == Some(&metrics::fingerprint(&self.metrics));
        Ok(if is_these { Vec::new() } else { beside().to_vec() })
    }

    /// The tables that are made.
    fn made(&self, args: &EvaluateArgs) -> Vec<&'static str> {
        let [compared, of_scores @ ..] = beside();
        let compared = (!args.against.is_empty()).then_some(compared);
        let of_scores = of_scores.into_iter().filter(|_| self.scored.is_some());
        [&*Metric::schema().name].into_iter().chain(compared).chain(of_scores).collect()
    }

    /// Refuses tables there that hold other figures.
    fn check(&self, args: &EvaluateArgs, out: &Path) -> anyhow::Result<()> {
        check(out, &self.metrics)?;
        let (made, outdated) = (self.made(args), self.outdated(out)?);
        let gone: Vec<&str> = outdated.into_iter().filter(|name| !made.contains(name)).collect();
        table::check_outdated(out, &gone, false)?;
        if !args.against.is_empty() {
            check(out, &self.comparisons)?;
        }
        if let Some(scored) = &self.scored {
            check(out, &scored.curve)?;
            check(out, &scored.reliability)?;
        }
        Ok(())
    }

    /// Writes the tables. None of other figures is beside the first of them, whatever comes in between.
    fn write(self, args: &EvaluateArgs, out: &Path) -> anyhow::Result<()> {
        table::clear_leftovers(out, table::Ours::TABLES);
        let outdated = self.outdated(out)?;
        table::check_outdated(out, &[self.made(args), outdated.clone()].concat(), true)?;
        table::remove_outdated(out, &outdated)?;
        write(out, self.metrics)?;
        if !args.against.is_empty() {
            write(out, self.comparisons)?;
        }
        if let Some(scored) = self.scored {
            write(out, scored.curve)?;
            write(out, scored.reliability)?;
        }
        Ok(())
    }
}

/// The tables that may stand beside `metrics`: that of comparisons, and those of scores.
fn beside() -> [&'static str; 3] {
    [Comparison::schema(), PrecisionRecallRow::schema(), ReliabilityRow::schema()].map(|schema| &*schema.name)
}

fn check<R: Row + Serialize>(out: &Path, rows: &[R]) -> Result<(), TableError> {
    table::check_making(out, &R::schema().name, Some(&metrics::fingerprint(rows)))
}

fn write<R: Row + Serialize>(out: &Path, rows: Vec<R>) -> Result<(), TableError> {
    table::write(out, &metrics::fingerprint(&rows), rows)
}
